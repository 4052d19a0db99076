import type { KeyObject } from 'node:crypto'
import { newVersionId } from '../../base/ids.ts'
import type { JsonObject } from '../../base/json.ts'
import type { VaultCall } from '../context.ts'
import { deletedNameHeld, nameTaken, propertyWrong } from '../faults.ts'
import { refuseTokenKey } from '../keys/custody.ts'
import { checkTier } from '../keys/key.ts'
import { generateMaterial, toPrivateKeyObject } from '../keys/material.ts'
import { findUnpurged, type NewVersion } from '../objects/changes.ts'
import { change } from '../objects/objects.ts'
import { planAt } from '../objects/schedule.ts'
import { findObject, type Place, type Rows, type Writing } from '../objects/store.ts'
import type { ObjectVersion } from '../objects/version.ts'
import { readIssuerSetting } from './authority-store.ts'
import {
  appendCertificate,
  type CertificateCall,
  findStoredPolicy,
  keepPolicy,
  type NewCertificate,
  placesOf,
  readCurrentKey,
  sealCertificate,
} from './certificate.ts'
import { toIssued } from './issued.ts'
import { fillOrder, ORDER_MS, type OrderError, sealPendingKey, validityOf } from './order.ts'
import {
  findPending,
  type Pending,
  type PendingState,
  putPending,
  refuseSecond,
} from './pending-store.ts'
import { type CertificatePolicy, holderOf, keySpecOf, readPolicy, SELF, UNKNOWN } from './policy.ts'
import { requestFor, selfSign } from './x509.ts'

/** A refused renewal is asked for again after this long. */
const RETRY_MS = 86_400_000

interface Asked {
  /** As written. */
  readonly displayName: string
  readonly policy: CertificatePolicy
  readonly enabled: boolean | undefined
  readonly tags: PendingState['tags']
  readonly preserveCertOrder?: boolean | undefined
}

/** The policy of a create: the one given, else the certificate's own. @throws Fault `PropertyWrong` */
export async function policyForCreate(
  call: VaultCall,
  name: string,
  given: JsonObject | undefined,
): Promise<CertificatePolicy> {
  const [place] = placesOf(call, name) as [Place]
  const stored = (await findStoredPolicy(call.store.db, place))?.policy
  if (!given && stored) return stored
  if (!given) throw propertyWrong('policy')
  const made = readPolicy(given, undefined, Math.floor(call.nowMs / 1000))
  const created = stored?.attributes.created ?? made.attributes.created
  return { ...made, attributes: { ...made.attributes, created } }
}

/**
 * Begins a certificate. `Self` is issued at once, though the answer says it is in progress, as
 * clients expect; `Unknown` waits for a merge; another issuer answers its order a little later.
 *
 * @throws Fault `PendingInProgress`, `DeletedNameHeld`, `NameTaken` or `CertificateIssuerNotFound`
 */
export async function beginCertificate(call: VaultCall, asked: Asked): Promise<Pending> {
  const name = asked.displayName.toLowerCase()
  const { policy } = asked
  checkTier(call, policy.key_props.kty)
  refuseTokenKey(call.store, policy.key_props.kty)
  await refuseBegin(call.store.db, call, name)
  const issuer = policy.issuer.name
  const isOrder = issuer !== SELF && issuer !== UNKNOWN
  if (isOrder) await readIssuerSetting(call.store.db, call, issuer)
  const key = await keyFor(call, name, policy)
  const state: PendingState = {
    requestId: newVersionId(),
    version: newVersionId(),
    status: 'inProgress',
    csr: requestFor(holderOf(policy), key).toString('base64'),
    cancellationRequested: false,
    policy,
    enabled: asked.enabled,
    tags: asked.tags,
    preserveCertOrder: asked.preserveCertOrder,
    createdAtMs: call.nowMs,
    vaultName: call.vault.name,
  }
  const sealedKey = sealPendingKey(call, name, state.requestId, key)
  const certificate = issuer === SELF ? signSelf(call, key, asked) : undefined
  const dueAtMs = isOrder ? call.nowMs + ORDER_MS : undefined
  const begun: Pending = { displayName: asked.displayName, state, sealed: sealedKey, dueAtMs }
  const sealed = certificate && sealCertificate(call, name, certificate, state.version)
  await change(call, placesOf(call, name), (tx) => storeBegun(tx, call, begun, sealed))
  return begun
}

