import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import http from 'node:http'
import net, { type AddressInfo, type Socket } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import tls from 'node:tls'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type LocalCa, openCa } from './ca.ts'
import { type Listener, openListener } from './listener.ts'
import { type ConnectProxy, openProxy } from './proxy.ts'
import { findUpstream, isReachedThrough } from './upstream.ts'

const run = promisify(execFile)
const folder = mkdtempSync(path.join(os.tmpdir(), 'sluice-proxy-'))
let ca: LocalCa
let listener: Listener
let open: ConnectProxy
let strict: ConnectProxy
let bare: ConnectProxy
/** Stands for the metadata endpoint and, on its other names, for the world outside. */
let plain: http.Server
let plainPort = 0

beforeAll(async () => {
  ca = openCa(folder)
  plain = http.createServer((request, response) => {
    response.end(
      JSON.stringify({ url: request.url, method: request.method, headers: request.headers }),
    )
  })
  plain.listen(0, '127.0.0.1')
  await once(plain, 'listening')
  plainPort = (plain.address() as AddressInfo).port
  listener = await openListener({
    ca,
    port: 0,
    onRequest: (request, response, { service, host }) => {
      if (request.url === '/upload') {
        let bytes = 0
        request.on('data', (part) => {
          bytes += part.length
        })
        request.on('end', () => response.end(String(bytes)))
      } else if (request.url === '/large') response.end(Buffer.alloc(20_000_000, 'x'))
      else response.end(`${service} ${host} ${request.headers['x-forwarded-for'] ?? ''}`)
    },
  })
  const options = { port: 0, listenerPort: listener.port, metadataPort: plainPort }
  open = await openProxy(options)
  strict = await openProxy({ ...options, strict: true })
  bare = await openProxy({ port: 0, listenerPort: listener.port })
})

afterAll(async () => {
  await Promise.all([open.close(0), strict.close(0), bare.close(0), listener.close(0)])
  plain.close()
  rmSync(folder, { recursive: true })
})

/** curl without any proxy variables of its own surroundings; its exit code and what it printed. */
async function curl(proxy: ConnectProxy, ...args: string[]) {
  const fixed = ['-sS', '--max-time', '20', '--noproxy', '', '--cacert', ca.file]
  const proxied = ['--proxy', `http://127.0.0.1:${proxy.port}`]
  const done = run('curl', [...fixed, ...proxied, ...args], { maxBuffer: 1 << 26 })
  const { code = 0, stdout, stderr } = await done.catch((error) => error)
  return { code, stdout, stderr }
}

test.each([
  ['https://kv1.vault.azure.net/', 'vault kv1.vault.azure.net '],
  ['https://login.microsoftonline.com/x', 'identity login.microsoftonline.com '],
  ['https://dev.azure.com:8443/', 'devops dev.azure.com '],
  ['https://kv1.vault.sluice.localhost/', 'vault kv1.vault.sluice.localhost '],
  ['https://sluice.localhost/health', 'front sluice.localhost '],
])('curl reaches %s through the proxy, verified end to end', async (url, said) => {
  for (const proxy of [open, strict])
    expect(await curl(proxy, url)).toEqual({ code: 0, stdout: said, stderr: '' })
})

test('large uploads and downloads pass unharmed', async () => {
  const down = await curl(
    open,
    '-o',
    '/dev/null',
    '-w',
    '%{size_download}',
    'https://dev.azure.com/large',
  )
  expect(down.stdout).toBe('20000000')
  const upload = path.join(folder, 'upload')
  await run('truncate', ['-s', '20000000', upload])
  const up = await curl(open, '-T', upload, 'https://dev.azure.com/upload')
  expect(up.stdout).toBe('20000000')
})

