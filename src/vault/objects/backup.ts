import { Fault } from '../../base/fault.ts'
import { isObject, parseJson } from '../../base/json.ts'
import type { ScopeSealer } from '../../storage/sealing.ts'
import type { VaultCall } from '../context.ts'
import {
  backupUnreadable,
  deletedNameHeld,
  type Kind,
  nameTaken,
  notOffered,
  propertyWrong,
  type VaultFaultCode,
} from '../faults.ts'
import { domainSealerOf } from '../hsm/domain-of.ts'
import { appendVersion, findUnpurged, makeObject, type NewVersion } from './changes.ts'
import { change, openValue, placeOf, readLiveObject, readOwnObject, sealPlace } from './objects.ts'
import {
  findLatest,
  listSealedVersions,
  type ObjectRow,
  type Place,
  type Writing,
} from './store.ts'
import type { ObjectVersion, VersionFacts } from './version.ts'

/** Versions in one backup at most (key-vault.md §5.3). */
const VERSIONS_LIMIT = 500

/** Larger than 500 values of 25 KiB in base64 with their attributes. */
export const BACKUP_LIMIT_BYTES = 64 * 1024 * 1024

interface BackedUpVersion extends Omit<NewVersion, 'sealed'> {
  /** base64 */
  readonly value: string
}

/** An object as it stands inside a backup. */
export interface BackedUp {
  readonly format: 1
  readonly name: string
  /** A key's rotation policy, a certificate's policy. */
  readonly policy: string | null
  readonly versions: readonly BackedUpVersion[]
  /** The key and the secret of a certificate. */
  readonly parts?: Partial<Record<Kind, BackedUp>>
}

/**
 * The object with all its versions, and its parts, as an opaque base64url text, sealed for the
 * subscription: it can be restored into another vault of it, also after this vault is gone.
 *
 * @throws Fault `ParameterWrong` when there are more than 500 versions
 */
export async function backUp(
  call: VaultCall,
  kind: Kind,
  name: string,
  partKinds: readonly Kind[] = [],
): Promise<string> {
  const object = await readOwnObject(call.store.db, placeOf(call, kind, name))
  const parts: Partial<Record<Kind, BackedUp>> = {}
  for (const part of partKinds) {
    const found = await readLiveObject(call.store.db, placeOf(call, part, name))
    parts[part] = await gather(call, part, found)
  }
  const content = { ...(await gather(call, kind, object)), parts }
  const sealer = await backupScope(call)
  return sealer.seal(backupPlace(kind), JSON.stringify(content)).toString('base64url')
}

/** The object with all its versions, in the clear. @throws Fault `ParameterWrong` for more than 500 */
export async function gather(call: VaultCall, kind: Kind, object: ObjectRow): Promise<BackedUp> {
  const versions = await listSealedVersions(call.store.db, object.id, VERSIONS_LIMIT + 1)
  if (versions.length > VERSIONS_LIMIT) {
    throw new Fault<VaultFaultCode>(
      'ParameterWrong',
      `A backup holds at most ${VERSIONS_LIMIT} versions, and ${object.display_name} has more.`,
    )
  }
  if (versions.some(({ details }) => details?.['protection'] === 'token')) {
    throw notOffered(
      `The key ${object.display_name} lives in the HSM token and cannot leave it, so that there is nothing to back up. Back the token up with the tools of its vendor.`,
    )
  }
  return {
    format: 1,
    name: object.display_name,
    policy: object.policy,
    versions: versions.map((version) => toBackedUp(call.scope, kind, version)),
  }
}

/**
 * Makes the backed-up object with its name and its versions; `after` runs in the same write.
 *
 * @throws Fault `BackupUnreadable`, `NameTaken`, `DeletedNameHeld` or `PropertyWrong`
 */
