import { json } from '../../http/reply.ts'
import type { VaultCall } from '../context.ts'
import { managedObject } from '../faults.ts'
import { readBody, readName, toSeconds } from '../objects/attributes.ts'
import {
  change,
  placeOf,
  readLiveObject,
  readObjectVersion,
  readOwnObject,
} from '../objects/objects.ts'
import { findLatest, type Place } from '../objects/store.ts'
import type { VersionFacts } from '../objects/version.ts'
import { vaultOperation } from '../operation.ts'
import { discardMaterial, makeMaterial } from './custody.ts'
import { appendKey, detailsOf, sealKey } from './key.ts'
import { generateMaterial, type KeyMaterial, specOf } from './material.ts'
import {
  DEFAULT_ACTIONS,
  expiryOf,
  type RotationPolicy,
  readRotationPolicy,
} from './rotation-policy.ts'
import { findPolicy, storePolicy } from './rotation-store.ts'
import { toKeyBundle } from './wire.ts'

/** What rotating needs of a call; a sweep has no caller. */
export type RotatingCall = Pick<VaultCall, 'store' | 'vault' | 'scope' | 'nowMs'>

/**
 * Makes the next version: same type, size and operations, expiring as the policy says. Undefined
 * when somebody made a version in the meantime and `expected` is no longer the newest.
 */
export async function rotateKey(
  call: RotatingCall,
  place: Place,
  current: VersionFacts,
  expected?: string,
): Promise<VersionFacts | undefined> {
  const details = detailsOf(current)
  const asked = { name: place.name, keyOps: details.key_ops }
  // A key that can be released was made in software, and so are its next versions.
  const spec = specOf(details)
  const material = details.exportable
    ? await generateMaterial(spec)
    : await makeMaterial(call, spec, asked)
  try {
    const made = await storeNext(call, place, { current, expected, material })
    if (!made) await discardMaterial(call.store, material)
    return made
  } catch (error) {
    await discardMaterial(call.store, material)
    throw error
  }
}

function storeNext(
  call: RotatingCall,
  place: Place,
  next: {
    readonly current: VersionFacts
    readonly expected: string | undefined
    readonly material: KeyMaterial
  },
): Promise<VersionFacts | undefined> {
  const { current, expected, material } = next
  const { exportable, release_policy, key_ops: keyOps } = detailsOf(current)
  const exportability = {
    ...(exportable !== undefined && { exportable }),
    ...(release_policy && { release_policy }),
  }
  return change(call, place, async (tx) => {
    if (expected !== undefined && (await findLatest(tx, place))?.version !== expected) {
      return undefined
    }
    const expiresAtMs = expiryOf(await findPolicy(tx, place), call.nowMs)
    const asked = { keyOps, tags: current.tags, expiresAtMs, exportability }
    return appendKey(tx, call, current.name, sealKey(call, place.name, material, asked))
  })
}

function toPolicyBody(call: VaultCall, name: string, policy: RotationPolicy | undefined): object {
  return {
    id: `${call.uri}/keys/${name}/rotationpolicy`,
    lifetimeActions: policy?.lifetimeActions ?? DEFAULT_ACTIONS,
    attributes: policy
      ? {
          ...(policy.expiryTime !== undefined && { expiryTime: policy.expiryTime }),
          created: toSeconds(policy.createdAtMs),
          updated: toSeconds(policy.updatedAtMs),
        }
      : {},
  }
}

const rotate = vaultOperation(
  'RotateKey',
  { method: 'POST', path: '/keys/:name/rotate' },
  { policy: 'rotate', dataAction: 'keys/rotate/action', audit: 'KeyRotate', budget: 'keys' },
  async ({ params }, vault) => {
    const name = readName(params.name)
    const current = await readObjectVersion(vault, 'keys', name, undefined)
    if (current.managed) throw managedObject('keys', current.name)
    vault.store.throttle?.takeKey(vault.vault, detailsOf(current), 'create', vault.nowMs)
    const made = await rotateKey(vault, placeOf(vault, 'keys', name), current)
    if (!made) throw new Error('A rotation that expects nothing was given up.')
    return json(200, toKeyBundle(vault, made))
  },
)

const getRotationPolicy = vaultOperation(
  'GetKeyRotationPolicy',
  { method: 'GET', path: '/keys/:name/rotationpolicy' },
  {
    policy: 'getrotationpolicy',
    dataAction: 'keyrotationpolicies/read',
    audit: 'KeyRotationPolicyGet',
  },
  async ({ params }, vault) => {
    const place = placeOf(vault, 'keys', readName(params.name))
    const object = await readLiveObject(vault.store.db, place)
    const policy = await findPolicy(vault.store.db, place)
    return json(200, toPolicyBody(vault, object.display_name, policy))
  },
)

const setRotationPolicy = vaultOperation(
  'UpdateKeyRotationPolicy',
  { method: 'PUT', path: '/keys/:name/rotationpolicy' },
  {
    policy: 'setrotationpolicy',
    dataAction: 'keyrotationpolicies/write',
    audit: 'KeyRotationPolicySet',
  },
  async (call, vault) => {
    const place = placeOf(vault, 'keys', readName(call.params.name))
    const asked = readRotationPolicy(readBody(await call.readJson()))
    const stored = await change(vault, place, async (tx) => {
      const object = await readOwnObject(tx, place)
      const createdAtMs = (await findPolicy(tx, place))?.createdAtMs ?? vault.nowMs
      const vaultName = vault.vault.name
      const policy = { ...asked, createdAtMs, updatedAtMs: vault.nowMs, vaultName }
      await storePolicy(tx, place, object.id, policy)
      return { policy, name: object.display_name }
    })
    return json(200, toPolicyBody(vault, stored.name, stored.policy))
  },
)

/** Rotation and its policy (key-vault.md §9). */
export const rotationOperations = [rotate, getRotationPolicy, setRotationPolicy]