async function storeBegun(
  tx: Writing,
  call: VaultCall,
  begun: Pending,
  sealed: readonly NewVersion[] | undefined,
): Promise<void> {
  const { displayName, state } = begun
  const { policy } = state
  const [place] = placesOf(call, displayName.toLowerCase()) as [Place]
  await findUnpurged(tx, place, call.nowMs)
  await refuseBegin(tx, call, place.name)
  if (sealed) {
    await appendCertificate(tx, call, displayName, { sealed, policy })
    const done: PendingState = { ...state, status: 'completed' }
    await putPending(tx, place, { displayName, state: done, sealed: null })
    return
  }
  if (await findObject(tx, place)) await keepPolicy(tx, call, place, policy)
  await putPending(tx, place, begun)
}

async function refuseBegin(rows: Rows, call: CertificateCall, name: string): Promise<void> {
  const places = placesOf(call, name)
  await refuseSecond(rows, { vault: call.vault.dataId, name })
  for (const place of places) {
    const found = await findObject(rows, place)
    const isOver = found?.purge_at_ms != null && found.purge_at_ms <= call.nowMs
    if (!found || isOver) continue
    if (found.deleted_at_ms !== null) throw deletedNameHeld(place.kind, found.display_name)
    const isBacking = place.kind !== 'certificates'
    if (isBacking && found.managed === 0) throw nameTaken(place.kind, found.display_name)
  }
}

async function keyFor(
  call: CertificateCall,
  name: string,
  policy: CertificatePolicy,
): Promise<KeyObject> {
  const current = policy.key_props.reuse_key ? await readCurrentKey(call, name) : undefined
  if (current) return current
  const { shown, secret } = await generateMaterial(keySpecOf(policy))
  return toPrivateKeyObject(shown, secret.open())
}

function signSelf(
  call: CertificateCall,
  key: KeyObject,
  asked: Pick<Asked, 'policy' | 'enabled' | 'tags' | 'preserveCertOrder'>,
): NewCertificate {
  const der = selfSign(holderOf(asked.policy), key, validityOf(asked.policy, call.nowMs))
  return { ...asked, key, issued: toIssued([der]) }
}

/**
 * Makes the next version of a certificate by its policy: signed by itself, or by its issuer, whose
 * refusal is kept as a failed operation and asked again a day later. Undefined when nothing was
 * made, also because somebody made a version, or began one, in the meantime.
 */
export async function renewCertificate(
  call: CertificateCall,
  current: ObjectVersion,
  policy: CertificatePolicy,
): Promise<ObjectVersion | undefined> {
  const name = current.name.toLowerCase()
  const places = placesOf(call, name)
  const [place] = places as [Place]
  if (await isBegun(call.store.db, place)) return undefined
  const key = await keyFor(call, name, policy)
  const asked = { policy, enabled: current.enabled, tags: current.tags }
  const made =
    policy.issuer.name === SELF ? signSelf(call, key, asked) : await fillOrder(call, policy, key)
  const sealed =
    'error' in made
      ? undefined
      : sealCertificate(call, name, { ...asked, key, issued: made.issued })
  return change(call, places, async (tx) => {
    const object = await findObject(tx, place)
    if (object?.latest_id !== current.id || (await isBegun(tx, place))) return undefined
    if (sealed) return appendCertificate(tx, call, current.name, { sealed, policy })
    if ('error' in made) {
      await planAt(tx, object.id, call.nowMs + RETRY_MS)
      await putPending(tx, place, toFailed(call, { name: current.name, policy, key }, made.error))
    }
    return undefined
  })
}

async function isBegun(rows: Rows, place: Place): Promise<boolean> {
  return (await findPending(rows, place))?.state.status === 'inProgress'
}

/** A renewal that the issuer refused; its request can be merged with a certificate from elsewhere. */
function toFailed(
  call: CertificateCall,
  asked: { readonly name: string; readonly policy: CertificatePolicy; readonly key: KeyObject },
  error: OrderError,
): Pending {
  const { name, policy, key } = asked
  const requestId = newVersionId()
  return {
    displayName: name,
    state: {
      requestId,
      version: newVersionId(),
      status: 'failed',
      csr: requestFor(holderOf(policy), key).toString('base64'),
      cancellationRequested: false,
      error,
      policy,
      createdAtMs: call.nowMs,
    },
    sealed: sealPendingKey(call, name.toLowerCase(), requestId, key),
  }
}
