import { isGuid, newGuid } from '../base/ids.ts'
import type { ArmParts } from './context.ts'
import type { RoleAssignment } from './model.ts'
import { scopeKey } from './scopes.ts'
import { findRole, listRoles } from './store.ts'
import { armFault } from './wire-faults.ts'

/** A role to give. */
export interface AssignmentWish {
  readonly id?: string
  readonly scope: string
  readonly roleId: string
  readonly principalId: string
  /** Undefined when neither the caller nor the directory knows. */
  readonly principalType: string | undefined
  readonly description?: string | undefined
  readonly condition?: string | undefined
  readonly actor: string
  /** Given by the installation itself: it takes effect at once. */
  readonly isImmediate?: boolean
}

/**
 * Gives a role. The same assignment twice under one id is the same as once.
 *
 * @throws Fault `RoleAssignmentExists`, `RoleAssignmentUpdateNotPermitted`, `PrincipalNotFound`,
 * `RoleDefinitionDoesNotExist` or `InvalidRoleAssignmentId`
 */
export async function createAssignment(
  parts: Pick<ArmParts, 'store' | 'clock' | 'directory' | 'propagation'>,
  wish: AssignmentWish,
): Promise<{ readonly assignment: RoleAssignment; readonly isNew: boolean }> {
  const { store, clock, directory } = parts
  const id = (wish.id ?? newGuid()).toLowerCase()
  if (!isGuid(id)) {
    throw armFault(
      'InvalidRoleAssignmentId',
      `The role assignment ID '${id.slice(0, 60)}' is not valid. The role assignment ID must be a GUID.`,
    )
  }
  if (!findRole(store, wish.roleId)) {
    throw armFault(
      'RoleDefinitionDoesNotExist',
      `The specified role definition with ID '${wish.roleId}' does not exist.`,
    )
  }
  if (wish.principalType === undefined) {
    throw armFault(
      'PrincipalNotFound',
      `Principal ${wish.principalId.replaceAll('-', '')} does not exist in the directory ${directory.defaultTenantId}. Check that you have the correct principal ID. If you are creating this principal and then immediately assigning a role, this error might be related to a replication delay. In this case, set the role assignment principalType property to a value, such as ServicePrincipal, User, or Group. See https://aka.ms/docs-principaltype`,
    )
  }
  const nowMs = clock.nowMs()
  const scope = wish.scope.replace(/\/+$/, '')
  const made: RoleAssignment = {
    id,
    scope,
    roleId: wish.roleId.toLowerCase(),
    principalId: wish.principalId,
    principalType: wish.principalType,
    description: wish.description,
    condition: wish.condition,
    createdAtMs: nowMs,
    createdBy: wish.actor,
    updatedAtMs: nowMs,
    updatedBy: wish.actor,
    ...(wish.isImmediate && { isImmediate: true }),
  }
  return await store.mirrors.write(async (changes) => {
    const held = await changes.find(store.assignments, id)
    if (held && !isSame(held, made)) {
      throw armFault(
        'RoleAssignmentUpdateNotPermitted',
        'Tenant ID, application ID, principal ID, and scope are not allowed to be updated.',
      )
    }
    const others = await changes.list(store.assignments, 'scope_key', scopeKey(made.scope))
    if (others.some((other) => other.id !== id && isSame(other, made))) {
      throw armFault('RoleAssignmentExists', 'The role assignment already exists.')
    }
    const assignment = held
      ? {
          ...held,
          description: made.description,
          condition: made.condition,
          updatedAtMs: nowMs,
          updatedBy: wish.actor,
        }
      : made
    if (held) await parts.propagation.keepAssignment(changes, held)
    await changes.put(store.assignments, assignment)
    return { assignment, isNew: !held }
  })
}

function isSame(a: RoleAssignment, b: RoleAssignment): boolean {
  return (
    a.principalId === b.principalId &&
    a.roleId === b.roleId &&
    scopeKey(a.scope) === scopeKey(b.scope)
  )
}

/** The GUID of a role given by GUID, full id or name (without case). @throws Fault `RoleDefinitionDoesNotExist` */
export function readRoleId(parts: Pick<ArmParts, 'store'>, nameOrId: string): string {
  const last = nameOrId.split('/').at(-1) ?? ''
  if (isGuid(last) && findRole(parts.store, last)) return last.toLowerCase()
  const name = nameOrId.toLowerCase()
  const found = listRoles(parts.store).find((role) => role.name.toLowerCase() === name)
  if (found) return found.id
  throw armFault('RoleDefinitionDoesNotExist', `The role '${nameOrId}' does not exist.`)
}
