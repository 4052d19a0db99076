import { createPrivateKey, type KeyObject } from 'node:crypto'
import { Fault } from '../../base/fault.ts'
import { isObject } from '../../base/json.ts'
import type { Sealer } from '../../storage/sealing.ts'
import type { VaultStore } from '../context.ts'
import type { VaultFaultCode } from '../faults.ts'
import { moveBy } from '../keys/rotation-policy.ts'
import type { NewVersion } from '../objects/changes.ts'
import { change } from '../objects/objects.ts'
import type { Place } from '../objects/store.ts'
import type { VaultDirectory } from '../ports.ts'
import { findSetting, issuerRow } from './authority-store.ts'
import {
  appendCertificate,
  type CertificateCall,
  placesOf,
  sealCertificate,
} from './certificate.ts'
import { openAuthority } from './chain-authority.ts'
import { type Issued, toIssued } from './issued.ts'
import { findPending, listDueOrders, type Pending, putPending } from './pending-store.ts'
import { type CertificatePolicy, holderOf } from './policy.ts'
import { certify } from './x509.ts'

/** How long an issuer takes; until then an order can be canceled. */
export const ORDER_MS = 1000

/** Certificates begin to be valid a little before now (key-vault.md §10.3). */
const BACKDATE_MS = 600_000

/** What Key Vault has connections to (§10.6). All are answered by the authority of this server. */
const PROVIDERS = ['Test', 'DigiCert', 'GlobalSign']
const CERTIFICATE_TYPES = ['OV-SSL', 'EV-SSL']

/** Why an order ended without a certificate, in Key Vault's words (§10.4). */
export interface OrderError {
  readonly code: 'Certificate issuer error' | 'Request rejected'
  readonly message: string
}

export type OrderResult = { readonly issued: Issued } | { readonly error: OrderError }

/** Where the private key of a begun operation is sealed. */
export function pendingSealPlace(name: string, requestId: string): string {
  return `certificates/${name}/pending/${requestId}`
}

/** Seals the key of a begun operation; `name` is lower case. */
export function sealPendingKey(
  call: Pick<CertificateCall, 'scope'>,
  name: string,
  requestId: string,
  key: KeyObject,
): Uint8Array {
  const der = key.export({ format: 'der', type: 'pkcs8' })
  return call.scope.seal(pendingSealPlace(name, requestId), der)
}

/** The key that waits for its certificate; undefined when the operation is complete. */
export function findPendingKey(
  call: Pick<CertificateCall, 'scope'>,
  name: string,
  { state, sealed }: Pending,
): KeyObject | undefined {
  if (!sealed) return undefined
  const der = call.scope.openBytes(pendingSealPlace(name, state.requestId), sealed).open()
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
}

/** When a certificate issued now is valid. */
export function validityOf(policy: CertificatePolicy, nowMs: number) {
  const notBeforeMs = Math.floor(nowMs / 1000) * 1000 - BACKDATE_MS
  const expiresAtMs = moveBy(notBeforeMs, `P${policy.x509_props.validity_months}M`, 1)
  return { notBeforeMs, expiresAtMs }
}

/** Has the policy's issuer issue leaf, intermediate and root, or say why not. */
export async function fillOrder(
  call: CertificateCall,
  policy: CertificatePolicy,
  key: KeyObject,
): Promise<OrderResult> {
  const error = (await judgeIssuer(call, policy.issuer.name)) ?? judgeRequest(policy)
  if (error) return { error }
  const authority = await openAuthority(call.store, call.nowMs)
  const validity = validityOf(policy, call.nowMs)
  if (validity.expiresAtMs > authority.expiresAtMs) {
    const end = new Date(authority.expiresAtMs).toISOString().slice(0, 10)
    return { error: rejected(`The certificate would outlive its issuer, which ends on ${end}.`) }
  }
  const leaf = certify(holderOf(policy), key, authority, validity)
  return { issued: toIssued([leaf, authority.intermediate, authority.root]) }
}

async function judgeIssuer(call: CertificateCall, name: string): Promise<OrderError | undefined> {
  const where = { vault: call.vault.dataId, name: issuerRow(name) }
  const issuer = await findSetting(call.store.db, where)
  if (!issuer) return issuerError(`The vault has no issuer ${name} any more.`)
  const { attributes, provider } = issuer.body
  if (isObject(attributes) && attributes['enabled'] === false) {
    return issuerError(`The issuer ${name} is disabled.`)
  }
  const isKnown = PROVIDERS.some((known) => known.toLowerCase() === String(provider).toLowerCase())
  if (isKnown) return undefined
  return issuerError(`There is no provider ${provider}; there are ${PROVIDERS.join(', ')}.`)
}

