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
  /** Shared by calls that ask alike: never change it. */
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
  /** What the service itself remembers of the call between opening it and answering it. */
  memo?: unknown
  /** The body, unread. */
  readonly stream: Readable
  /** The whole body. @throws Fault `BodyTooLarge` */
  readBytes(limitBytes?: number): Promise<Buffer>
  /** The body as JSON; undefined when it is empty. @throws Fault `JsonWrong` or `BodyTooLarge` */
  readJson(limitBytes?: number): Promise<unknown>
}

/** Bodies larger than this are refused unless an operation reads the stream itself. */
export const BODY_LIMIT_BYTES = 4 * 1024 * 1024

/** What is not read here is discarded, so that a refusal still reaches the sender. */
export function readAll(stream: Readable, limitBytes: number): Promise<Buffer> {
  if (stream.readableEnded) return Promise.resolve(Buffer.alloc(0))
  return new Promise((resolve, reject) => {
    if (stream.destroyed) throw senderGone()
    const chunks: Buffer[] = []
    let sizeBytes = 0
    const onData = (chunk: Buffer) => {
      sizeBytes += chunk.length
      if (sizeBytes <= limitBytes) {
        chunks.push(chunk)
        return
      }
      stream.off('data', onData).resume()
      reject(new Fault('BodyTooLarge', `The request body is larger than ${limitBytes} bytes.`))
    }
    stream.on('data', onData)
    stream.once('end', () =>
      resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)),
    )
    stream.once('error', () => reject(senderGone()))
    stream.once('close', () => {
      if (!stream.readableEnded) reject(senderGone())
    })
  })
}

function senderGone(): Fault<'SenderGone'> {
  return new Fault('SenderGone', 'The sender went away in the middle of a body.')
}

/** True for a body that was cut off: nobody waits for the answer, and it is no defect of ours. */
export function isSenderGone(thrown: unknown): boolean {
  return thrown instanceof Fault && thrown.code === 'SenderGone'
}

export async function readJsonBody(stream: Readable, limitBytes: number): Promise<unknown> {
  const bytes = await readAll(stream, limitBytes)
  return bytes.length === 0 ? undefined : parseJson(bytes.toString('utf8'), 'The body')
}
