import { newVersionId } from '../../base/ids.ts'
import { type JsonObject, readArray } from '../../base/json.ts'
import type { VaultCall } from '../context.ts'
import { announceVersion } from '../events.ts'
import { keyRefused, notOffered, propertyWrong } from '../faults.ts'
import { orPropertyWrong, readAttributes, readTags } from '../objects/attributes.ts'
import { addVersion, type NewVersion, type VersionChange } from '../objects/changes.ts'
import { change, openValue, placeOf, readObjectVersion, sealPlace } from '../objects/objects.ts'
import { findLatest, type Writing } from '../objects/store.ts'
import type { ObjectVersion, VersionFacts } from '../objects/version.ts'
import { claimObject, discardMaterial } from './custody.ts'
import { familyOf, type KeyFamily, type KeyMaterial, type PublicPart } from './material.ts'
import type { ReleasePolicy } from './release-policy.ts'
import { planRotation } from './rotation-store.ts'

const TAG_LIMIT_CHARACTERS = 256

/** What a key's row shows beside the common facts. */
export interface KeyDetails extends PublicPart {
  readonly key_ops: readonly string[]
  /** True for keys that can be released, and for keys of certificates whose policy says so. */
  readonly exportable?: boolean
  /** Of keys that can be released; alike in all versions of a key. */
  readonly release_policy?: ReleasePolicy
}

const KEY_OPS = [
  'encrypt',
  'decrypt',
  'sign',
  'verify',
  'wrapKey',
  'unwrapKey',
  'import',
  'export',
] as const

/** Operations that a key's `key_ops` allow or forbid. */
export type KeyUse = 'encrypt' | 'decrypt' | 'sign' | 'verify' | 'wrapKey' | 'unwrapKey'

/** These stay allowed outside nbf and exp (key-vault.md §7.4). */
const UNDYING: readonly KeyUse[] = ['decrypt', 'unwrapKey', 'verify']

const DEFAULT_OPS: Readonly<Record<KeyFamily, readonly string[]>> = {
  RSA: ['encrypt', 'decrypt', 'sign', 'verify', 'wrapKey', 'unwrapKey'],
  EC: ['sign', 'verify'],
  oct: ['encrypt', 'decrypt', 'wrapKey', 'unwrapKey'],
}

/** The row was written by this room, so its details are a key's. */
export function detailsOf(key: VersionFacts): KeyDetails {
  return key.details as unknown as KeyDetails
}

/** `key_ops`; undefined when none are named. @throws Fault `PropertyWrong` */
export function readKeyOps(value: unknown): readonly string[] | undefined {
  if (value === undefined || value === null) return undefined
  const names = orPropertyWrong('key_ops', () => readArray(value, 'key_ops'))
  for (const name of names) {
    if (!KEY_OPS.some((known) => known === name)) throw propertyWrong('key_ops')
  }
  return names as readonly string[]
}

/** Attributes and tags of a body. @throws Fault `PropertyWrong` */
export function readKeyChange(body: JsonObject): VersionChange {
  return { ...readAttributes(body), tags: readTags(body, TAG_LIMIT_CHARACTERS) }
}

/** HSM and symmetric types are for the premium tier, and for managed HSMs. @throws Fault `NotOffered` */
export function checkTier(call: VaultCall, kty: string): void {
  const { vault } = call
  if (vault.kind === 'managedHsm' || vault.sku === 'premium') return
  if (kty === 'RSA' || kty === 'EC') return
  throw notOffered(`Keys of type ${kty} need a vault of the premium tier.`)
}

/** What is asked of a new key: a managed HSM makes the HSM type of what is asked, as recordings show. */
export function toHeldType(call: VaultCall, body: JsonObject): JsonObject {
  if (call.vault.kind !== 'managedHsm') return body
  const kty = body['kty']
  const isPlain = typeof kty === 'string' && !kty.endsWith('-HSM')
  return { ...body, Hsm: true, ...(isPlain && { kty: `${kty}-HSM` }) }
}

