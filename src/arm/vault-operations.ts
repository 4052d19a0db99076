import type { JsonObject } from '../base/json.ts'
import { isObject, readObject } from '../base/json.ts'
import type { Call } from '../http/call.ts'
import { type Operation, operation } from '../http/operation.ts'
import { empty, json, type Reply } from '../http/reply.ts'
import { changePolicies, type PolicyChange, readPolicies } from './access-policies.ts'
import { changeActive, deleteActive, putContainer } from './container-changes.ts'
import { type ContainerPath, readActive, vaultKind } from './containers.ts'
import { type ArmContext, findTags, readBody, readGroup, toPage } from './context.ts'
import { groupKey, type StoredVault } from './model.ts'
import { listReadable } from './readable.ts'
import { readVaultProperties, requireVaultName } from './vault-properties.ts'
import { toPropertiesBody, toVaultBody } from './vaults.ts'
import { armFault } from './wire-faults.ts'

const armOperation = operation<ArmContext>()
const VAULT =
  '/subscriptions/:subscription/resourceGroups/:group/providers/Microsoft.KeyVault/vaults/:vault'
const READ = 'Microsoft.KeyVault/vaults/read'
const WRITE = 'Microsoft.KeyVault/vaults/write'
const CHANGES: readonly PolicyChange[] = ['add', 'replace', 'remove']

type VaultCall = Call<{
  readonly subscription: string
  readonly group: string
  readonly vault: string
}>

/** Vaults: create, change, read, delete, list, access policies. */
export const vaultOperations: readonly Operation<ArmContext>[] = [
  armOperation(
    'Vaults_CreateOrUpdate',
    { method: 'PUT', path: VAULT, permission: WRITE },
    async (call, context) => answerPut(call, context, await readBody(call)),
  ),
  armOperation(
    'Vaults_Update',
    { method: 'PATCH', path: VAULT, permission: WRITE },
    async (call, context) => answerPatch(call, context, await readBody(call)),
  ),
  armOperation('Vaults_Get', { method: 'GET', path: VAULT, permission: READ }, (call, context) => {
    const { subscription, group } = call.params
    readGroup(context.store, subscription, group)
    return json(200, toVaultBody(call, readActive(vaultKind, context.store, toPath(call))))
  }),
  armOperation(
    'Vaults_Delete',
    { method: 'DELETE', path: VAULT, permission: 'Microsoft.KeyVault/vaults/delete' },
    async (call, context) =>
      empty((await deleteActive(vaultKind, context, toPath(call))) ? 200 : 204),
  ),
  armOperation(
    'Vaults_UpdateAccessPolicy',
    {
      method: 'PUT',
      path: `${VAULT}/accessPolicies/:change`,
      permission: 'Microsoft.KeyVault/vaults/accessPolicies/write',
    },
    async (call, context) => answerPolicies(call, context, await readBody(call)),
  ),
  armOperation(
    'PrivateLinkResources_ListByVault',
    { method: 'GET', path: `${VAULT}/privateLinkResources`, permission: READ },
    (call, { store }) => {
      const vault = readActive(vaultKind, store, toPath(call))
      const id = `${vaultKind.scopeOf(vault)}/privateLinkResources/vault`
      return json(200, {
        value: [
          {
            id,
            name: 'vault',
            type: 'Microsoft.KeyVault/vaults/privateLinkResources',
            properties: {
              groupId: 'vault',
              requiredMembers: ['default'],
              requiredZoneNames: ['privatelink.vaultcore.azure.net'],
            },
          },
        ],
      })
    },
  ),
  armOperation(
    'Vaults_ListByResourceGroup',
    {
      method: 'GET',
      path: '/subscriptions/:subscription/resourceGroups/:group/providers/Microsoft.KeyVault/vaults',
    },
    (call, context) => {
      const { subscription, group } = call.params
      readGroup(context.store, subscription, group)
      const vaults = context.store.vaultsOfGroup.list(groupKey(subscription, group))
      return answerList(call, context, vaults)
    },
  ),
  armOperation(
    'Vaults_ListBySubscription',
    { method: 'GET', path: '/subscriptions/:subscription/providers/Microsoft.KeyVault/vaults' },
    (call, context) => {
      const subscription = call.params.subscription.toLowerCase()
      const vaults = context.store.vaults.list()
      return answerList(
        call,
        context,
        vaults.filter((vault) => vault.subscriptionId === subscription),
      )
    },
  ),
]

function answerList(
  call: Call<{ readonly subscription: string; readonly group?: string }>,
  context: ArmContext,
  vaults: readonly StoredVault[],
): Reply {
  const active = vaults.filter((vault) => vault.state === 'active')
  const readable = listReadable(call, context, {
    action: READ,
    items: active,
    scopeOf: vaultKind.scopeOf,
  })
  return json(
    200,
    toPage(
      call,
      readable.map((vault) => toVaultBody(call, vault)),
    ),
  )
}

async function answerPut(call: VaultCall, context: ArmContext, body: JsonObject): Promise<Reply> {
  const asked = { ...toPath(call), body }
  requireVaultName(asked.name)
  const { item, isNew } = await putContainer(
    vaultKind,
    context,
    asked,
    (base, properties, existing) => ({
      ...base,
      ...readVaultProperties(properties, existing, context.apiVersion),
    }),
  )
  return json(isNew ? 201 : 200, toVaultBody(call, item))
}

async function answerPatch(call: VaultCall, context: ArmContext, body: JsonObject): Promise<Reply> {
  const patch = readObject(body['properties'] ?? {}, 'properties')
  const tags = findTags(body)
  const changed = await changeActive(vaultKind, context, toPath(call), (existing) => ({
    ...existing,
    ...(tags && { tags }),
    ...readVaultProperties(
      { ...toPropertiesBody(existing), ...patch },
      existing,
      context.apiVersion,
    ),
  }))
  return json(200, toVaultBody(call, changed))
}

async function answerPolicies(
  call: Call<VaultCall['params'] & { readonly change: string }>,
  context: ArmContext,
  body: JsonObject,
): Promise<Reply> {
  const change = CHANGES.find((one) => one === call.params.change.toLowerCase())
  if (!change) {
    throw armFault('BadRequest', `'${call.params.change}' is not add, replace or remove.`)
  }
  const properties = isObject(body['properties']) ? body['properties'] : {}
  const listed = readPolicies(properties['accessPolicies'])
  const changed = await changeActive(vaultKind, context, toPath(call), (existing) => ({
    ...existing,
    accessPolicies: changePolicies(existing.accessPolicies, change, listed),
  }))
  return json(200, {
    id: `${vaultKind.scopeOf(changed)}/accessPolicies/`,
    type: 'Microsoft.KeyVault/vaults/accessPolicies',
    properties: { accessPolicies: changed.accessPolicies },
  })
}

function toPath({ params }: VaultCall): ContainerPath {
  return { subscription: params.subscription, group: params.group, name: params.vault }
}
