import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { afterEach, expect, test } from 'vitest'
import { manualClock } from '../base/clock.ts'
import { type Database, openSqlite } from '../storage/database.ts'
import { migrate } from '../storage/migrations.ts'
import { openTestDatabase } from '../storage/testing/test-database.ts'
import { type AuditEntry, type Monitor, monitorMigrations, openMonitor } from './index.ts'

const cleanups: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

function folder(): string {
  const made = mkdtempSync(path.join(os.tmpdir(), 'sluice-monitor-'))
  cleanups.push(() => rmSync(made, { recursive: true, force: true }))
  return made
}

interface Opened {
  readonly monitor: Monitor
  readonly db: Database<unknown>
  readonly troubles: unknown[]
}

async function open(
  file: string,
  wrap = (db: Database<unknown>) => db,
  openFile = (name: string) => openTestDatabase<unknown>(name),
): Promise<Opened> {
  const db = await openFile(file)
  await migrate(db, monitorMigrations, 1)
  const troubles: unknown[] = []
  const monitor = openMonitor({
    db: wrap(db),
    clock: manualClock(7),
    onTrouble: (error, waiting, sinceMs) => troubles.push([String(error), waiting, sinceMs]),
  })
  cleanups.push(() => db.close())
  return { monitor, db, troubles }
}

const ID = '/SUBSCRIPTIONS/S/RESOURCEGROUPS/R/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/V1'
function entry(n: number, more: Partial<AuditEntry> = {}): AuditEntry {
  return {
    timeMs: 1000 + n,
    resourceId: ID,
    operationName: 'SecretGet',
    resultType: 'Success',
    resultSignature: 'OK',
    durationMs: 1,
    callerIpAddress: '127.0.0.1',
    requestId: String(n),
    requestUri: `https://v1.vault.azure.net/secrets/S${n}`,
    id: `https://v1.vault.azure.net/secrets/S${n}`,
    httpStatusCode: 200,
    ...more,
  }
}

test('entries come back in order, whole, and their chain holds', async () => {
  const { monitor } = await open(path.join(folder(), 'a.db'))
  const run = { runId: '7', stage: 'Build', job: 'J', step: 'S' }
  const entries = [...Array(1100).keys()].map((n) => entry(n, n === 5 ? { run } : {}))
  for (const one of entries) monitor.record(one)
  expect(monitor.waiting()).toBe(1100)
  await monitor.flush()
  expect(monitor.waiting()).toBe(0)
  const rows = await monitor.query({ limit: 2000 })
  expect(rows.map(({ sequence: _s, hash: _h, ...rest }) => rest).reverse()).toEqual(entries)
  expect(rows.map((row) => row.sequence).reverse()).toEqual(entries.map((_, n) => n + 1))
  expect(await monitor.verifyChain()).toEqual({ ok: true })
})

test('entries are stored without being asked', async () => {
  const { monitor } = await open(path.join(folder(), 'a.db'))
  monitor.record(entry(1))
  while ((await monitor.query({ limit: 1 })).length === 0) await sleep(2)
  expect(monitor.waiting()).toBe(0)
})

test.each([
  [{ object: 'Secrets/s2' }, [2]],
  [{ object: 'secrets/s1' }, [1]],
  [{ operation: 'SecretSet' }, [3]],
  [{ sinceMs: 1002 }, [3, 2]],
  [{ vaultId: ID.toLowerCase(), limit: 2 }, [3, 2]],
  [{ vaultId: `${ID}X` }, []],
  [{ limit: 10 }, [3, 2, 1]],
])('a query by %o finds %o', async (which, found) => {
  const { monitor } = await open(path.join(folder(), 'a.db'))
  monitor.record(entry(1, { id: 'https://v1.vault.azure.net:443/deletedsecrets/S1/recover' }))
  monitor.record(entry(2))
  monitor.record(entry(3, { operationName: 'SecretSet' }))
  await monitor.flush()
  const rows = await monitor.query({ limit: 10, ...which })
  expect(rows.map((row) => Number(row.requestId))).toEqual(found)
})

/** For tests that reach into the file. */
const openFile = (file: string) =>
  open(
    file,
    (db) => db,
    async (name) => openSqlite(name),
  )

