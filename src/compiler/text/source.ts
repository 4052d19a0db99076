import type { Place } from '../diagnostic.ts'

/** One file's text, with its line starts found on first use. */
export interface Source {
  /** The path inside its repository; `path@alias` when not self. */
  readonly file: string
  readonly text: string
  /** Offsets of the first character of every line; filled by `placeOf`. */
  lineStarts?: readonly number[]
  /** Offsets of what expansion must look at; filled by the template expander. */
  dynamicOffsets?: readonly number[]
  /** True when a YAML alias puts tokens outside of the stretch they stand in. */
  hasAliases?: boolean
}

/** A stretch of a source: offsets in UTF-16 units, `end` is behind the last character. */
export interface Spot {
  readonly source: Source
  readonly start: number
  readonly end: number
}

/** The human form of a spot: lines and columns count from 1. */
export function placeOf({ source, start, end }: Spot): Place {
  const from = locate(source, start)
  const to = end === start ? from : locate(source, end)
  return {
    file: source.file,
    line: from.line,
    column: from.column,
    endLine: to.line,
    endColumn: to.column,
  }
}

function locate(source: Source, offset: number): { line: number; column: number } {
  const starts = lineStartsOf(source)
  let low = 0
  let high = starts.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((starts[middle] ?? 0) <= offset) low = middle
    else high = middle - 1
  }
  return { line: low + 1, column: offset - (starts[low] ?? 0) + 1 }
}

function lineStartsOf(source: Source): readonly number[] {
  if (source.lineStarts) return source.lineStarts
  const starts = [0]
  for (let at = source.text.indexOf('\n'); at >= 0; at = source.text.indexOf('\n', at + 1)) {
    starts.push(at + 1)
  }
  source.lineStarts = starts
  return starts
}

/** Text of line `line` (from 1) without its line break; empty behind the last line. */
export function lineText(source: Source, line: number): string {
  const starts = lineStartsOf(source)
  const start = starts[line - 1]
  if (start === undefined) return ''
  return source.text.slice(start, starts[line] ?? source.text.length).replace(/\r?\n$/, '')
}
