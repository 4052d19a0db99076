import type { KeyObject } from 'node:crypto'
import { newVersionId } from '../../base/ids.ts'
import type { JsonObject } from '../../base/json.ts'
import type { VaultCall } from '../context.ts'
import { deletedNameHeld, nameTaken, propertyWrong } from '../faults.ts'
import { refuseTokenKey } from '../keys/custody.ts'
import { checkTier } from '../keys/key.ts'
import { generateMaterial, toPrivateKeyObject } from '../keys/material.ts'
import { moveBy } from '../keys/rotation-policy.ts'
import { findUnpurged, type NewVersion } from '../objects/changes.ts'
import { change } from '../objects/objects.ts'
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
import { type Pending, type PendingState, putPending, refuseSecond } from './pending-store.ts'
import { type CertificatePolicy, holderOf, keySpecOf, readPolicy, SELF, UNKNOWN } from './policy.ts'
import { requestFor, selfSign } from './x509.ts'

/** Certificates begin to be valid a little before now (key-vault.md §10.3). */
const BACKDATE_MS = 600_000

/** No certificate authority is connected; this is what an order ends with. */
const ORDER_FAILED = {
  code: 'Certificate issuer error',
  message: 'The issuer encountered an error processing the certificate request.',
}

interface Asked {
  /** As written. */
  readonly displayName: string
  readonly policy: CertificatePolicy
  readonly enabled: boolean | undefined
  readonly tags: PendingState['tags']
}

/** Where the private key of a begun operation is sealed. */
export function pendingSealPlace(name: string, requestId: string): string {
  return `certificates/${name}/pending/${requestId}`
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
 * clients expect; `Unknown` waits for a merge; an order at another issuer fails.
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
  if (issuer !== SELF && issuer !== UNKNOWN) await readIssuerSetting(call.store.db, call, issuer)
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
    createdAtMs: call.nowMs,
  }
  const sealedKey = call.scope.seal(
    pendingSealPlace(name, state.requestId),
    key.export({ format: 'der', type: 'pkcs8' }),
  )
  const certificate = issuer === SELF ? signSelf(call, key, asked) : undefined
  const begun: Pending = { displayName: asked.displayName, state, sealed: sealedKey }
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
  const isOrder = policy.issuer.name !== UNKNOWN
  const waiting: Pending = isOrder
    ? { ...begun, state: { ...state, status: 'failed', error: ORDER_FAILED } }
    : begun
  await putPending(tx, place, waiting)
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
  asked: Pick<Asked, 'policy' | 'enabled' | 'tags'>,
): NewCertificate {
  const { policy } = asked
  const notBeforeMs = Math.floor(call.nowMs / 1000) * 1000 - BACKDATE_MS
  const expiresAtMs = moveBy(notBeforeMs, `P${policy.x509_props.validity_months}M`, 1)
  const der = selfSign(holderOf(policy), key, { notBeforeMs, expiresAtMs })
  return { ...asked, key, issued: toIssued([der]) }
}

/**
 * Makes the next version of a self-signed certificate by its policy. Undefined when somebody made a
 * version in the meantime and `current` is no longer the newest.
 */
export async function renewCertificate(
  call: CertificateCall,
  current: ObjectVersion,
  policy: CertificatePolicy,
): Promise<ObjectVersion | undefined> {
  const name = current.name.toLowerCase()
  const key = await keyFor(call, name, policy)
  const asked = { policy, enabled: current.enabled, tags: current.tags }
  const sealed = sealCertificate(call, name, signSelf(call, key, asked))
  const places = placesOf(call, name)
  return change(call, places, async (tx) => {
    const [place] = places as [Place]
    if ((await findObject(tx, place))?.latest_id !== current.id) return undefined
    return appendCertificate(tx, call, current.name, { sealed, policy })
  })
}
