import { Fault } from '../../base/fault.ts'
import { newVersionId } from '../../base/ids.ts'
import { parseJson } from '../../base/json.ts'
import { statement } from '../../storage/database.ts'
import type { VaultFaultCode } from '../faults.ts'
import { type BackedUp, gather } from '../objects/backup.ts'
import type { ObjectRow } from '../objects/store.ts'
import type { ObjectTables } from '../objects/tables.ts'
import { type BlobPlace, getBlob, putBlob } from './blob-storage.ts'
import { domainSealerOf } from './domain-of.ts'
import type { DomainSealer } from './domain-sealer.ts'
import type { HsmCall } from './operation.ts'
import type { LocalRole, RoleAssignment } from './roles.ts'

const MANIFEST = 'manifest'
/** Characters of keys in one blob; a key larger than that is a blob of its own. */
const PART_CHARACTERS = 4 * 1024 * 1024
const PARTS_LIMIT = 1000
const BATCH = 100

/** One key of a full backup. */
export interface BackedUpKey extends BackedUp {
  /** Both are set for a deleted key. */
  readonly deletedAtMs: number | null
  readonly purgeAtMs: number | null
}

/** What a full backup holds beside keys. */
export interface BackedUpState {
  readonly customRoles: readonly LocalRole[]
  readonly assignments: readonly RoleAssignment[]
  readonly settings: readonly (readonly [string, string])[]
}

interface Manifest {
  readonly format: 1
  /** Binds the parts to this manifest. */
  readonly id: string
  readonly parts: number
  readonly state: BackedUpState
}

/** A full backup as it was read back. */
export interface FullBackup {
  readonly keys: readonly BackedUpKey[]
  readonly state: BackedUpState
}

const keysAfter = statement<
  ObjectTables,
  { vault: string; after: string; nowMs: number },
  ObjectRow & { readonly name: string }
>((query, parameter) =>
  query
    .selectFrom('vault_object')
    .select([
      'id',
      'name',
      'display_name',
      'latest_id',
      'managed',
      'deleted_at_ms',
      'purge_at_ms',
      'policy',
    ])
    .where('vault', '=', parameter<string>('vault'))
    .where('kind', '=', 'keys')
    .where('name', '>', parameter<string>('after'))
    .where((on) =>
      on.or([on('purge_at_ms', 'is', null), on('purge_at_ms', '>', parameter<number>('nowMs'))]),
    )
    .orderBy('name')
    .limit(BATCH),
)

/** Writes all keys, roles and settings into a folder; the manifest comes last and makes it whole. */
export async function writeBackup(call: HsmCall, place: BlobPlace, folder: string): Promise<void> {
  const sealer = await domainSealerOf(call.store.db, call.vault, call.scope)
  const id = newVersionId()
  let parts = 0
  for await (const part of partsOf(call)) {
    parts += 1
    if (parts > PARTS_LIMIT) throw unreadable('The managed HSM holds more than a backup can.')
    const name = partName(parts)
    await putBlob(place, `${folder}/${name}`, sealer.seal(partPlace(id, parts), part))
  }
  const { customRoles, assignments, settings } = call.hsm.state
  const state: BackedUpState = { customRoles, assignments, settings: [...settings] }
  const manifest: Manifest = { format: 1, id, parts, state }
  const sealed = sealer.seal(manifestPlace, JSON.stringify(manifest))
  await putBlob(place, `${folder}/${MANIFEST}`, sealed)
}

const manifestPlace = 'full-backup/manifest'

function partName(number: number): string {
  return `keys-${String(number).padStart(6, '0')}`
}

function partPlace(id: string, number: number): string {
  return `full-backup/${id}/${partName(number)}`
}

async function* partsOf(call: HsmCall): AsyncGenerator<string> {
  let keys: string[] = []
  let characters = 0
  for await (const key of keysOf(call)) {
    const text = JSON.stringify(key)
    if (keys.length > 0 && characters + text.length > PART_CHARACTERS) {
      yield `[${keys.join(',')}]`
      keys = []
      characters = 0
    }
    keys.push(text)
    characters += text.length
  }
  if (keys.length > 0) yield `[${keys.join(',')}]`
}

async function* keysOf(call: HsmCall): AsyncGenerator<BackedUpKey> {
  const { db } = call.store
  let after = ''
  for (;;) {
    const bounds = { vault: call.vault.dataId, after, nowMs: call.nowMs }
    const batch = await db.all(keysAfter, bounds)
    for (const row of batch) {
      const key = await gather(call, 'keys', row)
      after = row.name
      // Purged since the batch was read.
      if (key.versions.length === 0) continue
      yield { ...key, deletedAtMs: row.deleted_at_ms, purgeAtMs: row.purge_at_ms }
    }
    if (batch.length < BATCH) return
  }
}

/**
 * Reads a full backup back.
 *
 * @throws Fault `BackupUnreadable` when it is of another security domain, incomplete or changed, and
 * `StorageRefused`
 */
export async function readBackup(
  call: HsmCall,
  place: BlobPlace,
  folder: string,
): Promise<FullBackup> {
  const sealer = await domainSealerOf(call.store.db, call.vault, call.scope)
  const opened = open(sealer, manifestPlace, await getBlob(place, `${folder}/${MANIFEST}`))
  const manifest = opened as Manifest
  if (manifest.format !== 1) throw unreadable('The backup has a format that is not known here.')
  const keys: BackedUpKey[] = []
  for (let number = 1; number <= manifest.parts; number += 1) {
    const sealed = await getBlob(place, `${folder}/${partName(number)}`)
    keys.push(...(open(sealer, partPlace(manifest.id, number), sealed) as BackedUpKey[]))
  }
  return { keys, state: manifest.state }
}

function open(sealer: DomainSealer, place: string, sealed: Buffer): unknown {
  if (!sealer.isOwn(sealed)) {
    throw unreadable(
      'The backup was not made under the security domain of this managed HSM. Upload the domain that belongs to it into a new managed HSM, and restore there.',
    )
  }
  try {
    return parseJson(sealer.open(place, sealed).open(), 'The backup')
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown
    throw unreadable('The backup cannot be opened: it was changed, or is mixed from several.')
  }
}

function unreadable(message: string): Fault<VaultFaultCode> {
  return new Fault('BackupUnreadable', message)
}
