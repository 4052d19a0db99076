import { ArrayValue, ObjectValue, toText, type Value } from '../expressions/index.ts'
import type { Spot } from '../text/source.ts'
import { mappingAt, scalarAt, sequenceAt, type Token } from '../text/token.ts'

/**
 * Tokens as values and back. A value made from a token remembers it, so that putting the value
 * back costs nothing and keeps the places of the original.
 */
export interface TokenValues {
  toValue(token: Token): Value
  toToken(value: Value, at: Spot): Token
  /** Scalars, sequences and mappings in the token, shared parts counted every time. */
  sizeOf(token: Token): number
}

/** A conversion with a memory of its own. */
export function createTokenValues(): TokenValues {
  const values = new WeakMap<Token, Value & object>()
  const origins = new WeakMap<object, Token>()
  const sizes = new WeakMap<Token, number>()

  function toValue(token: Token): Value {
    if (token.kind === 'scalar') return token.value === undefined ? token.text : token.value
    const known = values.get(token)
    if (known) return known
    const value =
      token.kind === 'sequence'
        ? new ArrayValue(token.items.map(toValue))
        : new ObjectValue(
            new Map(token.entries.map(({ key, value: of }) => [key.text, toValue(of)])),
          )
    values.set(token, value)
    origins.set(value, token)
    return value
  }

  function toToken(value: Value, at: Spot): Token {
    if (value instanceof ArrayValue) {
      const known = origins.get(value)
      if (known) return known
      return sequenceAt(
        at,
        value.items().map((item) => toToken(item, at)),
      )
    }
    if (value instanceof ObjectValue) {
      const known = origins.get(value)
      if (known) return known
      const entries = value.entries().map(([name, member]) => ({
        key: scalarAt(at, name),
        value: toToken(member, at),
      }))
      return mappingAt(at, entries)
    }
    const scalar = scalarAt(at, toText(value) ?? '')
    const typed = value === null || typeof value === 'boolean' || typeof value === 'number'
    return typed ? { ...scalar, value } : scalar
  }

  function sizeOf(token: Token): number {
    if (token.kind === 'scalar') return 1
    const known = sizes.get(token)
    if (known !== undefined) return known
    let size = 1
    if (token.kind === 'sequence') for (const item of token.items) size += sizeOf(item)
    else for (const { value } of token.entries) size += 1 + sizeOf(value)
    sizes.set(token, size)
    return size
  }

  return { toValue, toToken, sizeOf }
}
