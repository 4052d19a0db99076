import {
  type ContextRow,
  contextTable,
  type ExpressionFunction,
  functionTable,
} from '../expressions/index.ts'
import { tokenize } from '../expressions/tokens.ts'
import type { KeyShape } from '../schema/shape.ts'
import { type EditorDocument, treeOf } from './document.ts'
import { conditionAt, type ExpressionAt, expressionAt, phaseAt } from './expression-at.ts'
import { type Holder, keyHolder } from './holder.ts'
import { type Located, locate, scalarOf } from './locate.ts'
import { type Declared, findDeclared } from './outline.ts'
import { stepSettings, type VariableSetting } from './variables.ts'
import { jobsAround, type View, viewFrom } from './view.ts'

/** What a piece of text means. */
export type Meaning =
  | { readonly kind: 'key'; readonly name: string; readonly row: KeyShape }
  | { readonly kind: 'task'; readonly reference: string }
  | { readonly kind: 'input'; readonly reference: string; readonly name: string }
  | { readonly kind: 'function'; readonly row: ExpressionFunction }
  | { readonly kind: 'context'; readonly row: ContextRow }
  | { readonly kind: 'variable'; readonly name: string }
  | { readonly kind: 'output'; readonly setting: VariableSetting }
  | { readonly kind: 'template'; readonly reference: string }
  | { readonly kind: 'templateParameter'; readonly reference: string; readonly name: string }
  | { readonly kind: 'declared'; readonly what: string; readonly declared: Declared }

/** A meaning with the stretch of the document that has it. */
export interface SymbolAt {
  readonly meaning: Meaning
  readonly start: number
  readonly end: number
  readonly view: View
}

/** What stands at an offset; undefined where nothing has a meaning of its own. */
export function symbolAt(document: EditorDocument, offset: number): SymbolAt | undefined {
  const root = treeOf(document.file, document.text)
  const at = locate(root, offset)
  const view = viewFrom(document, root, at)
  const inside = expressionAt(document.text, offset) ?? (at && conditionAt(at, document.text))
  if (inside) return inExpression(inside, offset, { at, view })
  if (!at || at.scalar.style === 'block') return undefined
  const { start, end } = at.scalar
  const meaning = at.keyOf ? meaningOfKey(at, view) : meaningOfValue(at, view, offset)
  return meaning && { meaning, start, end, view }
}

function inExpression(
  expression: ExpressionAt,
  offset: number,
  { at, view }: { readonly at: Located | undefined; readonly view: View },
): SymbolAt | undefined {
  const { text, start: base, kind } = expression
  if (kind === 'macro') {
    const name = text.trim()
    const start = base + text.indexOf(name)
    return { meaning: { kind: 'variable', name }, start, end: start + name.length, view }
  }
  const found = pathAt(text, offset - base)
  if (!found) return undefined
  const meaning = found.isCall
    ? functionNamed(found.path[0] ?? '')
    : meaningOfPath(found.path, phaseAt(kind, at) === 'stageCondition', view)
  return meaning && { meaning, start: base + found.start, end: base + found.end, view }
}

interface PathAt {
  /** The parts from the named value up to the one at the place. */
  readonly path: readonly string[]
  readonly isCall: boolean
  readonly start: number
  readonly end: number
}

/** The name or quoted index at an offset into an expression, with what leads to it. */
function pathAt(text: string, offset: number): PathAt | undefined {
  const tokens = tokenize(text)
  let path: readonly string[] = []
  for (const [i, token] of tokens.entries()) {
    const before = tokens[i - 1]?.kind
    const { kind, start, end } = token
    if (kind === 'name') path = [...(before === '.' ? path : []), text.slice(start, end)]
    else if (kind === 'literal' && before === '[') path = [...path, String(token.value)]
    else if (kind === '*') path = [...path, '*']
    else if (kind !== '.' && kind !== '[' && kind !== ']') path = []
    if (start > offset) return undefined
    const isName = kind === 'name' || (kind === 'literal' && before === '[')
    if (isName && offset <= end) {
      const isCall = path.length === 1 && tokens[i + 1]?.kind === '('
      return { path, isCall, start, end }
    }
  }
  return undefined
}

function functionNamed(name: string): Meaning | undefined {
  const row = functionTable.find((one) => one.name.toLowerCase() === name.toLowerCase())
  return row && { kind: 'function', row }
}

