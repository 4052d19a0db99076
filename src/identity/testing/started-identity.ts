import { createSecretKey, randomBytes } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import { manualClock } from '../../base/clock.ts'
import { createHandler, type Service } from '../../http/service.ts'
import { migrate } from '../../storage/migrations.ts'
import { Sealer, sealingMigrations } from '../../storage/sealing.ts'
import { openTestDatabase } from '../../storage/testing/test-database.ts'
import type { FetchJson } from '../federated-keys.ts'
import { openIdentity } from '../identity.ts'
import { identityMigrations } from '../migrations.ts'

export const TENANT = '11111111-2222-4333-8444-555555555555'
export const NOON = Date.UTC(2026, 0, 31, 12)

/** An answer as a client sees it. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: a test reads any shape of body.
  readonly body: any
}

/** Sends requests to one service; the host is what the client would have written. */
export type Client = (method: string, path: string, more?: ClientRequest) => Promise<Answer>

export interface ClientRequest {
  readonly headers?: Readonly<Record<string, string>>
  readonly form?: Readonly<Record<string, string>>
  readonly json?: unknown
}

export const LOGIN_HOST = 'login.sluice.localhost:8443'
const GRAPH_HOST = 'graph.sluice.localhost:8443'
export const ATTESTATION_HOST = 'sluice.attest.azure.net'

/** Serves a service over HTTP on a loopback port, as if it were reached as `host`. */
async function serve<Context>(
  service: Service<Context>,
  host: string,
  clock: { nowMs(): number },
): Promise<{ client: Client; server: Server }> {
  const bugs: unknown[] = []
  const handler = createHandler(service, clock, (error) => bugs.push(error))
  const server = createServer((request, response) => {
    handler(request, response, { host, label: undefined, suffix: host })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  const client: Client = async (method, path, more = {}) => {
    const body = more.form
      ? new URLSearchParams(more.form).toString()
      : more.json === undefined
        ? undefined
        : JSON.stringify(more.json)
    const type = more.form ? 'application/x-www-form-urlencoded' : 'application/json'
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      headers: { ...(body !== undefined && { 'content-type': type }), ...more.headers },
      ...(body !== undefined && { body }),
    })
    const text = await answer.text()
    if (answer.status >= 500) throw bugs.at(-1) ?? new Error(text)
    return { status: answer.status, headers: answer.headers, body: text && JSON.parse(text) }
  }
  return { client, server }
}

/** A migrated database in memory, with a sealer. */
async function openMigrated(steps: readonly Parameters<typeof migrate>[1][number][] = []) {
  const db = await openTestDatabase<unknown>(':memory:')
  await migrate(db, [...sealingMigrations, ...identityMigrations, ...steps], NOON)
  const sealer = new Sealer(db, createSecretKey(randomBytes(32)), () => NOON)
  return { db, sealer }
}

/** The token service and the directory behind real HTTP, with one application. */
export async function startIdentity(fetchJson?: FetchJson) {
  const { db, sealer } = await openMigrated()
  const clock = manualClock(NOON)
  const identity = await openIdentity({
    db,
    sealer,
    clock,
    tenantId: TENANT,
    ...(fetchJson && { fetchJson }),
  })
  const app = await identity.directory.createApplication({ displayName: 'deployer' })
  const { secret } = await identity.directory.addPassword(app.objectId)
  const login = await serve(identity.service, LOGIN_HOST, clock)
  const graph = await serve(identity.graph, GRAPH_HOST, clock)
  const attestation = await serve(identity.attestation, ATTESTATION_HOST, clock)
  return {
    identity,
    db,
    clock,
    app,
    secret: secret.open(),
    login: login.client,
    graph: graph.client,
    attestation: attestation.client,
    stop: async () => {
      login.server.close()
      graph.server.close()
      attestation.server.close()
      await db.close()
    },
  }
}
