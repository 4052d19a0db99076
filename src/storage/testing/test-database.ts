import { createHash } from 'node:crypto'
import { type Database, openSqlite } from '../database.ts'
import { openPostgres } from '../postgres.ts'
import { openSchema } from './postgres-cluster.ts'

/**
 * A database for the tests of a room: the SQLite file, or, when SLUICE_TEST_POSTGRES is the address
 * of a database, tables there that belong to this file's path.
 */
export async function openTestDatabase<Tables>(file: string): Promise<Database<Tables>> {
  const url = process.env['SLUICE_TEST_POSTGRES']
  if (!url) return openSqlite<Tables>(file)
  const name = file === ':memory:' ? crypto.randomUUID() : file
  const schema = `s${createHash('sha256').update(name).digest('hex').slice(0, 24)}`
  return openPostgres<Tables>(await openSchema(url, schema))
}

/** Resolves when `db` knows of all that was committed before: at its next turn to write. */
export async function caughtUp(db: Database<unknown>): Promise<void> {
  await db.write(() => undefined)
}

/**
 * Resolves when `holds` does, which rests on mirrored rows that another process has written: at the
 * next turn of the event loop on SQLite, as soon as they are read on PostgreSQL.
 */
export async function mirrored(db: Database<unknown>, holds: () => boolean): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
  while (db.onForeignChange && !holds()) await new Promise((resolve) => setImmediate(resolve))
}
