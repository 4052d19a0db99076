import type { Migration } from '../../storage/migrations.ts'

/** The security domain of a managed HSM: made by the first download, or brought by an upload. */
export interface DomainTable {
  /** The HSM's `dataId`. */
  hsm: string
  /** The domain's key, for the HSM's scope. */
  sealed: Uint8Array
  /** When it was last downloaded from this HSM. */
  downloaded_at_ms: number | null
  /** When it was uploaded into this HSM. */
  uploaded_at_ms: number | null
}

/** The key that an upload is encrypted for; gone after the upload. */
export interface TransferKeyTable {
  hsm: string
  /** PKCS#8, for the HSM's scope. */
  sealed: Uint8Array
  /** DER. */
  certificate: Uint8Array
}

/** A backup or a restore. It never holds what opens the storage. */
export interface JobTable {
  hsm: string
  /** 32 hex characters. */
  id: string
  kind: JobKind
  status: JobStatus
  /** Of the folder in the storage; null until it is known. */
  folder_uri: string | null
  error_code: string | null
  error_message: string | null
  started_at_ms: number
  ended_at_ms: number | null
  /** The process that does the work renews it; a job whose lease ran out has died. */
  leased_until_ms: number
}

export type JobKind = 'backup' | 'restore'
export type JobStatus = 'InProgress' | 'Succeeded' | 'Failed'

export interface DomainTables {
  vault_hsm_domain: DomainTable
  vault_hsm_transfer_key: TransferKeyTable
  vault_hsm_job: JobTable
}

/** Security domains, and the jobs of backups. */
export const domainMigrations: readonly Migration[] = [
  {
    name: 'vault-0006-hsm-jobs',
    up: async ({ schema }) => {
      await schema
        .createTable('vault_hsm_domain')
        .addColumn('hsm', 'text', (column) => column.primaryKey())
        .addColumn('sealed', 'blob', (column) => column.notNull())
        .addColumn('downloaded_at_ms', 'integer')
        .addColumn('uploaded_at_ms', 'integer')
        .execute()
      await schema
        .createTable('vault_hsm_transfer_key')
        .addColumn('hsm', 'text', (column) => column.primaryKey())
        .addColumn('sealed', 'blob', (column) => column.notNull())
        .addColumn('certificate', 'blob', (column) => column.notNull())
        .execute()
      await schema
        .createTable('vault_hsm_job')
        .addColumn('hsm', 'text', (column) => column.notNull())
        .addColumn('id', 'text', (column) => column.notNull())
        .addColumn('kind', 'text', (column) => column.notNull())
        .addColumn('status', 'text', (column) => column.notNull())
        .addColumn('folder_uri', 'text')
        .addColumn('error_code', 'text')
        .addColumn('error_message', 'text')
        .addColumn('started_at_ms', 'integer', (column) => column.notNull())
        .addColumn('ended_at_ms', 'integer')
        .addColumn('leased_until_ms', 'integer', (column) => column.notNull())
        .addUniqueConstraint('vault_hsm_job_id', ['hsm', 'id'])
        .execute()
    },
  },
]
