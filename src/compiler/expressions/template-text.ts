import type { ExpressionError } from './scope.ts'

/** A run of literal text, or an expression. Offsets are UTF-16 units into the scalar. */
export interface TemplatePiece {
  readonly kind: 'text' | 'expression'
  /** The literal text as it stands, or the expression without its braces and the space around it. */
  readonly text: string
  /** Where `text` begins. */
  readonly start: number
  /** Offset behind `text`. */
  readonly end: number
}

/** The pieces of a scalar in order, or the error of an expression that is not closed. */
export type SplitTemplate =
  | { readonly ok: true; readonly pieces: readonly TemplatePiece[] }
  | { readonly ok: false; readonly error: ExpressionError }

const OPEN = '${{'
const CLOSE = '}}'

/** Finds every `${{ … }}` in a scalar; braces in an expression's quoted text do not close it. */
export function splitTemplate(text: string): SplitTemplate {
  const pieces: TemplatePiece[] = []
  let at = 0
  while (at < text.length) {
    const open = text.indexOf(OPEN, at)
    const textEnd = open < 0 ? text.length : open
    if (textEnd > at) {
      pieces.push({ kind: 'text', text: text.slice(at, textEnd), start: at, end: textEnd })
    }
    if (open < 0) break
    const close = closeOf(text, open + OPEN.length)
    if (close < 0) return { ok: false, error: unclosed(open) }
    pieces.push(expressionPiece(text, open + OPEN.length, close))
    at = close + CLOSE.length
  }
  return { ok: true, pieces }
}

/**
 * The one expression that a scalar of several pieces stands for, `format('…{0}…', …)`. Its length is
 * what the limit of 21 000 characters is about.
 */
export function toFormatExpression(pieces: readonly TemplatePiece[]): string {
  let pattern = ''
  const args: string[] = []
  for (const piece of pieces) {
    if (piece.kind === 'expression') {
      pattern += `{${args.length}}`
      args.push(`, ${piece.text}`)
    } else {
      pattern += piece.text.replace(/[{}']/g, '$&$&')
    }
  }
  return `format('${pattern}'${args.join('')})`
}

/** The inside of text that is `$[ … ]` as a whole; undefined for any other text. */
export function runtimeExpression(text: string): string | undefined {
  const trimmed = text.trim()
  if (!trimmed.startsWith('$[') || !trimmed.endsWith(']')) return undefined
  return trimmed.slice(2, -1).trim()
}

/** Where the closing braces stand, or -1. */
function closeOf(text: string, from: number): number {
  let quoted = false
  for (let at = from; at < text.length; at++) {
    const char = text[at]
    if (char === "'") quoted = !quoted
    else if (!quoted && char === '}' && text[at + 1] === '}') return at
  }
  return -1
}

function expressionPiece(text: string, from: number, to: number): TemplatePiece {
  const inside = text.slice(from, to)
  const start = from + inside.length - inside.trimStart().length
  const trimmed = inside.trim()
  return { kind: 'expression', text: trimmed, start, end: start + trimmed.length }
}

function unclosed(position: number): ExpressionError {
  return {
    message: `The expression is not closed. An unescaped \${{ sequence was found, but the closing }} sequence was not found.`,
    position,
    hint: 'Write }} behind the expression. A quote inside its text is written twice.',
  }
}
