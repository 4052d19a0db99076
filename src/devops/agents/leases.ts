import { Fault } from '../../base/fault.ts'
import { Sealed } from '../../base/sealed.ts'
import type { JobEndpoint, JobLease, JobRequest, JobVariable } from '../../protocol/index.ts'
import { type Statement, statement } from '../../storage/database.ts'
import { findConnection, openSecrets } from '../connections/connections-store.ts'
import { toJobEndpoint } from '../connections/job-endpoint.ts'
import type { Devops } from '../devops.ts'
import { leaseLost } from '../faults.ts'
import { bodyPlace, type Conductor, conduct } from '../runs/conduct.ts'
import type { JobBody } from '../runs/job-body.ts'
import { accessTokenVariable } from '../runs/predefined.ts'
import { endJob } from '../runs/recover.ts'
import type { DevopsTables, DevopsTransaction } from '../tables.ts'
import { type AgentFacts, mayTake } from './demands.ts'

/**
 * How long a lease lasts without renewal. Agents renew every 60 s; the service gives a job up about
 * five minutes after the last renewal (facts: pipelines §4.8).
 */
export const LEASE_MS = 5 * 60_000

/** A lease as the database has it. */
export interface LeasedJob {
  readonly request_id: number
  readonly job_id: string
  readonly run_id: number
  readonly stage: number
  readonly job: number
  readonly leg: number
  readonly state: string
  readonly result: string | null
  readonly fence: number
  readonly has_reported: number
  readonly cancel_reason: string | null
}

/** A job's lease by its request, hot: asked with every write of an agent. */
export const findLease = statement<DevopsTables, { requestId: number }, LeasedJob>(
  (query, parameter) =>
    query
      .selectFrom('devops_job')
      .select([
        'request_id',
        'job_id',
        'run_id',
        'stage',
        'job',
        'leg',
        'state',
        'result',
        'fence',
        'has_reported',
        'cancel_reason',
      ])
      .where('request_id', '=', parameter<number>('requestId')),
)

const markReported = statement<DevopsTables, { requestId: number }>((query, parameter) =>
  query
    .updateTable('devops_job')
    .set({ has_reported: 1 })
    .where('request_id', '=', parameter<number>('requestId')),
)

/** Idle agents ask it from the start, so it is written as SQL and does not load the query builder. */
const firstQueued: Statement<undefined, { readonly request_id: number }> = {
  sql: "select request_id from devops_job where state = 'queued' limit 1",
  bind: () => [],
}

/**
 * The job behind a lease, for a write; it also notes that the agent has spoken.
 *
 * @throws Fault `LeaseLost` when another agent holds the job or it has ended
 */
export async function holdLease(tx: DevopsTransaction, lease: JobLease): Promise<LeasedJob> {
  const [job] = await tx.all(findLease, { requestId: lease.requestId })
  if (!job || job.fence !== lease.fence || job.job_id !== lease.jobId || job.state !== 'leased') {
    throw leaseLost()
  }
  if (job.has_reported === 0) await tx.run(markReported, { requestId: lease.requestId })
  return job
}

/** The job behind a lease, also after its end. */
export async function findLeasedJob(
  tx: DevopsTransaction,
  lease: JobLease,
): Promise<LeasedJob | undefined> {
  return (await tx.all(findLease, { requestId: lease.requestId }))[0]
}

/** Leases the oldest queued job whose demands the agent meets; undefined when none waits. */
export async function leaseNextJob(
  devops: Devops,
  agent: AgentFacts,
): Promise<JobRequest | undefined> {
  if ((await devops.db.all(firstQueued, undefined)).length === 0) return undefined
  const taken = await conduct(devops, async (conductor) => {
    const next = await findReadable(devops, conductor, agent)
    if (!next) return undefined
    const { job, parts } = next
    const fence = job.fence + 1
    const expiresAtMs = conductor.nowMs + LEASE_MS
    await conductor.tx.query
      .updateTable('devops_job')
      .set({
        state: 'leased',
        fence,
        agent: agent.name,
        lease_expires_at_ms: expiresAtMs,
        has_reported: 0,
        started_at_ms: conductor.nowMs,
      })
      .where('request_id', '=', job.request_id)
      .execute()
    await markRunStarted(conductor, job.run_id)
    const { stage, leg } = job
    await conductor.happen(job.run_id, { kind: 'legStarted', stage, job: job.job, leg })
    await conductor.writeRecords(job.run_id, [
      { id: job.job_id, workerName: agent.name, startedAtMs: conductor.nowMs },
    ])
    return { ...parts, fence, expiresAtMs, job }
  })
  return taken && toRequest(devops, taken)
}

