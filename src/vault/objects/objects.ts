import { whenThere } from '../../base/when-there.ts'
import type { ScopeSealer } from '../../storage/sealing.ts'
import type { VaultCall } from '../context.ts'
import { type Kind, managedObject, objectNotFound, purgeNotEnabled } from '../faults.ts'
import {
  findUnpurged,
  purgeObject,
  softDelete,
  undelete,
  updateVersion,
  type VersionChange,
} from './changes.ts'
import { planNotices } from './notices.ts'
import { purgeTimeOf } from './retention.ts'
import {
  findLatest,
  findObject,
  findVersion,
  type ObjectRow,
  type Place,
  type Rows,
  type Writing,
} from './store.ts'
import type { ObjectVersion, VersionFacts } from './version.ts'

/** Where a value lies, for the seal: a row moved elsewhere does not open. */
export function sealPlace(kind: Kind, name: string, version: string): string {
  return `${kind}/${name.toLowerCase()}/${version}`
}

export function placeOf(call: Pick<VaultCall, 'vault'>, kind: Kind, name: string): Place {
  return { vault: call.vault.dataId, kind, name }
}

function cacheKey(place: Place): string {
  return `${place.vault}/${place.kind}/${place.name}`
}

/**
 * One version of a living object, the newest when none is named; `name` is lower case. What the
 * cache holds is there at once, so that a hot read waits for nothing.
 *
 * @throws Fault `SecretNotFound` or its like for the kind
 */
export function readObjectVersion(
  call: VaultCall,
  kind: Kind,
  name: string,
  version: string | undefined,
): ObjectVersion | Promise<ObjectVersion> {
  const place = placeOf(call, kind, name)
  const found =
    version === undefined
      ? findCachedLatest(call, place)
      : findVersion(call.store.db, place, version.toLowerCase())
  return whenThere(found, (one) => {
    if (one && one.deletedAtMs === undefined) return one
    throw objectNotFound(kind, version === undefined ? name : `${name}/${version}`)
  })
}

function findCachedLatest(
  call: VaultCall,
  place: Place,
): ObjectVersion | Promise<ObjectVersion | undefined> {
  const { db, cache } = call.store
  const key = cacheKey(place)
  return cache.find(key, db.changeMark()) ?? cache.load(key, () => findLatest(db, place))
}

/**
 * Runs a change of the objects at `places` and resolves when it is durable; what is read afterwards is new.
 * A read between the commit and this promise may still see the old row, which nobody was told of.
 */
export async function change<T>(
  call: Pick<VaultCall, 'store'>,
  places: Place | readonly Place[],
  work: (tx: Writing) => Promise<T> | T,
): Promise<T> {
  try {
    return await call.store.db.write(work)
  } finally {
    // Also after a failure: a lost connection does not tell whether the commit was made.
    for (const place of [places].flat()) call.store.cache.forget(cacheKey(place))
  }
}

/** The living object, if it is changed by itself. @throws Fault `ManagedObject`, `SecretNotFound` or its like */
export async function readOwnObject(rows: Rows, place: Place): Promise<ObjectRow> {
  const found = await readLiveObject(rows, place)
  if (found.managed === 1) throw managedObject(place.kind, found.display_name)
  return found
}

/** The living object. @throws Fault `SecretNotFound` or its like */
export async function readLiveObject(rows: Rows, place: Place): Promise<ObjectRow> {
  const found = await findObject(rows, place)
  if (!found || found.deleted_at_ms !== null) throw objectNotFound(place.kind, place.name)
  return found
}

/** The deleted object that can still be recovered. @throws Fault `SecretNotFound` or its like */
export async function readDeletedObject(
  tx: Writing,
  place: Place,
  nowMs: number,
): Promise<ObjectRow> {
  const found = await findUnpurged(tx, place, nowMs)
  if (found?.deleted_at_ms == null || found.managed === 1) {
    throw objectNotFound(place.kind, place.name)
  }
  return found
}

/**
 * Changes attributes, tags and details of one version; `version` undefined is the newest. `after`
 * runs in the same write.
 */