export async function restore(
  call: VaultCall,
  kind: Kind,
  body: unknown,
  after?: (tx: Writing, place: Place) => Promise<void>,
): Promise<VersionFacts> {
  const text = isObject(body) ? body['value'] : undefined
  if (typeof text !== 'string') throw propertyWrong('value')
  const content = await openBackup(call, kind, text)
  const whole: readonly [Kind, BackedUp][] = [
    [kind, content],
    ...(Object.entries(content.parts ?? {}) as [Kind, BackedUp][]),
  ]
  const made = whole.map(([part, backedUp]) => ({
    content: backedUp,
    place: placeOf(call, part, backedUp.name.toLowerCase()),
    managed: part !== kind,
    versions: toNewVersions(call.scope, part, backedUp),
  }))
  const places = made.map(({ place }) => place)
  return change(call, places, async (tx) => {
    for (const one of made) await putBack(tx, one, call.nowMs)
    const place = placeOf(call, kind, content.name.toLowerCase())
    await after?.(tx, place)
    const latest = await findLatest(tx, place)
    if (!latest) throw new Error('A backup without a version was restored.')
    return latest
  })
}

/** Makes an object as a backup has it. @throws Fault `NameTaken` or `DeletedNameHeld` */
export async function putBack(
  tx: Writing,
  made: {
    readonly content: BackedUp
    readonly place: Place
    readonly managed: boolean
    readonly versions: readonly NewVersion[]
  },
  nowMs: number,
): Promise<ObjectRow> {
  const { content, place, managed, versions } = made
  const found = await findUnpurged(tx, place, nowMs)
  if (found) {
    throw found.deleted_at_ms === null
      ? nameTaken(place.kind, found.display_name)
      : deletedNameHeld(place.kind, found.display_name)
  }
  const { policy, name: displayName } = content
  const object = await makeObject(tx, place, { displayName, managed, policy })
  for (const version of versions) await appendVersion(tx, object.id, version)
  return object
}

async function openBackup(call: VaultCall, kind: Kind, text: string): Promise<BackedUp> {
  const sealer = await backupScope(call)
  try {
    const opened = sealer.open(backupPlace(kind), Buffer.from(text, 'base64url')).open()
    return parseJson(opened, 'The backup') as BackedUp
  } catch (thrown) {
    if (thrown instanceof Fault) throw backupUnreadable()
    throw thrown
  }
}

/**
 * Backups of one subscription open in each of its vaults (key-vault.md §12.4), those of a managed HSM
 * in each one of its security domain.
 */
function backupScope(call: VaultCall): Promise<ScopeSealer> {
  if (call.vault.kind === 'managedHsm') return domainSealerOf(call.store.db, call.vault, call.scope)
  const subscription = call.vault.id.split('/')[2] ?? ''
  return call.store.sealer.scope(`vault-backup:${subscription.toLowerCase()}`)
}

function backupPlace(kind: Kind): string {
  return `backup/${kind}`
}

function toBackedUp(scope: ScopeSealer, kind: Kind, found: ObjectVersion): BackedUpVersion {
  return {
    version: found.version,
    value: openValue(scope, kind, found).toString('base64'),
    enabled: found.enabled,
    notBeforeMs: found.notBeforeMs,
    expiresAtMs: found.expiresAtMs,
    createdAtMs: found.createdAtMs,
    updatedAtMs: found.updatedAtMs,
    tags: found.tags,
    details: found.details,
  }
}

/** The versions of a backed-up object, sealed for a vault. */
export function toNewVersions(scope: ScopeSealer, kind: Kind, content: BackedUp): NewVersion[] {
  return content.versions.map((version) => toSealed(scope, kind, content, version))
}

function toSealed(
  scope: ScopeSealer,
  kind: Kind,
  content: BackedUp,
  { value, ...version }: BackedUpVersion,
): NewVersion {
  const place = sealPlace(kind, content.name, version.version)
  return { ...version, sealed: scope.seal(place, Buffer.from(value, 'base64')) }
}
