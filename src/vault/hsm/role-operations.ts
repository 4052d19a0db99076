import { isGuid } from '../../base/ids.ts'
import type { Call } from '../../http/call.ts'
import { json, type Reply } from '../../http/reply.ts'
import { readBody } from '../objects/attributes.ts'
import type { HsmCall, HsmOperation } from './operation.ts'
import { hsmOperation } from './operation.ts'
import { isWithinScope, scopeOfPath } from './permission.ts'
import {
  compileRoleFilter,
  readAssignment,
  readRole,
  roleFault,
  toAssignmentBody,
  toRoleBody,
} from './role-wire.ts'
import { builtInLocalRoles, findLocalRole, type RoleAssignment } from './roles.ts'
import {
  listAssignments,
  listRoles,
  putAssignment,
  putRole,
  removeAssignment,
  removeRole,
} from './state.ts'

const PROVIDER = 'providers/Microsoft.Authorization'

type RoleCall = Call<{ readonly name?: string; readonly id?: string }>

/** One operation at each of the three forms a scope has. */
function atEachScope(
  name: string,
  route: { readonly method: 'GET' | 'PUT' | 'DELETE'; readonly tail: string },
  needs: { readonly dataAction: string; readonly audit: string },
  handle: (call: RoleCall, hsm: HsmCall) => Promise<Reply> | Reply,
): HsmOperation[] {
  // Nobody can be given a role before the security domain was downloaded; who has one can be read.
  const needsActivation = route.method !== 'GET'
  return ['', '/keys', '/keys/:name'].map((scope) =>
    hsmOperation(
      name,
      { method: route.method, path: `${scope}/${PROVIDER}/${route.tail}` },
      { ...needs, needsActivation },
      handle as Parameters<typeof hsmOperation>[3],
    ),
  )
}

function scopeOf(call: RoleCall): string {
  return scopeOfPath(call.path, call.params.name)
}

/** The GUID of the path in lower case. @throws Fault `RoleWrong` */
function readId(call: RoleCall): string {
  const id = call.params.id ?? ''
  if (isGuid(id)) return id.toLowerCase()
  throw roleFault('RoleWrong', `'${id.slice(0, 100)}' is not a GUID.`)
}

const definitions = [
  ...atEachScope(
    'RoleDefinitions_List',
    { method: 'GET', tail: 'roleDefinitions' },
    { dataAction: 'roleDefinitions/read/action', audit: 'RoleDefinitionList' },
    (call, { hsm }) => {
      compileRoleFilter(call.query.get('$filter'), scopeOf(call))
      const roles = [...builtInLocalRoles, ...hsm.state.customRoles]
      return json(200, { value: roles.map(toRoleBody) })
    },
  ),
  ...atEachScope(
    'RoleDefinitions_Get',
    { method: 'GET', tail: 'roleDefinitions/:id' },
    { dataAction: 'roleDefinitions/read/action', audit: 'RoleDefinitionGet' },
    (call, { hsm }) => {
      const role = findLocalRole(readId(call), hsm.state.customRoles)
      if (!role) throw definitionNotFound()
      return json(200, toRoleBody(role))
    },
  ),
  ...atEachScope(
    'RoleDefinitions_CreateOrUpdate',
    { method: 'PUT', tail: 'roleDefinitions/:id' },
    { dataAction: 'roleDefinitions/write/action', audit: 'RoleDefinitionCreate' },
    async (call, { vault, hsm }) => {
      const id = readWritableId(call)
      const role = readRole(id, readBody(await call.readJson()))
      await hsm.change((tx) => putRole(tx, vault.dataId, role))
      return json(201, toRoleBody(role))
    },
  ),
  ...atEachScope(
    'RoleDefinitions_Delete',
    { method: 'DELETE', tail: 'roleDefinitions/:id' },
    { dataAction: 'roleDefinitions/delete/action', audit: 'RoleDefinitionDelete' },
    async (call, { vault, hsm }) => {
      const id = readWritableId(call)
      const removed = await hsm.change(async (tx) => {
        const role = (await listRoles(tx, vault.dataId)).find((one) => one.id === id)
        if (!role) throw definitionNotFound()
        await removeRole(tx, vault.dataId, id)
        return role
      })
      return json(200, toRoleBody(removed))
    },
  ),
]

