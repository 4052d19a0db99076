import type { Readable } from 'node:stream'

export type ReplyHeaders = Readonly<Record<string, string>>

/** What an operation answers. At most one of `body`, `bytes` and `stream` is present. */
export interface Reply {
  readonly status: number
  readonly headers?: ReplyHeaders
  /** Sent as JSON. */
  readonly body?: unknown
  /** Sent as it is; `headers` says its content type. */
  readonly bytes?: string | Uint8Array
  readonly stream?: Readable
}

/** A JSON answer. A promise is not one: await it first. */
export function json<Body>(
  status: number,
  body: Body extends Promise<unknown> ? never : Body,
  headers?: ReplyHeaders,
): Reply {
  return headers ? { status, body, headers } : { status, body }
}

/** An answer without a body. */
export function empty(status: number, headers?: ReplyHeaders): Reply {
  return headers ? { status, headers } : { status }
}
