import { newGuid } from '../base/ids.ts'
import type { JsonObject } from '../base/json.ts'
import type { Call } from '../http/call.ts'
import type { Changes } from '../storage/mirror.ts'
import type { ArmContext, ArmParts } from './context.ts'
import { resourceNotFound } from './context.ts'
import { siblingHost } from './hosts.ts'
import type { AccessPolicy, NetworkAcls, StoredVault } from './model.ts'
import { scopeKey, vaultScope } from './scopes.ts'
import type { ArmStore } from './store.ts'

export const VAULT_TYPE = 'Microsoft.KeyVault/vaults'
const DAY_MS = 86_400_000

export type PublicNetworkAccess = 'Enabled' | 'Disabled' | 'SecuredByPerimeter'

/** A vault as other rooms see it; a change gives a new object. */
export interface VaultResource {
  readonly kind: 'vault'
  /** The resource id; scopes of the vault's objects begin with it. */
  readonly id: string
  readonly name: string
  readonly location: string
  readonly tenantId: string
  readonly subscriptionId: string
  readonly resourceGroup: string
  /** Random and lasting; a purged vault's name can come again, its `dataId` cannot. */
  readonly dataId: string
  readonly sku: 'standard' | 'premium'
  readonly enableRbacAuthorization: boolean
  readonly softDeleteRetentionInDays: number
  readonly enablePurgeProtection: boolean
  /** Permission names are lower case. */
  readonly accessPolicies: readonly AccessPolicy[]
  readonly publicNetworkAccess: PublicNetworkAccess
  readonly networkAcls?: NetworkAcls
  /** True while it can be recovered: it answers nothing. */
  readonly deleted: boolean
}

export function toVaultResource(vault: StoredVault): VaultResource {
  const { name, subscriptionId, resourceGroup } = vault
  return {
    kind: 'vault',
    id: vaultScope(subscriptionId, resourceGroup, name),
    name,
    location: vault.location,
    tenantId: vault.tenantId,
    subscriptionId,
    resourceGroup,
    dataId: vault.dataId,
    sku: vault.sku,
    enableRbacAuthorization: vault.enableRbacAuthorization,
    softDeleteRetentionInDays: vault.softDeleteRetentionInDays,
    enablePurgeProtection: vault.enablePurgeProtection,
    accessPolicies: vault.accessPolicies,
    publicNetworkAccess: toPublicAccess(vault.publicNetworkAccess),
    ...(vault.networkAcls && { networkAcls: vault.networkAcls }),
    deleted: vault.state !== 'active',
  }
}

/** Read-back keeps the case that was sent; decisions use one spelling. */
export function toPublicAccess(text: string): PublicNetworkAccess {
  const word = text.toLowerCase()
  if (word === 'enabled') return 'Enabled'
  return word === 'securedbyperimeter' ? 'SecuredByPerimeter' : 'Disabled'
}

/** When a deleted vault is purged by itself, in milliseconds. */
function purgeAtMs(vault: StoredVault): number {
  return (vault.deletedAtMs ?? 0) + vault.softDeleteRetentionInDays * DAY_MS
}

/** An active vault of this group. @throws Fault `ResourceNotFound` */
export function readVault(
  store: ArmStore,
  subscriptionId: string,
  group: string,
  name: string,
): StoredVault {
  const found = store.vaults.find(name.toLowerCase())
  if (found?.state === 'active' && isIn(found, subscriptionId, group)) return found
  throw resourceNotFound(VAULT_TYPE, name, group)
}

/** True when the vault belongs to this subscription and group. */
export function isIn(vault: StoredVault, subscriptionId: string, group: string): boolean {
  return (
    vault.subscriptionId === subscriptionId.toLowerCase() &&
    vault.resourceGroup.toLowerCase() === group.toLowerCase()
  )
}

/** Marks a vault deleted and takes the roles given at and below it; recovery does not bring them back. */
export async function softDeleteVault(
  store: ArmStore,
  changes: Changes,
  vault: StoredVault,
  nowMs: number,
): Promise<void> {
  await changes.put(store.vaults, { ...vault, state: 'deleted', deletedAtMs: nowMs })
  const { subscriptionId, resourceGroup, name } = vault
  await removeAssignmentsWithin(store, changes, vaultScope(subscriptionId, resourceGroup, name))
}

