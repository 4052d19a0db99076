import { utf8Length } from '../../base/bytes.ts'
import { newVersionId } from '../../base/ids.ts'
import { findString, type JsonObject } from '../../base/json.ts'
import { Sealed } from '../../base/sealed.ts'
import { whenThere } from '../../base/when-there.ts'
import type { VaultCall } from '../context.ts'
import { announceVersion } from '../events.ts'
import { propertyWrong, secretDisabled } from '../faults.ts'
import { orPropertyWrong, readAttributes, readTags } from '../objects/attributes.ts'
import { addVersion, type VersionChange } from '../objects/changes.ts'
import { change, placeOf, readObjectVersion, sealPlace } from '../objects/objects.ts'
import type { ObjectVersion, VersionFacts } from '../objects/version.ts'

const VALUE_LIMIT_BYTES = 25_600
const CONTENT_TYPE_LIMIT = 255
const TAG_LIMIT_CHARACTERS = 512

/** A secret as PUT asks for it. */
export interface WrittenSecret {
  readonly value: Sealed
  readonly change: VersionChange
}

/** The body of PUT. @throws Fault `PropertyWrong` */
export function readWrittenSecret(body: JsonObject): WrittenSecret {
  const value = body['value']
  if (typeof value !== 'string') throw propertyWrong('value')
  if (value.length > VALUE_LIMIT_BYTES || utf8Length(value) > VALUE_LIMIT_BYTES) {
    throw propertyWrong('value: longer than 25,600 bytes')
  }
  return { value: new Sealed(value), change: readSecretChange(body) }
}

/** What PUT and PATCH may say beside the value. @throws Fault `PropertyWrong` */
export function readSecretChange(body: JsonObject): VersionChange {
  const contentType = orPropertyWrong('contentType', () =>
    findString(body['contentType'], 'contentType'),
  )
  if (contentType !== undefined && contentType.length > CONTENT_TYPE_LIMIT) {
    throw propertyWrong('contentType: longer than 255 characters')
  }
  return {
    ...readAttributes(body),
    tags: readTags(body, TAG_LIMIT_CHARACTERS),
    details: contentType === undefined ? undefined : { contentType },
  }
}

/**
 * Stores a new version and makes it the newest; resolves when it is durable.
 *
 * @throws Fault `DeletedNameHeld`
 */
export async function setSecret(
  call: VaultCall,
  names: { readonly asWritten: string; readonly name: string },
  written: WrittenSecret,
): Promise<VersionFacts> {
  const version = newVersionId()
  const made = {
    version,
    sealed: call.scope.seal(sealPlace('secrets', names.name, version), written.value.open()),
    enabled: written.change.enabled ?? true,
    notBeforeMs: written.change.notBeforeMs,
    expiresAtMs: written.change.expiresAtMs,
    createdAtMs: call.nowMs,
    updatedAtMs: call.nowMs,
    tags: written.change.tags,
    details: written.change.details,
  }
  const place = placeOf(call, 'secrets', names.name)
  const object = await change(call, place, async (tx) => {
    const stored = await addVersion(tx, place, names.asWritten, made)
    await announceVersion(tx, call, 'secrets', { ...made, name: stored.display_name })
    return stored
  })
  return {
    ...made,
    id: 0,
    objectId: object.id,
    name: object.display_name,
    managed: object.managed === 1,
    details: made.details as JsonObject | undefined,
    deletedAtMs: undefined,
    purgeAtMs: undefined,
  }
}

/**
 * A version whose value may be read, the newest when none is named. Not yet valid and expired ones
 * may be (key-vault.md §6.3).
 *
 * @throws Fault `SecretNotFound` or `SecretDisabled`
 */
export function readSecret(
  call: VaultCall,
  name: string,
  version: string | undefined,
): ObjectVersion | Promise<ObjectVersion> {
  return whenThere(readObjectVersion(call, 'secrets', name, version), (found) => {
    if (!found.enabled) throw secretDisabled()
    return found
  })
}

/** The value, opened for the answer. */
export function openSecret(call: VaultCall, found: ObjectVersion): string {
  return call.scope.open(sealPlace('secrets', found.name, found.version), found.sealed).open()
}
