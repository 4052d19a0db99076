import { newGuid } from '../../base/ids.ts'
import { Sealed } from '../../base/sealed.ts'
import type { Diagnostic, Plan } from '../../compiler/index.ts'
import { listConnections } from '../connections/connections-store.ts'
import type { Devops } from '../devops.ts'
import { fault, PipelineInvalid } from '../faults.ts'
import { listGroups } from '../library/groups-store.ts'
import type { Project } from '../organisation/projects-store.ts'
import { grant, listPermissions, permissionsOf } from '../permissions/permissions-store.ts'
import { listPipelineVariables, type Pipeline } from '../pipelines/pipelines-store.ts'
import {
  atBranch,
  type FolderRepository,
  type FolderState,
  fileReader,
  readFolderState,
} from '../pipelines/repository.ts'
import type { CompileResult } from '../ports.ts'
import { type Conductor, conduct, firstRecords } from './conduct.ts'
import { nextNumber } from './counters.ts'
import { inputPlace, type RunInput, type StoredVariable, shapeOf } from './live-runs.ts'
import { branchName, type RunFacts, runVariables, templateVariables } from './predefined.ts'
import { type CheckedPlan, checkResources } from './resources.ts'
import { DEFAULT_RUN_NUMBER, openRunNumber } from './run-number.ts'
import { toText } from './run-scope.ts'
import { type Selection, selectPlan } from './select-plan.ts'
import { initialState } from './state.ts'
import { listUnsupported } from './unsupported.ts'
import type { GivenVariable } from './variables.ts'

/** Who asks, as far as queueing needs to know. */
export interface Requester {
  readonly id: string
  readonly name: string
  readonly isAdministrator: boolean
}

/** A wish to run a pipeline. */
export interface QueueRequest {
  readonly project: Project
  readonly pipeline: Pipeline
  readonly requestedBy: Requester
  readonly reason?: string
  /** Queue-time variables. */
  readonly variables?: readonly GivenVariable[]
  /** Template parameters. */
  readonly parameters?: Readonly<Record<string, unknown>>
  readonly sourceBranch?: string
  readonly selection?: Selection
  /** Permits what the requester may permit before it is looked at. */
  readonly authorizes?: boolean
  readonly yamlOverride?: string
  /** Any pool name stands for this machine. */
  readonly takesAnyPool?: boolean
}

/** A compiled and checked pipeline that has not been queued. */
export interface PreparedRun {
  readonly compiled: CompileResult
  readonly checked: CheckedPlan | undefined
  readonly repository: FolderRepository
  readonly state: FolderState
  readonly given: readonly GivenVariable[]
  readonly facts: RunFacts
}

/**
 * Compiles a pipeline and checks the resources it names; diagnostics come back, they do not throw.
 *
 * @throws Fault `PipelineWrong` when its folder or commit is gone
 */
export async function prepareRun(devops: Devops, request: QueueRequest): Promise<PreparedRun> {
  const { pipeline } = request
  const repository = atBranch(pipeline.repository, request.sourceBranch)
  const state = readFolderState(repository)
  const facts = factsOf(devops, request, state)
  const given = await listGiven(devops, request)
  const publicGiven = given.flatMap(({ name, value }) =>
    typeof value === 'string' ? [[name, value] as const] : [],
  )
  const compiled = devops.compiler.compile({
    file: pipeline.yamlPath,
    readFile: fileReader(repository, state.version),
    parameters: request.parameters ?? {},
    variables: { ...Object.fromEntries(publicGiven), ...templateVariables(facts) },
    ...(request.yamlOverride === undefined ? {} : { yamlOverride: request.yamlOverride }),
  })
  const known = { repository, state, given, facts }
  if (!compiled.plan) return { compiled, checked: undefined, ...known }
  const plan = selectPlan(compiled.plan, request.selection ?? {})
  const checked = checkResources(plan, await readResources(devops, request))
  const diagnostics = [...compiled.diagnostics, ...listUnsupported(plan), ...checked.diagnostics]
  return { compiled: { ...compiled, diagnostics }, checked, ...known }
}

