import { DateTime } from './date-time.ts'
import { ArrayValue, type Kind, kindOf, ObjectValue, type Value } from './kinds.ts'
import { compareText, foldCase } from './text.ts'
import { castTo } from './values.ts'
import { compareVersions, Version } from './version.ts'

/**
 * Equality as `eq` knows it: `right` is cast to the kind of `left`, and a cast that fails means not
 * equal. It is not symmetric. Text ignores case; lists and mappings are equal only to themselves.
 */
export function areEqual(left: Value, right: Value): boolean {
  const other = castTo(right, kindOf(left))
  if (other === undefined) return false
  if (typeof left === 'string') {
    if (left === other) return true
    const text = String(other)
    return left.length === text.length && foldCase(left) === foldCase(text)
  }
  if (left instanceof Version) return other instanceof Version && compareVersions(left, other) === 0
  if (left instanceof DateTime) return other instanceof DateTime && left.epochMs === other.epochMs
  if (left instanceof ArrayValue) {
    return other instanceof ArrayValue && left.source === other.source
  }
  if (left instanceof ObjectValue) {
    return other instanceof ObjectValue && left.source === other.source
  }
  return left === other
}

/** A cast that an ordering needed and that does not exist. */
export interface FailedCast {
  readonly value: Value
  readonly to: Kind
}

/**
 * Order as `gt` and its kin know it: a list, a mapping or Null on the left becomes a number, then
 * `right` is cast to that kind. Negative, zero, positive, or the cast that failed.
 */
export function compareOrder(left: Value, right: Value): number | FailedCast {
  const kind = kindOf(left)
  if (kind === 'Array' || kind === 'Object') return { value: left, to: 'Number' }
  const to = kind === 'Null' ? 'Number' : kind
  const other = castTo(right, to)
  if (other === undefined) return { value: right, to }
  if (typeof left === 'string') return compareText(left, String(other))
  if (left instanceof Version && other instanceof Version) return compareVersions(left, other)
  if (left instanceof DateTime && other instanceof DateTime) return left.epochMs - other.epochMs
  return Number(left) - Number(other)
}
