import { isGuid } from '../base/ids.ts'
import { isObject, type JsonObject } from '../base/json.ts'
import { readPolicies } from './access-policies.ts'
import { isContainerName } from './containers.ts'
import type { StoredResource, StoredVault } from './model.ts'
import { readNetworkAcls } from './network-rules.ts'
import { armFault } from './wire-faults.ts'

/** What a vault's `properties` decide. */
export type VaultProperties = Pick<
  StoredVault,
  | 'tenantId'
  | 'sku'
  | 'enableRbacAuthorization'
  | 'softDeleteRetentionInDays'
  | 'enablePurgeProtection'
  | 'accessPolicies'
  | 'publicNetworkAccess'
  | 'networkAcls'
  | 'enabledForDeployment'
  | 'enabledForDiskEncryption'
  | 'enabledForTemplateDeployment'
>

/** From this api-version on new vaults use roles unless they say otherwise. */
const ROLES_BY_DEFAULT_SINCE = '2026-02-01'

/** @throws Fault `VaultNameNotValid` */
export function requireVaultName(name: string): void {
  if (isContainerName(name)) return
  throw armFault(
    'VaultNameNotValid',
    `The vault name '${name.slice(0, 100)}' is invalid. A vault's name must be between 3-24 alphanumeric characters. The name must begin with a letter, end with a letter or digit, and not contain consecutive hyphens. Follow this link for more information: https://go.microsoft.com/fwlink/?linkid=2147742`,
  )
}

/**
 * Reads the `properties` of a vault to create, or to change `existing`.
 *
 * @throws Fault `BadRequest` in the vendor's words
 */
export function readVaultProperties(
  properties: JsonObject,
  existing: StoredVault | undefined,
  apiVersion: string,
): VaultProperties {
  if (findFlag(properties, 'enableSoftDelete') === false) {
    throw wrong(
      `The property "enableSoftDelete" can be set to false only for creating new vault. Enabling the 'soft delete' functionality is an irreversible action.`,
    )
  }
  const purgeProtection = findFlag(properties, 'enablePurgeProtection')
  if (purgeProtection === false) {
    throw wrong(
      'The property "enablePurgeProtection" cannot be set to false. Enabling the purge protection for a vault is an irreversible action.',
    )
  }
  const enableRbacAuthorization =
    findFlag(properties, 'enableRbacAuthorization') ??
    existing?.enableRbacAuthorization ??
    apiVersion >= ROLES_BY_DEFAULT_SINCE
  const acls = properties['networkAcls']
  const networkAcls =
    acls === undefined || acls === null ? existing?.networkAcls : readNetworkAcls(acls)
  return {
    tenantId: readTenantId(properties['tenantId']),
    sku: readSku(properties['sku']),
    enableRbacAuthorization,
    softDeleteRetentionInDays: readRetention(properties['softDeleteRetentionInDays'], existing),
    enablePurgeProtection: purgeProtection ?? existing?.enablePurgeProtection ?? false,
    accessPolicies: readPoliciesOf(properties, enableRbacAuthorization),
    publicNetworkAccess: readPublicAccess(properties['publicNetworkAccess'], existing),
    ...(networkAcls && { networkAcls }),
    enabledForDeployment: findFlag(properties, 'enabledForDeployment') ?? false,
    enabledForDiskEncryption: findFlag(properties, 'enabledForDiskEncryption') ?? false,
    enabledForTemplateDeployment: findFlag(properties, 'enabledForTemplateDeployment') ?? false,
  }
}

function readPoliciesOf(properties: JsonObject, usesRoles: boolean) {
  const value = properties['accessPolicies']
  if (value !== undefined && value !== null) return readPolicies(value)
  if (usesRoles) return []
  throw wrong(
    'The parameter accessPolicies is not specified. It is required unless enableRbacAuthorization is true.',
  )
}

export function readTenantId(value: unknown): string {
  if (typeof value === 'string' && isGuid(value)) return value.toLowerCase()
  throw wrong('An invalid value was provided for "tenantId": it must be a GUID.')
}

function readSku(value: unknown): StoredVault['sku'] {
  const sku = isObject(value) ? value : {}
  const name = String(sku['name'] ?? '').toLowerCase()
  if (name !== 'standard' && name !== 'premium') {
    throw armFault('SkuNotSupported', 'The vault sku name must be standard or premium.')
  }
  const family = sku['family']
  if (family !== undefined && String(family).toUpperCase() !== 'A') {
    throw armFault('SkuNotSupported', 'The vault sku family must be A.')
  }
  return name
}

export function readRetention(value: unknown, existing: StoredResource | undefined): number {
  if (value === undefined || value === null) return existing?.softDeleteRetentionInDays ?? 90
  // az sends the days of a managed HSM as a text.
  const days = typeof value === 'string' && /^\d{1,2}$/.test(value) ? Number(value) : value
  if (typeof days !== 'number' || !Number.isInteger(days) || days < 7 || days > 90) {
    throw wrong(
      'An invalid value was provided for "softDeleteRetentionInDays": it must be a number of days from 7 to 90.',
    )
  }
  if (existing && existing.softDeleteRetentionInDays !== days) {
    throw wrong(
      'The property "softDeleteRetentionInDays" has been set already and it can\'t be modified.',
    )
  }
  return days
}

const ACCESS = ['enabled', 'disabled', 'securedbyperimeter']

export function readPublicAccess(value: unknown, existing: StoredResource | undefined): string {
  if (value === undefined || value === null) return existing?.publicNetworkAccess ?? 'Enabled'
  if (typeof value === 'string' && ACCESS.includes(value.toLowerCase())) return value
  throw wrong('"publicNetworkAccess" must be Enabled, Disabled or SecuredByPerimeter.')
}

export function findFlag(properties: JsonObject, name: string): boolean | undefined {
  const value = properties[name]
  if (value === undefined || value === null) return undefined
  if (typeof value === 'boolean') return value
  throw wrong(`An invalid value was provided for "${name}": it must be true or false.`)
}

export function wrong(message: string): Error {
  return armFault('BadRequest', message)
}
