import { Fault } from '../../base/fault.ts'
import { findBoolean, isObject, type JsonObject } from '../../base/json.ts'
import { isSince } from '../api-versions.ts'
import type { VaultCall } from '../context.ts'
import type { VaultFaultCode } from '../faults.ts'
import { orPropertyWrong } from '../objects/attributes.ts'
import { updateVersion } from '../objects/changes.ts'
import { placeOf } from '../objects/objects.ts'
import {
  findLatest,
  findObject,
  listSealedVersions,
  type Place,
  type Writing,
} from '../objects/store.ts'
import type { VersionFacts } from '../objects/version.ts'
import { detailsOf, type KeyDetails } from './key.ts'
import { type ReleasePolicy, readReleasePolicy } from './release-policy.ts'

/** Versions whose policy one change reaches. */
const VERSIONS_LIMIT = 10_000

type Exportability = Pick<KeyDetails, 'exportable' | 'release_policy'>

/** What Key Vault says; texts without a recording are ours. */
const REFUSALS = {
  1001: "The exportable attribute is only supported with premium vaults and API version >= '7.3-preview'.",
  1003: 'The exportable attribute of an existing key cannot be changed.',
  1004: 'Exportable keys must have release policy.',
  1005: 'Non-exportable keys must not have release policy.',
  1006: 'Only keys of an HSM type (RSA-HSM, EC-HSM, oct-HSM) can be exportable.',
  1014: 'Cannot modify the exportable state of a key.',
  1016: 'Key Release Policy can only be set on versionless key.',
  1020: 'Immutable Key Release Policy cannot be modified.',
} as const

function refused(number: keyof typeof REFUSALS): Fault<VaultFaultCode> {
  return new Fault('ParameterWrong', `AKV.SKR.${number}: ${REFUSALS[number]}`)
}

/** The version that a create or an import of that name comes after; undefined for a new key. */
export async function findBefore(call: VaultCall, name: string): Promise<VersionFacts | undefined> {
  const found = await findLatest(call.store.db, placeOf(call, 'keys', name))
  const isOver = found?.purgeAtMs !== undefined && found.purgeAtMs <= call.nowMs
  // A certificate's key is not followed by this one: storing refuses it.
  return found?.managed || isOver ? undefined : found
}

/**
 * Whether the key that a create or an import makes may be released, and when. Versions of one key are
 * alike in this: what is not said is as in `before`, its newest version.
 *
 * @throws Fault `ParameterWrong`
 */
export function readExportability(
  call: VaultCall,
  body: JsonObject,
  kty: string,
  before: VersionFacts | undefined,
): Exportability {
  const old = before && detailsOf(before)
  const wasExportable = old?.exportable === true
  const asked = readExportable(body)
  const given = readReleasePolicy(body['release_policy'])
  if (before && asked !== undefined && asked !== wasExportable) throw refused(1003)
  if (!(asked ?? wasExportable)) {
    if (given) throw refused(1005)
    return {}
  }
  const { vault } = call
  const isTier = vault.kind === 'managedHsm' || vault.sku === 'premium'
  const isOffered = isTier && isSince(call.apiVersion, '7.3-preview')
  if (!isOffered) throw refused(1001)
  if (!kty.endsWith('-HSM')) throw refused(1006)
  return { exportable: true, release_policy: changePolicy(old?.release_policy, given) }
}

function readExportable(body: JsonObject): boolean | undefined {
  const attributes = body['attributes']
  if (!isObject(attributes)) return undefined
  return orPropertyWrong('exportable', () => findBoolean(attributes['exportable'], 'exportable'))
}

function changePolicy(
  old: ReleasePolicy | undefined,
  given: ReleasePolicy | undefined,
): ReleasePolicy {
  const policy = given ?? old
  if (!policy) throw refused(1004)
  const isChanged = JSON.stringify(policy) !== JSON.stringify(old)
  if (old?.immutable && isChanged) throw refused(1020)
  return policy
}

/**
 * The new policy an update asks for; undefined when it names none. `version` is what its path names.
 *
 * @throws Fault `ParameterWrong`
 */
export function readPolicyChange(
  body: JsonObject,
  found: VersionFacts,
  version: string | undefined,
): ReleasePolicy | undefined {
  const old = detailsOf(found)
  const asked = readExportable(body)
  if (asked !== undefined && asked !== (old.exportable === true)) throw refused(1014)
  const given = readReleasePolicy(body['release_policy'])
  if (!given) return undefined
  if (old.exportable !== true) throw refused(1005)
  if (version !== undefined) throw refused(1016)
  return changePolicy(old.release_policy, given)
}

/** Gives all versions of a key the release policy that its newest version has now. */
export async function spreadPolicy(
  tx: Writing,
  place: Place,
  policy: ReleasePolicy,
): Promise<void> {
  const object = await findObject(tx, place)
  if (!object) return
  for (const one of await listSealedVersions(tx, object.id, VERSIONS_LIMIT)) {
    if (one.id === object.latest_id) continue
    await updateVersion(tx, one.id, { ...one, details: { ...one.details, release_policy: policy } })
  }
}
