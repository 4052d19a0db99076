import type {
  Diagnostic,
  Place,
  Plan,
  PlanJob,
  PlanStage,
  PlanStep,
  VariableDeclaration,
} from '../../compiler/index.ts'
import type { ServiceConnection } from '../connections/connections-store.ts'
import { connectionOfGroupGone } from '../faults.ts'
import type { VariableGroup } from '../library/groups-store.ts'
import type { ResourceType } from '../permissions/permissions-store.ts'
import type { ConnectionInput, TaskCatalog } from '../ports.ts'
import { expandMacros } from './run-scope.ts'

/** What a project has, and what one pipeline may use of it. */
export interface ProjectResources {
  readonly groups: readonly VariableGroup[]
  readonly connections: readonly ServiceConnection[]
  readonly environments: readonly { readonly id: number; readonly name: string }[]
  /** Undefined: any pool name is this machine. */
  readonly pools: readonly { readonly id: number; readonly name: string }[] | undefined
  readonly mayUse: (type: ResourceType, id: string, createdBy: string) => boolean
  readonly tasks: TaskCatalog
}

/** A protected resource that a plan names and the project has. */
interface NamedResource {
  readonly type: ResourceType
  readonly id: string
  readonly createdBy: string
}

export interface CheckedPlan {
  /** Connection inputs hold endpoint ids. */
  readonly plan: Plan
  readonly diagnostics: readonly Diagnostic[]
  /** Every resource that was found, permitted or not. */
  readonly named: readonly NamedResource[]
  /** Environments that do not exist yet. */
  readonly newEnvironments: readonly string[]
}

/** Finds the resources of a plan and says which are missing (facts: integration §2.4). */
export function checkResources(plan: Plan, resources: ProjectResources): CheckedPlan {
  const check = new Check(resources)
  check.groups(plan.variables, plan.stages[0]?.place, undefined)
  const stages = plan.stages.map((stage): PlanStage => {
    check.groups(stage.variables, stage.place, `Stage ${stage.name}`)
    const jobs = stage.jobs.map((job) => checkJob(check, job, [plan.variables, stage.variables]))
    return { ...stage, jobs }
  })
  return {
    plan: { ...plan, stages },
    diagnostics: check.diagnostics,
    named: [...check.named.values()],
    newEnvironments: [...check.newEnvironments],
  }
}

type Lists = readonly (readonly VariableDeclaration[])[]

function checkJob(check: Check, job: PlanJob, outer: Lists): PlanJob {
  check.groups(job.variables, job.place, `Job ${job.name}`)
  for (const pool of [job.pool, ...(job.deployment?.hooks.map((hook) => hook.pool) ?? [])]) {
    if (pool?.name !== undefined) check.pool(pool.name, job.place)
  }
  const values = plainValues([...outer, job.variables])
  const stepsOf = (steps: readonly PlanStep[]) =>
    steps.map((step) => check.step(step, { job, values }))
  if (!job.deployment) return { ...job, steps: stepsOf(job.steps) }
  check.environment(job.deployment.environment.name, job)
  const hooks = job.deployment.hooks.map((hook) => ({ ...hook, steps: stepsOf(hook.steps) }))
  return { ...job, deployment: { ...job.deployment, hooks } }
}

/** Names of resources may use variables written in the YAML, and no others (pipelines §4.8). */
function plainValues(lists: Lists): ReadonlyMap<string, { readonly value: string }> {
  return new Map(
    lists
      .flat()
      .flatMap((item) =>
        item.kind === 'value' ? [[item.name.toLowerCase(), { value: item.value }] as const] : [],
      ),
  )
}

interface StepPlace {
  readonly job: PlanJob
  readonly values: ReadonlyMap<string, { readonly value: string }>
}

class Check {
  readonly diagnostics: Diagnostic[] = []
  readonly named = new Map<string, NamedResource>()
  readonly newEnvironments = new Set<string>()
  readonly #resources: ProjectResources

  constructor(resources: ProjectResources) {
    this.#resources = resources
  }

  groups(
    declared: readonly VariableDeclaration[],
    otherwise: Place | undefined,
    where: string | undefined,
  ): void {
    for (const item of declared) {
      if (item.kind === 'group') this.#group(item.group, item.place ?? otherwise, where)
    }
  }

