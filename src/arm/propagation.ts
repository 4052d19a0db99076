import type { Clock } from '../base/clock.ts'
import type { Changes } from '../storage/mirror.ts'
import type { AccessPolicy, RoleAssignment, StoredVault } from './model.ts'
import type { ArmStore } from './store.ts'

/** How long changes of rights take to take effect, in milliseconds; what was taken away lingers as long. */
export interface PropagationDelays {
  readonly rolesMs: number
  readonly policiesMs: number
}

export const NO_DELAYS: PropagationDelays = { rolesMs: 0, policiesMs: 0 }

/** Sets of access policies remembered per vault; of more changes in one delay the first are not shown. */
const REPLACED_LIMIT = 16

/** The rights as they were one delay ago. */
export interface Propagation {
  readonly delays: PropagationDelays
  /** True when the assignment has been there for the delay. */
  isInEffect(assignment: RoleAssignment): boolean
  /** Assignments of a principal that were taken away, or changed, less than a delay ago. */
  listLingering(principalId: string): readonly RoleAssignment[]
  /** The access policies the data plane judges by. */
  policiesOf(vault: StoredVault): readonly AccessPolicy[]
  /** Keeps what an assignment was before it is removed or replaced, in the same write. */
  keepAssignment(changes: Changes, before: RoleAssignment): Promise<void>
  /** The vault as it is to be stored over `before`, which remembers its former access policies. */
  withFormerPolicies(changed: StoredVault, before: StoredVault | undefined): StoredVault
  /** Forgets what no longer lingers. */
  sweep(): Promise<void>
}

/** Judges by the persisted times of the changes, so that a restart changes nothing. */
export function openPropagation(
  store: ArmStore,
  clock: Clock,
  delays: PropagationDelays,
): Propagation {
  const { rolesMs, policiesMs } = delays
  const isPast = (sinceMs: number, delayMs: number) => sinceMs + delayMs <= clock.nowMs()
  const isInEffect = (assignment: RoleAssignment) =>
    rolesMs === 0 || assignment.isImmediate === true || isPast(assignment.updatedAtMs, rolesMs)
  const isForgotten = (atMs: number) => isPast(atMs, policiesMs)
  return {
    delays,
    isInEffect,
    listLingering: (principalId) =>
      rolesMs === 0
        ? []
        : store.formerOf
            .list(principalId)
            .filter((one) => !isPast(one.endedAtMs, rolesMs) && isInEffect(one.assignment))
            .map((one) => one.assignment),
    policiesOf: (vault) =>
      vault.formerPolicies?.find(({ endedAtMs }) => !isForgotten(endedAtMs))?.accessPolicies ??
      vault.accessPolicies,
    keepAssignment: async (changes, assignment) => {
      if (rolesMs === 0) return
      const endedAtMs = clock.nowMs()
      const key = `${assignment.id}/${endedAtMs}`
      await changes.put(store.formerAssignments, { key, assignment, endedAtMs })
    },
    withFormerPolicies: (changed, before) => {
      const { formerPolicies: _, ...plain } = changed
      if (policiesMs === 0 || !before) return plain
      const former = (before.formerPolicies ?? []).filter((one) => !isForgotten(one.endedAtMs))
      if (!isSamePolicies(before, changed)) {
        former.push({ accessPolicies: before.accessPolicies, endedAtMs: clock.nowMs() })
      }
      return former.length === 0
        ? plain
        : { ...plain, formerPolicies: former.slice(-REPLACED_LIMIT) }
    },
    sweep: async () => {
      const over = store.formerAssignments.list().filter((one) => isPast(one.endedAtMs, rolesMs))
      if (over.length === 0) return
      await store.mirrors.write(async (changes) => {
        for (const { key } of over) await changes.remove(store.formerAssignments, key)
      })
    },
  }
}

/** True when nobody's access policy differs. */
export function isSamePolicies(
  a: Pick<StoredVault, 'accessPolicies'>,
  b: Pick<StoredVault, 'accessPolicies'>,
): boolean {
  return (
    a.accessPolicies === b.accessPolicies ||
    JSON.stringify(a.accessPolicies) === JSON.stringify(b.accessPolicies)
  )
}
