import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import { newGuid } from '../base/ids.ts'
import { BODY_LIMIT_BYTES, type Call, readAll, readJsonBody } from './call.ts'

/** Where a request arrived, as the network room saw it. */
export interface Arrival {
  readonly host: string
  readonly label: string | undefined
  readonly suffix: string
}

/** What a request asks for, once the service has corrected it. */
export interface Asked {
  readonly method: string
  readonly path: string
  /** What stood behind the question mark. */
  readonly query: URLSearchParams
}

/** A call as it came over the wire. A class, because one is made for every request. */
export class ArrivedCall implements Call {
  readonly method: string
  readonly path: string
  params: Call['params'] = {}
  readonly headers: IncomingHttpHeaders
  readonly host: string
  readonly origin: string
  readonly label: string | undefined
  readonly suffix: string
  readonly callerAddress: string
  readonly requestId = newGuid()
  readonly receivedAtMs: number
  readonly stream: Readable
  memo: unknown = undefined
  readonly #asked: Asked

  constructor(request: IncomingMessage, asked: Asked, at: Arrival, receivedAtMs: number) {
    this.method = asked.method
    this.path = asked.path
    this.headers = request.headers
    this.host = at.host
    this.origin = `https://${at.host}`
    this.label = at.label
    this.suffix = at.suffix
    this.callerAddress = toIpv4(request.socket.remoteAddress ?? '')
    this.receivedAtMs = receivedAtMs
    this.stream = request
    this.#asked = asked
  }

  get query(): URLSearchParams {
    return this.#asked.query
  }

  readBytes(limitBytes = BODY_LIMIT_BYTES): Promise<Buffer> {
    return readAll(this.stream, limitBytes)
  }

  readJson(limitBytes = BODY_LIMIT_BYTES): Promise<unknown> {
    return readJsonBody(this.stream, limitBytes)
  }
}

/** `::ffff:10.0.0.1` is an IPv4 caller on a dual-stack socket. */
function toIpv4(address: string): string {
  return address.startsWith('::ffff:') ? address.slice(7) : address
}
