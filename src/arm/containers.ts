import type { JsonObject } from '../base/json.ts'
import type { Changes, Mirror } from '../storage/mirror.ts'
import { type ArmContext, resourceNotFound } from './context.ts'
import type { StoredHsm, StoredResource, StoredVault } from './model.ts'
import { isSamePolicies } from './propagation.ts'
import { hsmScope, vaultScope } from './scopes.ts'
import type { ArmStore } from './store.ts'
import { type ArmFaultCode, armFault } from './wire-faults.ts'

const DAY_MS = 86_400_000

/** Vaults or managed HSMs: both keep their name and their data for a time after they are deleted. */
export interface ContainerKind<Item extends StoredResource> {
  readonly type: string
  /** What messages call one. */
  readonly word: string
  /** Last segment of the type of a deleted one. */
  readonly deletedSegment: 'deletedVaults' | 'deletedManagedHSMs'
  /** Which member of a deleted one names what it was. */
  readonly idMember: string
  readonly nameTaken: ArmFaultCode
  readonly deletedNotFound: ArmFaultCode
  mirrorOf(store: ArmStore): Mirror<Item>
  /** Stores one over what it was, undefined for a new one; who watches it is told in the same write. */
  put(
    context: ArmContext,
    changes: Changes,
    change: { readonly before: Item | undefined; readonly wanted: Item },
  ): Promise<Item>
  scopeOf(item: Item): string
}

export const vaultKind: ContainerKind<StoredVault> = {
  type: 'Microsoft.KeyVault/vaults',
  word: 'vault',
  deletedSegment: 'deletedVaults',
  idMember: 'vaultId',
  nameTaken: 'VaultAlreadyExists',
  deletedNotFound: 'DeletedVaultNotFound',
  mirrorOf: (store) => store.vaults,
  put: async (context, changes, { before, wanted }) => {
    const { propagation, store } = context
    const changed = propagation.withFormerPolicies(wanted, before)
    await changes.put(store.vaults, changed)
    const isOtherModel = before?.enableRbacAuthorization !== changed.enableRbacAuthorization
    if (before && (isOtherModel || !isSamePolicies(before, changed))) {
      await context.tellPolicies(changes, changed)
    }
    return changed
  },
  scopeOf: ({ subscriptionId, resourceGroup, name }) =>
    vaultScope(subscriptionId, resourceGroup, name),
}

/** The codes are not documented for managed HSMs. */
export const hsmKind: ContainerKind<StoredHsm> = {
  type: 'Microsoft.KeyVault/managedHSMs',
  word: 'managed HSM',
  deletedSegment: 'deletedManagedHSMs',
  idMember: 'mhsmId',
  nameTaken: 'ManagedHsmAlreadyExists',
  deletedNotFound: 'DeletedManagedHsmNotFound',
  mirrorOf: (store) => store.hsms,
  put: async ({ store }, changes, { wanted }) => {
    await changes.put(store.hsms, wanted)
    return wanted
  },
  scopeOf: ({ subscriptionId, resourceGroup, name }) =>
    hsmScope(subscriptionId, resourceGroup, name),
}

/** Where a request says a vault or a managed HSM is. */
export interface ContainerPath {
  readonly subscription: string
  readonly group: string
  readonly name: string
}

/** When a deleted one is purged by itself, in milliseconds. */
function purgeAtMs(item: StoredResource): number {
  return (item.deletedAtMs ?? 0) + item.softDeleteRetentionInDays * DAY_MS
}

/** True for a deleted one whose retention is over. */
export function isExpired(item: StoredResource, nowMs: number): boolean {
  return item.state === 'deleted' && nowMs >= purgeAtMs(item)
}

/** True when it belongs to this subscription and group. */
export function isIn(item: StoredResource, subscriptionId: string, group: string): boolean {
  return (
    item.subscriptionId === subscriptionId.toLowerCase() &&
    item.resourceGroup.toLowerCase() === group.toLowerCase()
  )
}

/** The active one of this path. @throws Fault `ResourceNotFound` */
export function readActive<Item extends StoredResource>(
  kind: ContainerKind<Item>,
  store: ArmStore,
  { subscription, group, name }: ContainerPath,
): Item {
  const found = kind.mirrorOf(store).find(name.toLowerCase())
  if (found?.state === 'active' && isIn(found, subscription, group)) return found
  throw resourceNotFound(kind.type, name, group)
}