  #group(name: string, place: Place, where: string | undefined): void {
    const found = this.#resources.groups.filter(
      (group) => group.name.toLowerCase() === name.toLowerCase() || String(group.id) === name,
    )
    if (found.length > 1) {
      this.#refuse(`The variable group name ${name} is ambiguous.`, place)
      return
    }
    const [group] = found
    const allowed = group && this.#use('variablegroup', String(group.id), group.createdBy)
    if (!group || !allowed) {
      const text = where
        ? `${where}: Variable group ${name} could not be found. The variable group does not exist or has not been authorized for use.`
        : `Variable group ${name} was not found or is not authorized for use. For authorization details, refer to https://aka.ms/yamlauthz.`
      this.#refuse(text, place, group ? permitHint('variablegroup', String(group.id)) : undefined)
      return
    }
    const link = group.link
    if (!link) return
    const id = link.serviceEndpointId.toLowerCase()
    if (!this.#resources.connections.some((connection) => connection.id === id)) {
      this.#refuse(connectionOfGroupGone(link.serviceEndpointId, group.name).message, place)
    }
  }

  pool(name: string, place: Place): void {
    const pools = this.#resources.pools
    if (!pools || name.includes('$(')) return
    const pool = pools.find((known) => known.name.toLowerCase() === name.toLowerCase())
    if (pool) return
    const text = `Could not find a pool with name ${name}. The pool does not exist or has not been authorized for use.`
    this.#refuse(text, place)
  }

  environment(name: string, job: PlanJob): void {
    const found = this.#resources.environments.find(
      (environment) => environment.name.toLowerCase() === name.toLowerCase(),
    )
    if (!found) {
      this.newEnvironments.add(name)
      return
    }
    if (this.#use('environment', String(found.id), '')) return
    const text = `Job ${job.name}: Environment ${name} could not be found. The environment does not exist or has not been authorized for use.`
    this.#refuse(text, job.place, permitHint('environment', String(found.id)))
  }

  step(step: PlanStep, where: StepPlace): PlanStep {
    const { name, version } = step.task
    const task = this.#resources.tasks.find(name, version)
    const stepName = step.name ?? task?.name ?? name
    if (!task) {
      const text = `A task is missing. The pipeline references a task called '${name}'. This usually indicates the task isn't installed, and you may be able to install it from the Marketplace: https://marketplace.visualstudio.com. (Task version ${version}, job '${where.job.name}', step '${step.name ?? ''}'.)`
      this.#refuse(text, step.place, undefined, 'task-missing')
      return step
    }
    const inputs: Record<string, string> = { ...step.inputs }
    for (const input of task.connectionInputs) {
      const names = new Set(input.names.map((alias) => alias.toLowerCase()))
      const written = Object.keys(inputs).find((key) => names.has(key.toLowerCase()))
      if (written === undefined) continue
      const reference = expandMacros(inputs[written] ?? '', where.values).trim()
      if (reference === '') continue
      const step_ = { step, stepName, inputName: input.names[0] ?? written, job: where.job }
      inputs[written] = this.#connection(reference, input, step_) ?? reference
    }
    return { ...step, inputs }
  }

  #connection(
    reference: string,
    input: ConnectionInput,
    at: { step: PlanStep; stepName: string; inputName: string; job: PlanJob },
  ): string | undefined {
    const { step, stepName, inputName, job } = at
    const wanted = reference.toLowerCase()
    const known = this.#resources.connections
    const found =
      known.find(({ id }) => id === wanted) ??
      known.find(({ name }) => name.toLowerCase() === wanted)
    if (!found || !this.#use('endpoint', found.id, found.createdBy)) {
      const text = `Job ${job.name}: Step ${stepName} input ${inputName} references service connection ${reference} which could not be found. The service connection does not exist or has not been authorized for use.`
      this.#refuse(text, step.place, found ? permitHint('endpoint', found.id) : undefined)
      return undefined
    }
    const start = `Job ${job.name}: Step ${stepName} input ${inputName} expects a service connection of type ${input.type}`
    const isType = found.type.toLowerCase() === input.type.toLowerCase()
    const schemes = input.schemes?.map((scheme) => scheme.toLowerCase())
    if (schemes && !(isType && schemes.includes(found.scheme.toLowerCase()))) {
      const text = `${start} with authentication scheme ${input.schemes?.join(', ')} but the provided service connection ${found.name} is of type ${found.type} using authentication scheme ${found.scheme}.`
      this.#refuse(text, step.place)
    } else if (!isType) {
      this.#refuse(
        `${start} but the provided service connection ${found.name} is of type ${found.type}.`,
        step.place,
      )
    }
    return found.id
  }

  /** Notes a resource; true when the pipeline may use it. */
  #use(type: ResourceType, id: string, createdBy: string): boolean {
    this.named.set(`${type} ${id}`, { type, id, createdBy })
    return this.#resources.mayUse(type, id, createdBy)
  }

  #refuse(message: string, place: Place, hint?: string, code = 'resource-missing'): void {
    this.diagnostics.push({
      code,
      severity: 'error',
      message,
      ...(hint === undefined ? {} : { hint }),
      place,
    })
  }
}

function permitHint(type: ResourceType, id: string): string {
  return `It exists, but this pipeline may not use it. An administrator can permit it: PATCH _apis/pipelines/pipelinepermissions/${type}/${id}`
}
