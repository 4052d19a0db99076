import { Fault } from '../../base/fault.ts'
import { isObject, type JsonObject, readString } from '../../base/json.ts'
import type { Client } from '../../client/index.ts'
import { dig, toFlag, toPairs } from '../az-words.ts'
import { type CommandContext, command } from '../command.ts'

/** The organisation and project of a fresh data directory. */
export const DEFAULT_ORGANIZATION = 'local'
export const DEFAULT_PROJECT = 'default'

interface Place {
  readonly organization?: string
  readonly project?: string
}

/** `/{organisation}/{project}` from az's options; an organisation may be given by its URL. */
export function projectPath({ organization, project }: Place): string {
  const name = (organization ?? DEFAULT_ORGANIZATION).replace(/\/+$/, '').split('/').at(-1) ?? ''
  return `/${encodeURIComponent(name)}/${encodeURIComponent(project ?? DEFAULT_PROJECT)}`
}

const KEY_VARIABLE = 'AZURE_DEVOPS_EXT_AZURE_RM_SERVICE_PRINCIPAL_KEY'

const groupTable = (result: unknown) =>
  (Array.isArray(result) ? result : [result]).filter(isObject).map((group) => ({
    ID: group['id'],
    Name: group['name'],
    Type: group['type'],
    'Number of Variables': isObject(group['variables'])
      ? Object.keys(group['variables']).length
      : 0,
  }))

const endpointTable = (result: unknown) =>
  (Array.isArray(result) ? result : [result]).filter(isObject).map((endpoint) => ({
    ID: endpoint['id'],
    Name: endpoint['name'],
    Type: endpoint['type'],
    'Is Ready': endpoint['isReady'],
  }))

export const devopsCommands = [
  command(
    'devops service-endpoint azurerm create --name <name> --azure-rm-service-principal-id <app-id> [--azure-rm-tenant-id <guid>] [--azure-rm-subscription-id <guid>] [--azure-rm-subscription-name <name>] [--organization <name>] [--project|-p <project>]',
    `Create an Azure Resource Manager service connection. The key comes from ${KEY_VARIABLE}, or from stdin.`,
    createEndpoint,
    { table: endpointTable },
  ),
  command(
    'devops service-endpoint list [--organization <name>] [--project|-p <project>]',
    'List service connections.',
    async (options, { session }) => {
      const { client } = await session()
      return dig(
        await client.devops(`${projectPath(options)}/_apis/serviceendpoint/endpoints`, '7.1'),
        'value',
      )
    },
    { table: endpointTable },
  ),
  command(
    'pipelines variable-group create --name <name> [--type <Vsts|AzureKeyVault>] [--vault <vault>] [--service-connection <name|id>] [--secrets <names>] [--variables <k=v>...] [--description <text>] [--authorize <bool>] [--organization <name>] [--project|-p <project>]',
    'Create a variable group; with --type AzureKeyVault one that is linked to a vault.',
    createGroup,
    {
      table: groupTable,
      help: {
        secrets:
          'Names of secrets in the vault, separated by commas. Values are never stored in the group.',
        authorize: 'true: every pipeline may use the group.',
      },
      examples: [
        'sluice pipelines variable-group create --name prod --type AzureKeyVault --vault kv-demo --service-connection azure --secrets db-password,tls --authorize true',
      ],
    },
  ),
  command(
    'pipelines variable-group list [--organization <name>] [--project|-p <project>] [--group-name <pattern>]',
    'List variable groups.',
    async ({ groupName, ...place }, { session }) => {
      const { client } = await session()
      const filter = groupName ? `&groupName=${encodeURIComponent(groupName)}` : ''
      return dig(
        await client.devops(`${groupsPath(place)}?queryOrder=idDescending${filter}`, '7.1'),
        'value',
      )
    },
    { table: groupTable },
  ),
  command(
    'pipelines variable-group show --group-id <id> [--organization <name>] [--project|-p <project>]',
    'Show a variable group; secret values are never shown.',
    async ({ groupId, ...place }, { session }) => {
      const { client } = await session()
      return client.devops(`${groupsPath(place)}/${groupId}`, '7.1')
    },
    { table: groupTable },
  ),
  command(
    'pipelines variable-group delete --group-id <id> [--yes|-y] [--organization <name>] [--project|-p <project>]',
    'Delete a variable group.',
    async ({ groupId, yes, ...place }, { session, terminal }) => {
      if (!yes && !(await terminal.confirm(`Delete the variable group ${groupId}?`))) {
        throw new Fault(
          'Declined',
          'The group was not deleted. Add --yes to delete without a question.',
        )
      }
      const { client } = await session()
      await client.devops(`${groupsPath(place)}/${groupId}`, '7.1', { method: 'DELETE' })
      return undefined
    },
  ),
]

