import type { ServerResponse } from 'node:http'
import { pipeline } from 'node:stream'
import type { Reply, ReplyHeaders } from './reply.ts'

/**
 * Writes an answer: head and body in one piece, streams as they come. `onCut` is told when a stream
 * failed after its head was sent; the connection is closed then, so that nobody takes it for whole.
 */
export function send(
  response: ServerResponse,
  answer: Reply,
  common: ReplyHeaders,
  onCut: (error: unknown) => void,
): void {
  const bytes = answer.body === undefined ? answer.bytes : JSON.stringify(answer.body)
  const head = headOf(answer, common)
  if (answer.stream) {
    response.writeHead(answer.status, head)
    pipeline(answer.stream, response, (error) => {
      // The receiver may go away at any time.
      if (error && error.code !== 'ERR_STREAM_PREMATURE_CLOSE') onCut(error)
    })
    return
  }
  const sizeBytes = bytes === undefined ? 0 : Buffer.byteLength(bytes)
  // RFC 9110 §8.6: an answer that has no content has no length either.
  const hasContent = answer.status !== 204 && answer.status !== 304
  if (hasContent && answer.headers?.['content-length'] === undefined) {
    head.push('content-length', String(sizeBytes))
  }
  response.writeHead(answer.status, head)
  // ASCII is the same in both, and node writes Latin-1 as it lies in memory: 1.5 us less an answer.
  const isAscii = typeof bytes === 'string' && bytes.length === sizeBytes
  if (isAscii) response.end(bytes, 'latin1')
  else response.end(bytes)
}

/** Names and values in turn, as `writeHead` takes them: no object is built and read again. */
function headOf({ body, headers }: Reply, common: ReplyHeaders): string[] {
  const own = headers ?? {}
  const head: string[] = []
  for (const name in common) {
    const value = common[name]
    if (value !== undefined && own[name] === undefined) head.push(name, value)
  }
  if (body !== undefined && own['content-type'] === undefined) {
    head.push('content-type', 'application/json; charset=utf-8')
  }
  for (const name in own) {
    const value = own[name]
    if (value !== undefined) head.push(name, value)
  }
  return head
}
