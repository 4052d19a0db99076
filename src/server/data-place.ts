import { existsSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { Fault } from '../base/fault.ts'
import { findString, isObject } from '../base/json.ts'
import { type Database, openSqlite } from '../storage/database.ts'
import { writeFileDurably } from './data-directory.ts'

/** Where the tables of a data directory lie; keys, certificates and files lie in it always. */
export interface DataPlace {
  /** The address of a PostgreSQL; undefined: `sluice.db` in the directory. */
  readonly url: string | undefined
  /** Makes the choice lasting: every later command uses the same database. */
  keep(): void
}

/**
 * Reads where the tables lie. `wanted` is an address given with the command, which only a new
 * directory takes. A file `database.json` written by hand may name an address with a password.
 *
 * @throws Fault `RootKeyWrong` when the root key is lost, `UsageWrong` when the address is none or holds a password, `DatabaseDiffers` when the
 * directory has chosen already, `DataUnreadable` for a wrong `database.json`
 */
export function findDataPlace(dataDirectory: string, wanted: string | undefined): DataPlace {
  if (wanted !== undefined) checkDatabaseAddress(wanted)
  const file = path.join(dataDirectory, 'database.json')
  const kept = readKept(file)
  if (kept && wanted !== undefined && wanted !== kept.url) {
    throw new Fault(
      'DatabaseDiffers',
      `The data directory ${dataDirectory} has its tables in another database. If that one has moved, correct ${file}; for a new one choose another directory with --data. Nothing was changed.`,
    )
  }
  if (kept?.isSealed) {
    refuseLostKey(dataDirectory)
    return { url: kept.url, keep: () => {} }
  }
  const url = kept?.url ?? wanted
  if (url === undefined) return { url, keep: () => {} }
  if (existsSync(path.join(dataDirectory, 'sluice.db'))) {
    throw new Fault(
      'DatabaseDiffers',
      `The data directory ${dataDirectory} has its tables in its own sluice.db. Choose another directory with --data. Nothing was changed.`,
    )
  }
  const text = `${JSON.stringify({ url, isSealed: true }, undefined, 2)}\n`
  return { url, keep: () => writeFileDurably(file, text) }
}

/** The root key was made before the tables, so a directory that has used them and has none lost it. */
function refuseLostKey(dataDirectory: string): void {
  const file = path.join(dataDirectory, 'root.key')
  if (existsSync(file) || existsSync(path.join(dataDirectory, 'root-key.json'))) return
  throw new Fault(
    'RootKeyWrong',
    `${file} is missing, and the data in the database is sealed with it. Put it back from a backup. Nothing was changed.`,
  )
}

/** Opens the tables. PostgreSQL's client is loaded only for it. */
export async function openTables(
  dataDirectory: string,
  { url }: DataPlace,
  options: { readonly writesPerCommit?: number },
): Promise<Database<unknown>> {
  if (url === undefined) return openSqlite<unknown>(path.join(dataDirectory, 'sluice.db'), options)
  const { openPostgres } = await import('../storage/postgres.ts')
  return openPostgres<unknown>(url, options)
}

/**
 * An address as `--database` takes it: of PostgreSQL, without a password.
 *
 * @throws Fault `UsageWrong`
 */
export function checkDatabaseAddress(address: string): void {
  const parsed = URL.parse(address.replace('@/', '@socket/'))
  if (parsed?.protocol !== 'postgres:' && parsed?.protocol !== 'postgresql:') {
    throw new Fault(
      'UsageWrong',
      '--database takes the address of a PostgreSQL database, for example postgres://sluice@localhost/sluice or postgres://sluice@/sluice?host=/run/postgresql.',
    )
  }
  if (parsed.password === '' && !parsed.searchParams.has('password')) return
  throw new Fault(
    'UsageWrong',
    '--database must not hold a password: every user of this machine could read it in the process list. Give it in the variable PGPASSWORD or the file ~/.pgpass, or connect to a socket, which needs none, with ?host=DIRECTORY.',
  )
}

interface Kept {
  readonly url: string
  /** The tables have been used: they hold what is sealed with the root key. */
  readonly isSealed: boolean
}

function readKept(file: string): Kept | undefined {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw unreadable(file, (error as Error).message)
  }
  const kept = toKept(text)
  if (kept === undefined) throw unreadable(file, 'it names no url')
  // It may be given a password by hand.
  if (process.platform !== 'win32' && (statSync(file).mode & 0o077) !== 0) {
    throw unreadable(file, `other users can read it; run: chmod 600 ${file}`)
  }
  return kept
}

function toKept(text: string): Kept | undefined {
  try {
    const read: unknown = JSON.parse(text)
    const url = isObject(read) ? findString(read['url'], 'url') : undefined
    if (!isObject(read) || url === undefined) return undefined
    return { url, isSealed: read['isSealed'] === true }
  } catch {
    return undefined
  }
}

function unreadable(file: string, reason: string): Fault<'DataUnreadable'> {
  return new Fault('DataUnreadable', `${file} cannot be used: ${reason}. Nothing was changed.`)
}
