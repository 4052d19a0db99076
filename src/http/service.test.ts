import { once } from 'node:events'
import { createServer, request as httpRequest } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { afterEach, expect, test } from 'vitest'
import { Fault } from '../base/fault.ts'
import { operation } from './operation.ts'
import { empty, json } from './reply.ts'
import { createHandler, type Service } from './service.ts'

const plain = operation<undefined>()
const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

const operations = [
  plain('Echo', { method: 'PUT', path: '/echo/:name' }, async (call) =>
    json(200, { name: call.params.name, q: call.query.get('q'), body: await call.readJson(100) }),
  ),
  plain('Twice', { method: 'PUT', path: '/twice' }, async (call) =>
    json(200, [String(await call.readBytes()), String(await call.readBytes())]),
  ),
  plain('Refuse', { method: 'PUT', path: '/refuse' }, () => {
    throw new Fault('Refused', 'No.')
  }),
  plain('Bug', { method: 'GET', path: '/bug' }, () => {
    throw new Error('a defect')
  }),
  plain('Nothing', { method: 'DELETE', path: '/nothing' }, () => empty(204)),
  plain('Bytes', { method: 'GET', path: '/bytes' }, () => ({
    status: 200,
    bytes: 'ä',
    headers: { 'content-type': 'text/plain; charset=utf-8' },
  })),
  plain('Stream', { method: 'GET', path: '/stream' }, () => ({
    status: 200,
    stream: Readable.from(['one ', 'two']),
  })),
  plain('Cut', { method: 'GET', path: '/cut' }, () => ({
    status: 200,
    stream: Readable.from(
      (async function* () {
        yield 'begun'
        throw new Error('the disk is gone')
      })(),
    ),
  })),
]

async function serve() {
  const bugs: unknown[] = []
  const service: Service<undefined> = {
    name: 'example',
    operations,
    open: () => undefined,
    toReply: (thrown) =>
      thrown instanceof Fault ? json(400, { code: thrown.code }) : json(500, { code: 'Bug' }),
    notFound: (call) => json(404, { path: call.path }),
    headers: (call) => ({ 'x-common': 'yes', 'x-ms-request-id': call.requestId }),
  }
  const handler = createHandler(service, { nowMs: () => 0 }, (error) => bugs.push(error))
  const at = { host: 'example.test', label: undefined, suffix: 'example.test' }
  const server = createServer((request, response) => handler(request, response, at))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closing.push(() => server.close())
  const { port } = server.address() as AddressInfo
  const send = (method: string, path: string, body?: string) =>
    fetch(`http://127.0.0.1:${port}${path}`, { method, ...(body !== undefined && { body }) })
  return { send, bugs, port }
}

test('an operation sees its parameters, its query and its body; its answer has a length', async () => {
  const { send } = await serve()

  const reply = await send('PUT', '/echo/Name?q=1', '{"a":2}')

  expect(await reply.json()).toEqual({ name: 'Name', q: '1', body: { a: 2 } })
  expect(reply.headers.get('content-length')).toBe('38')
  expect(reply.headers.get('content-type')).toBe('application/json; charset=utf-8')
  expect(reply.headers.get('x-common')).toBe('yes')
})

test.each([
  { method: 'GET', path: '/none', status: 404, answer: '{"path":"/none"}' },
  { method: 'PUT', path: '/refuse', body: 'unread', status: 400, answer: '{"code":"Refused"}' },
  { method: 'PUT', path: '/echo/a', body: 'x'.repeat(101), status: 400, answer: 'BodyTooLarge' },
  { method: 'PUT', path: '/twice', body: 'x', status: 200, answer: '["x",""]' },
  { method: 'DELETE', path: '/nothing', status: 204, answer: '' },
  { method: 'GET', path: '/bytes', status: 200, answer: 'ä' },
  { method: 'GET', path: '/stream', status: 200, answer: 'one two' },
])('$method $path answers $status', async ({ method, path, body, status, answer }) => {
  const { send, bugs } = await serve()

  const reply = await send(method, path, body)

  expect(reply.status).toBe(status)
  expect(await reply.text()).toContain(answer)
  expect(bugs).toEqual([])
})

test('a defect is answered by the service and told to the log', async () => {
  const { send, bugs } = await serve()

  expect((await send('GET', '/bug')).status).toBe(500)
  expect(bugs).toEqual([new Error('a defect')])
})

test('a stream that fails cuts the connection, so that nobody takes the part for the whole', async () => {
  const { send, bugs } = await serve()

  await expect(send('GET', '/cut').then((reply) => reply.text())).rejects.toThrow()
  expect(bugs).toEqual([new Error('the disk is gone')])
})

test('a refusal in the middle of a large body reaches the sender and keeps the connection', async () => {
  const { port } = await serve()
  const request = httpRequest({ port, host: '127.0.0.1', method: 'PUT', path: '/echo/a' })
  const answered = new Promise<[number | undefined, string]>((resolve, reject) => {
    request.once('error', reject)
    request.once('response', (reply) =>
      text(reply).then((body) => resolve([reply.statusCode, body]), reject),
    )
  })
  for (let i = 0; i < 100; i += 1) request.write('x'.repeat(10_000))
  request.end()

  expect(await answered).toEqual([400, '{"code":"BodyTooLarge"}'])
})

test('a sender that goes away in the middle of a body is no defect', async () => {
  const { port, bugs, send } = await serve()
  const head = 'PUT /echo/a HTTP/1.1\r\nhost: x\r\ncontent-length: 50\r\n\r\n'
  const socket = connect(port, '127.0.0.1')
  socket.write(`${head}{"a":`, () => socket.destroy())
  await once(socket, 'close')
  await send('GET', '/none')

  expect(bugs).toEqual([])
})
