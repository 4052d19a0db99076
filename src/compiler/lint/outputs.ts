import { type Phase, parseExpression, runtimeExpression } from '../expressions/index.ts'
import type { Plan, PlanJob, PlanStage } from '../plan.ts'
import { didYouMean } from '../schema/suggest.ts'
import type { Sink } from '../sink.ts'
import { type NamePath, pathsOf } from './paths.ts'

/** Where an expression stands: its stage, its job if it has one, and all stages. */
interface Site {
  readonly stages: readonly PlanStage[]
  readonly stage: PlanStage
  readonly job?: PlanJob
  readonly place: PlanStage['place']
  readonly sink: Sink
}

/**
 * Warns about outputs and results of stages and jobs that will be Null: the dependency is missing,
 * or the path has another form than the producer's (facts §4.11).
 */
export function warnOutputPaths(plan: Plan, sink: Sink): void {
  const { stages } = plan
  for (const stage of stages) {
    const site = { stages, stage, place: stage.place, sink }
    checkText(stage.condition, 'stageCondition', site)
    for (const job of stage.jobs) {
      const inJob = { ...site, job, place: job.place }
      checkText(job.condition, 'jobCondition', inJob)
      for (const entry of job.variables) {
        if (entry.kind !== 'value') continue
        const text = runtimeExpression(entry.value)
        checkText(text, 'runtimeVariable', { ...inJob, place: entry.place })
      }
      if (job.strategy?.kind === 'matrix' && typeof job.strategy.legs === 'string') {
        checkText(runtimeExpression(job.strategy.legs), 'jobField', inJob)
      }
    }
  }
}

function checkText(text: string | undefined, phase: Phase, site: Site): void {
  if (text === undefined || !/dependencies/i.test(text)) return
  const parsed = parseExpression(text, phase)
  if (!parsed.ok) return
  for (const path of pathsOf(parsed.expression)) {
    if (path.root === 'dependencies') checkDependencies(path, site)
    if (path.root === 'stagedependencies') checkStageDependencies(path, site)
  }
}

function checkDependencies({ names }: NamePath, site: Site): void {
  const [name, member, key] = names
  if (name === undefined) return
  const { stage, job, stages } = site
  if (!job) {
    const producer = findNamed(stages, name)
    if (!holds(stage.dependsOn, name)) {
      warnMissing(site, ['stage', stage.name, name], producer?.name)
    } else if (producer && member === 'outputs' && key !== undefined) {
      checkStageKey(producer, key, site)
    }
    return
  }
  const producer = findNamed(stage.jobs, name)
  if (!producer && findNamed(stages, name)) {
    const message = `'dependencies.${name}' is Null: '${name}' is a stage, and a job sees jobs of its own stage there.`
    warn(site, message, `Write stageDependencies.${name}.JOB.outputs['STEP.VARIABLE'].`)
  } else if (!holds(job.dependsOn, name)) {
    warnMissing(site, ['job', job.name, name], producer?.name)
  } else if (producer && member === 'outputs' && key !== undefined) {
    checkJobKey(producer, key, site)
  }
}

function checkStageDependencies({ names }: NamePath, site: Site): void {
  const [stageName, jobName, member, key] = names
  if (stageName === undefined) return
  const { stage, stages } = site
  const producer = findNamed(stages, stageName)
  if (!holds(stage.dependsOn, stageName)) {
    warnMissing(site, ['stage', stage.name, stageName], producer?.name)
    return
  }
  if (!producer || jobName === undefined) return
  const job = findNamed(producer.jobs, jobName)
  if (!job) {
    const jobs = producer.jobs.map((one) => one.name)
    const hint = didYouMean(jobName, jobs) ?? `Its jobs: ${jobs.join(', ')}.`
    warn(site, `The stage '${producer.name}' has no job '${jobName}'.`, hint)
  } else if (member === 'outputs' && key !== undefined) {
    checkJobKey(job, key, site)
  }
}

/** The key of a stage's outputs begins with the job: `JOB.STEP.VARIABLE`. */
function checkStageKey(producer: PlanStage, key: string, site: Site): void {
  const dot = key.indexOf('.')
  const job = dot < 0 ? undefined : findNamed(producer.jobs, key.slice(0, dot))
  if (job) {
    checkJobKey(job, key.slice(dot + 1), site, `${job.name}.`)
    return
  }
  const jobs = producer.jobs.map(({ name }) => name)
  const hint = `In a stage condition, write dependencies.${producer.name}.outputs['JOB.STEP.VARIABLE'], with JOB one of: ${jobs.join(', ')}.`
  warn(site, `The stage '${producer.name}' has no output '${key}'.`, hint)
}

function checkJobKey(job: PlanJob, key: string, site: Site, before = ''): void {
  const parts = key.split('.')
  const [first = '', second = ''] = parts
  const variable = parts.slice(1).join('.')
  const steps = job.steps.flatMap(({ name }) => name ?? [])
  if (job.kind === 'deployment') {
    const hooks = job.deployment?.hooks ?? []
    const named = hooks.flatMap((hook) => hook.steps.flatMap(({ name }) => name ?? []))
    if (!holds(named, first) || first.toLowerCase() === job.name.toLowerCase()) return
    const hint = `A deployment job's outputs begin with the job: outputs['${before}${job.name}.${first}.${variable}'].`
    warn(site, `The deployment job '${job.name}' has no output '${key}'.`, hint)
    return
  }
  const legs = legsOf(job)
  if (legs === 'unknown') return
  if (legs) {
    if (holds(legs, first) && holds(steps, second)) return
    const leg = legs[0] ?? 'LEG'
    const hint = `Each leg has its own outputs: outputs['${before}${leg}.${holds(steps, first) ? `${first}.${variable}` : 'STEP.VARIABLE'}'].`
    warn(site, `The job '${job.name}' has no output '${key}'.`, hint)
    return
  }
  if (holds(steps, first)) return
  const hint =
    didYouMean(first, steps) ??
    (steps.length === 0
      ? `No step of '${job.name}' has a name; give one to the step that sets the variable.`
      : `Begin with the name of a step: ${steps.join(', ')}.`)
  warn(site, `The job '${job.name}' has no step named '${first}'.`, hint)
}

function legsOf(job: PlanJob): readonly string[] | 'unknown' | undefined {
  const { strategy } = job
  if (!strategy) return undefined
  if (strategy.kind === 'matrix') {
    return typeof strategy.legs === 'string' ? 'unknown' : Object.keys(strategy.legs)
  }
  const count = Number(strategy.count)
  if (!Number.isInteger(count) || count > 1000) return 'unknown'
  return Array.from({ length: count }, (_, i) => `job${i + 1}`)
}

function warnMissing(
  site: Site,
  [noun, consumer, producer]: readonly ['stage' | 'job', string, string],
  known: string | undefined,
): void {
  const message = `'${producer}' is Null here: the ${noun} '${consumer}' does not depend on it.`
  const hint = known
    ? `Add '${known}' to dependsOn.`
    : `There is no ${noun} '${producer}'; a ${noun} sees only what its dependsOn names.`
  warn(site, message, hint)
}

function warn({ sink, place }: Site, message: string, hint: string): void {
  sink.add({ code: 'output-path', severity: 'warning', message, hint, spot: place })
}

function holds(names: readonly string[], name: string): boolean {
  return names.some((one) => one.toLowerCase() === name.toLowerCase())
}

function findNamed<T extends { readonly name: string }>(
  list: readonly T[],
  name: string,
): T | undefined {
  return list.find((one) => one.name.toLowerCase() === name.toLowerCase())
}
