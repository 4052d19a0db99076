import { statement } from '../../storage/database.ts'
import type { Kind } from '../faults.ts'
import type { Rows, Writing } from './store.ts'
import type { ObjectTables } from './tables.ts'

const DUE_BATCH = 50

/** An object whose policy wants a new version. */
export interface DueObject {
  readonly id: number
  readonly vault: string
  /** Lower case. */
  readonly name: string
}

const writePolicy = statement<ObjectTables, { id: number; policy: string }>((query, parameter) =>
  query
    .updateTable('vault_object')
    .set({ policy: parameter<string>('policy') })
    .where('id', '=', parameter<number>('id')),
)

const writeDue = statement<ObjectTables, { id: number; atMs: number | null }>((query, parameter) =>
  query
    .updateTable('vault_object')
    .set({ rotate_at_ms: parameter<number | null>('atMs') })
    .where('id', '=', parameter<number>('id')),
)

const dueObjects = statement<ObjectTables, { kind: Kind; nowMs: number; after: number }, DueObject>(
  (query, parameter) =>
    query
      .selectFrom('vault_object')
      .select(['id', 'vault', 'name'])
      .where('kind', '=', parameter<Kind>('kind'))
      .where('rotate_at_ms', '<=', parameter<number>('nowMs'))
      .where('deleted_at_ms', 'is', null)
      .where('id', '>', parameter<number>('after'))
      .orderBy('id')
      .limit(DUE_BATCH),
)

/** Keeps an object's policy: JSON of its kind's own form. */
export async function setPolicy(tx: Writing, id: number, policy: object): Promise<void> {
  await tx.run(writePolicy, { id, policy: JSON.stringify(policy) })
}

/** When the policy wants a new version; undefined: never. */
export async function planAt(tx: Writing, id: number, atMs: number | undefined): Promise<void> {
  await tx.run(writeDue, { id, atMs: atMs ?? null })
}

/** Runs `work` for every living object of a kind that is due; gives how many it says were done. */
export async function eachDue(
  rows: Rows,
  kind: Kind,
  nowMs: number,
  work: (due: DueObject) => Promise<boolean>,
): Promise<number> {
  let done = 0
  let after = 0
  for (;;) {
    const batch = await rows.all(dueObjects, { kind, nowMs, after })
    for (const due of batch) {
      if (await work(due)) done += 1
      after = due.id
    }
    if (batch.length === 0) return done
  }
}
