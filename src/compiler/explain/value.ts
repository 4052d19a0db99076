import type { CompileRequest } from '../compile.ts'
import { treeOf } from '../editor/document.ts'
import {
  type Expression,
  type ExpressionError,
  evaluate,
  explainNull,
  type Parsed,
  type Phase,
  parseExpression,
  phases,
  phaseWords,
} from '../expressions/index.ts'
import type { Plan, PlanStage, VariableDeclaration } from '../plan.ts'
import { didYouMean } from '../schema/suggest.ts'
import { followPath, isPlanPath, type PlanValue, pathSegments } from './plan-path.ts'
import { staticValues } from './static-scope.ts'
import { sourceOf } from './token-at.ts'
import { placeText, variableStory } from './variable-story.ts'

/** The lines that explain a value, or why there is nothing to explain. */
export type Explanation =
  | { readonly ok: true; readonly lines: readonly string[] }
  | { readonly ok: false; readonly message: string; readonly hint?: string }

/**
 * Explains one value of the pipeline that `request` compiled to `plan`: an expression with its trace,
 * a variable with what sets and overrides it, or a path such as `stages[0].jobs.build.condition`.
 */
export function explainValue(question: string, plan: Plan, request: CompileRequest): Explanation {
  const text = question.trim()
  const segments = pathSegments(text)
  if (segments && isPlanPath(segments)) return explainPath({ text, segments }, plan, request)
  const name = variableName(segments, text)
  const story = name === undefined ? undefined : variableStory(name, plan, request.variables ?? {})
  if (story) return { ok: true, lines: story }
  return explainExpression(text, plan, request)
}

/** `name`, `variables.name` and `variables['name']` ask for a variable; names may hold dots. */
function variableName(segments: readonly string[] | undefined, text: string): string | undefined {
  if (segments?.[0]?.toLowerCase() === 'variables') {
    return segments.length > 1 ? segments.slice(1).join('.') : undefined
  }
  return /^[\w.-]+$/.test(text) ? text : undefined
}

function explainExpression(text: string, plan: Plan, request: CompileRequest): Explanation {
  const inside = /^\$\{\{([\s\S]*)\}\}$/.exec(text) ?? /^\$\[([\s\S]*)\]$/.exec(text)
  const expression = (inside?.[1] ?? text).trim()
  const { phase, parsed } = parseAnywhere(expression)
  if (!parsed.ok) return failure(expression, parsed.error)
  const lines: string[] = []
  const root = treeOf(request.file, request.readFile('self', request.file) ?? '')
  const { parameters = {}, variables = {} } = request
  const values = staticValues({ plan, root, parameters, variables })
  const scope = { phase, values }
  const result = evaluate(parsed.expression, { ...scope, trace: (line) => lines.push(line) })
  if (!result.ok) {
    const { message } = failure(expression, result.error)
    return { ok: false, message, hint: result.error.hint ?? lateHint(phase) }
  }
  return { ok: true, lines: [...lines, ...notes(parsed.expression, scope)] }
}

/** Parsed for templates, else for the first phase that knows all of its names. */
function parseAnywhere(text: string): { readonly phase: Phase; readonly parsed: Parsed } {
  const inTemplate = parseExpression(text, 'template')
  if (inTemplate.ok) return { phase: 'template', parsed: inTemplate }
  for (const phase of phases) {
    const parsed = parseExpression(text, phase)
    if (parsed.ok) return { phase, parsed }
  }
  return { phase: 'template', parsed: inTemplate }
}

function lateHint(phase: Phase): string {
  return phase === 'template'
    ? 'The value was computed with what is known when the pipeline is compiled.'
    : `The expression belongs to ${phaseWords[phase]}; what it asks for is known while the pipeline runs.`
}

/** Lookups that found nothing, and whether the answer may change at run time. */
function notes(
  expression: Expression,
  scope: Parameters<typeof explainNull>[1],
): readonly string[] {
  const missing = explainNull(expression, scope).map(({ message }) => `Note: ${message}`)
  return scope.phase === 'template' ? missing : [...missing, `Note: ${lateHint(scope.phase)}`]
}

/** The message, with the place in the expression drawn below it. */
function failure(text: string, { message, position, hint }: ExpressionError) {
  const picture = text.includes('\n') ? '' : `\n  ${text}\n  ${' '.repeat(position)}^`
  return { ok: false, message: `${message}${picture}`, ...(hint ? { hint } : {}) } as const
}

function explainPath(
  { text: path, segments }: { readonly text: string; readonly segments: readonly string[] },
  plan: Plan,
  request: CompileRequest,
): Explanation {
  const found = followPath(plan, segments)
  if ('missing' in found) {
    const near = didYouMean(found.missing, found.available)
    const list =
      found.available.length > 0 ? `It has ${found.available.join(', ')}.` : 'It is empty.'
    const message = `There is no '${found.missing}' in ${found.found}.`
    return { ok: false, message, hint: near ?? list }
  }
  const declared = found.value
  if (isDeclaration(declared)) {
    const lost = overridden(declared.name, plan, segments)
    const first = `${path} = ${declared.value}`
    return { ok: true, lines: [first, `  set at ${placeText(declared.place)}`, ...lost] }
  }
  return { ok: true, lines: valueLines(path, found, request) }
}

type Declaration = Extract<VariableDeclaration, { kind: 'value' }>

function isDeclaration(value: unknown): value is Declaration {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'value'
}

/** What a variable of a stage or job hides: settings of the stage around it and of the pipeline. */
function overridden(name: string, plan: Plan, segments: readonly string[]): readonly string[] {
  const isJob = segments[2] === 'jobs'
  const stage = followPath(plan, segments.slice(0, 2))
  const outer = isJob && 'value' in stage ? [stage.value as PlanStage, plan] : [plan]
  return outer.flatMap(({ variables }) =>
    variables.flatMap((one) =>
      one.kind === 'value' && one.name.toLowerCase() === name.toLowerCase()
        ? [`  overrides '${one.value}' (${placeText(one.place)})`]
        : [],
    ),
  )
}

function valueLines(path: string, found: PlanValue, request: CompileRequest): readonly string[] {
  const { value, owner, keys } = found
  const source = owner && keys.length > 0 ? sourceAt(owner.place, keys, request) : undefined
  const { written, standard } = source ?? {}
  if (value === undefined && !written) {
    const shown = standard === undefined ? `${path} is not set` : `${path} = ${standard}`
    const lines = [shown, ...(standard === undefined ? [] : ['  not written: the default'])]
    return owner ? [...lines, `  it could be written below ${placeText(owner.place)}`] : lines
  }
  const shown =
    typeof value === 'object' ? JSON.stringify(value, undefined, 2) : String(value ?? '')
  const lines = [`${path} = ${shown}`]
  if (written) {
    const from = written.inheritedFrom ? `by ${written.inheritedFrom} ` : ''
    lines.push(`  written ${from}at ${placeText(written.place)}`)
    if (written.text?.includes('${{')) lines.push(`  as ${written.text}`)
  } else if (owner) lines.push(`  comes from ${placeText(owner.place)}`)
  return lines
}

function sourceAt(
  place: Parameters<typeof sourceOf>[0],
  keys: readonly string[],
  request: CompileRequest,
) {
  const at = place.file.lastIndexOf('@')
  const [path, repository] =
    at < 0 ? [place.file, 'self'] : [place.file.slice(0, at), place.file.slice(at + 1)]
  const text = request.readFile(repository, path)
  return text === undefined ? undefined : sourceOf(place, keys, text)
}