const FLIP = `substr(content, 1, 20) || x'ff' || substr(content, 22)`
test.each([
  [
    'a flipped byte in a segment',
    `update audit_segment set content = ${FLIP} where first_sequence = 3`,
    3,
  ],
  ['a changed count', 'update audit_segment set count = 3 where first_sequence = 3', 3],
  ['a changed hash', 'update audit_segment set hash = zeroblob(32) where first_sequence = 5', 5],
  ['a segment taken out', 'delete from audit_segment where first_sequence = 3', 3],
  ['segments cut off the end', 'delete from audit_segment where first_sequence > 2', 3],
  ['everything taken out', 'delete from audit_segment', 1],
  ['a changed end', 'update audit_head set hash = zeroblob(32)', 5],
  ['a lost end', 'delete from audit_head', 1],
  ['an end set back', 'update audit_head set sequence = 4', 3],
  ['a changed index row', `update audit set caller = 'x' where sequence = 4`, 4],
  ['a changed time in the index', 'update audit set time_ms = 5 where sequence = 2', 2],
  ['an index row that leads elsewhere', 'update audit set segment = 1 where sequence = 4', 4],
  ['an index row taken out', 'delete from audit where sequence = 4', 4],
  [
    'an index row put in',
    'insert into audit select 9, 1, vault, object, operation, 200, caller, 9 from audit limit 1',
    6,
  ],
])('the chain shows %s', async (_case, sql, brokenAt) => {
  const file = path.join(folder(), 'a.db')
  const { monitor } = await openFile(file)
  for (let n = 1; n <= 5; n++) {
    monitor.record(entry(n))
    if (n % 2 === 0) await monitor.flush()
  }
  await monitor.flush()
  expect(await monitor.query({ limit: 9 })).toHaveLength(5)
  expect(await monitor.verifyChain()).toEqual({ ok: true })
  const other = new DatabaseSync(file)
  expect(other.prepare(sql).run().changes).toBeGreaterThan(0)
  other.close()
  expect(await monitor.verifyChain()).toEqual({ ok: false, brokenAt })
})

test('a damaged segment hides its own entries only', async () => {
  const file = path.join(folder(), 'a.db')
  const { monitor } = await openFile(file)
  for (let n = 1; n <= 3; n++) {
    monitor.record(entry(n))
    await monitor.flush()
  }
  const other = new DatabaseSync(file)
  other.exec(`update audit_segment set content = ${FLIP} where first_sequence = 2`)
  const sequences = async () => (await monitor.query({ limit: 9 })).map((row) => row.sequence)
  expect(await sequences()).toEqual([3, 1])
  other.exec('delete from audit_segment where first_sequence = 3')
  other.close()
  expect(await sequences()).toEqual([1])
})

test('ten thousand entries are found by their object', async () => {
  const { monitor, db } = await open(path.join(folder(), 'a.db'))
  for (let n = 0; n < 10_000; n++) {
    monitor.record(entry(n, { id: `https://v1.vault.azure.net/secrets/S${n % 100}` }))
  }
  await monitor.flush()
  const count = (table: string) =>
    db.all({ sql: `select count(*) as n from ${table}`, bind: () => [] }, undefined)
  expect(await count('audit')).toEqual([{ n: 0 }])
  const rows = await monitor.query({ vaultId: ID, object: 'secrets/s42', limit: 200 })
  expect(rows.map((row) => row.sequence)).toEqual(
    [...Array(100).keys()].map((n) => 9_943 - 100 * n),
  )
  expect(rows.every((row) => row.id.endsWith('/secrets/S42'))).toBe(true)
  expect(await count('audit')).toEqual([{ n: 10_000 }])
  expect(await monitor.verifyChain()).toEqual({ ok: true })
})

test.each([
  [
    'tells the id',
    { requestUri: 'https://v/secrets/a?api-version=7.4', id: 'https://v/secrets/a' },
  ],
  ['is the id', { requestUri: 'https://v/secrets/a', id: 'https://v/secrets/a' }],
  ['is another', { requestUri: 'https://v/secrets/a/?x=1', id: 'https://v/secrets/a' }],
  ['has breaks in it', { requestUri: 'https://v/a\n\u2028?b', id: 'https://v/a\n\u2028' }],
])('an entry comes back whole when its URI %s', async (_case, more) => {
  const { monitor } = await open(path.join(folder(), 'a.db'))
  monitor.record(entry(1, more))
  monitor.record(entry(2, more))
  await monitor.flush()
  const rows = await monitor.query({ limit: 2 })
  expect(rows.map(({ sequence: _s, hash: _h, ...rest }) => rest)).toEqual([
    entry(2, more),
    entry(1, more),
  ])
})

