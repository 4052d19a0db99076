import { createHash } from 'node:crypto'
import { Sealed } from '../../base/sealed.ts'
import type { PlanJob, PlanStep, VariableDeclaration } from '../../compiler/index.ts'
import { CHECKOUT_TASK } from '../../compiler/index.ts'
import type { JobRepository, JobRequest, JobStep } from '../../protocol/index.ts'
import { findConnection } from '../connections/connections-store.ts'
import { connectionOfGroupGone, fault } from '../faults.ts'
import type { TaskCatalog } from '../ports.ts'
import { fieldTexts, matrixLegs } from './decide.ts'
import { jobVariables } from './predefined.ts'
import {
  type Dependencies,
  declaredFor,
  evaluateField,
  jobContexts,
  type RunScope,
  toText,
  variablesFor,
} from './run-scope.ts'
import type { LegPosition } from './state.ts'
import type { Claim, RunVariable } from './variables.ts'

/** A job request as it is stored, sealed: secrets are plain text inside. */
export interface JobBody {
  readonly jobName: string
  readonly jobDisplayName: string
  readonly timeoutInMinutes: number
  readonly cancelTimeoutInMinutes: number
  readonly workspaceClean?: NonNullable<JobRequest['workspaceClean']>
  readonly variables: readonly {
    readonly name: string
    /** Null: a name that a later step will set. */
    readonly value: string | null
    readonly isSecret: boolean
    readonly isReadOnly: boolean
  }[]
  readonly endpointIds: readonly string[]
  readonly repositories: readonly JobRepository[]
  readonly steps: readonly JobStep[]
}

/** A job request ready for the queue. */
export interface PreparedJob {
  readonly jobId: string
  readonly body: JobBody
  readonly demands: readonly string[]
}

/** A GUID that always is the same for the same place of the same run. */
export function placeGuid(planId: string, place: string): string {
  const hex = createHash('sha256').update(`${planId}\n${place}`).digest('hex')
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 3) | 8).toString(16)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

/** The id of a leg's job and of its timeline record. */
export function jobIdOf(planId: string, at: LegPosition): string {
  return placeGuid(planId, `job ${at.stage}.${at.job}.${at.leg}`)
}

/**
 * Everything a leg needs to run, evaluated now (facts: pipelines §4.8 step 4, integration §2.3).
 *
 * @throws Fault `PipelineWrong`, `ExpressionWrong` or `ConnectionNotFound`
 */
export async function prepareJob(scope: RunScope, at: LegPosition): Promise<PreparedJob> {
  const { run } = scope
  const stage = run.input.plan.stages[at.stage]
  const job = stage?.jobs[at.job]
  const legs = run.state.stages[at.stage]?.jobs[at.job]?.legs ?? []
  if (!stage || !job) throw new Error('A job that is not in the plan was asked for.')
  const jobId = jobIdOf(run.input.facts.planId, at)
  const legName = legs[at.leg]?.name ?? ''
  const names = legNames(job, legName)
  const declared = declaredFor(run, stage, job)
  const contexts = await jobContexts(scope, at.stage, at.job, fieldTexts(job, '', declared))
  const system = jobVariables({
    jobId,
    ...names,
    phaseName: job.name,
    phaseDisplayName: job.displayName ?? job.name,
    stageName: stage.name,
    stageDisplayName: stage.displayName ?? stage.name,
    attempt: 1,
    ...(job.strategy && legName !== ''
      ? {
          slice: {
            position: at.leg + 1,
            total: legs.length,
            isParallel: job.strategy.kind === 'parallel',
          },
        }
      : {}),
    ...(job.deployment ? { environment: await findEnvironment(scope, job) } : {}),
  })
  const own = await legVariables(scope, job, legName, contexts, declared)
  const { variables, claims } = await variablesFor(scope, [...declared, own], contexts, system)
  const planned = plannedSteps(job, legName)
  const steps = [
    ...(await downloadSteps(scope, claims)),
    ...injectedSteps(job, legName, planned, scope.devops.tasks),
    ...toJobSteps(planned, scope.devops.tasks, (text) =>
      toText(evaluateField(scope, text, variables, contexts)),
    ),
  ]
  const minutes = (text: string | undefined, otherwise: number) =>
    readMinutes(evaluateField(scope, text ?? '', variables, contexts), otherwise)
  return {
    jobId,
    demands: poolOf(job, legName)?.demands ?? [],
    body: {
      jobName: names.jobName,
      jobDisplayName: names.jobDisplayName,
      timeoutInMinutes: minutes(job.timeoutInMinutes, 60),
      cancelTimeoutInMinutes: minutes(job.cancelTimeoutInMinutes, 5),
      ...(job.workspaceClean ? { workspaceClean: job.workspaceClean } : {}),
      variables: [...variables.values()].map(toStored),
      endpointIds: listEndpoints(claims, planned, scope.devops.tasks),
      repositories: [selfRepository(scope)],
      steps: steps.map((step, i) => ({ ...step, id: placeGuid(jobId, `step ${i}`) })),
    },
  }
}

