import type { JsonObject } from '../../base/json.ts'

export type Tags = Readonly<Record<string, string>>

/** What may be shown of one version of an object, without its value. */
export interface VersionFacts {
  readonly id: number
  readonly objectId: number
  /** As first written. */
  readonly name: string
  readonly version: string
  readonly enabled: boolean
  /** May lie before 1970: some clients overflow after 2038 (key-vault.md §24, 13). */
  readonly notBeforeMs: number | undefined
  readonly expiresAtMs: number | undefined
  readonly createdAtMs: number
  readonly updatedAtMs: number
  readonly tags: Tags | undefined
  readonly details: JsonObject | undefined
  /** True for the key and the secret of a certificate. */
  readonly managed: boolean
  /** Both are set while the object is deleted and can be recovered. */
  readonly deletedAtMs: number | undefined
  readonly purgeAtMs: number | undefined
}

/** One version with its sealed value. */
export interface ObjectVersion extends VersionFacts {
  readonly sealed: Uint8Array
}

/** A row of the two tables joined; `sealed` is absent from lists. */
export interface VersionRow {
  readonly id: number
  readonly object_id: number
  readonly display_name: string
  readonly version: string
  readonly enabled: number
  readonly not_before_ms: number | null
  readonly expires_at_ms: number | null
  readonly created_at_ms: number
  readonly updated_at_ms: number
  readonly tags: string | null
  readonly details: string | null
  readonly managed: number
  readonly deleted_at_ms: number | null
  readonly purge_at_ms: number | null
}

export function toFacts(row: VersionRow): VersionFacts {
  return {
    id: row.id,
    objectId: row.object_id,
    name: row.display_name,
    version: row.version,
    enabled: row.enabled === 1,
    notBeforeMs: row.not_before_ms ?? undefined,
    expiresAtMs: row.expires_at_ms ?? undefined,
    createdAtMs: row.created_at_ms,
    updatedAtMs: row.updated_at_ms,
    tags: row.tags === null ? undefined : (JSON.parse(row.tags) as Tags),
    details: row.details === null ? undefined : (JSON.parse(row.details) as JsonObject),
    managed: row.managed === 1,
    deletedAtMs: row.deleted_at_ms ?? undefined,
    purgeAtMs: row.purge_at_ms ?? undefined,
  }
}
