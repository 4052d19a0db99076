import type { Place } from '../diagnostic.ts'
import { lintStep } from '../lint/index.ts'
import { CHECKOUT_TASK, type PlanResources, type PlanStep } from '../plan.ts'
import { placeOf } from '../text/source.ts'
import { find, type MappingToken, type Token } from '../text/token.ts'
import { type ModelContext, refuse } from './context.ts'
import { DOWNLOAD_TASK, desugar, downloadInputs } from './desugar.ts'
import { checkCondition } from './expressions.ts'
import { warnName } from './names.ts'
import {
  flagTextAt,
  headOf,
  itemsOf,
  optional,
  textAt,
  textOf,
  textRecord,
  textsOf,
} from './read.ts'

/** `steps:` with the sugar undone; names must be unique among them. */
export function toSteps(token: Token | undefined, context: ModelContext): readonly PlanStep[] {
  const names = new Set<string>()
  return itemsOf(token).flatMap((item) => {
    if (item.kind !== 'mapping') return []
    reportTwice(find(item, 'name'), names, context)
    const step = toStep(item, context)
    return step ? [step] : []
  })
}

function reportTwice(token: Token | undefined, seen: Set<string>, context: ModelContext): void {
  const name = textOf(token)
  if (token === undefined || name === undefined) return
  if (seen.has(name.toLowerCase())) {
    const message = `The step name ${name} appears more than once. Step names must be unique within a job.`
    refuse(context, token, ['duplicate-name', message])
  }
  seen.add(name.toLowerCase())
  warnName(name, token, context)
}

function toStep(item: MappingToken, context: ModelContext): PlanStep | undefined {
  const plain = desugar(item, context)
  if (!plain) return undefined
  checkCondition(item, 'stepCondition', context)
  lintStep(item, context.sink)
  return {
    task: plain.task,
    ...optional('name', textAt(item, 'name')),
    ...optional('displayName', textAt(item, 'displayName')),
    ...optional('condition', plain.condition ?? textAt(item, 'condition')),
    ...optional('continueOnError', flagTextAt(item, 'continueOnError')),
    ...optional('enabled', flagTextAt(item, 'enabled')),
    ...optional('timeoutInMinutes', textAt(item, 'timeoutInMinutes')),
    ...optional('retryCountOnTaskFailure', textAt(item, 'retryCountOnTaskFailure')),
    inputs: plain.inputs,
    env: textRecord(find(item, 'env')),
    ...optional('target', toTarget(find(item, 'target'))),
    place: placeOf(headOf(item)),
  }
}

function toTarget(token: Token | undefined): PlanStep['target'] | undefined {
  if (!token) return undefined
  const container = textOf(token)
  if (container !== undefined) return { container }
  if (token.kind !== 'mapping') return undefined
  const commands = textAt(token, 'commands')
  const settable = find(token, 'settableVariables')
  return {
    ...optional('container', textAt(token, 'container')),
    ...(commands === 'any' || commands === 'restricted' ? { commands } : {}),
    ...(settable
      ? { settableVariables: textOf(settable) === 'none' ? 'none' : textsOf(settable) }
      : {}),
  }
}

/** True when a step of the list checks something out, or says `checkout: none`. */
export function hasCheckout(steps: readonly PlanStep[]): boolean {
  return steps.some(({ task }) => task.name.toLowerCase() === CHECKOUT_TASK.name)
}

/** The checkout of `self` that every job without a checkout gets (facts §4.2.6). */
export function injectedCheckout(resources: PlanResources, place: Place): PlanStep {
  const self = resources.repositories.find(({ alias }) => alias === 'self')
  const given = self?.properties['checkoutOptions'] ?? self?.properties ?? {}
  const options = Object.entries(given as Record<string, unknown>).flatMap(([name, value]) =>
    CHECKOUT_OPTIONS.has(name) && typeof value === 'string' ? [[name, value] as const] : [],
  )
  return {
    task: CHECKOUT_TASK,
    inputs: { repository: 'self', ...Object.fromEntries(options) },
    env: {},
    place,
  }
}

const CHECKOUT_OPTIONS = new Set([
  'clean',
  'fetchDepth',
  'fetchTags',
  'lfs',
  'submodules',
  'persistCredentials',
])

/** True when the hook says itself what it downloads, so that nothing is injected. */
export function saysDownload(steps: Token | undefined): boolean {
  return itemsOf(steps).some((step) => find(step, 'download') !== undefined)
}

/** The downloads that a deploy hook gets: this run's artifacts and every pipeline resource's. */
export function injectedDownloads(resources: PlanResources, place: Place): readonly PlanStep[] {
  const aliases = ['current', ...resources.pipelines.map(({ alias }) => alias)]
  return aliases.map((alias) => ({
    task: DOWNLOAD_TASK,
    inputs: downloadInputs(alias),
    env: {},
    place,
  }))
}
