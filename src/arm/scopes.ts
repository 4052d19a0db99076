/**
 * A scope for comparison: lower case, one leading slash, none at the end. The root scope is the
 * empty text.
 */
export function scopeKey(scope: string): string {
  return scope
    .toLowerCase()
    .replace(/\/{2,}/g, '/')
    .replace(/\/$/, '')
}

const MANAGEMENT_GROUP = /^\/providers\/microsoft\.management\/managementgroups\/([^/]+)$/

/** The management group a scope is, lower case; undefined for other scopes. */
export function managementGroupOf(scope: string): string | undefined {
  return MANAGEMENT_GROUP.exec(scopeKey(scope))?.[1]
}

/**
 * Where an assignment's scope reaches from, as a scope key. The only management group is that of
 * the tenant's root, so it is the root.
 */
export function reachKey(scope: string): string {
  return managementGroupOf(scope) === undefined ? scopeKey(scope) : ''
}

/** True when `inner` is `outer` or below it; both are scope keys. */
export function isWithin(inner: string, outer: string): boolean {
  if (!inner.startsWith(outer)) return false
  return inner.length === outer.length || inner[outer.length] === '/' || outer === ''
}

export function subscriptionScope(subscriptionId: string): string {
  return `/subscriptions/${subscriptionId}`
}

export function groupScope(subscriptionId: string, group: string): string {
  return `/subscriptions/${subscriptionId}/resourceGroups/${group}`
}

export function vaultScope(subscriptionId: string, group: string, vault: string): string {
  return `${groupScope(subscriptionId, group)}/providers/Microsoft.KeyVault/vaults/${vault}`
}

export function hsmScope(subscriptionId: string, group: string, hsm: string): string {
  return `${groupScope(subscriptionId, group)}/providers/Microsoft.KeyVault/managedHSMs/${hsm}`
}

/** The subscription a scope lies in, lower case; undefined for scopes above subscriptions. */
export function subscriptionOf(scope: string): string | undefined {
  return /^\/subscriptions\/([^/]+)/i.exec(scope)?.[1]?.toLowerCase()
}
