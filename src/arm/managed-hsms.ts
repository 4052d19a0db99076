import type { NetworkAcls, StoredHsm } from './model.ts'
import { hsmScope } from './scopes.ts'
import { type PublicNetworkAccess, toPublicAccess } from './vaults.ts'

/** A managed HSM as other rooms see it; a change gives a new object. */
export interface HsmResource {
  readonly kind: 'managedHsm'
  /** The resource id. */
  readonly id: string
  readonly name: string
  readonly location: string
  readonly tenantId: string
  readonly subscriptionId: string
  readonly resourceGroup: string
  /** Random and lasting; a purged HSM's name can come again, its `dataId` cannot. */
  readonly dataId: string
  readonly skuName: string
  readonly initialAdminObjectIds: readonly string[]
  readonly softDeleteRetentionInDays: number
  readonly enablePurgeProtection: boolean
  readonly publicNetworkAccess: PublicNetworkAccess
  readonly networkAcls?: NetworkAcls
}

export function toHsmResource(hsm: StoredHsm): HsmResource {
  const { name, subscriptionId, resourceGroup } = hsm
  return {
    kind: 'managedHsm',
    id: hsmScope(subscriptionId, resourceGroup, name),
    name,
    location: hsm.location,
    tenantId: hsm.tenantId,
    subscriptionId,
    resourceGroup,
    dataId: hsm.dataId,
    skuName: hsm.skuName,
    initialAdminObjectIds: hsm.initialAdminObjectIds,
    softDeleteRetentionInDays: hsm.softDeleteRetentionInDays,
    enablePurgeProtection: hsm.enablePurgeProtection,
    publicNetworkAccess: toPublicAccess(hsm.publicNetworkAccess),
    ...(hsm.networkAcls && { networkAcls: hsm.networkAcls }),
  }
}
