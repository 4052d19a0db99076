import { createSecretKey } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { manualClock } from '../base/clock.ts'
import { changeDataKeys } from './data-key-change.ts'
import type { Database } from './database.ts'
import { migrate } from './migrations.ts'
import type { SealedColumn } from './sealed-columns.ts'
import { Sealer, sealingMigrations } from './sealing.ts'
import { openTestDatabase } from './testing/test-database.ts'

interface Tables {
  thing: { a: string; b: number; room: string; sealed: Uint8Array | null }
}

const folders: string[] = []
afterAll(() => {
  for (const made of folders) rmSync(made, { recursive: true, force: true })
})

const things = {
  name: 'test-0001-things',
  up: async (query: Parameters<(typeof sealingMigrations)[0]['up']>[0]) => {
    await query.schema
      .createTable('thing')
      .addColumn('a', 'text')
      .addColumn('b', 'integer')
      .addColumn('room', 'text')
      .addColumn('sealed', 'blob')
      .execute()
  },
}
const columns: readonly SealedColumn[] = [
  {
    table: 'thing',
    column: 'sealed',
    key: ['a', 'b'],
    reads: ['room'],
    scope: { prefix: 'room:', column: 'room' },
    place: ({ a, b }) => `${a}/${b}`,
  },
]

/** A database with `count` values in two scopes, and another process beside it. */
async function filled(count: number) {
  const dataDirectory = mkdtempSync(path.join(os.tmpdir(), 'sluice-data-keys-'))
  folders.push(dataDirectory)
  const clock = manualClock(1_790_000_000_000)
  const rootKey = createSecretKey(Buffer.alloc(32, 7))
  const open = async () => {
    const db = await openTestDatabase<Tables>(path.join(dataDirectory, 'things.db'))
    await migrate(db as Database<unknown>, [...sealingMigrations, things], 1)
    return { db, sealer: new Sealer(db as Database<unknown>, rootKey, clock.nowMs) }
  }
  const [ours, theirs] = [await open(), await open()]
  const rooms = ['x', 'y']
  for (const room of rooms) await theirs.sealer.scope(`room:${room}`)
  const rows = await Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const [a, b, room] = [`a${i % 7}`, i, rooms[i % 2] ?? '']
      const scope = await ours.sealer.scope(`room:${room}`)
      return { a, b, room, sealed: scope.seal(`${a}/${b}`, `value ${i}`) }
    }),
  )
  await ours.db.write(async ({ query }) => {
    for (const row of rows) await query.insertInto('thing').values(row).execute()
    await query.insertInto('thing').values({ a: 'z', b: 0, room: 'x', sealed: null }).execute()
  })
  const change = {
    dataDirectory,
    ...ours,
    db: ours.db as Database<unknown>,
    columns,
    nowMs: clock.nowMs,
    wait: async (ms: number) => clock.moveMs(ms),
  }
  const readAll = async ({ db, sealer }: typeof ours) => {
    const all = await db.query
      .selectFrom('thing')
      .selectAll()
      .where('sealed', 'is not', null)
      .execute()
    return Promise.all(
      all.map(async ({ a, b, room, sealed }) =>
        (await sealer.scope(`room:${room}`)).open(`${a}/${b}`, sealed ?? Buffer.alloc(0)).open(),
      ),
    )
  }
  const close = async () => {
    await ours.db.close()
    await theirs.db.close()
  }
  return { ours, theirs, change, readAll, clock, close }
}

test('all values of all scopes are sealed anew, page by page, and open in another process', async () => {
  const { ours, theirs, change, readAll, close } = await filled(450)
  const wait = async (ms: number) => {
    await theirs.sealer.refresh()
    await change.wait(ms)
  }
  const changed = await changeDataKeys({ ...change, wait })
  expect(changed).toEqual({ dataKeys: 2, values: 450, damaged: 0, retired: 2, dropped: 0 })
  expect(new Set(await readAll(ours)).size).toBe(450)
  expect(new Set(await readAll(theirs)).size).toBe(450)
  await close()
})

test('a process that was held up meanwhile fails once, then knows the new key', async () => {
  const { theirs, change, readAll, close } = await filled(1)
  await changeDataKeys(change)
  await expect(readAll(theirs)).rejects.toMatchObject({ code: 'SealBroken' })
  await expect.poll(() => readAll(theirs).catch(() => [])).toEqual(['value 0'])
  await close()
})

test('a value that is written with the old key meanwhile is found', async () => {
  const { ours, theirs, change, readAll, close } = await filled(3)
  const late = (await theirs.sealer.scope('room:x')).seal('late/1', 'late')
  let rounds = 0
  const counted: SealedColumn[] = columns.map((column) => ({
    ...column,
    place: (row) => {
      rounds += 1
      return column.place(row)
    },
  }))
  const wait = async (ms: number) => {
    await change.wait(ms)
    await theirs.db.write(({ query }) =>
      query.insertInto('thing').values({ a: 'late', b: 1, room: 'x', sealed: late }).execute(),
    )
  }
  expect(await changeDataKeys({ ...change, columns: counted, wait })).toMatchObject({ values: 4 })
  expect(rounds).toBe(4)
  expect(await readAll(ours)).toContain('late')
  await close()
})

test('a change that is killed after its keys were made is done again, and nothing is lost', async () => {
  const { ours, theirs, change, readAll, close } = await filled(5)
  const killed = () => Promise.reject(new Error('killed'))
  await expect(changeDataKeys({ ...change, wait: killed })).rejects.toThrow('killed')
  expect(await readAll(ours)).toHaveLength(5)
  expect(await readAll(theirs)).toHaveLength(5)
  // Its keys are retired with the old ones: nothing uses them either.
  expect(await changeDataKeys(change)).toMatchObject({ values: 5, retired: 4 })
  await close()
})

test('only one scope changes when it is asked for, and a value moved elsewhere does not open', async () => {
  const { ours, change, close } = await filled(10)
  const changed = await changeDataKeys({ ...change, scope: 'room:y' })
  expect(changed).toMatchObject({ dataKeys: 1, values: 5, retired: 1 })
  const rows = await ours.db.query
    .selectFrom('thing')
    .selectAll()
    .where('room', '=', 'y')
    .limit(2)
    .execute()
  const [one, two] = rows
  const scope = await ours.sealer.scope('room:y')
  expect(() => scope.open(`${one?.a}/${one?.b}`, two?.sealed ?? Buffer.alloc(0))).toThrow(
    /moved from another place/,
  )
  await close()
})

test('two changes at once: one is done, the other is told so', async () => {
  const { change, close } = await filled(1)
  let second: unknown
  const wait = async (ms: number) => {
    second = await changeDataKeys(change).catch((error: unknown) => error)
    await change.wait(ms)
  }
  await changeDataKeys({ ...change, wait })
  expect(second).toMatchObject({ code: 'DataBusy' })
  await close()
})
