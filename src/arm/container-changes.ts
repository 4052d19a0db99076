import { newGuid } from '../base/ids.ts'
import { type JsonObject, readObject } from '../base/json.ts'
import type { Changes } from '../storage/mirror.ts'
import {
  type ContainerKind,
  type ContainerPath,
  hsmKind,
  isExpired,
  isIn,
  readDeleted,
  vaultKind,
} from './containers.ts'
import {
  type ArmContext,
  type ArmParts,
  findTags,
  groupNotFound,
  resourceNotFound,
} from './context.ts'
import { findLocation } from './locations.ts'
import { groupKey, type StoredResource } from './model.ts'
import { scopeKey } from './scopes.ts'
import type { ArmStore } from './store.ts'
import { armFault } from './wire-faults.ts'

/** Marks it deleted and takes the roles given at and below it; recovery does not bring them back. */
export async function softDelete<Item extends StoredResource>(
  kind: ContainerKind<Item>,
  store: ArmStore,
  changes: Changes,
  deleted: { readonly item: Item; readonly nowMs: number },
): Promise<void> {
  const { item, nowMs } = deleted
  const gone: Item = { ...item, state: 'deleted', deletedAtMs: nowMs }
  await changes.put(kind.mirrorOf(store), gone)
  await removeAssignmentsWithin(store, changes, kind.scopeOf(item))
}

