import { isGuid } from '../base/ids.ts'
import { isObject, type JsonObject } from '../base/json.ts'
import type { Call } from '../http/call.ts'
import { type Operation, operation } from '../http/operation.ts'
import { empty, json } from '../http/reply.ts'
import type { AssignmentFacts } from './authorization.ts'
import { compileCondition } from './conditions.ts'
import { hsmKind, readActive, vaultKind } from './containers.ts'
import {
  type ArmContext,
  readBody,
  readGroup,
  readSubscription,
  requireAllowed,
} from './context.ts'
import type { RoleAssignment } from './model.ts'
import { createAssignment } from './role-assignments.ts'
import { compileAssignmentFilter } from './role-filters.ts'
import { managementGroupOf, scopeKey, subscriptionOf } from './scopes.ts'
import { armFault, authorizationFailed } from './wire-faults.ts'

const armOperation = operation<ArmContext>()
const ASSIGNMENTS = 'Microsoft.Authorization/roleAssignments'
/** `rewrite` puts the scope, which can be any path, behind the rest. */
const LIST = '/~authorization/roleAssignments/list/*'
const ITEM = '/~authorization/roleAssignments/item/:id/*'

/** Role assignments at any scope, below a vault's objects too. */
export const roleAssignmentOperations: readonly Operation<ArmContext>[] = [
  armOperation('RoleAssignments_ListForScope', { method: 'GET', path: LIST }, (call, context) => {
    const scope = readScope(call, context)
    requireAllowed(context, `${ASSIGNMENTS}/read`, scope)
    const matches = compileAssignmentFilter(call.query.get('$filter'), scope, context.directory)
    const found = context.store.assignments
      .list()
      .filter((assignment) => isOwn(context, assignment) && matches(assignment))
    return json(200, { value: found.map(toAssignmentBody) })
  }),
  armOperation('RoleAssignments_Get', { method: 'GET', path: ITEM }, (call, context) => {
    const scope = readScope(call, context)
    requireAllowed(context, `${ASSIGNMENTS}/read`, scope)
    const found = findAssignment(context, call.params.id, scope)
    if (found) return json(200, toAssignmentBody(found))
    throw armFault(
      'RoleAssignmentNotFound',
      `The role assignment '${call.params.id}' is not found.`,
    )
  }),
  armOperation('RoleAssignments_Create', { method: 'PUT', path: ITEM }, async (call, context) => {
    const scope = readScope(call, context)
    const wanted = readAssignment(await readBody(call), context)
    requireMayAssign(context, 'write', { ...wanted, scope })
    requireScopeExists(context, scope)
    const { assignment, isNew } = await createAssignment(context, {
      ...wanted,
      id: call.params.id,
      scope,
      actor: context.caller.objectId,
    })
    return json(isNew ? 201 : 200, toAssignmentBody(assignment))
  }),
  armOperation(
    'RoleAssignments_Delete',
    { method: 'DELETE', path: ITEM },
    async (call, context) => {
      const scope = readScope(call, context)
      const found = findAssignment(context, call.params.id, scope)
      if (!found) {
        requireAllowed(context, `${ASSIGNMENTS}/delete`, scope)
        return empty(204)
      }
      requireMayAssign(context, 'delete', found)
      const { store, propagation } = context
      await store.mirrors.write(async (changes) => {
        const held = await changes.find(store.assignments, found.id)
        if (held) await propagation.keepAssignment(changes, held)
        await changes.remove(store.assignments, found.id)
      })
      return json(200, toAssignmentBody(found))
    },
  ),
]

/** The scope of the path; the caller's directory must own its subscription. */
export function readScope(call: Call<{ readonly '*': string }>, { store }: ArmContext): string {
  const scope = call.params['*'].slice('scope'.length)
  const subscription = subscriptionOf(scope)
  if (subscription !== undefined) readSubscription(store, subscription)
  return scope
}

/** The assignment of exactly this scope: the caller's rights were checked there. */
function findAssignment(
  { store }: ArmContext,
  id: string,
  scope: string,
): RoleAssignment | undefined {
  const found = store.assignments.find(id.toLowerCase())
  return found && scopeKey(found.scope) === scopeKey(scope) ? found : undefined
}

/** True when the assignment concerns the caller's directory. */
function isOwn({ store, caller }: ArmContext, assignment: RoleAssignment): boolean {
  const id = subscriptionOf(assignment.scope)
  return id === undefined || store.subscriptions.find(id)?.tenantId === caller.tenantId
}

function requireMayAssign(
  context: ArmContext,
  verb: 'write' | 'delete',
  assignment: AssignmentFacts,
): void {
  const { authorization, caller } = context
  if (authorization.mayAssign(caller, verb, assignment)) return
  throw authorizationFailed(caller, `${ASSIGNMENTS}/${verb}`, assignment.scope)
}

