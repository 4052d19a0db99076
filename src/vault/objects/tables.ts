import type { Generated } from 'kysely'
import { kysely } from '../../storage/kysely.ts'
import type { Migration } from '../../storage/migrations.ts'
import type { Kind } from '../faults.ts'
import { type HsmTables, hsmMigrations } from '../hsm/tables.ts'

/** A named object of any kind; its versions are rows of their own. */
export interface ObjectTable {
  id: Generated<number>
  /** The vault's `dataId`. */
  vault: string
  kind: Kind
  /** Lower case: names compare without it. */
  name: string
  /** As first written. */
  display_name: string
  latest_id: number | null
  /** 1 for the key and the secret of a certificate. */
  managed: number
  deleted_at_ms: number | null
  purge_at_ms: number | null
  /** A key's rotation policy as JSON. */
  policy: string | null
  /** When the policy wants a new version. */
  rotate_at_ms: number | null
  /** What is to be told next of the newest version, and when; null when nothing is. */
  notice: 'near' | 'expired' | null
  notice_at_ms: number | null
}

export interface VersionTable {
  id: Generated<number>
  object_id: number
  /** 32 lower-case hex characters. */
  version: string
  sealed: Uint8Array
  enabled: number
  not_before_ms: number | null
  expires_at_ms: number | null
  created_at_ms: number
  updated_at_ms: number
  /** JSON, or null when none were ever set. */
  tags: string | null
  /** JSON of what the kind adds and may be shown: a secret's content type, a key's public part. */
  details: string | null
}

/** A certificate operation that was begun. */
export interface PendingTable {
  vault: string
  /** Lower case. */
  name: string
  display_name: string
  /** JSON. */
  state: string
  /** The private key that waits for its certificate. */
  sealed: Uint8Array | null
  /** When an order at an issuer of the vault is answered; null when there is nothing to answer. */
  due_at_ms: number | null
}

/** The contacts and the issuers of a vault. */
export interface SettingTable {
  vault: string
  /** `contacts`, or `issuers/` and a name in lower case. */
  name: string
  /** JSON. */
  body: string
  /** An issuer's password. */
  sealed: Uint8Array | null
}

/** An object in the HSM token that belongs to no stored version: `keys/token-objects.ts`. */
export interface TokenObjectTable {
  version: string
  /** When it is destroyed, unless the version is stored before. */
  due_at_ms: number
}

/** The authority behind the issuers of all vaults: one row. */
export interface AuthorityTable {
  id: string
  /** base64 of DER, both. */
  root: string
  intermediate: string
  expires_at_ms: number
  /** The private key of the intermediate. */
  sealed: Uint8Array
}

export interface ObjectTables extends HsmTables {
  vault_object: ObjectTable
  vault_object_version: VersionTable
  vault_certificate_pending: PendingTable
  vault_certificate_setting: SettingTable
  vault_certificate_authority: AuthorityTable
  vault_token_object: TokenObjectTable
}