/** Opens a tunnel by hand and gives back the socket and the proxy's answer. */
async function connect(
  proxy: ConnectProxy,
  authority: string,
): Promise<{ socket: Socket; said: string }> {
  const socket = net.connect(proxy.port, '127.0.0.1')
  socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`)
  const [first] = (await once(socket, 'data')) as [Buffer]
  return { socket, said: first.toString() }
}

test('a client of node:tls handshakes with the listener inside the tunnel', async () => {
  const { socket, said } = await connect(open, 'kv1.vault.azure.net:443')
  expect(said).toMatch(/^HTTP\/1\.1 200 /)
  const secure = tls.connect({ socket, servername: 'kv1.vault.azure.net', ca: ca.pem })
  await once(secure, 'secureConnect')
  expect(secure.getPeerCertificate().subject.CN).toBe('kv1.vault.azure.net')
  secure.destroy()
})

test.each([
  'example.com:443',
  'portal.azure.com:443',
  '93.184.216.34:443',
  'a.b.vault.azure.net:443',
])('strict mode refuses %s with 403 and a reason', async (authority) => {
  const { said } = await connect(strict, authority)
  expect(said).toMatch(/^HTTP\/1\.1 403 /)
  expect(said).toContain('strict mode lets nothing else pass')
})

test('other hosts pass through, loopback even in strict mode', async () => {
  for (const proxy of [open, strict]) {
    const { socket, said } = await connect(proxy, `127.0.0.1:${plainPort}`)
    expect(said).toMatch(/^HTTP\/1\.1 200 /)
    socket.write('GET /through HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    expect((await socket.toArray()).join('')).toContain('"/through"')
  }
})

test.each(['nonsense', 'host:0', 'host:70000', ':443'])(
  'a CONNECT to "%s" is refused',
  async (authority) => expect((await connect(open, authority)).said).toMatch(/^HTTP\/1\.1 40[03] /),
)

test('a target that does not answer becomes 502 with the cause', async () => {
  const holder = net.createServer().listen(0, '127.0.0.1')
  await once(holder, 'listening')
  const { port } = holder.address() as AddressInfo
  holder.close()
  const { said } = await connect(open, `127.0.0.1:${port}`)
  expect(said).toMatch(/^HTTP\/1\.1 502 [\s\S]*ECONNREFUSED/)
})

const metadata = 'http://169.254.169.254/metadata/identity/oauth2/token?resource=x'

test('the metadata address leads to our endpoint, as a tunnel and as a plain request', async () => {
  for (const proxy of [open, strict]) {
    const { stdout } = await curl(proxy, '-H', 'Metadata: true', metadata)
    const seen = JSON.parse(stdout)
    expect(seen).toMatchObject({
      url: '/metadata/identity/oauth2/token?resource=x',
      headers: { host: '169.254.169.254', metadata: 'true' },
    })
    expect(Object.keys(seen.headers)).not.toContain('x-forwarded-for')
    expect(Object.keys(seen.headers)).not.toContain('proxy-connection')
    const tunnel = await curl(proxy, '--proxytunnel', '-H', 'Metadata: true', metadata)
    expect(JSON.parse(tunnel.stdout).headers).toMatchObject({ metadata: 'true' })
  }
})

test('without an endpoint of ours the metadata address is refused, never passed on', async () => {
  const { stdout } = await curl(bare, '-w', '%{http_code}', metadata)
  expect(stdout).toMatch(/no managed identity[\s\S]*403$/)
  expect((await connect(bare, '169.254.169.254:80')).said).toMatch(/^HTTP\/1\.1 403 /)
  expect((await connect(open, '169.254.169.254:443')).said).toMatch(/^HTTP\/1\.1 403 /)
})

test.each(['2852039166:80', '0xa9fea9fe:80', '169.254.169.254.:80', '[::ffff:169.254.169.254]:80'])(
  'the metadata address written as %s is refused as well',
  async (authority) => {
    expect((await connect(bare, authority)).said).toMatch(/^HTTP\/1\.1 403 /)
  },
)

test('plain http passes through to other hosts, except in strict mode', async () => {
  const url = `http://127.0.0.1:${plainPort}/page`
  expect(JSON.parse((await curl(open, '-d', 'x=1', url)).stdout)).toMatchObject({
    url: '/page',
    method: 'POST',
    headers: { 'content-length': '3' },
  })
  const refused = await curl(strict, '-w', '%{http_code}', 'http://example.com/')
  expect(refused.stdout).toMatch(/strict mode[\s\S]*403$/)
})

test('plain http to a host of ours is refused, so that no token travels in the open', async () => {
  const { stdout } = await curl(open, '-w', '%{http_code}', 'http://kv1.vault.azure.net/secrets')
  expect(stdout).toMatch(/over https only[\s\S]*403$/)
})

test('a request that was not meant for a proxy is told so', async () => {
  const reply = await fetch(`http://127.0.0.1:${open.port}/health`)
  expect({ status: reply.status, text: await reply.text() }).toEqual({
    status: 400,
    text: expect.stringContaining('this is a proxy'),
  })
})

