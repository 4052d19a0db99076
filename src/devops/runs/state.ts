import type { TaskResult } from '../../protocol/index.ts'

/** `waiting`: for what it depends on; `deciding`: its condition is being asked; then it runs. */
type Step = 'waiting' | 'deciding' | 'running' | 'done'

/** One execution of a job: a matrix leg, a slice, a deployment hook, or the job itself. */
export interface LegState {
  readonly name: string
  /** `requested`: a job request waits for an agent. */
  readonly step: 'waiting' | 'requested' | 'running' | 'done'
  readonly result?: TaskResult
}

interface JobShape {
  /** Positions in the stage's list of jobs. */
  readonly dependsOn: readonly number[]
  /** `hooks` run one after another, and `failure` only after one has failed. */
  readonly kind: 'legs' | 'hooks'
}

export interface StageShape {
  /** Positions in the list of stages. */
  readonly dependsOn: readonly number[]
  readonly jobs: readonly JobShape[]
}

export interface JobState extends JobShape {
  readonly step: Step
  readonly legs: readonly LegState[]
  /** 0 means no limit. */
  readonly maxParallel: number
  readonly continueOnError: boolean
  readonly result?: TaskResult
}

export interface StageState {
  readonly dependsOn: readonly number[]
  readonly step: Step
  readonly jobs: readonly JobState[]
  readonly result?: TaskResult
}

export interface RunState {
  readonly step: 'waiting' | 'running' | 'cancelling' | 'done'
  readonly stages: readonly StageState[]
  readonly result?: TaskResult
}

/** Where a job or one of its legs stands in the plan. */
export interface JobPosition {
  readonly stage: number
  readonly job: number
}
export interface LegPosition extends JobPosition {
  readonly leg: number
}

/** How a condition was answered. */
export type StageVerdict = 'run' | 'skip' | 'fail'
export type JobVerdict =
  | {
      readonly outcome: 'run'
      /** Names of the legs; a job without strategy has one with an empty name. */
      readonly legs: readonly string[]
      readonly maxParallel: number
      readonly continueOnError: boolean
    }
  | { readonly outcome: 'skip' | 'fail' }

/** What happens to a run; each is a row, applied once. */
export type RunEvent =
  | { readonly kind: 'started' }
  | { readonly kind: 'stageDecided'; readonly stage: number; readonly verdict: StageVerdict }
  | ({ readonly kind: 'jobDecided'; readonly verdict: JobVerdict } & JobPosition)
  | ({ readonly kind: 'legStarted' } & LegPosition)
  | ({ readonly kind: 'legReturned' } & LegPosition)
  | ({ readonly kind: 'legFinished'; readonly result: TaskResult } & LegPosition)
  | { readonly kind: 'cancelRequested' }

/** What the state machine wants done. */
export type Command =
  | { readonly kind: 'decideStage'; readonly stage: number }
  | ({ readonly kind: 'decideJob' } & JobPosition)
  /** Make a job request and queue it. */
  | ({ readonly kind: 'requestLeg' } & LegPosition)
  /** The request was not taken: remove it from the queue. */
  | ({ readonly kind: 'withdrawLeg' } & LegPosition)
  /** An agent runs it: tell the agent to cancel. */
  | ({ readonly kind: 'cancelLeg' } & LegPosition)
  /** It never ran and never will. */
  | ({ readonly kind: 'dropLeg'; readonly result: TaskResult } & LegPosition)
  | ({ readonly kind: 'finishJob'; readonly result: TaskResult } & JobPosition)
  | { readonly kind: 'finishStage'; readonly stage: number; readonly result: TaskResult }
  | { readonly kind: 'finishRun'; readonly result: TaskResult }

/** A run before anything happened. */
export function initialState(stages: readonly StageShape[]): RunState {
  return {
    step: 'waiting',
    stages: stages.map((stage) => ({
      dependsOn: stage.dependsOn,
      step: 'waiting',
      jobs: stage.jobs.map((job) => ({
        ...job,
        step: 'waiting',
        legs: [],
        maxParallel: 0,
        continueOnError: false,
      })),
    })),
  }
}

/** Worst wins; skipped ones do not count unless there is nothing else (facts: pipelines §4.6). */
export function mergeResults(results: readonly TaskResult[]): TaskResult {
  const has = (result: TaskResult) => results.includes(result)
  if (has('Failed') || has('Abandoned')) return 'Failed'
  if (has('Canceled')) return 'Canceled'
  if (has('SucceededWithIssues')) return 'SucceededWithIssues'
  return results.length === 0 || has('Succeeded') ? 'Succeeded' : 'Skipped'
}