async function listGiven(
  devops: Devops,
  { pipeline, variables = [] }: QueueRequest,
): Promise<GivenVariable[]> {
  const settings = await listPipelineVariables(devops.db.query, devops.sealer, pipeline.id)
  const secretNames = new Set(
    settings.filter(({ isSecret }) => isSecret).map(({ name }) => name.toLowerCase()),
  )
  // The value that takes a secret's place is a secret, whatever its sender called it.
  const sealed = variables.map((given) =>
    typeof given.value === 'string' && secretNames.has(given.name.toLowerCase())
      ? { ...given, isSecret: true, value: new Sealed(given.value) }
      : given,
  )
  return [...settings.map(({ name, value, isSecret }) => ({ name, value, isSecret })), ...sealed]
}

async function readResources(devops: Devops, request: QueueRequest) {
  const { project, pipeline, requestedBy, authorizes } = request
  const { query } = devops.db
  const permits = permissionsOf(await listPermissions(query, project.id), pipeline.id)
  return {
    groups: await listGroups(query, project.id),
    connections: await listConnections(query, project.id),
    environments: await query
      .selectFrom('devops_environment')
      .select(['id', 'name'])
      .where('project_id', '=', project.id)
      .execute(),
    pools: request.takesAnyPool
      ? undefined
      : await query.selectFrom('devops_pool').selectAll().execute(),
    tasks: devops.tasks,
    mayUse: (type: Parameters<typeof permits>[0], id: string, createdBy: string) =>
      permits(type, id) || (authorizes === true && mayPermit(requestedBy, createdBy)),
  }
}

function mayPermit(requester: Requester, createdBy: string): boolean {
  return requester.isAdministrator || (createdBy !== '' && requester.id === createdBy)
}

/** A run that was queued, and what its author should know about its text. */
export interface Queued {
  readonly runId: number
  readonly warnings: readonly Diagnostic[]
}

/**
 * Queues a run and starts it: its first jobs wait for agents when this resolves.
 *
 * @throws Fault `PipelineInvalid` with every diagnostic, `PipelineWrong`, `ExpressionWrong`
 */
export async function queueRun(devops: Devops, request: QueueRequest): Promise<Queued> {
  const prepared = await prepareRun(devops, request)
  const { compiled, checked } = prepared
  if (!checked || compiled.diagnostics.some(({ severity }) => severity === 'error')) {
    throw new PipelineInvalid(compiled.diagnostics)
  }
  return conduct(devops, async (conductor) => {
    await permitAll(devops, conductor, request, checked)
    const runId = await insertRun(devops, conductor, request, { ...prepared, plan: checked.plan })
    await conductor.happen(runId, { kind: 'started' })
    return { runId, warnings: compiled.diagnostics }
  })
}

/** Writes down what the requester permits, and makes environments on their first use. */
export async function permitAll(
  devops: Devops,
  { tx, nowMs }: Conductor,
  { project, pipeline, requestedBy, authorizes }: QueueRequest,
  { named, newEnvironments }: CheckedPlan,
): Promise<void> {
  const permission = {
    projectId: project.id,
    pipelineId: pipeline.id,
    authorizedBy: requestedBy.id,
    authorizedAtMs: devops.clock.nowMs(),
  }
  const held = await tx.query
    .selectFrom('devops_environment')
    .select('name')
    .where('project_id', '=', project.id)
    .execute()
  const isNew = (name: string) =>
    !held.some((environment) => environment.name.toLowerCase() === name.toLowerCase())
  for (const name of newEnvironments.filter(isNew)) {
    const made = await tx.query
      .insertInto('devops_environment')
      .values({ project_id: project.id, name })
      .returning('id')
      .executeTakeFirstOrThrow()
    const resource = { resourceType: 'environment' as const, resourceId: String(made.id) }
    await grant(tx, { ...permission, ...resource, authorizedAtMs: nowMs })
  }
  if (authorizes !== true) return
  for (const { type, id, createdBy } of named) {
    if (!mayPermit(requestedBy, createdBy)) continue
    await grant(tx, { ...permission, resourceType: type, resourceId: id })
  }
}

function factsOf(devops: Devops, request: QueueRequest, state: FolderState): RunFacts {
  const { project, pipeline, requestedBy } = request
  return {
    runId: 0,
    number: '',
    planId: newGuid(),
    timelineId: newGuid(),
    projectId: project.id,
    projectName: project.name,
    collectionUri: devops.collectionUri,
    pipelineId: pipeline.id,
    pipelineName: pipeline.name,
    pipelineRevision: pipeline.revision,
    repository: { id: state.name, name: state.name, path: pipeline.repository.path },
    sourceBranch: fullRef(request.sourceBranch) ?? state.branch,
    sourceVersion: state.version,
    reason: request.reason ?? 'Manual',
    requestedBy: { id: requestedBy.id, name: requestedBy.name },
  }
}

