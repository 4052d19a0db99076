import { planNear } from '../objects/notices.ts'
import { planAt, setPolicy } from '../objects/schedule.ts'
import { findLatest, findObject, type Place, type Rows, type Writing } from '../objects/store.ts'
import { notifyTimeOf, type RotationPolicy, rotationTimeOf } from './rotation-policy.ts'

/** The policy that was set; undefined when none was. */
export async function findPolicy(rows: Rows, place: Place): Promise<RotationPolicy | undefined> {
  const text = (await findObject(rows, place))?.policy
  return text ? (JSON.parse(text) as RotationPolicy) : undefined
}

/** Keeps a policy and plans by it. */
export async function storePolicy(
  tx: Writing,
  place: Place,
  id: number,
  policy: RotationPolicy,
): Promise<void> {
  await setPolicy(tx, id, policy)
  await planRotation(tx, place)
}

/** Makes a policy that came with a backup the policy of this vault's key, and plans by it. */
export async function adoptPolicy(tx: Writing, place: Place, vaultName: string): Promise<void> {
  const policy = await findPolicy(tx, place)
  const object = await findObject(tx, place)
  if (policy && object) await storePolicy(tx, place, object.id, { ...policy, vaultName })
}

/** Plans the next rotation, and when the end is near, anew; to be called whenever the newest version or its times change. */
export async function planRotation(tx: Writing, place: Place): Promise<void> {
  const policy = await findPolicy(tx, place)
  const latest = policy && (await findLatest(tx, place))
  if (!policy || !latest) return
  await planAt(tx, latest.objectId, rotationTimeOf(policy, latest))
  const nearAtMs = notifyTimeOf(policy, latest.expiresAtMs)
  if (nearAtMs !== undefined) await planNear(tx, latest.objectId, nearAtMs)
}
