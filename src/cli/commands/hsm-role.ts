import { Fault } from '../../base/fault.ts'
import { isGuid, newGuid } from '../../base/ids.ts'
import { isObject, type JsonObject, readObject, readString } from '../../base/json.ts'
import type { Client } from '../../client/index.ts'
import { dig, toFlag } from '../az-words.ts'
import { command } from '../command.ts'
import { findServicePrincipal } from './keyvault.ts'

const PROVIDER = 'providers/Microsoft.Authorization'
const DEFINITIONS = `Microsoft.KeyVault/${PROVIDER}/roleDefinitions`

const assignmentTable = (result: unknown) =>
  (Array.isArray(result) ? result : [result]).filter(isObject).map((assignment) => ({
    Principal: assignment['principalName'] ?? assignment['principalId'],
    RoleName: assignment['roleName'],
    Scope: assignment['scope'],
  }))

const SCOPE_HELP = { scope: '/, /keys or /keys/NAME.' } as const

export const hsmRoleCommands = [
  command(
    'keyvault role assignment create --hsm-name <hsm> --role <name|id> --scope <scope> [--assignee <id>] [--assignee-object-id <guid>] [--assignee-principal-type|-t <type>] [--name|-n <guid>]',
    'Give a principal a role of a managed HSM.',
    async (options, { session }) => {
      const { client } = await session()
      const principalId = options.assigneeObjectId ?? (await assigneeOf(client, options.assignee))
      if (!principalId) {
        throw new Fault(
          'UsageWrong',
          'Say who gets the role with --assignee or --assignee-object-id.',
        )
      }
      const { hsmName, scope } = options
      const roles = await listRoles(client, hsmName, scope)
      const roleDefinitionId = roleIdOf(roles, options.role)
      const path = `${prefixOf(scope)}/${PROVIDER}/roleAssignments/${options.name ?? newGuid()}`
      const body = { properties: { roleDefinitionId, principalId } }
      const made = await client.hsm(hsmName, path, { method: 'PUT', body })
      const [named] = await withNames(client, roles, [flatten(made)])
      return named
    },
    {
      table: assignmentTable,
      help: SCOPE_HELP,
      examples: [
        'sluice keyvault role assignment create --hsm-name hsm-demo --role "Managed HSM Crypto User" --assignee APP_ID --scope /keys',
      ],
    },
  ),
  command(
    'keyvault role assignment list --hsm-name <hsm> [--scope <scope>] [--role <name|id>] [--assignee <id>] [--assignee-object-id <guid>]',
    'List the role assignments of a managed HSM.',
    async (options, { session }) => {
      const { client } = await session()
      const roles = await listRoles(client, options.hsmName, options.scope ?? '/')
      return await withNames(client, roles, await findAssignments(client, roles, options))
    },
    { table: assignmentTable, help: SCOPE_HELP },
  ),
  command(
    'keyvault role assignment delete --hsm-name <hsm> [--ids <id>...] [--name|-n <guid>] [--scope <scope>] [--role <name|id>] [--assignee <id>] [--assignee-object-id <guid>]',
    'Take roles of a managed HSM away: by id, by name, or all that match.',
    async (options, { session }) => {
      const { client } = await session()
      const { hsmName, scope } = options
      const roles = await listRoles(client, hsmName, scope ?? '/')
      const names = options.ids ?? (options.name === undefined ? undefined : [options.name])
      const found =
        names ?? (await findAssignments(client, roles, options)).map((one) => String(one['name']))
      const taken: JsonObject[] = []
      for (const name of found) {
        const path = `${prefixOf(scope)}/${PROVIDER}/roleAssignments/${name.split('/').at(-1)}`
        taken.push(flatten(await client.hsm(hsmName, path, { method: 'DELETE' })))
      }
      return await withNames(client, roles, taken)
    },
    { table: assignmentTable, help: SCOPE_HELP },
  ),
  command(
    'keyvault role definition list --hsm-name <hsm> [--scope <scope>] [--custom-role-only <bool>]',
    'List the roles of a managed HSM.',
    async ({ hsmName, scope, customRoleOnly }, { session }) => {
      const { client } = await session()
      const onlyCustom = toFlag(customRoleOnly, '--custom-role-only') ?? false
      const roles = await listRoles(client, hsmName, scope ?? '/')
      return roles.filter(({ roleType }) => !onlyCustom || roleType === 'CustomRole')
    },
    { help: SCOPE_HELP },
  ),
  command(
    'keyvault role definition show --hsm-name <hsm> --name|-n <guid>',
    'Show a role of a managed HSM.',
    async ({ hsmName, name }, { session }) => {
      const { client } = await session()
      return toRole(await client.hsm(hsmName, `/${PROVIDER}/roleDefinitions/${name}`))
    },
  ),
  command(
    'keyvault setting list --hsm-name <hsm>',
    'List the settings of a managed HSM.',
    async ({ hsmName }, { session }) => {
      const { client } = await session()
      const settings = dig(await client.hsm(hsmName, '/settings'), 'settings')
      return (Array.isArray(settings) ? settings : []).map(toSetting)
    },
  ),
  command(
    'keyvault setting show --hsm-name <hsm> --name|-n <name>',
    'Show a setting of a managed HSM.',
    async ({ hsmName, name }, { session }) =>
      toSetting(await (await session()).client.hsm(hsmName, `/settings/${name}`)),
  ),
  command(
    'keyvault setting update --hsm-name <hsm> --name|-n <name> --value <value> [--setting-type <type>]',
    'Change a setting of a managed HSM.',
    async ({ hsmName, name, value }, { session }) => {
      const { client } = await session()
      const path = `/settings/${name}`
      return toSetting(await client.hsm(hsmName, path, { method: 'PATCH', body: { value } }))
    },
  ),
]