/** The tables of the vault room, in the order they came. */
export const vaultMigrations: readonly Migration[] = [
  {
    name: 'vault-0001-objects',
    up: async (query) => {
      await query.schema
        .createTable('vault_object')
        .addColumn('id', 'integer', (column) => column.primaryKey())
        .addColumn('vault', 'text', (column) => column.notNull())
        .addColumn('kind', 'text', (column) => column.notNull())
        .addColumn('name', 'text', (column) => column.notNull())
        .addColumn('display_name', 'text', (column) => column.notNull())
        .addColumn('latest_id', 'integer')
        .addColumn('managed', 'integer', (column) => column.notNull().defaultTo(0))
        .addColumn('deleted_at_ms', 'integer')
        .addColumn('purge_at_ms', 'integer')
        .execute()
      await query.schema
        .createIndex('vault_object_name')
        .on('vault_object')
        .columns(['vault', 'kind', 'name'])
        .unique()
        .execute()
      await query.schema
        .createIndex('vault_object_purge')
        .on('vault_object')
        .column('purge_at_ms')
        .execute()
      await createVersions(query)
    },
  },
  {
    name: 'vault-0002-rotation',
    up: async (query) => {
      await query.schema.alterTable('vault_object').addColumn('policy', 'text').execute()
      await query.schema.alterTable('vault_object').addColumn('rotate_at_ms', 'integer').execute()
      await query.schema
        .createIndex('vault_object_rotate')
        .on('vault_object')
        .column('rotate_at_ms')
        .execute()
    },
  },
  {
    name: 'vault-0003-certificates',
    up: async (query) => {
      await query.schema
        .createTable('vault_certificate_pending')
        .addColumn('vault', 'text', (column) => column.notNull())
        .addColumn('name', 'text', (column) => column.notNull())
        .addColumn('display_name', 'text', (column) => column.notNull())
        .addColumn('state', 'text', (column) => column.notNull())
        .addColumn('sealed', 'blob')
        .addUniqueConstraint('vault_certificate_pending_name', ['vault', 'name'])
        .execute()
      await query.schema
        .createTable('vault_certificate_setting')
        .addColumn('vault', 'text', (column) => column.notNull())
        .addColumn('name', 'text', (column) => column.notNull())
        .addColumn('body', 'text', (column) => column.notNull())
        .addColumn('sealed', 'blob')
        .addUniqueConstraint('vault_certificate_setting_name', ['vault', 'name'])
        .execute()
    },
  },
  ...hsmMigrations,
  { name: 'vault-0007-expiry-events', up: addNotices },
  {
    name: 'vault-orders',
    up: async (query) => {
      await query.schema
        .alterTable('vault_certificate_pending')
        .addColumn('due_at_ms', 'integer')
        .execute()
      await query.schema
        .createIndex('vault_certificate_pending_due')
        .on('vault_certificate_pending')
        .column('due_at_ms')
        .execute()
      await query.schema
        .createTable('vault_certificate_authority')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('root', 'text', (column) => column.notNull())
        .addColumn('intermediate', 'text', (column) => column.notNull())
        .addColumn('expires_at_ms', 'integer', (column) => column.notNull())
        .addColumn('sealed', 'blob', (column) => column.notNull())
        .execute()
    },
  },
  {
    name: 'vault-0030-token-objects',
    up: async (query) => {
      await query.schema
        .createTable('vault_token_object')
        .addColumn('version', 'text', (column) => column.primaryKey())
        .addColumn('due_at_ms', 'integer', (column) => column.notNull())
        .execute()
    },
  },
]

async function addNotices(query: Parameters<Migration['up']>[0]): Promise<void> {
  await query.schema.alterTable('vault_object').addColumn('notice', 'text').execute()
  await query.schema.alterTable('vault_object').addColumn('notice_at_ms', 'integer').execute()
  // Most objects never expire: they are not in the index, and making them costs no more than before.
  await query.schema
    .createIndex('vault_object_notice')
    .on('vault_object')
    .columns(['notice_at_ms', 'id'])
    .where('notice_at_ms' as never, 'is not', null)
    .where('deleted_at_ms' as never, 'is', null)
    .execute()
  // What had ended before the last change is old news; of the rest people are told.
  const { sql } = kysely()
  await sql`
    update vault_object set notice = 'near', notice_at_ms = (
      select v.expires_at_ms - 2592000000 from vault_object_version v where v.id = latest_id
    ) where latest_id in (
      select v.id from vault_object_version v
      where v.expires_at_ms > (select max(w.updated_at_ms) from vault_object_version w)
    )`.execute(query)
}

async function createVersions(query: Parameters<Migration['up']>[0]): Promise<void> {
  await query.schema
    .createTable('vault_object_version')
    .addColumn('id', 'integer', (column) => column.primaryKey())
    .addColumn('object_id', 'integer', (column) => column.notNull())
    .addColumn('version', 'text', (column) => column.notNull())
    .addColumn('sealed', 'blob', (column) => column.notNull())
    .addColumn('enabled', 'integer', (column) => column.notNull())
    .addColumn('not_before_ms', 'integer')
    .addColumn('expires_at_ms', 'integer')
    .addColumn('created_at_ms', 'integer', (column) => column.notNull())
    .addColumn('updated_at_ms', 'integer', (column) => column.notNull())
    .addColumn('tags', 'text')
    .addColumn('details', 'text')
    .execute()
  await query.schema
    .createIndex('vault_object_version_name')
    .on('vault_object_version')
    .columns(['object_id', 'version'])
    .unique()
    .execute()
}
