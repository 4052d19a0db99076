import { randomBytes } from 'node:crypto'
import { type FileHandle, mkdir, open, rename, rm, rmdir } from 'node:fs/promises'
import path from 'node:path'
import { systemClock } from '../../base/clock.ts'
import { Fault } from '../../base/fault.ts'
import { syncFolder } from '../../storage/files.ts'
import { localRootKey, type RootKeyProvider } from '../../storage/root-key.ts'
import { createRootKey, RootKeyring } from '../../storage/root-key-ring.ts'
import { isNewDirectory } from '../data-directory.ts'
import { openDoor } from '../hsm-door.ts'
import type { Given } from '../root-keys.ts'
import type { ProcessSecrets } from '../secrets.ts'
import type { BackupView } from './create.ts'
import { rewrapCopy } from './database-copy.ts'
import {
  type BackupKey,
  DATABASE_ENTRY,
  type Entry,
  fromKeyEntry,
  KEY_ENTRY,
  readEntries,
} from './entries.ts'
import { toFileFault } from './file-fault.ts'
import { altered, openSealedStream } from './sealed-stream.ts'

/**
 * Reads a backup to its end and verifies every byte; nothing is written.
 *
 * @throws Fault `BackupWrong`, `BackupMissing`, `PassphraseWrong`
 */
export async function verifyBackup(file: string, secrets: ProcessSecrets): Promise<BackupView> {
  return readBackup(file, secrets, async ({ name }, bytes) => {
    const first = await toBuffer(name === KEY_ENTRY ? bytes : none(bytes))
    if (name === KEY_ENTRY) fromKeyEntry(first)
  })
}

/**
 * Makes a data directory from a backup. It gets a root key of its own, of the kind that is asked for, and
 * it appears whole or not at all.
 *
 * @throws Fault `DirectoryNotEmpty`, and as `verifyBackup`
 */
export async function restoreBackup(
  file: string,
  dataDirectory: string,
  options: Given & { readonly provider: RootKeyProvider },
): Promise<BackupView & { readonly dataDirectory: string }> {
  refuseUsed(dataDirectory)
  const { secrets } = options
  const part = `${dataDirectory}.${randomBytes(6).toString('hex')}.part`
  try {
    await mkdir(part, { recursive: true, mode: 0o700 })
    let key: Buffer | undefined
    const view = await readBackup(file, secrets, async ({ name }, bytes) => {
      if (name === KEY_ENTRY) key = await toBuffer(bytes)
      else await writeFile(path.join(part, name), bytes)
    })
    if (!key) throw altered()
    const database = path.join(part, DATABASE_ENTRY)
    await sealAnew(part, fromKeyEntry(key), options)
    await syncFile(database)
    syncFolder(part)
    refuseUsed(dataDirectory)
    // An empty directory gives way; some systems do not rename over one.
    await rmdir(dataDirectory).catch(() => undefined)
    await rename(part, dataDirectory)
    syncFolder(path.dirname(dataDirectory))
    return { ...view, dataDirectory }
  } catch (error) {
    throw toFileFault(error, dataDirectory)
  } finally {
    await rm(part, { recursive: true, force: true })
  }
}

/** Wraps the data keys of the copy by a new root key. */
async function sealAnew(
  part: string,
  { id, bytes }: BackupKey,
  { secrets, token, provider }: Given & { readonly provider: RootKeyProvider },
): Promise<void> {
  const place = { dataDirectory: part, secrets: ownSecrets(secrets) }
  const door = await openDoor({ ...place, given: token })
  try {
    const { sources } = door
    await createRootKey(place, provider, { nowMs: systemClock.nowMs(), sources })
    const { first } = await RootKeyring.open(place, sources)
    await rewrapCopy(path.join(part, DATABASE_ENTRY), localRootKey('file', id, bytes), first)
  } finally {
    await door.close()
  }
}

/** The passphrase that is set here is the one that opens it. */
function ownSecrets(secrets: ProcessSecrets): ProcessSecrets {
  return { ...secrets, passphrase: () => secrets.passphrase('new') }
}

async function readBackup(
  file: string,
  secrets: ProcessSecrets,
  take: (entry: Entry, bytes: AsyncGenerator<Buffer>) => Promise<void>,
): Promise<BackupView> {
  const source = await openFile(file)
  try {
    const { header, content } = await openSealedStream(source, () =>
      secrets.backupPassphrase('open'),
    )
    const read = { files: 0, sizeBytes: 0 }
    await readEntries(content, async (entry, bytes) => {
      await take(entry, bytes)
      if (entry.name === KEY_ENTRY) return
      read.files += 1
      read.sizeBytes += entry.sizeBytes
    })
    const { createdAtMs, version } = header
    return { file, created: new Date(createdAtMs).toISOString(), version, ...read }
  } finally {
    await source.close()
  }
}

async function openFile(file: string): Promise<FileHandle> {
  try {
    return await open(file, 'r')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new Fault('BackupMissing', `${file} cannot be read (${code}).`)
  }
}

async function writeFile(file: string, bytes: AsyncGenerator<Buffer>): Promise<void> {
  const isPublic = file.endsWith('ca.pem')
  const folder = path.dirname(file)
  await mkdir(folder, { recursive: true, mode: path.basename(folder) === 'ca' ? 0o755 : 0o700 })
  const handle = await open(file, 'wx', isPublic ? 0o644 : 0o600)
  try {
    for await (const part of bytes) await handle.appendFile(part)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function syncFile(file: string): Promise<void> {
  const handle = await open(file, 'r+')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function toBuffer(bytes: AsyncGenerator<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of bytes) parts.push(part)
  return Buffer.concat(parts)
}

/** Reads to the end and keeps nothing. */
async function* none(bytes: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  for await (const part of bytes) if (part.length < 0) yield part
}

function refuseUsed(dataDirectory: string): void {
  if (isNewDirectory(dataDirectory)) return
  throw new Fault(
    'DirectoryNotEmpty',
    `${dataDirectory} is not empty. A backup is restored into a new directory: choose one with --data.`,
  )
}