/** Soft-deletes the active one of this path; false when there is none. */
export function deleteActive<Item extends StoredResource>(
  kind: ContainerKind<Item>,
  { store, clock }: ArmContext,
  { subscription, group, name }: ContainerPath,
): Promise<boolean> {
  return store.mirrors.write(async (changes) => {
    const item = await changes.find(kind.mirrorOf(store), name.toLowerCase())
    if (item?.state !== 'active' || !isIn(item, subscription, group)) return false
    await softDelete(kind, store, changes, { item, nowMs: clock.nowMs() })
    return true
  })
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

/** Erases a deleted one for good: its objects first, then its name. A crash between is finished later. */
async function purge<Item extends StoredResource>(
  kind: ContainerKind<Item>,
  parts: ArmParts,
  item: Item,
): Promise<void> {
  const { store } = parts
  const mirror = kind.mirrorOf(store)
  const key = item.name.toLowerCase()
  const isOurs = await store.mirrors.write(async (changes) => {
    const found = await changes.find(mirror, key)
    if (found?.dataId !== item.dataId || found.state === 'active') return false
    const purging: Item = { ...found, state: 'purging' }
    await changes.put(mirror, purging)
    return true
  })
  if (!isOurs) return
  await parts.eraseVault(item)
  await store.mirrors.write(async (changes) => {
    const found = await changes.find(mirror, key)
    if (found?.dataId === item.dataId) await changes.remove(mirror, key)
  })
}

/** Purges what is past its retention or was being purged when the program stopped. */
export async function purgeExpired(parts: ArmParts): Promise<void> {
  await purgeExpiredOf(vaultKind, parts)
  await purgeExpiredOf(hsmKind, parts)
}

async function purgeExpiredOf<Item extends StoredResource>(
  kind: ContainerKind<Item>,
  parts: ArmParts,
): Promise<void> {
  const nowMs = parts.clock.nowMs()
  for (const item of kind.mirrorOf(parts.store).list()) {
    if (item.state === 'purging' || isExpired(item, nowMs)) await purge(kind, parts, item)
  }
}

/** Purges a deleted one. @throws Fault `DeletedVaultNotFound` or its like, or `MethodNotAllowed` under purge protection */
export async function purgeDeleted<Item extends StoredResource>(
  kind: ContainerKind<Item>,
  context: ArmContext,
  path: { readonly subscription: string; readonly location: string; readonly name: string },
): Promise<void> {
  const item = readDeleted(kind, context, path)
  if (item.enablePurgeProtection) {
    throw armFault(
      'MethodNotAllowed',
      `Operation 'DeletedVaultPurge' is not allowed: purge protection is enabled for the ${kind.word} '${item.name}'. It is purged by itself after its retention.`,
    )
  }
  await purge(kind, context, item)
}

/** What a new or changed resource takes over whatever its kind. */
export type Base = Omit<
  StoredResource,
  | 'tenantId'
  | 'softDeleteRetentionInDays'
  | 'enablePurgeProtection'
  | 'publicNetworkAccess'
  | 'networkAcls'
>

/**
 * Creates, replaces or (with `createMode` recover) recovers one; `build` reads the rest of the body.
 *
 * @throws Fault when the location, the name or the group stand against it
 */
export async function putContainer<Item extends StoredResource>(
  kind: ContainerKind<Item>,
  context: ArmContext,
  asked: ContainerPath & { readonly body: JsonObject },
  build: (base: Base, properties: JsonObject, existing: Item | undefined) => Item,
): Promise<{ readonly item: Item; readonly isNew: boolean }> {
  const { store, clock } = context
  const { subscription, group, name, body } = asked
  const mirror = kind.mirrorOf(store)
  const properties = readObject(body['properties'] ?? {}, 'properties')
  const location = readLocation(body)
  const held = mirror.find(name.toLowerCase())
  if (held && isExpired(held, clock.nowMs())) await purge(kind, context, held)
  const isRecovery = String(properties['createMode'] ?? '').toLowerCase() === 'recover'
  return await store.mirrors.write(async (changes) => {
    const home = await changes.find(store.groups, groupKey(subscription, group))
    if (!home) throw groupNotFound(group)
    const found = await changes.find(mirror, name.toLowerCase())
    if (isRecovery && found?.state !== 'active') {
      const item = recover(kind, found, { ...asked, location }, context)
      await changes.put(mirror, item)
      return { item, isNew: false }
    }
    const existing = findOwn(kind, found, asked)
    if (existing && existing.location !== location) {
      throw armFault(
        'InvalidResourceLocation',
        `The resource '${name}' already exists in location '${existing.location}' in resource group '${home.name}'. A resource with the same name cannot be created in location '${location}'. Please select a new resource name.`,
      )
    }
    const base: Base = {
      dataId: existing?.dataId ?? newGuid(),
      name: existing?.name ?? name,
      subscriptionId: subscription.toLowerCase(),
      resourceGroup: existing?.resourceGroup ?? home.name,
      location,
      tags: findTags(body) ?? {},
      note: noteOf(context, existing),
      state: 'active',
    }
    const wanted = build(base, properties, existing)
    const item = await kind.put(context, changes, { before: existing, wanted })
    return { item, isNew: !existing }
  })
}

/** The one to change; undefined when the name is free. @throws Fault when others hold the name */
function findOwn<Item extends StoredResource>(
  kind: ContainerKind<Item>,
  found: Item | undefined,
  { subscription, group, name }: ContainerPath,
): Item | undefined {
  if (!found) return undefined
  if (found.state !== 'active') {
    const existing = kind.word === 'vault' ? 'key vault' : kind.word
    throw armFault(
      'ConflictError',
      `A ${kind.word} with the same name already exists in deleted state. You need to either recover or purge existing ${existing}. Follow this link https://go.microsoft.com/fwlink/?linkid=2149745 for more information on soft delete.`,
    )
  }
  if (isIn(found, subscription, group)) return found
  const word = kind.word.charAt(0).toUpperCase() + kind.word.slice(1)
  throw armFault(
    kind.nameTaken,
    `The ${kind.word} name '${name}' is already in use. ${word} names are globally unique so it is possible that the name is already taken.`,
  )
}

function recover<Item extends StoredResource>(
  kind: ContainerKind<Item>,
  found: Item | undefined,
  asked: ContainerPath & { readonly location: string },
  context: ArmContext,
): Item {
  const { subscription, group, name, location } = asked
  const isThere =
    found?.state === 'deleted' && found.location === location && isIn(found, subscription, group)
  if (!isThere) {
    throw armFault(
      kind.deletedNotFound,
      `A deleted ${kind.word} with the name '${name}' does not exist in location '${location}' for resource group '${group}'.`,
    )
  }
  const { deletedAtMs: _, ...kept } = found
  return { ...kept, state: 'active', note: noteOf(context, found) } as Item
}

/** Changes the active one of the path in one write. @throws Fault `ResourceNotFound` */
export function changeActive<Item extends StoredResource>(
  kind: ContainerKind<Item>,
  context: ArmContext,
  { subscription, group, name }: ContainerPath,
  change: (item: Item) => Item,
): Promise<Item> {
  const { store } = context
  const mirror = kind.mirrorOf(store)
  return store.mirrors.write(async (changes) => {
    const found = await changes.find(mirror, name.toLowerCase())
    if (found?.state !== 'active' || !isIn(found, subscription, group)) {
      throw resourceNotFound(kind.type, name, group)
    }
    const wanted: Item = { ...change(found), note: noteOf(context, found) }
    return await kind.put(context, changes, { before: found, wanted })
  })
}

/** Who acts, for `systemData`: the client id of an application, else the object id. */
function actorOf({ caller }: ArmContext): string {
  return caller.appId ?? caller.objectId
}

function noteOf(context: ArmContext, existing: StoredResource | undefined): StoredResource['note'] {
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
