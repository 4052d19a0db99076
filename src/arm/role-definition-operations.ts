import { isGuid } from '../base/ids.ts'
import { isObject, type JsonObject } from '../base/json.ts'
import type { Call } from '../http/call.ts'
import { type Operation, operation } from '../http/operation.ts'
import { empty, json } from '../http/reply.ts'
import { type ArmContext, readBody, requireAllowed } from './context.ts'
import type { RoleDefinition, RolePermission } from './model.ts'
import { compileRoleFilter } from './role-filters.ts'
import { readScope } from './role-operations.ts'
import { isWithin, reachKey, scopeKey, subscriptionOf } from './scopes.ts'
import { findRole, listRoles } from './store.ts'
import { armFault } from './wire-faults.ts'

const armOperation = operation<ArmContext>()
const DEFINITIONS = 'Microsoft.Authorization/roleDefinitions'
const LIST = '/~authorization/roleDefinitions/list/*'
const ITEM = '/~authorization/roleDefinitions/item/:id/*'

/** Role definitions, the permissions of the caller, and lists that are always empty here. */
export const roleDefinitionOperations: readonly Operation<ArmContext>[] = [
  armOperation('RoleDefinitions_List', { method: 'GET', path: LIST }, (call, context) => {
    const scope = readScope(call, context)
    requireAllowed(context, `${DEFINITIONS}/read`, scope)
    const matches = compileRoleFilter(call.query.get('$filter'), scope)
    const found = listRoles(context.store).filter(matches)
    return json(200, { value: found.map((role) => toRoleBody(role, scope)) })
  }),
  armOperation('RoleDefinitions_Get', { method: 'GET', path: ITEM }, (call, context) => {
    const scope = readScope(call, context)
    const role = findRole(context.store, call.params.id)
    // Built-in roles are known to everybody; clients read them by id to show names.
    if (!role?.isBuiltIn) requireAllowed(context, `${DEFINITIONS}/read`, scope)
    if (role) return json(200, toRoleBody(role, scope))
    throw armFault(
      'RoleDefinitionDoesNotExist',
      `The specified role definition with ID '${call.params.id}' does not exist.`,
    )
  }),
  armOperation(
    'RoleDefinitions_CreateOrUpdate',
    { method: 'PUT', path: ITEM },
    async (call, context) => {
      const scope = readScope(call, context)
      requireAllowed(context, `${DEFINITIONS}/write`, scope)
      const role = readRole(call.params.id, await readBody(call), scope)
      const { store } = context
      const former = store.customRoles.find(role.id)
      requireEverywhere(context, 'write', [
        ...role.assignableScopes,
        ...(former?.assignableScopes ?? []),
      ])
      const twin = listRoles(store).find(
        (other) => other.name.toLowerCase() === role.name.toLowerCase() && other.id !== role.id,
      )
      if (twin || findRole(store, role.id)?.isBuiltIn) {
        throw armFault(
          'RoleDefinitionWithSameNameExists',
          `A custom role cannot be created or changed: another role has the name '${role.name}' or the ID '${role.id}'.`,
        )
      }
      await store.mirrors.write((changes) => changes.put(store.customRoles, role))
      return json(201, toRoleBody(role, scope))
    },
  ),
  armOperation(
    'RoleDefinitions_Delete',
    { method: 'DELETE', path: ITEM },
    async (call, context) => {
      const scope = readScope(call, context)
      requireAllowed(context, `${DEFINITIONS}/delete`, scope)
      const { store } = context
      const id = call.params.id.toLowerCase()
      const role = store.customRoles.find(id)
      if (!role) return empty(204)
      requireEverywhere(context, 'delete', role.assignableScopes)
      await store.mirrors.write(async (changes) => {
        if ((await changes.list(store.assignments, 'role_id', id)).length > 0) {
          throw armFault(
            'RoleDefinitionHasAssignments',
            'There are existing role assignments referencing role. Delete them first.',
          )
        }
        await changes.remove(store.customRoles, id)
      })
      return json(200, toRoleBody(role, scope))
    },
  ),
  armOperation(
    'Permissions_ListForScope',
    { method: 'GET', path: '/~authorization/permissions/list/*' },
    (call, context) => {
      const scope = readScope(call, context)
      const at = scopeKey(scope)
      const { store, caller } = context
      const value = [caller.objectId, ...caller.groups]
        .flatMap((id) => store.assignmentsOf.list(id))
        .filter((assignment) => isWithin(at, reachKey(assignment.scope)))
        .flatMap((assignment) => findRole(store, assignment.roleId)?.permissions ?? [])
      return json(200, { value })
    },
  ),
  ...['denyAssignments', 'roleEligibilitySchedules', 'roleAssignmentSchedules'].map((kind) =>
    armOperation(
      `${kind}_List`,
      { method: 'GET', path: `/~authorization/${kind}/list/*` },
      (call: Call<{ readonly '*': string }>, context) => {
        const scope = readScope(call, context)
        requireAllowed(context, `Microsoft.Authorization/${kind}/read`, scope)
        return json(200, { value: [] })
      },
    ),
  ),
]

