import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { createSecureContext, type SecureContext } from 'node:tls'
import { Fault } from '../base/fault.ts'
import type { Leaf, LocalCa } from './ca.ts'
import { codeOf } from './files.ts'
import { type FoundService, findService } from './hosts.ts'

export type PortFaultCode = 'PortTaken' | 'PortForbidden'

export interface ListenerOptions {
  readonly ca: Pick<LocalCa, 'findLeaf'>
  /** 0 takes a free port. */
  readonly port: number
  /** The address to listen on; 127.0.0.1 unless told otherwise. */
  readonly host?: string
  /** Answers the request; `service` is what its Host header means. Must not throw. */
  onRequest(request: IncomingMessage, response: ServerResponse, service: FoundService): void
}

export interface Listener {
  readonly port: number
  /** Takes no more connections, lets running requests end for `graceMs` (5 s), then cuts them. */
  close(graceMs?: number): Promise<void>
}

/** A token in a header is a few KiB; a group overage or a pipeline's many scopes make it larger. */
const MAX_HEADER_BYTES = 32 * 1024
const HEADERS_TIMEOUT_MS = 30_000
/** Generous, because an artifact's upload over a slow line is one request. */
const REQUEST_TIMEOUT_MS = 3_600_000
/** Longer than common clients keep idle connections, so that the client is the one to close. */
const KEEP_ALIVE_MS = 75_000
const KEPT_CONTEXTS = 1000
const KEPT_HOSTS = 1000

/**
 * One TLS listener for all services: the certificate follows the server name of the handshake, the
 * service follows the Host header. A host that is none of ours is answered 421.
 *
 * @throws Fault `PortTaken`, `PortForbidden`
 */
export async function openListener(options: ListenerOptions): Promise<Listener> {
  const contexts = contextsOf(options.ca)
  const fallback = options.ca.findLeaf('localhost')
  const findByHost = rememberServices()
  const server = https.createServer(
    {
      ...(fallback && { cert: fallback.cert, key: fallback.key.open() }),
      SNICallback: (name, done) => done(null, contexts(name)),
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['http/1.1'],
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      noDelay: true,
    },
    (request, response) => {
      const service = findByHost(request.headers.host ?? '')
      if (service === undefined) refuseHost(request, response)
      else options.onRequest(request, response, service)
    },
  )
  const port = await listen(server, options.port, options.host ?? '127.0.0.1')
  return { port, close: (graceMs = 5000) => closeServer(server, graceMs) }
}

/** Clients of one server use few names: each is taken apart once. */
function rememberServices(): (hostHeader: string) => FoundService | undefined {
  const known = new Map<string, FoundService>()
  return (hostHeader) => {
    const held = known.get(hostHeader)
    if (held) return held
    const service = findService(hostHeader)
    if (known.size >= KEPT_HOSTS) known.clear()
    if (service) known.set(hostHeader, service)
    return service
  }
}

/** Contexts are kept with the leaf they were made of; a renewed leaf makes a new one. */
function contextsOf(ca: Pick<LocalCa, 'findLeaf'>): (name: string) => SecureContext | undefined {
  const kept = new Map<string, { leaf: Leaf; context: SecureContext }>()
  return (name) => {
    const leaf = ca.findLeaf(name)
    if (leaf === undefined) return undefined
    const found = kept.get(name)
    if (found?.leaf === leaf) return found.context
    const context = createSecureContext({ cert: leaf.cert, key: leaf.key.open() })
    if (kept.size >= KEPT_CONTEXTS) kept.clear()
    kept.set(name, { leaf, context })
    return context
  }
}

/** RFC 9110 §15.5.20 */
function refuseHost(request: IncomingMessage, response: ServerResponse): void {
  const message =
    `Sluice does not serve the host "${request.headers.host ?? ''}". It serves Azure's names ` +
    `(https://NAME.vault.azure.net, https://dev.azure.com and so on) and those below sluice.localhost.`
  request.resume()
  response.writeHead(421, { 'content-type': 'application/json; charset=utf-8' })
  response.end(JSON.stringify({ error: { code: 'MisdirectedRequest', message } }))
}

/** Resolves with the port. @throws Fault `PortTaken`, `PortForbidden` */
export function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error) => reject(toPortFault(error, port, host))
    server.once('error', onError)
    server.listen(port, host, () => {
      server.off('error', onError)
      resolve((server.address() as AddressInfo).port)
    })
  })
}

function toPortFault(error: Error, port: number, host: string): Error {
  switch (codeOf(error)) {
    case 'EADDRINUSE':
      return new Fault<PortFaultCode>(
        'PortTaken',
        `Port ${port} on ${host} is taken by another program. Stop that program, or choose another port; 0 takes a free one.`,
      )
    case 'EACCES':
      return new Fault<PortFaultCode>(
        'PortForbidden',
        `This user may not listen on port ${port} of ${host}. Choose a port above 1023, or allow low ports to this user.`,
      )
    default:
      return error
  }
}

/** Ends a server: idle connections at once, busy ones when they are done or after `graceMs`. */
export async function closeServer(server: Server, graceMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  server.closeIdleConnections()
  const cut = setTimeout(() => server.closeAllConnections(), graceMs)
  await closed
  clearTimeout(cut)
}