/** A version ready to be stored. */
export function sealKey(
  call: Pick<VaultCall, 'scope' | 'nowMs'>,
  name: string,
  material: KeyMaterial,
  asked: VersionChange & {
    readonly keyOps: readonly string[] | undefined
    readonly exportability?: Pick<KeyDetails, 'exportable' | 'release_policy'>
  },
): NewVersion {
  const { shown, secret, version = newVersionId() } = material
  return {
    version,
    sealed: call.scope.seal(sealPlace('keys', name, version), secret.open()),
    enabled: asked.enabled ?? true,
    notBeforeMs: asked.notBeforeMs,
    expiresAtMs: asked.expiresAtMs,
    createdAtMs: call.nowMs,
    updatedAtMs: call.nowMs,
    tags: asked.tags,
    details: {
      ...shown,
      key_ops: asked.keyOps ?? DEFAULT_OPS[familyOf(shown.kty)],
      ...asked.exportability,
    },
  }
}

/**
 * Stores a key, or a new version of it; resolves when it is durable. What a token has of a key that is
 * not stored after all is destroyed.
 *
 * @throws Fault `DeletedNameHeld`
 */
export async function storeKey(
  call: VaultCall,
  displayName: string,
  material: KeyMaterial,
  asked: VersionChange & { readonly keyOps: readonly string[] | undefined },
): Promise<VersionFacts> {
  const name = displayName.toLowerCase()
  const place = placeOf(call, 'keys', name)
  const made = sealKey(call, name, material, asked)
  try {
    return await change(call, place, (tx) => appendKey(tx, call, displayName, made))
  } catch (error) {
    await discardMaterial(call.store, material)
    throw error
  }
}

/** As `storeKey`, inside a write. */
export async function appendKey(
  tx: Writing,
  call: Pick<VaultCall, 'store' | 'vault' | 'nowMs'>,
  displayName: string,
  made: NewVersion,
): Promise<VersionFacts> {
  const place = placeOf(call, 'keys', displayName.toLowerCase())
  if ((made.details as KeyDetails).protection === 'token') await claimObject(tx, made.version)
  await addVersion(tx, place, displayName, made)
  await planRotation(tx, place)
  const stored = await findLatest(tx, place)
  if (!stored) throw new Error('A key that was just stored is not there.')
  await announceVersion(tx, call, 'keys', stored)
  return stored
}

/** A version that may be used, with its secret opened. */
export interface UsableKey {
  readonly facts: ObjectVersion
  readonly details: KeyDetails
  readonly secret: Buffer
}

/**
 * Opens a version for one use, the newest when none is named.
 *
 * @throws Fault `KeyNotFound`, `KeyDisabled`, `KeyOperationForbidden`, `KeyNotYetValid`, `KeyExpired` or `Throttled`
 */
export async function openKey(
  call: VaultCall,
  target: { readonly name: string; readonly version: string | undefined },
  use: KeyUse,
): Promise<UsableKey> {
  const facts = await readObjectVersion(call, 'keys', target.name, target.version)
  const details = detailsOf(facts)
  call.store.throttle?.takeKey(call.vault, details, 'use', call.nowMs)
  if (!facts.enabled) throw keyRefused('KeyDisabled', use)
  if (!details.key_ops.includes(use)) throw keyRefused('KeyOperationForbidden', use)
  if (!UNDYING.includes(use)) checkWindow(facts, use, call.nowMs)
  return { facts, details, secret: openValue(call.scope, 'keys', facts) }
}

function checkWindow(facts: VersionFacts, use: KeyUse, nowMs: number): void {
  if (facts.notBeforeMs !== undefined && nowMs < facts.notBeforeMs) {
    throw keyRefused('KeyNotYetValid', use)
  }
  if (facts.expiresAtMs !== undefined && nowMs >= facts.expiresAtMs) {
    throw keyRefused('KeyExpired', use)
  }
}
