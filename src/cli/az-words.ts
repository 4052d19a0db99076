import { Fault } from '../base/fault.ts'
import { isObject, type JsonObject } from '../base/json.ts'

/** `true`/`false` in az's options, any case. @throws Fault `UsageWrong` */
export function toFlag(text: string | undefined, option: string): boolean | undefined {
  if (text === undefined) return undefined
  if (/^(true|1|yes)$/i.test(text)) return true
  if (/^(false|0|no)$/i.test(text)) return false
  throw new Fault('UsageWrong', `${option} takes true or false, not '${text}'.`)
}

/** `k=v` words to a map; a word without `=` gets an empty value, as in az. */
export function toPairs(words: readonly string[] | undefined): Record<string, string> | undefined {
  if (!words) return undefined
  const pairs: Record<string, string> = {}
  for (const word of words) {
    const at = word.indexOf('=')
    if (word === '') continue
    pairs[at < 0 ? word : word.slice(0, at)] = at < 0 ? '' : word.slice(at + 1)
  }
  return pairs
}

/** An ISO time in UTC to whole seconds since the epoch. @throws Fault `UsageWrong` */
export function toEpochSeconds(text: string | undefined, option: string): number | undefined {
  if (text === undefined) return undefined
  const atMs = Date.parse(/[zZ]|[+-]\d\d:?\d\d$/.test(text) ? text : `${text}Z`)
  if (!Number.isNaN(atMs)) return Math.floor(atMs / 1000)
  throw new Fault(
    'UsageWrong',
    `${option} takes a UTC time such as 2027-01-31T00:00:00Z, not '${text}'.`,
  )
}

/** A whole number within bounds. @throws Fault `UsageWrong` */
export function toNumber(text: string | undefined, option: string): number | undefined {
  if (text === undefined) return undefined
  if (/^\d+$/.test(text)) return Number(text)
  throw new Fault('UsageWrong', `${option} takes a whole number, not '${text}'.`)
}

/** The group of a resource id, as az adds it to every resource it prints. */
export function withResourceGroup(resource: unknown): JsonObject {
  const object = isObject(resource) ? resource : {}
  const group = /\/resourceGroups\/([^/]+)/i.exec(String(object['id'] ?? ''))?.[1]
  return group ? { ...object, resourceGroup: group } : object
}

/** Epoch seconds to az's ISO form; null when absent. */
export function toIso(seconds: unknown): string | null {
  return typeof seconds === 'number'
    ? `${new Date(seconds * 1000).toISOString().slice(0, 19)}+00:00`
    : null
}

/** A member's member, or undefined: `dig(vault, 'properties', 'sku')`. */
export function dig(value: unknown, ...names: readonly string[]): unknown {
  let found = value
  for (const name of names) found = isObject(found) ? found[name] : undefined
  return found
}