/** `Build_leg` and `Build leg`; a job without legs has its own names. */
export function legNames(
  job: PlanJob,
  legName: string,
): { readonly jobName: string; readonly jobDisplayName: string } {
  const display = job.displayName ?? job.name
  if (legName === '') return { jobName: job.name, jobDisplayName: display }
  if (job.deployment && legName === 'deploy') return { jobName: job.name, jobDisplayName: display }
  return { jobName: `${job.name}_${legName}`, jobDisplayName: `${display} ${legName}` }
}

function poolOf(job: PlanJob, legName: string) {
  return job.deployment?.hooks.find(({ name }) => name === legName)?.pool ?? job.pool
}

function plannedSteps(job: PlanJob, legName: string): readonly PlanStep[] {
  return job.deployment?.hooks.find(({ name }) => name === legName)?.steps ?? job.steps
}

/** A leg's own variables are the innermost; they are plain values. */
async function legVariables(
  scope: RunScope,
  job: PlanJob,
  legName: string,
  contexts: Dependencies,
  declared: readonly (readonly VariableDeclaration[])[],
): Promise<VariableDeclaration[]> {
  if (job.strategy?.kind !== 'matrix') return []
  const { variables } = await variablesFor(scope, declared, contexts, [])
  const leg = matrixLegs(scope, job.strategy, variables, contexts)[legName] ?? {}
  return Object.entries(leg).map(([name, value]) => ({
    kind: 'value',
    name,
    value,
    readonly: false,
    place: job.place,
  }))
}

async function findEnvironment(scope: RunScope, job: PlanJob) {
  const name = job.deployment?.environment.name ?? ''
  const row = await scope.tx.query
    .selectFrom('devops_environment')
    .selectAll()
    .where('project_id', '=', scope.run.input.facts.projectId)
    .execute()
  const found = row.find((environment) => environment.name.toLowerCase() === name.toLowerCase())
  if (!found) throw fault('PipelineWrong', `Environment ${name} does not exist any more.`)
  return { id: found.id, name: found.name, strategy: job.deployment?.strategy ?? 'runOnce' }
}

/** One fetch step for each group that still owns names, ahead of everything (integration §2.3.6). */
async function downloadSteps(
  scope: RunScope,
  claims: readonly Claim[],
): Promise<Omit<JobStep, 'id'>[]> {
  const steps: Omit<JobStep, 'id'>[] = []
  for (const [index, { group, names }] of claims.entries()) {
    const link = group.link
    const projectId = scope.run.input.facts.projectId
    const endpoint =
      link && (await findConnection(scope.tx.query, projectId, link.serviceEndpointId))
    if (!link || !endpoint) throw connectionOfGroupGone(link?.serviceEndpointId ?? '', group.name)
    steps.push({
      ...stepDefaults,
      task: taskReference(scope.devops.tasks, 'AzureKeyVault', '2'),
      refName: `__system_${index + 1}`,
      displayName: `Download secrets: ${link.vault}`,
      inputs: {
        ConnectedServiceName: endpoint.id,
        KeyVaultName: link.vault,
        SecretsFilter: names.join(','),
        RunAsPreJob: 'false',
      },
    })
  }
  return steps
}

const stepDefaults = {
  continueOnError: false,
  enabled: true,
  timeoutInMinutes: 0,
  retryCountOnTaskFailure: 0,
  env: {},
} as const

const DOWNLOAD_TASKS = /^(?:downloadpipelineartifact|downloadbuildartifacts)$/i

