import { toBoolean } from '../schema/formats.ts'
import type { Spot } from '../text/source.ts'
import { find, isEmpty, type Token } from '../text/token.ts'

/** The text of a scalar; undefined when absent, empty, or of another kind. */
export function textOf(token: Token | undefined): string | undefined {
  return token?.kind === 'scalar' && token.text !== '' ? token.text : undefined
}

/** The text of `key` in a mapping; undefined when absent or empty. */
export function textAt(token: Token | undefined, key: string): string | undefined {
  return textOf(find(token, key))
}

/** The texts of a sequence, or the single text of a scalar. */
export function textsOf(token: Token | undefined): readonly string[] {
  if (token?.kind === 'sequence') {
    return token.items.flatMap((item) => (item.kind === 'scalar' ? [item.text] : []))
  }
  const text = textOf(token)
  return text === undefined ? [] : [text]
}

/** The scalars of a sequence, or the single scalar itself. */
export function scalarsOf(token: Token | undefined): readonly (Token & { kind: 'scalar' })[] {
  if (token?.kind === 'sequence') return token.items.filter((item) => item.kind === 'scalar')
  return token?.kind === 'scalar' && token.text !== '' ? [token] : []
}

/** The items of a sequence; none for another kind. */
export function itemsOf(token: Token | undefined): readonly Token[] {
  return token?.kind === 'sequence' ? token.items : []
}

/** Names to texts of a mapping; nested values are left out. */
export function textRecord(token: Token | undefined): Record<string, string> {
  if (token?.kind !== 'mapping') return {}
  return Object.fromEntries(
    token.entries.flatMap(({ key, value }) =>
      value.kind === 'scalar' ? [[key.text, value.text] as const] : [],
    ),
  )
}

/** The boolean at `key`, or `otherwise` when it is absent or not a boolean word. */
export function booleanAt(token: Token | undefined, key: string, otherwise: boolean): boolean {
  const text = textAt(token, key)
  return text === undefined ? otherwise : (toBoolean(text) ?? otherwise)
}

/** A boolean field as later phases read it: `true`, `false`, or the text they must resolve. */
export function flagTextAt(token: Token | undefined, key: string): string | undefined {
  const text = textAt(token, key)
  if (text === undefined) return undefined
  const value = toBoolean(text)
  return value === undefined ? text : String(value)
}

/** The token as plain JSON; every scalar stays a string, an absent value is null. */
export function toJson(token: Token): unknown {
  switch (token.kind) {
    case 'scalar':
      return isEmpty(token) ? null : token.text
    case 'sequence':
      return token.items.map(toJson)
    case 'mapping':
      return Object.fromEntries(token.entries.map(({ key, value }) => [key.text, toJson(value)]))
  }
}

/** Where a mapping begins: its first key, so that a picture of the place stays on one line. */
export function headOf(token: Token): Spot {
  const end = token.kind === 'mapping' ? (token.entries[0]?.key.end ?? token.end) : token.end
  return { source: token.source, start: token.start, end }
}

/** `{ [name]: value }`, or nothing when the value is undefined: for optional members. */
export function optional<Name extends string, Value>(
  name: Name,
  value: Value | undefined,
): { readonly [K in Name]?: Value } {
  return value === undefined ? {} : ({ [name]: value } as { [K in Name]: Value })
}