function meaningOfPath(
  path: readonly string[],
  inStageCondition: boolean,
  view: View,
): Meaning | undefined {
  const [root = '', name, second] = path
  if (name === undefined) {
    const row = contextTable.find((one) => one.name.toLowerCase() === root.toLowerCase())
    return row && { kind: 'context', row }
  }
  const { outline } = view
  switch (root.toLowerCase()) {
    case 'variables':
      return path.length === 2 ? { kind: 'variable', name } : undefined
    case 'parameters':
      return path.length === 2 ? declared('parameter', outline.parameters, name) : undefined
    case 'dependencies':
      if (!inStageCondition) return jobOrOutput(jobsAround(view), path.slice(1))
      return path.length === 2 ? declared('stage', outline.stages, name) : undefined
    case 'stagedependencies': {
      const jobs = findDeclared(outline.stages, name)?.jobs ?? []
      if (second === undefined) return declared('stage', outline.stages, name)
      return jobOrOutput(jobs, path.slice(2))
    }
    case 'resources':
      return path.length === 3
        ? declared('repository', outline.repositories, second ?? '')
        : undefined
    default:
      return undefined
  }
}

/** `J` or `J.outputs['step.name']`. */
function jobOrOutput(jobs: readonly Declared[], path: readonly string[]): Meaning | undefined {
  const [name = '', field, output] = path
  if (field === undefined) return declared('job', jobs, name)
  if (field.toLowerCase() !== 'outputs' || output === undefined) return undefined
  const job = findDeclared(jobs, name)
  const setting = stepSettings(job?.token).find(
    (one) => one.name.toLowerCase() === output.toLowerCase(),
  )
  return setting && { kind: 'output', setting }
}

function declared(what: string, rows: readonly Declared[], name: string): Meaning | undefined {
  const found = findDeclared(rows, name)
  return found && { kind: 'declared', what, declared: found }
}

function meaningOfKey(at: Located, view: View): Meaning | undefined {
  const level = view.levels.at(-1)
  const owner = view.levels.at(-2)
  const name = at.scalar.text
  const leading = level?.entry?.key.text
  if (level?.name === 'variableMap') return { kind: 'variable', name }
  if (leading === 'inputs' && owner?.name === 'taskStep') {
    return { kind: 'input', reference: scalarOf(owner.token, 'task')?.text ?? '', name }
  }
  const isReference = owner?.name === 'templateReference' || owner?.name === 'extends'
  if (leading === 'parameters' && isReference) {
    const reference = scalarOf(owner?.token, 'template')?.text ?? ''
    return { kind: 'templateParameter', reference, name }
  }
  return keyMeaning(level?.shape, name)
}

function keyMeaning(shape: View['levels'][number]['shape'], name: string): Meaning | undefined {
  if (shape?.kind !== 'object' || !Object.hasOwn(shape.keys, name)) return undefined
  const row = shape.keys[name]
  return row && { kind: 'key', name, row }
}

function meaningOfValue(at: Located, view: View, offset: number): Meaning | undefined {
  const holder = keyHolder(view.levels)
  if (!holder) return undefined
  const { text } = at.scalar
  const { owner, key } = holder
  if (key === 'task' && owner.name === 'taskStep') return { kind: 'task', reference: text }
  if (key === 'template') return templateMeaning(at, view, offset)
  if (key === 'name' && owner.name === 'variableEntry') return { kind: 'variable', name: text }
  const parameter = findDeclared(view.outline.parameters, text)
  if (key === 'name' && owner.name === 'parameter' && parameter) {
    return { kind: 'declared', what: 'parameter', declared: parameter }
  }
  return named(holder, text, view) ?? keyMeaning(owner.shape, key)
}

/** The file, or behind its `@` the repository. */
function templateMeaning(at: Located, { outline }: View, offset: number): Meaning | undefined {
  const { text, start, style } = at.scalar
  const split = text.lastIndexOf('@')
  const from = start + (style === 'quoted' ? 1 : 0) + split
  if (split >= 0 && offset > from) {
    return declared('repository', outline.repositories, text.slice(split + 1))
  }
  return { kind: 'template', reference: text }
}

function named({ owner, key }: Holder, text: string, view: View): Meaning | undefined {
  const { outline } = view
  if (key === 'dependsOn') {
    return owner.name === 'ordinaryStage'
      ? declared('stage', outline.stages, text)
      : declared('job', jobsAround(view), text)
  }
  if (key === 'checkout' || (key === 'repositories' && owner.name === 'uses')) {
    return declared('repository', outline.repositories, text)
  }
  if (key === 'download') return declared('pipeline', outline.pipelines, text)
  if (key === 'container' || key === 'target' || owner.name === 'services') {
    return declared('container', outline.containers, text)
  }
  return undefined
}