export function updateObject(
  call: VaultCall,
  target: { readonly kind: Kind; readonly name: string; readonly version: string | undefined },
  changeOf: (found: VersionFacts) => VersionChange,
  after?: (tx: Writing, place: Place) => Promise<void>,
): Promise<VersionFacts> {
  const place = placeOf(call, target.kind, target.name)
  return change(call, place, async (tx) => {
    const found =
      target.version === undefined
        ? await findLatest(tx, place)
        : await findVersion(tx, place, target.version.toLowerCase())
    if (!found || found.deletedAtMs !== undefined) {
      const id = target.version === undefined ? target.name : `${target.name}/${target.version}`
      throw objectNotFound(target.kind, id)
    }
    if (found.managed) throw managedObject(target.kind, found.name)
    const changed = applyChange(found, changeOf(found), call.nowMs)
    await changeVersion(tx, found, changed)
    await after?.(tx, place)
    return changed
  })
}

/** Stores a changed version; an end that has moved is told of anew. */
export async function changeVersion(
  tx: Writing,
  before: ObjectVersion,
  changed: ObjectVersion,
): Promise<void> {
  await updateVersion(tx, before.id, changed)
  if (changed.expiresAtMs !== before.expiresAtMs) {
    await planNotices(tx, before, changed.expiresAtMs)
  }
}

/** The version as a change leaves it. */
export function applyChange(
  found: ObjectVersion,
  given: VersionChange,
  nowMs: number,
): ObjectVersion {
  return {
    ...found,
    enabled: given.enabled ?? found.enabled,
    notBeforeMs: given.notBeforeMs ?? found.notBeforeMs,
    expiresAtMs: given.expiresAtMs ?? found.expiresAtMs,
    tags: given.tags ?? found.tags,
    details: (given.details ?? found.details) as ObjectVersion['details'],
    updatedAtMs: nowMs,
  }
}

/** Soft delete: the object with all its versions is out of use at once, its name stays reserved. */
export function deleteObject(call: VaultCall, kind: Kind, name: string): Promise<VersionFacts> {
  const place = placeOf(call, kind, name)
  return change(call, place, async (tx) => {
    const object = await readOwnObject(tx, place)
    await softDelete(tx, object.id, call.nowMs, purgeTimeOf(call.vault, call.nowMs))
    return latestOf(tx, place)
  })
}

/** Brings a deleted object back with all its versions. */
export function recoverObject(call: VaultCall, kind: Kind, name: string): Promise<VersionFacts> {
  const place = placeOf(call, kind, name)
  return change(call, place, async (tx) => {
    await undelete(tx, (await readDeletedObject(tx, place, call.nowMs)).id)
    return latestOf(tx, place)
  })
}

/** Destroys a deleted object. @throws Fault `PurgeNotEnabled` under purge protection */
export async function purgeDeletedObject(call: VaultCall, kind: Kind, name: string): Promise<void> {
  if (call.vault.enablePurgeProtection) throw purgeNotEnabled()
  const place = placeOf(call, kind, name)
  await change(call, place, async (tx) => {
    await purgeObject(tx, (await readDeletedObject(tx, place, call.nowMs)).id)
  })
}

/** A deleted object as its newest version. @throws Fault `SecretNotFound` or its like */
export async function readDeleted(
  call: VaultCall,
  kind: Kind,
  name: string,
): Promise<VersionFacts> {
  const found = await findLatest(call.store.db, placeOf(call, kind, name))
  const purgeAtMs = found?.purgeAtMs
  if (!found || found.managed || purgeAtMs === undefined || purgeAtMs <= call.nowMs) {
    throw objectNotFound(kind, name)
  }
  return found
}

async function latestOf(tx: Writing, place: Place): Promise<VersionFacts> {
  const latest = await findLatest(tx, place)
  if (!latest) throw new Error('A living object has no version.')
  return latest
}

/** Opens a stored value. @throws Fault `SealBroken` when the row was changed or moved */
export function openValue(scope: ScopeSealer, kind: Kind, found: ObjectVersion): Buffer {
  return scope.openBytes(sealPlace(kind, found.name, found.version), found.sealed).open()
}
