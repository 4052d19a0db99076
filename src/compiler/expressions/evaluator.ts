import type { CallNode, Expression, NameNode, Node, PathNode, Step } from './ast.ts'
import { areEqual } from './compare.ts'
import type { Arguments } from './function-row.ts'
import {
  ArrayValue,
  childrenOf,
  type Kind,
  kindOf,
  ObjectValue,
  sizeOf,
  type Value,
} from './kinds.ts'
import type { ExpressionError, Scope } from './scope.ts'
import { foldCase } from './text.ts'
import { formatValue, printNode, printRealized } from './trace.ts'
import { toBoolean, toNumber, toText } from './values.ts'

/** A value, or why there is none. */
export type Evaluated =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly error: ExpressionError }

const MAX_NODES = 1_000_000
const MAX_TEXT_LENGTH = 20_000_000

/** The longest `Expanded:` line; values that do not fit are shown as `…`. */
const MAX_TRACE_LENGTH = 100_000

/**
 * Evaluates an expression in a scope. Given the same scope it gives the same answer, except for what
 * `counter` brings. With `scope.trace` it writes the `Evaluating`, `Expanded` and `Result` lines.
 */
export function evaluate(expression: Expression, scope: Scope): Evaluated {
  const evaluation = new Evaluation(scope)
  try {
    scope.trace?.(`Evaluating: ${printNode(expression.root)}`)
    const value = evaluation.node(expression.root)
    if (scope.trace) evaluation.traceResult(expression.root, value, scope.trace)
    return { ok: true, value }
  } catch (thrown) {
    if (thrown instanceof EvaluationFailure) return { ok: false, error: thrown.error }
    throw thrown
  } finally {
    evaluation.reportSpent()
  }
}

/** Carries an error out of the recursion; never leaves this file. */
class EvaluationFailure extends Error {
  readonly error: ExpressionError

  constructor(message: string, position: number, hint?: string) {
    super(message)
    this.error = { message, position, ...(hint && { hint }) }
  }
}

/** One evaluation: its scope, what it has used of its limits, and what it has seen for the trace. */
class Evaluation {
  readonly scope: Scope
  readonly #realized: Map<Node, Value> | undefined
  readonly #named = new Map<string, Value>()
  #nodesLeft: number
  #textLeft: number

  constructor(scope: Scope) {
    this.scope = scope
    this.#realized = scope.trace && new Map()
    this.#nodesLeft = scope.limits?.maxNodes ?? MAX_NODES
    this.#textLeft = scope.limits?.maxTextLength ?? MAX_TEXT_LENGTH
  }

  node(node: Node): Value {
    this.chargeNodes(1, node.position)
    const value = this.#evaluate(node)
    this.#realized?.set(node, value)
    return value
  }

  #evaluate(node: Node): Value {
    switch (node.kind) {
      case 'literal':
        return node.value
      case 'name':
        return this.#name(node)
      case 'call':
        return node.fn.run(new CallArguments(this, node))
      case 'path':
        return this.#path(node)
    }
  }

  get nodesLeft(): number {
    return this.#nodesLeft
  }

  chargeNodes(count: number, position: number): void {
    this.#nodesLeft -= count
    if (this.#nodesLeft < 0) {
      const most = this.scope.limits?.maxNodes ?? MAX_NODES
      throw new EvaluationFailure(`The expression takes more than ${most} steps.`, position)
    }
  }

  chargeText(length: number, position: number): void {
    this.#textLeft -= length
    if (this.#textLeft < 0) {
      const most = this.scope.limits?.maxTextLength ?? MAX_TEXT_LENGTH
      const message = `The expression produces more than ${most} characters of text.`
      throw new EvaluationFailure(message, position)
    }
  }

  reportSpent(): void {
    const { limits } = this.scope
    const nodes = (limits?.maxNodes ?? MAX_NODES) - this.#nodesLeft
    limits?.onSpent?.(nodes, (limits.maxTextLength ?? MAX_TEXT_LENGTH) - this.#textLeft)
  }

  traceResult(root: Node, value: Value, trace: (line: string) => void): void {
    const { mask } = this.scope
    const values = this.#realized ?? new Map<Node, Value>()
    const expanded = printNode(root, { values, mask, roomLeft: MAX_TRACE_LENGTH })
    const result = printRealized(value, { values, mask, roomLeft: MAX_TRACE_LENGTH })
    if (expanded !== result) trace(`Expanded: ${expanded}`)
    trace(`Result: ${result}`)
  }

  #name(node: NameNode): Value {
    const known = this.#named.get(node.name)
    if (known !== undefined) return known
    const given = findNamed(this.scope, node.name)
    const value = typeof given === 'function' ? given() : (given ?? null)
    this.#named.set(node.name, value)
    return value
  }

  #path(node: PathNode): Value {
    let value = this.node(node.root)
    for (const [i, step] of node.steps.entries()) {
      if (value === null && i > 0) return null
      if (step.kind === 'all') {
        value = this.#all(value, step)
      } else {
        const key = step.index.kind === 'literal' ? step.index.value : this.node(step.index)
        if (i === 0 && node.root.kind === 'name') this.#checkDeclared(node.root, key, value)
        value = this.#member(value, key, step)
      }
    }
    return value
  }

  /** Stops at a member of a named value that the scope says is an error to read. */
  #checkDeclared(root: NameNode, key: Value, value: Value): void {
    const name = toText(key)
    const { undeclared } = this.scope
    if (!undeclared || name === undefined || memberAt(value, name) !== undefined) return
    const message = undeclared(root.name, name)
    if (message !== undefined) throw new EvaluationFailure(message, root.position)
  }

  /** A filtered list gives a filtered list of those members that exist. */
  #member(value: Value, key: Value, step: Step): Value {
    if (!(value instanceof ArrayValue && value.filtered)) return memberAt(value, key) ?? null
    this.chargeNodes(value.length, step.position)
    const members = value.items().map((item) => memberAt(item, key))
    return new ArrayValue(
      members.filter((member) => member !== undefined),
      true,
    )
  }

  #all(value: Value, step: Step): Value {
    const filtered = value instanceof ArrayValue && value.filtered
    if (filtered) this.chargeNodes(value.length, step.position)
    const bases = filtered ? value.items() : [value]
    if (!filtered && sizeOf(value) === undefined) return null
    for (const base of bases) this.chargeNodes(sizeOf(base) ?? 0, step.position)
    return new ArrayValue(
      bases.flatMap((base) => childrenOf(base) ?? []),
      true,
    )
  }
}