test('closing the proxy cuts its tunnels and frees its port', async () => {
  const proxy = await openProxy({ port: 0, listenerPort: listener.port })
  const { socket } = await connect(proxy, 'dev.azure.com:443')
  const ended = once(socket, 'close')
  await proxy.close(0)
  await ended
  const again = await openProxy({ port: proxy.port, listenerPort: listener.port })
  await again.close(0)
})

test('a client that goes away takes its tunnel along', async () => {
  const target = net.createServer().listen(0, '127.0.0.1')
  await once(target, 'listening')
  const arrived = once(target, 'connection') as Promise<[Socket]>
  const { socket } = await connect(open, `127.0.0.1:${(target.address() as AddressInfo).port}`)
  const [far] = await arrived
  far.resume()
  const ended = once(far, 'close')
  socket.destroy()
  await ended
  target.close()
})

test('behind a proxy of the machine other hosts go through it, with its credentials', async () => {
  const asked: string[] = []
  const corporate = http.createServer((request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers['proxy-authorization']}`)
    response.end('corporate')
  })
  corporate.on('connect', (request, socket) => {
    asked.push(`CONNECT ${request.url} ${request.headers['proxy-authorization']}`)
    if (request.url === 'denied.example:443') socket.end('HTTP/1.1 407 Who are you\r\n\r\n')
    else socket.end('HTTP/1.1 200 OK\r\n\r\nfar side')
  })
  corporate.listen(0, '127.0.0.1')
  await once(corporate, 'listening')
  const corporatePort = (corporate.address() as AddressInfo).port
  const upstream = findUpstream({ https_proxy: `http://me:p%40ss@127.0.0.1:${corporatePort}` })
  const proxy = await openProxy({
    port: 0,
    listenerPort: listener.port,
    ...(upstream && { upstream }),
  })
  const tunnel = await connect(proxy, 'example.com:443')
  const rest = (await tunnel.socket.toArray()).join('')
  expect(tunnel.said + rest).toBe('HTTP/1.1 200 Connection established\r\n\r\nfar side')
  expect((await connect(proxy, 'denied.example:443')).said).toMatch(/^HTTP\/1\.1 502 .*/)
  expect((await curl(proxy, 'http://example.com/a?b=c')).stdout).toBe('corporate')
  expect((await curl(proxy, 'https://kv1.vault.azure.net/')).stdout).toContain('vault kv1')
  const basic = `Basic ${Buffer.from('me:p@ss').toString('base64')}`
  expect(asked).toEqual([
    `CONNECT example.com:443 ${basic}`,
    `CONNECT denied.example:443 ${basic}`,
    `GET http://example.com/a?b=c ${basic}`,
  ])
  expect(JSON.stringify(upstream)).not.toContain(basic)
  await proxy.close(0)
  corporate.close()
})

test.each([
  [{ HTTPS_PROXY: 'http://p:8080' }, { host: 'p', port: 8080, notFor: [] }],
  [{ HTTP_PROXY: 'p' }, { host: 'p', port: 80, notFor: [] }],
  [
    { https_proxy: 'http://low:1', HTTPS_PROXY: 'http://up:2' },
    { host: 'low', port: 1, notFor: [] },
  ],
  [
    { ALL_PROXY: 'http://[::1]:3', NO_PROXY: 'A.example, .b' },
    { host: '::1', port: 3, notFor: ['a.example', '.b'] },
  ],
  [{ HTTPS_PROXY: 'socks5://p:1' }, undefined],
  [{ HTTPS_PROXY: '' }, undefined],
  [{}, undefined],
])('the proxy of the surroundings %j is %j', (environment, upstream) => {
  expect(findUpstream(environment)).toEqual(upstream)
})

test.each([
  ['www.example.com', true],
  ['a.example', false],
  ['x.a.example', false],
  ['c.b', false],
  ['ab', true],
])('with exceptions for a.example and .b, %s is reached through it: %s', (host, through) => {
  const notFor = ['a.example', '.b']
  expect(isReachedThrough({ host: 'p', port: 1, notFor }, host)).toBe(through)
  expect(isReachedThrough({ host: 'p', port: 1, notFor: ['*'] }, host)).toBe(false)
})
