import type { PlanJob, PlanPool } from '../plan.ts'
import { placeOf } from '../text/source.ts'
import { find, type MappingToken, type Token } from '../text/token.ts'
import type { ModelContext } from './context.ts'
import { toDeployment } from './deployment.ts'
import { checkCondition, checkLate } from './expressions.ts'
import { checkGraph } from './graph.ts'
import { giveNames } from './names.ts'
import { toContainer, toPool, toServices } from './pools.ts'
import {
  flagTextAt,
  headOf,
  itemsOf,
  optional,
  scalarsOf,
  textAt,
  textOf,
  textsOf,
} from './read.ts'
import { hasCheckout, injectedCheckout, toSteps } from './steps.ts'
import { toStrategy } from './strategy.ts'
import { toVariables } from './variables.ts'

/** `jobs:` of one stage, named and with their graph checked. `pool` is what they inherit. */
export function toJobs(
  token: Token | undefined,
  pool: PlanPool | undefined,
  context: ModelContext,
): readonly PlanJob[] {
  const items = itemsOf(token).filter((item) => item.kind === 'mapping')
  const names = giveNames(
    items.map((item) => ({ written: nameOf(item), at: headOfName(item) })),
    'Job',
    context,
  )
  const jobs = items.map((item, i) => toJob(item, { name: names[i] ?? 'Job', pool }, context))
  checkGraph(
    items.map((item, i) => ({ name: names[i] ?? '', dependsOn: dependenciesOf(item) })),
    'job',
    context,
  )
  return jobs
}

function nameOf(item: Token): string | undefined {
  return textAt(item, 'job') ?? textAt(item, 'deployment')
}

function headOfName(item: Token): Token {
  return find(item, 'job') ?? find(item, 'deployment') ?? item
}

/** The names a job or stage depends on, each with its place. */
export function dependenciesOf(item: Token): readonly { name: string; at: Token }[] {
  return scalarsOf(find(item, 'dependsOn')).map((at) => ({ name: at.text, at }))
}

function toJob(
  item: MappingToken,
  given: { readonly name: string; readonly pool: PlanPool | undefined },
  context: ModelContext,
): PlanJob {
  const isDeployment = find(item, 'deployment') !== undefined
  const place = placeOf(headOf(item))
  const pool = toPool(find(item, 'pool')) ?? given.pool
  checkCondition(item, 'jobCondition', context)
  checkLate(item, LATE_KEYS, { phase: 'jobField', context })
  checkLate(find(item, 'strategy'), LATE_STRATEGY_KEYS, { phase: 'jobField', context })
  const steps = isDeployment ? [] : toSteps(find(item, 'steps'), context)
  // An agentless job has no place to check out to.
  const checksOut = !isDeployment && pool?.name !== 'server' && !hasCheckout(steps)
  return {
    name: given.name,
    ...optional('displayName', textAt(item, 'displayName')),
    kind: isDeployment ? 'deployment' : 'job',
    dependsOn: textsOf(find(item, 'dependsOn')),
    ...optional('condition', textAt(item, 'condition')),
    ...optional('continueOnError', flagTextAt(item, 'continueOnError')),
    ...optional('timeoutInMinutes', textAt(item, 'timeoutInMinutes')),
    ...optional('cancelTimeoutInMinutes', textAt(item, 'cancelTimeoutInMinutes')),
    variables: toVariables(find(item, 'variables'), context),
    ...optional('pool', pool),
    ...(isDeployment
      ? { deployment: toDeployment(item, context) }
      : optional('strategy', toStrategy(find(item, 'strategy'), context))),
    ...optional('container', toContainer(find(item, 'container'), context)),
    services: toServices(find(item, 'services'), context),
    ...optional('workspaceClean', cleanOf(find(item, 'workspace'))),
    ...optional('uses', usesOf(find(item, 'uses'))),
    steps: checksOut ? [injectedCheckout(context.resources, place), ...steps] : steps,
    place,
  }
}

/** Settings of a job that may be `$[ ]` (facts §4.5). */
const LATE_KEYS = ['continueOnError', 'timeoutInMinutes', 'cancelTimeoutInMinutes', 'container']
const LATE_STRATEGY_KEYS = ['matrix', 'maxParallel', 'parallel']

function cleanOf(token: Token | undefined): PlanJob['workspaceClean'] {
  const clean = textAt(token, 'clean')
  return clean === 'outputs' || clean === 'resources' || clean === 'all' ? clean : undefined
}

function usesOf(token: Token | undefined): PlanJob['uses'] {
  if (!token || textOf(token) !== undefined) return undefined
  return {
    repositories: textsOf(find(token, 'repositories')),
    pools: textsOf(find(token, 'pools')),
  }
}
