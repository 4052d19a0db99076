import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import net, { type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { http } from '../http/node-http.ts'
import { findService } from './hosts.ts'
import { closeServer, listen } from './listener.ts'
import { isReachedThrough, type Upstream } from './upstream.ts'

export interface ProxyOptions {
  /** 0 takes a free port. */
  readonly port: number
  /** The address to listen on; 127.0.0.1 unless told otherwise. */
  readonly host?: string
  /** Where our TLS listener is, on 127.0.0.1. */
  readonly listenerPort: number
  /** Where our plain HTTP instance metadata endpoint is, on 127.0.0.1; without it that is refused. */
  readonly metadataPort?: number
  /** True: hosts that are not ours are refused, so that nothing leaves the machine. */
  readonly strict?: boolean
  /** The proxy through which other hosts are reached; `findUpstream` reads it from variables. */
  readonly upstream?: Upstream
}

export interface ConnectProxy {
  readonly port: number
  /** Takes no more connections, lets tunnels live on for `graceMs` (1 s), then cuts them. */
  close(graceMs?: number): Promise<void>
}

interface Target {
  readonly host: string
  readonly port: number
  readonly through?: Upstream
}

type Route = Target | { readonly refusal: string }

const METADATA_HOST = '169.254.169.254'
const CONNECT_TIMEOUT_MS = 15_000
/** A tunnel without a byte in either direction for this long is dead. */
const IDLE_TIMEOUT_MS = 15 * 60_000

/** RFC 9110 §7.6.1: they are about one connection and go no further. */
const HOP_HEADERS = ['connection', 'keep-alive', 'proxy-connection', 'proxy-authorization', 'te']

/**
 * The proxy that clients are pointed at. It never decrypts: CONNECT to a host of ours becomes a
 * tunnel to our listener, other hosts pass through or, in strict mode, are refused with 403.
 *
 * @throws Fault `PortTaken`, `PortForbidden`
 */
export async function openProxy(options: ProxyOptions): Promise<ConnectProxy> {
  const tunnels = new Set<Duplex>()
  const server = http.createServer((request, response) => forward(request, response, options))
  server.on('connect', (request, client, head) => {
    tunnels.add(client)
    client.once('close', () => tunnels.delete(client))
    openTunnel(client, head, routeConnect(request.url ?? '', options))
  })
  const port = await listen(server, options.port, options.host ?? '127.0.0.1')
  return {
    port,
    async close(graceMs = 1000) {
      const cut = setTimeout(() => {
        for (const tunnel of tunnels) tunnel.destroy()
      }, graceMs)
      await closeServer(server, graceMs)
      clearTimeout(cut)
    },
  }
}

/** Where `CONNECT host:port` leads. The port of a host of ours does not matter: clients vary it. */
function routeConnect(authority: string, options: ProxyOptions): Route {
  const match = /^\[?([^\s[\]]+?)\]?:(\d{1,5})$/.exec(authority)
  const host = match?.[1]?.toLowerCase()
  const port = Number(match?.[2])
  if (host === undefined || port < 1 || port > 65_535)
    return { refusal: `"${authority}" is no host and port` }
  if (isMetadata(host)) return routeMetadata(port, options)
  if (!isLoopback(host) && findService(authority) !== undefined)
    return { host: '127.0.0.1', port: options.listenerPort }
  return routeElsewhere(host, port, options)
}

function routeMetadata(port: number, { metadataPort }: ProxyOptions): Route {
  if (metadataPort === undefined)
    return {
      refusal: 'no managed identity is served here, and a real one must not be used by mistake',
    }
  if (port !== 80) return { refusal: `${METADATA_HOST} is served on port 80 only` }
  return { host: '127.0.0.1', port: metadataPort }
}

/** The same address can be written as one number, with a final dot, or inside an IPv6 address. */
function isMetadata(host: string): boolean {
  const plain = URL.parse(`http://${host.includes(':') ? `[${host}]` : host}`)?.hostname
  return plain === METADATA_HOST || plain === '[::ffff:a9fe:a9fe]'
}

function routeElsewhere(host: string, port: number, options: ProxyOptions): Route {
  const { strict = false, upstream } = options
  const isLocal = isLoopback(host)
  if (strict && !isLocal)
    return { refusal: `${host} is not served by Sluice, and strict mode lets nothing else pass` }
  const isProxied = upstream !== undefined && !isLocal && isReachedThrough(upstream, host)
  return { host, port, ...(isProxied && { through: upstream }) }
}

/** The machine itself: any of its programs may be meant, so such a target is taken as it is. */
function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}

function openTunnel(client: Duplex, head: Buffer, route: Route): void {
  client.on('error', () => client.destroy())
  if ('refusal' in route) {
    refuseTunnel(client, '403 Forbidden', route.refusal)
    return
  }
  const gone = new AbortController()
  const onClose = () => gone.abort()
  client.once('close', onClose)
  dial(route, gone.signal).then(
    ({ socket, first }) => {
      client.off('close', onClose)
      client.write('HTTP/1.1 200 Connection established\r\n\r\n')
      if (first.length > 0) client.write(first)
      if (head.length > 0) socket.write(head)
      join(client, socket)
    },
    (error: Error) =>
      refuseTunnel(client, '502 Bad Gateway', `${route.host}:${route.port}: ${error.message}`),
  )
}

