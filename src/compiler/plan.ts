import type { Place } from './diagnostic.ts'

/**
 * The compiled pipeline: sugar undone, templates expanded, names given, graph checked. Strings keep
 * `$(macro)` and `$[ expression ]` text, which later phases resolve. Everything is plain JSON.
 */
export interface Plan {
  /** The run number format; undefined means the service's default. */
  readonly name?: string
  readonly appendCommitMessageToRunName: boolean
  readonly trigger: BranchTrigger | 'none' | undefined
  readonly pr: PullRequestTrigger | 'none' | undefined
  readonly schedules: readonly Schedule[]
  readonly resources: PlanResources
  readonly variables: readonly VariableDeclaration[]
  readonly lockBehavior?: 'sequential' | 'runLatest'
  /** The template that the pipeline extends, for checks that require one. */
  readonly extends?: { readonly template: string; readonly repository: string }
  /** In document order; never empty. A pipeline without stages has one, named `__default`. */
  readonly stages: readonly PlanStage[]
}

export interface IncludeExclude {
  readonly include: readonly string[]
  readonly exclude: readonly string[]
}

export interface BranchTrigger {
  readonly batch: boolean
  readonly branches?: IncludeExclude
  readonly paths?: IncludeExclude
  readonly tags?: IncludeExclude
}

export interface PullRequestTrigger {
  readonly autoCancel: boolean
  readonly drafts: boolean
  readonly branches?: IncludeExclude
  readonly paths?: IncludeExclude
}

export interface Schedule {
  readonly cron: string
  readonly displayName?: string
  readonly branches?: IncludeExclude
  readonly batch: boolean
  readonly always: boolean
}

/** Resources by kind; each item is the checked mapping as written, with its place. */
export interface PlanResources {
  readonly repositories: readonly PlanResource[]
  readonly pipelines: readonly PlanResource[]
  readonly containers: readonly PlanResource[]
  readonly builds: readonly PlanResource[]
  readonly packages: readonly PlanResource[]
  readonly webhooks: readonly PlanResource[]
}

export interface PlanResource {
  readonly alias: string
  readonly properties: { readonly [name: string]: unknown }
  readonly place: Place
}

/** One entry of a `variables:` list, in order; a mapping is its list of name and value. */
export type VariableDeclaration =
  | {
      readonly kind: 'value'
      readonly name: string
      readonly value: string
      readonly readonly: boolean
      readonly place: Place
    }
  | { readonly kind: 'group'; readonly group: string; readonly place: Place }

export interface PlanStage {
  readonly name: string
  readonly displayName?: string
  /** Names of stages; empty means it starts at once. The default (previous stage) is filled in. */
  readonly dependsOn: readonly string[]
  /** Expression text; undefined means `succeeded()`. */
  readonly condition?: string
  readonly variables: readonly VariableDeclaration[]
  readonly lockBehavior?: 'sequential' | 'runLatest'
  readonly trigger: 'automatic' | 'manual'
  readonly isSkippable: boolean
  /** The path under which a portal shows stages together, for example `prod/eu`. */
  readonly group?: string
  /** Kinds of checks that the stage itself asks for. */
  readonly checks?: readonly string[]
  readonly pool?: PlanPool
  readonly jobs: readonly PlanJob[]
  readonly place: Place
}

export interface PlanPool {
  /** The pool's name; `server` means an agentless job; undefined with `vmImage` means hosted. */
  readonly name?: string
  readonly vmImage?: string
  readonly demands: readonly string[]
  /** Keys of a pool mapping that the language does not name; pools of other kinds read them. */
  readonly properties?: { readonly [name: string]: unknown }
}

export interface PlanJob {
  readonly name: string
  readonly displayName?: string
  readonly kind: 'job' | 'deployment'
  readonly dependsOn: readonly string[]
  readonly condition?: string
  /** Scalar text: `true`, `false` or `$[ ]`. */
  readonly continueOnError?: string
  readonly timeoutInMinutes?: string
  readonly cancelTimeoutInMinutes?: string
  readonly variables: readonly VariableDeclaration[]
  /** The job's own pool, else the stage's, else the pipeline's; undefined means the default pool. */
  readonly pool?: PlanPool
  readonly strategy?: PlanStrategy
  /** Deployment jobs: the environment and its hooks; `steps` is then empty. */
  readonly deployment?: PlanDeployment
  readonly container?: PlanContainer
  readonly services: Readonly<Record<string, PlanContainer>>
  readonly workspaceClean?: 'outputs' | 'resources' | 'all'
  readonly uses?: { readonly repositories: readonly string[]; readonly pools: readonly string[] }
  readonly steps: readonly PlanStep[]
  readonly place: Place
}

export type PlanStrategy =
  | {
      readonly kind: 'matrix'
      /** Leg name to its variables, or a `$[ ]` text that gives them at run time. */
      readonly legs: Readonly<Record<string, Readonly<Record<string, string>>>> | string
      readonly maxParallel?: string
    }
  | { readonly kind: 'parallel'; readonly count: string; readonly maxParallel?: string }

export interface PlanDeployment {
  readonly environment: {
    readonly name: string
    readonly resourceName?: string
    readonly resourceId?: string
    readonly resourceType?: string
    readonly tags?: string
  }
  readonly strategy: 'runOnce' | 'rolling' | 'canary'
  readonly maxParallel?: string
  readonly increments?: readonly string[]
  readonly hooks: readonly PlanHook[]
}

export interface PlanHook {
  readonly name:
    | 'preDeploy'
    | 'deploy'
    | 'routeTraffic'
    | 'postRouteTraffic'
    | 'success'
    | 'failure'
  readonly pool?: PlanPool
  readonly steps: readonly PlanStep[]
}

/** A container by alias, by image, or written out; `properties` is the checked inline mapping. */
export interface PlanContainer {
  readonly alias?: string
  readonly image?: string
  readonly properties?: { readonly [name: string]: unknown }
}

/** Every step is a task; sugar such as `script:` is already its task. */
export interface PlanStep {
  /** The task as referenced, for example `CmdLine` or a GUID, and the major version `2`. */
  readonly task: { readonly name: string; readonly version: string }
  /** The step's `name:`; undefined when none was given. */
  readonly name?: string
  readonly displayName?: string
  readonly condition?: string
  readonly continueOnError?: string
  readonly enabled?: string
  readonly timeoutInMinutes?: string
  readonly retryCountOnTaskFailure?: string
  /** Input names as written; they compare without case. */
  readonly inputs: Readonly<Record<string, string>>
  readonly env: Readonly<Record<string, string>>
  readonly target?: {
    readonly container?: string
    readonly commands?: 'any' | 'restricted'
    readonly settableVariables?: readonly string[] | 'none'
  }
  readonly place: Place
}

/** Task id and version that `checkout:` becomes (facts/pipelines.md §4.2). */
export const CHECKOUT_TASK = { name: '6d15af64-176c-496d-b583-fd2ae21d4df4', version: '1' } as const
