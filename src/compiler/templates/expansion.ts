import type { Limits, Value } from '../expressions/index.ts'
import type { CompileLimits } from '../limits.ts'
import type { PlanResources } from '../plan.ts'
import type { Finding, Sink } from '../sink.ts'
import type { MappingToken, ScalarToken, Token } from '../text/token.ts'
import type { Budget } from './budget.ts'
import type { Frame } from './frame.ts'
import type { Directive, Part, Program } from './program.ts'
import type { ShapeView, TemplateKind } from './shapes.ts'
import type { TokenValues } from './values.ts'

/** Programs and directives of scalars, kept as long as the files that hold them. */
export interface ProgramMemory {
  readonly programs: WeakMap<ScalarToken, Program>
  readonly directives: WeakMap<ScalarToken, Directive | 'none'>
  /** What was found when all expressions of a file were read, by its root. */
  readonly scans: WeakMap<Token, Scanned>
}

/** What reading all expressions of a file found. */
export interface Scanned {
  /** Errors, whatever branch they stand in. */
  readonly findings: readonly Finding[]
  /** Unknown names, which are errors only where they are evaluated. */
  readonly deferred: readonly DeferredProblem[]
}

/** An expression with an unknown name. */
export interface DeferredProblem {
  readonly token: ScalarToken
  readonly part: Part
}

/** What one compilation's expansion works with. */
export interface Expansion {
  readonly sink: Sink
  readonly limits: CompileLimits
  readonly budget: Budget
  readonly values: TokenValues
  /** Bounds of a single expression; what it spends goes to the budget. */
  readonly evaluationLimits: Limits
  readonly memory: ProgramMemory
  readonly shape: (name: string) => ShapeView
  /** The value of `resources` for expressions, as far as they are known. */
  readonly resources: () => Value
  /** The resources declared so far, by kind. */
  readonly planResources: () => PlanResources
  /** Takes notice of a `resources:` mapping as soon as it is expanded. */
  readonly declareResources: (token: Token) => void
  /** The items that a `template:` reference stands for. */
  readonly include: (reference: MappingToken, kind: TemplateKind, frame: Frame) => readonly Token[]
  /** Scalars whose expression could not be parsed and was evaluated, so that it is an error. */
  readonly failed: WeakSet<ScalarToken>
  /** Expressions that have been looked at for warnings. */
  readonly linted: WeakSet<Part>
  readonly trace: ((line: string) => void) | undefined
}
