import {
  closeSync,
  fsyncSync,
  linkSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { newGuid } from '../base/ids.ts'

/**
 * Writes a file that appears with all its content or not at all, also when the machine stops
 * midway. False, and nothing changed, when a file of that name is there already: the first wins.
 */
export function createFile(file: string, content: string, mode: number): boolean {
  const draft = writeDraft(file, content, mode)
  try {
    linkSync(draft, file)
    syncFolder(path.dirname(file))
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  } finally {
    unlinkSync(draft)
  }
}

/** Like `createFile`, but takes the place of a file that is there. */
export function replaceFile(file: string, content: string | Uint8Array, mode: number): void {
  const draft = writeDraft(file, content, mode)
  renameSync(draft, file)
  syncFolder(path.dirname(file))
}

/** Undefined when there is no such file. */
export function findFile(file: string): string | undefined {
  return findBytes(file)?.toString('utf8')
}

/** Undefined when there is no such file. */
export function findBytes(file: string): Buffer | undefined {
  try {
    return readFileSync(file)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Removes what writers that were killed left in `folder`; younger drafts may still be in work. */
export function removeOldDrafts(folder: string, olderThanMs: number): void {
  for (const name of readdirSync(folder)) {
    const file = path.join(folder, name)
    if (!name.endsWith('.tmp')) continue
    const info = statSync(file, { throwIfNoEntry: false })
    if (info && info.mtimeMs < olderThanMs) rmSync(file, { force: true })
  }
}

/** Node's `code` of a system error; undefined for anything else. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined
}

function writeDraft(file: string, content: string | Uint8Array, mode: number): string {
  const draft = `${file}.${newGuid()}.tmp`
  const handle = openSync(draft, 'wx', mode)
  try {
    writeFileSync(handle, content)
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
  return draft
}

/** A new name is durable only when its folder is. Windows opens no folders, and needs no such step. */
function syncFolder(folder: string): void {
  if (process.platform === 'win32') return
  const handle = openSync(folder, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}
