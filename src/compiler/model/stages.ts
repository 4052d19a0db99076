import type { PlanPool, PlanStage } from '../plan.ts'
import { placeOf } from '../text/source.ts'
import {
  type Entry,
  find,
  type MappingToken,
  mappingAt,
  scalarAt,
  sequenceAt,
  type Token,
} from '../text/token.ts'
import { type ModelContext, refuse } from './context.ts'
import { checkCondition } from './expressions.ts'
import { checkGraph } from './graph.ts'
import { dependenciesOf, toJobs } from './jobs.ts'
import { giveNames } from './names.ts'
import { jobsOfPhases } from './phases.ts'
import { toPool } from './pools.ts'
import { booleanAt, headOf, itemsOf, optional, textAt, textsOf } from './read.ts'
import { toVariables } from './variables.ts'

/** Keys that move from the root into the only job (facts §4.2.3). */
export const IMPLICIT_JOB_KEYS: readonly string[] = [
  'strategy',
  'continueOnError',
  'container',
  'services',
  'workspace',
  'steps',
]

const DEFAULT_STAGE = '__default'

/** The stages of a pipeline whose jobs or steps may stand at the root. */
export function toStages(root: MappingToken, context: ModelContext): readonly PlanStage[] {
  const pool = toPool(find(root, 'pool'))
  const written = find(root, 'stages')
  const list = written ?? sequenceAt(root, [implicitStage(root)])
  const items = itemsOf(list).filter((item) => item.kind === 'mapping')
  if (written && items.length === 0 && !written.broken) {
    const message = 'The pipeline must contain at least one stage.'
    refuse(context, headOf(written), ['nothing-to-run', message])
  }
  const names = nameStages(items, context)
  const stages = items.map((item, i) => toStage(item, names[i] ?? '', { context, pool }))
  const dependencies = items.map((item, i) => {
    const previous = names[i - 1]
    // Without a word about it, a stage waits for the one before (facts §4.7).
    return previous !== undefined && find(item, 'dependsOn') === undefined
      ? [{ name: previous, at: headOf(item) }]
      : dependenciesOf(item)
  })
  checkGraph(
    names.map((name, i) => ({ name, dependsOn: dependencies[i] ?? [] })),
    'stage',
    context,
  )
  return stages.map((stage, i) => ({
    ...stage,
    dependsOn: (dependencies[i] ?? []).map(({ name }) => name),
  }))
}

function nameStages(items: readonly MappingToken[], context: ModelContext): readonly string[] {
  const named = items.map((item) => ({
    written: textAt(item, 'stage'),
    at: find(item, 'stage') ?? item,
  }))
  if (named.length === 1 && named[0]?.written === undefined) return [DEFAULT_STAGE]
  return giveNames(named, 'Stage', context)
}

function implicitStage(root: MappingToken): MappingToken {
  const spot = headOf(root)
  const phases = find(root, 'phases')
  const jobs =
    find(root, 'jobs') ?? (phases ? jobsOfPhases(phases) : sequenceAt(spot, [implicitJob(root)]))
  return mappingAt(spot, [
    { key: scalarAt(spot, 'stage'), value: scalarAt(spot, DEFAULT_STAGE) },
    { key: scalarAt(spot, 'jobs'), value: jobs },
  ])
}

function implicitJob(root: MappingToken): MappingToken {
  const moved: Entry[] = root.entries.filter(({ key }) => IMPLICIT_JOB_KEYS.includes(key.text))
  const spot = headOf(moved[0]?.key ?? root)
  return mappingAt(spot, [{ key: scalarAt(spot, 'job'), value: scalarAt(spot, 'Job') }, ...moved])
}

function toStage(
  item: Token,
  name: string,
  { context, pool }: { readonly context: ModelContext; readonly pool: PlanPool | undefined },
): PlanStage {
  const own = toPool(find(item, 'pool')) ?? pool
  checkCondition(item, 'stageCondition', context)
  return {
    name,
    ...optional('displayName', textAt(item, 'displayName')),
    dependsOn: textsOf(find(item, 'dependsOn')),
    ...optional('condition', textAt(item, 'condition')),
    variables: toVariables(find(item, 'variables'), context),
    ...optional('lockBehavior', lockBehaviorOf(item)),
    trigger: textAt(item, 'trigger') === 'manual' ? 'manual' : 'automatic',
    isSkippable: booleanAt(item, 'isSkippable', true),
    ...optional('group', textAt(item, 'group')),
    ...optional('checks', checksOf(find(item, 'checks'))),
    ...optional('pool', own),
    jobs: toJobs(find(item, 'jobs'), own, context),
    place: placeOf(headOf(item)),
  }
}

function checksOf(token: Token | undefined): readonly string[] | undefined {
  return token && itemsOf(token).flatMap((item) => textAt(item, 'type') ?? [])
}

/** `lockBehavior:` of a stage or pipeline. */
export function lockBehaviorOf(token: Token): 'sequential' | 'runLatest' | undefined {
  const text = textAt(token, 'lockBehavior')
  return text === 'sequential' || text === 'runLatest' ? text : undefined
}
