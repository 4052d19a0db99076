import { createSecretKey } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Generated } from 'kysely'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { type Database, statement } from './database.ts'
import { hasTable, type Migration, migrate } from './migrations.ts'
import { createDocumentTable, documentTable, Mirrors } from './mirror.ts'
import { Sealer, sealingMigrations } from './sealing.ts'
import { type DatabasePlace, startEngines } from './testing/engines.ts'

interface Tables {
  thing: { id: Generated<number>; word: string; size: number; bytes: Uint8Array | null }
  counter: { name: string; value: number }
}

interface Pet {
  readonly id: string
  readonly owner: string
}

const pets = documentTable<Pet>({
  table: 'pet',
  keyColumn: 'id',
  keyOf: (pet) => pet.id,
  columns: (pet) => ({ owner: pet.owner }),
})

const steps: readonly Migration[] = [
  ...sealingMigrations,
  {
    name: 'test-0001-things',
    up: async (query) => {
      await query.schema
        .createTable('thing')
        .addColumn('id', 'integer', (column) => column.primaryKey())
        .addColumn('word', 'text', (column) => column.notNull())
        .addColumn('size', 'integer', (column) => column.notNull().defaultTo(0))
        .execute()
      await query.schema.alterTable('thing').addColumn('bytes', 'blob').execute()
      await query.schema.createIndex('thing_word').on('thing').column('word').unique().execute()
      await query.schema
        .createTable('counter')
        .addColumn('name', 'text', (column) => column.primaryKey())
        .addColumn('value', 'integer', (column) => column.notNull())
        .execute()
      await createDocumentTable(query, 'pet', { key: 'id', columns: ['owner'] })
    },
  },
]

const engines = await startEngines()
afterAll(() => engines.stop())
test('PostgreSQL is there for the storage suite', ({ skip }) => {
  if (engines.missing) skip(engines.missing)
})

const insertThing = statement<Tables, { word: string }>((query, parameter) =>
  query.insertInto('thing').values({ word: parameter('word'), size: 0, bytes: null }),
)
const findThing = statement<Tables, { word: string }, { id: number; size: number }>(
  (query, parameter) =>
    query.selectFrom('thing').select(['id', 'size']).where('word', '=', parameter<string>('word')),
)
const readCounter = statement<Tables, { name: string }, { value: number }>((query, parameter) =>
  query.selectFrom('counter').select('value').where('name', '=', parameter<string>('name')),
)
const writeCounter = statement<Tables, { name: string; value: number }>((query, parameter) =>
  query
    .insertInto('counter')
    .values({ name: parameter('name'), value: parameter('value') })
    .onConflict((conflict) =>
      conflict.column('name').doUpdateSet({ value: parameter<number>('value') }),
    ),
)