/** What the service adds by itself: checkout of `self`, or the artifacts in a deploy hook. */
function injectedSteps(
  job: PlanJob,
  legName: string,
  planned: readonly PlanStep[],
  tasks: TaskCatalog,
): Omit<JobStep, 'id'>[] {
  if (job.kind === 'deployment') {
    if (legName !== 'deploy' || planned.some(({ task }) => DOWNLOAD_TASKS.test(task.name)))
      return []
    return [
      {
        ...stepDefaults,
        task: taskReference(tasks, 'DownloadPipelineArtifact', '2'),
        refName: '__system_download',
        displayName: 'Download artifacts',
        inputs: { buildType: 'current', targetPath: '$(Pipeline.Workspace)' },
      },
    ]
  }
  if (planned.some(({ task }) => task.name.toLowerCase() === CHECKOUT_TASK.name)) return []
  return [
    {
      ...stepDefaults,
      task: taskReference(tasks, CHECKOUT_TASK.name, CHECKOUT_TASK.version),
      refName: '__system_checkout',
      inputs: { repository: 'self' },
    },
  ]
}

function taskReference(tasks: TaskCatalog, name: string, major: string): JobStep['task'] {
  const found = tasks.find(name, major)
  if (!found) throw fault('PipelineWrong', `The task ${name}@${major} is not installed here.`)
  return { id: found.id, name: found.name, version: found.version }
}

function toJobSteps(
  planned: readonly PlanStep[],
  tasks: TaskCatalog,
  field: (text: string) => string,
): Omit<JobStep, 'id'>[] {
  const used = new Set(planned.flatMap(({ name }) => (name ? [name.toLowerCase()] : [])))
  const next = new Map<string, number>()
  return planned.map((step) => {
    const task = taskReference(tasks, step.task.name, step.task.version)
    return {
      task,
      refName: step.name ?? freeName(task.name, used, next),
      ...(step.displayName === undefined ? {} : { displayName: step.displayName }),
      ...(step.condition === undefined ? {} : { condition: step.condition }),
      continueOnError: field(step.continueOnError ?? 'false').toLowerCase() === 'true',
      enabled: field(step.enabled ?? 'true').toLowerCase() !== 'false',
      timeoutInMinutes: readMinutes(field(step.timeoutInMinutes ?? ''), 0),
      retryCountOnTaskFailure: readMinutes(field(step.retryCountOnTaskFailure ?? ''), 0),
      inputs: step.inputs,
      env: step.env,
      ...(step.target ? { target: toTarget(step.target) } : {}),
    }
  })
}

function toTarget(target: NonNullable<PlanStep['target']>): NonNullable<JobStep['target']> {
  return {
    ...(target.commands ? { commands: target.commands } : {}),
    ...(target.settableVariables ? { settableVariables: target.settableVariables } : {}),
  }
}

/** `CmdLine`, `CmdLine_1`, …; `next` remembers where each task's numbers stand. */
function freeName(task: string, used: ReadonlySet<string>, next: Map<string, number>): string {
  for (;;) {
    const count = next.get(task) ?? 0
    next.set(task, count + 1)
    const name = count === 0 ? task : `${task}_${count}`
    if (!used.has(name.toLowerCase())) return name
  }
}

function readMinutes(value: unknown, otherwise: number): number {
  const text = toText(value).trim()
  if (text === '') return otherwise
  const minutes = Number(text)
  if (Number.isFinite(minutes) && minutes >= 0) return minutes
  throw fault('PipelineWrong', `'${text}' is not a number of minutes.`)
}

function toStored(variable: RunVariable): JobBody['variables'][number] {
  const { name, value, isSecret, isReadOnly } = variable
  return {
    name,
    value: value instanceof Sealed ? value.open() : (value ?? null),
    isSecret,
    isReadOnly,
  }
}

function listEndpoints(
  claims: readonly Claim[],
  planned: readonly PlanStep[],
  tasks: TaskCatalog,
): string[] {
  const ids = new Set(
    claims.flatMap(({ group }) => group.link?.serviceEndpointId.toLowerCase() ?? []),
  )
  for (const step of planned) {
    const inputs = tasks.find(step.task.name, step.task.version)?.connectionInputs ?? []
    const names = new Set(inputs.flatMap((input) => input.names.map((name) => name.toLowerCase())))
    for (const [name, value] of Object.entries(step.inputs)) {
      if (names.has(name.toLowerCase()) && value !== '') ids.add(value)
    }
  }
  return [...ids]
}

function selfRepository({ run }: RunScope): JobRepository {
  const { repository, facts } = run.input
  return {
    alias: 'self',
    type: repository.isPinned ? 'Git' : 'Folder',
    name: repository.name,
    url: repository.path,
    version: repository.version,
    branch: facts.sourceBranch,
  }
}
