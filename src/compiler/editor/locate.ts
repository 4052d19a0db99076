import { chooseShape } from '../schema/choose.ts'
import { grammar } from '../schema/grammar.ts'
import type { Shape } from '../schema/shape.ts'
import { type Entry, mappingAt, type ScalarToken, type Token } from '../text/token.ts'
import { MARKER } from './cursor.ts'

/** One node on the way from the root to a place. */
export interface Level {
  readonly token: Token
  /** The grammar's name for what may stand here; a choice is not yet made. */
  readonly declared: string
  /** The name and shape that the node has turned out to be; undefined when nothing tells yet. */
  readonly name: string | undefined
  readonly shape: Shape | undefined
  /** The key that led here from the mapping around it; undefined for the root and list items. */
  readonly entry: Entry | undefined
}

/** A place in the tree: the nodes around it, and the scalar it is in. */
export interface Located {
  /** From the root inwards; the last one holds the place. */
  readonly levels: readonly Level[]
  readonly scalar: ScalarToken
  /** The entry whose key the scalar is; undefined when it is a value or an item. */
  readonly keyOf: Entry | undefined
}

/** True for `${{ if … }}` and its like, whose value belongs to the node around it. */
export function isDirective(key: string): boolean {
  return key.startsWith('${{')
}

/** The scalar at an offset and the way to it; undefined where no scalar stands. */
export function locate(root: Token | undefined, offset: number): Located | undefined {
  if (!root) return undefined
  const levels: Level[] = []
  let level = levelOf(root, 'pipeline', undefined)
  for (;;) {
    levels.push(level)
    const { token } = level
    if (token.kind === 'scalar') {
      return covers(token, offset) ? { levels, scalar: token, keyOf: undefined } : undefined
    }
    if (token.kind === 'mapping') {
      const keyOf = token.entries.find(({ key }) => covers(key, offset))
      if (keyOf) return { levels, scalar: keyOf.key, keyOf }
    }
    const next = childAt(levels, offset)
    if (!next) return undefined
    level = next
  }
}

function covers({ start, end }: Token, offset: number): boolean {
  return start <= offset && offset <= end
}

function childAt(levels: readonly Level[], offset: number): Level | undefined {
  const level = levels.at(-1)
  if (!level) return undefined
  const { token } = level
  if (token.kind === 'sequence') {
    const item = token.items.find((one) => covers(one, offset))
    return item && levelOf(item, itemShape(level), undefined)
  }
  if (token.kind !== 'mapping') return undefined
  const entry = token.entries.find(({ value }) => covers(value, offset))
  return entry && levelOf(entry.value, valueShape(levels, entry), entry)
}

function itemShape({ shape }: Level): string {
  return shape?.kind === 'list' ? shape.of : 'any'
}

/** What may stand behind a key. */
function valueShape(levels: readonly Level[], { key, value }: Entry): string {
  const level = levels.at(-1)
  if (!level) return 'any'
  if (isDirective(key.text)) {
    const around = levels.at(-2)
    const isItem = around?.token.kind === 'sequence'
    if (isItem && value.kind !== 'mapping') return around.declared
    return level.name ?? level.declared
  }
  const { shape } = level
  if (shape?.kind === 'map') return shape.of
  if (shape?.kind !== 'object') return 'any'
  return (Object.hasOwn(shape.keys, key.text) ? shape.keys[key.text]?.shape : shape.extra) ?? 'any'
}

function levelOf(token: Token, declared: string, entry: Entry | undefined): Level {
  const name = settle(withoutMarker(token), declared)
  return { token, declared, name, shape: name === undefined ? undefined : grammar[name], entry }
}

/** The shape that a node means, following choices inside choices. */
function settle(token: Token, declared: string): string | undefined {
  const shape = grammar[declared]
  if (shape?.kind !== 'choice') return shape && declared
  if (token.kind === 'mapping' && token.entries.length === 0) return undefined
  const chosen = chooseShape(token, shape, grammar)
  return chosen === undefined ? undefined : settle(token, chosen)
}

/** The node without the word that is being typed, and without directives, which say nothing. */
function withoutMarker(token: Token): Token {
  if (token.kind !== 'mapping') return token
  const kept = token.entries.filter(
    ({ key }) => !key.text.includes(MARKER) && !isDirective(key.text),
  )
  return kept.length === token.entries.length ? token : mappingAt(token, kept)
}

/** The entries of a mapping, those inside of its directives too. */
export function entriesOf(token: Token | undefined): readonly Entry[] {
  if (token?.kind !== 'mapping') return []
  return token.entries.flatMap((entry) =>
    isDirective(entry.key.text) ? entriesOf(entry.value) : [entry],
  )
}

/** The items of a sequence, those inside of its directives too. */
export function allItems(token: Token | undefined): readonly Token[] {
  if (token?.kind !== 'sequence') return []
  return token.items.flatMap((item) => {
    const [only, second] = item.kind === 'mapping' ? item.entries : []
    if (!only || second || !isDirective(only.key.text)) return [item]
    return only.value.kind === 'sequence' ? allItems(only.value) : [only.value]
  })
}

/** The value of a key, also where a directive holds the key. */
export function valueAt(token: Token | undefined, key: string): Token | undefined {
  return entriesOf(token).find((entry) => entry.key.text === key)?.value
}

/** The scalar of a key; undefined when absent or of another kind. */
export function scalarOf(token: Token | undefined, key: string): ScalarToken | undefined {
  const value = valueAt(token, key)
  return value?.kind === 'scalar' ? value : undefined
}
