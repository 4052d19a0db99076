import type { KeyObject } from 'node:crypto'
import { newVersionId } from '../../base/ids.ts'
import type { VaultCall } from '../context.ts'
import { announceVersion } from '../events.ts'
import { type Kind, objectNotFound, purgeNotEnabled } from '../faults.ts'
import { detailsOf } from '../keys/key.ts'
import { toPrivateKeyObject } from '../keys/material.ts'
import {
  addVersion,
  type NewVersion,
  purgeObject,
  softDelete,
  undelete,
  type VersionChange,
} from '../objects/changes.ts'
import { NEAR_MS, planNear } from '../objects/notices.ts'
import {
  applyChange,
  change,
  changeVersion,
  openValue,
  placeOf,
  readDeletedObject,
  readLiveObject,
  sealPlace,
} from '../objects/objects.ts'
import { purgeTimeOf } from '../objects/retention.ts'
import { planAt, setPolicy } from '../objects/schedule.ts'
import {
  findLatest,
  findObject,
  findVersion,
  type Place,
  type Rows,
  type Writing,
} from '../objects/store.ts'
import type { ObjectVersion, Tags } from '../objects/version.ts'
import { type Issued, thumbprint, toMaterial, toSecretValue } from './issued.ts'
import { dropPending } from './pending-store.ts'
import { actionTimeOf, type CertificatePolicy, keyOpsOf, renewalTimeOf } from './policy.ts'

/** What work on certificates needs of a call; a sweep has no caller. */
export type CertificateCall = Pick<VaultCall, 'store' | 'vault' | 'scope' | 'nowMs'>

/** A certificate is three objects of one name and one version. */
const KINDS: readonly Kind[] = ['certificates', 'keys', 'secrets']

/** The kinds of the key and the secret behind a certificate. */
export const BACKING: readonly Kind[] = ['keys', 'secrets']

export interface NewCertificate {
  readonly issued: Issued
  readonly key: KeyObject
  readonly policy: CertificatePolicy
  readonly enabled: boolean | undefined
  readonly tags: Tags | undefined
  /** As asked for; an order that is kept is in `issued`. */
  readonly preserveCertOrder?: boolean | undefined
}

interface StoredPolicy {
  readonly policy: CertificatePolicy
  /** Renewal by the clock has no request that names the vault. */
  readonly vaultName: string
}

/** The places of a certificate, its key and its secret; `name` is lower case. */
export function placesOf(call: CertificateCall, name: string): Place[] {
  return KINDS.map((kind) => ({ vault: call.vault.dataId, kind, name }))
}

/** The policy of a certificate that is there. */
export async function findStoredPolicy(
  rows: Rows,
  place: Place,
): Promise<StoredPolicy | undefined> {
  const text = (await findObject(rows, place))?.policy
  return text ? (JSON.parse(text) as StoredPolicy) : undefined
}

/** Three versions of one name ready to be stored. @throws Fault `PropertyWrong` for a key Key Vault has not */
export function sealCertificate(
  call: CertificateCall,
  name: string,
  made: NewCertificate,
  version = newVersionId(),
): readonly NewVersion[] {
  const { issued, key, policy } = made
  const leaf = issued.certificates[0] ?? Buffer.alloc(0)
  const { shown, secret } = toMaterial(key, policy.key_props.kty.endsWith('-HSM'))
  const { exportable } = policy.key_props
  const seal = (kind: Kind, value: Buffer | string) =>
    call.scope.seal(sealPlace(kind, name, version), value)
  const common = {
    version,
    enabled: made.enabled ?? true,
    notBeforeMs: issued.notBeforeMs,
    expiresAtMs: issued.expiresAtMs,
    createdAtMs: call.nowMs,
    updatedAtMs: call.nowMs,
    tags: made.tags,
  }
  return [
    {
      ...common,
      sealed: seal('certificates', leaf),
      details: {
        x5t: thumbprint(leaf),
        subject: issued.subject,
        ...(made.preserveCertOrder !== undefined && { preserveCertOrder: made.preserveCertOrder }),
      },
    },
    {
      ...common,
      sealed: seal('keys', secret.open()),
      details: { ...shown, key_ops: keyOpsOf(policy), exportable },
    },
    {
      ...common,
      sealed: seal('secrets', toSecretValue(policy, issued, key).open()),
      details: { contentType: policy.secret_props.contentType },
    },
  ]
}

/**
 * Stores the three versions, keeps the policy and plans the renewal.
 *
 * @throws Fault `DeletedNameHeld`, or `NameTaken` by a key or secret that is no certificate's
 */
export async function appendCertificate(
  tx: Writing,
  call: CertificateCall,
  displayName: string,
  made: { readonly sealed: readonly NewVersion[]; readonly policy: CertificatePolicy },
): Promise<ObjectVersion> {
  const places = placesOf(call, displayName.toLowerCase())
  for (const [index, place] of places.entries()) {
    const version = made.sealed[index]
    if (!version) throw new Error('A certificate has three parts.')
    const managed = place.kind !== 'certificates'
    const details = await withPrevious(tx, place, version.details)
    const stored = await addVersion(tx, place, displayName, { ...version, details, managed })
    await announceVersion(tx, call, place.kind, { ...version, name: stored.display_name })
  }
  return keepPolicy(tx, call, places[0] as Place, made.policy)
}

