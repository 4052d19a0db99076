import { Fault } from '../../base/fault.ts'
import { findBoolean, findNumber, type JsonObject, readObject } from '../../base/json.ts'
import { isSince } from '../api-versions.ts'
import type { VaultCall } from '../context.ts'
import { type Kind, nameWrong, propertyWrong } from '../faults.ts'
import { recoveryLevelOf } from './retention.ts'
import type { Tags, VersionFacts } from './version.ts'

const NAME = /^[0-9a-zA-Z-]{1,127}$/
const TAGS_LIMIT = 15

/** What a request says of a version; undefined members were not named. */
export interface WrittenAttributes {
  readonly enabled: boolean | undefined
  readonly notBeforeMs: number | undefined
  readonly expiresAtMs: number | undefined
}

/** The name in lower case. @throws Fault `NameWrong` */
export function readName(name: string): string {
  if (!NAME.test(name)) throw nameWrong(name)
  return name.toLowerCase()
}

/** The body as an object; an absent one is empty. @throws Fault `PropertyWrong` or `JsonWrong` */
export function readBody(body: unknown): JsonObject {
  return body === undefined || body === null ? {} : readObject(body, '')
}

/**
 * `attributes` of a body. Seconds may be negative: some clients overflow after 2038.
 *
 * @throws Fault `PropertyWrong`
 */
export function readAttributes(body: JsonObject): WrittenAttributes {
  const attributes = orPropertyWrong('attributes', () => {
    const given = body['attributes']
    return given === undefined || given === null ? {} : readObject(given, 'attributes')
  })
  return {
    enabled: orPropertyWrong('enabled', () => findBoolean(attributes['enabled'], 'enabled')),
    notBeforeMs: readSeconds(attributes, 'nbf'),
    expiresAtMs: readSeconds(attributes, 'exp'),
  }
}

function readSeconds(attributes: JsonObject, name: string): number | undefined {
  const seconds = orPropertyWrong(name, () => findNumber(attributes[name], name))
  if (seconds === undefined) return undefined
  if (!Number.isSafeInteger(seconds * 1000) || !Number.isInteger(seconds)) throw propertyWrong(name)
  return seconds * 1000
}

/** `tags` of a body; undefined when none are named. @throws Fault `PropertyWrong` */
export function readTags(body: JsonObject, limitCharacters: number): Tags | undefined {
  const given = body['tags']
  if (given === undefined || given === null) return undefined
  const entries = orPropertyWrong('tags', () => Object.entries(readObject(given, 'tags')))
  if (entries.length > TAGS_LIMIT) throw propertyWrong('tags: more than 15')
  for (const [name, value] of entries) {
    if (typeof value !== 'string' || name === '') throw propertyWrong('tags')
    if (name.length > limitCharacters || value.length > limitCharacters) throw propertyWrong('tags')
  }
  return Object.fromEntries(entries) as Tags
}

/** Runs a reader of `base/json.ts`; Key Vault has one text for every wrong property. */
export function orPropertyWrong<T>(name: string, read: () => T): T {
  try {
    return read()
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.code === 'JsonWrong') throw propertyWrong(name)
    throw thrown
  }
}

/** `attributes` of an answer: whole seconds, and only what was set (key-vault.md §2.5, §6.2). */
export function toAttributes(call: VaultCall, version: VersionFacts): object {
  const { vault } = call
  const attributes: Record<string, unknown> = { enabled: version.enabled }
  if (version.notBeforeMs !== undefined) attributes['nbf'] = toSeconds(version.notBeforeMs)
  if (version.expiresAtMs !== undefined) attributes['exp'] = toSeconds(version.expiresAtMs)
  attributes['created'] = toSeconds(version.createdAtMs)
  attributes['updated'] = toSeconds(version.updatedAtMs)
  attributes['recoveryLevel'] = recoveryLevelOf(vault)
  if (isSince(call.apiVersion, '7.1-preview')) {
    attributes['recoverableDays'] = vault.softDeleteRetentionInDays
  }
  return attributes
}

export function toSeconds(ms: number): number {
  return Math.floor(ms / 1000)
}

/** What makes a bundle or an item a deleted one. */
export function deletedMembers(call: VaultCall, kind: Kind, version: VersionFacts): object {
  return {
    recoveryId: `${call.uri}/deleted${kind}/${version.name}`,
    deletedDate: toSeconds(version.deletedAtMs ?? 0),
    scheduledPurgeDate: toSeconds(version.purgeAtMs ?? 0),
  }
}
