import type { Sealed } from '../base/sealed.ts'
import type { Diagnostic, Plan } from '../compiler/index.ts'

/** Makes the token a job presents to this server (`System.AccessToken`). */
export interface JobTokens {
  /** The token must outlive the job; its principal is of kind `pipeline` with the job's id as object id. */
  issue(job: {
    readonly organization: string
    readonly projectId: string
    readonly runId: number
    readonly planId: string
    readonly jobId: string
    readonly lifetimeMs: number
  }): Promise<Sealed>
}

/** An input of a task that names a service connection. */
export interface ConnectionInput {
  /** The input's name and its aliases; they compare without case. */
  readonly names: readonly string[]
  /** The connection type it wants, for example `azurerm`; compared without case. */
  readonly type: string
  /** Authentication schemes it takes; undefined means any. */
  readonly schemes?: readonly string[]
}

/** What queueing needs to know of a task. */
export interface TaskFacts {
  /** The task's GUID, lower case. */
  readonly id: string
  readonly name: string
  /** Full version, for example `2.279.1`. */
  readonly version: string
  readonly connectionInputs: readonly ConnectionInput[]
}

/** The tasks that agents here can run. */
export interface TaskCatalog {
  /** By name or GUID, without case, and major version; undefined when there is none. */
  find(reference: string, majorVersion: string): TaskFacts | undefined
}

/** What a compilation works on. */
interface CompileRequest {
  /** The root file's path inside the repository, with `/`. */
  readonly file: string
  /** The text of a repository file, or undefined when there is none. It must not leave the folder. */
  readonly readFile: (path: string) => string | undefined
  /** Parameters as the caller gave them, by name: text, or JSON for objects and lists. */
  readonly parameters: Readonly<Record<string, unknown>>
  /** Variables that template expressions may read. Never secrets. */
  readonly variables: Readonly<Record<string, string>>
  /** Replaces the root file's text for this compilation. */
  readonly yamlOverride?: string
}

/** A plan when no diagnostic is an error. */
export interface CompileResult {
  readonly plan: Plan | undefined
  readonly diagnostics: readonly Diagnostic[]
  /** The expanded document as text; undefined when it could not be expanded. */
  readonly finalYaml?: string
}

/** Pipeline text in, plan and diagnostics out. It never throws for bad text. */
export interface Compiler {
  compile(request: CompileRequest): CompileResult
}

/** Answers of the status functions; `names` are as written, empty means all that it depends on. */
export interface StatusAnswers {
  always(): boolean
  canceled(): boolean
  failed(names: readonly string[]): boolean
  succeeded(names: readonly string[]): boolean
  succeededOrFailed(names: readonly string[]): boolean
}

/** What an expression sees. Values are plain JSON. */
export interface ExpressionScope {
  readonly phase: 'stageCondition' | 'jobCondition' | 'runtimeVariable' | 'jobField'
  readonly values: Readonly<Record<string, unknown>>
  readonly status?: StatusAnswers
  readonly counter?: (prefix: string, seed: number) => number
  /** Takes secrets out of values before they enter a message. */
  readonly mask?: (text: string) => string
}

/** The expression engine as runs use it. */
export interface Expressions {
  /** @throws Fault `ExpressionWrong` */
  isTrue(condition: string, scope: ExpressionScope): boolean
  /** The inside of `$[ ]` when `text` is one, else undefined. */
  findRuntime(text: string): string | undefined
  /** Plain JSON. @throws Fault `ExpressionWrong` */
  evaluate(expression: string, scope: ExpressionScope): unknown
}
