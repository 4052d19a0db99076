import { randomBytes } from 'node:crypto'
import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  statSync,
  writeSync,
} from 'node:fs'
import { Fault } from '../base/fault.ts'

/**
 * Makes the data directory if it is absent (mode 0700); one that is there is not touched, so that a start
 * that fails changes nothing.
 *
 * @throws Fault `DataNotWritable` with what to do
 */
export function ensureDataDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    if (!statSync(directory).isDirectory()) throw new Error('it is not a directory')
    accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK)
    if (process.platform !== 'win32' && (statSync(directory).mode & 0o077) !== 0)
      chmodSync(directory, 0o700)
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? (error as Error).message
    throw new Fault(
      'DataNotWritable',
      `The data directory ${directory} cannot be used (${reason}). Choose another with --data, or correct its owner and mode.`,
    )
  }
}

/** True when the directory is absent, or holds no data. */
export function isNewDirectory(directory: string): boolean {
  try {
    // A start that failed leaves its log alone.
    return readdirSync(directory).every((name) => name === 'server.log')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true
    throw new Fault(
      'DataNotWritable',
      `${directory} cannot be read (${(error as NodeJS.ErrnoException).code}).`,
    )
  }
}

/** Replaces a file in one step (mode 0600): a reader sees the old content or the new. */
export function writeFileDurably(file: string, content: string): void {
  const temporary = `${file}.${randomBytes(6).toString('hex')}.part`
  const descriptor = openSync(temporary, 'wx', 0o600)
  try {
    writeSync(descriptor, content)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
  renameSync(temporary, file)
}
