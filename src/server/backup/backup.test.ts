import {
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { open } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { afterAll, expect, test } from 'vitest'
import { systemClock } from '../../base/clock.ts'
import { Sealed } from '../../base/sealed.ts'
import { openBlobs } from '../../storage/blobs.ts'
import { openData, openEstate } from '../compose.ts'
import type { ProcessSecrets } from '../secrets.ts'
import { createBackup } from './create.ts'
import { entryOf } from './entries.ts'
import { restoreBackup, verifyBackup } from './restore.ts'
import { writeSealedStream } from './sealed-stream.ts'

const PASSPHRASE = 'correct horse battery'
/** Scrypt as cheap as may be; the header says so to whoever opens it. */
const cost = 2 ** 10

const home = mkdtempSync(path.join(os.tmpdir(), 'sluice-backup-'))
afterAll(() => rmSync(home, { recursive: true, force: true }))
let count = 0
const fresh = (name: string) => path.join(home, `${++count}-${name}`)

function secrets(backup = PASSPHRASE, root = 'staple battery correct'): ProcessSecrets {
  return {
    passphrase: async () => new Sealed(root),
    backupPassphrase: async () => new Sealed(backup),
    tokenPin: async () => new Sealed('no token is asked for'),
  }
}

/** A data directory with a value, an artifact and the files of a server. */
async function filled(): Promise<{ directory: string; sealed: Buffer; ids: unknown }> {
  const directory = fresh('data')
  mkdirSync(path.join(directory, 'ca'), { recursive: true, mode: 0o700 })
  writeFileSync(path.join(directory, 'ca', 'ca.key'), 'the key of the authority')
  writeFileSync(path.join(directory, 'admin.json'), '{"clientSecret":"of the administrator"}')
  writeFileSync(path.join(directory, 'server.log'), 'not backed up')
  const estate = await openEstate(directory, systemClock, {})
  const { ids } = estate
  await estate.close()
  const { db, sealer } = await openData(directory, systemClock, {})
  const sealed = (await sealer.scope('vault:a')).seal('x', 'the value')
  const blobs = openBlobs(path.join(directory, 'blobs'), await sealer.scope('blobs'))
  await blobs.put('artifact', Readable.from([Buffer.alloc(700_000, 'artifact ')]))
  await db.close()
  return { directory, sealed, ids }
}

async function made(): Promise<{ file: string; bytes: Buffer }> {
  const { directory } = await filled()
  const file = fresh('b.backup')
  await createBackup(directory, file, { secrets: secrets(), cost })
  return { file, bytes: readFileSync(file) }
}

const fault = (promise: Promise<unknown>) =>
  promise.then(
    () => 'nothing was wrong',
    (error: { code?: string }) => error.code,
  )

test.each(['file', 'passphrase'] as const)(
  'a restored directory with a %s opens what was sealed, and has a root key of its own',
  async (provider) => {
    const { directory, sealed, ids } = await filled()
    const file = fresh('b.backup')
    const created = await createBackup(directory, file, { secrets: secrets(), cost })
    expect(created).toMatchObject({ files: 4 })
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(await verifyBackup(file, secrets())).toEqual(created)

    const restored = fresh('restored')
    const options = { secrets: secrets(), provider }
    expect(await restoreBackup(file, restored, options)).toMatchObject(created)
    const names = readdirSync(restored).sort()
    const key = provider === 'file' ? ['root.key'] : []
    expect(names).toEqual(['admin.json', 'blobs', 'ca', 'root-key.json', ...key, 'sluice.db'])
    const { db, sealer } = await openData(restored, systemClock, { secrets: secrets() })
    expect((await sealer.scope('vault:a')).open('x', sealed).open()).toBe('the value')
    const blobs = openBlobs(path.join(restored, 'blobs'), await sealer.scope('blobs'))
    const artifact = await blobs.find('artifact')
    expect(artifact && (await buffer(artifact)).length).toBe(700_000)
    await db.close()
    const estate = await openEstate(restored, systemClock, { secrets: secrets() })
    expect(estate.ids).toEqual(ids)
    await estate.close()
    expect(readFileSync(path.join(restored, 'ca', 'ca.key'), 'utf8')).toMatch(/authority/)
    if (provider === 'passphrase') return
    const rootKey = readFileSync(path.join(restored, 'root.key'), 'utf8')
    expect(rootKey).not.toBe(readFileSync(path.join(directory, 'root.key'), 'utf8'))
  },
)

test('a backup holds nothing in the clear, and leaves nothing behind', async () => {
  const { directory } = await filled()
  const before = readdirSync(directory).sort()
  const file = fresh('b.backup')
  await createBackup(directory, file, { secrets: secrets(), cost })
  const bytes = readFileSync(file)
  const rootKey = readFileSync(path.join(directory, 'root.key'), 'utf8').trim()
  const words = ['authority', 'administrator', 'SQLite', rootKey, PASSPHRASE]
  expect(words.filter((word) => bytes.includes(word))).toEqual([])
  expect(bytes.includes(Buffer.from(rootKey, 'base64'))).toBe(false)
  expect(readdirSync(directory).sort()).toEqual([...before, 'work'].sort())
  expect(globSync('work/**/*.db', { cwd: directory })).toEqual([])
})

test('a wrong passphrase is told from a file that was altered', async () => {
  const { file } = await made()
  expect(await fault(verifyBackup(file, secrets('another passphrase')))).toBe('PassphraseWrong')
})

test('a backup that is cut short anywhere is refused', async () => {
  const { bytes } = await made()
  const cut = fresh('cut.backup')
  const lengths = [0, 7, 8, 12, 100, 400, 5_000, 262_000, bytes.length - 20, bytes.length - 1]
  for (const length of lengths) {
    writeFileSync(cut, bytes.subarray(0, length))
    expect([length, await fault(verifyBackup(cut, secrets()))]).toEqual([length, 'BackupWrong'])
  }
})

test('a backup with any byte altered, or something behind its end, is refused', async () => {
  const { bytes } = await made()
  const changed = fresh('changed.backup')
  const places = [0, 8, 11, 14, 40, 200, 330, 400, 1_000, 300_000, bytes.length - 1]
  for (const place of places) {
    const copy = Buffer.from(bytes)
    copy[place] = (copy[place] ?? 0) ^ 1
    writeFileSync(changed, copy)
    const code = await fault(verifyBackup(changed, secrets()))
    // A salt that was altered makes another key: that is a passphrase that does not fit.
    expect([place, code]).toEqual([place, expect.stringMatching(/^(Backup|Passphrase)Wrong$/)])
  }
  writeFileSync(changed, Buffer.concat([bytes, Buffer.of(0)]))
  expect(await fault(verifyBackup(changed, secrets()))).toBe('BackupWrong')
})

test('pieces that change places, or come from another backup, are refused', async () => {
  const { bytes } = await made()
  const [start, piece] = [12 + bytes.readUInt32BE(8), 5 + 256 * 1024 + 16]
  const parts = [
    bytes.subarray(0, start),
    bytes.subarray(start + piece, start + 2 * piece),
    bytes.subarray(start, start + piece),
    bytes.subarray(start + 2 * piece),
  ]
  const file = fresh('swapped.backup')
  writeFileSync(file, Buffer.concat(parts))
  expect(await fault(verifyBackup(file, secrets()))).toBe('BackupWrong')
})

test('a header that asks for all memory is refused before it is given any', async () => {
  const { bytes } = await made()
  const file = fresh('greedy.backup')
  const text = bytes.toString('latin1').replace('"cost":1024', '"cost":1e12')
  writeFileSync(file, Buffer.from(text, 'latin1'))
  expect(await fault(verifyBackup(file, secrets()))).toBe('BackupWrong')
  const huge = Buffer.from(bytes)
  huge.writeUInt32BE(0xfffffff0, 8)
  writeFileSync(file, huge)
  expect(await fault(verifyBackup(file, secrets()))).toBe('BackupWrong')
})

test.each([
  ['../outside', 10],
  ['/etc/passwd', 10],
  ['ca/../../outside', 10],
  ['root.key', 10],
  ['key', 2_000],
])('an entry named %s of %i bytes is never written', async (name, size) => {
  const file = fresh('evil.backup')
  const handle = await open(file, 'wx')
  const opened = { passphrase: new Sealed(PASSPHRASE), createdAtMs: 1, version: '0', cost }
  await writeSealedStream(handle, opened, entryOf(name, Buffer.alloc(size, 'x')))
  await handle.close()
  const restored = fresh('restored')
  const options = { secrets: secrets(), provider: 'file' } as const
  expect(await fault(restoreBackup(file, restored, options))).toBe('BackupWrong')
  expect(readdirSync(home).filter((left) => left.startsWith(path.basename(restored)))).toEqual([])
})

test('a restore that fails leaves no directory, and one that is not empty is refused', async () => {
  const { file, bytes } = await made()
  const cut = fresh('cut.backup')
  writeFileSync(cut, bytes.subarray(0, bytes.length - 1))
  const restored = fresh('restored')
  const options = { secrets: secrets(), provider: 'file' } as const
  expect(await fault(restoreBackup(cut, restored, options))).toBe('BackupWrong')
  expect(readdirSync(home).filter((left) => left.startsWith(path.basename(restored)))).toEqual([])
  mkdirSync(restored)
  writeFileSync(path.join(restored, 'mine'), 'kept')
  expect(await fault(restoreBackup(file, restored, options))).toBe('DirectoryNotEmpty')
  expect(readdirSync(restored)).toEqual(['mine'])
})

test('what stands in the way is said in words', async () => {
  const { directory } = await filled()
  const file = fresh('b.backup')
  const create = (to: string, given = secrets()) =>
    fault(createBackup(directory, to, { secrets: given, cost }))
  expect(await create(path.join(home, 'no', 'folder'))).toBe('FileNotWritable')
  expect(await create(file, secrets('short'))).toBe('PassphraseWeak')
  writeFileSync(file, 'an older one')
  expect(await create(file)).toBe('FileExists')
  expect(readFileSync(file, 'utf8')).toBe('an older one')
  expect(await fault(verifyBackup(fresh('none'), secrets()))).toBe('BackupMissing')
  expect(await fault(createBackup(fresh('none'), fresh('x'), { secrets: secrets() }))).toBe(
    'DataMissing',
  )
})