function groupsPath(place: Place): string {
  return `${projectPath(place)}/_apis/distributedtask/variablegroups`
}

interface EndpointOptions extends Place {
  readonly name: string
  readonly azureRmServicePrincipalId: string
  readonly azureRmTenantId?: string
  readonly azureRmSubscriptionId?: string
  readonly azureRmSubscriptionName?: string
}

async function createEndpoint(options: EndpointOptions, context: CommandContext): Promise<unknown> {
  const key = process.env[KEY_VARIABLE] ?? (await context.terminal.readStdin()).open().trim()
  if (key === '') {
    throw new Fault(
      'UsageWrong',
      `The service principal's key is missing. Set ${KEY_VARIABLE}, or give it on stdin.`,
    )
  }
  const { client } = await context.session()
  const { tenantId, subscriptionId } = client.settings
  const body = {
    name: options.name,
    type: 'azurerm',
    url: 'https://management.azure.com/',
    authorization: {
      scheme: 'ServicePrincipal',
      parameters: {
        tenantid: options.azureRmTenantId ?? tenantId,
        serviceprincipalid: options.azureRmServicePrincipalId,
        authenticationType: 'spnKey',
        serviceprincipalkey: key,
      },
    },
    data: {
      subscriptionId: options.azureRmSubscriptionId ?? subscriptionId,
      subscriptionName: options.azureRmSubscriptionName ?? 'Local',
      environment: 'AzureCloud',
      scopeLevel: 'Subscription',
      creationMode: 'Manual',
    },
  }
  return client.devops(`${projectPath(options)}/_apis/serviceendpoint/endpoints`, '7.1', {
    method: 'POST',
    body,
  })
}

interface GroupOptions extends Place {
  readonly name: string
  readonly type?: string
  readonly vault?: string
  readonly serviceConnection?: string
  readonly secrets?: string
  readonly variables?: readonly string[]
  readonly description?: string
  readonly authorize?: string
}

async function createGroup(options: GroupOptions, { session }: CommandContext): Promise<unknown> {
  const authorize = toFlag(options.authorize, '--authorize') ?? false
  const { client } = await session()
  const body = /^azurekeyvault$/i.test(options.type ?? '')
    ? await linkedGroup(client, options)
    : plainGroup(options)
  const group = (await client.devops(groupsPath(options), '7.1', {
    method: 'POST',
    body,
  })) as JsonObject
  if (authorize) {
    const resource = {
      authorized: true,
      id: String(group['id']),
      name: options.name,
      type: 'variablegroup',
    }
    await client.devops(`${projectPath(options)}/_apis/build/authorizedresources`, '7.1', {
      method: 'PATCH',
      body: [resource],
    })
  }
  return group
}

function plainGroup(options: GroupOptions): JsonObject {
  if (options.vault ?? options.serviceConnection ?? options.secrets) {
    throw new Fault(
      'UsageWrong',
      '--vault, --service-connection and --secrets go with --type AzureKeyVault.',
    )
  }
  const pairs = Object.entries(toPairs(options.variables) ?? {})
  if (pairs.length === 0)
    throw new Fault('UsageWrong', 'Give the variables with --variables name=value.')
  const variables = Object.fromEntries(
    pairs.map(([name, value]) => [name, { value, isSecret: false }]),
  )
  return { type: 'Vsts', name: options.name, description: options.description ?? '', variables }
}

async function linkedGroup(client: Client, options: GroupOptions): Promise<JsonObject> {
  const { vault, serviceConnection, secrets } = options
  if (!vault || !serviceConnection || !secrets) {
    throw new Fault(
      'UsageWrong',
      'A linked group needs --vault, --service-connection and --secrets.',
    )
  }
  const names = secrets
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
  const variables = Object.fromEntries(
    names.map((name) => [name, { isSecret: true, value: null, enabled: true, contentType: '' }]),
  )
  const serviceEndpointId = await findEndpoint(client, options, serviceConnection)
  const providerData = { serviceEndpointId, vault, lastRefreshedOn: new Date().toISOString() }
  return {
    type: 'AzureKeyVault',
    name: options.name,
    description: options.description ?? '',
    providerData,
    variables,
  }
}

async function findEndpoint(client: Client, place: Place, nameOrId: string): Promise<string> {
  const page = await client.devops(`${projectPath(place)}/_apis/serviceendpoint/endpoints`, '7.1')
  const value = dig(page, 'value')
  const found = (Array.isArray(value) ? value : [])
    .filter(isObject)
    .find(
      ({ id, name }) => id === nameOrId || String(name).toLowerCase() === nameOrId.toLowerCase(),
    )
  if (found) return readString(found['id'], 'id')
  throw new Fault(
    'EndpointNotFound',
    `The service connection '${nameOrId}' was not found. List them with: sluice devops service-endpoint list`,
  )
}