/** A certificate's secret names the version before it. */
async function withPrevious(
  tx: Writing,
  place: Place,
  details: object | undefined,
): Promise<object | undefined> {
  if (place.kind !== 'secrets') return details
  const before = await findLatest(tx, place)
  return before ? { ...details, previousVersion: before.version } : details
}

/** Keeps a policy and plans by it; gives the newest version. */
export async function keepPolicy(
  tx: Writing,
  call: CertificateCall,
  place: Place,
  policy: CertificatePolicy,
): Promise<ObjectVersion> {
  const latest = await findLatest(tx, place)
  if (!latest) throw objectNotFound('certificates', place.name)
  const stored: StoredPolicy = { policy, vaultName: call.vault.name }
  await setPolicy(tx, latest.objectId, stored)
  const { notBeforeMs, expiresAtMs } = latest
  const atMs =
    notBeforeMs === undefined || expiresAtMs === undefined
      ? undefined
      : renewalTimeOf(policy, { notBeforeMs, expiresAtMs })
  await planAt(tx, latest.objectId, atMs)
  await planNearByPolicy(tx, latest, policy)
  return latest
}

/** By an EmailContacts action the end is near when the contacts would be mailed; nobody is. */
async function planNearByPolicy(
  tx: Writing,
  { objectId, notBeforeMs, expiresAtMs }: ObjectVersion,
  policy: CertificatePolicy,
): Promise<void> {
  if (notBeforeMs === undefined || expiresAtMs === undefined) return
  const atMs = actionTimeOf(policy, 'EmailContacts', { notBeforeMs, expiresAtMs })
  await planNear(tx, objectId, atMs ?? expiresAtMs - NEAR_MS)
}

/** The private key of the newest version, for a successor that keeps it. */
export async function readCurrentKey(
  call: CertificateCall,
  name: string,
): Promise<KeyObject | undefined> {
  const place = { vault: call.vault.dataId, kind: 'keys', name } as const
  const latest = await findLatest(call.store.db, place)
  if (!latest?.managed || latest.deletedAtMs !== undefined) return undefined
  return toPrivateKeyObject(detailsOf(latest), openValue(call.scope, 'keys', latest))
}

/** Changes attributes and tags of one version, alike for its key and its secret. */
export function updateCertificate(
  call: VaultCall,
  target: { readonly name: string; readonly version: string | undefined },
  changed: VersionChange,
  policyOf: ((before: CertificatePolicy) => CertificatePolicy) | undefined,
): Promise<ObjectVersion> {
  const places = placesOf(call, target.name)
  return change(call, places, async (tx) => {
    const [own] = places as [Place]
    const found =
      target.version === undefined
        ? await findLatest(tx, own)
        : await findVersion(tx, own, target.version.toLowerCase())
    if (!found || found.deletedAtMs !== undefined) {
      const id = target.version === undefined ? target.name : `${target.name}/${target.version}`
      throw objectNotFound('certificates', id)
    }
    for (const place of places) {
      const one = await findVersion(tx, place, found.version)
      if (one) await changeVersion(tx, one, applyChange(one, changed, call.nowMs))
    }
    const stored = await findStoredPolicy(tx, own)
    if (stored && (policyOf || changed.expiresAtMs !== undefined)) {
      await keepPolicy(tx, call, own, policyOf?.(stored.policy) ?? stored.policy)
    }
    return (await findVersion(tx, own, found.version)) ?? found
  })
}

/** Soft delete of the certificate with its key and its secret; a begun operation ends. */
export function deleteCertificate(call: VaultCall, name: string): Promise<ObjectVersion> {
  const purgeAtMs = purgeTimeOf(call.vault, call.nowMs)
  return change(call, placesOf(call, name), async (tx) => {
    const place = placeOf(call, 'certificates', name)
    await readLiveObject(tx, place)
    await forEachPart(tx, call, name, (id) => softDelete(tx, id, call.nowMs, purgeAtMs))
    await dropPending(tx, place)
    return readLatest(tx, place)
  })
}

/** Brings all three back. */
export function recoverCertificate(call: VaultCall, name: string): Promise<ObjectVersion> {
  return change(call, placesOf(call, name), async (tx) => {
    const place = placeOf(call, 'certificates', name)
    await readDeletedObject(tx, place, call.nowMs)
    await forEachPart(tx, call, name, (id) => undelete(tx, id))
    return readLatest(tx, place)
  })
}

/** Destroys all three. @throws Fault `PurgeNotEnabled` under purge protection */
export async function purgeCertificate(call: VaultCall, name: string): Promise<void> {
  if (call.vault.enablePurgeProtection) throw purgeNotEnabled()
  await change(call, placesOf(call, name), async (tx) => {
    await readDeletedObject(tx, placeOf(call, 'certificates', name), call.nowMs)
    await forEachPart(tx, call, name, (id) => purgeObject(tx, id))
  })
}

async function forEachPart(
  tx: Writing,
  call: VaultCall,
  name: string,
  work: (id: number) => Promise<void>,
): Promise<void> {
  for (const place of placesOf(call, name)) {
    const found = await findObject(tx, place)
    if (found && (place.kind === 'certificates' || found.managed === 1)) await work(found.id)
  }
}

async function readLatest(rows: Rows, place: Place): Promise<ObjectVersion> {
  const latest = await findLatest(rows, place)
  if (!latest) throw objectNotFound('certificates', place.name)
  return latest
}
