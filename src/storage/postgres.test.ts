import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Generated } from 'kysely'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { type Database, statement } from './database.ts'
import { migrate } from './migrations.ts'
import { openPostgres } from './postgres.ts'
import { Session } from './postgres-driver.ts'
import { startPostgres } from './testing/postgres-cluster.ts'

interface Tables {
  thing: { id: Generated<number>; word: string }
}

const things = {
  name: 'test-0001-things',
  up: async (query: Database<unknown>['query']) => {
    await query.schema
      .createTable('thing')
      .addColumn('id', 'integer', (column) => column.primaryKey())
      .addColumn('word', 'text', (column) => column.notNull())
      .execute()
  },
}

const insertThing = statement<Tables, { word: string }>((query, parameter) =>
  query.insertInto('thing').values({ word: parameter('word') }),
)
const listThings = statement<Tables, object, { word: string }>((query) =>
  query.selectFrom('thing').select('word').orderBy('id'),
)

const cluster = await startPostgres()
afterAll(async () => {
  if (typeof cluster !== 'string') await cluster.stop()
})
test('PostgreSQL is there for its own suite', ({ skip }) => {
  if (typeof cluster === 'string') skip(cluster)
})

describe.runIf(typeof cluster !== 'string')('PostgreSQL', () => {
  const server = cluster as Exclude<typeof cluster, string>
  const ending: (() => Promise<unknown>)[] = []
  afterEach(async () => {
    for (let end = ending.pop(); end; end = ending.pop()) await end()
  })

  async function openNew(options = {}, url?: string) {
    const place = url ?? (await server.newDatabase())
    const db = await openPostgres<Tables>(place, options)
    ending.push(() => db.close())
    await migrate(db as Database<unknown>, [things], 1)
    const admin = await Session.open(server.url, '')
    ending.push(() => admin.close())
    return { db, admin, url: place }
  }

  /** Ends all sessions whose last statement is like this. */
  const kill = (admin: Session, like: string) =>
    admin.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
        where application_name = 'sluice' and pid <> pg_backend_pid() and query like $1`,
      [like],
    )

  test('sessions that were ended come back by themselves, and no acknowledged write is lost', async () => {
    const { db, admin } = await openNew()
    const acknowledged: string[] = []
    let writing = true
    const write = async (worker: number) => {
      for (let n = 0; writing; n += 1) {
        const word = `${worker}-${n}`
        await db
          .write((tx) => tx.run(insertThing, { word }))
          .then(() => acknowledged.push(word))
          .catch((error) => expect(error).toMatchObject({ code: 'DatabaseGone' }))
        await sleep(1)
      }
    }
    const read = async () => {
      while (writing) {
        await db.all(listThings, {}).catch((e) => expect(e).toMatchObject({ code: 'DatabaseGone' }))
        await sleep(1)
      }
    }
    const all = Promise.all([write(1), write(2), write(3), read()])
    for (let round = 0; round < 5; round += 1) {
      await sleep(60)
      await kill(admin, '%')
    }
    await sleep(200)
    writing = false
    await all
    const kept = new Set((await db.all(listThings, {})).map(({ word }) => word))
    expect(acknowledged.length).toBeGreaterThan(10)
    expect(acknowledged.filter((word) => !kept.has(word))).toEqual([])
  })

  test('a server that was started again is used again, and caches are told to look again', async () => {
    const { db } = await openNew()
    await db.write((tx) => tx.run(insertThing, { word: 'before' }))
    const mark = db.changeMark()
    await server.restart()
    const ends = await Promise.allSettled([
      db.write((tx) => tx.run(insertThing, { word: 'during' })),
    ])
    await until(() => db.write((tx) => tx.run(insertThing, { word: 'after' })))
    const words = (await db.all(listThings, {})).map(({ word }) => word)
    expect(words).toContain('after')
    expect(words.includes('during')).toBe(ends[0]?.status === 'fulfilled')
    expect(db.changeMark()).toBeGreaterThan(mark)
  })

  test('what was committed while nobody listened is told afterwards', async () => {
    const { db, admin, url } = await openNew()
    const { db: theirs } = await openNew({}, url)
    const mark = db.changeMark()
    let told = 0
    db.onForeignChange?.(() => {
      told += 1
    })
    await kill(admin, '%last_value from sluice_commit')
    await theirs.write((tx) => tx.run(insertThing, { word: 'theirs' }))
    await until(async () => expect(told).toBeGreaterThan(0))
    expect(db.changeMark()).toBeGreaterThan(mark)
    const heard = told
    await until(async () => {
      await theirs.write((tx) => tx.run(insertThing, { word: 'more' }))
      await sleep(20)
      expect(told).toBeGreaterThan(heard + 1)
    })
  })

  test('a commit whose answer is lost is not acknowledged, and not made twice', async () => {
    const place = await server.newDatabase()
    await openNew({}, place)
    const front = await cuttingProxy(place)
    ending.push(front.close)
    const { db } = await openNew({}, front.url)
    let runs = 0
    front.cutNext('; commit')
    const write = db.write((tx) => {
      runs += 1
      return tx.run(insertThing, { word: 'unknown' })
    })
    await expect(write).rejects.toMatchObject({
      code: 'DatabaseGone',
      message: expect.stringContaining('may be kept or not'),
    })
    await until(() => db.write((tx) => tx.run(insertThing, { word: 'next' })))
    expect(runs).toBe(1)
    expect(await db.all(listThings, {})).toEqual([{ word: 'unknown' }, { word: 'next' }])
  })

  test('a connection that breaks inside a group refuses the whole group', async () => {
    const { db, admin } = await openNew()
    const ends = await Promise.allSettled([
      db.write((tx) => tx.run(insertThing, { word: 'one' })),
      db.write(async (tx) => {
        await tx.run(insertThing, { word: 'two' })
        await kill(admin, 'insert%')
        await tx.run(insertThing, { word: 'three' })
      }),
      db.write((tx) => tx.run(insertThing, { word: 'four' })),
    ])
    for (const end of ends) expect(end).toMatchObject({ reason: { code: 'DatabaseGone' } })
    await until(() => db.write((tx) => tx.run(insertThing, { word: 'five' })))
    expect(await db.all(listThings, {})).toEqual([{ word: 'five' }])
  })

  test('a work that goes on after a statement that failed is refused; its neighbours are kept', async () => {
    const { db } = await openNew()
    const ends = await Promise.allSettled([
      db.write((tx) => tx.run(insertThing, { word: 'one' })),
      db.write(async (tx) => {
        await tx.run(insertThing, { word: 'two' })
        await tx.query
          .selectFrom('absent' as never)
          .selectAll()
          .execute()
          .catch(() => undefined)
      }),
      db.write((tx) => tx.run(insertThing, { word: 'three' })),
    ])
    expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(await db.all(listThings, {})).toEqual([{ word: 'one' }, { word: 'three' }])
  })

  test.each([
    ['53100', 'DiskFull'],
    ['40001', 'DataBusy'],
    ['40P01', 'DataBusy'],
    ['57014', 'DataBusy'],
  ])('the state %s is %s, and its neighbours are kept', async (state, code) => {
    const { db } = await openNew()
    const failing: { sql: string; bind: () => [] } = {
      sql: `do $$ begin raise exception using errcode = '${state}'; end $$`,
      bind: () => [],
    }
    const ends = await Promise.allSettled([
      db.write((tx) => tx.run(insertThing, { word: 'one' })),
      db.write((tx) => tx.run(failing, undefined)),
    ])
    expect(ends).toMatchObject([{ status: 'fulfilled' }, { reason: { code } }])
  })

  test('another process that keeps its turn too long is told in words', async () => {
    const place = await server.newDatabase()
    const { db: theirs } = await openNew({}, place)
    const { db } = await openNew({ busyTimeoutMs: 50 }, place)
    const release = Promise.withResolvers<void>()
    const holds = Promise.withResolvers<void>()
    const holding = theirs.write(() => {
      holds.resolve()
      return release.promise
    })
    await holds.promise
    await expect(db.write(() => undefined)).rejects.toMatchObject({ code: 'DataBusy' })
    release.resolve()
    await holding
    await db.write(() => undefined)
  })

  test('readers cannot write', async () => {
    const { db } = await openNew()
    const wrong = db.query.insertInto('thing').values({ word: 'no' }).execute()
    await expect(wrong).rejects.toThrow()
  })

  test('a table that was changed by a newer version is read all the same', async () => {
    const { db, url } = await openNew()
    const all = { sql: 'select * from thing', bind: () => [] }
    expect(await db.all(all, undefined)).toEqual([])
    const other = await Session.open(url, 'alter table thing add column more text')
    await other.close()
    await db.write((tx) => tx.run(insertThing, { word: 'one' }))
    expect(await db.all(all, undefined)).toMatchObject([{ word: 'one', more: null }])
  })

  test('a server that is not there, or a schema that is not, is one clear error', async () => {
    const nowhere = path.join(os.tmpdir(), 'sluice-no-such-server')
    await expect(
      openPostgres(`postgres://sluice@localhost/x?host=${encodeURIComponent(nowhere)}`),
    ).rejects.toMatchObject({ code: 'DatabaseGone' })
    const options = encodeURIComponent('-csearch_path=absent')
    await expect(openPostgres(`${server.url}&options=${options}`)).rejects.toMatchObject({
      code: 'DatabaseUnfit',
    })
  })
})

/** Resolves when `attempt` does; what it throws before that is passed over. */
async function until(attempt: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await attempt()
      return
    } catch {
      await sleep(5)
    }
  }
}

/** Stands before a cluster's socket; after a request that has the armed text it lets no answer through. */
async function cuttingProxy(url: string) {
  const parsed = new URL(url)
  const target = path.join(parsed.searchParams.get('host') ?? '', '.s.PGSQL.5432')
  let armed: string | undefined
  const proxy = net.createServer((client) => {
    const server = net.connect(target)
    let isCut = false
    client.on('data', (chunk) => {
      if (armed !== undefined && chunk.includes(armed)) {
        armed = undefined
        isCut = true
      }
      server.write(chunk)
    })
    server.on('data', (chunk) => {
      if (isCut) client.destroy()
      else client.write(chunk)
    })
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      one.on('error', () => other.destroy())
      one.on('close', () => other.destroy())
    }
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  const { port } = proxy.address() as net.AddressInfo
  parsed.searchParams.delete('host')
  parsed.hostname = '127.0.0.1'
  parsed.port = String(port)
  return {
    url: parsed.href,
    cutNext: (text: string) => {
      armed = text
    },
    close: () => new Promise<void>((resolve) => proxy.close(() => resolve())),
  }
}
