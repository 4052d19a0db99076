import { Fault } from '../../base/fault.ts'
import { isGuid, newGuid } from '../../base/ids.ts'
import { isObject, type JsonObject, readObject, readString } from '../../base/json.ts'
import type { Client } from '../../client/index.ts'
import { dig } from '../az-words.ts'
import { command } from '../command.ts'
import { roleNotes } from '../effect-notes.ts'
import { findRunningServer } from '../running-server.ts'
import { findServicePrincipal } from './keyvault.ts'

const ASSIGNMENTS = '2022-04-01'
const DEFINITIONS = '2022-05-01-preview'

const assignmentTable = (result: unknown) =>
  (Array.isArray(result) ? result : [result]).filter(isObject).map((assignment) => ({
    Principal: assignment['principalName'] ?? assignment['principalId'],
    Role: assignment['roleDefinitionName'],
    Scope: assignment['scope'],
  }))

export const directoryCommands = [
  command(
    'ad sp create-for-rbac [--name|-n <name>] [--role <role>] [--scopes <scope>...]',
    'Create an application with a service principal and a password, and give it a role.',
    async ({ name, role, scopes }, { session }) => {
      if (role !== undefined && !scopes) {
        throw new Fault('UsageWrong', '--role needs --scopes: where the role is to hold.')
      }
      const { client } = await session()
      const displayName =
        name ?? `sluice-cli-${new Date().toISOString().slice(0, 19).replaceAll(':', '-')}`
      const application = readObject(
        await client.graph('/v1.0/applications', { method: 'POST', body: { displayName } }),
        'The application',
      )
      const appId = readString(application['appId'], 'appId')
      const principal = readObject(
        await client.graph('/v1.0/servicePrincipals', {
          method: 'POST',
          body: { appId, accountEnabled: true },
        }),
        'The service principal',
      )
      const password = await client.graph(
        `/v1.0/applications/${readString(application['id'], 'id')}/addPassword`,
        {
          method: 'POST',
          body: { passwordCredential: { displayName: 'rbac' } },
        },
      )
      for (const scope of scopes ?? []) {
        const objectId = readString(principal['id'], 'id')
        await assignRole(client, {
          role: role ?? 'Contributor',
          scope,
          objectId,
          type: 'ServicePrincipal',
        })
      }
      return {
        appId,
        displayName,
        password: dig(password, 'secretText'),
        tenant: client.settings.tenantId,
      }
    },
    { examples: ['sluice ad sp create-for-rbac --name build-agent --query appId -o tsv'] },
  ),
  command(
    'ad sp show --id <app-id|object-id>',
    'Show a service principal.',
    async ({ id }, { session }) => {
      const { client } = await session()
      const found = await findServicePrincipal(client, id).catch((error: Fault) => {
        if (error.code !== 'PrincipalNotFound') throw error
        return undefined
      })
      return client.graph(`/v1.0/servicePrincipals/${found ? readString(found['id'], 'id') : id}`)
    },
  ),
  command(
    'ad sp list [--display-name <name>]',
    'List service principals.',
    async ({ displayName }, { session }) => {
      const { client } = await session()
      const filter = displayName
        ? `?$filter=${encodeURIComponent(`displayName eq '${displayName.replaceAll("'", "''")}'`)}`
        : ''
      return dig(await client.graph(`/v1.0/servicePrincipals${filter}`), 'value')
    },
  ),
  command(
    'role assignment create --role <name|id> --scope <scope> [--assignee <id>] [--assignee-object-id <guid>] [--assignee-principal-type <type>]',
    'Give a principal a role at a scope.',
    async (options, { session, terminal, common }) => {
      const { client } = await session()
      const objectId = options.assigneeObjectId ?? (await assigneeOf(client, options.assignee))
      const assignment = await assignRole(client, {
        role: options.role,
        scope: options.scope,
        objectId,
        type: options.assigneePrincipalType ?? 'ServicePrincipal',
      })
      const made = flatten(assignment)
      const named = { ...made, roleDefinitionName: options.role, principalName: options.assignee }
      terminal.note(roleNotes([named], findRunningServer(common.data), Date.now()))
      return made
    },
    {
      table: assignmentTable,
      examples: [
        'sluice role assignment create --role "Key Vault Secrets User" --assignee APP_ID --scope VAULT_ID',
      ],
    },
  ),
  command(
    'role assignment list [--scope <scope>] [--assignee <id>] [--include-inherited] [--all]',
    'List role assignments of a scope.',
    async ({ scope, assignee, includeInherited, all }, { session, terminal, common }) => {
      const { client } = await session()
      const at = scope ?? `/subscriptions/${client.settings.subscriptionId}`
      const filter = all ? '' : `?$filter=${encodeURIComponent('atScope()')}`
      const items = await client.list((next) =>
        next
          ? client.request(client.settings.hosts.management, next)
          : client.arm(
              `${at}/providers/Microsoft.Authorization/roleAssignments${filter}`,
              ASSIGNMENTS,
            ),
      )
      const objectId = assignee ? await assigneeOf(client, assignee) : undefined
      const kept = items
        .map(flatten)
        .filter((item) => all || includeInherited || same(item['scope'], at))
        .filter((item) => objectId === undefined || same(item['principalId'], objectId))
      const named = await withNames(client, at, kept)
      terminal.note(roleNotes(named, findRunningServer(common.data), Date.now()))
      return named
    },
    { table: assignmentTable },
  ),
]