/** Custom roles are made and removed at the root, and built-in ones are not theirs to change. */
function readWritableId(call: RoleCall): string {
  const id = readId(call)
  if (scopeOf(call) !== '/') {
    throw roleFault(
      'RoleWrong',
      'Role definitions of a managed HSM are written at the scope / only.',
    )
  }
  if (findLocalRole(id, [])) {
    throw roleFault('RoleWrong', 'A built-in role definition can be neither changed nor deleted.')
  }
  return id
}

function definitionNotFound(): Error {
  return roleFault('RoleDefinitionNotFound', 'Requested role definition not found')
}

const assignments = [
  ...atEachScope(
    'RoleAssignments_ListForScope',
    { method: 'GET', tail: 'roleAssignments' },
    { dataAction: 'roleAssignments/read/action', audit: 'RoleAssignmentList' },
    (call, { hsm }) => {
      const filter = compileRoleFilter(call.query.get('$filter'), scopeOf(call))
      return json(200, { value: hsm.state.assignments.filter(filter).map(toAssignmentBody) })
    },
  ),
  ...atEachScope(
    'RoleAssignments_Get',
    { method: 'GET', tail: 'roleAssignments/:id' },
    { dataAction: 'roleAssignments/read/action', audit: 'RoleAssignmentGet' },
    (call, { hsm }) => json(200, toAssignmentBody(readFound(call, hsm.state.assignments))),
  ),
  ...atEachScope(
    'RoleAssignments_Create',
    { method: 'PUT', tail: 'roleAssignments/:id' },
    { dataAction: 'roleAssignments/write/action', audit: 'RoleAssignmentCreate' },
    async (call, { vault, hsm }) => {
      const asked = readAssignment(readBody(await call.readJson()))
      const made: RoleAssignment = { id: readId(call), scope: scopeOf(call), ...asked }
      await hsm.change(async (tx) => {
        const { dataId } = vault
        if (!findLocalRole(made.roleId, await listRoles(tx, dataId))) throw definitionNotFound()
        if ((await listAssignments(tx, dataId)).some((held) => isSame(held, made))) {
          throw roleFault('RoleAssignmentExists', 'The role assignment already exists.')
        }
        await putAssignment(tx, dataId, made)
      })
      return json(201, toAssignmentBody(made))
    },
  ),
  ...atEachScope(
    'RoleAssignments_Delete',
    { method: 'DELETE', tail: 'roleAssignments/:id' },
    { dataAction: 'roleAssignments/delete/action', audit: 'RoleAssignmentDelete' },
    async (call, { vault, hsm }) => {
      const removed = await hsm.change(async (tx) => {
        const found = readFound(call, await listAssignments(tx, vault.dataId))
        await removeAssignment(tx, vault.dataId, found.id)
        return found
      })
      return json(200, toAssignmentBody(removed))
    },
  ),
]

function isSame(held: RoleAssignment, made: RoleAssignment): boolean {
  if (held.id === made.id) return true
  const { scope, roleId, principalId } = made
  return held.scope === scope && held.roleId === roleId && held.principalId === principalId
}

/** The assignment of the path's id at its scope or below. @throws Fault `RoleAssignmentNotFound` */
function readFound(call: RoleCall, held: readonly RoleAssignment[]): RoleAssignment {
  const id = readId(call)
  const found = held.find((one) => one.id === id)
  if (found && isWithinScope(found.scope, scopeOf(call))) return found
  throw roleFault('RoleAssignmentNotFound', 'Requested role assignment not found')
}

/** Roles of a managed HSM and who has them (key-vault.md §16). */
export const roleOperations: readonly HsmOperation[] = [...definitions, ...assignments]
