import { closeSync, existsSync, openSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Fault } from '../../base/fault.ts'
import { dataKeyPlace } from '../../storage/data-keys.ts'
import type { RootKey } from '../../storage/root-key.ts'

interface WrappedKey {
  readonly id: string
  readonly scope: string
  readonly wrapped: Uint8Array
  readonly root_key_id: string
}

/**
 * Copies the database as it is at one moment, while any number of processes read and write it.
 *
 * @throws Fault `BackupUnsupported` when the data is not in a file of this directory, `DiskFull`
 */
export function copyDatabase(dataDirectory: string, copy: string): void {
  const file = path.join(dataDirectory, 'sluice.db')
  if (!existsSync(file)) {
    throw new Fault(
      'BackupUnsupported',
      `${dataDirectory} holds no database file. Data in PostgreSQL is backed up with the tools of PostgreSQL.`,
    )
  }
  // The copy gets the mode of the empty file that it fills.
  closeSync(openSync(copy, 'wx', 0o600))
  const database = new DatabaseSync(file, { timeout: 10_000 })
  try {
    database.prepare('vacuum into ?').run(copy)
  } catch (error) {
    if ((error as { errcode?: number }).errcode !== 13) throw error
    throw new Fault('DiskFull', `The disk is full: a backup needs room for a copy of ${file}.`)
  } finally {
    database.close()
  }
}

/** Wraps the data keys of a copy that nobody else has open with another root key. */
export async function rewrapCopy(copy: string, from: RootKey, to: RootKey): Promise<void> {
  const database = new DatabaseSync(copy)
  try {
    const keys = database
      .prepare('select id, scope, wrapped, root_key_id from data_key')
      .all() as unknown as WrappedKey[]
    const update = database.prepare('update data_key set wrapped = ?, root_key_id = ? where id = ?')
    database.exec('begin')
    for (const { id, scope, wrapped, root_key_id } of keys) {
      if (root_key_id !== from.id) throw rootKeyChanges()
      const place = dataKeyPlace(scope, id)
      update.run(await to.wrap(place, await from.unwrap(place, wrapped)), to.id, id)
    }
    database.exec('delete from root_key_holder')
    database.exec('commit')
  } finally {
    database.close()
  }
}

function rootKeyChanges(): Fault<'DataBusy'> {
  return new Fault('DataBusy', 'The root key is being changed. Try again when that has finished.')
}
