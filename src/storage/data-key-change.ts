import path from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { Fault } from '../base/fault.ts'
import { keyIdOf, toIdBytes } from './aead.ts'
import { CHECK_SCOPE, type SealingTables } from './data-keys.ts'
import type { Database } from './database.ts'
import { lockFile } from './process-lock.ts'
import {
  replaceValues,
  type SealedColumn,
  type StoredValue,
  sealAnew,
  storedValues,
} from './sealed-columns.ts'
import { ACTIVE_AFTER_MS, type Sealer } from './sealing.ts'

/**
 * Scopes whose values also lie outside of the database, where none can be sealed anew: files of
 * artifacts, and backups that were handed out. They get new data keys and keep the old ones.
 */
const LASTING = /^(blobs$|vault-backup:)/

/** A retired data key is dropped after this long: a process that was held up may still store with it. */
const DROP_AFTER_MS = 86_400_000
/** Rounds over all values at most; a round that changes nothing ends it. */
const MOST_ROUNDS = 10

/** What a change of data keys works with. */
export interface DataKeyChange {
  readonly dataDirectory: string
  readonly db: Database<unknown>
  readonly sealer: Sealer
  /** Those of all rooms. */
  readonly columns: readonly SealedColumn[]
  readonly nowMs: () => number
  /** Only this scope; absent: all. */
  readonly scope?: string
  /** Waits for real time; a test may wait less. */
  readonly wait?: (ms: number) => Promise<unknown>
}

/** What was done, in numbers. */
export interface DataKeysChanged {
  /** Scopes that have a new data key. */
  readonly dataKeys: number
  /** Values that were sealed anew. */
  readonly values: number
  /** Values that do not open, and were left as they are; their data keys stay. */
  readonly damaged: number
  /** Old data keys that nothing uses any more: they open, but seal no more. */
  readonly retired: number
  /** Retired ones of earlier changes that are gone now. */
  readonly dropped: number
}

/**
 * Gives every scope a new data key and seals what is stored with it, in small batches, while any number
 * of processes read and write. May be ended at any point and done again: all keys that a value may use
 * are there at any time.
 *
 * @throws Fault `DataBusy` when another process does it
 */
export async function changeDataKeys(change: DataKeyChange): Promise<DataKeysChanged> {
  const lock = path.join(change.dataDirectory, 'data-key.lock')
  const unlock = lockFile(lock, 'changes the data keys')
  try {
    const dropped = await dropRetired({ ...change, columns: async () => change.columns })
    const newIds = await announce(change)
    // Until then nobody seals with the new keys, and all processes get to know them.
    await (change.wait ?? setTimeout)(ACTIVE_AFTER_MS + 500)
    const { values, damaged } = await resealAll(change, newIds)
    const retired = await retire(change, newIds)
    return { dataKeys: newIds.size, values, damaged, retired, dropped }
  } finally {
    unlock()
  }
}

/** The new data key of each scope, by scope; bytes of its id as Latin-1. */
type NewIds = ReadonlyMap<string, string>

async function announce({ db, sealer, scope, nowMs }: DataKeyChange): Promise<NewIds> {
  const rows = await (db as Database<SealingTables>).query
    .selectFrom('data_key')
    .select('scope')
    .distinct()
    .where('scope', '<>', CHECK_SCOPE)
    .execute()
  const scopes = rows.map((row) => row.scope).filter((name) => !scope || name === scope)
  const activeFromMs = nowMs() + ACTIVE_AFTER_MS
  const ids = new Map<string, string>()
  for (const name of scopes) {
    const id = await sealer.addKey(name, activeFromMs)
    ids.set(name, toIdBytes(id).toString('latin1'))
  }
  return ids
}

async function resealAll(
  change: DataKeyChange,
  newIds: NewIds,
): Promise<{ values: number; damaged: number }> {
  let values = 0
  for (let round = 1; ; round += 1) {
    const done = await resealRound(change, newIds)
    values += done.replaced
    if (done.found === done.damaged) return { values, damaged: done.damaged }
    if (round === MOST_ROUNDS) {
      throw new Fault(
        'DataBusy',
        'Values are written with their old data keys all the time. Nothing is lost; try again when every server has this version.',
      )
    }
  }
}

/** One look at every value. */
async function resealRound(
  { db, sealer, columns, scope }: DataKeyChange,
  newIds: NewIds,
): Promise<{ found: number; replaced: number; damaged: number }> {
  const round = { found: 0, replaced: 0, damaged: 0 }
  for (const column of columns) {
    for await (const batch of storedValues(db, column, scope)) {
      const anew: { stored: StoredValue; sealed: Uint8Array }[] = []
      for (const stored of batch) {
        const id = newIds.get(stored.scope)
        if (id === undefined || keyIdOf(stored.sealed) === id) continue
        round.found += 1
        const sealed = await tryAnew(sealer, id, stored)
        if (sealed) anew.push({ stored, sealed })
        else round.damaged += 1
      }
      round.replaced += await replaceValues(db, anew)
    }
  }
  return round
}

async function tryAnew(
  sealer: Sealer,
  id: string,
  stored: StoredValue,
): Promise<Uint8Array | undefined> {
  try {
    return sealAnew(await sealer.scope(stored.scope), id, stored)
  } catch (error) {
    if (error instanceof Fault && error.code === 'SealBroken') return undefined
    throw error
  }
}

/** Data keys that nothing in the database uses seal no more. */
async function retire(
  { db, columns, scope, nowMs }: DataKeyChange,
  newIds: NewIds,
): Promise<number> {
  const used = await usedKeys(db, columns, scope)
  return (db as Database<SealingTables>).write(async ({ query }) => {
    const rows = await query
      .selectFrom('data_key')
      .select(['id', 'scope'])
      .where('retired_at_ms', 'is', null)
      .execute()
    const old = rows.filter(({ id, scope: name }) => {
      const bytes = toIdBytes(id).toString('latin1')
      const next = newIds.get(name)
      return next !== undefined && next !== bytes && !LASTING.test(name) && !used.has(bytes)
    })
    for (const { id } of old) {
      const retired_at_ms = nowMs()
      await query.updateTable('data_key').set({ retired_at_ms }).where('id', '=', id).execute()
    }
    return old.length
  })
}

/**
 * Removes keys that were retired a day ago, when still nothing uses them; servers do it too. Gives how
 * many.
 */
export async function dropRetired({
  db,
  columns,
  nowMs,
}: Pick<DataKeyChange, 'db' | 'nowMs'> & {
  readonly columns: () => Promise<readonly SealedColumn[]>
}): Promise<number> {
  const keys = db as Database<SealingTables>
  const rows = await keys.query
    .selectFrom('data_key')
    .select('id')
    .where('retired_at_ms', '<=', nowMs() - DROP_AFTER_MS)
    .execute()
  if (rows.length === 0) return 0
  const used = await usedKeys(db, await columns())
  const unused = rows.filter(({ id }) => !used.has(toIdBytes(id).toString('latin1')))
  await keys.write(async ({ query }) => {
    for (const { id } of unused) await query.deleteFrom('data_key').where('id', '=', id).execute()
  })
  return unused.length
}

async function usedKeys(
  db: Database<unknown>,
  columns: readonly SealedColumn[],
  scope?: string,
): Promise<ReadonlySet<string>> {
  const used = new Set<string>()
  for (const column of columns) {
    for await (const batch of storedValues(db, column, scope)) {
      for (const { sealed } of batch) used.add(keyIdOf(sealed))
    }
  }
  return used
}
