import { readFileSync } from 'node:fs'
import path from 'node:path'
import { newGuid } from '../base/ids.ts'
import { isObject } from '../base/json.ts'
import type { Database, Statement } from '../storage/database.ts'
import type { Migration } from '../storage/migrations.ts'
import { writeFileDurably } from './data-directory.ts'

interface ServerTables {
  setting: { name: string; value: string }
}

export const serverMigrations: readonly Migration[] = [
  {
    name: 'server-0001-settings',
    up: async (query) => {
      await query.schema
        .createTable('setting')
        .addColumn('name', 'text', (column) => column.primaryKey())
        .addColumn('value', 'text', (column) => column.notNull())
        .execute()
    },
  },
]

/** Ids that a data directory chooses once. */
export interface EstateIds {
  readonly tenantId: string
  readonly subscriptionId: string
  readonly adminApplicationObjectId: string
  readonly adminAppId: string
  readonly adminObjectId: string
}

const ID_NAMES: readonly (keyof EstateIds)[] = [
  'tenantId',
  'subscriptionId',
  'adminApplicationObjectId',
  'adminAppId',
  'adminObjectId',
]

/** Every start asks it, so it is written as SQL and does not load the query builder. */
const allSettings: Statement<undefined, ServerTables['setting']> = {
  sql: 'select name, value from setting',
  bind: () => [],
}

function isIdName(name: string): boolean {
  return (ID_NAMES as readonly string[]).includes(name)
}

/** The ids of this data directory, chosen in one commit on its first start. */
export async function readEstateIds(database: Database<unknown>): Promise<EstateIds> {
  const db = database as Database<ServerTables>
  const read = async (from: Pick<Database<ServerTables>, 'all'>) => {
    const rows = (await from.all(allSettings, undefined)).filter(({ name }) => isIdName(name))
    return rows.length === ID_NAMES.length
      ? (Object.fromEntries(rows.map(({ name, value }) => [name, value])) as unknown as EstateIds)
      : undefined
  }
  const known = await read(db)
  if (known) return known
  return db.write(async (tx) => {
    for (const name of ID_NAMES) {
      await tx.query
        .insertInto('setting')
        .values({ name, value: newGuid() })
        .onConflict((conflict) => conflict.doNothing())
        .execute()
    }
    const ids = await read(tx)
    if (!ids) throw new Error('The ids of the data directory are missing after they were chosen.')
    return ids
  })
}

/** True when `admin.json` names this estate's administrator: a crash may have left none. */
export function hasAdminFile(dataDirectory: string, ids: EstateIds): boolean {
  try {
    const admin: unknown = JSON.parse(readFileSync(adminFile(dataDirectory), 'utf8'))
    return (
      isObject(admin) && admin['tenantId'] === ids.tenantId && admin['clientId'] === ids.adminAppId
    )
  } catch {
    return false
  }
}

/** Writes the local administrator's credential, readable by its owner only. */
export function writeAdminFile(dataDirectory: string, ids: EstateIds, secret: string): void {
  const admin = {
    tenantId: ids.tenantId,
    subscriptionId: ids.subscriptionId,
    clientId: ids.adminAppId,
    clientSecret: secret,
  }
  writeFileDurably(adminFile(dataDirectory), `${JSON.stringify(admin, undefined, 2)}\n`)
}

function adminFile(dataDirectory: string): string {
  return path.join(dataDirectory, 'admin.json')
}
