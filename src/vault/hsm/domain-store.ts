import type { Sealed } from '../../base/sealed.ts'
import { statement } from '../../storage/database.ts'
import type { ScopeSealer } from '../../storage/sealing.ts'
import type { Rows, Writing } from '../objects/store.ts'
import type { ObjectTables } from '../objects/tables.ts'
import type { DomainTable, TransferKeyTable } from './domain-tables.ts'

type OfHsm = { readonly hsm: string }

const domainRow = statement<ObjectTables, OfHsm, DomainTable>((query, parameter) =>
  query.selectFrom('vault_hsm_domain').selectAll().where('hsm', '=', parameter<string>('hsm')),
)
const insertDomain = statement<
  ObjectTables,
  OfHsm & { sealed: Uint8Array; uploadedAtMs: number | null }
>((query, parameter) =>
  query.insertInto('vault_hsm_domain').values({
    hsm: parameter('hsm'),
    sealed: parameter('sealed'),
    downloaded_at_ms: null,
    uploaded_at_ms: parameter<number | null>('uploadedAtMs'),
  }),
)
const setDownloaded = statement<ObjectTables, OfHsm & { atMs: number }>((query, parameter) =>
  query
    .updateTable('vault_hsm_domain')
    .set({ downloaded_at_ms: parameter<number>('atMs') })
    .where('hsm', '=', parameter<string>('hsm')),
)
const transferRow = statement<ObjectTables, OfHsm, TransferKeyTable>((query, parameter) =>
  query
    .selectFrom('vault_hsm_transfer_key')
    .selectAll()
    .where('hsm', '=', parameter<string>('hsm')),
)
const insertTransfer = statement<
  ObjectTables,
  OfHsm & { sealed: Uint8Array; certificate: Uint8Array }
>((query, parameter) =>
  query.insertInto('vault_hsm_transfer_key').values({
    hsm: parameter('hsm'),
    sealed: parameter('sealed'),
    certificate: parameter('certificate'),
  }),
)
const dropTransfer = statement<ObjectTables, OfHsm>((query, parameter) =>
  query.deleteFrom('vault_hsm_transfer_key').where('hsm', '=', parameter<string>('hsm')),
)

/** The security domain of a managed HSM with its key still sealed. */
export interface StoredDomain {
  readonly sealed: Uint8Array
  readonly downloadedAtMs: number | undefined
  readonly uploadedAtMs: number | undefined
}

/** The transfer key with its private part still sealed. */
export interface StoredTransferKey {
  readonly sealed: Uint8Array
  /** DER. */
  readonly certificate: Uint8Array
}

/** Undefined while the managed HSM has none. */
export async function findDomain(rows: Rows, hsm: string): Promise<StoredDomain | undefined> {
  const [row] = await rows.all(domainRow, { hsm })
  if (!row) return undefined
  return {
    sealed: row.sealed,
    downloadedAtMs: row.downloaded_at_ms ?? undefined,
    uploadedAtMs: row.uploaded_at_ms ?? undefined,
  }
}

/** Keeps a domain; there must be none. `uploadedAtMs` undefined: it was made here. */
export async function putDomain(
  tx: Writing,
  hsm: string,
  domain: { readonly sealed: Uint8Array; readonly uploadedAtMs: number | undefined },
): Promise<void> {
  const { sealed, uploadedAtMs = null } = domain
  await tx.run(insertDomain, { hsm, sealed, uploadedAtMs })
}

export async function markDownloaded(tx: Writing, hsm: string, atMs: number): Promise<void> {
  await tx.run(setDownloaded, { hsm, atMs })
}

/** Undefined before an upload was asked for, and after it. */
export async function findTransferKey(
  rows: Rows,
  hsm: string,
): Promise<StoredTransferKey | undefined> {
  const [row] = await rows.all(transferRow, { hsm })
  return row
}

/** Keeps a transfer key; there must be none. */
export async function putTransferKey(
  tx: Writing,
  hsm: string,
  key: StoredTransferKey,
): Promise<void> {
  await tx.run(insertTransfer, { hsm, sealed: key.sealed, certificate: key.certificate })
}

export async function removeTransferKey(tx: Writing, hsm: string): Promise<void> {
  await tx.run(dropTransfer, { hsm })
}

const DOMAIN_PLACE = 'hsm/security-domain'
const TRANSFER_PLACE = 'hsm/transfer-key'

/** The two keys at rest in the scope of their HSM, each bound to its place. */
export const atRest = {
  domainPlace: DOMAIN_PLACE,
  transferPlace: TRANSFER_PLACE,
  sealDomainKey: (scope: ScopeSealer, key: Sealed<Buffer>): Buffer =>
    scope.seal(DOMAIN_PLACE, key.open()),
  openDomainKey: (scope: ScopeSealer, domain: StoredDomain): Sealed<Buffer> =>
    scope.openBytes(DOMAIN_PLACE, domain.sealed),
  sealTransferKey: (scope: ScopeSealer, key: Sealed<Buffer>): Buffer =>
    scope.seal(TRANSFER_PLACE, key.open()),
  openTransferKey: (scope: ScopeSealer, key: StoredTransferKey): Sealed<Buffer> =>
    scope.openBytes(TRANSFER_PLACE, key.sealed),
}
