import { isObject, type JsonObject, readObject } from '../../base/json.ts'
import { dig, toIso } from '../az-words.ts'

/** Rows of a table of keys, in az's own column names. */
export const keyTable = (result: unknown) =>
  (Array.isArray(result) ? result : [result]).filter(isObject).map((item) => ({
    Kid: item['kid'] ?? dig(item, 'key', 'kid'),
    Name: item['name'] ?? null,
    Enabled: dig(item, 'attributes', 'enabled'),
    Expires: dig(item, 'attributes', 'expires'),
  }))

/** Members of a key that az prints, null when they are absent; the numbers in base64. */
const JWK_MEMBERS = 'crv d dp dq e k keyOps kid kty n p q qi t x y'.split(' ')
const NUMBERS = new Set(['e', 'n', 'x', 'y'])

/** The bundle as az prints it: times as ISO, `keyOps`. */
export function toKey(bundle: unknown): JsonObject {
  const key = readObject(bundle, 'The key')
  const { key_ops: keyOps, ...jwk } = isObject(key['key']) ? key['key'] : {}
  const given: JsonObject = { ...jwk, keyOps }
  const toMember = (name: string) => {
    const value = given[name] ?? null
    const isNumber = NUMBERS.has(name) && typeof value === 'string'
    return [name, isNumber ? Buffer.from(value, 'base64url').toString('base64') : value]
  }
  return {
    attributes: toAttributes(key),
    ...toDeleted(key),
    key: Object.fromEntries(JWK_MEMBERS.map(toMember)),
    managed: key['managed'] ?? null,
    releasePolicy: key['release_policy'] ?? null,
    tags: key['tags'] ?? null,
  }
}

/** An item of a list as az prints it. */
export function toItem(item: unknown): JsonObject {
  const key = readObject(item, 'The key')
  return {
    attributes: toAttributes(key),
    ...toDeleted(key),
    kid: key['kid'],
    managed: key['managed'] ?? null,
    name: /\/keys\/([^/]+)/.exec(String(key['kid']))?.[1] ?? null,
    tags: key['tags'] ?? null,
  }
}

function toAttributes(key: JsonObject): JsonObject {
  const attributes = isObject(key['attributes']) ? key['attributes'] : {}
  return {
    created: toIso(attributes['created']),
    enabled: attributes['enabled'] ?? null,
    expires: toIso(attributes['exp']),
    exportable: attributes['exportable'] ?? null,
    hsmPlatform: attributes['hsmPlatform'] ?? null,
    notBefore: toIso(attributes['nbf']),
    recoverableDays: attributes['recoverableDays'] ?? null,
    recoveryLevel: attributes['recoveryLevel'] ?? null,
    updated: toIso(attributes['updated']),
  }
}

function toDeleted(key: JsonObject): JsonObject {
  if (key['deletedDate'] === undefined) return {}
  return {
    deletedDate: toIso(key['deletedDate']),
    recoveryId: key['recoveryId'],
    scheduledPurgeDate: toIso(key['scheduledPurgeDate']),
  }
}
