import { statement } from '../../storage/database.ts'
import { deletedNameHeld, managedObject, nameTaken } from '../faults.ts'
import { type Notice, noticeOf } from './notices.ts'
import { findObject, type ObjectRow, type Place, type Writing } from './store.ts'
import type { ObjectTables } from './tables.ts'
import type { Tags } from './version.ts'

/** A version about to be stored. */
export interface NewVersion {
  readonly version: string
  readonly sealed: Uint8Array
  readonly enabled: boolean
  readonly notBeforeMs: number | undefined
  readonly expiresAtMs: number | undefined
  readonly createdAtMs: number
  readonly updatedAtMs: number
  readonly tags: Tags | undefined
  readonly details: object | undefined
}

/** What an update may change; undefined members stay as they are. */
export interface VersionChange {
  readonly enabled?: boolean | undefined
  readonly notBeforeMs?: number | undefined
  readonly expiresAtMs?: number | undefined
  readonly tags?: Tags | undefined
  readonly details?: object | undefined
}

type Bound<Row> = { readonly [Column in keyof Row]: Row[Column] }

const insertObject = statement<
  ObjectTables,
  Place & { displayName: string; managed: number; policy: string | null },
  { id: number }
>((query, parameter) =>
  query
    .insertInto('vault_object')
    .values({
      vault: parameter('vault'),
      kind: parameter('kind'),
      name: parameter('name'),
      display_name: parameter('displayName'),
      managed: parameter('managed'),
      policy: parameter<string | null>('policy'),
    })
    .returning('id'),
)

type VersionValues = Bound<{
  objectId: number
  version: string
  sealed: Uint8Array
  enabled: number
  notBeforeMs: number | null
  expiresAtMs: number | null
  createdAtMs: number
  updatedAtMs: number
  tags: string | null
  details: string | null
}>

const insertVersion = statement<ObjectTables, VersionValues, { id: number }>((query, parameter) =>
  query
    .insertInto('vault_object_version')
    .values({
      object_id: parameter('objectId'),
      version: parameter('version'),
      sealed: parameter('sealed'),
      enabled: parameter('enabled'),
      not_before_ms: parameter('notBeforeMs'),
      expires_at_ms: parameter('expiresAtMs'),
      created_at_ms: parameter('createdAtMs'),
      updated_at_ms: parameter('updatedAtMs'),
      tags: parameter('tags'),
      details: parameter('details'),
    })
    .returning('id'),
)

const moveLatest = statement<
  ObjectTables,
  { id: number; latestId: number } & ReturnType<typeof noticeOf>
>((query, parameter) =>
  query
    .updateTable('vault_object')
    .set({
      latest_id: parameter<number>('latestId'),
      notice: parameter<Notice | null>('notice'),
      notice_at_ms: parameter<number | null>('noticeAtMs'),
    })
    .where('id', '=', parameter<number>('id')),
)

const setDeleted = statement<
  ObjectTables,
  { id: number; deletedAtMs: number | null; purgeAtMs: number | null }
>((query, parameter) =>
  query
    .updateTable('vault_object')
    .set({
      deleted_at_ms: parameter<number | null>('deletedAtMs'),
      purge_at_ms: parameter<number | null>('purgeAtMs'),
    })
    .where('id', '=', parameter<number>('id')),
)

const dropVersions = statement<ObjectTables, { id: number }>((query, parameter) =>
  query.deleteFrom('vault_object_version').where('object_id', '=', parameter<number>('id')),
)
/** Versions whose keys live in the HSM token; a note that is there already stays. */
const noteTokenObjects = statement<ObjectTables, { id: number; pattern: string }>(
  (query, parameter) =>
    query
      .insertInto('vault_token_object')
      .columns(['version', 'due_at_ms'])
      .expression((from) =>
        from
          .selectFrom('vault_object_version')
          .select((part) => ['version', part.lit(0).as('due_at_ms')])
          .where('object_id', '=', parameter<number>('id'))
          .where('details', 'like', parameter<string>('pattern')),
      ),
)
const dropObject = statement<ObjectTables, { id: number }>((query, parameter) =>
  query.deleteFrom('vault_object').where('id', '=', parameter<number>('id')),
)

const changeVersion = statement<
  ObjectTables,
  Omit<VersionValues, 'sealed' | 'objectId' | 'version' | 'createdAtMs'> & { id: number }
