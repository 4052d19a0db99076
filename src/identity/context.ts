import type { Clock } from '../base/clock.ts'
import { isGuid } from '../base/ids.ts'
import type { FederatedKeys } from './federated-keys.ts'
import type { Tenant } from './model.ts'
import { oauthFault } from './oauth-faults.ts'
import type { SigningKeys } from './signing-keys.ts'
import type { DirectoryStore } from './store.ts'

/** What the token service's operations work on. */
export interface TokenContext {
  readonly store: DirectoryStore
  readonly keys: SigningKeys
  readonly federatedKeys: FederatedKeys
  readonly clock: Clock
}

/** First path segments that name no directory; `adfs` is an authority of its own kind. */
const SHARED = ['common', 'organizations', 'consumers', 'adfs']

/** True for `common` and its like: the client's own directory is meant. */
export function isSharedAuthority(segment: string): boolean {
  return SHARED.includes(segment.toLowerCase())
}

/**
 * The directory a path names by id or domain; undefined for `common` and its like.
 *
 * @throws Fault `TenantNotFound` or `TenantNameWrong`
 */
export function findTenant(store: DirectoryStore, segment: string): Tenant | undefined {
  if (isSharedAuthority(segment)) return undefined
  const name = segment.toLowerCase()
  const tenant =
    store.tenants.find(name) ?? store.tenants.list().find((one) => one.defaultDomain === name)
  if (tenant) return tenant
  if (!isGuid(name) && !/^[a-z0-9-]+(?:\.[a-z0-9-]+)+$/.test(name)) {
    throw oauthFault(
      'TenantNameWrong',
      `Specified tenant identifier '${segment}' is neither a valid DNS name, nor a valid external domain.`,
    )
  }
  throw oauthFault(
    'TenantNotFound',
    `Tenant '${segment}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant.`,
  )
}
