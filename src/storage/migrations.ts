import type { Kysely } from 'kysely'
import { Fault } from '../base/fault.ts'
import type { Database, Statement } from './database.ts'
import { TABLE_OF_NAME } from './dialect.ts'

/** One forward step of a room's tables. Steps are never changed once released; new ones follow. */
export interface Migration {
  /** Unique and lasting, `vault-0001-secrets`: the room, its running number, what it adds. */
  readonly name: string
  up(query: Kysely<unknown>): Promise<void>
}

interface MigrationTables {
  migration: { name: string; applied_at_ms: number }
}

/**
 * Brings the tables up to date in one commit: after a crash all of it is there or none.
 *
 * @throws Fault `DataFromNewerVersion` when the data knows a step that this program does not
 */
export async function migrate(
  database: Database<unknown>,
  steps: readonly Migration[],
  nowMs: number,
): Promise<void> {
  const db = database as Database<MigrationTables>
  if (await isUpToDate(db, steps)) return
  await db.write(async ({ query }) => {
    await query.schema
      .createTable('migration')
      .ifNotExists()
      .addColumn('name', 'text', (column) => column.primaryKey())
      .addColumn('applied_at_ms', 'integer', (column) => column.notNull())
      .execute()
    const applied = new Set(
      (await query.selectFrom('migration').select('name').execute()).map((row) => row.name),
    )
    refuseNewer(applied, steps)
    for (const step of steps) {
      if (applied.has(step.name)) continue
      await step.up(query as Kysely<unknown>)
      await query
        .insertInto('migration')
        .values({ name: step.name, applied_at_ms: nowMs })
        .execute()
    }
  })
}

/** A look without a lock, so that a second process starts while another one writes. */
async function isUpToDate(
  db: Database<MigrationTables>,
  steps: readonly Migration[],
): Promise<boolean> {
  if (!(await hasTable(db as Database<unknown>, 'migration'))) return false
  const rows = await db.all(appliedSteps, undefined)
  const applied = new Set(rows.map((row) => row.name))
  refuseNewer(applied, steps)
  return steps.every((step) => applied.has(step.name))
}

function refuseNewer(applied: ReadonlySet<string>, steps: readonly Migration[]): void {
  const known = new Set(steps.map((step) => step.name))
  const unknown = [...applied].filter((name) => !known.has(name))
  if (unknown.length === 0) return
  throw new Fault(
    'DataFromNewerVersion',
    `The data directory was written by a newer version of Sluice (it has ${unknown.join(', ')}). Start that version, or choose another directory with --data. Nothing was changed.`,
  )
}

/** True when the database has a table of this name. */
export async function hasTable(database: Database<unknown>, name: string): Promise<boolean> {
  const tableOfName: Statement<undefined, { readonly name: string }> = {
    sql: TABLE_OF_NAME[database.engine],
    bind: () => [name],
  }
  return (await database.all(tableOfName, undefined)).length > 0
}

// What every start asks is written as SQL, so that a start does not load the query builder.
const appliedSteps: Statement<undefined, { readonly name: string }> = {
  sql: 'select name from migration',
  bind: () => [],
}
