import { Agent, createServer, type IncomingMessage, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Sealed } from '../../base/sealed.ts'
import type { HttpPort, HttpReply } from '../contract.ts'

/** One version of a secret; enabled unless told. */
export interface StoredSecret {
  readonly value: string
  readonly enabled?: boolean
  /** Seconds since the epoch. */
  readonly exp?: number
  readonly nbf?: number
}

/** A reply; a body that is no text is sent as JSON. */
export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body: unknown
}

/** A request as it came. */
export interface Seen {
  readonly method: string
  /** With the host that the task meant. */
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** A running server, and the task's way to it. */
export interface VaultServer {
  readonly http: HttpPort
  readonly seen: Seen[]
  close(): Promise<void>
}

/** What the vault holds, and how it misbehaves. */
export interface VaultServerOptions {
  readonly secrets?: Readonly<Record<string, StoredSecret>>
  /** Answers before the server's own; undefined lets it answer. `drop` closes the connection. */
  answer?(seen: Seen): Answer | 'drop' | undefined
}

const NOT_FOUND =
  'was not found in this key vault. If you recently deleted this secret you may be able to recover it using the correct recovery command. For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125182'

/** A vault, a token service and a metadata service on one local port, for any host name. */
export async function startVaultServer(options: VaultServerOptions): Promise<VaultServer> {
  const seen: Seen[] = []
  const server = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
    incoming.on('end', () => {
      const asked: Seen = {
        method: incoming.method ?? '',
        url: `${incoming.headers['x-meant-host']}${incoming.url}`,
        headers: incoming.headers,
        body: Buffer.concat(chunks).toString(),
      }
      seen.push(asked)
      const answer = options.answer?.(asked) ?? standardAnswer(asked, options.secrets ?? {})
      if (answer === 'drop') {
        incoming.socket.destroy()
        return
      }
      outgoing.writeHead(answer.status, { 'Content-Type': 'application/json', ...answer.headers })
      outgoing.end(typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const agent = new Agent({ keepAlive: true, maxSockets: 32 })
  const { port } = server.address() as AddressInfo
  return { http: httpOver(port, agent), seen, close: () => close(server, agent) }
}

/** The task's HTTP: every host name leads to the local port. */
function httpOver(port: number, agent: Agent): HttpPort {
  return {
    request: (method, url, headers, body, signal) =>
      new Promise<HttpReply>((resolve, reject) => {
        const { origin, pathname, search } = new URL(url)
        // The path goes out as the task wrote it: `%2F` must stay.
        const outgoing = request(
          {
            host: '127.0.0.1',
            port,
            method,
            path: `${pathname}${search}`,
            headers: { ...headers, 'X-Meant-Host': origin },
            agent,
            signal,
          },
          (incoming) => {
            const chunks: Buffer[] = []
            incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
            incoming.on('end', () => resolve(toReply(incoming, Buffer.concat(chunks))))
            incoming.on('error', reject)
          },
        )
        outgoing.on('error', reject)
        outgoing.end(body instanceof Sealed ? body.open() : body)
      }),
  }
}

function toReply(incoming: IncomingMessage, body: Buffer): HttpReply {
  const headers = Object.entries(incoming.headers).map(([name, value]) => [name, String(value)])
  return {
    status: incoming.statusCode ?? 0,
    headers: Object.fromEntries(headers) as Record<string, string>,
    body: new Sealed(body.toString()),
  }
}

async function close(server: Server, agent: Agent): Promise<void> {
  agent.destroy()
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
}

function standardAnswer({ url }: Seen, secrets: Readonly<Record<string, StoredSecret>>): Answer {
  const { origin, pathname, searchParams } = new URL(url)
  if (pathname.endsWith('/token/') || pathname.endsWith('/token')) {
    return { status: 200, body: { access_token: 'vault-token', token_type: 'Bearer' } }
  }
  if (pathname === '/secrets') return list(origin, searchParams, secrets)
  return read(decodeURIComponent(pathname.slice('/secrets/'.length)), origin, secrets)
}

function list(
  origin: string,
  query: URLSearchParams,
  secrets: Readonly<Record<string, StoredSecret>>,
): Answer {
  const names = Object.keys(secrets)
  const [from, size] = [Number(query.get('$skiptoken') ?? 0), Number(query.get('maxresults'))]
  const value = names.slice(from, from + size).map((name) => {
    const { enabled = true, exp, nbf } = secrets[name] ?? { value: '' }
    return { id: `${origin}/secrets/${name}`, attributes: { enabled, exp, nbf } }
  })
  const next = `${origin}/secrets?api-version=2016-10-01&$skiptoken=${from + size}&maxresults=${size}`
  return { status: 200, body: { value, nextLink: from + size < names.length ? next : null } }
}

function read(
  asked: string,
  origin: string,
  secrets: Readonly<Record<string, StoredSecret>>,
): Answer {
  const [name = '', version = 'v1'] = asked.split('/')
  if (!/^[0-9A-Za-z-]{1,127}$/.test(name)) return refuse(400, 'BadParameter', 'Bad name.')
  const key = Object.keys(secrets).find((one) => one.toLowerCase() === name.toLowerCase())
  const secret = key === undefined ? undefined : secrets[key]
  if (!secret) return refuse(404, 'SecretNotFound', `A secret with (name/id) ${name} ${NOT_FOUND}`)
  if (secret.enabled === false) {
    const message = 'Operation get is not allowed on a disabled secret.'
    return refuse(403, 'Forbidden', message, 'SecretDisabled')
  }
  return { status: 200, body: { value: secret.value, id: `${origin}/secrets/${name}/${version}` } }
}

/** The vault's error envelope. */
export function refuse(status: number, code: string, message: string, inner?: string): Answer {
  const error = { code, message }
  return { status, body: { error: inner ? { ...error, innererror: { code: inner } } : error } }
}