function judgeRequest({ issuer, x509_props }: CertificatePolicy): OrderError | undefined {
  if (issuer.cty !== undefined && !CERTIFICATE_TYPES.includes(issuer.cty)) {
    return rejected(
      `The certificate type ${issuer.cty} is none of ${CERTIFICATE_TYPES.join(', ')}.`,
    )
  }
  if (!x509_props.basic_constraints.ca) return undefined
  return rejected('The issuer issues no certificates of authorities (basic_constraints.ca).')
}

function issuerError(cause: string): OrderError {
  const text = 'The issuer encountered an error processing the certificate request.'
  return { code: 'Certificate issuer error', message: `${text} ${cause}` }
}

function rejected(cause: string): OrderError {
  return { code: 'Request rejected', message: `The issuer rejected the request. ${cause}` }
}

/** Answers the order of a name if it is due; what was canceled or overwritten meanwhile stays. */
export async function settleOrder(call: CertificateCall, place: Place): Promise<void> {
  const begun = await findPending(call.store.db, place)
  if (begun?.dueAtMs === undefined || begun.dueAtMs > call.nowMs) return
  const key = findPendingKey(call, place.name, begun)
  if (!key) throw new Error('An order in progress has no key.')
  const { state } = begun
  const result = await fillOrder(call, state.policy, key)
  if ('error' in result) return endOrder(call, place, begun, result.error)
  const { policy, enabled, tags, preserveCertOrder } = state
  const made = { policy, enabled, tags, preserveCertOrder, key, issued: result.issued }
  const sealed = sealCertificate(call, place.name, made, state.version)
  try {
    await endOrder(call, place, begun, sealed)
  } catch (thrown) {
    // A key or a secret took the name while the order ran.
    if (!(thrown instanceof Fault) || !NAME_LOST.includes(thrown.code as VaultFaultCode)) {
      throw thrown
    }
    await endOrder(call, place, begun, rejected(thrown.message))
  }
}

const NAME_LOST: readonly VaultFaultCode[] = ['NameTaken', 'DeletedNameHeld', 'ManagedObject']

async function endOrder(
  call: CertificateCall,
  place: Place,
  begun: Pending,
  end: readonly NewVersion[] | OrderError,
): Promise<void> {
  const { displayName, state } = begun
  await change(call, placesOf(call, place.name), async (tx) => {
    const found = await findPending(tx, place)
    const isSame = found?.state.requestId === state.requestId && found.dueAtMs !== undefined
    if (!isSame) return
    if ('code' in end) {
      const failed = { ...state, status: 'failed', error: end } as const
      await putPending(tx, place, { displayName, state: failed, sealed: begun.sealed })
      return
    }
    await appendCertificate(tx, call, displayName, { sealed: end, policy: state.policy })
    const done = { ...state, status: 'completed' } as const
    await putPending(tx, place, { displayName, state: done, sealed: null })
  })
}

interface Ports {
  readonly directory: VaultDirectory
  readonly sealer: Sealer
}

/** One order that cannot be answered must not hold up the others; who looks at it is told why. */
function passFault(thrown: unknown): void {
  if (!(thrown instanceof Fault)) throw thrown
}

/** Answers the orders that nobody asked after. Orders of deleted vaults wait. */
export async function settleDue(ports: Ports, store: VaultStore, nowMs: number): Promise<void> {
  let afterMs = -1
  for (;;) {
    const batch = await listDueOrders(store.db, { nowMs, afterMs })
    for (const { vault: dataId, name, dueAtMs } of batch) {
      // Orders of the same millisecond beyond a batch are found by the next sweep.
      afterMs = dueAtMs
      const begun = await findPending(store.db, { vault: dataId, name })
      const vault = ports.directory.findVault(begun?.state.vaultName ?? '')
      if (vault?.dataId !== dataId) continue
      const scope = await ports.sealer.scope(`vault:${dataId}`)
      const call = { store, vault, scope, nowMs }
      await settleOrder(call, { vault: dataId, kind: 'certificates', name }).catch(passFault)
    }
    if (batch.length === 0) return
  }
}
