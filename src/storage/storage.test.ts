import { execFile } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { sql } from 'kysely'
import { afterAll, expect, test } from 'vitest'
import { openBlobs } from './blobs.ts'
import { type Database, openSqlite, statement } from './database.ts'
import { migrate } from './migrations.ts'
import { loadRootKey } from './root-key-file.ts'
import { Sealer, sealingMigrations } from './sealing.ts'

interface Tables {
  thing: { id: number; word: string }
}

const folders: string[] = []
function folder(): string {
  const made = mkdtempSync(path.join(os.tmpdir(), 'sluice-storage-'))
  folders.push(made)
  return made
}
afterAll(() => {
  for (const made of folders) rmSync(made, { recursive: true, force: true })
})

const things = {
  name: 'test-0001-things',
  up: async (query: Parameters<(typeof sealingMigrations)[0]['up']>[0]) => {
    await query.schema
      .createTable('thing')
      .addColumn('id', 'integer', (column) => column.primaryKey())
      .addColumn('word', 'text', (column) => column.notNull())
      .execute()
  },
}

async function open(file: string): Promise<Database<Tables>> {
  const db = openSqlite<Tables>(file)
  await migrate(db as Database<unknown>, [...sealingMigrations, things], 1)
  return db
}

const insertThing = statement<Tables, { id: number; word: string }>((query, parameter) =>
  query.insertInto('thing').values({ id: parameter('id'), word: parameter('word') }),
)
const findThing = statement<Tables, { id: number }, { word: string }>((query, parameter) =>
  query.selectFrom('thing').select('word').where('id', '=', parameter<number>('id')),
)

test('a write that fails leaves nothing, and its neighbours in the same commit are kept', async () => {
  const db = await open(path.join(folder(), 'a.db'))
  const results = await Promise.allSettled([
    db.write((tx) => tx.run(insertThing, { id: 1, word: 'one' })),
    db.write(async (tx) => {
      await tx.run(insertThing, { id: 2, word: 'two' })
      throw new Error('no')
    }),
    db.write((tx) => tx.run(insertThing, { id: 3, word: 'three' })),
  ])
  expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  const rows = await db.query.selectFrom('thing').select('id').orderBy('id').execute()
  expect(rows).toEqual([{ id: 1 }, { id: 3 }])
  await db.close()
})

test('a reader does not see what is not committed', async () => {
  const db = await open(path.join(folder(), 'a.db'))
  let seen: unknown[] = ['unset']
  await db.write(async (tx) => {
    await tx.run(insertThing, { id: 1, word: 'one' })
    seen = await db.all(findThing, { id: 1 })
    expect(await tx.query.selectFrom('thing').select('id').execute()).toHaveLength(1)
  })
  expect(seen).toEqual([])
  expect(await db.all(findThing, { id: 1 })).toEqual([{ word: 'one' }])
  await db.close()
})

test('the change mark moves for another connection, not for our own writes', async () => {
  const file = path.join(folder(), 'a.db')
  const [ours, theirs] = [await open(file), await open(file)]
  const turn = () => new Promise((resolve) => setImmediate(resolve))
  const before = ours.changeMark()
  await ours.write((tx) => tx.run(insertThing, { id: 1, word: 'one' }))
  await turn()
  expect(ours.changeMark()).toBe(before)
  await theirs.write((tx) => tx.run(insertThing, { id: 2, word: 'two' }))
  await turn()
  expect(ours.changeMark()).toBe(before + 1)
  await ours.close()
  await theirs.close()
})

test('data written by a newer version is refused and not touched', async () => {
  const file = path.join(folder(), 'a.db')
  const db = await open(file)
  await expect(migrate(db as Database<unknown>, sealingMigrations, 2)).rejects.toMatchObject({
    code: 'DataFromNewerVersion',
    message: expect.stringContaining('test-0001-things'),
  })
  await db.close()
})

async function sealerIn(directory: string): Promise<{ sealer: Sealer; db: Database<Tables> }> {
  const rootKey = loadRootKey(directory)
  const db = await open(path.join(directory, 'sluice.db'))
  return { db, sealer: new Sealer(db as Database<unknown>, rootKey, () => 5) }
}

