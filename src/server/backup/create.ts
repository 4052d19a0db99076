import { randomBytes } from 'node:crypto'
import { type FileHandle, mkdir, open, opendir, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { systemClock } from '../../base/clock.ts'
import { Fault } from '../../base/fault.ts'
import { newGuid } from '../../base/ids.ts'
import { syncFolder } from '../../storage/files.ts'
import { refuseWeak } from '../../storage/passphrase.ts'
import { localRootKey } from '../../storage/root-key.ts'
import { openData } from '../compose.ts'
import { packageVersion } from '../package-version.ts'
import { refuseNew } from '../root-keys.ts'
import type { ProcessSecrets } from '../secrets.ts'
import { makeWorkFolder } from '../work-folder.ts'
import { copyDatabase, rewrapCopy } from './database-copy.ts'
import {
  type BackupKey,
  DATABASE_ENTRY,
  entryOf,
  isBackedUp,
  KEY_ENTRY,
  toKeyEntry,
} from './entries.ts'
import { toFileFault } from './file-fault.ts'
import { writeSealedStream } from './sealed-stream.ts'

/** What a backup holds, for people. */
export interface BackupView {
  readonly file: string
  /** ISO 8601. */
  readonly created: string
  readonly version: string
  readonly files: number
  readonly sizeBytes: number
}

/**
 * Writes everything that a data directory keeps into one sealed file (mode 0600), while servers run: the
 * database as it is at one moment, then artifacts, the authority and the administrator's credential. It
 * appears whole or not at all. The data keys in it are wrapped by a key of its own, which is sealed with
 * the passphrase: neither the root key nor its passphrase is in it, and it opens on any machine.
 *
 * @throws Fault `FileExists`, `RootKeyWrong`, `PassphraseWeak`, `BackupUnsupported` …
 */
export async function createBackup(
  dataDirectory: string,
  file: string,
  options: { readonly secrets: ProcessSecrets; readonly cost?: number },
): Promise<BackupView> {
  refuseNew(dataDirectory)
  const { secrets, cost } = options
  const { db, sealer, door } = await openData(dataDirectory, systemClock, { secrets })
  const work = path.join(makeWorkFolder(dataDirectory), `backup-${randomBytes(6).toString('hex')}`)
  const part = `${file}.${randomBytes(6).toString('hex')}.part`
  let target: FileHandle | undefined
  try {
    await refuseExisting(file)
    const passphrase = await secrets.backupPassphrase('new')
    refuseWeak(passphrase)
    await mkdir(work, { recursive: true, mode: 0o700 })
    const copy = path.join(work, DATABASE_ENTRY)
    copyDatabase(dataDirectory, copy)
    const key = { id: newGuid(), bytes: randomBytes(32) }
    await rewrapCopy(copy, sealer.rootKey, localRootKey('file', key.id, key.bytes))
    target = await open(part, 'wx', 0o600)
    const written = { files: 0, sizeBytes: 0 }
    const createdAtMs = systemClock.nowMs()
    const version = packageVersion()
    await writeSealedStream(
      target,
      { passphrase, createdAtMs, version, ...(cost === undefined ? {} : { cost }) },
      contentOf({ dataDirectory, copy, key, written }),
    )
    await target.sync()
    await target.close()
    await rename(part, file)
    syncFolder(path.dirname(file))
    return { file, created: new Date(createdAtMs).toISOString(), version, ...written }
  } catch (error) {
    throw toFileFault(error, file)
  } finally {
    await target?.close().catch(() => undefined)
    await rm(part, { force: true })
    await rm(work, { recursive: true, force: true })
    await db.close()
    await door.close()
  }
}

interface Content {
  readonly dataDirectory: string
  readonly copy: string
  readonly key: BackupKey
  /** Counted while it is written. */
  readonly written: { files: number; sizeBytes: number }
}

async function* contentOf({ dataDirectory, copy, key, written }: Content): AsyncGenerator<Buffer> {
  yield* entryOf(KEY_ENTRY, toKeyEntry(key))
  yield* fileEntry(DATABASE_ENTRY, copy, written)
  for await (const name of names(dataDirectory)) {
    yield* fileEntry(name, path.join(dataDirectory, name), written)
  }
}

/** A file that goes while the backup is made (an artifact of a run that is deleted) is not in it. */
async function* fileEntry(
  name: string,
  file: string,
  written: Content['written'],
): AsyncGenerator<Buffer> {
  const source = await open(file, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (!source) return
  try {
    written.files += 1
    written.sizeBytes += (await source.stat()).size
    yield* entryOf(name, source)
  } finally {
    await source.close()
  }
}

async function* names(dataDirectory: string): AsyncGenerator<string> {
  yield* ['admin.json', 'ca/ca.key', 'ca/ca.pem']
  const blobs = path.join(dataDirectory, 'blobs')
  for await (const folder of listFolder(blobs)) {
    for await (const file of listFolder(path.join(blobs, folder))) {
      const name = `blobs/${folder}/${file}`
      // What is just being written has another name.
      if (isBackedUp(name)) yield name
    }
  }
}

async function* listFolder(folder: string): AsyncGenerator<string> {
  const entries = await opendir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined
    throw error
  })
  if (entries) for await (const { name } of entries) yield name
}

/** @throws Fault `FileExists`: an older backup is not overwritten */
async function refuseExisting(file: string): Promise<void> {
  const found = await stat(file).catch(() => undefined)
  if (found) throw new Fault('FileExists', `${file} exists. Choose another name for the backup.`)
}
