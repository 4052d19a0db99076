import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { newGuid } from '../base/ids.ts'
import { Sealed } from '../base/sealed.ts'
import type {
  AgentApi,
  Issue,
  JobLease,
  JobRequest,
  OutputVariable,
  TaskResult,
} from '../protocol/index.ts'
import { JobCancellation } from './cancellation.ts'
import { sourcesFolder } from './checkout/layout.ts'
import { Connections } from './connections.ts'
import type { JobRun } from './job-run.ts'
import { keepLease } from './lease.ts'
import { Masker } from './output/index.ts'
import { LogUploads } from './reporting/log-upload.ts'
import { RecordQueue } from './reporting/record-queue.ts'
import { callServer, isLeaseLost } from './reporting/server-calls.ts'
import { type AgentSettings, timingOf } from './settings.ts'
import { runSteps } from './steps/run-steps.ts'
import { mergeResults } from './steps/task-results.ts'
import { loadJobVariables, setAgentVariables } from './variables/predefined.ts'
import { VariableStore } from './variables/variable-store.ts'
import { openWorkspace, type Workspace } from './workspace/workspace.ts'

/** Secrets of fewer characters are not masked (facts/integration.md §4.3). */
const SHORTEST = 'AZP_IGNORE_SECRETS_SHORTER_THAN'

/**
 * Runs one job from its first record to its last and tells the server its result. Aborting `signal`
 * cancels the job as its user would: the running step is asked to end, `always()` steps still run.
 *
 * Gives the result it told; `Abandoned`, and nothing told, when another agent holds the job.
 *
 * @throws when the server cannot be told, after five tries
 */
export async function runJob(
  api: AgentApi,
  job: JobRequest,
  settings: AgentSettings,
  signal: AbortSignal,
): Promise<TaskResult> {
  const timing = timingOf(settings)
  const { jobId, requestId, fence, lockedUntilMs } = job
  const lease: JobLease = { planId: job.plan.planId, jobId, requestId, fence }
  const cancellation = new JobCancellation(job, timing, [api.cancelSignal(lease), signal])
  const place = { timing, cancellation, clock: settings.clock }
  const stopRenewing = keepLease(api, { ...lease, lockedUntilMs }, place)
  const records = new RecordQueue((batch) => api.updateRecords(lease, batch), {
    everyMs: timing.recordsMs,
    retryMs: timing.callRetryMs,
    onFailure: (error) => {
      if (isLeaseLost(error)) cancellation.cancel('leaseLost')
    },
  })
  let workspace: Workspace | undefined
  try {
    workspace = await openWorkspace(settings.workFolder)
    await mkdir(path.join(workspace.folder, sourcesFolder(job)), { recursive: true, mode: 0o700 })
    return await runToEnd(openRun({ api, job, lease, settings, workspace, records, cancellation }))
  } finally {
    stopRenewing()
    cancellation.close()
    records.close()
    await workspace?.remove()
  }
}

type RunParts = Pick<
  JobRun,
  'api' | 'job' | 'lease' | 'settings' | 'workspace' | 'records' | 'cancellation'
>

/** Everything secret that the job brings is with the masker before this returns. */
function openRun(parts: RunParts): JobRun {
  const { job, settings, workspace } = parts
  const timing = timingOf(settings)
  const masker = new Masker()
  let origin: 'job' | 'variable' = 'job'
  const variables = new VariableStore((value) => masker.add(value, origin))
  const connections = new Connections(job.endpoints, masker)
  const sources = path.join(workspace.folder, sourcesFolder(job))
  loadJobVariables(variables, job)
  const tooHigh = ignoreShort(masker, variables.text(SHORTEST) ?? settings.environment[SHORTEST])
  variables.resolveAll()
  origin = 'variable'
  setAgentVariables(variables, settings, job, { workspace, sources })
  return {
    ...parts,
    timing,
    logs: new LogUploads(parts.api, parts.lease, timing.callRetryMs),
    masker,
    variables,
    connections,
    sources,
    trackingValue: `vsts_${newGuid()}`,
    pathPrefixes: [],
    taskVariables: new Map(),
    details: new Map(),
    warnings: tooHigh ? [tooHigh] : [],
    result: 'Succeeded',
  }
}

/** The warning to show when the minimum length is higher than allowed. */
function ignoreShort(masker: Masker, shortest: string | undefined): string | undefined {
  const characters = Number(shortest ?? 0)
  return characters > 0 ? masker.ignoreShorterThan(characters) : undefined
}

async function runToEnd(run: JobRun): Promise<TaskResult> {
  const { job, records, settings, cancellation } = run
  const record = { id: job.jobId, type: 'Job', name: run.masker.mask(job.jobDisplayName) } as const
  records.update({
    ...record,
    refName: job.jobName,
    state: 'inProgress',
    startedAtMs: settings.clock.nowMs(),
    workerName: settings.name,
  })
  let failure: unknown
  try {
    await runSteps(run)
    await run.logs.drain()
  } catch (error) {
    failure = error
    run.result = mergeResults(run.result, 'Failed')
  }
  if (cancellation.reason === 'leaseLost' || isLeaseLost(failure)) return 'Abandoned'
  if (cancellation.reason) run.result = mergeResults(run.result, 'Canceled')
  const issues = endIssues(run, failure)
  records.update({
    ...record,
    state: 'completed',
    result: run.result,
    finishedAtMs: settings.clock.nowMs(),
    ...(issues.length > 0 && { issues, errorCount: issues.length }),
  })
  return tellEnd(run)
}

/** A job whose records do not arrive has failed, whatever its steps did (facts §5.3). */
async function tellEnd(run: JobRun): Promise<TaskResult> {
  const { api, lease, records, timing } = run
  try {
    await records.flush()
  } catch (error) {
    if (isLeaseLost(error)) return 'Abandoned'
    run.result = mergeResults(run.result, 'Failed')
  }
  try {
    const outputs = jobOutputs(run)
    await callServer(() => api.finishJob(lease, run.result, outputs), timing.callRetryMs)
    return run.result
  } catch (error) {
    if (isLeaseLost(error)) return 'Abandoned'
    throw error
  }
}

/** A public output that holds a secret's text leaves as a secret, so that it is kept as one. */
function jobOutputs({ variables, masker }: JobRun): readonly OutputVariable[] {
  return variables.outputs().map(({ name, value }) => ({
    name,
    value: typeof value === 'string' && masker.mask(value) !== value ? new Sealed(value) : value,
  }))
}

function endIssues(run: JobRun, failure: unknown): readonly Issue[] {
  const { job, settings, cancellation, masker } = run
  const messages: string[] = []
  if (cancellation.reason === 'timedOut') {
    messages.push(
      `The job running on agent ${settings.name} ran longer than the maximum time of ${job.timeoutInMinutes} minutes. For more information, see https://go.microsoft.com/fwlink/?linkid=2077134`,
    )
  }
  if (failure !== undefined) {
    const reason = failure instanceof Error ? failure.message : String(failure)
    messages.push(`The agent could not go on with the job: ${reason}`)
  }
  return messages.map((text) => ({ type: 'error', message: masker.mask(text), data: {} }))
}
