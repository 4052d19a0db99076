import { closeSync, openSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { Fault } from '../base/fault.ts'

/**
 * Takes a file for this process alone, until the function that it gives is called or the process ends
 * in any way. The file stays, empty.
 *
 * @throws Fault `DataBusy` when another process holds it; `what` says what it does
 */
export function lockFile(file: string, what: string): () => void {
  closeSync(openSync(file, 'a', 0o600))
  // A lock that the system takes back from a process that was killed: Node has none but SQLite's.
  const database = new DatabaseSync(file, { timeout: 0 })
  try {
    database.exec('begin exclusive')
  } catch (error) {
    database.close()
    if ((error as { errcode?: number }).errcode !== 5) throw error
    throw new Fault('DataBusy', `Another process ${what}. Try again when it has finished.`)
  }
  return () => database.close()
}
