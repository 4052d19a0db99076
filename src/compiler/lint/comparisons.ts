import type { Expression, Value } from '../expressions/index.ts'

type Node = Expression['root']

/** A comparison that does not do what it looks like, by its offset in the expression. */
export interface DoubtfulComparison {
  readonly position: number
  readonly message: string
  readonly hint: string
}

const COMPARISONS = new Set(['eq', 'ne', 'in', 'notin'])

/**
 * Comparisons of a boolean with text: the text is turned into a boolean, and every text but the
 * empty one is true, so `eq(false, 'false')` is False. `read` gives the value of a parameter.
 */
export function findDoubtfulComparisons(
  expression: Expression,
  read: (parameter: string) => Value | undefined,
): readonly DoubtfulComparison[] {
  const found: DoubtfulComparison[] = []
  visit(expression.root, (node) => {
    if (node.kind !== 'call' || !COMPARISONS.has(node.fn.name.toLowerCase())) return
    const [left, ...others] = node.args
    if (!left || !isBoolean(left, read)) return
    const other = others.find(isText)
    if (!other) return
    const message = `${node.fn.name}() compares a boolean with text, and every text that is not empty counts as True.`
    const hint = "Compare with true or false, without quotes; or put the text first: eq('true', …)."
    found.push({ position: other.position, message, hint })
  })
  return found
}

function visit(node: Node, onNode: (node: Node) => void): void {
  onNode(node)
  if (node.kind === 'call') for (const arg of node.args) visit(arg, onNode)
  if (node.kind === 'path') {
    visit(node.root, onNode)
    for (const step of node.steps) if (step.kind === 'index') visit(step.index, onNode)
  }
}

function isBoolean(node: Node, read: (parameter: string) => Value | undefined): boolean {
  if (node.kind === 'literal') return typeof node.value === 'boolean'
  if (node.kind !== 'path' || node.root.kind !== 'name') return false
  if (node.root.name.toLowerCase() !== 'parameters' || node.steps.length !== 1) return false
  const [step] = node.steps
  if (step?.kind !== 'index' || step.index.kind !== 'literal') return false
  return typeof read(String(step.index.value)) === 'boolean'
}

/** Text as a literal, or a variable, which is always text. */
function isText(node: Node): boolean {
  if (node.kind === 'literal') return typeof node.value === 'string' && node.value !== ''
  return (
    node.kind === 'path' &&
    node.root.kind === 'name' &&
    node.root.name.toLowerCase() === 'variables'
  )
}
