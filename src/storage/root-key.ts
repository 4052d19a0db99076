import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import path from 'node:path'
import { Fault } from '../base/fault.ts'

/**
 * The root key of a data directory: 32 random bytes, base64, in `root.key` (mode 0600). It is made
 * on the first start; of two processes that start at once, the first wins and both use its key.
 *
 * @throws Fault `RootKeyWrong` when the file exists but holds no key, or others may read it
 */
export function loadRootKey(dataDirectory: string): KeyObject {
  const file = path.join(dataDirectory, 'root.key')
  const text = readIfThere(file) ?? createKeyFile(dataDirectory, file)
  const bytes = Buffer.from(text.trim(), 'base64')
  if (bytes.length !== 32) {
    throw new Fault('RootKeyWrong', `${file} does not hold a root key. Restore it from a backup.`)
  }
  refuseOpenMode(file)
  return createSecretKey(bytes)
}

/** The key is made before the database, so a database without a key has lost it. */
function createKeyFile(dataDirectory: string, file: string): string {
  if (existsSync(path.join(dataDirectory, 'sluice.db'))) {
    throw new Fault(
      'RootKeyWrong',
      `${file} is missing, and the data beside it is sealed with it. Put it back from a backup. Nothing was changed.`,
    )
  }
  const temporary = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`
  const descriptor = openSync(temporary, 'wx', 0o600)
  try {
    writeSync(descriptor, `${randomBytes(32).toString('base64')}\n`)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
  try {
    linkSync(temporary, file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    unlinkSync(temporary)
  }
  return readFileSync(file, 'utf8')
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new Fault('RootKeyWrong', `${file} cannot be read: ${(error as Error).message}.`)
  }
}

function refuseOpenMode(file: string): void {
  if (process.platform === 'win32') return
  if ((statSync(file).mode & 0o077) === 0) return
  throw new Fault('RootKeyWrong', `${file} can be read by other users. Run: chmod 600 ${file}`)
}
