/** A bare `node:https` handler that answers every request with the bytes it was given. */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { serveAsPeer } from './processes.ts'

interface Given {
  readonly cert: string
  readonly key: string
  readonly headers: Record<string, string>
  readonly body: string
}

const [file = ''] = process.argv.slice(2)
const given = JSON.parse(readFileSync(file, 'utf8')) as Given
const server = createServer(
  { cert: given.cert, key: given.key, keepAliveTimeout: 75_000 },
  (request, response) => {
    request.resume()
    response.writeHead(200, given.headers)
    response.end(given.body)
  },
)
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo
  void serveAsPeer({ port }, async () => {
    server.closeAllConnections()
    server.close()
  })
})
