import type { Node, PathNode } from './ast.ts'
import { kindOf, type Value } from './kinds.ts'
import { toText } from './values.ts'

/** How values are written in an expression: text in quotes, lists and mappings by their kind. */
export function formatValue(value: Value, mask?: (text: string) => string): string {
  const kind = kindOf(value)
  if (kind === 'Null' || kind === 'Array' || kind === 'Object') return kind
  const text = toText(value) ?? ''
  const shown = mask ? mask(text) : text
  return kind === 'String' ? `'${shown.replaceAll("'", "''")}'` : shown
}

/** What a trace may know: values of nodes that were evaluated, and how much it may print. */
export interface Realized {
  readonly values: ReadonlyMap<Node, Value>
  readonly mask: ((text: string) => string) | undefined
  /** UTF-16 units left for values; a value that does not fit is printed as `…`, never cut. */
  roomLeft: number
}

/**
 * Writes an expression out. Alone it is the text that parses to the same expression; with `realized`
 * the named values and calls that were evaluated stand as their values.
 */
export function printNode(node: Node, realized?: Realized): string {
  if (node.kind === 'literal') return printLiteral(node.value, node.raw)
  const value = realized?.values.get(node)
  if (realized && value !== undefined && showsResult(node)) return printRealized(value, realized)
  if (node.kind === 'name') return node.raw
  if (node.kind === 'path') return printPath(node, realized)
  return `${node.raw}(${node.args.map((arg) => printNode(arg, realized)).join(', ')})`
}

function showsResult(node: Node): boolean {
  return node.kind !== 'call' || node.fn.traces === 'result'
}

/** A value for the trace, which takes its length from the room that is left. */
export function printRealized(value: Value, realized: Realized): string {
  if (typeof value === 'string' && value.length > realized.roomLeft) return '…'
  const text = formatValue(value, realized.mask)
  if (text.length > realized.roomLeft) return '…'
  realized.roomLeft -= text.length
  return text
}

/** Numbers are written as casts write them, unless that would lose digits. */
function printLiteral(value: Value, raw: string): string {
  if (typeof value === 'number' && Number(toText(value)) !== value) return raw
  return formatValue(value)
}

function printPath(node: PathNode, realized?: Realized): string {
  let text = printNode(node.root, realized)
  for (const step of node.steps) {
    if (step.kind === 'all') text += '[*]'
    else text += `[${printNode(step.index, realized)}]`
  }
  return text
}
