import type { Generated } from 'kysely'
import type { Migration } from '../storage/migrations.ts'

export interface EventTables {
  /** What happened and was not yet dropped, in the order in which it was recorded. */
  event_outbox: {
    /** Grows; never used twice, as the newest row is never dropped. */
    sequence: Generated<number>
    /** A GUID: what a receiver knows the event by. */
    id: string
    /** ARM id of the vault, in the casing it was made with. */
    topic: string
    type: string
    subject: string
    time_ms: number
    /** JSON, as both wire forms carry it. */
    data: string
  }
}

export const eventMigrations: readonly Migration[] = [
  {
    name: 'events-0001-outbox',
    up: async (query) => {
      // No index beside the key: every write of a vault adds a row here.
      await query.schema
        .createTable('event_outbox')
        .addColumn('sequence', 'integer', (column) => column.primaryKey())
        .addColumn('id', 'text', (column) => column.notNull())
        .addColumn('topic', 'text', (column) => column.notNull())
        .addColumn('type', 'text', (column) => column.notNull())
        .addColumn('subject', 'text', (column) => column.notNull())
        .addColumn('time_ms', 'integer', (column) => column.notNull())
        .addColumn('data', 'text', (column) => column.notNull())
        .execute()
    },
  },
]
