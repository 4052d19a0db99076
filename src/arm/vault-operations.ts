import type { JsonObject } from '../base/json.ts'
import { isObject, readObject } from '../base/json.ts'
import type { Call } from '../http/call.ts'
import { type Operation, operation } from '../http/operation.ts'
import { empty, json, type Reply } from '../http/reply.ts'
import type { Changes } from '../storage/mirror.ts'
import { changePolicies, type PolicyChange, readPolicies } from './access-policies.ts'
import {
  type ArmContext,
  findTags,
  groupNotFound,
  readBody,
  readGroup,
  resourceNotFound,
  toPage,
} from './context.ts'
import { findLocation } from './locations.ts'
import { groupKey, type StoredVault } from './model.ts'
import { isSamePolicies } from './propagation.ts'
import { listReadable } from './readable.ts'
import { vaultScope } from './scopes.ts'
import { readVaultProperties, requireVaultName } from './vault-properties.ts'
import {
  actorOf,
  isExpired,
  isIn,
  newDataId,
  purgeVault,
  readVault,
  softDeleteVault,
  toPropertiesBody,
  toVaultBody,
  VAULT_TYPE,
} from './vaults.ts'
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
    const { subscription, group, vault } = call.params
    readGroup(context.store, subscription, group)
    return json(200, toVaultBody(call, readVault(context.store, subscription, group, vault)))
  }),
  armOperation(
    'Vaults_Delete',
    { method: 'DELETE', path: VAULT, permission: 'Microsoft.KeyVault/vaults/delete' },
    async (call, { store, clock }) => {
      const { subscription, group, vault } = call.params
      const isFound = await store.mirrors.write(async (changes) => {
        const found = await changes.find(store.vaults, vault.toLowerCase())
        if (found?.state !== 'active' || !isIn(found, subscription, group)) return false
        await softDeleteVault(store, changes, found, clock.nowMs())
        return true
      })
      return empty(isFound ? 200 : 204)
    },
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
      const { subscription, group, vault } = call.params
      const { name } = readVault(store, subscription, group, vault)
      const id = `${vaultScope(subscription, group, name)}/privateLinkResources/vault`
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
    scopeOf: (vault) => vaultScope(vault.subscriptionId, vault.resourceGroup, vault.name),
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
  const { store, clock } = context
  const { subscription, group, vault: name } = call.params
  requireVaultName(name)
  const properties = readObject(body['properties'] ?? {}, 'properties')
  const location = readLocation(body)
  const held = store.vaults.find(name.toLowerCase())
  if (held && isExpired(held, clock.nowMs())) await purgeVault(context, held)
  const isRecovery = String(properties['createMode'] ?? '').toLowerCase() === 'recover'
  const { vault, isNew } = await store.mirrors.write(async (changes) => {
    const home = await changes.find(store.groups, groupKey(subscription, group))
    if (!home) throw groupNotFound(group)
    const found = await changes.find(store.vaults, name.toLowerCase())
    if (isRecovery && found?.state !== 'active') {
      const recovered = recover(found, call, location, context)
      await changes.put(store.vaults, recovered)
      return { vault: recovered, isNew: false }
    }
    const existing = findOwn(found, call)
    if (existing && existing.location !== location) {
      throw armFault(
        'InvalidResourceLocation',
        `The resource '${name}' already exists in location '${existing.location}' in resource group '${home.name}'. A resource with the same name cannot be created in location '${location}'. Please select a new resource name.`,
      )
    }
    const note = noteOf(context, existing)
    const wanted: StoredVault = {
      dataId: existing?.dataId ?? newDataId(),
      name: existing?.name ?? name,
      subscriptionId: subscription.toLowerCase(),
      resourceGroup: existing?.resourceGroup ?? home.name,
      location,
      tags: findTags(body) ?? {},
      ...readVaultProperties(properties, existing, context.apiVersion),
      note,
      state: 'active',
    }
    const made = await putVault(context, changes, existing, wanted)
    return { vault: made, isNew: !existing }
  })
  return json(isNew ? 201 : 200, toVaultBody(call, vault))
}

