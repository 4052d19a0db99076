import { planAt, setPolicy } from '../objects/schedule.ts'
import { findLatest, findObject, type Place, type Rows, type Writing } from '../objects/store.ts'
import { type RotationPolicy, rotationTimeOf } from './rotation-policy.ts'

/** The policy that was set; undefined when none was. */
export function findPolicy(rows: Rows, place: Place): RotationPolicy | undefined {
  const text = findObject(rows, place)?.policy
  return text ? (JSON.parse(text) as RotationPolicy) : undefined
}

/** Keeps a policy and plans by it. */
export function storePolicy(tx: Writing, place: Place, id: number, policy: RotationPolicy): void {
  setPolicy(tx, id, policy)
  planRotation(tx, place)
}

/** Makes a policy that came with a backup the policy of this vault's key, and plans by it. */
export function adoptPolicy(tx: Writing, place: Place, vaultName: string): void {
  const policy = findPolicy(tx, place)
  const object = findObject(tx, place)
  if (policy && object) storePolicy(tx, place, object.id, { ...policy, vaultName })
}

/** Plans the next rotation anew; to be called whenever the newest version or its times change. */
export function planRotation(tx: Writing, place: Place): void {
  const policy = findPolicy(tx, place)
  const latest = policy && findLatest(tx, place)
  if (policy && latest) planAt(tx, latest.objectId, rotationTimeOf(policy, latest))
}
