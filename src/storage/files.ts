import { randomBytes } from 'node:crypto'
import {
  closeSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import path from 'node:path'
import { Fault } from '../base/fault.ts'

/**
 * Writes a private file (mode 0600) that appears whole or not at all. False, and nothing changed,
 * when a file of that name is there already: of two processes the first wins.
 */
export function createPrivateFile(file: string, content: string): boolean {
  const draft = writeDraft(file, content)
  try {
    linkSync(draft, file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return false
  } finally {
    unlinkSync(draft)
  }
  syncFolder(path.dirname(file))
  return true
}

/** Puts a private file (mode 0600) in place of what is there: a reader sees the old or the new. */
export function replacePrivateFile(file: string, content: string): void {
  renameSync(writeDraft(file, content), file)
  syncFolder(path.dirname(file))
}

/** The text of a file, or undefined when it is absent. @throws Fault of `code` when it is there and cannot be read */
export function findText(file: string, code: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? (error as Error).message
    if (why === 'ENOENT') return undefined
    throw new Fault(code, `${file} cannot be read (${why}).`)
  }
}

/** @throws Fault of `code` when other users may read or write the file; Windows has no such modes */
export function refuseOpenMode(file: string, code: string): void {
  if (process.platform === 'win32') return
  if ((statSync(file).mode & 0o077) === 0) return
  throw new Fault(code, `${file} can be read by other users. Run: chmod 600 ${file}`)
}

/** A new name is durable only when its folder is. Windows opens no folders, and needs no such step. */
export function syncFolder(folder: string): void {
  if (process.platform === 'win32') return
  const descriptor = openSync(folder, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function writeDraft(file: string, content: string): string {
  const draft = `${file}.${randomBytes(6).toString('hex')}.part`
  const descriptor = openSync(draft, 'wx', 0o600)
  try {
    writeSync(descriptor, content)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
  return draft
}
