import { Fault } from '../../base/fault.ts'
import { isGuid } from '../../base/ids.ts'
import { isObject, type JsonObject } from '../../base/json.ts'
import type { VaultFaultCode } from '../faults.ts'
import { isWithinScope } from './permission.ts'
import {
  builtInLocalRoles,
  DATA_ACTION_PREFIX,
  type LocalPermission,
  type LocalRole,
  type RoleAssignment,
} from './roles.ts'

/** What ids of definitions begin with on the wire. */
const DEFINITIONS = 'Microsoft.KeyVault/providers/Microsoft.Authorization/roleDefinitions'
const ASSIGNMENTS = 'providers/Microsoft.Authorization/roleAssignments'
const DEFINITION_ID =
  /^(?:\/?Microsoft\.KeyVault\/providers\/Microsoft\.Authorization\/roleDefinitions\/)?([^/]+)$/i
const TEXT_LIMIT = 1024

/** Every data action there is, in lower case (key-vault.md §19.6). */
const KNOWN_ACTIONS = new Set(
  builtInLocalRoles
    .flatMap(({ permissions }) => permissions)
    .flatMap(({ actions, dataActions }) => [...actions, ...dataActions])
    .map((action) => action.toLowerCase()),
)

/** A refusal about roles; the texts are not documented, but for `…NotFound`. */
export function roleFault(
  code: Extract<
    VaultFaultCode,
    'RoleAssignmentExists' | 'RoleAssignmentNotFound' | 'RoleDefinitionNotFound' | 'RoleWrong'
  >,
  message: string,
): Fault<VaultFaultCode> {
  return new Fault(code, message)
}

function wrong(message: string): Fault<VaultFaultCode> {
  return roleFault('RoleWrong', message)
}

export function toRoleBody(role: LocalRole): object {
  return {
    id: `${DEFINITIONS}/${role.id}`,
    name: role.id,
    properties: {
      assignableScopes: ['/'],
      description: role.description,
      permissions: role.permissions,
      roleName: role.name,
      type: role.isBuiltIn ? 'AKVBuiltInRole' : 'CustomRole',
    },
    type: 'Microsoft.Authorization/roleDefinitions',
  }
}

/** The root scope renders empty in an id. */
export function toAssignmentBody({ id, scope, roleId, principalId }: RoleAssignment): object {
  return {
    id: `${scope === '/' ? '' : scope}/${ASSIGNMENTS}/${id}`,
    name: id,
    properties: { principalId, roleDefinitionId: `${DEFINITIONS}/${roleId}`, scope },
    type: 'Microsoft.Authorization/roleAssignments',
  }
}

/** The role and the principal of a new assignment. @throws Fault `RoleWrong` */
export function readAssignment(body: JsonObject): Pick<RoleAssignment, 'roleId' | 'principalId'> {
  const properties = isObject(body['properties']) ? body['properties'] : {}
  const { principalId, roleDefinitionId } = properties
  if (typeof principalId !== 'string' || !isGuid(principalId)) {
    throw wrong('properties.principalId must be the object id of a principal.')
  }
  const roleId = DEFINITION_ID.exec(String(roleDefinitionId ?? ''))?.[1] ?? ''
  if (!isGuid(roleId)) throw wrong('properties.roleDefinitionId must be the id of a role.')
  return { roleId: roleId.toLowerCase(), principalId: principalId.toLowerCase() }
}

/** A custom role of a body. @throws Fault `RoleWrong` */
export function readRole(id: string, body: JsonObject): LocalRole {
  const properties = isObject(body['properties']) ? body['properties'] : {}
  const type = properties['type'] ?? properties['roleType'] ?? 'CustomRole'
  if (String(type).toLowerCase() !== 'customrole') {
    throw wrong('properties.type of a role that is made must be CustomRole.')
  }
  const scopes = properties['assignableScopes'] ?? ['/']
  if (!Array.isArray(scopes) || scopes.some((scope) => scope !== '/')) {
    throw wrong('properties.assignableScopes of a managed HSM must be ["/"].')
  }
  const permissions = properties['permissions'] ?? []
  if (!Array.isArray(permissions)) throw wrong('properties.permissions must be a list.')
  return {
    id,
    name: readText(properties, 'roleName'),
    description: readText(properties, 'description'),
    isBuiltIn: false,
    permissions: permissions.map(readPermission),
  }
}

function readText(properties: JsonObject, name: string): string {
  const text = properties[name] ?? ''
  if (typeof text === 'string' && text.length <= TEXT_LIMIT) return text
  throw wrong(`properties.${name} must be a text of at most ${TEXT_LIMIT} characters.`)
}

function readPermission(value: unknown): LocalPermission {
  const given = isObject(value) ? value : {}
  return {
    actions: readActions(given, 'actions'),
    notActions: readActions(given, 'notActions'),
    dataActions: readActions(given, 'dataActions'),
    notDataActions: readActions(given, 'notDataActions'),
  }
}

function readActions(given: JsonObject, name: keyof LocalPermission): readonly string[] {
  const list = given[name] ?? []
  if (!Array.isArray(list)) throw wrong(`permissions.${name} must be a list.`)
  for (const action of list) {
    const text = String(action).toLowerCase()
    const isWild = text.includes('*') && text.startsWith(`${DATA_ACTION_PREFIX}/`.toLowerCase())
    if (isWild || KNOWN_ACTIONS.has(text)) continue
    throw wrong(`permissions.${name}: '${String(action).slice(0, 100)}' is not a data action.`)
  }
  return list as readonly string[]
}

/**
 * What `$filter` selects: `atScope()` at the scope and above, `principalId eq '…'` and no filter at
 * the scope, above and below.
 *
 * @throws Fault `RoleWrong` for another filter
 */
export function compileRoleFilter(
  filter: string | null,
  scope: string,
): (assignment: RoleAssignment) => boolean {
  const isAbove = (one: RoleAssignment) => isWithinScope(scope, one.scope)
  const isNear = (one: RoleAssignment) => isAbove(one) || isWithinScope(one.scope, scope)
  const text = filter?.trim() ?? ''
  if (text === '' || /^atScopeAndBelow\(\)$/i.test(text)) return isNear
  if (/^atScope\(\)$/i.test(text)) return isAbove
  const principalId = /^principalId +eq +'?([^']+?)'?$/i.exec(text)?.[1]?.toLowerCase()
  if (principalId === undefined) {
    throw wrong(`The $filter '${text.slice(0, 200)}' is not one of atScope() and principalId eq.`)
  }
  return (one) => isNear(one) && one.principalId === principalId
}