/** Removes the role assignments at a scope and below it. */
export async function removeAssignmentsWithin(
  store: ArmStore,
  changes: Changes,
  scope: string,
): Promise<void> {
  const found = await changes.listBelow(store.assignments, 'scope_key', scopeKey(scope))
  for (const { id } of found) await changes.remove(store.assignments, id)
}

/** Erases a deleted vault for good: its objects first, then its name. A crash between is finished later. */
export async function purgeVault(parts: ArmParts, vault: StoredVault): Promise<void> {
  const { store } = parts
  const key = vault.name.toLowerCase()
  const isOurs = await store.mirrors.write(async (changes) => {
    const found = await changes.find(store.vaults, key)
    if (found?.dataId !== vault.dataId || found.state === 'active') return false
    await changes.put(store.vaults, { ...found, state: 'purging' })
    return true
  })
  if (!isOurs) return
  await parts.eraseVault(vault)
  await store.mirrors.write(async (changes) => {
    const found = await changes.find(store.vaults, key)
    if (found?.dataId === vault.dataId) await changes.remove(store.vaults, key)
  })
}

/** Purges what is past its retention or was being purged when the program stopped. */
export async function purgeExpiredVaults(parts: ArmParts): Promise<void> {
  const nowMs = parts.clock.nowMs()
  for (const vault of parts.store.vaults.list()) {
    if (vault.state === 'purging' || isExpired(vault, nowMs)) await purgeVault(parts, vault)
  }
}

/** True for a deleted vault whose retention is over. */
export function isExpired(vault: StoredVault, nowMs: number): boolean {
  return vault.state === 'deleted' && nowMs >= purgeAtMs(vault)
}

/** Who acts, for `systemData`: the client id of an application, else the object id. */
export function actorOf({ caller }: ArmContext): string {
  return caller.appId ?? caller.objectId
}

export function newDataId(): string {
  return newGuid()
}

/** The wire shape of a vault. */
export function toVaultBody(call: Call<unknown>, vault: StoredVault): JsonObject {
  const { note } = vault
  return {
    id: vaultScope(vault.subscriptionId, vault.resourceGroup, vault.name),
    name: vault.name,
    type: VAULT_TYPE,
    location: vault.location,
    tags: vault.tags,
    systemData: {
      createdBy: note.createdBy,
      createdByType: 'Application',
      createdAt: new Date(note.createdAtMs).toISOString(),
      lastModifiedBy: note.changedBy,
      lastModifiedByType: 'Application',
      lastModifiedAt: new Date(note.changedAtMs).toISOString(),
    },
    properties: {
      ...toPropertiesBody(vault),
      vaultUri: `https://${vault.name.toLowerCase()}.${siblingHost(call, 'vault')}/`,
      provisioningState: 'Succeeded',
    },
  }
}

/** The members of `properties` that a client may set; `enablePurgeProtection` is true or absent. */
export function toPropertiesBody(vault: StoredVault): JsonObject {
  return {
    sku: { family: 'A', name: vault.sku },
    tenantId: vault.tenantId,
    ...(vault.networkAcls && { networkAcls: vault.networkAcls }),
    accessPolicies: vault.accessPolicies,
    enabledForDeployment: vault.enabledForDeployment,
    enabledForDiskEncryption: vault.enabledForDiskEncryption,
    enabledForTemplateDeployment: vault.enabledForTemplateDeployment,
    enableSoftDelete: true,
    softDeleteRetentionInDays: vault.softDeleteRetentionInDays,
    enableRbacAuthorization: vault.enableRbacAuthorization,
    ...(vault.enablePurgeProtection && { enablePurgeProtection: true }),
    publicNetworkAccess: vault.publicNetworkAccess,
  }
}

/** The wire shape of a deleted vault. */
export function toDeletedBody(vault: StoredVault): JsonObject {
  const { subscriptionId, location, name } = vault
  return {
    id: `/subscriptions/${subscriptionId}/providers/Microsoft.KeyVault/locations/${location}/deletedVaults/${name}`,
    name,
    type: 'Microsoft.KeyVault/deletedVaults',
    properties: {
      vaultId: vaultScope(subscriptionId, vault.resourceGroup, name),
      location,
      tags: vault.tags,
      deletionDate: new Date(vault.deletedAtMs ?? 0).toISOString(),
      scheduledPurgeDate: new Date(purgeAtMs(vault)).toISOString(),
      ...(vault.enablePurgeProtection && { purgeProtectionEnabled: true }),
    },
  }
}