interface Dialled {
  readonly socket: Socket
  /** What the far side sent already. */
  readonly first: Buffer
}

/** A connection to the target, directly or through the upstream proxy. */
function dial(target: Target, signal: AbortSignal): Promise<Dialled> {
  const { host, port, through } = target
  if (through !== undefined) return dialThrough(through, target, signal)
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host, port, allowHalfOpen: true, signal })
    socket.once('error', reject)
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => socket.destroy(new Error('no connection in time')))
    socket.once('connect', () => {
      socket.off('error', reject)
      socket.removeAllListeners('timeout')
      resolve({ socket, first: Buffer.alloc(0) })
    })
  })
}

function dialThrough(through: Upstream, target: Target, signal: AbortSignal): Promise<Dialled> {
  const host = target.host.includes(':') ? `[${target.host}]` : target.host
  const authority = `${host}:${target.port}`
  return new Promise((resolve, reject) => {
    const request = http.request({
      host: through.host,
      port: through.port,
      method: 'CONNECT',
      path: authority,
      headers: { host: authority, ...credentials(through) },
      timeout: CONNECT_TIMEOUT_MS,
      agent: false,
      signal,
    })
    const refused = (status = 0) =>
      new Error(`the proxy ${through.host}:${through.port} answered ${status}`)
    request.on('connect', (reply, socket, first) => {
      socket.removeAllListeners('timeout')
      if (reply.statusCode === 200) resolve({ socket, first })
      else reject(refused(reply.statusCode))
      if (reply.statusCode !== 200) socket.destroy()
    })
    request.on('response', (reply) => {
      reject(refused(reply.statusCode))
      reply.destroy()
    })
    request.on('timeout', () => request.destroy(new Error('no connection in time')))
    request.on('error', reject)
    request.end()
  })
}

function credentials({ authorization }: Upstream): Record<string, string> {
  return authorization === undefined ? {} : { 'proxy-authorization': authorization.open() }
}

/** Carries bytes both ways until both sides have ended; an error on one ends the other. */
function join(client: Duplex, socket: Socket): void {
  const cut = () => {
    socket.destroy()
    client.destroy()
  }
  socket.on('error', cut)
  socket.setTimeout(IDLE_TIMEOUT_MS, cut)
  socket.setNoDelay(true)
  socket.once('close', () => socket.readableEnded || client.destroy())
  client.once('close', () => socket.destroySoon())
  if (client.destroyed) cut()
  client.pipe(socket)
  socket.pipe(client)
}

/** Most clients show a proxy's status line at best, so the reason is in the body and in a header. */
function refuseTunnel(client: Duplex, status: string, reason: string): void {
  const body = `sluice: the proxy does not connect: ${reason}.\n`
  client.end(
    `HTTP/1.1 ${status}\r\ncontent-type: text/plain; charset=utf-8\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  )
}

/** Plain http in absolute form (`GET http://host/path`); a request without a host is none for us. */
function forward(request: IncomingMessage, response: ServerResponse, options: ProxyOptions): void {
  const url = URL.parse(request.url ?? '')
  if (url?.protocol !== 'http:') {
    refuse(response, 400, 'this is a proxy; set HTTPS_PROXY to it instead of calling it')
    return
  }
  const route = routePlain(url, options)
  if ('refusal' in route) {
    refuse(response, 403, route.refusal)
    return
  }
  const { through } = route
  const headers = { ...withoutHopHeaders(request.headers), host: url.host, connection: 'close' }
  const onward = http.request({
    host: through?.host ?? route.host,
    port: through?.port ?? route.port,
    method: request.method,
    path: through ? url.href : `${url.pathname}${url.search}`,
    headers: { ...headers, ...(through && credentials(through)) },
    timeout: CONNECT_TIMEOUT_MS,
  })
  onward.once('socket', (socket) =>
    socket.once('connect', () => onward.setTimeout(IDLE_TIMEOUT_MS)),
  )
  onward.on('timeout', () => onward.destroy(new Error('no answer in time')))
  onward.on('response', (reply) => {
    response.writeHead(reply.statusCode ?? 502, withoutHopHeaders(reply.headers))
    reply.pipe(response)
    reply.on('error', () => response.destroy())
  })
  onward.on('error', (error) => {
    if (response.headersSent) response.destroy()
    else refuse(response, 502, `${url.host}: ${error.message}`)
  })
  response.on('close', () => onward.destroy())
  request.pipe(onward)
}

function routePlain(url: URL, options: ProxyOptions): Route {
  const port = Number(url.port || 80)
  const host = url.hostname.replaceAll(/[[\]]/g, '')
  if (isMetadata(host)) return routeMetadata(port, options)
  if (!isLoopback(host) && findService(url.host) !== undefined)
    return { refusal: `${host} is served over https only` }
  return routeElsewhere(host, port, options)
}

function withoutHopHeaders(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_HEADERS.includes(name)))
}

function refuse(response: ServerResponse, status: number, reason: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' })
  response.end(`sluice: the proxy does not connect: ${reason}.\n`)
}
