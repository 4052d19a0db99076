/**
 * The resource manager: what exists and who may do what with it.
 * model.ts, store.ts: subscriptions, groups, vaults, roles; in memory, the database is behind it.
 * authorization.ts with built-in-roles.ts: decisions by role assignments, synchronous; propagation.ts: late ones.
 * vault-properties.ts, access-policies.ts, network-rules.ts: what a vault may look like.
 * service.ts with *-operations.ts: the REST. wire-faults.ts: how it spells refusals.
 */
export { type Arm, openArm, type PoliciesWatcher, type VaultEraser } from './arm.ts'
export type { Decision } from './authorization.ts'
export { builtInRoles } from './built-in-roles.ts'
export type { ArmContext } from './context.ts'
export type { HsmResource } from './managed-hsms.ts'
export { armMigrations } from './migrations.ts'
export type {
  AccessPolicy,
  NetworkAcls,
  PolicyPermissions,
  RoleAssignment,
  RoleDefinition,
  Subscription,
} from './model.ts'
export type { AskKeys, DirectoryPort, HsmStatus, KeyAsk } from './ports.ts'
export type { PropagationDelays } from './propagation.ts'
export type { VaultResource } from './vaults.ts'
