import { Fault } from '../../base/fault.ts'
import { isObject, type JsonObject, readObject, readString } from '../../base/json.ts'
import type { Client } from '../../client/index.ts'
import { dig, toFlag, toNumber, toPairs, withResourceGroup } from '../az-words.ts'
import { type CommandContext, command } from '../command.ts'
import { policyNote } from '../effect-notes.ts'
import { findRunningServer } from '../running-server.ts'

const VERSION = '2026-02-01'
const LOOKUP_VERSION = '2015-11-01'

const vaultTable = (result: unknown) =>
  (Array.isArray(result) ? result : [result]).filter(isObject).map((vault) => ({
    Location: vault['location'],
    Name: vault['name'],
    ResourceGroup: vault['resourceGroup'],
  }))

export const keyvaultCommands = [
  command(
    'keyvault create --name|-n <name> --resource-group|-g <group> [--location|-l <region>] [--sku <standard|premium>] [--enable-rbac-authorization <bool>] [--retention-days <days>] [--enable-purge-protection <bool>] [--tags <k=v>...]',
    'Create a vault.',
    createVault,
    {
      table: vaultTable,
      help: {
        'enable-rbac-authorization':
          'true: role assignments decide who may read (default). false: access policies; you get all permissions.',
        'retention-days': 'How long deleted objects can be recovered, 7 to 90 days (default 90).',
      },
      examples: [
        'sluice keyvault create --name kv-demo --resource-group demo --enable-rbac-authorization false',
      ],
    },
  ),
  command(
    'keyvault show --name|-n <name> [--resource-group|-g <group>]',
    'Show a vault.',
    async ({ name, resourceGroup }, { session }) => {
      const { client } = await session()
      return withResourceGroup(
        await client.arm(await findVaultId(client, name, resourceGroup), VERSION),
      )
    },
    { table: vaultTable },
  ),
  command(
    'keyvault list [--resource-group|-g <group>]',
    'List vaults.',
    async ({ resourceGroup }, { session }) => {
      const { client } = await session()
      const scope = resourceGroup ? `/resourceGroups/${resourceGroup}` : ''
      const path = `/subscriptions/${client.settings.subscriptionId}${scope}/providers/Microsoft.KeyVault/vaults`
      return (await client.list((next) => followArm(client, next, path))).map(withResourceGroup)
    },
    { table: vaultTable },
  ),
  command(
    'keyvault delete --name|-n <name> [--resource-group|-g <group>]',
    'Delete a vault; it can be recovered until its retention ends.',
    async ({ name, resourceGroup }, { session }) => {
      const { client } = await session()
      await client.arm(await findVaultId(client, name, resourceGroup), VERSION, {
        method: 'DELETE',
      })
      return undefined
    },
  ),
  command(
    'keyvault set-policy --name|-n <name> [--resource-group|-g <group>] [--object-id <guid>] [--spn <app-id>] [--secret-permissions <permission>...] [--key-permissions <permission>...] [--certificate-permissions <permission>...]',
    "Set a principal's permissions on a vault that uses access policies.",
    setPolicy,
    {
      table: vaultTable,
      examples: [
        'sluice keyvault set-policy --name kv-demo --spn APP_ID --secret-permissions get list',
      ],
    },
  ),
]

interface CreateOptions {
  readonly name: string
  readonly resourceGroup: string
  readonly location?: string
  readonly sku?: string
  readonly enableRbacAuthorization?: string
  readonly retentionDays?: string
  readonly enablePurgeProtection?: string
  readonly tags?: readonly string[]
}

async function createVault(
  options: CreateOptions,
  { session }: { session(): Promise<{ client: Client }> },
): Promise<unknown> {
  const { client } = await session()
  const { tenantId, subscriptionId } = client.settings
  const group = `/subscriptions/${subscriptionId}/resourceGroups/${options.resourceGroup}`
  const rbac = toFlag(options.enableRbacAuthorization, '--enable-rbac-authorization') ?? true
  const retention = toNumber(options.retentionDays, '--retention-days')
  const purge = toFlag(options.enablePurgeProtection, '--enable-purge-protection')
  const body = {
    location: options.location ?? dig(await client.arm(group, '2024-11-01'), 'location'),
    tags: toPairs(options.tags) ?? {},
    properties: {
      tenantId,
      sku: { family: 'A', name: options.sku ?? 'standard' },
      accessPolicies: rbac ? [] : [await ownPolicy(client)],
      enableRbacAuthorization: rbac,
      enableSoftDelete: true,
      softDeleteRetentionInDays: retention ?? 90,
      ...(purge ? { enablePurgeProtection: true } : {}),
      networkAcls: { bypass: 'AzureServices', defaultAction: 'Allow' },
    },
  }
  const path = `${group}/providers/Microsoft.KeyVault/vaults/${options.name}`
  await refuseExisting(client, path, options.name)
  return withResourceGroup(await client.arm(path, VERSION, { method: 'PUT', body }))
}

