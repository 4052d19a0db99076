import { isSince } from '../api-versions.ts'
import type { VaultCall } from '../context.ts'
import { toAttributes, toSeconds } from '../objects/attributes.ts'
import { openValue, placeOf } from '../objects/objects.ts'
import type { ObjectVersion, VersionFacts } from '../objects/version.ts'
import { findStoredPolicy } from './certificate.ts'
import { findPending, type Pending } from './pending-store.ts'
import { type CertificatePolicy, UNKNOWN } from './policy.ts'

const PATIENCE =
  'Pending certificate created. Certificate request is in progress. This may take some time based on the issuer provider. Please check again later.'
const MERGE = 'Pending certificate created. Please Perform Merge to complete the request.'

function uriOf(call: VaultCall, name: string): string {
  return `${call.uri}/certificates/${name}`
}

/** Key Vault's `CertificateBundle`; certificate, key and secret share one version. */
export async function toCertificateBundle(call: VaultCall, found: ObjectVersion): Promise<object> {
  const place = placeOf(call, 'certificates', found.name.toLowerCase())
  const stored = await findStoredPolicy(call.store.db, place)
  const begun = await findPending(call.store.db, place)
  const id = uriOf(call, found.name)
  return {
    id: `${id}/${found.version}`,
    kid: `${call.uri}/keys/${found.name}/${found.version}`,
    sid: `${call.uri}/secrets/${found.name}/${found.version}`,
    x5t: found.details?.['x5t'],
    cer: openValue(call.scope, 'certificates', found).toString('base64'),
    attributes: toAttributes(call, found),
    ...(found.tags !== undefined && { tags: found.tags }),
    ...(stored && { policy: toPolicyBody(call, found.name, stored.policy) }),
    ...(begun && { pending: { id: `${id}/pending` } }),
    ...orderMember(call, found.details?.['preserveCertOrder']),
  }
}

/** From 7.6, for those who said what they want (key-vault.md §2.5). */
function orderMember(call: VaultCall, preserveCertOrder: unknown): object {
  const isShown = preserveCertOrder !== undefined && isSince(call.apiVersion, '7.6-preview.1')
  return isShown ? { preserveCertOrder } : {}
}

/** `CertificateItem`; the id names the version only in a list of versions. */
export function toCertificateItem(
  call: VaultCall,
  found: VersionFacts,
  of: 'certificates' | 'versions',
): object {
  const id = uriOf(call, found.name)
  return {
    id: of === 'versions' ? `${id}/${found.version}` : id,
    x5t: found.details?.['x5t'],
    attributes: toAttributes(call, found),
    ...(found.tags !== undefined && { tags: found.tags }),
    subject: found.details?.['subject'],
  }
}

/** The item of a name that has only a begun operation. */
export function toPendingItem(call: VaultCall, { displayName, state }: Pending): object {
  const created = toSeconds(state.createdAtMs)
  return {
    id: uriOf(call, displayName),
    x5t: '',
    attributes: { enabled: false, created, updated: created },
    ...(state.tags !== undefined && { tags: state.tags }),
    subject: state.policy.x509_props.subject,
  }
}

/**
 * The bundle of a name that has only a begun operation: clients look at it while they wait, also
 * when the operation failed.
 */
export function toPendingBundle(call: VaultCall, { displayName, state }: Pending): object {
  const id = uriOf(call, displayName)
  const created = toSeconds(state.createdAtMs)
  return {
    id: `${id}/${state.version}`,
    attributes: { enabled: false, created, updated: created },
    ...(state.tags !== undefined && { tags: state.tags }),
    policy: toPolicyBody(call, displayName, state.policy),
    pending: { id: `${id}/pending` },
  }
}

/** Key Vault's `CertificatePolicy`. */
export function toPolicyBody(call: VaultCall, name: string, policy: CertificatePolicy): object {
  return { id: `${uriOf(call, name)}/policy`, ...policy }
}

/** Key Vault's `CertificateOperation`. */
export function toOperationBody(call: VaultCall, { displayName, state }: Pending): object {
  const { name, cty } = state.policy.issuer
  const id = uriOf(call, displayName)
  const details = name === UNKNOWN ? MERGE : PATIENCE
  return {
    id: `${id}/pending`,
    issuer: { name, ...(cty !== undefined && { cty }) },
    csr: state.csr,
    cancellation_requested: state.cancellationRequested,
    status: state.status,
    ...(state.status === 'inProgress' && { status_details: details }),
    ...(state.error && { error: state.error }),
    ...(state.status === 'completed' && { target: id }),
    request_id: state.requestId,
    ...orderMember(call, state.preserveCertOrder),
  }
}
