import type { Expression, Node, PathNode } from './ast.ts'
import { evaluate, memberAt } from './evaluator.ts'
import { ArrayValue, kindOf, ObjectValue, type Value } from './kinds.ts'
import { nearest } from './near.ts'
import type { Scope } from './scope.ts'
import { printNode } from './trace.ts'
import { toText } from './values.ts'

/** Why a lookup gave Null. */
export interface NullExplanation {
  /** The part that exists, for example `dependencies['Build']`. */
  readonly found: string
  /** The first name that does not exist there. */
  readonly missing: string
  /** The names that exist there, as written, at most 50; empty when the part holds none. */
  readonly available: readonly string[]
  /** The available name that was probably meant. */
  readonly near?: string
  /** All of it as a sentence. */
  readonly message: string
  /** Offset of the missing part in the expression text, in UTF-16 units. */
  readonly position: number
}

const MAX_NAMES = 50

/**
 * The lookups of an expression that end in Null because a name does not exist, in the order in which
 * they are written. Looks at all of them, also where evaluation would stop earlier.
 */
export function explainNull(expression: Expression, scope: Scope): readonly NullExplanation[] {
  const { trace: _, undeclared: __, counter: ___, ...quiet } = scope
  const explanations: NullExplanation[] = []
  visit(expression.root, (path) => {
    const explanation = explainPath(path, expression, quiet)
    if (explanation) explanations.push(explanation)
  })
  return explanations
}

function visit(node: Node, onPath: (path: PathNode) => void): void {
  if (node.kind === 'path') {
    onPath(node)
    visit(node.root, onPath)
    for (const step of node.steps) if (step.kind === 'index') visit(step.index, onPath)
  } else if (node.kind === 'call') {
    for (const arg of node.args) visit(arg, onPath)
  }
}

function explainPath(
  path: PathNode,
  expression: Expression,
  scope: Scope,
): NullExplanation | undefined {
  const read = (node: Node): Value => {
    const result = evaluate({ ...expression, root: node }, scope)
    return result.ok ? result.value : null
  }
  let value = read(path.root)
  for (const [i, step] of path.steps.entries()) {
    if (step.kind === 'all') return undefined
    const key = read(step.index)
    const next = memberAt(value, key)
    if (next === undefined) {
      const found = printNode({ ...path, steps: path.steps.slice(0, i) })
      return explain(value, toText(key) ?? kindOf(key), found, step.position)
    }
    value = next
  }
  return undefined
}

function explain(value: Value, missing: string, found: string, position: number): NullExplanation {
  const available = namesIn(value)
  const near = nearest(missing, available)
  const meant = near === undefined ? '' : ` Did you mean '${near}'?`
  const message = `There is no '${missing}' in ${found}: ${sentence(value, available)}${meant}`
  return { found, missing, available, ...(near !== undefined && { near }), message, position }
}

function namesIn(value: Value): readonly string[] {
  return value instanceof ObjectValue ? value.keys().slice(0, MAX_NAMES) : []
}

function sentence(value: Value, available: readonly string[]): string {
  if (available.length > 0) return `it has ${available.map((name) => `'${name}'`).join(', ')}.`
  if (value instanceof ArrayValue) return `it is a list of ${value.length}.`
  return value === null || value instanceof ObjectValue ? 'it is empty.' : 'it is a single value.'
}