/** In the access-policy model the creator gets everything, as from `az`. */
async function ownPolicy(client: Client): Promise<JsonObject> {
  const { objectId, tenantId } = await client.whoAmI()
  const all = ['all']
  return {
    tenantId,
    objectId,
    permissions: { keys: all, secrets: all, certificates: all, storage: all },
  }
}

async function refuseExisting(client: Client, path: string, name: string): Promise<void> {
  const existing = await client.arm(path, VERSION).catch((error: { status?: number }) => {
    if (error.status === 404) return undefined
    throw error
  })
  if (!existing) return
  throw new Fault('VaultAlreadyExists', `The specified vault: ${name} already exists`)
}

/** The resource id of a vault, found by its name when no group is given. */
export async function findVaultId(client: Client, name: string, group?: string): Promise<string> {
  const { subscriptionId } = client.settings
  if (group) {
    return `/subscriptions/${subscriptionId}/resourceGroups/${group}/providers/Microsoft.KeyVault/vaults/${name}`
  }
  const filter = `resourceType eq 'Microsoft.KeyVault/vaults' and name eq '${name.replaceAll("'", "''")}'`
  const path = `/subscriptions/${subscriptionId}/resources?$filter=${encodeURIComponent(filter)}`
  const page = readObject(await client.arm(path, LOOKUP_VERSION), 'The page')
  const [found] = Array.isArray(page['value']) ? page['value'] : []
  if (isObject(found)) return readString(found['id'], 'id')
  throw new Fault(
    'VaultNotFound',
    `The vault '${name}' was not found in the subscription. List them with: sluice keyvault list`,
  )
}

function followArm(client: Client, next: string | undefined, path: string): Promise<unknown> {
  const { management } = client.settings.hosts
  return next ? client.request(management, next) : client.arm(path, VERSION)
}

interface PolicyOptions {
  readonly name: string
  readonly resourceGroup?: string
  readonly objectId?: string
  readonly spn?: string
  readonly secretPermissions?: readonly string[]
  readonly keyPermissions?: readonly string[]
  readonly certificatePermissions?: readonly string[]
}

async function setPolicy(
  options: PolicyOptions,
  { session, terminal, common }: CommandContext,
): Promise<unknown> {
  const { client } = await session()
  const id = await findVaultId(client, options.name, options.resourceGroup)
  const vault = readObject(await client.arm(id, VERSION), 'The vault')
  const properties = readObject(vault['properties'], 'properties')
  if (properties['enableRbacAuthorization'] === true) {
    throw new Fault(
      'PolicyRefused',
      "Cannot set policies to a vault with '--enable-rbac-authorization' specified",
    )
  }
  const objectId = options.objectId ?? (await objectIdOf(client, options.spn))
  const policies = Array.isArray(properties['accessPolicies'])
    ? properties['accessPolicies'].filter(isObject)
    : []
  const own = policies.find(
    (policy) => String(policy['objectId']).toLowerCase() === objectId.toLowerCase(),
  )
  const permissions = {
    ...(isObject(own?.['permissions']) ? own['permissions'] : {}),
    ...(options.secretPermissions ? { secrets: options.secretPermissions } : {}),
    ...(options.keyPermissions ? { keys: options.keyPermissions } : {}),
    ...(options.certificatePermissions ? { certificates: options.certificatePermissions } : {}),
  }
  const policy = { ...(own ?? { tenantId: client.settings.tenantId, objectId }), permissions }
  const accessPolicies = [...policies.filter((other) => other !== own), policy]
  const body = { ...vault, properties: { ...properties, accessPolicies } }
  const changed = await client.arm(id, VERSION, { method: 'PUT', body })
  terminal.note(policyNote(findRunningServer(common.data)))
  return withResourceGroup(changed)
}

async function objectIdOf(client: Client, spn: string | undefined): Promise<string> {
  if (!spn) throw new Fault('UsageWrong', 'Say whose policy it is with --object-id or --spn.')
  return readString((await findServicePrincipal(client, spn))['id'], 'id')
}

/** A service principal by application id or name URI. @throws Fault `PrincipalNotFound` */
export async function findServicePrincipal(client: Client, id: string): Promise<JsonObject> {
  const filter = encodeURIComponent(
    `servicePrincipalNames/any(c:c eq '${id.replaceAll("'", "''")}')`,
  )
  const page = readObject(
    await client.graph(`/v1.0/servicePrincipals?$filter=${filter}`),
    'The page',
  )
  const [found] = Array.isArray(page['value']) ? page['value'] : []
  if (isObject(found)) return found
  throw new Fault('PrincipalNotFound', `Service principal '${id}' doesn't exist`)
}