function fullRef(branch: string | undefined): string | undefined {
  if (branch === undefined || branch === '') return undefined
  return branch.startsWith('refs/') ? branch : `refs/heads/${branch}`
}

async function insertRun(
  devops: Devops,
  conductor: Conductor,
  request: QueueRequest,
  prepared: PreparedRun & { readonly plan: Plan },
): Promise<number> {
  const { tx, nowMs } = conductor
  const { facts, plan, given, state, repository } = prepared
  const { id: runId } = await tx.query
    .insertInto('devops_run')
    .values({
      project_id: facts.projectId,
      pipeline_id: facts.pipelineId,
      number: '',
      state: 'inProgress',
      result: null,
      reason: facts.reason,
      requested_by: facts.requestedBy.id,
      requested_name: facts.requestedBy.name,
      source_branch: facts.sourceBranch,
      source_version: facts.sourceVersion,
      plan_id: facts.planId,
      timeline_id: facts.timelineId,
      queued_at_ms: nowMs,
      started_at_ms: null,
      finished_at_ms: null,
      keep_forever: 0,
      input: Buffer.alloc(0),
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  const number = await numberRun(devops, conductor, { ...facts, runId }, { plan, given })
  const input: RunInput = {
    plan,
    facts: { ...facts, runId, number },
    given: given.map(toStored),
    parameters: Object.fromEntries(
      Object.entries(request.parameters ?? {}).map(([name, value]) => [name, toText(value)]),
    ),
    repository: {
      path: repository.path,
      name: state.name,
      version: state.version,
      isPinned: repository.commit !== undefined,
    },
  }
  const sealed = devops.sealer.seal(inputPlace(facts.planId), JSON.stringify(input))
  await tx.query
    .updateTable('devops_run')
    .set({ number, input: sealed })
    .where('id', '=', runId)
    .execute()
  const run = { runId, input, state: initialState(shapeOf(plan)), seq: 0 }
  await conductor.writeRecords(runId, firstRecords(run))
  return runId
}

function toStored({ name, value, isSecret }: GivenVariable): StoredVariable {
  return { name, value: value instanceof Sealed ? value.open() : value, isSecret }
}

/** The run number; a counter moves only with the commit of its run. */
async function numberRun(
  devops: Devops,
  { tx, nowMs }: Conductor,
  facts: RunFacts,
  { plan, given }: { readonly plan: Plan; readonly given: readonly GivenVariable[] },
): Promise<string> {
  const values = new Map<string, string>()
  const put = (name: string, value: unknown) => {
    if (typeof value === 'string') values.set(name.toLowerCase(), value)
  }
  for (const { name, value } of given) put(name, value)
  for (const item of plan.variables) if (item.kind === 'value') put(item.name, item.value)
  for (const { name, value } of runVariables(facts)) put(name, value)
  const name = plan.name ?? DEFAULT_RUN_NUMBER
  const expression = devops.expressions.findRuntime(name)
  const format =
    expression === undefined
      ? name
      : toText(
          devops.expressions.evaluate(expression, {
            phase: 'runtimeVariable',
            values: { variables: Object.fromEntries(values) },
          }),
        )
  const open = openRunNumber(format, {
    nowMs,
    runId: facts.runId,
    pipelineName: facts.pipelineName,
    projectName: facts.projectName,
    sourceBranchName: branchName(facts.sourceBranch),
    variable: (wanted) => values.get(wanted.toLowerCase()),
  })
  if (!open.hasRevision) return open.complete(1)
  return open.complete(await nextNumber(tx, facts.pipelineId, `rev ${open.prefix}`, 1))
}

/** Asks a run to stop; one that has ended stays as it is. @throws Fault `RunNotFound` */
export async function cancelRun(devops: Devops, runId: number): Promise<void> {
  await conduct(devops, async (conductor) => {
    const run = await conductor.tx.query
      .selectFrom('devops_run')
      .select('state')
      .where('id', '=', runId)
      .executeTakeFirst()
    if (!run) throw fault('RunNotFound', `The requested build ${runId} could not be found.`)
    if (run.state !== 'inProgress') return
    await conductor.tx.query
      .updateTable('devops_run')
      .set({ state: 'cancelling' })
      .where('id', '=', runId)
      .execute()
    await conductor.happen(runId, { kind: 'cancelRequested' })
  })
}
