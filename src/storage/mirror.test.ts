import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { type Database, openSqlite } from './database.ts'
import { migrate } from './migrations.ts'
import { createDocumentTable, documentTable, Mirrors } from './mirror.ts'

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

const folder = mkdtempSync(path.join(os.tmpdir(), 'sluice-mirror-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function open(file: string): Promise<Database<unknown>> {
  const db = openSqlite<unknown>(path.join(folder, file))
  const step = {
    name: 'test-0001-pets',
    up: (query: Parameters<typeof createDocumentTable>[0]) =>
      createDocumentTable(query, 'pet', { key: 'id', columns: ['owner'] }),
  }
  await migrate(db, [step], 1)
  return db
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

test('a mirror and its index follow own writes, and forget what failed', async () => {
  const db = await open('own.db')
  const mirrors = new Mirrors(db)
  const mirror = await mirrors.open(pets)
  const byOwner = mirror.index((pet) => pet.owner)

  await mirrors.write((changes) => changes.put(mirror, { id: '1', owner: 'ada' }))
  await mirrors.write((changes) => changes.put(mirror, { id: '1', owner: 'bob' }))
  await expect(
    mirrors.write(async (changes) => {
      await changes.put(mirror, { id: '2', owner: 'bob' })
      throw new Error('no')
    }),
  ).rejects.toThrow('no')

  expect(mirror.list()).toEqual([{ id: '1', owner: 'bob' }])
  expect(byOwner.list('ada')).toEqual([])
  expect(byOwner.list('bob')).toEqual([{ id: '1', owner: 'bob' }])
  await mirrors.write((changes) => changes.remove(mirror, '1'))
  expect(byOwner.list('bob')).toEqual([])
  await db.close()
})

test('work inside a write sees the writes before it in the same commit', async () => {
  const db = await open('group.db')
  const mirrors = new Mirrors(db)
  const mirror = await mirrors.open(pets)
  const claim = (owner: string) =>
    mirrors.write(async (changes) => {
      if (await changes.find(mirror, '1')) return false
      await changes.put(mirror, { id: '1', owner })
      return true
    })
  expect(await Promise.all([claim('ada'), claim('bob')])).toEqual([true, false])
  await db.close()
})

test('items below a path are found, those beside it are not', async () => {
  const db = await open('below.db')
  const mirrors = new Mirrors(db)
  const mirror = await mirrors.open(pets)
  const found = await mirrors.write(async (changes) => {
    for (const owner of ['/a', '/a/b', '/a/b/c', '/ab', '/a0', '/', '/b']) {
      await changes.put(mirror, { id: owner, owner })
    }
    return await changes.listBelow(mirror, 'owner', '/a')
  })
  expect(found.map(({ owner }) => owner).sort()).toEqual(['/a', '/a/b', '/a/b/c'])
  await db.close()
})

test('a mirror sees what another process wrote', async () => {
  const [ours, theirs] = [await open('two.db'), await open('two.db')]
  const mirror = await new Mirrors(ours).open(pets)
  const other = new Mirrors(theirs)
  const otherPets = await other.open(pets)
  const before = mirror.version()
  await other.write((changes) => changes.put(otherPets, { id: '9', owner: 'eve' }))
  await turn()
  expect(mirror.find('9')).toEqual({ id: '9', owner: 'eve' })
  expect(mirror.version()).toBeGreaterThan(before)
  await ours.close()
  await theirs.close()
})

/** An engine of another process: its rows come when they are let go, and it tells of commits. */
function farAway(db: Database<unknown>) {
  const held: (() => void)[] = []
  let holding = false
  let failing = false
  let mark = 0
  let answered = Promise.resolve()
  let listener = () => {}
  const engine: Database<unknown> = {
    engine: db.engine,
    query: db.query,
    all: async (statement, parameters) => {
      const rows = await db.all(statement, parameters)
      if (holding) await new Promise<void>((resolve) => held.push(resolve))
      if (failing) throw new Error('The connection is lost.')
      return rows
    },
    onForeignChange: (heard) => {
      listener = heard
    },
    write: async (work) => {
      const result = await db.write(work)
      await answered
      return result
    },
    changeMark: () => mark,
    close: () => db.close(),
  }
  return {
    engine,
    hold: () => {
      holding = true
    },
    letGo: () => {
      holding = false
      for (const go of held.splice(0)) go()
    },
    fail: (isFailing: boolean) => {
      failing = isFailing
    },
    /** Commits are made at once, but answered only then. */
    answerAfter: (then: Promise<void>) => {
      answered = then
    },
    /** Another process has committed. */
    tell: () => {
      mark += 1
      listener()
    },
  }
}

async function openFar(file: string) {
  const [ours, theirs] = [await open(file), await open(file)]
  const far = farAway(ours)
  const mirrors = new Mirrors(far.engine)
  const mirror = await mirrors.open(pets)
  const other = new Mirrors(theirs)
  const otherPets = await other.open(pets)
  const putByOther = (pet: Pet) => other.write((changes) => changes.put(otherPets, pet))
  const close = async () => {
    await ours.close()
    await theirs.close()
  }
  return { far, mirrors, mirror, putByOther, close }
}

test('a mirror of an engine far away is read again when the engine tells of a change', async () => {
  const { far, mirror, putByOther, close } = await openFar('far.db')
  await putByOther({ id: '1', owner: 'eve' })
  expect(mirror.find('1')).toBeUndefined()
  far.tell()
  await turn()
  expect(mirror.find('1')).toEqual({ id: '1', owner: 'eve' })
  await close()
})

test('rows that were read before an own write do not undo it', async () => {
  const { far, mirrors, mirror, putByOther, close } = await openFar('race.db')
  await putByOther({ id: '1', owner: 'eve' })
  far.hold()
  far.tell()
  await turn()
  const writing = mirrors.write((changes) => changes.put(mirror, { id: '2', owner: 'ada' }))
  while (mirror.find('2') === undefined) await turn()
  far.letGo()
  await writing
  expect(mirror.list()).toEqual([
    { id: '1', owner: 'eve' },
    { id: '2', owner: 'ada' },
  ])
  await close()
})

test('an own write that another process has overwritten does not come back', async () => {
  const { far, mirrors, mirror, putByOther, close } = await openFar('over.db')
  const answer = Promise.withResolvers<void>()
  far.answerAfter(answer.promise)
  const writing = mirrors.write((changes) => changes.put(mirror, { id: '1', owner: 'ada' }))
  await turn()
  await turn()
  await putByOther({ id: '1', owner: 'eve' })
  far.tell()
  await turn()
  answer.resolve()
  await writing
  await turn()
  expect(mirror.find('1')).toEqual({ id: '1', owner: 'eve' })
  await close()
})

test('a change told while the rows are read is not missed', async () => {
  const { far, mirror, putByOther, close } = await openFar('twice.db')
  far.hold()
  far.tell()
  await turn()
  await putByOther({ id: '1', owner: 'eve' })
  far.tell()
  far.letGo()
  await turn()
  expect(mirror.find('1')).toEqual({ id: '1', owner: 'eve' })
  await close()
})

test('a write shows what others committed before it, however much they commit', async () => {
  const { far, mirrors, mirror, putByOther, close } = await openFar('busy.db')
  await putByOther({ id: '1', owner: 'eve' })
  let isBusy = true
  const commits = (async () => {
    while (isBusy) {
      far.tell()
      await turn()
    }
  })()
  await mirrors.write((changes) => changes.put(mirror, { id: '2', owner: 'ada' }))
  expect(mirror.list().map(({ id }) => id)).toEqual(['1', '2'])
  isBusy = false
  await commits
  await close()
})

test('rows that could not be read are read again by who asks next', async () => {
  const { far, mirror, putByOther, close } = await openFar('lost.db')
  await putByOther({ id: '1', owner: 'eve' })
  far.fail(true)
  far.tell()
  await turn()
  far.fail(false)
  expect(mirror.find('1')).toBeUndefined()
  await turn()
  expect(mirror.find('1')).toEqual({ id: '1', owner: 'eve' })
  await close()
})
