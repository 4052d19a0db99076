import { Agent, request as httpsRequest } from 'node:https'
import { Fault } from '../base/fault.ts'
import type { Transport } from '../client/index.ts'

/**
 * Requests to any host of ours, straight to the listener on 127.0.0.1: no name is resolved, the
 * server's certificate is verified against the local CA for the host that was asked for.
 */
export function localTransport(port: number, ca: string): Transport {
  const agent = new Agent({ keepAlive: true, ca, minVersion: 'TLSv1.2' })
  return ({ method, url, headers, body }) =>
    new Promise((resolve, reject) => {
      const target = new URL(url)
      const sent = httpsRequest(
        {
          agent,
          host: '127.0.0.1',
          port,
          servername: target.hostname,
          method,
          path: target.pathname + target.search,
          headers: { ...headers, host: target.host },
        },
        (reply) => {
          const received: Record<string, string> = {}
          for (const [name, value] of Object.entries(reply.headers)) received[name] = String(value)
          resolve({ status: reply.statusCode ?? 0, headers: received, body: reply })
        },
      )
      sent.on('error', (error: NodeJS.ErrnoException) => reject(toFault(error, port)))
      sent.end(body)
    })
}

function toFault(error: NodeJS.ErrnoException, port: number): Error {
  if (error.code !== 'ECONNREFUSED' && error.code !== 'ECONNRESET') return error
  return new Fault(
    'ServerUnreachable',
    `The server on port ${port} does not answer (${error.code}). Look with: sluice status`,
  )
}
