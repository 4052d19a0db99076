import type { Migration } from '../storage/migrations.ts'
import { createDocumentTable } from '../storage/mirror.ts'

/** The resource manager's tables. */
export const armMigrations: readonly Migration[] = [
  {
    name: 'arm-0001-resources',
    up: async (query) => {
      await createDocumentTable(query, 'subscription', { key: 'id' })
      await createDocumentTable(query, 'resource_group', { key: 'key' })
      await createDocumentTable(query, 'arm_vault', { key: 'name_key', columns: ['group_key'] })
      await createDocumentTable(query, 'arm_operation', { key: 'id' })
    },
  },
  {
    name: 'arm-0002-roles',
    up: async (query) => {
      await createDocumentTable(query, 'role_definition', { key: 'id' })
      await createDocumentTable(query, 'role_assignment', {
        key: 'id',
        columns: ['scope_key', 'role_id', 'principal_id'],
        unique: [['scope_key', 'role_id', 'principal_id']],
      })
    },
  },
  {
    name: 'arm-0003-former-assignments',
    up: (query) => createDocumentTable(query, 'role_assignment_former', { key: 'key' }),
  },
  {
    name: 'arm-0004-managed-hsm',
    up: async (query) => {
      const columns = ['group_key']
      await createDocumentTable(query, 'arm_managed_hsm', { key: 'name_key', columns })
    },
  },
]
