import type { Statement } from './database.ts'
import type { Migration } from './migrations.ts'

export interface DataKeyRow {
  id: string
  scope: string
  wrapped: Uint8Array
  created_at_ms: number
  /** The root key that wrapped it; null in data of the time before root keys had names. */
  root_key_id: string | null
  /** It seals from then on; 0 for the first key of a scope. */
  active_from_ms: number
  /** Since when nothing was found that it sealed; it opens, but seals no more. */
  retired_at_ms: number | null
}

/** A running process that may be handed the root key that follows. */
export interface HolderRow {
  id: string
  /** The root key that it holds, and by which the proof is made. */
  root_key_id: string
  /** X25519, DER; its other half is in the process's memory only. */
  public_key: Uint8Array
  /** The public key, wrapped by the root key. */
  proof: Uint8Array
  registered_at_ms: number
  /** The next root key, sealed for this process alone. */
  offer: Uint8Array | null
}

export interface SealingTables {
  data_key: DataKeyRow
  root_key_holder: HolderRow
}

/** The scope whose data key proves the root key. */
export const CHECK_SCOPE = 'root-key-check'

// Every start asks it, so it is written as SQL and does not load the query builder.
export const keysOfScope: Statement<{ readonly scope: string }, DataKeyRow> = {
  sql: 'select * from data_key where scope = ? order by created_at_ms, id',
  bind: ({ scope }) => [scope],
}

/** Keys that follow another one, from a time on. */
export const newKeysSince: Statement<{ readonly since: number }, DataKeyRow> = {
  sql: 'select * from data_key where active_from_ms > 0 and active_from_ms > ?',
  bind: ({ since }) => [since],
}

/** The row of this process. */
export const holderOfId: Statement<{ readonly id: string }, HolderRow> = {
  sql: 'select * from root_key_holder where id = ?',
  bind: ({ id }) => [id],
}

/** Whoever wraps a data key takes turns with whoever changes the root key: both touch this row. */
export const lockRootKey: Statement<undefined, never> = {
  sql: `update data_key set scope = scope where scope = '${CHECK_SCOPE}'`,
  bind: () => [],
}

/** What a wrapped data key is bound to. */
export function dataKeyPlace(scope: string, id: string): string {
  return `data-key\n${scope}\n${id}`
}

export const sealingMigrations: readonly Migration[] = [
  {
    name: 'storage-0001-data-keys',
    up: async (query) => {
      await query.schema
        .createTable('data_key')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('scope', 'text', (column) => column.notNull())
        .addColumn('wrapped', 'blob', (column) => column.notNull())
        .addColumn('created_at_ms', 'integer', (column) => column.notNull())
        .execute()
      await query.schema
        .createIndex('data_key_scope')
        .on('data_key')
        .columns(['scope', 'created_at_ms'])
        .execute()
    },
  },
  {
    name: 'storage-0002-key-changes',
    up: async (query) => {
      const table = query.schema.alterTable('data_key')
      await table.addColumn('root_key_id', 'text').execute()
      await table
        .addColumn('active_from_ms', 'integer', (column) => column.notNull().defaultTo(0))
        .execute()
      await table.addColumn('retired_at_ms', 'integer').execute()
      await query.schema
        .createIndex('data_key_active')
        .on('data_key')
        .column('active_from_ms')
        .execute()
      await query.schema
        .createTable('root_key_holder')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('root_key_id', 'text', (column) => column.notNull())
        .addColumn('public_key', 'blob', (column) => column.notNull())
        .addColumn('proof', 'blob', (column) => column.notNull())
        .addColumn('registered_at_ms', 'integer', (column) => column.notNull())
        .addColumn('offer', 'blob')
        .execute()
    },
  },
]
