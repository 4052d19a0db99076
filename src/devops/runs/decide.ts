import { Fault } from '../../base/fault.ts'
import { isObject } from '../../base/json.ts'
import type { PlanJob, PlanStrategy } from '../../compiler/index.ts'
import { fault } from '../faults.ts'
import { statusFor } from './contexts.ts'
import {
  type Dependencies,
  declaredFor,
  evaluateField,
  isTainted,
  jobContexts,
  jobNodes,
  maskOf,
  type RunScope,
  stageContexts,
  stageNodes,
  textsOf,
  toText,
  variablesFor,
} from './run-scope.ts'
import type { JobPosition, JobVerdict, StageVerdict } from './state.ts'
import { type RunVariable, toContext } from './variables.ts'

/** A verdict, with words for the timeline when it is a failure. */
export interface Decided<Verdict> {
  readonly verdict: Verdict
  readonly issue?: string
}

/** Hooks of a runOnce deployment in the order in which they may run. */
const HOOK_ORDER = ['preDeploy', 'deploy', 'routeTraffic', 'postRouteTraffic', 'failure', 'success']

/** Asks a stage's condition. A condition that cannot be evaluated fails the stage. */
export async function decideStage(
  scope: RunScope,
  stageAt: number,
): Promise<Decided<StageVerdict>> {
  const { run, devops } = scope
  const stage = run.input.plan.stages[stageAt]
  if (!stage) throw new Error('A stage that is not in the plan was asked for.')
  const condition = stage.condition ?? 'succeeded()'
  try {
    const declared = declaredFor(run, stage)
    const contexts = await stageContexts(scope, stageAt, [condition, ...textsOf(declared)])
    const { variables } = await variablesFor(scope, declared, contexts, [])
    const runs = devops.expressions.isTrue(condition, {
      phase: 'stageCondition',
      values: { variables: toContext(variables), ...contexts.values },
      mask: maskOf(variables, contexts),
      status: statusFor(stageNodes(run), stageAt, run.state.step === 'cancelling'),
    })
    return { verdict: runs ? 'run' : 'skip' }
  } catch (thrown) {
    return { verdict: 'fail', issue: wordsOf(thrown) }
  }
}

/** Asks a job's condition and lists its legs. */
export async function decideJob(scope: RunScope, at: JobPosition): Promise<Decided<JobVerdict>> {
  const { run, devops } = scope
  const stage = run.input.plan.stages[at.stage]
  const job = stage?.jobs[at.job]
  if (!stage || !job) throw new Error('A job that is not in the plan was asked for.')
  const condition = job.condition ?? 'succeeded()'
  try {
    const declared = declaredFor(run, stage, job)
    const contexts = await jobContexts(
      scope,
      at.stage,
      at.job,
      fieldTexts(job, condition, declared),
    )
    const { variables } = await variablesFor(scope, declared, contexts, [])
    const runs = devops.expressions.isTrue(condition, {
      phase: 'jobCondition',
      values: { variables: toContext(variables), ...contexts.values },
      mask: maskOf(variables, contexts),
      status: statusFor(jobNodes(run, at.stage), at.job, run.state.step === 'cancelling'),
    })
    if (!runs) return { verdict: { outcome: 'skip' } }
    const { names, maxParallel } = listLegs(scope, job, variables, contexts)
    const continueOnError =
      toText(
        evaluateField(scope, job.continueOnError ?? 'false', variables, contexts),
      ).toLowerCase() === 'true'
    return { verdict: { outcome: 'run', legs: names, maxParallel, continueOnError } }
  } catch (thrown) {
    return { verdict: { outcome: 'fail' }, issue: wordsOf(thrown) }
  }
}

/** Every text of a job whose `$[ ]` may read dependencies. */
export function fieldTexts(
  job: PlanJob,
  condition: string,
  declared: Parameters<typeof textsOf>[0],
): string[] {
  const legs = job.strategy?.kind === 'matrix' ? JSON.stringify(job.strategy.legs) : ''
  const fields = [job.continueOnError, job.timeoutInMinutes, job.cancelTimeoutInMinutes]
  const count = job.strategy?.kind === 'parallel' ? job.strategy.count : undefined
  const all = [condition, legs, ...fields, count, job.strategy?.maxParallel, ...textsOf(declared)]
  return all.filter((text) => text !== undefined)
}

