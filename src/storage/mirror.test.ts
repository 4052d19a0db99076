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
  const mirror = mirrors.open(pets)
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
  const mirror = mirrors.open(pets)
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
  const mirror = mirrors.open(pets)
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
  const mirror = new Mirrors(ours).open(pets)
  const other = new Mirrors(theirs)
  const otherPets = other.open(pets)
  const before = mirror.version()
  await other.write((changes) => changes.put(otherPets, { id: '9', owner: 'eve' }))
  await turn()
  expect(mirror.find('9')).toEqual({ id: '9', owner: 'eve' })
  expect(mirror.version()).toBeGreaterThan(before)
  await ours.close()
  await theirs.close()
})
