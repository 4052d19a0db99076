import { Fault } from '../../base/fault.ts'
import { isObject, type JsonObject, readObject, readString } from '../../base/json.ts'
import type { Client } from '../../client/index.ts'
import { dig, toFlag, toNumber, toPairs, withResourceGroup } from '../az-words.ts'
import { type CommandContext, command } from '../command.ts'
import { policyNote } from '../effect-notes.ts'
import { findRunningServer } from '../running-server.ts'
import {
  findContainerId,
  findDeletedContainer,
  KEYVAULT_VERSION,
  listContainers,
  listDeletedContainers,
  type Named,
  readKinds,
  readNamed,
  vaultWords,
} from './containers.ts'

const vaultTable = (result: unknown) =>
  (Array.isArray(result) ? result : [result]).filter(isObject).map((vault) => ({
    Location: vault['location'],
    Name: vault['name'],
    ResourceGroup: vault['resourceGroup'],
  }))

export const keyvaultCommands = [
  command(
    'keyvault create [--name|-n <name>] [--hsm-name <name>] --resource-group|-g <group> [--location|-l <region>] [--sku <sku>] [--administrators <object-id>...] [--enable-rbac-authorization <bool>] [--retention-days <days>] [--enable-purge-protection <bool>] [--tags <k=v>...]',
    'Create a vault, or a managed HSM.',
    async (options, { session }) => {
      const { client } = await session()
      return readNamed(options).words === vaultWords
        ? await createVault(options, client)
        : await createHsm(options, client)
    },
    {
      table: vaultTable,
      help: {
        'hsm-name': 'Create a managed HSM of this name instead of a vault.',
        sku: 'standard (default) or premium; Standard_B1 (default) or Custom_B32 for a managed HSM.',
        administrators: 'Who administers the managed HSM, by object id.',
        'enable-rbac-authorization':
          'true: role assignments decide who may read (default). false: access policies; you get all permissions.',
        'retention-days': 'How long deleted objects can be recovered, 7 to 90 days (default 90).',
        'enable-purge-protection':
          'true: nothing deleted can be purged before its retention ends. Cannot be undone; true unless told for a managed HSM.',
      },
      examples: [
        'sluice keyvault create --name kv-demo --resource-group demo --enable-rbac-authorization false',
        'sluice keyvault create --hsm-name hsm-demo --resource-group demo --administrators OBJECT_ID --retention-days 7',
      ],
    },
  ),
  command(
    'keyvault show [--name|-n <name>] [--hsm-name <name>] [--resource-group|-g <group>]',
    'Show a vault or a managed HSM.',
    async (named, { session }) => {
      const { client } = await session()
      const id = await findContainerId(client, named)
      return withResourceGroup(await client.arm(id, KEYVAULT_VERSION))
    },
    { table: vaultTable },
  ),
  command(
    'keyvault list [--resource-group|-g <group>] [--resource-type <hsm|vault>]',
    'List vaults and managed HSMs.',
    async ({ resourceGroup, resourceType }, { session }) => {
      const { client } = await session()
      const kinds = readKinds(resourceType)
      const lists = kinds.map((words) => listContainers(client, words, resourceGroup))
      return (await Promise.all(lists)).flat().map(withResourceGroup)
    },
    { table: vaultTable },
  ),
  command(
    'keyvault delete [--name|-n <name>] [--hsm-name <name>] [--resource-group|-g <group>]',
    'Delete a vault or a managed HSM; it can be recovered until its retention ends.',
    async (named, { session }) => {
      const { client } = await session()
      const id = await findContainerId(client, named)
      await client.arm(id, KEYVAULT_VERSION, { method: 'DELETE' })
      return undefined
    },
  ),
  command(
    'keyvault list-deleted [--resource-type <hsm|vault>]',
    'List deleted vaults and managed HSMs that can be recovered.',
    async ({ resourceType }, { session }) => {
      const { client } = await session()
      const lists = readKinds(resourceType).map((words) => listDeletedContainers(client, words))
      return (await Promise.all(lists)).flat()
    },
  ),
  command(
    'keyvault show-deleted [--name|-n <name>] [--hsm-name <name>] [--location|-l <region>]',
    'Show a deleted vault or managed HSM.',
    async (named, { session }) => await findDeletedContainer((await session()).client, named),
  ),
  command(
    'keyvault recover [--name|-n <name>] [--hsm-name <name>] [--resource-group|-g <group>] [--location|-l <region>]',
    'Bring a deleted vault or managed HSM back, with what is in it.',
    async (named, { session }) => recoverContainer((await session()).client, named),
    { table: vaultTable },
  ),
  command(
    'keyvault purge [--name|-n <name>] [--hsm-name <name>] [--location|-l <region>]',
    'Destroy a deleted vault or managed HSM for good.',
    async (named, { session }) => {
      const { client } = await session()
      const { id } = await findDeletedContainer(client, named)
      await client.arm(`${readString(id, 'id')}/purge`, KEYVAULT_VERSION, { method: 'POST' })
      return undefined
    },
  ),
  command(
    'keyvault check-name --name|-n <name> [--resource-type <hsm|vault>]',
    'Say whether the name of a managed HSM, or of a vault, is free.',
    async ({ name, resourceType }, { session }) => {
      const { client } = await session()
      const [words] = readKinds(resourceType ?? 'hsm')
      const check = words === vaultWords ? 'checkNameAvailability' : 'checkMhsmNameAvailability'
      const path = `/subscriptions/${client.settings.subscriptionId}/providers/Microsoft.KeyVault/${check}`
      const type = words === vaultWords ? { type: 'Microsoft.KeyVault/vaults' } : {}
      return await client.arm(path, KEYVAULT_VERSION, { method: 'POST', body: { name, ...type } })
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

interface CreateOptions extends Named {
  readonly resourceGroup: string
  readonly location?: string
  readonly sku?: string
  readonly administrators?: readonly string[]
  readonly enableRbacAuthorization?: string
  readonly retentionDays?: string
  readonly enablePurgeProtection?: string
  readonly tags?: readonly string[]
}

async function createVault(options: CreateOptions, client: Client): Promise<unknown> {
  const rbac = toFlag(options.enableRbacAuthorization, '--enable-rbac-authorization') ?? true
  const retention = toNumber(options.retentionDays, '--retention-days')
  const purge = toFlag(options.enablePurgeProtection, '--enable-purge-protection')
  const properties = {
    tenantId: client.settings.tenantId,
    sku: { family: 'A', name: options.sku ?? 'standard' },
    accessPolicies: rbac ? [] : [await ownPolicy(client)],
    enableRbacAuthorization: rbac,
    enableSoftDelete: true,
    softDeleteRetentionInDays: retention ?? 90,
    ...(purge ? { enablePurgeProtection: true } : {}),
    networkAcls: { bypass: 'AzureServices', defaultAction: 'Allow' },
  }
  return await create(client, options, { properties })
}

async function createHsm(options: CreateOptions, client: Client): Promise<unknown> {
  if (!options.administrators) {
    throw new Fault('UsageWrong', 'Say who administers the managed HSM with --administrators.')
  }
  const purge = toFlag(options.enablePurgeProtection, '--enable-purge-protection')
  const name = options.sku ?? 'Standard_B1'
  const properties = {
    tenantId: client.settings.tenantId,
    initialAdminObjectIds: options.administrators,
    softDeleteRetentionInDays: toNumber(options.retentionDays, '--retention-days') ?? 90,
    ...(purge === undefined ? {} : { enablePurgeProtection: purge }),
  }
  const family = /_C\d+$/i.test(name) ? 'C' : 'B'
  return await create(client, options, { sku: { family, name }, properties })
}

async function create(client: Client, options: CreateOptions, body: JsonObject): Promise<unknown> {
  const { name } = readNamed(options)
  const path = await findContainerId(client, options)
  await refuseExisting(client, path, name)
  const group = `/subscriptions/${client.settings.subscriptionId}/resourceGroups/${options.resourceGroup}`
  const location = options.location ?? dig(await client.arm(group, '2024-11-01'), 'location')
  const whole = { location, tags: toPairs(options.tags) ?? {}, ...body }
  return withResourceGroup(await client.arm(path, KEYVAULT_VERSION, { method: 'PUT', body: whole }))
}

/** To where it was: the deleted one says its resource id and its region. */
async function recoverContainer(
  client: Client,
  named: Named & { readonly location?: string },
): Promise<unknown> {
  const deleted = await findDeletedContainer(client, named)
  const id = readString(
    dig(deleted, 'properties', 'vaultId') ?? dig(deleted, 'properties', 'mhsmId'),
    'id',
  )
  const location = dig(deleted, 'properties', 'location')
  const { tenantId } = client.settings
  const body = { location, properties: { tenantId, createMode: 'recover' } }
  return withResourceGroup(await client.arm(id, KEYVAULT_VERSION, { method: 'PUT', body }))
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
  const existing = await client.arm(path, KEYVAULT_VERSION).catch((error: { status?: number }) => {
    if (error.status === 404) return undefined
    throw error
  })
  if (!existing) return
  throw new Fault('VaultAlreadyExists', `The specified vault: ${name} already exists`)
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
  const id = await findContainerId(client, options)
  const vault = readObject(await client.arm(id, KEYVAULT_VERSION), 'The vault')
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
  const changed = await client.arm(id, KEYVAULT_VERSION, { method: 'PUT', body })
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
