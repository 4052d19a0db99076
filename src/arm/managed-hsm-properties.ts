import { isGuid } from '../base/ids.ts'
import { isObject, type JsonObject } from '../base/json.ts'
import { isContainerName } from './containers.ts'
import type { StoredHsm } from './model.ts'
import { readNetworkAcls } from './network-rules.ts'
import {
  findFlag,
  readPublicAccess,
  readRetention,
  readTenantId,
  wrong,
} from './vault-properties.ts'
import { armFault } from './wire-faults.ts'

/** What a managed HSM's `sku` and `properties` decide. */
export type HsmProperties = Pick<
  StoredHsm,
  | 'tenantId'
  | 'skuFamily'
  | 'skuName'
  | 'initialAdminObjectIds'
  | 'softDeleteRetentionInDays'
  | 'enablePurgeProtection'
  | 'publicNetworkAccess'
  | 'networkAcls'
>

/** The sizes of managed HSMs by family (key-vault.md §18.10). */
const SKUS: Readonly<Record<StoredHsm['skuFamily'], readonly string[]>> = {
  B: ['Standard_B1', 'Custom_B32', 'Custom_B6'],
  C: ['Custom_C42', 'Custom_C10'],
}

/** @throws Fault `ManagedHsmNameNotValid`; its code and text are not documented */
export function requireHsmName(name: string): void {
  if (isContainerName(name)) return
  throw armFault(
    'ManagedHsmNameNotValid',
    `The managed HSM name '${name.slice(0, 100)}' is invalid. A managed HSM's name must be between 3-24 alphanumeric characters. The name must begin with a letter, end with a letter or digit, and not contain consecutive hyphens.`,
  )
}

/**
 * Reads `sku` and `properties` of a managed HSM to create, or to change `existing`; what is absent
 * stays, and is the vendor's default for a new one.
 *
 * @throws Fault `BadRequest` or `SkuNotSupported`
 */
export function readHsmProperties(
  asked: { readonly sku: unknown; readonly properties: JsonObject; readonly location: string },
  tenantId: string,
  existing: StoredHsm | undefined,
): HsmProperties {
  const { properties } = asked
  if (findFlag(properties, 'enableSoftDelete') === false) {
    throw wrong('The property "enableSoftDelete" cannot be set to false for a managed HSM.')
  }
  checkRegions(properties['regions'], asked.location)
  const acls = properties['networkAcls'] ?? undefined
  const networkAcls = acls === undefined ? existing?.networkAcls : readNetworkAcls(acls)
  return {
    tenantId: readTenantId(properties['tenantId'] ?? existing?.tenantId ?? tenantId),
    ...readSku(asked.sku, existing),
    initialAdminObjectIds: readAdministrators(properties['initialAdminObjectIds'], existing),
    softDeleteRetentionInDays: readRetention(properties['softDeleteRetentionInDays'], existing),
    enablePurgeProtection: readPurgeProtection(properties, existing),
    publicNetworkAccess: readPublicAccess(properties['publicNetworkAccess'], existing),
    ...(networkAcls && { networkAcls }),
  }
}

function readSku(
  value: unknown,
  existing: StoredHsm | undefined,
): Pick<StoredHsm, 'skuFamily' | 'skuName'> {
  if ((value === undefined || value === null) && existing) {
    return { skuFamily: existing.skuFamily, skuName: existing.skuName }
  }
  const sku = isObject(value) ? value : {}
  const family = String(sku['family'] ?? 'B').toUpperCase()
  if (family !== 'B' && family !== 'C') {
    throw armFault('SkuNotSupported', 'The managed HSM sku family must be B or C.')
  }
  const asked = String(sku['name'] ?? '').toLowerCase()
  const skuName = SKUS[family].find((name) => name.toLowerCase() === asked)
  if (skuName) return { skuFamily: family, skuName }
  throw armFault(
    'SkuNotSupported',
    `The managed HSM sku name of family ${family} must be ${SKUS[family].join(', ')}.`,
  )
}

/** They are given their role once, so a later list would change nothing: it is refused. */
function readAdministrators(value: unknown, existing: StoredHsm | undefined): readonly string[] {
  if ((value === undefined || value === null) && existing) return existing.initialAdminObjectIds
  if (!Array.isArray(value) || value.length === 0 || !value.every(isGuidText)) {
    throw wrong(
      'The property "initialAdminObjectIds" must name at least one administrator by object id.',
    )
  }
  const ids = [...new Set(value.map((id) => id.toLowerCase()))]
  const isSame =
    !existing || [...existing.initialAdminObjectIds].sort().join() === [...ids].sort().join()
  if (isSame) return existing?.initialAdminObjectIds ?? ids
  throw wrong(
    'The property "initialAdminObjectIds" cannot be changed after the managed HSM was created. Assign the role Managed HSM Administrator instead.',
  )
}

function isGuidText(value: unknown): value is string {
  return typeof value === 'string' && isGuid(value)
}

/** True unless told when the managed HSM is made; once true it stays (key-vault.md §18.10). */
function readPurgeProtection(properties: JsonObject, existing: StoredHsm | undefined): boolean {
  const asked = findFlag(properties, 'enablePurgeProtection')
  if (asked === false && existing?.enablePurgeProtection) {
    throw wrong(
      'The property "enablePurgeProtection" cannot be set to false. Enabling the purge protection for a managed HSM is an irreversible action.',
    )
  }
  return asked ?? existing?.enablePurgeProtection ?? true
}

/** The primary region is the location. */
function checkRegions(value: unknown, location: string): void {
  if (value === undefined || value === null) return
  const names = Array.isArray(value) ? value.map((one) => (isObject(one) ? one['name'] : one)) : []
  const isOwn = (name: unknown) => String(name).replaceAll(' ', '').toLowerCase() === location
  if (Array.isArray(value) && names.every(isOwn)) return
  throw wrong('A managed HSM of more than one region is not offered by Sluice.')
}
