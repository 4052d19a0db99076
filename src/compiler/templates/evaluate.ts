import {
  type ExpressionError,
  evaluate,
  kindOf,
  ObjectValue,
  parseExpression,
  type Scope,
  toText,
  type Value,
} from '../expressions/index.ts'
import { findDoubtfulComparisons } from '../lint/index.ts'
import { didYouMean } from '../schema/suggest.ts'
import type { Spot } from '../text/source.ts'
import { type ScalarToken, scalarAt, type Token } from '../text/token.ts'
import type { Expansion } from './expansion.ts'
import type { Frame } from './frame.ts'
import { directiveWord, type Part, type Program, readProgram } from './program.ts'

/** What a scalar with expressions gives; undefined after an error, which is in the sink. */
export function evaluateScalar(
  token: ScalarToken,
  frame: Frame,
  expansion: Expansion,
): Token | undefined {
  const program = programOf(token, frame, expansion)
  switch (program.kind) {
    case 'broken':
      reportAt(token, program.error, expansion)
      return undefined
    case 'whole': {
      const value = evaluatePart(program.part, token, { frame, expansion })
      if (value === undefined) return undefined
      const made = expansion.values.toToken(value, token)
      if (made.kind === 'scalar') expansion.budget.chargeText(made.text.length, token)
      else expansion.budget.chargeEvents(expansion.values.sizeOf(made), token)
      return made
    }
    case 'text':
      return evaluateText(token, program, { frame, expansion })
  }
}

function evaluateText(
  token: ScalarToken,
  program: Program & { kind: 'text' },
  at: { readonly frame: Frame; readonly expansion: Expansion },
): Token | undefined {
  const { expansion } = at
  const most = expansion.limits.expressionCharacters
  if (program.format.length > most) {
    const message = `Exceeded max expression length ${most}`
    const hint = `The text and its expressions become one format() of ${program.format.length} characters. Split the text, or move it to a file.`
    expansion.sink.add({ code: 'expression-too-long', message, hint, spot: token })
    return undefined
  }
  traceText(program, at)
  const quiet = expansion.trace
    ? { frame: at.frame, expansion: { ...expansion, trace: undefined } }
    : at
  let text = ''
  for (const part of program.parts) {
    if (typeof part === 'string') {
      text += part
      continue
    }
    const value = evaluatePart(part, token, quiet)
    if (value === undefined) return undefined
    const piece = toText(value)
    if (piece === undefined) {
      const message = `Unable to convert from ${kindOf(value)} to String.`
      const hint = 'A list or mapping cannot stand inside of text; use join() or convertToJson().'
      expansion.sink.add({ code: 'expression', message, hint, spot: spotOfPart(token, part) })
      return undefined
    }
    text += piece
  }
  expansion.budget.chargeText(text.length, token)
  return scalarAt(token, text)
}

/** The service's log shows text with expressions as the one expression that it stands for. */
function traceText(
  { format }: Program & { kind: 'text' },
  { frame, expansion }: { readonly frame: Frame; readonly expansion: Expansion },
): void {
  if (!expansion.trace) return
  const parsed = parseExpression(format, 'template', frame.loopNames)
  if (parsed.ok) evaluate(parsed.expression, scopeOf(frame, expansion))
}

/** What expressions see and may use in a frame. */
function scopeOf(frame: Frame, expansion: Expansion): Scope {
  return {
    phase: 'template',
    values: {
      parameters: frame.parameters,
      variables: frame.variables,
      resources: expansion.resources,
      ...frame.loops,
    },
    ...(expansion.trace ? { trace: expansion.trace } : {}),
    limits: expansion.evaluationLimits,
  }
}

/** The value of one expression; undefined after an error, which is in the sink. */
export function evaluatePart(
  part: Part,
  token: ScalarToken,
  { frame, expansion }: { readonly frame: Frame; readonly expansion: Expansion },
): Value | undefined {
  expansion.budget.chargeEvents(1, token)
  const { expression, error } = part
  if (!expression) {
    expansion.failed.add(token)
    if (error) reportPart(token, part, { error, expansion })
    return undefined
  }
  const result = evaluate(expression, {
    ...scopeOf(frame, expansion),
    undeclared: (context, name) => explainUndeclared(context, name, { token, frame, expansion }),
  })
  lintOnce(part, token, { frame, expansion })
  if (result.ok) return result.value
  reportPart(token, part, { error: result.error, expansion })
  return undefined
}

