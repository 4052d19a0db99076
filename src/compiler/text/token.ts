import type { Spot } from './source.ts'

/** How a scalar was written; `expression` was computed from `${{ }}` or made by a transform. */
export type ScalarStyle = 'plain' | 'quoted' | 'block' | 'expression'

/** What every token has. */
interface TokenBase extends Spot {
  /** True for what is left of a text that could not be evaluated; its error is in the sink. */
  readonly broken?: true
}

/** A scalar keeps its text until the schema types it. An absent value is the empty text. */
export interface ScalarToken extends TokenBase {
  readonly kind: 'scalar'
  readonly text: string
  readonly style: ScalarStyle
  /** What a whole-value expression gave, when it is not a string. */
  readonly value?: boolean | number | null
}

export interface SequenceToken extends TokenBase {
  readonly kind: 'sequence'
  readonly items: readonly Token[]
}

export interface Entry {
  readonly key: ScalarToken
  readonly value: Token
}

/** Entries in document order; keys are unique once the file was read. */
export interface MappingToken extends TokenBase {
  readonly kind: 'mapping'
  readonly entries: readonly Entry[]
}

/** A node of a pipeline file, or of what a template expanded to. */
export type Token = ScalarToken | SequenceToken | MappingToken

/** The value of `key` in a mapping; undefined for another kind or an absent key. Exact case. */
export function find(token: Token | undefined, key: string): Token | undefined {
  if (token?.kind !== 'mapping') return undefined
  for (const entry of token.entries) if (entry.key.text === key) return entry.value
  return undefined
}

/** True for a scalar without text: `key:` with nothing behind it. */
export function isEmpty(token: Token): boolean {
  return token.kind === 'scalar' && token.text === '' && token.style === 'plain'
}

/** A scalar that stands where `spot` does. */
export function scalarAt(spot: Spot, text: string): ScalarToken {
  const { source, start, end } = spot
  return { kind: 'scalar', source, start, end, text, style: 'expression' }
}

/** A sequence that stands where `spot` does. */
export function sequenceAt(spot: Spot, items: readonly Token[]): SequenceToken {
  const { source, start, end } = spot
  return { kind: 'sequence', source, start, end, items }
}

/** A mapping that stands where `spot` does. */
export function mappingAt(spot: Spot, entries: readonly Entry[]): MappingToken {
  const { source, start, end } = spot
  return { kind: 'mapping', source, start, end, entries }
}
