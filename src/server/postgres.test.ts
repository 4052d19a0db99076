import { copyFileSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { manualClock } from '../base/clock.ts'
import { findService } from '../network/index.ts'
import { Session } from '../storage/postgres-driver.ts'
import { startPostgres } from '../storage/testing/postgres-cluster.ts'
import { openEstate } from './compose.ts'
import { dispatch } from './handlers.ts'
import { seedAdministrator } from './local.ts'

const CANARY = 'canary-51c7-hunter2'
const AUDIENCES = ['https://management.azure.com', 'https://vault.azure.net']

const cluster = await startPostgres()
afterAll(async () => {
  if (typeof cluster !== 'string') await cluster.stop()
})
test('PostgreSQL is there for the server on it', ({ skip }) => {
  if (typeof cluster === 'string') skip(cluster)
})

const ending: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (let end = ending.pop(); end; end = ending.pop()) await end()
})

function newFolder(): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'sluice-on-postgres-'))
  ending.push(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A server's estate, asked over HTTP as its administrator. */
async function start(folder: string, database?: string) {
  const clock = manualClock(Date.UTC(2026, 0, 31, 12))
  const estate = await openEstate(folder, clock, database === undefined ? {} : { database })
  ending.push(() => estate.close())
  await seedAdministrator(folder, estate)
  const { arm, identity, ids, vault } = estate
  const [management, data] = await Promise.all(
    AUDIENCES.map(async (audience) => {
      const { tenantId, adminObjectId: objectId } = ids
      const asked = { tenantId, objectId, appId: undefined, audience, kind: 'app' as const }
      return (await identity.directory.issueToken(asked)).token.open()
    }),
  )
  const services = { arm: arm.service, vault: vault.service, front: arm.service }
  const answer = dispatch(services, clock, () => undefined)
  const server = createServer((request, response) => {
    const found = findService(String(request.headers['x-for']))
    if (found) answer(request, response, found)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  ending.push(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const ask = async (method: string, host: string, target: string, body?: unknown) => {
    const token = host.startsWith('management') ? management : data
    const reply = await fetch(`http://127.0.0.1:${port}${target}`, {
      method,
      headers: { 'x-for': host, authorization: `Bearer ${token}` },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const text = await reply.text()
    return { status: reply.status, body: text === '' ? undefined : JSON.parse(text) }
  }
  const group = `/subscriptions/${ids.subscriptionId}/resourceGroups/g`
  const properties = {
    tenantId: ids.tenantId,
    sku: { family: 'A', name: 'standard' },
    accessPolicies: [
      { tenantId: ids.tenantId, objectId: ids.adminObjectId, permissions: { secrets: ['all'] } },
    ],
  }
  const manage = (target: string, body: unknown) =>
    ask('PUT', 'management.azure.com', target, { location: 'eastus', ...(body as object) })
  return {
    makeVault: async () => {
      await manage(`${group}?api-version=2022-09-01`, {})
      const id = `${group}/providers/Microsoft.KeyVault/vaults/kv-p`
      return manage(`${id}?api-version=2022-07-01`, { properties })
    },
    secret: (method: string, name: string, value?: string) =>
      ask(
        method,
        'kv-p.vault.azure.net',
        `/secrets/${name}?api-version=7.4`,
        value === undefined ? undefined : { value },
      ),
  }
}

describe.runIf(typeof cluster !== 'string')('a server on PostgreSQL', () => {
  const server = cluster as Exclude<typeof cluster, string>

  test('keeps its tables there, seals values, and finds them after a restart', async () => {
    const folder = newFolder()
    const url = await server.newDatabase()
    const first = await start(folder, url)
    expect((await first.makeVault()).status).toBe(201)
    expect((await first.secret('PUT', 'n', CANARY)).status).toBe(200)
    expect(existsSync(path.join(folder, 'sluice.db'))).toBe(false)
    expect(readdirSync(folder)).toContain('database.json')
    const again = await start(folder)
    expect((await again.secret('GET', 'n')).body.value).toBe(CANARY)

    const session = await Session.open(url, '')
    ending.push(() => session.close())
    const names = 'select tablename from pg_tables where schemaname = current_schema()'
    const { rows } = await session.query(names, [])
    expect(rows.length).toBeGreaterThan(30)
    for (const { tablename } of rows as { tablename: string }[]) {
      const all = await session.query(`select row_to_json(t)::text from ${tablename} t`, [])
      const text = JSON.stringify(all.rows)
      for (const form of ['utf8', 'base64', 'hex'] as const) {
        expect(text).not.toContain(Buffer.from(CANARY).toString(form))
      }
    }
  })

  test('shares them with another server that has the same root key, and with no other', async () => {
    const url = await server.newDatabase()
    const [here, there] = [newFolder(), newFolder()]
    const ours = await start(here, url)
    await ours.makeVault()
    await expect(start(there, url)).rejects.toMatchObject({ code: 'RootKeyWrong' })
    expect(existsSync(path.join(there, 'database.json'))).toBe(false)
    for (const name of ['root.key', 'root-key.json']) {
      copyFileSync(path.join(here, name), path.join(there, name))
    }
    const theirs = await start(there, url)
    expect((await ours.secret('PUT', 'n', 'one')).status).toBe(200)
    expect((await theirs.secret('GET', 'n')).body.value).toBe('one')
    expect((await theirs.secret('PUT', 'n', 'two')).status).toBe(200)
    while ((await ours.secret('GET', 'n')).body.value !== 'two') await sleep(1)
  })

  test('says in words that the database is away, and answers again when it is back', async () => {
    const folder = newFolder()
    const estate = await start(folder, await server.newDatabase())
    await estate.makeVault()
    const back = server.restart()
    let away = await estate.secret('PUT', 'n', 'x')
    for (let tries = 0; away.status === 200 && tries < 100; tries += 1) {
      away = await estate.secret('PUT', 'n', 'x')
    }
    expect(away).toMatchObject({
      status: 503,
      body: { error: { code: 'ServiceUnavailable' } },
    })
    await back
    while ((await estate.secret('PUT', 'n', 'y')).status !== 200) await sleep(5)
    expect((await estate.secret('GET', 'n')).body.value).toBe('y')
  })
})
