import type { IncomingHttpHeaders } from 'node:http'
import type { Readable } from 'node:stream'
import { Fault } from '../base/fault.ts'
import { parseJson } from '../base/json.ts'

/** One request as an operation sees it. */
export interface Call<Params = Readonly<Record<string, string | undefined>>> {
  readonly method: string
  /** The path after the service's own rewriting, without the query. */
  readonly path: string
  readonly params: Params
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
  /** The host as the client wrote it, lower case, with its port if it is not 443. */
  readonly host: string
  /** `https://` and the host: what ids and links in an answer begin with. */
  readonly origin: string
  /** The vault's name for a vault host, else undefined. */
  readonly label: string | undefined
  /** What follows the label in the host, with the port: `vault.azure.net`. */
  readonly suffix: string
  readonly callerAddress: string
  /** A GUID, answered as `x-ms-request-id`. */
  readonly requestId: string
  readonly receivedAtMs: number
  /** The body, unread. */
  readonly stream: Readable
  /** The whole body. @throws Fault `BodyTooLarge` */
  readBytes(limitBytes?: number): Promise<Buffer>
  /** The body as JSON; undefined when it is empty. @throws Fault `JsonWrong` or `BodyTooLarge` */
  readJson(limitBytes?: number): Promise<unknown>
}

/** Bodies larger than this are refused unless an operation reads the stream itself. */
export const BODY_LIMIT_BYTES = 4 * 1024 * 1024

export async function readAll(stream: Readable, limitBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let sizeBytes = 0
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length
    if (sizeBytes > limitBytes) {
      throw new Fault('BodyTooLarge', `The request body is larger than ${limitBytes} bytes.`)
    }
    chunks.push(chunk)
  }
  return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)
}

export async function readJsonBody(stream: Readable, limitBytes: number): Promise<unknown> {
  const bytes = await readAll(stream, limitBytes)
  return bytes.length === 0 ? undefined : parseJson(bytes.toString('utf8'), 'The body')
}
