import type { IncomingMessage } from 'node:http'
import https from 'node:https'
import { createSecureContext } from 'node:tls'
import { Sealed } from '../base/sealed.ts'
import { findService } from './hosts.ts'

export interface LocalReply {
  readonly status: number
  /** Lower-case names; repeated headers are joined by a comma. */
  readonly headers: Readonly<Record<string, string>>
  /** Sealed because a reply of a vault is a secret as a whole. */
  readonly body: Sealed
}

export interface LocalClient {
  /**
   * One https request to a host of ours, straight to the listener, without DNS. Redirects are not
   * followed.
   *
   * @throws Error with a Node `code`: `ENOTFOUND` for a host that is none of ours, `ECONNREFUSED`, …
   */
  request(
    method: string,
    url: string,
    headers: Readonly<Record<string, string>>,
    body: Sealed | string | undefined,
    signal: AbortSignal,
  ): Promise<LocalReply>
  /** Ends the connections that are kept for the next request. */
  close(): void
}

/** A client that trusts our authority alone and keeps its connections. */
export function openLocalClient(to: {
  readonly listenerPort: number
  readonly caPem: string
}): LocalClient {
  const secureContext = createSecureContext({ ca: to.caPem })
  const agent = new https.Agent({ keepAlive: true, maxSockets: 64, secureContext })
  return {
    request(method, url, headers, body, signal) {
      const target = URL.parse(url)
      const service = target?.protocol === 'https:' ? findService(target.host) : undefined
      if (target === null || service === undefined)
        return Promise.reject(notServed(target?.host ?? url))
      const bytes = Buffer.from(body instanceof Sealed ? body.open() : (body ?? ''))
      return send(bytes, {
        agent,
        host: '127.0.0.1',
        port: to.listenerPort,
        servername: /^[\d.]+$|^::1$/.test(service.host) ? '' : service.host,
        method,
        path: `${target.pathname}${target.search}`,
        headers: { ...lowerCase(headers), host: target.host, ...lengthOf(method, bytes) },
        signal,
      })
    },
    close: () => agent.destroy(),
  }
}

function send(body: Buffer, options: https.RequestOptions): Promise<LocalReply> {
  return new Promise((resolve, reject) => {
    const request = https.request(options, (reply) => {
      const parts: Buffer[] = []
      reply.on('data', (part: Buffer) => parts.push(part))
      reply.on('error', reject)
      reply.on('end', () => resolve(toReply(reply, Buffer.concat(parts))))
    })
    request.on('error', reject)
    request.end(body)
  })
}

function toReply(reply: IncomingMessage, body: Buffer): LocalReply {
  const headers = Object.entries(reply.headers).map(([name, value]) => [
    name,
    Array.isArray(value) ? value.join(', ') : (value ?? ''),
  ])
  return {
    status: reply.statusCode ?? 0,
    headers: Object.fromEntries(headers),
    body: new Sealed(body.toString('utf8')),
  }
}

/** A method that means a body says so, even when it is empty (RFC 9110 §8.6). */
function lengthOf(method: string, body: Buffer): Record<string, string> {
  const hasBody = body.length > 0 || ['POST', 'PUT', 'PATCH'].includes(method.toUpperCase())
  return hasBody ? { 'content-length': String(body.length) } : {}
}

function lowerCase(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
  )
}

function notServed(host: string): Error {
  return Object.assign(new Error(`"${host}" is not a host that Sluice serves over https.`), {
    code: 'ENOTFOUND',
  })
}