/** A role is one for all its scopes: who changes it, changes what people may do at each of them. */
function requireEverywhere(
  context: ArmContext,
  verb: 'write' | 'delete',
  scopes: readonly string[],
): void {
  for (const scope of scopes) requireAllowed(context, `${DEFINITIONS}/${verb}`, scope)
}

function toRoleBody(role: RoleDefinition, scope: string): object {
  const subscription = subscriptionOf(scope)
  const above = subscription === undefined ? '' : `/subscriptions/${subscription}`
  return {
    properties: {
      roleName: role.name,
      type: role.isBuiltIn ? 'BuiltInRole' : 'CustomRole',
      description: role.description,
      assignableScopes: role.assignableScopes,
      permissions: role.permissions,
      createdOn: '2026-01-01T00:00:00.0000000Z',
      updatedOn: '2026-01-01T00:00:00.0000000Z',
      createdBy: null,
      updatedBy: null,
    },
    id: `${above}/providers/${DEFINITIONS}/${role.id}`,
    type: DEFINITIONS,
    name: role.id,
  }
}

function readRole(id: string, body: JsonObject, scope: string): RoleDefinition {
  if (!isGuid(id)) {
    throw armFault('InvalidRoleDefinitionId', 'The role definition ID must be a GUID.')
  }
  const properties = isObject(body['properties']) ? body['properties'] : {}
  const name = properties['roleName']
  if (typeof name !== 'string' || name.trim() === '') {
    throw armFault('InvalidRequestContent', 'A role definition needs a roleName.')
  }
  const permissions = properties['permissions']
  if (!Array.isArray(permissions) || permissions.length === 0) {
    throw armFault('InvalidRequestContent', 'A role definition needs permissions.')
  }
  const scopes = readTexts(properties['assignableScopes'], 'assignableScopes')
  const description = properties['description']
  return {
    id: id.toLowerCase(),
    name,
    description: typeof description === 'string' ? description : '',
    isBuiltIn: false,
    assignableScopes: scopes.length > 0 ? scopes : [scope],
    permissions: permissions.map(readPermission),
  }
}

function readPermission(value: unknown): RolePermission {
  const row: JsonObject = isObject(value) ? value : {}
  return {
    actions: readTexts(row['actions'], 'actions'),
    notActions: readTexts(row['notActions'], 'notActions'),
    dataActions: readTexts(row['dataActions'], 'dataActions'),
    notDataActions: readTexts(row['notDataActions'], 'notDataActions'),
  }
}

/** Wildcards one pattern may have: each costs time when it is matched. */
const WILDCARD_LIMIT = 5

function readTexts(value: unknown, name: string): readonly string[] {
  if (value === undefined || value === null) return []
  const isList = Array.isArray(value) && value.every((one) => typeof one === 'string')
  if (isList && value.every((text) => text.split('*').length <= WILDCARD_LIMIT + 1)) return value
  throw armFault(
    'InvalidRequestContent',
    `${name} must be a list of texts with at most ${WILDCARD_LIMIT} wildcards each.`,
  )
}