/** Warnings about an expression, the first time it is evaluated. */
function lintOnce(
  part: Part,
  token: ScalarToken,
  { frame, expansion }: { readonly frame: Frame; readonly expansion: Expansion },
): void {
  if (!part.expression || expansion.linted.has(part)) return
  expansion.linted.add(part)
  const { parameters } = frame
  const read = (name: string) =>
    parameters instanceof ObjectValue ? parameters.member(name) : undefined
  for (const { position, message, hint } of findDoubtfulComparisons(part.expression, read)) {
    const spot = spotOfPart(token, part, { message, position })
    expansion.sink.add({ code: 'boolean-text', severity: 'warning', message, hint, spot })
  }
}

/** Reading a parameter that a typed template does not declare is an error that names it. */
function explainUndeclared(
  context: string,
  name: string,
  at: { readonly token: ScalarToken; readonly frame: Frame; readonly expansion: Expansion },
): string | undefined {
  const { token, frame, expansion } = at
  if (context === 'parameters' && frame.declared) {
    if (frame.declared.has(name.toLowerCase())) return undefined
    const near = didYouMean(name, frame.declared.values())
    return `The parameter '${name}' is not declared.${near ? ` ${near}` : ''}`
  }
  if (context === 'variables' && SECRET_VARIABLES.has(name.toLowerCase())) {
    expansion.sink.add({
      code: 'secret-in-template',
      severity: 'warning',
      message: `The secret variable '${name}' has no value when templates are expanded.`,
      hint: `Secrets exist at run time only: use $(${name}), mapped by env.`,
      spot: token,
    })
    return undefined
  }
  const { group } = frame.variables
  if (context === 'variables' && group !== undefined) {
    expansion.sink.add({
      code: 'group-variable-in-template',
      severity: 'warning',
      message: `The variable '${name}' has no value when templates are expanded.`,
      hint: `Variables of groups such as '${group}' exist at run time only: use $(${name}), or a condition without braces.`,
      spot: token,
    })
  }
  return undefined
}

const SECRET_VARIABLES = new Set(['system.accesstoken'])

/** The program of a scalar, read once. */
function programOf(token: ScalarToken, frame: Frame, expansion: Expansion): Program {
  const { programs } = expansion.memory
  const known = programs.get(token)
  if (known) return known
  const program = readProgram(token.text, frame.loopNames)
  programs.set(token, program)
  return program
}

function reportPart(
  token: ScalarToken,
  part: Part,
  { error, expansion }: { readonly error: ExpressionError; readonly expansion: Expansion },
): void {
  const word = directiveWord(part)
  const hint = word ? `Write a colon behind '${word}': it is a key.` : error.hint
  const code = word ? 'directive-without-colon' : 'expression'
  expansion.sink.add({ code, message: error.message, hint, spot: spotOfPart(token, part, error) })
}

/** Reports an error of a directive or of text that is no expression at all. */
export function reportAt(token: ScalarToken, error: ExpressionError, expansion: Expansion): void {
  const { message, hint } = error
  expansion.sink.add({ code: 'expression', message, hint, spot: token })
}

/**
 * Where a part of a scalar stands in the file. The scalar's text may have been unescaped or
 * unindented, so the part is looked up in the source; failing that, the whole scalar is shown.
 */
export function spotOfPart(token: ScalarToken, part: Part, error?: ExpressionError): Spot {
  const { source, start, end } = token
  const { text } = part.piece
  const at = source.text.indexOf(text, start + Math.min(part.piece.start, end - start))
  const found = at >= 0 && at < end ? at : source.text.indexOf(text, start)
  if (found < 0 || found + text.length > end || text === '') return token
  const from = found + Math.min(error?.position ?? 0, text.length)
  return { source, start: from, end: Math.max(from, found + text.length) }
}
