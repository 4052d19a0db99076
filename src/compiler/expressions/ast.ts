import type { ExpressionFunction } from './function-row.ts'
import type { Value } from './kinds.ts'
import type { Phase } from './scope.ts'

/** A parsed expression: immutable, and good for any number of evaluations in its phase. */
export interface Expression {
  readonly text: string
  readonly phase: Phase
  readonly root: Node
}

/** A part of an expression. `position` is its offset in the text, in UTF-16 units from 0. */
export type Node = LiteralNode | NameNode | CallNode | PathNode

export interface LiteralNode {
  readonly kind: 'literal'
  readonly value: Value
  /** As written. */
  readonly raw: string
  readonly position: number
}

/** A named value. `name` is its proper spelling, `raw` the one that was written. */
export interface NameNode {
  readonly kind: 'name'
  readonly name: string
  readonly raw: string
  readonly position: number
}

export interface CallNode {
  readonly kind: 'call'
  readonly fn: ExpressionFunction
  readonly raw: string
  readonly args: readonly Node[]
  readonly position: number
}

/** A named value or call with the steps that lead into it; flat, so long paths cost no depth. */
export interface PathNode {
  readonly kind: 'path'
  readonly root: NameNode | CallNode
  readonly steps: readonly Step[]
  readonly position: number
}

/** `[index]`, which `.name` is short for with literal text, or `.*` and `[*]`. */
export type Step =
  | { readonly kind: 'index'; readonly index: Node; readonly position: number }
  | { readonly kind: 'all'; readonly position: number }
