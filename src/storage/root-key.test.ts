import {
  chmodSync,
  globSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { Sealed } from '../base/sealed.ts'
import { type Database, openSqlite } from './database.ts'
import { migrate } from './migrations.ts'
import type { RootKeyProvider } from './root-key.ts'
import { changeRootKey, finishChange } from './root-key-change.ts'
import { loadRootKey } from './root-key-file.ts'
import { passphraseSource } from './root-key-passphrase.ts'
import { createRootKey, RootKeyring, rootKeySources } from './root-key-ring.ts'
import { Sealer, sealingMigrations } from './sealing.ts'

const folders: string[] = []
function folder(): string {
  const made = mkdtempSync(path.join(os.tmpdir(), 'sluice-root-key-'))
  folders.push(made)
  return made
}
afterAll(() => {
  for (const made of folders) rmSync(made, { recursive: true, force: true })
})

const sources = { ...rootKeySources, passphrase: async () => passphraseSource(2 ** 10) }

const FIRST = 'correct horse battery'
const SECOND = 'staple battery correct'

function secrets(open: string, next = SECOND) {
  return {
    passphrase: async (use: 'open' | 'new') => new Sealed(use === 'open' ? open : next),
  }
}

interface Opened {
  readonly db: Database<unknown>
  readonly ring: RootKeyring
  readonly sealer: Sealer
  close(): Promise<void>
}

/** As a server opens a data directory. */
async function open(dataDirectory: string, passphrase = FIRST): Promise<Opened> {
  const ring = await RootKeyring.open({ dataDirectory, secrets: secrets(passphrase) }, sources)
  const db = openSqlite<unknown>(path.join(dataDirectory, 'sluice.db'))
  try {
    const sealer = new Sealer(db, ring, () => 5)
    await ring.settle(5)
    await migrate(db, sealingMigrations, 5)
    await sealer.check()
    await finishChange({ dataDirectory, db, ring })
    return { db, ring, sealer, close: () => db.close() }
  } catch (error) {
    await db.close()
    throw error
  }
}

async function init(provider: RootKeyProvider): Promise<string> {
  const dataDirectory = folder()
  const place = { dataDirectory, secrets: secrets(FIRST, FIRST) }
  await createRootKey(place, provider, { nowMs: 5, sources })
  return dataDirectory
}

/** Names, bytes and times of everything in a folder. */
function stateOf(directory: string): unknown {
  return globSync('**', { cwd: directory }).map((name) => {
    const file = path.join(directory, name)
    const { mtimeMs, size } = statSync(file)
    const bytes = statSync(file).isFile() ? readFileSync(file).toString('base64') : ''
    return { name, mtimeMs, size, bytes }
  })
}

test.each(['file', 'passphrase'] as const)(
  'a directory under a %s opens again, and a value with it',
  async (provider) => {
    const directory = await init(provider)
    const first = await open(directory)
    const sealed = (await first.sealer.scope('a')).seal('x', 'value')
    await first.close()
    const second = await open(directory)
    expect((await second.sealer.scope('a')).open('x', sealed).open()).toBe('value')
    await second.close()
    expect(globSync('**', { cwd: directory }).includes('root.key')).toBe(provider === 'file')
    expect(statSync(path.join(directory, 'root-key.json')).mode & 0o777).toBe(0o600)
  },
)

test.each([
  ['passphrase', async () => undefined, 'another passphrase', /passphrase does not fit/],
  [
    'file',
    async (directory: string) =>
      writeFileSync(
        path.join(directory, 'root.key'),
        `${Buffer.alloc(32, 7).toString('base64')}\n`,
      ),
    FIRST,
    /root\.key holds another one/,
  ],
  [
    'file',
    async (directory: string) => rmSync(path.join(directory, 'root.key')),
    FIRST,
    /root\.key is missing/,
  ],
] as const)(
  'a wrong %s is one clear error, and nothing is touched',
  async (provider, spoil, given, text) => {
    const directory = await init(provider)
    await (await open(directory)).close()
    await spoil(directory)
    const before = stateOf(directory)
    await expect(open(directory, given)).rejects.toMatchObject({
      code: 'RootKeyWrong',
      message: expect.stringMatching(text),
    })
    expect(stateOf(directory)).toEqual(before)
  },
)

test('a directory of the time before root-key.json keeps its key and gets the file', async () => {
  const directory = folder()
  const key = loadRootKey(directory)
  const db = openSqlite<unknown>(path.join(directory, 'sluice.db'))
  await migrate(db, sealingMigrations.slice(0, 1), 1)
  const { DatabaseSync } = await import('node:sqlite')
  const { sealWith, ivSource, toIdBytes } = await import('./aead.ts')
  const id = '11111111-2222-4333-8444-555555555555'
  const wrapped = sealWith(
    { id: toIdBytes(id), key },
    ivSource()(),
    `data-key\nroot-key-check\n${id}`,
    Buffer.alloc(32, 3),
  )
  const raw = new DatabaseSync(path.join(directory, 'sluice.db'))
  raw.prepare('insert into data_key values (?, ?, ?, 1)').run(id, 'root-key-check', wrapped)
  raw.close()
  await db.close()

  const opened = await open(directory)
  const [record] = opened.ring.records()
  expect(record?.provider).toBe('file')
  const rows = await opened.db.query
    .selectFrom('data_key' as never)
    .select('root_key_id' as never)
    .execute()
  expect(rows).toEqual([{ root_key_id: record?.id }])
  await opened.close()
})

const CHANGES = [
  ['file', 'file'],
  ['file', 'passphrase'],
  ['passphrase', 'passphrase'],
  ['passphrase', 'file'],
] as const
const STEPS = ['added', 'switched', 'removed'] as const

test.each(CHANGES)(
  'a change from %s to %s leaves one key, and the values open',
  async (from, to) => {
    const directory = await init(from)
    const server = await open(directory)
    const sealed = (await server.sealer.scope('a')).seal('x', 'value')
    const oldId = server.ring.first.id
    await server.close()

    const changing = await open(directory)
    const { ring, db } = changing
    await changeRootKey({ dataDirectory: directory, db, ring, nowMs: 9 }, to)
    await changing.close()

    const after = await open(directory, to === 'passphrase' ? SECOND : FIRST)
    expect(after.ring.records().map(({ provider }) => provider)).toEqual([to])
    expect(after.ring.first.id).not.toBe(oldId)
    expect((await after.sealer.scope('a')).open('x', sealed).open()).toBe('value')
    await after.close()
    if (to === 'file') {
      expect(readFileSync(path.join(directory, 'root.key'), 'utf8')).toMatch(/^[^\n]{44}\n$/)
    } else expect(globSync('root.key', { cwd: directory })).toEqual([])
    if (from === 'passphrase' && to === 'passphrase') {
      await expect(open(directory, FIRST)).rejects.toMatchObject({ code: 'RootKeyWrong' })
    }
  },
)

test.each(CHANGES.flatMap(([from, to]) => STEPS.map((step) => ({ from, to, step }))))(
  'a change from $from to $to that ends after it has $step opens with one of the two keys',
  async ({ from, to, step }) => {
    const directory = await init(from)
    const changing = await open(directory)
    const sealed = (await changing.sealer.scope('a')).seal('x', 'value')
    const { ring, db } = changing
    const onStep = (done: string) => {
      if (done === step) throw new Error('killed')
    }
    const change = { dataDirectory: directory, db, ring, nowMs: 9, onStep }
    await expect(changeRootKey(change, to)).rejects.toThrow('killed')
    await changing.close()

    const isNew = step !== 'added'
    const right = isNew && to === 'passphrase' ? SECOND : FIRST
    const after = await open(directory, right)
    expect((await after.sealer.scope('a')).open('x', sealed).open()).toBe('value')
    expect(after.ring.records().map(({ provider }) => provider)).toEqual([isNew ? to : from])
    await after.close()
    const again = await open(directory, right)
    expect((await again.sealer.scope('a')).open('x', sealed).open()).toBe('value')
    await again.close()
  },
)

test.each(CHANGES)(
  'a process that serves while the key changes from %s to %s opens and makes scopes later',
  async (from, to) => {
    const directory = await init(from)
    const server = await open(directory)
    const elsewhere = await open(directory)
    const sealed = (await elsewhere.sealer.scope('later')).seal('x', 'value')
    const stop = server.sealer.follow()
    const holders = () =>
      server.db.query
        .selectFrom('root_key_holder' as never)
        .selectAll()
        .execute()
    await expect.poll(holders, { timeout: 5_000 }).toHaveLength(1)

    const change = { dataDirectory: directory, db: elsewhere.db, ring: elsewhere.ring, nowMs: 9 }
    await changeRootKey(change, to)
    await elsewhere.close()

    // The server knows the first passphrase only; it is handed the new key in memory.
    expect((await server.sealer.scope('later')).open('x', sealed).open()).toBe('value')
    const made = (await server.sealer.scope('made after')).seal('y', 'two')
    await stop()
    expect(await holders()).toEqual([])
    await server.close()

    const after = await open(directory, to === 'passphrase' ? SECOND : FIRST)
    expect((await after.sealer.scope('made after')).open('y', made).open()).toBe('two')
    await after.close()
  },
)

test('what is handed over opens for nobody who has the old key and the database', async () => {
  const directory = await init('passphrase')
  const server = await open(directory)
  const stop = server.sealer.follow()
  const holders = async () =>
    (await server.db.query
      .selectFrom('root_key_holder' as never)
      .selectAll()
      .execute()) as { id: string; offer: Uint8Array | null }[]
  await expect.poll(holders, { timeout: 5_000 }).toHaveLength(1)
  const changing = await open(directory)
  await changeRootKey(
    { dataDirectory: directory, db: changing.db, ring: changing.ring, nowMs: 9 },
    'passphrase',
  )
  const { RootKeyHolder } = await import('./root-key-handover.ts')
  const [row] = await holders()
  expect(row?.offer).toBeInstanceOf(Uint8Array)
  // A stranger who knows the old root key, with a key pair of his own.
  const stranger = new RootKeyHolder(server.db as never)
  const next = changing.ring.records()[0]?.id ?? ''
  expect(await stranger.take(next, server.ring.first)).toBeUndefined()
  await changing.close()
  await stop()
  await server.close()
})

test('two changes at once: one is done, the other is told so', async () => {
  const directory = await init('file')
  const [a, b] = [await open(directory), await open(directory)]
  let second: Promise<unknown> = Promise.resolve()
  await changeRootKey(
    {
      dataDirectory: directory,
      db: a.db,
      ring: a.ring,
      nowMs: 9,
      onStep: (step) => {
        if (step !== 'added') return
        second = changeRootKey(
          { dataDirectory: directory, db: b.db, ring: b.ring, nowMs: 9 },
          'file',
        ).catch((error: unknown) => error)
      },
    },
    'file',
  )
  expect(await second).toMatchObject({ code: 'DataBusy' })
  await a.close()
  await b.close()
})

test.each([
  ['{', /damaged/],
  ['{"keys":[]}', /names no key/],
  ['{"keys":[{"id":"1","provider":"cloud"}]}', /provider 'cloud'/],
])('a damaged root-key.json is said in words: %s', async (text, message) => {
  const directory = await init('file')
  writeFileSync(path.join(directory, 'root-key.json'), text)
  await expect(open(directory)).rejects.toMatchObject({
    code: 'RootKeyWrong',
    message: expect.stringMatching(message),
  })
})

test('numbers of scrypt that would take all memory are refused', async () => {
  const directory = await init('passphrase')
  const file = path.join(directory, 'root-key.json')
  writeFileSync(file, readFileSync(file, 'utf8').replace('"cost": 1024', '"cost": 1073741824'))
  await expect(open(directory)).rejects.toMatchObject({ code: 'PassphraseWrong' })
})

test('a short passphrase is refused, and a root-key.json that others may read', async () => {
  const dataDirectory = folder()
  const place = { dataDirectory, secrets: secrets('', 'short') }
  await expect(createRootKey(place, 'passphrase', { nowMs: 1 })).rejects.toMatchObject({
    code: 'PassphraseWeak',
  })
  const directory = await init('file')
  chmodSync(path.join(directory, 'root-key.json'), 0o644)
  await expect(open(directory)).rejects.toThrow(/chmod 600/)
})

test('what a change that was killed while it wrote its files left is removed', async () => {
  const directory = await init('file')
  const file = path.join(directory, 'root.key')
  const key = readFileSync(file, 'utf8')
  writeFileSync(file, `${key}${Buffer.alloc(32, 9).toString('base64')}\n`)
  writeFileSync(path.join(directory, 'root.key.00112233aabb.part'), key)
  await (await open(directory)).close()
  expect(readFileSync(file, 'utf8')).toBe(key)
  expect(globSync('*.part', { cwd: directory })).toEqual([])
})
