import { defaultLimits } from '../limits.ts'
import type { Token } from '../text/token.ts'
import { parseYaml } from '../text/yaml.ts'

/** An input of a task, as an editor shows it. */
export interface CatalogueInput {
  readonly aliases?: readonly string[]
  readonly required?: boolean
  readonly default?: string
  /** `flag` inputs are offered true and false. */
  readonly kind?: string
  /** One sentence for a person. */
  readonly help?: string
}

/** A task that steps may name as `name@major`. */
export interface CatalogueTask {
  readonly name: string
  readonly major: number
  readonly friendlyName: string
  readonly description: string
  readonly inputs: Readonly<Record<string, CatalogueInput>>
}

/** A pipeline or template file in an editor, with what is around it. Broken text is welcome. */
export interface EditorDocument {
  /** The path inside its repository; templates are found relative to it. */
  readonly file: string
  readonly text: string
  /** Tasks to offer; none unless told. */
  readonly tasks?: readonly CatalogueTask[]
  /** The text of a template; undefined when there is none. `repository` is `self` or an alias. */
  readFile?(repository: string, path: string): string | undefined
}

/** An offset in UTF-16 units from 0, or a line and column that count from 1. */
export type Position = number | { readonly line: number; readonly column: number }

/** The offset of a position; a position behind a line's or the text's end means that end. */
export function toOffset(text: string, position: Position): number {
  if (typeof position === 'number') {
    return Number.isFinite(position) ? clamp(Math.trunc(position), text.length) : 0
  }
  let start = 0
  for (let line = 1; line < position.line; line += 1) {
    const next = text.indexOf('\n', start)
    if (next < 0) return text.length
    start = next + 1
  }
  const end = text.indexOf('\n', start)
  return start + clamp(position.column - 1, (end < 0 ? text.length : end) - start)
}

function clamp(value: number, most: number): number {
  return Math.min(Math.max(value, 0), most)
}

/** The tree of a text, as far as it can be read; undefined for an empty or unreadable one. */
export function treeOf(file: string, text: string): Token | undefined {
  return parseYaml({ file, text }, { limits: defaultLimits, allowAnchors: false }).root
}
