import path from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { Fault } from '../base/fault.ts'
import {
  CHECK_SCOPE,
  dataKeyPlace,
  keysOfScope,
  lockRootKey,
  type SealingTables,
} from './data-keys.ts'
import type { Database, Transaction } from './database.ts'
import { lockFile } from './process-lock.ts'
import type { RootKey, RootKeyProvider, RootKeyRecord } from './root-key.ts'
import { offerRootKey } from './root-key-handover.ts'
import type { RootKeyring } from './root-key-ring.ts'
import { rootKeyWrong } from './sealing.ts'

/** What a change of the root key works with. */
export interface RootKeyChange {
  readonly dataDirectory: string
  readonly db: Database<unknown>
  readonly ring: RootKeyring
  readonly nowMs: number
  /** Told after each step that is durable; a test ends the change there. */
  readonly onStep?: (step: 'added' | 'switched' | 'removed') => void
}

/** What was done. */
export interface RootKeyChanged {
  readonly record: RootKeyRecord
  /** How many data keys the new root key wraps. */
  readonly dataKeys: number
}

/**
 * Puts a new root key in the place of the one that counts, while any number of processes serve. The
 * new key is durable before anything is wrapped by it, all data keys change over in one commit, and
 * the old key is removed after it: a process that is killed at any point leaves data that opens with
 * the one or the other, and `finishChange` tidies up.
 *
 * @throws Fault `DataBusy` when another process changes it, `RootKeyWrong` when the old does not open
 */
export async function changeRootKey(
  change: RootKeyChange,
  provider: RootKeyProvider,
): Promise<RootKeyChanged> {
  const unlock = lock(change.dataDirectory)
  try {
    const db = change.db as Database<SealingTables>
    const old = await keyInUse(db, change.ring)
    await change.ring.keepOnly(old)
    const next = await change.ring.add(provider, change.nowMs)
    change.onStep?.('added')
    const dataKeys = await switchOver(db, old, next)
    change.onStep?.('switched')
    await change.ring.keepOnly(next)
    change.onStep?.('removed')
    const record = change.ring.records().find(({ id }) => id === next.id)
    if (!record) throw new Error('The new root key has no record.')
    return { record, dataKeys }
  } finally {
    unlock()
  }
}

/**
 * Removes the root key that a change which was killed left over, be it the old or the new one. Does
 * nothing while a change is under way.
 */
export async function finishChange(
  change: Pick<RootKeyChange, 'dataDirectory' | 'db' | 'ring'>,
): Promise<void> {
  if (change.ring.isTidy()) return
  let unlock: () => void
  try {
    unlock = lock(change.dataDirectory)
  } catch (error) {
    if (error instanceof Fault && error.code === 'DataBusy') return
    throw error
  }
  try {
    await change.ring.keepOnly(await keyInUse(change.db as Database<SealingTables>, change.ring))
  } finally {
    unlock()
  }
}

/**
 * Waits until the running processes have taken the new root key over, 3 s at most: one that was killed
 * has left its row.
 */
export async function awaitTaken(database: Database<unknown>, rootKeyId: string): Promise<void> {
  const db = database as Database<SealingTables>
  for (let tries = 30; tries > 0; tries -= 1) {
    const waiting = await db.query
      .selectFrom('root_key_holder')
      .select('id')
      .where('root_key_id', '<>', rootKeyId)
      .execute()
    if (waiting.length === 0) return
    await setTimeout(100)
  }
}

function lock(dataDirectory: string): () => void {
  return lockFile(path.join(dataDirectory, 'root-key.lock'), 'changes the root key')
}

async function keyInUse(db: Database<SealingTables>, ring: RootKeyring): Promise<RootKey> {
  const [check] = await db.all(keysOfScope, { scope: CHECK_SCOPE })
  const key = check?.root_key_id ? await ring.find(check.root_key_id) : undefined
  if (!key) throw rootKeyWrong()
  return key
}

/** Wraps every data key anew, in one commit. */
async function switchOver(
  db: Database<SealingTables>,
  old: RootKey,
  next: RootKey,
): Promise<number> {
  // Most of it is done before the write lock is taken: a token answers slowly.
  const wrapped = new Map<string, Buffer>()
  await rewrap(await db.query.selectFrom('data_key').selectAll().execute(), old, next, wrapped)
  return db.write(async (tx: Transaction<SealingTables>) => {
    await tx.run(lockRootKey, undefined)
    const rows = await tx.query.selectFrom('data_key').selectAll().execute()
    await rewrap(rows, old, next, wrapped)
    for (const { id } of rows) {
      const bytes = wrapped.get(id)
      if (!bytes) throw new Error('A data key was left out.')
      await tx.query
        .updateTable('data_key')
        .set({ wrapped: bytes, root_key_id: next.id })
        .where('id', '=', id)
        .execute()
    }
    // Those who have not taken the last one can be given nothing.
    await tx.query.deleteFrom('root_key_holder').where('root_key_id', '<>', old.id).execute()
    await offerRootKey(tx, old, next)
    return rows.length
  })
}

async function rewrap(
  rows: readonly SealingTables['data_key'][],
  old: RootKey,
  next: RootKey,
  wrapped: Map<string, Buffer>,
): Promise<void> {
  for (const { id, scope, wrapped: bytes, root_key_id } of rows) {
    if (wrapped.has(id)) continue
    if (root_key_id !== old.id) throw rootKeyWrong()
    const place = dataKeyPlace(scope, id)
    wrapped.set(id, await next.wrap(place, await old.unwrap(place, bytes)))
  }
}
