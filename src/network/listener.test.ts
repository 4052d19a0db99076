import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import tls from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Sealed } from '../base/sealed.ts'
import { type LocalCa, openCa } from './ca.ts'
import type { FoundService } from './hosts.ts'
import { type LocalClient, openLocalClient } from './https-client.ts'
import { type Listener, openListener } from './listener.ts'

const folder = mkdtempSync(path.join(os.tmpdir(), 'sluice-listener-'))
const never = new AbortController().signal
let ca: LocalCa
let listener: Listener
let client: LocalClient

/** Says what it was asked, so that a test can see what arrived. */
function echo(request: IncomingMessage, response: ServerResponse, service: FoundService): void {
  const parts: Buffer[] = []
  request.on('data', (part) => parts.push(part))
  request.on('end', () => {
    const { method, url, headers, socket } = request
    const body = Buffer.concat(parts).toString()
    response.setHeader('X-Two', ['a', 'b'])
    response.end(JSON.stringify({ method, url, headers, body, service, from: socket.remotePort }))
  })
}

beforeAll(async () => {
  ca = openCa(folder)
  listener = await openListener({ ca, port: 0, onRequest: echo })
  client = openLocalClient({ listenerPort: listener.port, caPem: ca.pem })
})

afterAll(async () => {
  client.close()
  await listener.close(0)
  rmSync(folder, { recursive: true })
})

async function ask(url: string, method = 'GET', body?: string | Sealed) {
  const reply = await client.request(method, url, { 'X-Mine': 'yes' }, body, never)
  return { ...reply, seen: JSON.parse(reply.body.open()) }
}

test.each([
  ['https://kv1.vault.azure.net/secrets/a?api-version=7.4', 'vault', 'kv1'],
  ['https://login.microsoftonline.com/t/oauth2/v2.0/token', 'identity', undefined],
  ['https://dev.azure.com/org', 'devops', undefined],
  ['https://kv1.vault.sluice.localhost:9443/', 'vault', 'kv1'],
  ['https://localhost:9443/health', 'front', undefined],
  ['https://127.0.0.1:9443/health', 'front', undefined],
])('a request to %s is verified and reaches the service %s', async (url, service, label) => {
  const { seen } = await ask(url)
  const { pathname, search, host } = new URL(url)
  expect(seen).toMatchObject({ url: pathname + search, headers: { host, 'x-mine': 'yes' } })
  expect(seen.service).toMatchObject({ service, ...(label && { label }) })
})

test('a body, sealed or not, arrives as it was given', async () => {
  for (const body of ['naïve ☃', new Sealed('naïve ☃')]) {
    const { seen } = await ask('https://kv1.vault.azure.net/', 'PUT', body)
    expect(seen).toMatchObject({ method: 'PUT', body: 'naïve ☃' })
  }
  const { seen } = await ask('https://kv1.vault.azure.net/', 'POST')
  expect(seen.headers['content-length']).toBe('0')
})

test('a reply has lower-case headers and a sealed body', async () => {
  const reply = await ask('https://dev.azure.com/')
  expect(reply).toMatchObject({ status: 200, headers: { 'x-two': 'a, b' } })
  expect(String(reply.body)).toBe('***')
})

test('the connection to a host is used again', async () => {
  const [first, second] = [
    await ask('https://graph.microsoft.com/a'),
    await ask('https://graph.microsoft.com/b'),
  ]
  expect(second.seen.from).toBe(first.seen.from)
})

test('a cancelled request ends at once', async () => {
  const slow = await openListener({ ca, port: 0, onRequest: () => {} })
  const to = openLocalClient({ listenerPort: slow.port, caPem: ca.pem })
  const stop = new AbortController()
  const pending = to.request('GET', 'https://dev.azure.com/', {}, undefined, stop.signal)
  setTimeout(() => stop.abort(), 20)
  await expect(pending).rejects.toMatchObject({ name: 'AbortError' })
  to.close()
  await slow.close(0)
})