test('a sealed value opens only at its own place and scope, also after a restart', async () => {
  const directory = folder()
  const first = await sealerIn(directory)
  const sealed = (await first.sealer.scope('vault:a')).seal('db/1', 'hunter2')
  await first.db.close()

  const { sealer, db } = await sealerIn(directory)
  const a = await sealer.scope('vault:a')
  const b = await sealer.scope('vault:b')
  expect(sealed.includes('hunter2')).toBe(false)
  expect(a.open('db/1', sealed).open()).toBe('hunter2')
  expect(() => a.open('db/2', sealed)).toThrow(/cannot be opened/)
  expect(() => b.open('db/1', sealed)).toThrow(/cannot be opened/)
  const flipped = Buffer.from(sealed)
  flipped[35] = (flipped[35] ?? 0) ^ 1
  expect(() => a.open('db/1', flipped)).toThrow(/cannot be opened/)
  await db.close()
})

test('a wrong root key is one clear error', async () => {
  const directory = folder()
  const first = await sealerIn(directory)
  await first.sealer.check()
  await first.db.close()
  writeFileSync(path.join(directory, 'root.key'), `${Buffer.alloc(32, 7).toString('base64')}\n`)
  const second = await sealerIn(directory)
  await expect(second.sealer.check()).rejects.toMatchObject({ code: 'RootKeyWrong' })
  await second.db.close()
})

test('a lost root key is not replaced by a new one', async () => {
  const directory = folder()
  const first = await sealerIn(directory)
  await first.sealer.check()
  await first.db.close()
  rmSync(path.join(directory, 'root.key'))
  expect(() => loadRootKey(directory)).toThrow(/missing/)
})

test('the root key is readable by its owner only, and a readable one is refused', () => {
  const directory = folder()
  loadRootKey(directory)
  const file = path.join(directory, 'root.key')
  expect(statSync(file).mode & 0o777).toBe(0o600)
  chmodSync(file, 0o644)
  expect(() => loadRootKey(directory)).toThrow(/chmod 600/)
})

test.each([0, 1, 256 * 1024, 256 * 1024 + 1, 1_000_000])(
  'a blob of %i bytes comes back whole and is unreadable on disk',
  async (size) => {
    const directory = folder()
    const { sealer, db } = await sealerIn(directory)
    const blobs = openBlobs(path.join(directory, 'blobs'), await sealer.scope('blobs'))
    const content = Buffer.alloc(size, 'canary-')
    const stored = await blobs.put('run/1/drop/secret.txt', Readable.from([content]))
    expect(stored.sizeBytes).toBe(size)
    const back = await blobs.find('run/1/drop/secret.txt')
    expect(back && (await buffer(back)).equals(content)).toBe(true)
    expect(await blobs.find('run/2')).toBeUndefined()
    await db.close()
  },
)

test('a full disk is said in words to every writer of the group, and none of it is kept', async () => {
  const db = await open(path.join(folder(), 'full.db'))
  await db.write(({ query }) => sql`pragma max_page_count = 40`.execute(query))
  const put = (id: number, word: string) =>
    db.write(({ query }) => query.insertInto('thing').values({ id, word }).execute())

  const ends = await Promise.allSettled([put(1, 'a'), put(2, 'b'.repeat(1_000_000)), put(3, 'c')])

  for (const end of ends) expect(end).toMatchObject({ reason: { code: 'DiskFull' } })
  expect(await db.query.selectFrom('thing').selectAll().execute()).toEqual([])
  await put(4, 'd')
  await db.close()
})

const ABANDON = `
  const { openBlobs } = await import(process.argv[1])
  const { Readable } = await import('node:stream')
  const plain = { seal: (_place, value) => Buffer.from(value) }
  const blobs = openBlobs(process.argv[2], plain)
  await blobs.put('k', Readable.from([Buffer.from('content')]))
  await blobs.find('k')
  for (let round = 0; round < 5; round += 1) {
    gc()
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  process.stdout.write('alive')
`

test('a blob that is found but never read does not end the process', async () => {
  const blobsFile = new URL('./blobs.ts', import.meta.url).href
  const args = ['--expose-gc', '--input-type=module', '--eval', ABANDON, blobsFile, folder()]
  const { stdout } = await promisify(execFile)(process.execPath, args)
  expect(stdout).toBe('alive')
})

test('a blob that was cut short is refused, not served', async () => {
  const directory = folder()
  const { sealer, db } = await sealerIn(directory)
  const scope = await sealer.scope('blobs')
  const blobs = openBlobs(path.join(directory, 'blobs'), scope)
  await blobs.put('k', Readable.from([Buffer.alloc(600_000, 1)]))
  const { globSync } = await import('node:fs')
  const [file = ''] = globSync(path.join(directory, 'blobs', '*', '*'))
  writeFileSync(file, readFileSync(file).subarray(0, 300_000))
  const back = await blobs.find('k')
  await expect(buffer(back as Readable)).rejects.toMatchObject({ code: 'SealBroken' })
  await db.close()
})
