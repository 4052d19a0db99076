import type { Migration } from '../storage/migrations.ts'

export interface MonitorTables {
  /** The trail itself: the entries that were stored together, in one row. */
  audit_segment: {
    first_sequence: number
    count: number
    /** The entries as `segment.ts` packs them. */
    content: Uint8Array
    hash: Uint8Array
  }
  /** One row: the end of the chain. It also shows when segments were cut off the end. */
  audit_head: { id: number; sequence: number; hash: Uint8Array }
  /** The index over the entries; it is made from the segments when somebody asks. */
  audit: {
    sequence: number
    time_ms: number
    /** Lower case. */
    vault: string
    object: string
    operation: string
    status: number
    caller: string | null
    /** The `first_sequence` of the segment that holds the entry. */
    segment: number
  }
  /** One row: the `first_sequence` of the last segment that is in the index. */
  audit_indexed: { id: number; through: number }
}

export const monitorMigrations: readonly Migration[] = [
  {
    name: 'monitor-0001-audit',
    up: async (query) => {
      await query.schema
        .createTable('audit_segment')
        .addColumn('first_sequence', 'integer', (column) => column.primaryKey())
        .addColumn('count', 'integer', (column) => column.notNull())
        .addColumn('content', 'blob', (column) => column.notNull())
        .addColumn('hash', 'blob', (column) => column.notNull())
        .execute()
      await query.schema
        .createTable('audit_head')
        .addColumn('id', 'integer', (column) => column.primaryKey())
        .addColumn('sequence', 'integer', (column) => column.notNull())
        .addColumn('hash', 'blob', (column) => column.notNull())
        .execute()
      await query.schema
        .createTable('audit')
        .addColumn('sequence', 'integer', (column) => column.primaryKey())
        .addColumn('time_ms', 'integer', (column) => column.notNull())
        .addColumn('vault', 'text', (column) => column.notNull())
        .addColumn('object', 'text', (column) => column.notNull())
        .addColumn('operation', 'text', (column) => column.notNull())
        .addColumn('status', 'integer', (column) => column.notNull())
        .addColumn('caller', 'text')
        .addColumn('segment', 'integer', (column) => column.notNull())
        .execute()
      // Without the vault, whose name is long: it halves the time to index an entry, and the rows of
      // one vault are found from the newest on.
      await query.schema.createIndex('audit_object').on('audit').column('object').execute()
      await query.schema
        .createTable('audit_indexed')
        .addColumn('id', 'integer', (column) => column.primaryKey())
        .addColumn('through', 'integer', (column) => column.notNull())
        .execute()
    },
  },
]