interface Legs {
  readonly names: readonly string[]
  readonly maxParallel: number
}

function listLegs(
  scope: RunScope,
  job: PlanJob,
  variables: ReadonlyMap<string, RunVariable>,
  contexts: Dependencies,
): Legs {
  if (job.deployment) {
    const present = new Set<string>(job.deployment.hooks.map(({ name }) => name))
    return { names: HOOK_ORDER.filter((name) => present.has(name)), maxParallel: 1 }
  }
  if (!job.strategy) return { names: [''], maxParallel: 0 }
  const number = (text: string | undefined, field: string) =>
    readCount(evaluateField(scope, text ?? '0', variables, contexts), field)
  const maxParallel = number(job.strategy.maxParallel, 'maxParallel')
  if (job.strategy.kind === 'parallel') {
    const count = number(job.strategy.count, 'parallel')
    if (count === 0) return { names: [''], maxParallel }
    return { names: Array.from({ length: count }, (_, i) => `job${i + 1}`), maxParallel }
  }
  return { names: Object.keys(matrixLegs(scope, job.strategy, variables, contexts)), maxParallel }
}

/** Most slices or legs of one job that are accepted. */
const MAX_LEGS = 1000

function readCount(value: unknown, field: string): number {
  const count = Number(toText(value) || '0')
  if (Number.isInteger(count) && count >= 0 && count <= MAX_LEGS) return count
  throw fault('PipelineWrong', `'${field}' must be a whole number from 0 to ${MAX_LEGS}.`)
}

type MatrixLegs = Readonly<Record<string, Readonly<Record<string, string>>>>

/** The legs of a matrix, evaluated when they come from an expression. @throws Fault `PipelineWrong` */
export function matrixLegs(
  scope: RunScope,
  strategy: Extract<PlanStrategy, { kind: 'matrix' }>,
  variables: ReadonlyMap<string, RunVariable>,
  contexts: Dependencies,
): MatrixLegs {
  const given =
    typeof strategy.legs === 'string'
      ? evaluateLegs(scope, strategy.legs, variables, contexts)
      : strategy.legs
  const legs: Record<string, Readonly<Record<string, string>>> = {}
  for (const [name, values] of Object.entries(given)) {
    if (!isObject(values))
      throw fault('PipelineWrong', `The matrix leg '${name}' must be a mapping.`)
    legs[name] = Object.fromEntries(
      Object.entries(values).map(([variable, value]) => [variable, toText(value)]),
    )
  }
  const count = Object.keys(legs).length
  if (count > 0 && count <= MAX_LEGS) return legs
  throw fault('PipelineWrong', `The matrix has ${count} legs; it must have from 1 to ${MAX_LEGS}.`)
}

/** Legs become names that everyone sees, so they may not come from a secret. */
function evaluateLegs(
  scope: RunScope,
  text: string,
  variables: ReadonlyMap<string, RunVariable>,
  contexts: Dependencies,
): Readonly<Record<string, unknown>> {
  const value = evaluateField(scope, text, variables, contexts)
  if (isTainted(text, toText(value), variables, contexts)) {
    throw fault(
      'PipelineWrong',
      'The matrix expression reads a secret. Legs are shown to everyone: make them from a value that is not secret.',
    )
  }
  return parseLegs(value)
}

function parseLegs(value: unknown): Readonly<Record<string, unknown>> {
  let parsed = value
  if (typeof value === 'string') {
    try {
      parsed = JSON.parse(value)
    } catch {
      parsed = undefined
    }
  }
  if (isObject(parsed)) return parsed
  throw fault('PipelineWrong', 'The matrix expression does not give a JSON object of legs.')
}

/** A fault's words; anything else is a bug and goes on. */
export function wordsOf(thrown: unknown): string {
  if (thrown instanceof Fault) return thrown.message
  throw thrown
}
