import type { Phase } from '../expressions/index.ts'
import type { Located } from './locate.ts'

/** An expression or macro around a place. Offsets are those of the document. */
export interface ExpressionAt {
  /** `macro` is `$(name)`. */
  readonly kind: 'template' | 'runtime' | 'condition' | 'macro'
  /** The inside, without its braces. */
  readonly text: string
  /** Where `text` begins. */
  readonly start: number
}

/** The `${{ }}`, `$[ ]` or `$( )` around an offset; an unclosed one reaches to the line's end. */
export function expressionAt(text: string, offset: number): ExpressionAt | undefined {
  return templateAt(text, offset) ?? runtimeAt(text, offset) ?? macroAt(text, offset) ?? undefined
}

/** How far back an expression may have begun, in UTF-16 units. */
const FARTHEST = 5000

function templateAt(text: string, offset: number): ExpressionAt | undefined {
  const open = text.lastIndexOf('${{', offset - 3)
  if (open < 0 || offset - open > FARTHEST) return undefined
  const start = open + 3
  const inside = text.slice(start, offset)
  if (offset < start || inside.includes('}}') || inside.includes('${{')) return undefined
  const lineEnd = lineEndOf(text, offset)
  const close = text.indexOf('}}', offset)
  // What is not closed before the next line is still being typed, unless it began on an earlier one.
  const isOpen = close < 0 || (close > lineEnd && !inside.includes('\n'))
  if (close < 0 && inside.includes('\n')) return undefined
  const end = isOpen ? lineEnd : close
  return { kind: 'template', text: text.slice(start, end), start }
}

function runtimeAt(text: string, offset: number): ExpressionAt | undefined {
  const lineFrom = text.lastIndexOf('\n', offset - 1) + 1
  const open = /:\s*['"]?\$\[/.exec(text.slice(lineFrom, offset))
  if (!open) return undefined
  const start = lineFrom + open.index + open[0].length
  let depth = 1
  let end = start
  const lineEnd = lineEndOf(text, offset)
  for (; end < lineEnd; end += 1) {
    if (text[end] === '[') depth += 1
    if (text[end] === ']') depth -= 1
    if (depth === 0) break
  }
  return offset <= end ? { kind: 'runtime', text: text.slice(start, end), start } : undefined
}

function macroAt(text: string, offset: number): ExpressionAt | undefined {
  const lineFrom = text.lastIndexOf('\n', offset - 1) + 1
  const open = text.lastIndexOf('$(', offset - 2)
  if (open < lineFrom || open + 2 > offset) return undefined
  const start = open + 2
  if (text.slice(start, offset).includes(')')) return undefined
  const close = text.slice(offset, lineEndOf(text, offset)).search(/[)\s"']/)
  const end = close < 0 ? lineEndOf(text, offset) : offset + close
  return { kind: 'macro', text: text.slice(start, end), start }
}

function lineEndOf(text: string, offset: number): number {
  const end = text.indexOf('\n', offset)
  return end < 0 ? text.length : end
}

/** The condition that a scalar is, as it stands in the document; undefined for other scalars. */
export function conditionAt(at: Located, text: string): ExpressionAt | undefined {
  const key = at.levels.at(-1)?.entry?.key.text
  if (at.keyOf || key !== 'condition' || at.scalar.kind !== 'scalar') return undefined
  const { start, end, style } = at.scalar
  if (style === 'quoted')
    return { kind: 'condition', text: text.slice(start + 1, end - 1), start: start + 1 }
  if (style === 'block') {
    const from = text.indexOf('\n', start) + 1
    return { kind: 'condition', text: text.slice(from, Math.max(from, end)), start: from }
  }
  return { kind: 'condition', text: text.slice(start, end), start }
}

const JOB_SHAPES = ['ordinaryJob', 'deploymentJob']

/** The phase in which an expression at a place is evaluated. */
export function phaseAt(kind: ExpressionAt['kind'], at: Located | undefined): Phase {
  if (kind === 'template') return 'template'
  const names = at?.levels.map(({ name }) => name) ?? []
  if (kind === 'condition') {
    const owner = at?.levels.at(-2)?.name ?? ''
    if (owner === 'ordinaryStage') return 'stageCondition'
    return JOB_SHAPES.includes(owner) ? 'jobCondition' : 'stepCondition'
  }
  const inVariables = names.some((name) => name === 'variableMap' || name === 'variableEntry')
  return inVariables ? 'runtimeVariable' : 'jobField'
}