/** The deleted ones of a subscription that can still be recovered. */
export function listDeleted<Item extends StoredResource>(
  kind: ContainerKind<Item>,
  { store, clock }: ArmContext,
  subscription: string,
): Item[] {
  return kind
    .mirrorOf(store)
    .list()
    .filter(
      (item) =>
        item.state === 'deleted' &&
        item.subscriptionId === subscription.toLowerCase() &&
        !isExpired(item, clock.nowMs()),
    )
}

/** @throws Fault `DeletedVaultNotFound` or its like */
export function readDeleted<Item extends StoredResource>(
  kind: ContainerKind<Item>,
  context: ArmContext,
  path: { readonly subscription: string; readonly location: string; readonly name: string },
): Item {
  const location = path.location.replaceAll(' ', '').toLowerCase()
  const found = listDeleted(kind, context, path.subscription).find(
    (item) => item.name.toLowerCase() === path.name.toLowerCase() && item.location === location,
  )
  if (found) return found
  throw armFault(
    kind.deletedNotFound,
    `The specified deleted ${kind.word} '${path.name}' does not exist in location '${path.location}'.`,
  )
}

/** The wire shape of all but `properties`. */
export function toResourceBody<Item extends StoredResource>(
  kind: ContainerKind<Item>,
  item: Item,
): JsonObject {
  const { note } = item
  return {
    id: kind.scopeOf(item),
    name: item.name,
    type: kind.type,
    location: item.location,
    tags: item.tags,
    systemData: {
      createdBy: note.createdBy,
      createdByType: 'Application',
      createdAt: new Date(note.createdAtMs).toISOString(),
      lastModifiedBy: note.changedBy,
      lastModifiedByType: 'Application',
      lastModifiedAt: new Date(note.changedAtMs).toISOString(),
    },
  }
}

/** The wire shape of a deleted one. */
export function toDeletedBody<Item extends StoredResource>(
  kind: ContainerKind<Item>,
  item: Item,
): JsonObject {
  const { subscriptionId, location, name } = item
  return {
    id: `/subscriptions/${subscriptionId}/providers/Microsoft.KeyVault/locations/${location}/${kind.deletedSegment}/${name}`,
    name,
    type: `Microsoft.KeyVault/${kind.deletedSegment}`,
    properties: {
      [kind.idMember]: kind.scopeOf(item),
      location,
      tags: item.tags,
      deletionDate: new Date(item.deletedAtMs ?? 0).toISOString(),
      scheduledPurgeDate: new Date(purgeAtMs(item)).toISOString(),
      ...(item.enablePurgeProtection && { purgeProtectionEnabled: true }),
    },
  }
}

/** How `checkNameAvailability` answers for a name. */
export function toNameAnswer<Item extends StoredResource>(
  kind: ContainerKind<Item>,
  { store, clock }: ArmContext,
  name: string,
): object {
  if (!isContainerName(name)) {
    return {
      nameAvailable: false,
      reason: 'AccountNameInvalid',
      message: `The ${kind.word} name is invalid. A ${kind.word}'s name must be between 3-24 alphanumeric characters. The name must begin with a letter, end with a letter or digit, and not contain consecutive hyphens.`,
    }
  }
  const held = kind.mirrorOf(store).find(name.toLowerCase())
  if (!held || isExpired(held, clock.nowMs())) return { nameAvailable: true }
  const word = kind.word.charAt(0).toUpperCase() + kind.word.slice(1)
  return {
    nameAvailable: false,
    reason: 'AlreadyExists',
    message: `The ${kind.word} name '${name}' is already in use. ${word} names are globally unique so it is possible that the name is already taken. If you are sure that the ${kind.word} name was not taken then it is possible that a ${kind.word} with the same name was recently deleted but not purged after being placed in a recoverable state.`,
  }
}

/** 3 to 24 letters, digits and dashes; a letter first, no dash last, no two dashes together. */
export function isContainerName(name: string): boolean {
  return name.length >= 3 && name.length <= 24 && /^[a-z](?:-?[a-z0-9])*$/i.test(name)
}
