import {
  type Expression,
  type ExpressionError,
  parseExpression,
  splitTemplate,
  type TemplatePiece,
  toFormatExpression,
} from '../expressions/index.ts'

/** An expression of a scalar, or why it has none. */
export interface Part {
  readonly piece: TemplatePiece
  readonly expression?: Expression
  readonly error?: ExpressionError
}

/** What a scalar with `${{` means. Offsets of errors count from the beginning of the scalar. */
export type Program =
  | { readonly kind: 'broken'; readonly error: ExpressionError }
  | { readonly kind: 'whole'; readonly part: Part }
  | {
      readonly kind: 'text'
      /** Literal texts and expressions in order. */
      readonly parts: readonly (string | Part)[]
      /** The `format()` that the text stands for. */
      readonly format: string
    }

/** What the key of a mapping tells to do. */
export type Directive =
  | { readonly kind: 'if' | 'elseif'; readonly part: Part }
  | { readonly kind: 'else' }
  | { readonly kind: 'each'; readonly name: string; readonly part: Part }
  | { readonly kind: 'insert' }
  | { readonly kind: 'broken'; readonly error: ExpressionError }

const OPEN = '${' + '{'

/** True when the text holds a template expression. */
export function hasExpression(text: string): boolean {
  return text.includes(OPEN)
}

/** Reads a scalar's text; `names` are the loop variables in view. */
export function readProgram(text: string, names: ReadonlySet<string>): Program {
  const split = splitTemplate(text)
  if (!split.ok) return { kind: 'broken', error: split.error }
  const { pieces } = split
  const [only] = pieces
  if (only?.kind === 'expression' && pieces.length === 1) {
    return { kind: 'whole', part: toPart(only, names) }
  }
  // Space around a single expression does not make it text.
  const solid = pieces.filter((piece) => piece.kind === 'expression' || piece.text.trim() !== '')
  if (solid.length === 1 && solid[0]?.kind === 'expression' && !text.includes('\n')) {
    return { kind: 'whole', part: toPart(solid[0], names) }
  }
  return {
    kind: 'text',
    parts: pieces.map((piece) => (piece.kind === 'text' ? piece.text : toPart(piece, names))),
    format: toFormatExpression(pieces),
  }
}

function toPart(piece: TemplatePiece, names: ReadonlySet<string>): Part {
  const parsed = parseExpression(piece.text, 'template', names)
  return parsed.ok ? { piece, expression: parsed.expression } : { piece, error: parsed.error }
}

const WORD = /^(if|elseif|else|each|insert)(?![\w.([])/
const EACH = /^each\s+([A-Za-z_]\w*)\s+in\s+/

/** The directive of a mapping's key; undefined when the key is an ordinary text or expression. */
export function readDirective(text: string, names: ReadonlySet<string>): Directive | undefined {
  const split = splitTemplate(text.trim())
  if (!split.ok || split.pieces.length !== 1) return undefined
  const [piece] = split.pieces
  if (piece?.kind !== 'expression') return undefined
  const word = WORD.exec(piece.text)?.[1]
  switch (word) {
    case 'if':
    case 'elseif':
      return { kind: word, part: toPart(after(piece, word.length), names) }
    case 'else':
    case 'insert':
      if (piece.text.length === word.length) return { kind: word }
      return broken(`Unexpected text behind '${word}'.`, piece.start + word.length)
    case 'each': {
      const match = EACH.exec(piece.text)
      const name = match?.[1]
      if (!match || name === undefined) {
        return broken("Expected 'each NAME in EXPRESSION'.", piece.start)
      }
      return { kind: 'each', name, part: toPart(after(piece, match[0].length), names) }
    }
    default:
      return undefined
  }
}

/** The word of a directive that stands where a value is expected: its colon is missing. */
export function directiveWord(part: Part): string | undefined {
  return WORD.exec(part.piece.text)?.[1]
}

function broken(message: string, position: number): Directive {
  return { kind: 'broken', error: { message, position } }
}

function after(piece: TemplatePiece, length: number): TemplatePiece {
  const rest = piece.text.slice(length)
  const text = rest.trim()
  const start = piece.start + length + (rest.length - rest.trimStart().length)
  return { kind: 'expression', text, start, end: start + text.length }
}
