import type { Readable } from 'node:stream'

export interface TransportRequest {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
}

export interface TransportReply {
  readonly status: number
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Readable
}

/** How requests travel: straight to a local server, or over the network to Azure. */
export type Transport = (request: TransportRequest) => Promise<TransportReply>