function same(a: unknown, b: string): boolean {
  return typeof a === 'string' && a.toLowerCase() === b.toLowerCase()
}

async function assigneeOf(client: Client, assignee: string | undefined): Promise<string> {
  if (!assignee)
    throw new Fault('UsageWrong', 'Say who gets the role with --assignee or --assignee-object-id.')
  const found = await findServicePrincipal(client, assignee).catch((error: Fault) => {
    if (error.code === 'PrincipalNotFound' && isGuid(assignee)) return undefined
    throw error
  })
  return found ? readString(found['id'], 'id') : assignee
}

async function assignRole(
  client: Client,
  grant: {
    readonly role: string
    readonly scope: string
    readonly objectId: string
    readonly type: string
  },
): Promise<unknown> {
  const roleDefinitionId = await findRole(client, grant.role, grant.scope)
  const path = `${grant.scope}/providers/Microsoft.Authorization/roleAssignments/${newGuid()}`
  const properties = { roleDefinitionId, principalId: grant.objectId, principalType: grant.type }
  return client.arm(path, ASSIGNMENTS, { method: 'PUT', body: { properties } })
}

async function findRole(client: Client, role: string, scope: string): Promise<string> {
  if (role.startsWith('/')) return role
  if (isGuid(role)) {
    return `/subscriptions/${client.settings.subscriptionId}/providers/Microsoft.Authorization/roleDefinitions/${role}`
  }
  const filter = encodeURIComponent(`roleName eq '${role.replaceAll("'", "''")}'`)
  const page = await client.arm(
    `${scope}/providers/Microsoft.Authorization/roleDefinitions?$filter=${filter}`,
    DEFINITIONS,
  )
  const value = dig(page, 'value')
  const [found] = Array.isArray(value) ? value : []
  if (isObject(found)) return readString(found['id'], 'id')
  throw new Fault('RoleNotFound', `Role '${role}' doesn't exist.`)
}

function flatten(assignment: unknown): JsonObject {
  const { properties, ...rest } = readObject(assignment, 'The role assignment')
  return { ...rest, ...(isObject(properties) ? properties : {}) }
}

/** Adds the names az prints beside the ids. */
async function withNames(
  client: Client,
  scope: string,
  items: readonly JsonObject[],
): Promise<JsonObject[]> {
  if (items.length === 0) return []
  const roles = dig(
    await client.arm(`${scope}/providers/Microsoft.Authorization/roleDefinitions`, DEFINITIONS),
    'value',
  )
  const ids = [...new Set(items.map((item) => String(item['principalId'])))]
  const people = dig(
    await client.graph('/v1.0/directoryObjects/getByIds', { method: 'POST', body: { ids } }),
    'value',
  )
  const named = (list: unknown, id: unknown) =>
    (Array.isArray(list) ? list : [])
      .filter(isObject)
      .find(
        (entry) =>
          same(entry['id'], String(id)) || same(entry['name'], String(id).split('/').at(-1) ?? ''),
      )
  return items.map((item) => ({
    ...item,
    principalName:
      dig(named(people, item['principalId']), 'appId') ??
      dig(named(people, item['principalId']), 'userPrincipalName') ??
      '',
    roleDefinitionName: dig(named(roles, item['roleDefinitionId']), 'properties', 'roleName') ?? '',
  }))
}
