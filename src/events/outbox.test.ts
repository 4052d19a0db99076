import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, expect, test } from 'vitest'
import type { Database } from '../storage/database.ts'
import { migrate } from '../storage/migrations.ts'
import { openTestDatabase } from '../storage/testing/test-database.ts'
import { type EventFacts, eventMigrations, openEvents } from './index.ts'

const NOON_MS = Date.UTC(2026, 0, 31, 12)
const DAY_MS = 86_400_000

const ending: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (let end = ending.pop(); end; end = ending.pop()) await end()
})

async function openDatabase(): Promise<Database<unknown>> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'sluice-events-'))
  const db = await openTestDatabase<unknown>(path.join(folder, 'events.db'))
  ending.push(() => rmSync(folder, { recursive: true, force: true }))
  ending.push(() => db.close())
  await migrate(db, eventMigrations, NOON_MS)
  return db
}

function eventOf(subject: string, more: Partial<EventFacts> = {}): EventFacts {
  const type = 'Microsoft.KeyVault.SecretNewVersionCreated'
  return { topic: '/v/1', type, subject, timeMs: NOON_MS, data: { ObjectName: subject }, ...more }
}

test('events are read in the order in which they were recorded, from a cursor on', async () => {
  const db = await openDatabase()
  const events = openEvents(db)
  for (const subject of ['a', 'b', 'c']) {
    await db.write((tx) => events.record(tx, eventOf(subject)))
  }
  const [first, second] = await events.listAfter(0, 2)
  expect([first, second]).toMatchObject([
    eventOf('a'),
    { ...eventOf('b'), id: expect.stringMatching(/^[0-9a-f-]{36}$/) },
  ])
  const rest = await events.listAfter(second?.sequence ?? 0, 10)
  expect(rest.map(({ subject }) => subject)).toEqual(['c'])
})

test('the newest come first, of one vault or of all', async () => {
  const db = await openDatabase()
  const events = openEvents(db)
  await db.write((tx) => events.record(tx, eventOf('a')))
  await db.write((tx) => events.record(tx, eventOf('b', { topic: '/v/2' })))
  await db.write((tx) => events.record(tx, eventOf('c')))
  const subjects = async (topic?: string) =>
    (await events.listNewest({ topic, limit: 2 })).map(({ subject }) => subject)
  expect(await subjects()).toEqual(['c', 'b'])
  expect(await subjects('/v/1')).toEqual(['c', 'a'])
})

test('a write that fails leaves no event', async () => {
  const db = await openDatabase()
  const events = openEvents(db)
  const failed = db.write(async (tx) => {
    await events.record(tx, eventOf('a'))
    throw new Error('The change was refused.')
  })
  const kept = db.write((tx) => events.record(tx, eventOf('b')))
  await expect(failed).rejects.toThrow('The change was refused.')
  await kept
  expect((await events.listAfter(0, 10)).map(({ subject }) => subject)).toEqual(['b'])
})

test('events are dropped after a day, and their numbers do not come again', async () => {
  const db = await openDatabase()
  const events = openEvents(db)
  for (const subject of ['old', 'older']) {
    await db.write((tx) => events.record(tx, eventOf(subject)))
  }
  expect(await events.sweep(NOON_MS + DAY_MS)).toBe(0)
  await db.write((tx) => events.record(tx, eventOf('new', { timeMs: NOON_MS + 1 })))
  expect(await events.sweep(NOON_MS + DAY_MS + 1)).toBe(2)
  expect(await events.sweep(NOON_MS + 9 * DAY_MS)).toBe(0)
  expect(await events.listAfter(0, 10)).toMatchObject([{ subject: 'new', sequence: 3 }])
})

test('of too many events the oldest are dropped', async () => {
  const db = await openDatabase()
  const events = openEvents(db, { keptRows: 5 })
  await db.write(async (tx) => {
    for (let n = 0; n < 2500; n++) await events.record(tx, eventOf(`s${n}`))
  })
  expect(await events.sweep(NOON_MS)).toBe(2495)
  const left = await events.listAfter(0, 10)
  expect(left.map(({ subject }) => subject)).toEqual(['s2495', 's2496', 's2497', 's2498', 's2499'])
})