/** A damaged job ends by itself: it would be the oldest for ever, and no other would be taken. */
async function findReadable(
  devops: Devops,
  conductor: Conductor,
  agent: AgentFacts,
): Promise<{ readonly job: JobRow; readonly parts: Parts } | undefined> {
  for (let job = await findNext(conductor, agent); job; job = await findNext(conductor, agent)) {
    try {
      return { job, parts: await readParts(devops, conductor, job) }
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== 'SealBroken') throw error
      await endJob(conductor, job, 'Failed', error.message)
    }
  }
  return undefined
}

async function findNext({ tx }: Conductor, agent: AgentFacts) {
  for (let after = 0; ; ) {
    const page = await tx.query
      .selectFrom('devops_job')
      .selectAll()
      .where('state', '=', 'queued')
      .where('request_id', '>', after)
      .orderBy('request_id')
      .limit(20)
      .execute()
    const fit = page.find((row) => mayTake(agent, JSON.parse(row.demands)))
    if (fit || page.length === 0) return fit
    after = page.at(-1)?.request_id ?? after
  }
}

async function markRunStarted({ tx, nowMs }: Conductor, runId: number): Promise<void> {
  await tx.query
    .updateTable('devops_run')
    .set({ started_at_ms: nowMs })
    .where('id', '=', runId)
    .where('started_at_ms', 'is', null)
    .execute()
}

type JobRow = NonNullable<Awaited<ReturnType<typeof findNext>>>

interface Parts {
  readonly body: JobBody
  readonly run: { plan_id: string; timeline_id: string; project_id: string }
  readonly endpoints: readonly JobEndpoint[]
}

/** The stored request and the connections as they are now. */
async function readParts(devops: Devops, { tx }: Conductor, job: JobRow): Promise<Parts> {
  const run = await tx.query
    .selectFrom('devops_run')
    .select(['plan_id', 'timeline_id', 'project_id'])
    .where('id', '=', job.run_id)
    .executeTakeFirstOrThrow()
  const text = devops.sealer.open(bodyPlace(job.job_id), job.body).open()
  const body = JSON.parse(text) as JobBody
  const endpoints: JobEndpoint[] = []
  for (const id of body.endpointIds) {
    const connection = await findConnection(tx.query, run.project_id, id)
    if (!connection) continue
    endpoints.push(toJobEndpoint(connection, await openSecrets(tx.query, devops.sealer, id)))
  }
  return { body, run, endpoints }
}

async function toRequest(
  devops: Devops,
  taken: Parts & { readonly fence: number; readonly expiresAtMs: number; readonly job: JobRow },
): Promise<JobRequest> {
  const { job, body, run } = taken
  const token = await devops.jobTokens.issue({
    organization: devops.organization,
    projectId: run.project_id,
    runId: job.run_id,
    planId: run.plan_id,
    jobId: job.job_id,
    lifetimeMs: tokenLifetimeMs(body),
  })
  return {
    requestId: job.request_id,
    plan: { planId: run.plan_id, planType: 'Build', version: 14 },
    timelineId: run.timeline_id,
    jobId: job.job_id,
    jobName: body.jobName,
    jobDisplayName: body.jobDisplayName,
    fence: taken.fence,
    lockedUntilMs: taken.expiresAtMs,
    timeoutInMinutes: body.timeoutInMinutes,
    cancelTimeoutInMinutes: body.cancelTimeoutInMinutes,
    ...(body.workspaceClean ? { workspaceClean: body.workspaceClean } : {}),
    variables: toVariables(body, token),
    endpoints: [systemEndpoint(devops, token), ...taken.endpoints],
    repositories: body.repositories,
    steps: body.steps,
  }
}

const MINUTE_MS = 60_000
const LONGEST_JOB_MINUTES = 48 * 60

/** A job token lives as long as its job may, with an hour to end it; two days when there is no limit. */
function tokenLifetimeMs({ timeoutInMinutes, cancelTimeoutInMinutes }: JobBody): number {
  const minutes = timeoutInMinutes === 0 ? LONGEST_JOB_MINUTES : timeoutInMinutes
  return (minutes + cancelTimeoutInMinutes + 60) * MINUTE_MS
}

function toVariables(body: JobBody, token: Sealed): Record<string, JobVariable> {
  const variables: Record<string, JobVariable> = {}
  for (const { name, value, isSecret, isReadOnly } of body.variables) {
    const carried = isSecret && value !== null ? new Sealed(value) : (value ?? undefined)
    variables[name] = { value: carried, isSecret, isReadOnly }
  }
  const { name, value } = accessTokenVariable(token)
  variables[name] = { value, isSecret: true, isReadOnly: true }
  return variables
}

/** The endpoint every job has: this server, with the job's own token. */
function systemEndpoint(devops: Devops, token: Sealed): JobEndpoint {
  return {
    id: '00000000-0000-0000-0000-000000000000',
    name: 'SystemVssConnection',
    type: 'Generic',
    url: `${devops.collectionUri}/`,
    scheme: 'OAuth',
    parameters: { AccessToken: token },
    data: { ServerId: devops.organization, ServerName: devops.organization },
  }
}
