import type { Spot } from '../text/source.ts'
import { mappingAt, scalarAt, sequenceAt, type Token } from '../text/token.ts'

const DEEPEST = 100

/** JSON as a token that stands at `at`; numbers and booleans keep their type. */
export function jsonToken(json: unknown, at: Spot, depth = 0): Token {
  if (depth > DEEPEST) return scalarAt(at, '')
  if (Array.isArray(json)) {
    return sequenceAt(
      at,
      json.map((item) => jsonToken(item, at, depth + 1)),
    )
  }
  if (typeof json === 'object' && json !== null) {
    const entries = Object.entries(json).map(([name, value]) => ({
      key: scalarAt(at, name),
      value: jsonToken(value, at, depth + 1),
    }))
    return mappingAt(at, entries)
  }
  if (typeof json === 'boolean') return { ...scalarAt(at, json ? 'True' : 'False'), value: json }
  if (typeof json === 'number') return { ...scalarAt(at, String(json)), value: json }
  return typeof json === 'string' ? scalarAt(at, json) : { ...scalarAt(at, ''), style: 'plain' }
}