function findNamed(scope: Scope, name: string): Value | (() => Value) | undefined {
  if (Object.hasOwn(scope.values, name)) return scope.values[name]
  const folded = foldCase(name)
  const spelling = Object.keys(scope.values).find((key) => foldCase(key) === folded)
  return spelling === undefined ? undefined : scope.values[spelling]
}

/** The member of a mapping or item of a list; undefined when there is none. */
export function memberAt(value: Value, key: Value): Value | undefined {
  if (value instanceof ObjectValue) {
    const name = toText(key)
    return name === undefined ? undefined : value.member(name)
  }
  if (!(value instanceof ArrayValue) || key === null || key === '') return undefined
  const index = Math.floor(toNumber(key) ?? -1)
  return index >= 0 && index < value.length ? value.item(index) : undefined
}

/** The arguments of one call, evaluated when they are asked for. */
class CallArguments implements Arguments {
  readonly #evaluation: Evaluation
  readonly #call: CallNode
  readonly #values: (Value | undefined)[] = []

  constructor(evaluation: Evaluation, call: CallNode) {
    this.#evaluation = evaluation
    this.#call = call
  }

  get count(): number {
    return this.#call.args.length
  }

  get scope(): Scope {
    return this.#evaluation.scope
  }

  value(index: number): Value {
    const known = this.#values[index]
    if (known !== undefined) return known
    const node = this.#call.args[index]
    if (!node) throw new Error(`${this.#call.fn.name} reads argument ${index} that is not there`)
    const value = this.#evaluation.node(node)
    this.#values[index] = value
    return value
  }

  text(index: number): string {
    const value = this.value(index)
    return toText(value) ?? this.#failAt(index, value, 'String')
  }

  boolean(index: number): boolean {
    return toBoolean(this.value(index))
  }

  number(index: number): number {
    const value = this.value(index)
    return toNumber(value) ?? this.#failAt(index, value, 'Number')
  }

  chargeText(length: number): void {
    this.#evaluation.chargeText(length, this.#call.position)
  }

  get itemsLeft(): number {
    return this.#evaluation.nodesLeft
  }

  chargeItems(count: number): void {
    this.#evaluation.chargeNodes(count, this.#call.position)
  }

  fail(message: string, hint?: string): never {
    throw new EvaluationFailure(message, this.#call.position, hint)
  }

  areEqual(left: Value, right: Value): boolean {
    if (typeof left === 'string' && typeof right === 'string') {
      if (left === right) return true
      if (left.length !== right.length) return false
      this.chargeText(left.length * 2)
    }
    return areEqual(left, right)
  }

  failCast(value: Value, to: Kind): never {
    const index = this.#values.indexOf(value)
    return this.#failAt(Math.max(index, 0), value, to)
  }

  show(index: number): string {
    const value = this.value(index)
    return this.#shown(index, value) ?? kindOf(value)
  }

  #failAt(index: number, value: Value, to: Kind): never {
    const shown = this.#shown(index, value)
    const message = `Unable to convert from ${kindOf(value)} to ${to}.`
    const position = this.#call.args[index]?.position ?? this.#call.position
    throw new EvaluationFailure(
      shown === undefined ? message : `${message} Value: ${shown}`,
      position,
    )
  }

  /**
   * A value as a message may show it. Without a mask only what the pipeline's own text says, which
   * is all that template expressions see, is shown: another value could be a secret.
   */
  #shown(index: number, value: Value): string | undefined {
    const { mask, phase } = this.scope
    const open = mask || phase === 'template' || this.#call.args[index]?.kind === 'literal'
    const text = open ? formatValue(value, mask) : undefined
    return text === undefined || text.length <= MAX_SHOWN ? text : `${kindOf(value)}`
  }
}

const MAX_SHOWN = 500
