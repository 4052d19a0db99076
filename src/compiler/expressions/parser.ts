import type { CallNode, Expression, NameNode, Node, Step } from './ast.ts'
import type { ExpressionFunction } from './function-row.ts'
import { nearest } from './near.ts'
import { type ExpressionError, type Phase, phaseWords } from './scope.ts'
import { contextTable, findContext, findFunction, functionTable } from './tables.ts'
import { foldCase } from './text.ts'
import { type Token, tokenize } from './tokens.ts'

/** An expression, or the first thing that is wrong with its text. */
export type Parsed =
  | { readonly ok: true; readonly expression: Expression }
  | { readonly ok: false; readonly error: ExpressionError }

/** The longest expression text, in UTF-16 units. */
const MAX_EXPRESSION_LENGTH = 21_000

/** The deepest nesting of calls and indexes. */
const MAX_EXPRESSION_DEPTH = 50

const NO_NAMES: ReadonlySet<string> = new Set()

/**
 * Parses the text of an expression, without the `${{ }}` or `$[ ]` around it. The phase decides which
 * named values and functions exist; `names` are the loop variables of a template, in any case.
 */
export function parseExpression(
  text: string,
  phase: Phase,
  names: ReadonlySet<string> = NO_NAMES,
): Parsed {
  if (text.length > MAX_EXPRESSION_LENGTH) {
    return {
      ok: false,
      error: {
        message: `Exceeded max expression length ${MAX_EXPRESSION_LENGTH}`,
        position: 0,
        hint: `The expression has ${text.length} characters. Text around \`\${{ }}\` counts too.`,
      },
    }
  }
  try {
    const root = new Parser(text, phase, names).parse()
    return { ok: true, expression: Object.freeze({ text, phase, root }) }
  } catch (thrown) {
    if (thrown instanceof ParseFailure) return { ok: false, error: thrown.error }
    throw thrown
  }
}

/** Carries the first error out of the recursion; never leaves this file. */
class ParseFailure extends Error {
  readonly error: ExpressionError

  constructor(error: ExpressionError) {
    super(error.message)
    this.error = error
  }
}

/** One walk over the tokens of one text. */
class Parser {
  readonly #text: string
  readonly #phase: Phase
  readonly #names: ReadonlySet<string>
  readonly #tokens: readonly Token[]
  #next = 0
  #unknown: ExpressionError | undefined

  constructor(text: string, phase: Phase, names: ReadonlySet<string>) {
    this.#text = text
    this.#phase = phase
    this.#names = names
    this.#tokens = tokenize(text)
  }

