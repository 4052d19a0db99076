import type { Migration } from '../../storage/migrations.ts'
import { type DomainTables, domainMigrations } from './domain-tables.ts'

/** A managed HSM that was used or activated. */
export interface HsmTable {
  /** The HSM's `dataId`. */
  hsm: string
  /** Null until its security domain was downloaded, or one was uploaded. */
  activated_at_ms: number | null
  /** 1 once its initial administrators were given their role. */
  enrolled: number
}

/** A custom role. */
export interface HsmRoleDefinitionTable {
  hsm: string
  /** A GUID in lower case. */
  id: string
  /** JSON of a `LocalRole`. */
  body: string
}

/** Who has which role where. */
export interface HsmRoleAssignmentTable {
  hsm: string
  /** A GUID in lower case. */
  id: string
  /** `/`, `/keys` or `/keys/{name}`, in lower case. */
  scope: string
  role_id: string
  principal_id: string
}

/** A setting that was changed. */
export interface HsmSettingTable {
  hsm: string
  name: string
  value: string
}

export interface HsmTables extends DomainTables {
  vault_hsm: HsmTable
  vault_hsm_role_definition: HsmRoleDefinitionTable
  vault_hsm_role_assignment: HsmRoleAssignmentTable
  vault_hsm_setting: HsmSettingTable
}

/** What managed HSMs keep beside their keys. */
export const hsmMigrations: readonly Migration[] = [
  {
    name: 'vault-0005-managed-hsm',
    up: async ({ schema }) => {
      await schema
        .createTable('vault_hsm')
        .addColumn('hsm', 'text', (column) => column.primaryKey())
        .addColumn('activated_at_ms', 'integer')
        .addColumn('enrolled', 'integer', (column) => column.notNull())
        .execute()
      await schema
        .createTable('vault_hsm_role_definition')
        .addColumn('hsm', 'text', (column) => column.notNull())
        .addColumn('id', 'text', (column) => column.notNull())
        .addColumn('body', 'text', (column) => column.notNull())
        .addUniqueConstraint('vault_hsm_role_definition_id', ['hsm', 'id'])
        .execute()
      await schema
        .createTable('vault_hsm_role_assignment')
        .addColumn('hsm', 'text', (column) => column.notNull())
        .addColumn('id', 'text', (column) => column.notNull())
        .addColumn('scope', 'text', (column) => column.notNull())
        .addColumn('role_id', 'text', (column) => column.notNull())
        .addColumn('principal_id', 'text', (column) => column.notNull())
        .addUniqueConstraint('vault_hsm_role_assignment_id', ['hsm', 'id'])
        .execute()
      await schema
        .createTable('vault_hsm_setting')
        .addColumn('hsm', 'text', (column) => column.notNull())
        .addColumn('name', 'text', (column) => column.notNull())
        .addColumn('value', 'text', (column) => column.notNull())
        .addUniqueConstraint('vault_hsm_setting_name', ['hsm', 'name'])
        .execute()
    },
  },
  ...domainMigrations,
]
