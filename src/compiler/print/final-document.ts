import { stringify } from 'yaml'
import type {
  IncludeExclude,
  Plan,
  PlanDeployment,
  PlanHook,
  PlanJob,
  PlanPool,
  PlanResources,
  PlanStage,
  PlanStep,
  PlanStrategy,
  Schedule,
  VariableDeclaration,
} from '../plan.ts'

type Json = { readonly [name: string]: unknown }

/**
 * The final YAML document of a plan: sugar undone, templates expanded. Compiling it again gives the
 * same plan, places aside.
 */
export function finalDocument(plan: Plan): string {
  const { trigger, pr } = plan
  const document = compact({
    name: plan.name,
    appendCommitMessageToRunName: plan.appendCommitMessageToRunName ? undefined : 'false',
    trigger:
      typeof trigger === 'object' ? compact({ ...flags(trigger), ...filters(trigger) }) : trigger,
    pr: typeof pr === 'object' ? compact({ ...flags(pr), ...filters(pr) }) : pr,
    schedules: list(plan.schedules.map(schedule)),
    resources: resources(plan.resources),
    variables: variables(plan.variables),
    lockBehavior: plan.lockBehavior,
    stages: plan.stages.map(stage),
  })
  return stringify(withoutBraces(document), {
    lineWidth: 0,
    aliasDuplicateObjects: false,
    // Every scalar is text to the compiler, so words like false need no quotes.
    schema: 'failsafe',
    customTags: ['null'],
    nullStr: '',
  })
}

function compact(value: Json): Json {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined))
}

function list<T>(items: readonly T[]): readonly T[] | undefined {
  return items.length > 0 ? items : undefined
}

const BRACES = '$' + '{{'

/** Text that holds the braces of a template expression becomes an expression that yields them. */
function withoutBraces(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll(BRACES, `${BRACES} '${BRACES}' }}`)
  if (Array.isArray(value)) return value.map(withoutBraces)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [withoutBraces(name), withoutBraces(member)]),
  )
}

function flags(trigger: object): Json {
  const booleans = Object.entries(trigger).filter(([, value]) => typeof value === 'boolean')
  return Object.fromEntries(booleans.map(([name, value]) => [name, String(value)]))
}

function filters(trigger: object): Json {
  const members = Object.entries(trigger).filter(([, value]) => typeof value === 'object')
  return Object.fromEntries(members.map(([name, value]) => [name, filter(value)]))
}

function filter(value: IncludeExclude): Json {
  return { include: value.include, exclude: value.exclude }
}

function schedule({ cron, displayName, branches, batch, always }: Schedule): Json {
  return compact({
    cron,
    displayName,
    branches: branches && filter(branches),
    batch: String(batch),
    always: String(always),
  })
}

function resources(all: PlanResources): Json | undefined {
  const kinds = Object.entries(all).filter(([, items]) => items.length > 0)
  if (kinds.length === 0) return undefined
  const [legacy] = all.repositories
  if (legacy && 'repo' in legacy.properties) {
    return all.repositories.map(({ properties }) => properties) as unknown as Json
  }
  return Object.fromEntries(
    kinds.map(([kind, items]) => [
      kind,
      (items as PlanResources['repositories']).map(({ properties }) => properties),
    ]),
  )
}

function variables(all: readonly VariableDeclaration[]): readonly Json[] | undefined {
  return list(
    all.map((entry) =>
      entry.kind === 'group'
        ? { group: entry.group }
        : compact({
            name: entry.name,
            value: entry.value,
            readonly: entry.readonly ? 'true' : undefined,
          }),
    ),
  )
}

function stage(value: PlanStage): Json {
  return compact({
    stage: value.name,
    displayName: value.displayName,
    group: value.group,
    dependsOn: value.dependsOn,
    condition: value.condition,
    variables: variables(value.variables),
    lockBehavior: value.lockBehavior,
    trigger: value.trigger === 'manual' ? 'manual' : undefined,
    isSkippable: value.isSkippable ? undefined : 'false',
    checks: value.checks?.map((type) => ({ type })),
    pool: pool(value.pool),
    jobs: value.jobs.map(job),
  })
}

function pool(value: PlanPool | undefined): Json | string | undefined {
  if (!value) return undefined
  const { name, vmImage, demands, properties } = value
  return compact({ name, vmImage, demands: list(demands), ...properties })
}

function job(value: PlanJob): Json {
  return compact({
    [value.kind === 'deployment' ? 'deployment' : 'job']: value.name,
    displayName: value.displayName,
    dependsOn: list(value.dependsOn),
    condition: value.condition,
    continueOnError: value.continueOnError,
    timeoutInMinutes: value.timeoutInMinutes,
    cancelTimeoutInMinutes: value.cancelTimeoutInMinutes,
    variables: variables(value.variables),
    pool: pool(value.pool),
    environment: value.deployment?.environment,
    strategy: value.deployment ? deploymentStrategy(value.deployment) : strategy(value.strategy),
    container: container(value.container),
    services: services(value.services),
    workspace: value.workspaceClean && { clean: value.workspaceClean },
    uses: value.uses,
    steps: value.kind === 'deployment' ? undefined : value.steps.map(step),
  })
}

function container(value: PlanJob['container']): unknown {
  return value?.properties ?? value?.alias ?? value?.image
}

function services(value: PlanJob['services']): Json | undefined {
  const entries = Object.entries(value)
  if (entries.length === 0) return undefined
  return Object.fromEntries(entries.map(([name, one]) => [name, container(one)]))
}

function strategy(value: PlanStrategy | undefined): Json | undefined {
  if (!value) return undefined
  const { maxParallel } = value
  return value.kind === 'matrix'
    ? compact({ matrix: value.legs, maxParallel })
    : compact({ parallel: value.count, maxParallel })
}

function deploymentStrategy(value: PlanDeployment): Json {
  const hooks = value.hooks.filter(({ name }) => name !== 'success' && name !== 'failure')
  const outcomes = value.hooks.filter((one) => !hooks.includes(one))
  return {
    [value.strategy]: compact({
      maxParallel: value.maxParallel,
      increments: value.increments,
      ...Object.fromEntries(hooks.map((one) => [one.name, hook(one)])),
      on:
        outcomes.length > 0
          ? Object.fromEntries(outcomes.map((one) => [one.name, hook(one)]))
          : undefined,
    }),
  }
}

function hook(value: PlanHook): Json {
  // The downloads of a deploy hook are written out, so it must not get them a second time.
  const stop = value.name === 'deploy' ? [{ download: 'none' }] : []
  return compact({ pool: pool(value.pool), steps: [...stop, ...value.steps.map(step)] })
}

function step(value: PlanStep): Json {
  const { settableVariables, ...target } = value.target ?? {}
  return compact({
    task: `${value.task.name}@${value.task.version}`,
    name: value.name,
    displayName: value.displayName,
    condition: value.condition,
    continueOnError: value.continueOnError,
    enabled: value.enabled,
    timeoutInMinutes: value.timeoutInMinutes,
    retryCountOnTaskFailure: value.retryCountOnTaskFailure,
    target: value.target && compact({ ...target, settableVariables }),
    inputs: Object.keys(value.inputs).length > 0 ? value.inputs : undefined,
    env: Object.keys(value.env).length > 0 ? value.env : undefined,
  })
}