>((query, parameter) =>
  query
    .updateTable('vault_object_version')
    .set({
      enabled: parameter<number>('enabled'),
      not_before_ms: parameter<number | null>('notBeforeMs'),
      expires_at_ms: parameter<number | null>('expiresAtMs'),
      updated_at_ms: parameter<number>('updatedAtMs'),
      tags: parameter<string | null>('tags'),
      details: parameter<string | null>('details'),
    })
    .where('id', '=', parameter<number>('id')),
)

/**
 * Stores a version and makes it the newest; makes the object when the name is free.
 *
 * @throws Fault `DeletedNameHeld` while a deleted object of that name can be recovered, `NameTaken`
 * or `ManagedObject` when the name is a certificate's, or not, against what is asked
 */
export async function addVersion(
  tx: Writing,
  place: Place,
  displayName: string,
  made: NewVersion & { readonly managed?: boolean },
): Promise<ObjectRow> {
  const found = await findUnpurged(tx, place, made.createdAtMs)
  if (found?.deleted_at_ms != null) throw deletedNameHeld(place.kind, found.display_name)
  if (found && (found.managed === 1) !== (made.managed === true)) {
    throw made.managed
      ? nameTaken(place.kind, found.display_name)
      : managedObject(place.kind, found.display_name)
  }
  const object =
    found ?? (await makeObject(tx, place, { displayName, managed: made.managed === true }))
  await appendVersion(tx, object.id, made)
  return object
}

/** The object of that name; one whose retention has ended is purged first. */
export async function findUnpurged(
  tx: Writing,
  place: Place,
  nowMs: number,
): Promise<ObjectRow | undefined> {
  const found = await findObject(tx, place)
  if (found?.purge_at_ms == null || found.purge_at_ms > nowMs) return found
  await purgeObject(tx, found.id)
  return undefined
}

/** Makes an object without a version; one must follow in the same write. */
export async function makeObject(
  tx: Writing,
  place: Place,
  asked: {
    readonly displayName: string
    readonly managed: boolean
    readonly policy?: string | null
  },
): Promise<ObjectRow> {
  const managed = asked.managed ? 1 : 0
  const policy = asked.policy ?? null
  const values = { ...place, displayName: asked.displayName, managed, policy }
  const [made] = await tx.all(insertObject, values)
  if (!made) throw new Error('The insert gave no row.')
  return {
    id: made.id,
    display_name: asked.displayName,
    latest_id: null,
    managed,
    deleted_at_ms: null,
    purge_at_ms: null,
    policy,
  }
}

/** Stores a version of an object that is there and makes it the newest. */
export async function appendVersion(
  tx: Writing,
  objectId: number,
  made: NewVersion,
): Promise<void> {
  const [row] = await tx.all(insertVersion, {
    objectId,
    version: made.version,
    sealed: made.sealed,
    enabled: made.enabled ? 1 : 0,
    notBeforeMs: made.notBeforeMs ?? null,
    expiresAtMs: made.expiresAtMs ?? null,
    createdAtMs: made.createdAtMs,
    updatedAtMs: made.updatedAtMs,
    tags: toText(made.tags),
    details: toText(made.details),
  })
  if (!row) throw new Error('The insert gave no row.')
  await tx.run(moveLatest, { id: objectId, latestId: row.id, ...noticeOf(made.expiresAtMs) })
}

/** Writes a changed version back; its value and version stay. */
export async function updateVersion(
  tx: Writing,
  id: number,
  version: Omit<NewVersion, 'sealed' | 'version' | 'createdAtMs'>,
): Promise<void> {
  await tx.run(changeVersion, {
    id,
    enabled: version.enabled ? 1 : 0,
    notBeforeMs: version.notBeforeMs ?? null,
    expiresAtMs: version.expiresAtMs ?? null,
    updatedAtMs: version.updatedAtMs,
    tags: toText(version.tags),
    details: toText(version.details),
  })
}

/** Takes an object out of use; it can be recovered until `purgeAtMs`. */
export async function softDelete(
  tx: Writing,
  id: number,
  deletedAtMs: number,
  purgeAtMs: number,
): Promise<void> {
  await tx.run(setDeleted, { id, deletedAtMs, purgeAtMs })
}

export async function undelete(tx: Writing, id: number): Promise<void> {
  await tx.run(setDeleted, { id, deletedAtMs: null, purgeAtMs: null })
}

/** Destroys an object with all its versions; what a token has of them is noted to be destroyed. */
export async function purgeObject(tx: Writing, id: number): Promise<void> {
  await tx.run(noteTokenObjects, { id, pattern: '%"protection":"token"%' })
  await tx.run(dropVersions, { id })
  await tx.run(dropObject, { id })
}

function toText(value: object | undefined): string | null {
  return value === undefined ? null : JSON.stringify(value)
}