test('two processes on one database make one chain', async () => {
  const file = path.join(folder(), 'a.db')
  const first = await open(file)
  const second = await open(file)
  const rounds = [...Array(20).keys()]
  for (const n of rounds) {
    first.monitor.record(entry(n))
    second.monitor.record(entry(100 + n))
    await Promise.all([first.monitor.flush(), second.monitor.flush()])
  }
  expect(await first.monitor.query({ limit: 100 })).toHaveLength(40)
  expect(await second.monitor.verifyChain()).toEqual({ ok: true })
})

test('two processes append and ask at once', async () => {
  const file = path.join(folder(), 'a.db')
  const opened = [await open(file), await open(file)]
  const finds = async ({ monitor }: Opened, base: number) => {
    for (let n = 0; n < 20; n++) {
      monitor.record(entry(base + n))
      await monitor.flush()
      const [row] = await monitor.query({ object: `secrets/s${base + n}`, limit: 1 })
      expect(row?.requestId).toBe(String(base + n))
      expect(await monitor.verifyChain()).toEqual({ ok: true })
    }
  }
  await Promise.all(opened.map((one, n) => finds(one, 1000 * n)))
  for (const { monitor } of opened) {
    const rows = await monitor.query({ limit: 100 })
    expect(rows.map((row) => row.sequence)).toEqual([...Array(40).keys()].map((n) => 40 - n))
  }
})

test('a failed write is told, kept and tried again', async () => {
  let failing = true
  const { monitor, troubles } = await open(path.join(folder(), 'a.db'), (db) => ({
    engine: db.engine,
    query: db.query,
    all: (statement, parameters) => db.all(statement, parameters),
    changeMark: () => db.changeMark(),
    close: () => db.close(),
    write: (work) => (failing ? Promise.reject(new Error('disk full')) : db.write(work)),
  }))
  monitor.record(entry(1))
  await expect(monitor.flush()).rejects.toThrow('disk full')
  monitor.record(entry(2))
  expect(troubles).toEqual([['Error: disk full', 1, 7]])
  expect(monitor.waiting()).toBe(2)
  failing = false
  while (monitor.waiting() > 0) await sleep(5)
  expect(await monitor.query({ limit: 9 })).toHaveLength(2)
  failing = true
  monitor.record(entry(3))
  await expect(monitor.close()).rejects.toMatchObject({ code: 'AuditNotStored' })
})

test('close stores what waits, and an entry after it is told, not lost in silence', async () => {
  const { monitor, troubles } = await open(path.join(folder(), 'a.db'))
  monitor.record(entry(1))
  await monitor.close()
  expect(await monitor.query({ limit: 9 })).toHaveLength(1)
  monitor.record(entry(2))
  expect(troubles).toHaveLength(1)
})

test('a process that dies while it writes leaves a chain that holds', async () => {
  const file = path.join(folder(), 'a.db')
  const { monitor } = await openFile(file)
  const source = `
    const { workerData } = require('node:worker_threads')
    Promise.all([import(workerData.storage), import(workerData.monitor)]).then(async ([s, m]) => {
      const db = s.openSqlite(workerData.file)
      const monitor = m.openMonitor({ db, clock: { nowMs: () => 1 } })
      for (;;) { for (let n = 0; n < 50; n++) monitor.record(workerData.entry); await monitor.flush() }
    })`
  const worker = new Worker(source, {
    eval: true,
    workerData: {
      file,
      entry: entry(1),
      storage: new URL('../storage/database.ts', import.meta.url).href,
      monitor: new URL('./index.ts', import.meta.url).href,
    },
  })
  while ((await monitor.query({ limit: 200 })).length < 200) await sleep(5)
  await worker.terminate()
  expect(await monitor.verifyChain()).toEqual({ ok: true })
  monitor.record(entry(2))
  await monitor.flush()
  expect(await monitor.verifyChain()).toEqual({ ok: true })
})