test.each(['https://example.com/', 'http://dev.azure.com/', 'nonsense'])(
  'the client refuses %s, which is not served over https',
  async (url) => {
    const asked = client.request('GET', url, {}, undefined, never)
    await expect(asked).rejects.toMatchObject({ code: 'ENOTFOUND' })
  },
)

/** One raw request, so that SNI and Host can be chosen freely. */
async function askRaw(servername: string, host: string) {
  const request = https.request({
    host: '127.0.0.1',
    port: listener.port,
    servername,
    ca: ca.pem,
    headers: { host },
    agent: false,
  })
  request.end()
  const [reply] = (await once(request, 'response')) as [IncomingMessage]
  const body = (await reply.toArray()).join('')
  return { status: reply.statusCode, body }
}

test('a host that is none of ours is answered 421 with its name', async () => {
  const { status, body } = await askRaw('localhost', 'example.com')
  expect(status).toBe(421)
  expect(JSON.parse(body).error).toMatchObject({
    code: 'MisdirectedRequest',
    message: expect.stringContaining('"example.com"'),
  })
})

test('a foreign server name gets no certificate that verifies', async () => {
  await expect(askRaw('example.com', 'example.com')).rejects.toMatchObject({
    code: 'ERR_TLS_CERT_ALTNAME_INVALID',
  })
})

test('many first handshakes for one name at once all get the same leaf', async () => {
  const seen = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const socket = tls.connect({
        host: '127.0.0.1',
        port: listener.port,
        servername: 'busy.vault.azure.net',
        ca: ca.pem,
      })
      await once(socket, 'secureConnect')
      const { fingerprint256 } = socket.getPeerCertificate()
      socket.destroy()
      return fingerprint256
    }),
  )
  expect(new Set(seen).size).toBe(1)
})

test('old TLS versions are refused', async () => {
  const socket = tls.connect({
    host: '127.0.0.1',
    port: listener.port,
    servername: 'dev.azure.com',
    ca: ca.pem,
    maxVersion: 'TLSv1.1',
    minVersion: 'TLSv1',
    ciphers: 'DEFAULT@SECLEVEL=0',
  })
  const [error] = await once(socket, 'error')
  expect(error).toBeInstanceOf(Error)
})

test('a header that is too large is refused with 431', async () => {
  const reply = await client.request(
    'GET',
    'https://dev.azure.com/',
    { 'X-Large': 'x'.repeat(40_000) },
    undefined,
    never,
  )
  expect(reply.status).toBe(431)
})

test('a port that is taken is refused with what to do', async () => {
  const holder = net.createServer().listen(0, '127.0.0.1')
  await once(holder, 'listening')
  const { port } = holder.address() as AddressInfo
  await expect(openListener({ ca, port, onRequest: echo })).rejects.toMatchObject({
    code: 'PortTaken',
    message: expect.stringMatching(new RegExp(`Port ${port} .* choose another port`)),
  })
  holder.close()
})

test('closing lets a running request finish and takes no new one', async () => {
  let release: (() => void) | undefined
  const own = await openListener({
    ca,
    port: 0,
    onRequest: (_request, response) => {
      release = () => response.end('done')
    },
  })
  const to = openLocalClient({ listenerPort: own.port, caPem: ca.pem })
  const pending = to.request('GET', 'https://dev.azure.com/', {}, undefined, never)
  while (release === undefined) await new Promise((resolve) => setTimeout(resolve, 5))
  const closed = own.close(10_000)
  const late = openLocalClient({ listenerPort: own.port, caPem: ca.pem })
  const refused = late.request('GET', 'https://dev.azure.com/', {}, undefined, never)
  await expect(refused).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  release()
  expect((await pending).body.open()).toBe('done')
  to.close()
  await closed
})

test('closing cuts a request that does not end in time', async () => {
  const own = await openListener({ ca, port: 0, onRequest: () => {} })
  const to = openLocalClient({ listenerPort: own.port, caPem: ca.pem })
  const pending = to.request('GET', 'https://dev.azure.com/', {}, undefined, never)
  const refused = expect(pending).rejects.toMatchObject({ code: 'ECONNRESET' })
  await new Promise((resolve) => setTimeout(resolve, 50))
  await own.close(10)
  await refused
  to.close()
})
