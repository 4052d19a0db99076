import type { Kind, Value } from './kinds.ts'
import { type Phase, phases, type Scope } from './scope.ts'

/** The arguments of a call. Each is evaluated when it is first asked for, and once. */
export interface Arguments {
  readonly count: number
  readonly scope: Scope
  value(index: number): Value
  /** The String cast; a list or mapping ends the evaluation with an error. */
  text(index: number): string
  boolean(index: number): boolean
  /** The Number cast; ends the evaluation with an error when it fails. */
  number(index: number): number
  /** Counts text about to be produced, in UTF-16 units, against the limit. */
  chargeText(length: number): void
  /** How many more items may be visited. */
  readonly itemsLeft: number
  /** Counts items about to be visited against the limit. */
  chargeItems(count: number): void
  fail(message: string, hint?: string): never
  /** Equality as `eq` knows it; what it must fold counts as text. */
  areEqual(left: Value, right: Value): boolean
  /** Ends the evaluation with the error of a cast that does not exist. */
  failCast(value: Value, to: Kind): never
  /** An argument's value as a message may show it: masked, or only its kind. */
  show(index: number): string
}

/** A function of the language, as data and as code. */
export interface ExpressionFunction {
  readonly name: string
  readonly min: number
  /** Infinity when any number may follow. */
  readonly max: number
  readonly doc: string
  readonly phases: readonly Phase[]
  /** The largest number of arguments where it is smaller than `max`. */
  readonly maxIn?: Partial<Readonly<Record<Phase, number>>>
  /** What a trace shows in place of the call: its arguments, or its result. */
  readonly traces: 'arguments' | 'result'
  readonly run: (args: Arguments) => Value
}

/** A row of a family: name, least and most arguments, one line for the editor, and the code. */
export type Row = readonly [
  name: string,
  arity: readonly [min: number, max: number],
  doc: string,
  run: (args: Arguments) => Value,
]

/** Makes a family of functions from rows and what they have in common. */
export function family(
  common: Partial<Pick<ExpressionFunction, 'phases' | 'maxIn' | 'traces'>>,
  rows: readonly Row[],
): readonly ExpressionFunction[] {
  return rows.map(([name, [min, max], doc, run]) => {
    return { name, min, max, doc, run, phases, traces: 'arguments', ...common }
  })
}

export const ANY_NUMBER = Number.POSITIVE_INFINITY