describe.each(engines.all)('on $engine', ({ newPlace }) => {
  const opened: Database<never>[] = []
  afterEach(async () => {
    for (const db of opened.splice(0)) await db.close()
  })

  async function openAt(place: DatabasePlace): Promise<Database<Tables>> {
    const db = await place.open<Tables>()
    opened.push(db as Database<never>)
    await migrate(db as Database<unknown>, steps, 1)
    return db
  }
  const openNew = async () => openAt(await newPlace())
  const words = async (db: Database<Tables>) =>
    (await db.query.selectFrom('thing').select('word').orderBy('word').execute()).map(
      ({ word }) => word,
    )

  test('a write that fails leaves nothing, and its neighbours in the same commit are kept', async () => {
    const db = await openNew()
    const results = await Promise.allSettled([
      db.write((tx) => tx.run(insertThing, { word: 'one' })),
      db.write(async (tx) => {
        await tx.run(insertThing, { word: 'two' })
        throw new Error('no')
      }),
      db.write((tx) => tx.run(insertThing, { word: 'three' })),
      db.write((tx) => tx.run(insertThing, { word: 'one' })),
      db.write((tx) => tx.run(insertThing, { word: 'four' })),
    ])
    expect(results.map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'rejected',
      'fulfilled',
    ])
    expect(await words(db)).toEqual(['four', 'one', 'three'])
  })

  test('works run one after the other, each seeing those before it', async () => {
    const db = await openNew()
    const count = () =>
      db.write(async (tx) => {
        const [row] = await tx.all(readCounter, { name: 'n' })
        const value = (row?.value ?? 0) + 1
        await tx.run(writeCounter, { name: 'n', value })
        return value
      })
    const seen = await Promise.all(Array.from({ length: 300 }, count))
    expect(seen).toEqual(Array.from({ length: 300 }, (_, at) => at + 1))
  })

  test('two processes that count together lose nothing', async () => {
    const place = await newPlace()
    const [ours, theirs] = [await openAt(place), await openAt(place)]
    const count = async (db: Database<Tables>) => {
      for (let round = 0; round < 20; round += 1) {
        await Promise.all(
          Array.from({ length: 3 }, () =>
            db.write(async (tx) => {
              const [row] = await tx.all(readCounter, { name: 'n' })
              await tx.run(writeCounter, { name: 'n', value: (row?.value ?? 0) + 1 })
            }),
          ),
        )
      }
    }
    await Promise.all([count(ours), count(theirs)])
    expect(await ours.all(readCounter, { name: 'n' })).toEqual([{ value: 120 }])
  })

  test('a reader does not see what is not committed', async () => {
    const db = await openNew()
    let seen: unknown[] = ['unset']
    await db.write(async (tx) => {
      await tx.run(insertThing, { word: 'one' })
      seen = await db.all(findThing, { word: 'one' })
      expect(await tx.query.selectFrom('thing').select('id').execute()).toHaveLength(1)
    })
    expect(seen).toEqual([])
    expect(await db.all(findThing, { word: 'one' })).toHaveLength(1)
  })

  test('names come in the order of their bytes', async () => {
    const db = await openNew()
    const names = [
      'b',
      'B',
      'a-b',
      'a',
      'ab',
      'A',
      '10',
      '9',
      'a0',
      'é',
      'z',
      '_',
      '-',
      'a b',
      '😀',
    ]
    for (const word of names) await db.write((tx) => tx.run(insertThing, { word }))
    const sorted = names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    expect(await words(db)).toEqual(sorted)
    const after = await db.query
      .selectFrom('thing')
      .select('word')
      .where('word', '>', 'a')
      .orderBy('word')
      .limit(3)
      .execute()
    expect(after.map(({ word }) => word)).toEqual(['a b', 'a-b', 'a0'])
  })

  test('ids grow, large numbers and bytes come back as they were', async () => {
    const db = await openNew()
    const size = Number.MAX_SAFE_INTEGER
    const bytes = Uint8Array.from({ length: 256 }, (_, at) => at)
    const ids = await db.write(async ({ query }) => {
      const made: number[] = []
      for (const word of ['a', 'b']) {
        const row = { word, size, bytes }
        made.push(
          ...(await query.insertInto('thing').values(row).returning('id').execute()).map(
            ({ id }) => id,
          ),
        )
      }
      return made
    })
    expect(ids).toEqual([1, 2])
    const rows = await db.query
      .selectFrom('thing')
      .select(({ fn }) => [
        'size',
        'bytes',
        fn.countAll().over().as('n'),
        fn.sum('id').over().as('s'),
      ])
      .limit(1)
      .execute()
    expect(rows).toMatchObject([{ size, n: 2, s: 3 }])
    expect(Buffer.compare(rows[0]?.bytes ?? Buffer.of(), bytes)).toBe(0)
  })

  test('the number of changed rows is told', async () => {
    const db = await openNew()
    for (const word of ['a', 'b']) await db.write((tx) => tx.run(insertThing, { word }))
    const [changed] = await db.write(({ query }) =>
      query.updateTable('thing').set({ size: 5 }).execute(),
    )
    expect(changed?.numUpdatedRows).toBe(2n)
  })

  test('the steps are taken once, also when two processes begin at once', async () => {
    const place = await newPlace()
    const [a, b] = [await place.open<Tables>(), await place.open<Tables>()]
    opened.push(a as Database<never>, b as Database<never>)
    await Promise.all([migrate(a as never, steps, 1), migrate(b as never, steps, 2)])
    expect(await hasTable(a as never, 'thing')).toBe(true)
    expect(await hasTable(a as never, 'absent')).toBe(false)
    await expect(migrate(b as never, sealingMigrations, 3)).rejects.toMatchObject({
      code: 'DataFromNewerVersion',
    })
  })

  test('the change mark moves for another process, not for our own writes', async () => {
    const place = await newPlace()
    const [ours, theirs] = [await openAt(place), await openAt(place)]
    await settled(() => theirs.changeMark())
    const before = await settled(() => ours.changeMark())
    let told = 0
    ours.onForeignChange?.(() => {
      expect(ours.changeMark()).toBeGreaterThan(before)
      told += 1
    })
    await ours.write((tx) => tx.run(insertThing, { word: 'ours' }))
    expect(await settled(() => ours.changeMark())).toBe(before)
    await theirs.write((tx) => tx.run(insertThing, { word: 'theirs' }))
    await until(() => ours.changeMark() > before)
    expect(ours.changeMark()).toBe(before + 1)
    if (ours.onForeignChange) expect(told).toBe(1)
  })

  test('a mirror sees what another process wrote', async () => {
    const place = await newPlace()
    const [ours, theirs] = [
      new Mirrors((await openAt(place)) as never),
      new Mirrors((await openAt(place)) as never),
    ]
    const [mirror, other] = [await ours.open(pets), await theirs.open(pets)]
    const byOwner = mirror.index((pet) => pet.owner)
    await ours.write((changes) => changes.put(mirror, { id: '1', owner: 'ada' }))
    await theirs.write(async (changes) => {
      expect(await changes.find(other, '1')).toEqual({ id: '1', owner: 'ada' })
      await changes.put(other, { id: '1', owner: 'eve' })
      await changes.put(other, { id: '/1/2', owner: '/1/2' })
      expect(await changes.listBelow(other, 'owner', '/1')).toEqual([{ id: '/1/2', owner: '/1/2' }])
    })
    await until(() => mirror.find('1')?.owner === 'eve')
    expect(byOwner.list('ada')).toEqual([])
    await theirs.write((changes) => changes.remove(other, '1'))
    await until(() => mirror.find('1') === undefined)
    expect(mirror.list()).toEqual(other.list())
  })

  test('who catches up sees at once what another process has committed', async () => {
    const place = await newPlace()
    const [db, other] = [await openAt(place), await openAt(place)]
    const [ours, theirs] = [new Mirrors(db as never), new Mirrors(other as never)]
    const [mirror, far] = [await ours.open(pets), await theirs.open(pets)]
    for (let n = 0; n < 20; n += 1) {
      await theirs.write((changes) => changes.put(far, { id: String(n), owner: 'eve' }))
      await ours.catchUp()
      expect(mirror.find(String(n))).toEqual({ id: String(n), owner: 'eve' })
    }
  })

  test('of many workers in two processes none gets what another has', async () => {
    const place = await newPlace()
    const [ours, theirs] = [await openAt(place), await openAt(place)]
    for (let n = 0; n < 48; n += 1) {
      await ours.write((tx) => tx.run(insertThing, { word: `job-${n}` }))
    }
    const lease = (db: Database<Tables>) =>
      db.write(async ({ query }) => {
        const job = await query
          .selectFrom('thing')
          .select('id')
          .where('size', '=', 0)
          .orderBy('id')
          .limit(1)
          .executeTakeFirst()
        if (job)
          await query.updateTable('thing').set({ size: 1 }).where('id', '=', job.id).execute()
        return job?.id
      })
    const work = async (db: Database<Tables>) => {
      const got: number[] = []
      for (let id = await lease(db); id !== undefined; id = await lease(db)) got.push(id)
      return got
    }
    const got = await Promise.all([ours, theirs, ours, theirs, ours, theirs].map(work))
    expect(got.flat().toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 48 }, (_, n) => n + 1),
    )
  })

  test('sealed values open in another process with the same root key', async () => {
    const place = await newPlace()
    const rootKey = createSecretKey(Buffer.alloc(32, 3))
    const sealerOf = async () => new Sealer((await openAt(place)) as never, rootKey, () => 5)
    const [ours, theirs] = [await sealerOf(), await sealerOf()]
    const [a, b] = await Promise.all([ours.scope('vault:a'), theirs.scope('vault:a')])
    expect(b.open('db/1', a.seal('db/1', 'hunter2')).open()).toBe('hunter2')
  })

  test('after closing nothing is taken any more', async () => {
    const db = await openNew()
    const last = db.write((tx) => tx.run(insertThing, { word: 'last' }))
    await db.close()
    await last
    await expect(db.write(() => undefined)).rejects.toMatchObject({ code: 'DatabaseClosed' })
  })
})

/** The value when it has stopped to move. */
async function settled(read: () => number): Promise<number> {
  for (let value = read(); ; value = read()) {
    await sleep(30)
    if (read() === value) return value
  }
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(2)
}
