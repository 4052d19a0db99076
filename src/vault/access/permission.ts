import { Fault } from '../../base/fault.ts'
import type { Principal } from '../../http/principal.ts'
import type { Kind, VaultFaultCode } from '../faults.ts'
import type { AccessPolicy, Authorizer, VaultResource } from '../ports.ts'
import { callerOf, vaultOf } from './caller.ts'

/** What an operation needs in each of the two permission models. */
export interface Right {
  readonly kind: Kind
  /** Access-policy permission under `kind`: `get`. */
  readonly policy: string
  /** Another permission that does as well. */
  readonly alsoPolicy?: string
  /** After `Microsoft.KeyVault/vaults/`: `secrets/getSecret/action`. */
  readonly dataAction: string
}

const ACTION_PREFIX = 'Microsoft.KeyVault/vaults/'

/** Permissions `all` leaves out (key-vault.md §18.5). */
const NOT_IN_ALL = 'purge'

const policiesByObject = new WeakMap<
  readonly AccessPolicy[],
  ReadonlyMap<string, readonly AccessPolicy[]>
>()

/**
 * Judges by the model the vault uses. Gives the role assignment that allowed it, or undefined for
 * an access policy. `name` is the object asked for, undefined for a collection.
 *
 * @throws Fault `AccessDenied` or `ForbiddenByRbac`
 */
export function checkPermission(
  principal: Principal,
  vault: VaultResource,
  asked: { readonly right: Right; readonly name: string | undefined },
  authorizer: Authorizer,
): string | undefined {
  const { right, name } = asked
  if (!vault.enableRbacAuthorization) {
    if (isAllowedByPolicy(principal, vault, right)) return undefined
    throw accessDenied(principal, vault, right)
  }
  const scope = name === undefined ? vault.id : `${vault.id}/${right.kind}/${name}`
  const decision = authorizer.decide(principal, ACTION_PREFIX + right.dataAction, scope)
  if (decision.allowed) return decision.assignmentId
  throw forbiddenByRbac(principal, vault, right.dataAction, scope)
}

/** Own entries and those of the caller's groups; a compound entry needs its application too. */
function isAllowedByPolicy(
  principal: Principal,
  vault: VaultResource,
  right: Pick<Right, 'kind' | 'policy' | 'alsoPolicy'>,
): boolean {
  const entries = indexOf(vault.accessPolicies)
  const grants = (objectId: string) =>
    entries
      .get(objectId.toLowerCase())
      ?.some((entry) => isFor(entry, principal) && hasPermission(entry, right)) === true
  return grants(principal.objectId) || principal.groups.some(grants)
}

function isFor(entry: AccessPolicy, principal: Principal): boolean {
  if (!sameText(entry.tenantId, principal.tenantId)) return false
  if (entry.applicationId === undefined) return true
  return (
    principal.kind === 'user' &&
    principal.appId !== undefined &&
    sameText(entry.applicationId, principal.appId)
  )
}

function hasPermission(
  entry: AccessPolicy,
  { kind, policy, alsoPolicy }: Pick<Right, 'kind' | 'policy' | 'alsoPolicy'>,
): boolean {
  const wanted = policy.toLowerCase()
  return entry.permissions[kind].some((held) => {
    const name = held.toLowerCase()
    return name === wanted || name === alsoPolicy || (name === 'all' && wanted !== NOT_IN_ALL)
  })
}

function indexOf(policies: readonly AccessPolicy[]): ReadonlyMap<string, readonly AccessPolicy[]> {
  let index = policiesByObject.get(policies)
  if (!index) {
    index = Map.groupBy(policies, (entry) => entry.objectId.toLowerCase())
    policiesByObject.set(policies, index)
  }
  return index
}

function accessDenied(
  principal: Principal,
  vault: VaultResource,
  right: Right,
): Fault<VaultFaultCode> {
  return new Fault(
    'AccessDenied',
    `The user, group or application '${callerOf(principal)}' does not have ${right.kind} ${right.policy} permission on key vault '${vaultOf(vault)}'. For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125287`,
  )
}

function forbiddenByRbac(
  principal: Principal,
  vault: VaultResource,
  dataAction: string,
  scope: string,
): Fault<VaultFaultCode> {
  const lines = [
    'Caller is not authorized to perform action on resource.',
    'If role assignments, deny assignments or role definitions were changed recently, please observe propagation time.',
    `Caller: ${callerOf(principal)}`,
    `Action: '${ACTION_PREFIX}${dataAction}'`,
    `Resource: '${scope.toLowerCase()}'`,
    'Assignment: (not found)',
    'DenyAssignmentId: null',
    'DecisionReason: null ',
    `Vault: ${vaultOf(vault)}`,
    '',
  ]
  return new Fault('ForbiddenByRbac', lines.join('\r\n'))
}

function sameText(left: string, right: string): boolean {
  return left === right || left.toLowerCase() === right.toLowerCase()
}
