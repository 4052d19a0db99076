import type { Migration } from '../storage/migrations.ts'
import { createDocumentTable } from '../storage/mirror.ts'

/** The identity room's tables. */
export const identityMigrations: readonly Migration[] = [
  {
    name: 'identity-0001-directory',
    up: async (query) => {
      await createDocumentTable(query, 'tenant', {
        key: 'id',
        columns: ['slot'],
        unique: [['slot']],
      })
      await createDocumentTable(query, 'application', {
        key: 'id',
        columns: ['app_id'],
        unique: [['app_id']],
      })
      await createDocumentTable(query, 'service_principal', {
        key: 'id',
        columns: ['tenant_id', 'app_id'],
        unique: [['tenant_id', 'app_id']],
      })
      await createDocumentTable(query, 'directory_user', {
        key: 'id',
        columns: ['name_key'],
        unique: [['name_key']],
      })
      await createDocumentTable(query, 'directory_group', { key: 'id' })
      await createDocumentTable(query, 'group_member', {
        key: 'id',
        columns: ['group_id', 'member_id'],
      })
      await createDocumentTable(query, 'directory_role_member', {
        key: 'id',
        columns: ['principal_id'],
      })
    },
  },
  {
    name: 'identity-0002-credentials',
    up: async (query) => {
      for (const table of ['password_credential', 'key_credential']) {
        await createDocumentTable(query, table, { key: 'key_id', columns: ['owner_id'] })
      }
      await createDocumentTable(query, 'federated_credential', {
        key: 'id',
        columns: ['owner_id'],
      })
      await createDocumentTable(query, 'signing_key', { key: 'kid' })
    },
  },
]
