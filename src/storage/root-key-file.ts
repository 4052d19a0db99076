import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto'
import { existsSync, rmSync } from 'node:fs'
import path from 'node:path'
import { Fault } from '../base/fault.ts'
import { createPrivateFile, findText, refuseOpenMode, replacePrivateFile } from './files.ts'
import { fits, localRootKey, type RootKey, type RootKeySource } from './root-key.ts'

/**
 * The root key in `root.key` (mode 0600): 32 random bytes, base64. While one is being replaced the
 * file has a line for each, and `root-key.json` tells which is which.
 */
export const fileSource: RootKeySource = {
  provider: 'file',
  create: async ({ dataDirectory }, id) => {
    const file = fileOf(dataDirectory)
    const bytes = randomBytes(32)
    const lines = [...readKeyLines(file), bytes.toString('base64')]
    replacePrivateFile(file, `${lines.join('\n')}\n`)
    return { key: localRootKey('file', id, bytes), parameters: {} }
  },
  open: async ({ dataDirectory }, record) => {
    for (const line of readKeyLines(fileOf(dataDirectory))) {
      const key = localRootKey('file', record.id, toKey(line, dataDirectory))
      if (await fits(key, record)) return key
    }
    return undefined
  },
  discard: async ({ dataDirectory }, _record, kept) => keepLines(dataDirectory, kept),
  explain: ({ dataDirectory }) => {
    const file = fileOf(dataDirectory)
    const what = existsSync(file)
      ? `The root key does not fit this data directory: ${file} holds another one.`
      : `${file} is missing, and the data beside it is sealed with it.`
    return `${what} Put the root.key that belongs to it back from a backup. Nothing was changed.`
  },
}

/** How many keys `root.key` holds; 0 when it is absent. */
export function countFileKeys(dataDirectory: string): number {
  return readKeyLines(fileOf(dataDirectory)).length
}

/** Leaves only these keys in `root.key`, and no file when none of them is there. */
export function keepLines(dataDirectory: string, kept: readonly RootKey[]): void {
  const file = fileOf(dataDirectory)
  const keep = new Set(
    kept.flatMap(({ provider, material }) =>
      provider === 'file' && material ? [material.export().toString('base64')] : [],
    ),
  )
  const lines = readKeyLines(file)
  const left = lines.filter((line) => keep.has(line))
  if (left.length === lines.length) return
  if (left.length === 0) rmSync(file, { force: true })
  else replacePrivateFile(file, left.map((line) => `${line}\n`).join(''))
}

/**
 * The key of a directory that has no `root-key.json` yet: made on the first start; of two processes
 * that start at once, the first wins and both use its key.
 *
 * @throws Fault `RootKeyWrong` when the file holds no key, others may read it, or it was lost
 */
export function loadRootKey(dataDirectory: string): KeyObject {
  const file = fileOf(dataDirectory)
  if (findText(file, 'RootKeyWrong') === undefined) createKeyFile(dataDirectory, file)
  const [line = ''] = readKeyLines(file)
  return toKey(line, dataDirectory)
}

/** The key is made before the database, so a database without a key has lost it. */
function createKeyFile(dataDirectory: string, file: string): void {
  if (existsSync(path.join(dataDirectory, 'sluice.db'))) {
    throw new Fault(
      'RootKeyWrong',
      `${file} is missing, and so is root-key.json; the data beside them is sealed. Put back what was there from a backup. Nothing was changed.`,
    )
  }
  createPrivateFile(file, `${randomBytes(32).toString('base64')}\n`)
}

function readKeyLines(file: string): string[] {
  const text = findText(file, 'RootKeyWrong')
  if (text === undefined) return []
  refuseOpenMode(file, 'RootKeyWrong')
  return text.split('\n').flatMap((line) => (line.trim() === '' ? [] : [line.trim()]))
}

function toKey(line: string, dataDirectory: string): KeyObject {
  const bytes = Buffer.from(line, 'base64')
  if (bytes.length === 32) return createSecretKey(bytes)
  throw new Fault(
    'RootKeyWrong',
    `${fileOf(dataDirectory)} does not hold a root key. Restore it from a backup.`,
  )
}

function fileOf(dataDirectory: string): string {
  return path.join(dataDirectory, 'root.key')
}
