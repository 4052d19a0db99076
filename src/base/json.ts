import { Fault } from './fault.ts'

/** A JSON object whose members have not been looked at yet. */
export type JsonObject = { readonly [name: string]: unknown }

/** `path` names the place in the document for the message, for example `properties.sku.name`. */
function wrong(path: string, expected: string): Fault<'JsonWrong'> {
  return new Fault('JsonWrong', `${path || 'The body'} must be ${expected}.`)
}

/** True for a JSON object; arrays and null are not objects. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** @throws Fault `JsonWrong` when `value` is not a JSON object */
export function readObject(value: unknown, path: string): JsonObject {
  if (!isObject(value)) throw wrong(path, 'a JSON object')
  return value
}

/** @throws Fault `JsonWrong` when `value` is not a string */
export function readString(value: unknown, path: string): string {
  if (typeof value !== 'string') throw wrong(path, 'a string')
  return value
}

/** Undefined when the member is absent or null. @throws Fault `JsonWrong` for another type */
export function findString(value: unknown, path: string): string | undefined {
  return value === undefined || value === null ? undefined : readString(value, path)
}

/** @throws Fault `JsonWrong` when `value` is not a finite number */
export function readNumber(value: unknown, path: string): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw wrong(path, 'a number')
  return value
}

/** Undefined when the member is absent or null. @throws Fault `JsonWrong` for another type */
export function findNumber(value: unknown, path: string): number | undefined {
  return value === undefined || value === null ? undefined : readNumber(value, path)
}

/** @throws Fault `JsonWrong` when `value` is not a boolean */
export function readBoolean(value: unknown, path: string): boolean {
  if (typeof value !== 'boolean') throw wrong(path, 'true or false')
  return value
}

/** Undefined when the member is absent or null. @throws Fault `JsonWrong` for another type */
export function findBoolean(value: unknown, path: string): boolean | undefined {
  return value === undefined || value === null ? undefined : readBoolean(value, path)
}

/** @throws Fault `JsonWrong` when `value` is not an array */
export function readArray(value: unknown, path: string): readonly unknown[] {
  if (!Array.isArray(value)) throw wrong(path, 'an array')
  return value
}

/** Names to strings; null members are left out. @throws Fault `JsonWrong` for other members */
export function readStringMap(value: unknown, path: string): Record<string, string> {
  const map: Record<string, string> = {}
  for (const [name, member] of Object.entries(readObject(value, path))) {
    const text = findString(member, `${path}.${name}`)
    if (text !== undefined) map[name] = text
  }
  return map
}

/**
 * Parses JSON text that came from outside.
 *
 * @throws Fault `JsonWrong` with the place but never with the text itself
 */
export function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new Fault('JsonWrong', `${path || 'The body'} is not valid JSON.`)
  }
}