/** The vault to change; undefined when the name is free. @throws Fault when others hold the name */
function findOwn(found: StoredVault | undefined, call: VaultCall): StoredVault | undefined {
  if (!found) return undefined
  const { subscription, group, vault: name } = call.params
  if (found.state !== 'active') {
    throw armFault(
      'ConflictError',
      'A vault with the same name already exists in deleted state. You need to either recover or purge existing key vault. Follow this link https://go.microsoft.com/fwlink/?linkid=2149745 for more information on soft delete.',
    )
  }
  if (isIn(found, subscription, group)) return found
  throw armFault(
    'VaultAlreadyExists',
    `The vault name '${name}' is already in use. Vault names are globally unique so it is possible that the name is already taken.`,
  )
}

function recover(
  found: StoredVault | undefined,
  call: VaultCall,
  location: string,
  context: ArmContext,
): StoredVault {
  const { subscription, group, vault: name } = call.params
  const isThere =
    found?.state === 'deleted' && found.location === location && isIn(found, subscription, group)
  if (!isThere) {
    throw armFault(
      'DeletedVaultNotFound',
      `A deleted vault with the name '${name}' does not exist in location '${location}' for resource group '${group}'.`,
    )
  }
  const { deletedAtMs: _, ...kept } = found
  return { ...kept, state: 'active', note: noteOf(context, found) }
}

async function answerPatch(call: VaultCall, context: ArmContext, body: JsonObject): Promise<Reply> {
  const patch = readObject(body['properties'] ?? {}, 'properties')
  const tags = findTags(body)
  const changed = await changeVault(call, context, (existing) => ({
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
  const changed = await changeVault(call, context, (existing) => ({
    ...existing,
    accessPolicies: changePolicies(existing.accessPolicies, change, listed),
  }))
  const scope = vaultScope(changed.subscriptionId, changed.resourceGroup, changed.name)
  return json(200, {
    id: `${scope}/accessPolicies/`,
    type: 'Microsoft.KeyVault/vaults/accessPolicies',
    properties: { accessPolicies: changed.accessPolicies },
  })
}

/** Changes an active vault of the path in one write. @throws Fault `ResourceNotFound` */
function changeVault(
  call: VaultCall,
  context: ArmContext,
  change: (vault: StoredVault) => StoredVault,
): Promise<StoredVault> {
  const { store } = context
  const { subscription, group, vault: name } = call.params
  return store.mirrors.write(async (changes) => {
    const found = await changes.find(store.vaults, name.toLowerCase())
    if (found?.state !== 'active' || !isIn(found, subscription, group)) {
      throw resourceNotFound(VAULT_TYPE, name, group)
    }
    const wanted = { ...change(found), note: noteOf(context, found) }
    return await putVault(context, changes, found, wanted)
  })
}

/** Stores a vault over what it was; who watches access policies is told in the same write. */
async function putVault(
  context: ArmContext,
  changes: Changes,
  before: StoredVault | undefined,
  wanted: StoredVault,
): Promise<StoredVault> {
  const { propagation, store } = context
  const changed = propagation.withFormerPolicies(wanted, before)
  await changes.put(store.vaults, changed)
  const isOtherModel = before?.enableRbacAuthorization !== changed.enableRbacAuthorization
  if (before && (isOtherModel || !isSamePolicies(before, changed))) {
    await context.tellPolicies(changes, changed)
  }
  return changed
}

function noteOf(context: ArmContext, existing: StoredVault | undefined): StoredVault['note'] {
  const nowMs = context.clock.nowMs()
  const actor = actorOf(context)
  const { createdBy = actor, createdAtMs = nowMs } = existing?.note ?? {}
  return { createdBy, createdAtMs, changedBy: actor, changedAtMs: nowMs }
}

function readLocation(body: JsonObject): string {
  const text = body['location']
  if (typeof text !== 'string' || text.trim() === '') {
    throw armFault('LocationRequired', 'The location property is required for this definition.')
  }
  const location = findLocation(text)
  if (location) return location
  throw armFault('RegionNotSupported', `The region '${text.slice(0, 60)}' is not supported.`)
}