const GROUP_SCOPE = /^\/subscriptions\/([^/]+)\/resourceGroups\/([^/]+)/i
const CONTAINER_SCOPE = /^[^?]*\/providers\/Microsoft\.KeyVault\/(vaults|managedHSMs)\/([^/]+)/i

/** Groups, vaults and managed HSMs of the scope must exist; objects in a vault are its own matter. */
function requireScopeExists({ store, caller }: ArmContext, scope: string): void {
  if (subscriptionOf(scope) === undefined) {
    requireRoot(scope, caller.tenantId)
    return
  }
  const [, subscription, group] = GROUP_SCOPE.exec(scope) ?? []
  if (subscription === undefined || group === undefined) return
  readGroup(store, subscription, group)
  const [, type, name] = CONTAINER_SCOPE.exec(scope) ?? []
  if (name === undefined) return
  const path = { subscription, group, name }
  if (type?.toLowerCase() === 'vaults') readActive(vaultKind, store, path)
  else readActive(hsmKind, store, path)
}

/** Above subscriptions there are the root and the management group of the tenant's root. */
function requireRoot(scope: string, tenantId: string): void {
  if (scope.replace(/\/+$/, '') === '' || managementGroupOf(scope) === tenantId) return
  throw armFault(
    'BadRequest',
    `The scope '${scope.slice(0, 200)}' does not exist. Above subscriptions there are '/' and '/providers/Microsoft.Management/managementGroups/${tenantId}'.`,
  )
}

const PRINCIPAL_TYPES = ['User', 'Group', 'ServicePrincipal', 'ForeignGroup', 'Device']

function readAssignment(body: JsonObject, { directory }: ArmContext) {
  const properties = isObject(body['properties']) ? body['properties'] : {}
  const roleId =
    String(properties['roleDefinitionId'] ?? '')
      .split('/')
      .at(-1) ?? ''
  if (!isGuid(roleId)) {
    throw armFault(
      'InvalidRoleDefinitionId',
      'The role definition ID must be the id of a role definition that ends with a GUID.',
    )
  }
  const principalId = properties['principalId']
  if (typeof principalId !== 'string' || !isGuid(principalId)) {
    throw armFault(
      'InvalidPrincipalId',
      `The principal ID is not valid. Principal ID must be a GUID.`,
    )
  }
  const type = properties['principalType']
  const principalType = PRINCIPAL_TYPES.find((one) => one === type)
  if (type !== undefined && type !== null && !principalType) {
    throw armFault(
      'InvalidCreateRoleAssignmentRequest',
      `The principal type must be one of ${PRINCIPAL_TYPES.join(', ')}.`,
    )
  }
  const kind = directory.findPrincipal(principalId)?.kind
  if (kind && principalType && kind !== principalType) {
    throw armFault(
      'UnmatchedPrincipalType',
      `The PrincipalId '${principalId}' has type '${kind}', which is different from specified PrinciaplType '${principalType}'.`,
    )
  }
  const description = properties['description']
  return {
    roleId: roleId.toLowerCase(),
    principalId: principalId.toLowerCase(),
    principalType: principalType ?? kind,
    condition: readCondition(properties),
    description: typeof description === 'string' ? description : undefined,
  }
}

const CONDITION_VERSION = '2.0'

/** Undefined without one. @throws Fault `InvalidCondition` when it cannot be read */
function readCondition(properties: JsonObject): string | undefined {
  const { condition, conditionVersion } = properties
  if (condition === undefined || condition === null || condition === '') return undefined
  if (typeof condition !== 'string' || (conditionVersion ?? CONDITION_VERSION) !== '2.0') {
    throw armFault('InvalidCondition', 'A condition must be text of conditionVersion 2.0.')
  }
  compileCondition(condition)
  return condition
}

/** The wire shape; `scope` must be there, clients fail without it. */
function toAssignmentBody(assignment: RoleAssignment): object {
  const { scope, id } = assignment
  const subscription = subscriptionOf(scope)
  const above = subscription === undefined ? '' : `/subscriptions/${subscription}`
  return {
    properties: {
      roleDefinitionId: `${above}/providers/Microsoft.Authorization/roleDefinitions/${assignment.roleId}`,
      principalId: assignment.principalId,
      principalType: assignment.principalType,
      scope: scope === '' ? '/' : scope,
      condition: assignment.condition ?? null,
      conditionVersion: assignment.condition === undefined ? null : CONDITION_VERSION,
      createdOn: new Date(assignment.createdAtMs).toISOString(),
      updatedOn: new Date(assignment.updatedAtMs).toISOString(),
      createdBy: assignment.createdBy,
      updatedBy: assignment.updatedBy,
      delegatedManagedIdentityResourceId: null,
      description: assignment.description ?? null,
    },
    id: `${scope}/providers/${ASSIGNMENTS}/${id}`,
    type: ASSIGNMENTS,
    name: id,
  }
}
