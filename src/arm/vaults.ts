import type { JsonObject } from '../base/json.ts'
import type { Call } from '../http/call.ts'
import { toResourceBody, vaultKind } from './containers.ts'
import { siblingHost } from './hosts.ts'
import type { AccessPolicy, NetworkAcls, StoredVault } from './model.ts'
import { vaultScope } from './scopes.ts'

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

/** The wire shape of a vault. */
export function toVaultBody(call: Call<unknown>, vault: StoredVault): JsonObject {
  return {
    ...toResourceBody(vaultKind, vault),
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
