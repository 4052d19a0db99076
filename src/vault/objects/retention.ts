import { statement } from '../../storage/database.ts'
import type { DataPlaneResource } from '../ports.ts'
import { purgeObject } from './changes.ts'
import type { Writing } from './store.ts'
import type { ObjectTables } from './tables.ts'

const DAY_MS = 86_400_000

/** Objects purged in one commit at most, so that requests get their turn. */
const BATCH = 200

const overdue = statement<ObjectTables, { nowMs: number }, { id: number }>((query, parameter) =>
  query
    .selectFrom('vault_object')
    .select('id')
    .where('purge_at_ms', '<=', parameter<number>('nowMs'))
    .limit(BATCH),
)

const ofVault = statement<ObjectTables, { vault: string }, { id: number }>((query, parameter) =>
  query
    .selectFrom('vault_object')
    .select('id')
    .where('vault', '=', parameter<string>('vault'))
    .limit(BATCH),
)

const dropPending = statement<ObjectTables, { vault: string }>((query, parameter) =>
  query.deleteFrom('vault_certificate_pending').where('vault', '=', parameter<string>('vault')),
)
const dropSettings = statement<ObjectTables, { vault: string }>((query, parameter) =>
  query.deleteFrom('vault_certificate_setting').where('vault', '=', parameter<string>('vault')),
)

/** When an object deleted now is destroyed. */
export function purgeTimeOf(vault: DataPlaneResource, deletedAtMs: number): number {
  return deletedAtMs + vault.softDeleteRetentionInDays * DAY_MS
}

/** Key Vault's `recoveryLevel` (key-vault.md §12.1). */
export function recoveryLevelOf(vault: DataPlaneResource): string {
  const level = vault.softDeleteRetentionInDays < 90 ? 'CustomizedRecoverable' : 'Recoverable'
  return vault.enablePurgeProtection ? level : `${level}+Purgeable`
}

/** Purges at most one batch of objects whose retention has ended; gives how many it took. */
export async function purgeOverdue(tx: Writing, nowMs: number): Promise<number> {
  return purgeAll(tx, await tx.all(overdue, { nowMs }))
}

/** Purges what a vault has beside objects, and at most one batch of these; gives how many it took. */
export async function purgeVault(tx: Writing, vault: string): Promise<number> {
  await tx.run(dropPending, { vault })
  await tx.run(dropSettings, { vault })
  return purgeAll(tx, await tx.all(ofVault, { vault }))
}

async function purgeAll(tx: Writing, found: readonly { readonly id: number }[]): Promise<number> {
  for (const { id } of found) await purgeObject(tx, id)
  return found.length
}
