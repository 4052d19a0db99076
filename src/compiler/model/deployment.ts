import type { PlanDeployment, PlanHook } from '../plan.ts'
import { placeOf } from '../text/source.ts'
import { find, type MappingToken, type Token } from '../text/token.ts'
import { type ModelContext, refuse } from './context.ts'
import { toPool } from './pools.ts'
import { headOf, optional, textAt, textOf, textsOf } from './read.ts'
import { injectedDownloads, saysDownload, toSteps } from './steps.ts'

const HOOKS = ['preDeploy', 'deploy', 'routeTraffic', 'postRouteTraffic'] as const
const OUTCOMES = ['success', 'failure'] as const
const STRATEGIES = ['runOnce', 'rolling', 'canary'] as const

/** The deployment half of a deployment job: environment, strategy, and hooks in running order. */
export function toDeployment(job: MappingToken, context: ModelContext): PlanDeployment {
  const strategy = find(job, 'strategy')
  const kinds = STRATEGIES.filter((kind) => find(strategy, kind) !== undefined)
  const kind = kinds[0]
  if (kinds.length !== 1) {
    const message =
      kinds.length === 0 ? 'A deployment job needs a strategy.' : `Unexpected value '${kinds[1]}'`
    const hint = `Write one of: ${STRATEGIES.join(', ')}.`
    refuse(context, headOf(strategy ?? job), ['deployment-strategy', message, hint])
  }
  const body = kind && find(strategy, kind)
  return {
    environment: toEnvironment(find(job, 'environment')),
    strategy: kind ?? 'runOnce',
    ...optional('maxParallel', textAt(body, 'maxParallel')),
    ...optional('increments', incrementsOf(find(body, 'increments'))),
    hooks: toHooks(body, context),
  }
}

function incrementsOf(token: Token | undefined): readonly string[] | undefined {
  return token && textsOf(token)
}

function toHooks(body: Token | undefined, context: ModelContext): readonly PlanHook[] {
  const outcomes = find(body, 'on')
  return [
    ...HOOKS.map((name) => ({ name, token: find(body, name) })),
    ...OUTCOMES.map((name) => ({ name, token: find(outcomes, name) })),
  ].flatMap(({ name, token }) => (token ? [toHook(name, token, context)] : []))
}

function toHook(name: PlanHook['name'], token: Token, context: ModelContext): PlanHook {
  const list = find(token, 'steps')
  const steps = toSteps(list, context)
  // Only the deploy hook gets this run's artifacts by itself (facts §4.2.7).
  const injected =
    name === 'deploy' && !saysDownload(list)
      ? injectedDownloads(context.resources, placeOf(headOf(token)))
      : []
  return { name, ...optional('pool', toPool(find(token, 'pool'))), steps: [...injected, ...steps] }
}

function toEnvironment(token: Token | undefined): PlanDeployment['environment'] {
  const text = textOf(token)
  if (text !== undefined) {
    const dot = text.indexOf('.')
    if (dot < 0 || text.includes('$(')) return { name: text }
    return { name: text.slice(0, dot), resourceName: text.slice(dot + 1) }
  }
  return {
    name: textAt(token, 'name') ?? '',
    ...optional('resourceName', textAt(token, 'resourceName')),
    ...optional('resourceId', textAt(token, 'resourceId')),
    ...optional('resourceType', textAt(token, 'resourceType')),
    ...optional('tags', textAt(token, 'tags')),
  }
}
