import type { IncludeExclude, PlanResource } from '../plan.ts'
import { toBoolean } from '../schema/formats.ts'
import { judgeRef, quoted, type Verdict } from './patterns.ts'

/** A run of another pipeline, or a stage of it, that has completed. */
export interface CompletedRun {
  readonly project: string
  /** The pipeline's name and its folder, for example `\\team`; `\\` is the root. */
  readonly pipeline: string
  readonly folder: string
  readonly ref: string
  /** Stages that have succeeded. */
  readonly stages: readonly string[]
  readonly tags: readonly string[]
  /** True when all of the run has succeeded; a filter on stages does not wait for that. */
  readonly hasSucceeded: boolean
}

/** Whether a completed run starts this pipeline by its entry under `resources.pipelines`, and why. */
export function shouldRunForPipeline(
  resource: PlanResource,
  run: CompletedRun,
  ownProject: string,
): Verdict {
  const { source, project } = resource.properties
  if (!isSource(String(source ?? ''), run) || !isSame(String(project ?? ownProject), run.project)) {
    const reason = `'${run.pipeline}' is not the source of the resource '${resource.alias}'.`
    return { run: false, reason }
  }
  const trigger = toCompletionTrigger(resource.properties['trigger'])
  if (!trigger) {
    return { run: false, reason: `The resource '${resource.alias}' has no trigger.` }
  }
  const branch = judgeRef(trigger.branches, run.ref)
  if (!branch.run) return branch
  const stages = missing(trigger.stages, run.stages)
  if (stages.length > 0) {
    return { run: false, reason: `These stages have not succeeded: ${quoted(stages)}.` }
  }
  if (trigger.stages.length === 0 && !run.hasSucceeded) {
    return { run: false, reason: `The run of '${run.pipeline}' has not succeeded.` }
  }
  const tags = missing(trigger.tags, run.tags)
  if (tags.length > 0) return { run: false, reason: `The run lacks the tags ${quoted(tags)}.` }
  return { run: true, reason: `'${run.pipeline}' has completed. ${branch.reason}` }
}

/** The branch to run on: the triggering run's in the same repository, else the default branch. */
export function refForCompletion(
  run: Pick<CompletedRun, 'ref'>,
  own: { readonly isSameRepository: boolean; readonly defaultRef: string },
): string {
  return own.isSameRepository ? run.ref : own.defaultRef
}

const RUN_FACTS = [
  'projectID',
  'projectName',
  'pipelineID',
  'pipelineName',
  'runID',
  'runName',
  'runURI',
  'sourceBranch',
  'sourceCommit',
  'sourceProvider',
  'requestedFor',
  'requestedForID',
] as const

/** What is told of a run of a pipeline resource. */
export type PipelineRunFacts = Readonly<Partial<Record<(typeof RUN_FACTS)[number], string>>>

/** The variables `resources.pipeline.<alias>.…` of one resource. */
export function pipelineResourceVariables(
  alias: string,
  facts: PipelineRunFacts,
): Readonly<Record<string, string>> {
  const known = RUN_FACTS.flatMap((name) => {
    const value = facts[name]
    return value === undefined ? [] : [[`resources.pipeline.${alias}.${name}`, value] as const]
  })
  return Object.fromEntries(known)
}

interface CompletionTrigger {
  readonly branches: IncludeExclude
  readonly stages: readonly string[]
  readonly tags: readonly string[]
}

/** Undefined when there is none or it is not enabled. */
function toCompletionTrigger(value: unknown): CompletionTrigger | undefined {
  const all = { branches: { include: [], exclude: [] }, stages: [], tags: [] }
  if (typeof value === 'string') return toBoolean(value) === true ? all : undefined
  if (typeof value !== 'object' || value === null) return undefined
  const { enabled, branches, stages, tags } = value as Record<string, unknown>
  if (enabled !== undefined && toBoolean(String(enabled)) === false) return undefined
  return { branches: toFilter(branches), stages: texts(stages), tags: texts(tags) }
}

function toFilter(value: unknown): IncludeExclude {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { include: texts(value), exclude: [] }
  }
  const { include, exclude } = value as Record<string, unknown>
  return { include: texts(include), exclude: texts(exclude) }
}

function texts(value: unknown): readonly string[] {
  if (typeof value === 'string') return value === '' ? [] : [value]
  return Array.isArray(value) ? value.map(String) : []
}

/** Every wanted name must be there; names compare without case. */
function missing(wanted: readonly string[], present: readonly string[]): readonly string[] {
  return wanted.filter((name) => !present.some((other) => isSame(name, other)))
}

/** `source` is a name, or a folder and a name with `\` between. */
function isSource(source: string, { pipeline, folder }: CompletedRun): boolean {
  const path = `${folder}\\${pipeline}`.replace(/\\+/g, '\\').replace(/^\\/, '')
  const wanted = source.replaceAll('/', '\\').replace(/^\\/, '')
  return isSame(wanted, wanted.includes('\\') ? path : pipeline)
}

function isSame(left: string, right: string): boolean {
  return left.toLowerCase() === right.toLowerCase()
}
