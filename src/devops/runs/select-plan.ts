import type { Plan, PlanPool, PlanStage } from '../../compiler/index.ts'
import { demandOfAgent } from '../agents/demands.ts'
import { fault } from '../faults.ts'

/** Which part of a plan to run; undefined means all of it. */
export interface Selection {
  readonly stages?: readonly string[]
  readonly jobs?: readonly string[]
  /** Only the agent of this name may run the jobs. */
  readonly agent?: string
  /** Stages to leave out instead. */
  readonly skippedStages?: readonly string[]
}

/**
 * The plan without what was not selected. What remains waits for what it would have waited for
 * through the parts that are gone.
 *
 * @throws Fault `PipelineWrong` when a name is not in the plan
 */
export function selectPlan(plan: Plan, { agent, ...parts }: Selection): Plan {
  const selected = selectParts(plan, parts)
  return agent === undefined ? selected : bindToAgent(selected, demandOfAgent(agent))
}

function bindToAgent(plan: Plan, demand: string): Plan {
  const bind = (pool: PlanPool | undefined): PlanPool => ({
    ...pool,
    demands: [...(pool?.demands ?? []), demand],
  })
  return {
    ...plan,
    stages: plan.stages.map((stage) => ({
      ...stage,
      jobs: stage.jobs.map((job) => ({ ...job, pool: bind(job.pool) })),
    })),
  }
}

function selectParts(plan: Plan, selection: Omit<Selection, 'agent'>): Plan {
  const { jobs } = selection
  const stages = selection.stages ?? withoutSkipped(plan, selection.skippedStages)
  const kept = stages ? keep(plan.stages, stages, 'stage') : plan.stages
  if (!jobs) return { ...plan, stages: kept }
  const known = kept.flatMap((stage) => stage.jobs.map(({ name }) => name.toLowerCase()))
  for (const job of jobs) {
    if (!known.includes(job.toLowerCase())) throw unknown('job', job, known)
  }
  const narrowed = kept.map(
    (stage): PlanStage => ({
      ...stage,
      jobs: keep(
        stage.jobs,
        jobs.filter((name) => has(stage.jobs, name)),
        'job',
      ),
    }),
  )
  const left = narrowed.filter((stage) => stage.jobs.length > 0).map(({ name }) => name)
  return { ...plan, stages: keep(narrowed, left, 'stage') }
}

function withoutSkipped(plan: Plan, skipped: readonly string[] | undefined): string[] | undefined {
  if (!skipped) return undefined
  const names = plan.stages.map(({ name }) => name)
  for (const name of skipped) if (!has(plan.stages, name)) throw unknown('stage', name, names)
  const left = new Set(skipped.map((name) => name.toLowerCase()))
  return names.filter((name) => !left.has(name.toLowerCase()))
}

interface Named {
  readonly name: string
  readonly dependsOn: readonly string[]
}

function has(items: readonly Named[], name: string): boolean {
  return items.some((item) => item.name.toLowerCase() === name.toLowerCase())
}

function unknown(kind: string, name: string, known: readonly string[]) {
  return fault(
    'PipelineWrong',
    `The pipeline has no ${kind} '${name}'. It has: ${known.join(', ')}.`,
  )
}

function keep<Item extends Named>(
  items: readonly Item[],
  names: readonly string[],
  kind: string,
): Item[] {
  const all = items.map(({ name }) => name)
  for (const name of names) if (!has(items, name)) throw unknown(kind, name, all)
  const wanted = new Set(names.map((name) => name.toLowerCase()))
  const byName = new Map(items.map((item) => [item.name.toLowerCase(), item]))
  const through = (name: string, seen: Set<string>): string[] => {
    const key = name.toLowerCase()
    if (wanted.has(key)) return [name]
    if (seen.has(key)) return []
    seen.add(key)
    return (byName.get(key)?.dependsOn ?? []).flatMap((on) => through(on, seen))
  }
  return items
    .filter(({ name }) => wanted.has(name.toLowerCase()))
    .map((item) => {
      const dependsOn = item.dependsOn.flatMap((on) => through(on, new Set()))
      return { ...item, dependsOn: [...new Set(dependsOn)] }
    })
}
