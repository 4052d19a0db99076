import type {
  Diagnostic,
  Place,
  Plan,
  PlanJob,
  PlanPool,
  PlanStage,
  PlanStep,
} from '../../compiler/index.ts'
import { CHECKOUT_TASK } from '../../compiler/index.ts'

/** What a plan may hold that no agent here can run: refused, each with its place. */
export function listUnsupported(plan: Plan): Diagnostic[] {
  const found: Diagnostic[] = []
  const refuse = (what: string, place: Place, hint?: string) => {
    found.push({
      code: 'not-supported',
      severity: 'error',
      message: `${what} is not supported yet.`,
      ...(hint === undefined ? {} : { hint }),
      place,
    })
  }
  const {
    repositories: _repositories,
    containers: _containers,
    webhooks,
    ...consumed
  } = plan.resources
  for (const [kind, items] of Object.entries(consumed)) {
    for (const { alias, place } of items) refuse(`The ${kind} resource '${alias}'`, place)
  }
  for (const { alias, place } of webhooks) warnTrigger(found, `The webhook '${alias}'`, place)
  const [first] = plan.stages
  if (first && plan.schedules.length > 0) warnTrigger(found, 'The schedules', first.place)
  if (first && plan.lockBehavior) refuse("'lockBehavior'", first.place)
  for (const stage of plan.stages) {
    refuseInStage(stage, refuse)
    for (const job of stage.jobs) warnImage(found, job)
  }
  return found
}

/** Hosted images do not exist here; one of another system is worth a word. */
function warnImage(found: Diagnostic[], job: PlanJob): void {
  const image = job.pool?.vmImage
  if (image === undefined || systemOf(image) === process.platform) return
  found.push({
    code: 'hosted-image',
    severity: 'warning',
    message: `The image '${image}' of job '${job.name}' does not exist here: the job runs on the machine of the agent (${process.platform}).`,
    place: job.place,
  })
}

function systemOf(image: string): string {
  if (/^(?:win|vs)/i.test(image)) return 'win32'
  return /^mac/i.test(image) ? 'darwin' : 'linux'
}

type Refuse = (what: string, place: Place, hint?: string) => void

function warnTrigger(found: Diagnostic[], what: string, place: Place): void {
  found.push({
    code: 'trigger-not-watched',
    severity: 'warning',
    message: `${what} will not start runs: only runs started by a person or a client are supported yet.`,
    place,
  })
}

function refuseInStage(stage: PlanStage, refuse: Refuse): void {
  if (stage.trigger === 'manual') refuse(`'trigger: manual' of stage '${stage.name}'`, stage.place)
  if (stage.lockBehavior) refuse(`'lockBehavior' of stage '${stage.name}'`, stage.place)
  for (const job of stage.jobs) refuseInJob(job, refuse)
}

function refuseInJob(job: PlanJob, refuse: Refuse): void {
  const of = `of job '${job.name}'`
  const hint = 'Run the job directly on the machine of the agent.'
  if (job.container) refuse(`The container ${of}`, job.place, hint)
  if (Object.keys(job.services).length > 0) refuse(`The service containers ${of}`, job.place)
  if ((job.uses?.repositories.length ?? 0) > 0) refuse(`'uses.repositories' ${of}`, job.place)
  refusePool(job.pool, of, job, refuse)
  for (const step of job.steps) refuseInStep(step, job, refuse)
  if (!job.deployment) return
  const { strategy, environment, hooks } = job.deployment
  if (strategy !== 'runOnce') {
    refuse(`The deployment strategy '${strategy}' ${of}`, job.place, "Use 'runOnce'.")
  }
  const hasResource = environment.resourceName ?? environment.resourceId ?? environment.resourceType
  if (hasResource !== undefined || environment.tags !== undefined) {
    refuse(`The environment resource ${of}`, job.place, 'Name the environment alone.')
  }
  for (const hook of hooks) {
    refusePool(hook.pool, of, job, refuse)
    for (const step of hook.steps) refuseInStep(step, job, refuse)
  }
}

function refusePool(pool: PlanPool | undefined, of: string, job: PlanJob, refuse: Refuse): void {
  if (pool?.name?.toLowerCase() === 'server') refuse(`The agentless pool 'server' ${of}`, job.place)
}

function refuseInStep(step: PlanStep, job: PlanJob, refuse: Refuse): void {
  const container = step.target?.container
  if (container !== undefined && container.toLowerCase() !== 'host') {
    refuse(`The step target '${container}' in job '${job.name}'`, step.place)
  }
  if (step.task.name.toLowerCase() !== CHECKOUT_TASK.name) return
  const repository = Object.entries(step.inputs).find(
    ([name]) => name.toLowerCase() === 'repository',
  )
  const alias = repository?.[1] ?? 'self'
  if (alias !== 'self' && alias !== 'none') {
    refuse(`Checkout of the repository '${alias}' in job '${job.name}'`, step.place)
  }
}
