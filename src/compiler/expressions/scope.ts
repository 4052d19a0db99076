import type { Value } from './kinds.ts'

/** Where an expression stands; it decides which named values and functions exist. */
export type Phase =
  | 'template'
  | 'runtimeVariable'
  | 'stageCondition'
  | 'jobCondition'
  | 'stepCondition'
  | 'jobField'

/** Every phase, in the order in which a run meets them. */
export const phases: readonly Phase[] = [
  'template',
  'stageCondition',
  'jobCondition',
  'runtimeVariable',
  'jobField',
  'stepCondition',
]

/** What a phase is called in a hint. */
export const phaseWords: Readonly<Record<Phase, string>> = {
  template: `template expressions '\${{ }}'`,
  runtimeVariable: "variable values '$[ ]'",
  stageCondition: 'stage conditions',
  jobCondition: 'job conditions',
  stepCondition: 'step conditions',
  jobField: "job settings '$[ ]'",
}

/** What went wrong. `position` is an offset into the expression text, in UTF-16 units from 0. */
export interface ExpressionError {
  readonly message: string
  readonly position: number
  /** What to do next: the phase in which a name exists, a near name, a missing bracket. */
  readonly hint?: string
  /**
   * True when the text is well-formed and only a name in it does not exist in this phase. A template
   * branch that is not taken may hold such text, but none that is malformed.
   */
  readonly unknownName?: true
}

/** Answers for the status functions. `names` are jobs or stages as written; empty means all. */
export interface StatusPort {
  always(): boolean
  canceled(): boolean
  failed(names: readonly string[]): boolean
  succeeded(names: readonly string[]): boolean
  succeededOrFailed(names: readonly string[]): boolean
}

/** Bounds of one evaluation; going past them is an error, never a crash or a hang. */
export interface Limits {
  /** Nodes evaluated and items that filters and list functions visit; 1 000 000 unless told. */
  readonly maxNodes?: number
  /** UTF-16 units of text that casts and functions produce in all; 20 000 000 unless told. */
  readonly maxTextLength?: number
  /** Told once after each evaluation, also a failed one, how much of both bounds it has used. */
  readonly onSpent?: (nodes: number, textLength: number) => void
}

/** What an expression can see and use while it is evaluated. */
export interface Scope {
  readonly phase: Phase
  /** Named values and, in templates, loop variables. A function is called at most once. */
  readonly values: Readonly<Record<string, Value | (() => Value)>>
  /** The error message for a member that does not exist; undefined lets it be Null. */
  readonly undeclared?: (context: string, name: string) => string | undefined
  readonly status?: StatusPort
  /** The next number of a prefix. Called once for each `counter` that is evaluated. */
  readonly counter?: (prefix: string, seed: number) => number
  readonly trace?: (line: string) => void
  /**
   * Takes secrets out of values before they are printed in traces and messages. Give it wherever a
   * value can be a secret: a trace doubles quotes, so a masker behind it may miss one that has any.
   */
  readonly mask?: (text: string) => string
  readonly limits?: Limits
}
