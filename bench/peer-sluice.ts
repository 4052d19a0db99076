/** A server of ours with one vault and one secret; tells where it is and a token that may read and write. */
import { mkdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { buffer } from 'node:stream/consumers'
import { localTransport } from '../src/cli/local-transport.ts'
import { readAdmin } from '../src/cli/session.ts'
import { azureHosts, Client } from '../src/client/index.ts'
import { startServer } from '../src/server/index.ts'
import { serveAsPeer } from './processes.ts'

/** What the peer tells when it is ready. */
export interface SluicePeer {
  readonly port: number
  readonly ca: string
  readonly host: string
  readonly token: string
  /** A real reply of the vault, for the bare peer to repeat. */
  readonly headers: Record<string, string>
  readonly body: string
}

const [data = '', writesPerCommit] = process.argv.slice(2)
mkdirSync(data, { recursive: true })
const server = await startServer({
  dataDirectory: data,
  port: 0,
  agents: 0,
  ...(writesPerCommit === undefined ? {} : { writesPerCommit: Number(writesPerCommit) }),
})
const ca = readFileSync(path.join(data, 'ca', 'ca.pem'), 'utf8')
const transport = localTransport(server.port, ca)
const admin = readAdmin(data)
const client = new Client({ ...admin, transport, hosts: azureHosts })
const group = `/subscriptions/${admin.subscriptionId}/resourceGroups/bench`
await client.arm(group, '2024-11-01', { method: 'PUT', body: { location: 'westeurope' } })
const { objectId } = await client.whoAmI()
await client.arm(`${group}/providers/Microsoft.KeyVault/vaults/kv-bench`, '2023-07-01', {
  method: 'PUT',
  body: {
    location: 'westeurope',
    properties: {
      tenantId: admin.tenantId,
      sku: { family: 'A', name: 'standard' },
      enableRbacAuthorization: false,
      accessPolicies: [{ tenantId: admin.tenantId, objectId, permissions: { secrets: ['all'] } }],
    },
  },
})
await client.vault('kv-bench', '/secrets/db', { method: 'PUT', body: { value: 'x'.repeat(64) } })
const token = await client.token('https://vault.azure.net')
const reply = await transport({
  method: 'GET',
  url: 'https://kv-bench.vault.azure.net/secrets/db?api-version=7.4',
  headers: { authorization: `Bearer ${token}` },
})
const body = (await buffer(reply.body)).toString('utf8')
const { connection: _connection, 'keep-alive': _keepAlive, ...headers } = reply.headers
const ready: SluicePeer = {
  port: server.port,
  ca,
  host: 'kv-bench.vault.azure.net',
  token,
  headers,
  body,
}
await serveAsPeer(ready, () => server.close())
process.exit(0)
