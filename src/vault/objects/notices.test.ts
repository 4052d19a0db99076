import { expect, test } from 'vitest'
import { type Database, openSqlite, type Statement } from '../../storage/database.ts'
import { migrate } from '../../storage/migrations.ts'
import { openTestDatabase } from '../../storage/testing/test-database.ts'
import { vaultMigrations } from '../index.ts'
import { listDueNotices } from './notices.ts'
import type { Rows } from './store.ts'

const NOON_MS = Date.UTC(2026, 0, 31, 12)
const DAY_MS = 86_400_000
const STEP = 'vault-0007-expiry-events'

function run(db: Database<unknown>, sql: string, ...values: unknown[]): Promise<void> {
  return db.write((tx) => tx.run({ sql, bind: () => values }, undefined))
}

test('versions that end after the last change are told of after an update of the program', async () => {
  const db = await openTestDatabase<unknown>(':memory:')
  await migrate(
    db,
    vaultMigrations.filter(({ name }) => name !== STEP),
    NOON_MS,
  )
  const rows = [
    ['past', NOON_MS - DAY_MS],
    ['soon', NOON_MS + 10 * DAY_MS],
    ['later', NOON_MS + 50 * DAY_MS],
    ['never', null],
  ] as const
  for (const [at, [name, expiresAtMs]] of rows.entries()) {
    const id = at + 1
    await run(
      db,
      `insert into vault_object (id, vault, kind, name, display_name, latest_id) values (${id}, 'v', 'secrets', '${name}', '${name}', ${id})`,
    )
    await run(
      db,
      `insert into vault_object_version (id, object_id, version, sealed, enabled, expires_at_ms, created_at_ms, updated_at_ms) values (${id}, ${id}, 'a', ?, 1, ${expiresAtMs}, 0, ${NOON_MS})`,
      Buffer.of(0),
    )
  }
  await migrate(db, vaultMigrations, NOON_MS)
  const due = await listDueNotices(db, NOON_MS + 365 * DAY_MS)
  expect(due.map((one) => [one.display_name, one.notice, one.notice_at_ms])).toEqual([
    ['soon', 'near', NOON_MS - 20 * DAY_MS],
    ['later', 'near', NOON_MS + 20 * DAY_MS],
  ])
  await db.close()
})

test('a look for what is due reads an index of what has an end, whatever else there is', async () => {
  const db = openSqlite<unknown>(':memory:')
  await migrate(db, vaultMigrations, NOON_MS)
  let plan: readonly { readonly detail: string }[] = []
  const explaining: Rows = {
    all: async <P, Row>(statement: Statement<P, Row>, parameters: P) => {
      const explain: Statement<P, { readonly detail: string }> = {
        sql: `explain query plan ${statement.sql}`,
        bind: (values) => statement.bind(values),
      }
      plan = await db.all(explain, parameters)
      return []
    },
  }
  await listDueNotices(explaining, NOON_MS)
  expect(plan.map(({ detail }) => detail)).toEqual([
    'SEARCH o USING INDEX vault_object_notice (notice_at_ms>? AND notice_at_ms<?)',
    'SEARCH v USING INTEGER PRIMARY KEY (rowid=?)',
  ])
  await db.close()
})
