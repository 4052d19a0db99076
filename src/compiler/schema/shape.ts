/** What a text must look like; `formats.ts` has the rule of each. */
export type TextFormat =
  | 'string'
  | 'nonEmpty'
  | 'boolean'
  | 'number'
  | 'name'
  | 'branchPattern'
  | 'cron'
  | 'task'
  | 'condition'

/** A scalar. */
export interface TextShape {
  readonly kind: 'text'
  readonly format: TextFormat
  /** The only texts allowed. */
  readonly values?: readonly string[]
  /** `values` compare without case. */
  readonly ignoreCase?: boolean
}

/** A sequence whose items all have the shape `of`. */
export interface ListShape {
  readonly kind: 'list'
  readonly of: string
}

/** A mapping with free keys; each value has the shape `of`. */
export interface MapShape {
  readonly kind: 'map'
  readonly of: string
}

/** A mapping with known keys. */
export interface ObjectShape {
  readonly kind: 'object'
  /** The key that must come first and tells this shape from its alternatives. */
  readonly first?: string
  readonly keys: Readonly<Record<string, KeyShape>>
  /** The shape of keys that are not listed; absent means they are refused. */
  readonly extra?: string
  /** True where `variables:` is visible to template expressions in the other keys. */
  readonly variableScope?: boolean
}

/** One key of an object; `docs` is one sentence for an editor. */
export interface KeyShape {
  readonly shape: string
  readonly docs: string
  readonly required?: boolean
  /** The value the service takes when the key is absent, as text. */
  readonly default?: string
}

/** Any token at all. */
export interface AnyShape {
  readonly kind: 'any'
}

/** One of several shapes, told apart by the token's kind and, for mappings, by the first key. */
export interface ChoiceShape {
  readonly kind: 'choice'
  readonly of: readonly string[]
}

/** A node of the grammar. `expressions: 'none'` refuses template expressions in all that is below. */
export type Shape = (TextShape | ListShape | MapShape | ObjectShape | AnyShape | ChoiceShape) & {
  readonly expressions?: 'none'
}

/** The grammar: node names to shapes. */
export type Grammar = Readonly<Record<string, Shape>>

/** A row of an object's keys. */
export function key(
  shape: string,
  docs: string,
  more: { readonly required?: boolean; readonly default?: string } = {},
): KeyShape {
  return { shape, docs, ...more }
}