/** The setting as az prints it. */
function toSetting(body: unknown): JsonObject {
  const { type: settingType, ...setting } = readObject(body, 'The setting')
  return { ...setting, settingType }
}

/** What stands before the provider in a path; the root renders empty. */
function prefixOf(scope: string | undefined): string {
  const inner = (scope ?? '').replace(/^\/+|\/+$/g, '')
  return inner === '' ? '' : `/${inner}`
}

async function listRoles(client: Client, hsm: string, scope: string): Promise<JsonObject[]> {
  const page = await client.hsm(hsm, `${prefixOf(scope)}/${PROVIDER}/roleDefinitions`)
  const value = dig(page, 'value')
  return (Array.isArray(value) ? value : []).map(toRole)
}

/** The definition as az prints it. */
function toRole(definition: unknown): JsonObject {
  const { properties, ...role } = readObject(definition, 'The role')
  const { type: roleType, ...rest } = isObject(properties) ? properties : {}
  return { ...rest, ...role, roleType }
}

/** A role by its id, its GUID or its name. @throws Fault `RoleNotFound` */
function roleIdOf(roles: readonly JsonObject[], role: string): string {
  if (role.startsWith(DEFINITIONS)) return role
  if (isGuid(role)) return `${DEFINITIONS}/${role}`
  const found = roles.find(({ roleName }) => roleName === role)
  if (found) return readString(found['id'], 'id')
  throw new Fault(
    'RoleNotFound',
    `Unknown role "${role}". List the roles with: sluice keyvault role definition list --hsm-name HSM`,
  )
}

interface Selection {
  readonly hsmName: string
  readonly scope?: string
  readonly role?: string
  readonly assignee?: string
  readonly assigneeObjectId?: string
}

/** With a scope only what is given there is selected, as in az. */
async function findAssignments(
  client: Client,
  roles: readonly JsonObject[],
  selection: Selection,
): Promise<JsonObject[]> {
  const { hsmName, scope, role } = selection
  const page = await client.hsm(hsmName, `${prefixOf(scope)}/${PROVIDER}/roleAssignments`)
  const value = dig(page, 'value')
  const roleId = role === undefined ? undefined : roleIdOf(roles, role)
  const principal = selection.assigneeObjectId ?? (await assigneeOf(client, selection.assignee))
  const at = scope === undefined ? undefined : prefixOf(scope) || '/'
  return (Array.isArray(value) ? value : [])
    .map(flatten)
    .filter((one) => roleId === undefined || same(one['roleDefinitionId'], roleId))
    .filter((one) => principal === undefined || same(one['principalId'], principal))
    .filter((one) => at === undefined || same(one['scope'], at))
}

function same(a: unknown, b: string): boolean {
  return typeof a === 'string' && a.toLowerCase() === b.toLowerCase()
}

async function assigneeOf(
  client: Client,
  assignee: string | undefined,
): Promise<string | undefined> {
  if (!assignee) return undefined
  const found = await findServicePrincipal(client, assignee).catch((error: Fault) => {
    if (error.code === 'PrincipalNotFound' && isGuid(assignee)) return undefined
    throw error
  })
  return found ? readString(found['id'], 'id') : assignee
}

function flatten(assignment: unknown): JsonObject {
  const { properties, ...rest } = readObject(assignment, 'The role assignment')
  return { ...rest, ...(isObject(properties) ? properties : {}) }
}

/** Adds the names az prints beside the ids. */
async function withNames(
  client: Client,
  roles: readonly JsonObject[],
  items: readonly JsonObject[],
): Promise<JsonObject[]> {
  if (items.length === 0) return []
  const ids = [...new Set(items.map((item) => String(item['principalId'])))]
  const page = await client.graph('/v1.0/directoryObjects/getByIds', {
    method: 'POST',
    body: { ids },
  })
  const value = dig(page, 'value')
  const people = (Array.isArray(value) ? value : []).filter(isObject)
  return items.map((item) => {
    const who = people.find((one) => same(one['id'], String(item['principalId'])))
    const role = roles.find((one) => same(one['id'], String(item['roleDefinitionId'])))
    const type = String(who?.['@odata.type'] ?? '').replace('#microsoft.graph.', '')
    return {
      ...item,
      principalName:
        who?.['appId'] ?? who?.['userPrincipalName'] ?? who?.['displayName'] ?? 'Unknown',
      principalType: type === '' ? 'Unknown' : type.charAt(0).toUpperCase() + type.slice(1),
      roleName: role?.['roleName'] ?? null,
    }
  })
}