  parse(): Node {
    if (this.#tokens.length === 0) this.#failAtEnd('Write an expression here.')
    const root = this.#value(1)
    const rest = this.#peek()
    if (rest) this.#failUnexpected(rest)
    // Malformed text is the worse error, so an unknown name waits until all of the text was read.
    if (this.#unknown) throw new ParseFailure(this.#unknown)
    return root
  }

  #value(depth: number): Node {
    const token = this.#take("Write a value, or close the bracket, behind the last ','.")
    if (depth > MAX_EXPRESSION_DEPTH) {
      throw new ParseFailure({
        message: `Exceeded max expression depth ${MAX_EXPRESSION_DEPTH}`,
        position: token.start,
      })
    }
    if (token.kind === 'literal') {
      const raw = this.#raw(token)
      return { kind: 'literal', value: token.value, raw, position: token.start }
    }
    if (token.kind === 'unknown') this.#fail('Unrecognized value', token, hintFor(this.#raw(token)))
    if (token.kind !== 'name') this.#failUnexpected(token)
    const root = this.#peek()?.kind === '(' ? this.#call(token, depth) : this.#name(token)
    const steps = this.#steps(depth)
    return steps.length === 0 ? root : { kind: 'path', root, steps, position: root.position }
  }

  #call(token: Token, depth: number): CallNode | NameNode {
    const fn = this.#findFunction(token)
    const open = this.#take('')
    const args: Node[] = []
    if (this.#peek()?.kind === ')') this.#next++
    else {
      for (;;) {
        args.push(this.#value(depth + 1))
        const after = this.#take(`Close the '(' of '${this.#raw(token)}' at ${open.start + 1}.`)
        if (after.kind === ')') break
        if (after.kind !== ',') this.#failUnexpected(after)
      }
    }
    const raw = this.#raw(token)
    if (!fn) return { kind: 'name', name: raw, raw, position: token.start }
    const max = fn.maxIn?.[this.#phase] ?? fn.max
    if (args.length < fn.min) this.#fail('Too few parameters supplied', token, arity(fn, max))
    if (args.length > max) this.#fail('Too many parameters supplied', token, arity(fn, max))
    return { kind: 'call', fn, raw, args, position: token.start }
  }

  #findFunction(token: Token): ExpressionFunction | undefined {
    const raw = this.#raw(token)
    const fn = findFunction(raw)
    if (fn?.phases.includes(this.#phase)) return fn
    const here = functionTable.filter((row) => row.phases.includes(this.#phase))
    const what = this.#phase === 'template' ? 'Unrecognized function' : 'Unrecognized value'
    const hint = fn
      ? elsewhere(fn.name, fn.phases)
      : didYouMean(raw, here, findContext(raw) && 'is not a function.')
    this.#unknown ??= { ...this.#error(what, token, hint), unknownName: true }
    return undefined
  }

  #name(token: Token): NameNode {
    const raw = this.#raw(token)
    const node = { kind: 'name', raw, position: token.start } as const
    const own = this.#ownName(raw)
    if (own !== undefined) return { ...node, name: own }
    const context = findContext(raw)
    if (context?.phases.includes(this.#phase)) return { ...node, name: context.name }
    if (context) return this.#unknownName(token, elsewhere(context.name, context.phases))
    if (findFunction(raw)) this.#fail("Expected '(' to follow function", token)
    const here = contextTable.filter((row) => row.phases.includes(this.#phase))
    const known = [...here, ...[...this.#names].map((name) => ({ name }))]
    return this.#unknownName(token, didYouMean(raw, known, undefined) ?? hintFor(raw))
  }

  /** A loop variable hides a named value of the same name. */
  #ownName(raw: string): string | undefined {
    if (this.#names.size === 0 || this.#names.has(raw))
      return this.#names.has(raw) ? raw : undefined
    const folded = foldCase(raw)
    for (const name of this.#names) if (foldCase(name) === folded) return name
    return undefined
  }

  #steps(depth: number): Step[] {
    const steps: Step[] = []
    for (;;) {
      const token = this.#peek()
      if (token?.kind === '.') {
        this.#next++
        steps.push(this.#memberStep(token.start))
      } else if (token?.kind === '[') {
        this.#next++
        steps.push(this.#indexStep(token.start, depth))
      } else return steps
    }
  }

  #memberStep(position: number): Step {
    const token = this.#take("Write a name behind the '.'.")
    if (token.kind === '*') return { kind: 'all', position }
    const raw = this.#raw(token)
    if (token.kind === 'name') {
      // `.name` is `['name']`: one form for everything that reads the tree.
      const index = { kind: 'literal', value: raw, raw, position: token.start } as const
      return { kind: 'index', index, position }
    }
    return this.#fail(
      'Unexpected symbol',
      token,
      `Write ['${raw}'] for a name with such characters.`,
    )
  }

  #indexStep(position: number, depth: number): Step {
    const star = this.#peek()?.kind === '*'
    if (star) this.#next++
    const index = star ? undefined : this.#value(depth + 1)
    const close = this.#take(`Close the '[' at ${position + 1}.`)
    if (close.kind !== ']') this.#failUnexpected(close)
    return index ? { kind: 'index', index, position } : { kind: 'all', position }
  }

  #peek(): Token | undefined {
    return this.#tokens[this.#next]
  }

  #take(hintAtEnd: string): Token {
    const token = this.#tokens[this.#next++]
    return token ?? this.#failAtEnd(hintAtEnd)
  }

  #raw(token: Token): string {
    return this.#text.slice(token.start, token.end)
  }

  #unknownName(token: Token, hint: string | undefined): NameNode {
    const template = this.#phase === 'template'
    const what = template ? 'Unrecognized named-value' : 'Unrecognized value'
    this.#unknown ??= { ...this.#error(what, token, hint), unknownName: true }
    const raw = this.#raw(token)
    return { kind: 'name', name: raw, raw, position: token.start }
  }

  #failUnexpected(token: Token): never {
    if (token.kind === 'unknown') this.#fail('Unrecognized value', token, hintFor(this.#raw(token)))
    const open = token.kind === 'open'
    const hint = open ? "Close the text with a '. A quote inside text is written twice." : undefined
    this.#fail('Unexpected symbol', token, hint)
  }

  #failAtEnd(hint: string): never {
    const last = this.#tokens.at(-1)
    if (last) this.#fail('Unexpected end of expression', last, hint)
    throw new ParseFailure({ message: 'Unexpected end of expression', position: 0, hint })
  }

  #fail(what: string, token: Token, hint?: string): never {
    throw new ParseFailure(this.#error(what, token, hint))
  }

  #error(what: string, token: Token, hint: string | undefined): ExpressionError {
    const place = `Located at position ${token.start + 1} within expression: ${this.#text}`
    const message = `${what}: '${this.#raw(token)}'. ${place}`
    return { message, position: token.start, ...(hint && { hint }) }
  }
}

function arity(fn: ExpressionFunction, max: number): string {
  const most = max === Number.POSITIVE_INFINITY ? ' or more' : max > fn.min ? ` to ${max}` : ''
  const plural = max === 1 ? '' : 's'
  return `'${fn.name}' takes ${fn.min}${most} argument${plural} here.`
}

function elsewhere(name: string, phases: readonly Phase[]): string {
  return `'${name}' exists only in ${phases.map((phase) => phaseWords[phase]).join(', ')}.`
}

function didYouMean(
  raw: string,
  rows: readonly { readonly name: string }[],
  otherwise: string | undefined,
): string | undefined {
  const near = nearest(
    raw,
    rows.map((row) => row.name),
  )
  if (near !== undefined) return `Did you mean '${near}'?`
  return otherwise === undefined ? undefined : `'${raw}' ${otherwise}`
}

/** What people write by habit from other languages. */
function hintFor(raw: string): string | undefined {
  if (/^null$/i.test(raw)) return "There is no word for null: compare with ''."
  if (raw.startsWith('"')) return "Text stands in single quotes: 'text'."
  if (raw.startsWith('$')) return `Names stand alone here, without $( ), $[ ] or \${{ }}.`
  if (/[=!<>&|]/.test(raw)) return 'There are no operators: write eq(a, b), and(a, b), not(a).'
  return undefined
}
