import { statement } from '../../storage/database.ts'
import type { Rows, Writing } from '../objects/store.ts'
import type { ObjectTables } from '../objects/tables.ts'

/** Objects destroyed in one round at most. */
const BATCH = 50

/**
 * What the token has to forget, and when: a key that is being made (unless its version is stored until
 * then), and one whose version was purged. Written before the token is asked, so that a crash leaves no
 * object in it that nobody knows.
 */
const insertDue = statement<ObjectTables, { version: string; dueAtMs: number }>(
  (query, parameter) =>
    query
      .insertInto('vault_token_object')
      .values({ version: parameter('version'), due_at_ms: parameter('dueAtMs') }),
)

const dropDue = statement<ObjectTables, { version: string }, { version: string }>(
  (query, parameter) =>
    query
      .deleteFrom('vault_token_object')
      .where('version', '=', parameter<string>('version'))
      .returning('version'),
)

const dueBy = statement<ObjectTables, { nowMs: number }, { version: string }>((query, parameter) =>
  query
    .selectFrom('vault_token_object')
    .select('version')
    .where('due_at_ms', '<=', parameter<number>('nowMs'))
    .orderBy('due_at_ms')
    .limit(BATCH),
)

/** Notes that the token will have an object of this version, to be destroyed at `dueAtMs`. */
export async function noteObject(tx: Writing, version: string, dueAtMs: number): Promise<void> {
  await tx.run(insertDue, { version, dueAtMs })
}

/** The object is a stored version's from now on, or gone. False when nothing was noted (any more). */
export async function strikeObject(tx: Writing, version: string): Promise<boolean> {
  return (await tx.all(dropDue, { version })).length > 0
}

/** Versions whose objects are to be destroyed, at most one round of them. */
export async function listDueObjects(rows: Rows, nowMs: number): Promise<string[]> {
  return (await rows.all(dueBy, { nowMs })).map(({ version }) => version)
}
