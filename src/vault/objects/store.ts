import type { Statement } from '../../storage/database.ts'
import { statement } from '../../storage/database.ts'
import type { Kind } from '../faults.ts'
import type { ObjectTables } from './tables.ts'
import { type ObjectVersion, toFacts, type VersionFacts, type VersionRow } from './version.ts'

/** Committed rows, or the rows of a write. */
export interface Rows {
  all<P, Row>(statement: Statement<P, Row>, parameters: P): Promise<Row[]>
}

/** A write in progress. */
export interface Writing extends Rows {
  run<P>(statement: Statement<P, never>, parameters: P): Promise<void>
}

/** Where an object lies: the vault's `dataId`, its kind and its name in lower case. */
export interface Place {
  readonly vault: string
  readonly kind: Kind
  readonly name: string
}

/** The object itself, alive or deleted. */
export interface ObjectRow {
  readonly id: number
  readonly display_name: string
  readonly latest_id: number | null
  readonly managed: number
  readonly deleted_at_ms: number | null
  readonly purge_at_ms: number | null
  /** A key's rotation policy as JSON. */
  readonly policy: string | null
}

type SealedRow = VersionRow & { readonly sealed: Uint8Array }

const FACTS = [
  'v.id',
  'v.object_id',
  'o.display_name',
  'v.version',
  'v.enabled',
  'v.not_before_ms',
  'v.expires_at_ms',
  'v.created_at_ms',
  'v.updated_at_ms',
  'v.tags',
  'v.details',
  'o.managed',
  'o.deleted_at_ms',
  'o.purge_at_ms',
] as const

const objectByName = statement<ObjectTables, Place, ObjectRow>((query, parameter) =>
  query
    .selectFrom('vault_object')
    .select([
      'id',
      'display_name',
      'latest_id',
      'managed',
      'deleted_at_ms',
      'purge_at_ms',
      'policy',
    ])
    .where('vault', '=', parameter<string>('vault'))
    .where('kind', '=', parameter<Kind>('kind'))
    .where('name', '=', parameter<string>('name')),
)

const latestByName = statement<ObjectTables, Place, SealedRow>((query, parameter) =>
  query
    .selectFrom('vault_object as o')
    .innerJoin('vault_object_version as v', 'v.id', 'o.latest_id')
    .select([...FACTS, 'v.sealed'])
    .where('o.vault', '=', parameter<string>('vault'))
    .where('o.kind', '=', parameter<Kind>('kind'))
    .where('o.name', '=', parameter<string>('name')),
)

const versionByName = statement<ObjectTables, Place & { version: string }, SealedRow>(
  (query, parameter) =>
    query
      .selectFrom('vault_object as o')
      .innerJoin('vault_object_version as v', 'v.object_id', 'o.id')
      .select([...FACTS, 'v.sealed'])
      .where('o.vault', '=', parameter<string>('vault'))
      .where('o.kind', '=', parameter<Kind>('kind'))
      .where('o.name', '=', parameter<string>('name'))
      .where('v.version', '=', parameter<string>('version')),
)

const allVersions = statement<ObjectTables, { objectId: number; limit: number }, SealedRow>(
  (query, parameter) =>
    query
      .selectFrom('vault_object_version as v')
      .innerJoin('vault_object as o', 'o.id', 'v.object_id')
      .select([...FACTS, 'v.sealed'])
      .where('v.object_id', '=', parameter<number>('objectId'))
      .orderBy('v.id')
      .limit(parameter<number>('limit')),
)

interface ListBounds {
  readonly vault: string
  readonly kind: Kind
  readonly after: string
  readonly limit: number
}

const liveObjects = statement<ObjectTables, ListBounds, VersionRow>((query, parameter) =>
  query
    .selectFrom('vault_object as o')
    .innerJoin('vault_object_version as v', 'v.id', 'o.latest_id')
    .select(FACTS)
    .where('o.vault', '=', parameter<string>('vault'))
    .where('o.kind', '=', parameter<Kind>('kind'))
    .where('o.name', '>', parameter<string>('after'))
    .where('o.deleted_at_ms', 'is', null)
    .orderBy('o.name')
    .limit(parameter<number>('limit')),
)

const deletedObjects = statement<ObjectTables, ListBounds & { nowMs: number }, VersionRow>(
  (query, parameter) =>
    query
      .selectFrom('vault_object as o')
      .innerJoin('vault_object_version as v', 'v.id', 'o.latest_id')
      .select(FACTS)
      .where('o.vault', '=', parameter<string>('vault'))
      .where('o.kind', '=', parameter<Kind>('kind'))
      .where('o.name', '>', parameter<string>('after'))
      .where('o.managed', '=', 0)
      .where('o.purge_at_ms', '>', parameter<number>('nowMs'))
      .orderBy('o.name')
      .limit(parameter<number>('limit')),
)

const versionsAfter = statement<
  ObjectTables,
  { objectId: number; after: number; limit: number },
  VersionRow
>((query, parameter) =>
  query
    .selectFrom('vault_object_version as v')
    .innerJoin('vault_object as o', 'o.id', 'v.object_id')
    .select(FACTS)
    .where('v.object_id', '=', parameter<number>('objectId'))
    .where('v.id', '>', parameter<number>('after'))
    .orderBy('v.id')
    .limit(parameter<number>('limit')),
)

function withValue(row: SealedRow): ObjectVersion {
  return { ...toFacts(row), sealed: row.sealed }
}

/** The object of that name, alive or deleted; undefined when none was made or it is purged. */
export async function findObject(rows: Rows, place: Place): Promise<ObjectRow | undefined> {
  return (await rows.all(objectByName, place))[0]
}

/** The newest version of an object, alive or deleted, with its value still sealed. */
export async function findLatest(rows: Rows, place: Place): Promise<ObjectVersion | undefined> {
  const [row] = await rows.all(latestByName, place)
  return row && withValue(row)
}

/** One version of an object, alive or deleted. `version` is lower case. */
export async function findVersion(
  rows: Rows,
  place: Place,
  version: string,
): Promise<ObjectVersion | undefined> {
  const [row] = await rows.all(versionByName, { ...place, version })
  return row && withValue(row)
}

/** At most `limit` versions with their values, oldest first. */
export async function listSealedVersions(
  rows: Rows,
  objectId: number,
  limit: number,
): Promise<ObjectVersion[]> {
  return (await rows.all(allVersions, { objectId, limit })).map(withValue)
}

/** Living objects in the order of their lower-case names, each as its newest version. */
export async function listLive(rows: Rows, bounds: ListBounds): Promise<VersionFacts[]> {
  return (await rows.all(liveObjects, bounds)).map(toFacts)
}

/** Deleted objects whose retention has not ended, in the order of their lower-case names. */
export async function listDeleted(
  rows: Rows,
  bounds: ListBounds,
  nowMs: number,
): Promise<VersionFacts[]> {
  return (await rows.all(deletedObjects, { ...bounds, nowMs })).map(toFacts)
}

/** Versions made after the one with the row id `after`, oldest first. */
export async function listVersions(
  rows: Rows,
  objectId: number,
  after: number,
  limit: number,
): Promise<VersionFacts[]> {
  return (await rows.all(versionsAfter, { objectId, after, limit })).map(toFacts)
}
