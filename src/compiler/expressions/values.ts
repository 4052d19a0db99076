import { type Kind, kindOf, type Value } from './kinds.ts'
import { parseVersion, Version } from './version.ts'

/** The Boolean cast. It never fails: any text but the empty one is true, `'False'` too. */
export function toBoolean(value: Value): boolean {
  if (typeof value === 'boolean') return value
  if (typeof value === 'string') return value !== ''
  if (typeof value === 'number') return value !== 0
  return value !== null
}

/** The Number cast: Null and empty text are 0, Boolean is 1 or 0; undefined means the cast fails. */
export function toNumber(value: Value): number | undefined {
  if (typeof value === 'number') return value
  if (value === null) return 0
  if (typeof value === 'boolean') return value ? 1 : 0
  return typeof value === 'string' ? parseNumber(value) : undefined
}

/** The String cast: Null is empty, Boolean is `True` or `False`; undefined means the cast fails. */
export function toText(value: Value): string | undefined {
  if (typeof value === 'string') return value
  if (value === null) return ''
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  if (typeof value === 'number') return numberToText(value)
  const kind = kindOf(value)
  return kind === 'Version' || kind === 'DateTime' ? value.toString() : undefined
}

/** The Version cast: text of two to four parts, or a number that is written so (`1.5`). */
function toVersion(value: Value): Version | undefined {
  if (value instanceof Version) return value
  if (typeof value === 'string') return parseVersion(value)
  return typeof value === 'number' ? parseVersion(numberToText(value)) : undefined
}

/** The value in another kind, or undefined when it has no such form. Null is an answer. */
export function castTo(value: Value, kind: Kind): Value | undefined {
  switch (kind) {
    case 'Null':
      return value === null || value === '' ? null : undefined
    case 'Boolean':
      return toBoolean(value)
    case 'Number':
      return toNumber(value)
    case 'String':
      return toText(value)
    case 'Version':
      return toVersion(value)
    default:
      return kindOf(value) === kind ? value : undefined
  }
}

/** Optional sign, digits with thousands commas after the first, a decimal point; no exponent. */
const NUMBER = /^[+-]?(?:\d[\d,]*(?:\.\d*)?|\.\d+)$/

/** Longer text cannot be a number a double holds, and is refused before it is looked at. */
const LONGEST_NUMBER = 400

function parseNumber(text: string): number | undefined {
  const trimmed = text.trim()
  if (trimmed === '') return 0
  if (trimmed.length > LONGEST_NUMBER || !NUMBER.test(trimmed)) return undefined
  const number = Number(trimmed.replaceAll(',', ''))
  return Number.isFinite(number) ? number : undefined
}

/** Up to 15 significant digits and 7 decimals, halves away from zero, no exponent: `0.#######`. */
function numberToText(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return String(value === 0 ? 0 : value)
  if (!Number.isFinite(value)) return String(value)
  const [mantissa = '', exponent = '0'] = Math.abs(value).toExponential(14).split('e')
  const [whole, decimals] = roundDecimals(mantissa.replace('.', ''), Number(exponent) + 1)
  const text = decimals === '' ? whole : `${whole}.${decimals}`
  return value < 0 && text !== '0' ? `-${text}` : text
}

/** `digits` is `0.digits × 10^point`; gives the whole part and at most 7 decimals. */
function roundDecimals(digits: string, point: number): [string, string] {
  const padded = point <= 0 ? '0'.repeat(1 - point) + digits : digits
  const split = Math.max(point, 1)
  const wholeDigits = padded.slice(0, split).padEnd(split, '0')
  const scaled = BigInt(wholeDigits + padded.slice(split, split + 7).padEnd(7, '0'))
  const roundsUp = (padded[split + 7] ?? '0') >= '5'
  const rounded = (roundsUp ? scaled + 1n : scaled).toString().padStart(8, '0')
  return [rounded.slice(0, -7), rounded.slice(-7).replace(/0+$/, '')]
}
