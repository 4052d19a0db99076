import type { TaskResult } from '../../protocol/index.ts'
import type { StatusAnswers } from '../ports.ts'

/** A job or a stage as conditions see it. */
export interface Node {
  readonly name: string
  /** Positions in the same list. */
  readonly dependsOn: readonly number[]
  readonly result: TaskResult | undefined
}

/** An output variable with the place it came from. */
export interface Output {
  readonly stage: number
  readonly job: number
  readonly legName: string
  /** `stepRef.variable`. */
  readonly name: string
  readonly value: string
  readonly isSecret: boolean
}

/** A job whose outputs may be read. */
export interface Producer extends Node {
  readonly kind: 'job' | 'deployment'
}

/** Everything `at` waits for, through others too. */
function closureOf(nodes: readonly Node[], at: number): ReadonlySet<number> {
  const seen = new Set<number>()
  const open = [...(nodes[at]?.dependsOn ?? [])]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (seen.has(next)) continue
    seen.add(next)
    open.push(...(nodes[next]?.dependsOn ?? []))
  }
  return seen
}

const GOOD: readonly (TaskResult | undefined)[] = ['Succeeded', 'SucceededWithIssues']
const BAD: readonly (TaskResult | undefined)[] = ['Failed', 'Abandoned']

/** The status functions for the node at `at` (facts: pipelines §4.6). */
export function statusFor(nodes: readonly Node[], at: number, isCanceled: boolean): StatusAnswers {
  const resultsOf = (names: readonly string[]): (TaskResult | undefined)[] => {
    if (names.length === 0) return [...closureOf(nodes, at)].map((on) => nodes[on]?.result)
    const wanted = names.map((name) => name.toLowerCase())
    return wanted.map((name) => nodes.find((node) => node.name.toLowerCase() === name)?.result)
  }
  return {
    always: () => true,
    canceled: () => isCanceled,
    failed: (names) => resultsOf(names).some((result) => BAD.includes(result)),
    succeeded: (names) => !isCanceled && resultsOf(names).every((result) => GOOD.includes(result)),
    succeededOrFailed: (names) =>
      !isCanceled &&
      resultsOf(names).every((result) => GOOD.includes(result) || BAD.includes(result)),
  }
}

/** Names under which a job's outputs are read (facts: pipelines §4.11). */
function outputNames(job: Producer, output: Output): string[] {
  if (job.kind === 'deployment') {
    const byHook = `${output.legName}.${output.name}`
    return output.legName === 'deploy' ? [`${job.name}.${output.name}`, byHook] : [byHook]
  }
  return [output.legName === '' ? output.name : `${output.legName}.${output.name}`]
}

interface JobView {
  readonly result: TaskResult | null
  readonly outputs: Record<string, string>
}

/** `dependencies` of a job: its direct dependencies in the same stage. */
export function jobDependencies(
  jobs: readonly Producer[],
  at: number,
  outputs: readonly Output[],
): Record<string, JobView> {
  const direct = jobs[at]?.dependsOn ?? []
  return Object.fromEntries(
    direct.flatMap((on) => {
      const job = jobs[on]
      return job
        ? [
            [
              job.name,
              viewOf(
                job,
                outputs.filter((output) => output.job === on),
              ),
            ],
          ]
        : []
    }),
  )
}

function viewOf(job: Producer, outputs: readonly Output[]): JobView {
  const named = outputs.flatMap((output) =>
    outputNames(job, output).map((name) => [name, output.value] as const),
  )
  return { result: job.result ?? null, outputs: Object.fromEntries(named) }
}

/** A stage with its jobs, for the contexts of later stages. */
export interface StageNode extends Node {
  readonly jobs: readonly Producer[]
}

/** `dependencies` of a stage condition: `dependencies.S.outputs['J.step.var']`. */
export function stageConditionDependencies(
  stages: readonly StageNode[],
  at: number,
  outputs: readonly Output[],
): Record<string, JobView> {
  return Object.fromEntries(
    (stages[at]?.dependsOn ?? []).flatMap((on) => {
      const stage = stages[on]
      if (!stage) return []
      const named = outputs.flatMap((output) => {
        const job = output.stage === on ? stage.jobs[output.job] : undefined
        return job
          ? outputNames(job, output).map((name) => [`${job.name}.${name}`, output.value] as const)
          : []
      })
      const view = { result: stage.result ?? null, outputs: Object.fromEntries(named) }
      return [[stage.name, view]]
    }),
  )
}

/** `stageDependencies.S.J.outputs['step.var']` for jobs of the stage at `at`. */
export function stageDependencies(
  stages: readonly StageNode[],
  at: number,
  outputs: readonly Output[],
): Record<string, Record<string, unknown>> {
  return Object.fromEntries(
    (stages[at]?.dependsOn ?? []).flatMap((on) => {
      const stage = stages[on]
      if (!stage) return []
      const jobs = stage.jobs.map((job, jobAt) => [
        job.name,
        viewOf(
          job,
          outputs.filter((output) => output.stage === on && output.job === jobAt),
        ),
      ])
      return [[stage.name, { ...Object.fromEntries(jobs), result: stage.result ?? null }]]
    }),
  )
}
