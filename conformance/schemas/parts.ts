/** A JSON Schema of draft-07. */
export type Schema = Readonly<Record<string, unknown>>

/** Versions whose answers are looked at, oldest first: one on each side of every change of shape. */
export const shapeVersions = [
  '2016-10-01',
  '7.0',
  '7.2',
  '7.4',
  '7.5',
  '7.6',
  '2025-07-01',
  '2026-04-01',
] as const

export type ShapeVersion = (typeof shapeVersions)[number]

/** True when `version` is `first` or came after it. */
export function since(version: ShapeVersion, first: ShapeVersion): boolean {
  return shapeVersions.indexOf(version) >= shapeVersions.indexOf(first)
}

/** Where the answers come from: every id begins with it. */
export const BASE = 'https://v1.vault.azure.net'

const HEX = '[0-9a-f]{32}'
const NAME = '[0-9a-zA-Z-]{1,127}'
const literal = (text: string) => text.replaceAll(/[.$?+]/g, '\\$&')

/** An object with these members and no other; a name ending in `?` may be absent. */
export function object(members: Readonly<Record<string, Schema>>): Schema {
  const entries = Object.entries(members)
  return {
    type: 'object',
    additionalProperties: false,
    required: entries.map(([name]) => name).filter((name) => !name.endsWith('?')),
    properties: Object.fromEntries(
      entries.map(([name, schema]) => [name.replace(/\?$/, ''), schema]),
    ),
  }
}

export const list = (items: Schema): Schema => ({ type: 'array', items })
export const oneOf = (...values: readonly unknown[]): Schema => ({ enum: values })
export const pattern = (source: string): Schema => ({ type: 'string', pattern: `^${source}$` })
export const text: Schema = { type: 'string' }
export const flag: Schema = { type: 'boolean' }
export const whole: Schema = { type: 'integer' }
/** Seconds since 1970 and neither milliseconds nor zero (key-vault.md §5.4, §24 item 1). */
export const seconds: Schema = { type: 'integer', minimum: 1e9, maximum: 1e10 }
export const base64url: Schema = pattern('[\\w-]+')
export const base64: Schema = pattern(
  '(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?',
)
export const hex32: Schema = pattern(HEX)
export const duration: Schema = pattern('P(?:\\d+Y)?(?:\\d+M)?(?:\\d+D)?')
export const tags: Schema = { type: 'object', additionalProperties: { type: 'string' } }

/** `{vault}/{collection}/{name}`, with `/{version}` or with another tail (§5.1). */
export function id(
  collection: string,
  tail: 'version' | 'none' | `/${string}` = 'version',
): Schema {
  const end = tail === 'version' ? `/${HEX}` : tail === 'none' ? '' : literal(tail)
  return pattern(`${literal(BASE)}/${collection}/${NAME}${end}`)
}

/** An address below the vault as it is written here. */
export const address = (path: string): Schema => ({ const: `${BASE}${path}` })

/** A page of these items; the link names the port, the version and an opaque place (§11). */
export function page(version: ShapeVersion, path: string, item: Schema): Schema {
  const start = `${literal(BASE)}:443${path}${literal(`?api-version=${version}&$skiptoken=`)}`
  return object({
    value: { ...list(item), maxItems: 25 },
    nextLink: { anyOf: [{ type: 'null' }, pattern(`${start}[\\w%-]+(?:&maxresults=\\d+)?`)] },
  })
}

/** `attributes` of every object (§6.2, §2.5). */
export function attributes(
  version: ShapeVersion,
  more: Readonly<Record<string, Schema>> = {},
): Schema {
  return object({
    enabled: flag,
    'nbf?': whole,
    'exp?': whole,
    created: seconds,
    updated: seconds,
    recoveryLevel: oneOf(
      'Purgeable',
      'Recoverable+Purgeable',
      'Recoverable',
      'Recoverable+ProtectedSubscription',
      'CustomizedRecoverable+Purgeable',
      'CustomizedRecoverable',
      'CustomizedRecoverable+ProtectedSubscription',
    ),
    ...(since(version, '7.2') && { recoverableDays: { type: 'integer', minimum: 7, maximum: 90 } }),
    ...more,
  })
}

/** What makes a bundle or an item a deleted one. */
export function deleted(collection: string): Readonly<Record<string, Schema>> {
  return {
    recoveryId: id(`deleted${collection}`, 'none'),
    deletedDate: seconds,
    scheduledPurgeDate: seconds,
  }
}

export const backup: Schema = object({ value: base64url })

/** Every refusal (§4.1). */
export const errorBody: Schema = object({
  error: object({
    code: pattern('[A-Z][A-Za-z]+'),
    message: { type: 'string', minLength: 1 },
    'innererror?': object({ code: pattern('[A-Z][A-Za-z]+') }),
  }),
})

/** Headers of every answer (§1.5); others may be there. */
export const headers: Schema = {
  type: 'object',
  required: [
    'cache-control',
    'pragma',
    'expires',
    'strict-transport-security',
    'x-content-type-options',
    'x-ms-keyvault-region',
    'x-ms-request-id',
    'x-ms-keyvault-service-version',
    'x-ms-keyvault-network-info',
    'date',
  ],
  properties: {
    'cache-control': { const: 'no-cache' },
    pragma: { const: 'no-cache' },
    date: pattern('.+ GMT'),
    expires: { const: '-1' },
    'content-type': { const: 'application/json; charset=utf-8' },
    'strict-transport-security': { const: 'max-age=31536000;includeSubDomains' },
    'x-content-type-options': { const: 'nosniff' },
    'x-ms-keyvault-region': { const: 'eastus2' },
    'x-ms-request-id': pattern('[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}'),
    'x-ms-keyvault-service-version': pattern('\\d+\\.\\d+\\.\\d+\\.\\d+'),
    'x-ms-keyvault-network-info': pattern(
      'conn_type=Ipv[46];addr=[0-9a-f.:]+;act_addr_fam=InterNetwork(?:V6)?;',
    ),
  },
}
