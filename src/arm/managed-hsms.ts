import type { JsonObject } from '../base/json.ts'
import type { Call } from '../http/call.ts'
import { hsmKind, toResourceBody } from './containers.ts'
import { siblingHost } from './hosts.ts'
import type { NetworkAcls, StoredHsm } from './model.ts'
import { hsmScope } from './scopes.ts'
import type { ArmStore } from './store.ts'
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

/** Finds the active managed HSM of a name in any case; the same object until it changes. */
export function createHsmFinder(store: ArmStore): (name: string) => HsmResource | undefined {
  const resources = new WeakMap<StoredHsm, HsmResource>()
  return (name) => {
    const hsm = store.hsms.find(name.toLowerCase())
    if (hsm?.state !== 'active') return undefined
    const held = resources.get(hsm) ?? toHsmResource(hsm)
    resources.set(hsm, held)
    return held
  }
}

function toHsmResource(hsm: StoredHsm): HsmResource {
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

/** The wire shape of a managed HSM. `provisioningState` is what clients wait for, so it is final. */
export function toHsmBody(call: Call<unknown>, hsm: StoredHsm, isActivated: boolean): JsonObject {
  return {
    ...toResourceBody(hsmKind, hsm),
    sku: { family: hsm.skuFamily, name: hsm.skuName },
    properties: {
      ...toHsmPropertiesBody(hsm),
      hsmUri: `https://${hsm.name.toLowerCase()}.${siblingHost(call, 'managedhsm')}/`,
      createMode: 'default',
      provisioningState: 'Succeeded',
      statusMessage: isActivated
        ? 'The Managed HSM is provisioned and ready to use.'
        : 'The Managed HSM is provisioned and must be activated by downloading its security domain.',
      privateEndpointConnections: [],
      regions: [],
      securityDomainProperties: isActivated
        ? {
            activationStatus: 'Active',
            activationStatusMessage:
              'Your HSM has been activated and can be used for cryptographic operations.',
          }
        : {
            activationStatus: 'NotActivated',
            activationStatusMessage:
              'Your HSM has been provisioned, but cannot be used for cryptographic operations until it is activated. To activate the HSM, download the security domain.',
          },
    },
  }
}

/** The members of `properties` that a client may set. */
export function toHsmPropertiesBody(hsm: StoredHsm): JsonObject {
  return {
    tenantId: hsm.tenantId,
    initialAdminObjectIds: hsm.initialAdminObjectIds,
    enableSoftDelete: true,
    softDeleteRetentionInDays: hsm.softDeleteRetentionInDays,
    enablePurgeProtection: hsm.enablePurgeProtection,
    ...(hsm.networkAcls && { networkAcls: hsm.networkAcls }),
    publicNetworkAccess: hsm.publicNetworkAccess,
  }
}
