import { createServer } from 'node:http'
import { createHandler, type Service } from '../../http/service.ts'

/** An answer as a client sees it. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: a test reads any shape of body.
  readonly body: any
}

/** Sends one request; `json` is the body. */
export type Send = (
  method: string,
  path: string,
  more?: { readonly headers?: Readonly<Record<string, string>>; readonly json?: unknown },
) => Promise<Answer>

/** Serves a service over HTTP on a loopback port, as if it were reached as `host`. */
export async function serve<Context>(
  service: Service<Context>,
  host: () => string,
  clock: { nowMs(): number },
): Promise<{ readonly send: Send; close(): void }> {
  const bugs: unknown[] = []
  const handler = createHandler(service, clock, (error) => bugs.push(error))
  const server = createServer((request, response) => {
    handler(request, response, { host: host(), label: undefined, suffix: host() })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  const send: Send = async (method, path, { headers = {}, json } = {}) => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      headers: { 'content-type': 'application/json', ...headers },
      ...(json !== undefined && { body: JSON.stringify(json) }),
    })
    const text = await answer.text()
    if (answer.status >= 500) throw bugs.at(-1) ?? new Error(text)
    return { status: answer.status, headers: answer.headers, body: text && JSON.parse(text) }
  }
  return { send, close: () => server.close() }
}
