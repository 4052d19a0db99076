import type { Expression } from '../expressions/index.ts'

type Node = Expression['root']

/** A named value with the literal names that lead into it: `dependencies.A.outputs['s.v']`. */
export interface NamePath {
  /** The named value, in lower case. */
  readonly root: string
  readonly names: readonly string[]
}

/** All paths of an expression that begin at a named value, up to their first computed part. */
export function pathsOf(expression: Expression): readonly NamePath[] {
  const paths: NamePath[] = []
  visit(expression.root, paths)
  return paths
}

function visit(node: Node, into: NamePath[]): void {
  if (node.kind === 'call') for (const arg of node.args) visit(arg, into)
  if (node.kind !== 'path') return
  visit(node.root, into)
  for (const step of node.steps) if (step.kind === 'index') visit(step.index, into)
  if (node.root.kind !== 'name') return
  const names: string[] = []
  for (const step of node.steps) {
    if (step.kind !== 'index' || step.index.kind !== 'literal') break
    if (typeof step.index.value !== 'string') break
    names.push(step.index.value)
  }
  into.push({ root: node.root.name.toLowerCase(), names })
}
