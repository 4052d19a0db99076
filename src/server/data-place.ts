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
 * directory takes.
 *
 * @throws Fault `UsageWrong` when the address is none or holds a password, `DatabaseDiffers` when the
 * directory has chosen already, `DataUnreadable` for a wrong `database.json`
 */
export function findDataPlace(dataDirectory: string, wanted: string | undefined): DataPlace {
  if (wanted !== undefined) checkDatabaseAddress(wanted)
  const file = path.join(dataDirectory, 'database.json')
  const kept = readKept(file)
  if (kept !== undefined) {
    if (wanted !== undefined && wanted !== kept) {
      throw new Fault(
        'DatabaseDiffers',
        `The data directory ${dataDirectory} has its tables in another database. If that one has moved, correct ${file}; for a new one choose another directory with --data. Nothing was changed.`,
      )
    }
    return { url: kept, keep: () => {} }
  }
  if (wanted === undefined) return { url: undefined, keep: () => {} }
  if (existsSync(path.join(dataDirectory, 'sluice.db'))) {
    throw new Fault(
      'DatabaseDiffers',
      `The data directory ${dataDirectory} has its tables in its own sluice.db. Choose another directory with --data. Nothing was changed.`,
    )
  }
  const text = `${JSON.stringify({ url: wanted }, undefined, 2)}\n`
  return { url: wanted, keep: () => writeFileDurably(file, text) }
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

function readKept(file: string): string | undefined {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw unreadable(file, (error as Error).message)
  }
  const url = urlIn(text)
  if (url === undefined) throw unreadable(file, 'it names no url')
  // It may be given a password by hand.
  if (process.platform !== 'win32' && (statSync(file).mode & 0o077) !== 0) {
    throw unreadable(file, `other users can read it; run: chmod 600 ${file}`)
  }
  return url
}

function urlIn(text: string): string | undefined {
  try {
    const read: unknown = JSON.parse(text)
    return isObject(read) ? findString(read['url'], 'url') : undefined
  } catch {
    return undefined
  }
}

function unreadable(file: string, reason: string): Fault<'DataUnreadable'> {
  return new Fault('DataUnreadable', `${file} cannot be used: ${reason}. Nothing was changed.`)
}
