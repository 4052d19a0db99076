import type { TaskResult } from '../../protocol/index.ts'
import type { Statement } from '../../storage/database.ts'
import { findDemandedAgent } from '../agents/demands.ts'
import type { Devops } from '../devops.ts'
import { type Conductor, conduct, NO_BODY } from './conduct.ts'

/** Time an agent has beyond a job's own limits before the server ends the job by itself. */
const GRACE_MS = 60_000

/** Which agents are known to be gone, whatever their leases say. */
export interface Recovery {
  readonly nowMs: number
  /** Names of agents that lived in a process that has ended. */
  readonly lostAgents?: readonly string[]
  /** The same as a question, for agents whose names tell. */
  isGone?(agent: string): boolean
}

/**
 * Ends or returns jobs whose agent is gone, and jobs that outstay their limits. A job of which its
 * agent never said anything goes back to the queue; one that had begun is over (`Abandoned`), for
 * its steps may not be run twice. Call it at the start and every minute.
 */
export async function recoverJobs(devops: Devops, recovery: Recovery): Promise<void> {
  const unfinished = await devops.db.all(unfinishedJobs, undefined)
  for (const { request_id, state, demands } of unfinished) {
    if (state === 'queued') await abandonUnreachable(devops, recovery, request_id, demands)
  }
  for (const { request_id, state } of unfinished) {
    if (state !== 'leased') continue
    await conduct(devops, async (conductor) => {
      const job = await findJob(conductor, request_id, 'leased')
      if (job) await recoverJob(devops, conductor, job, recovery)
    })
  }
}

/** Every start asks it, so it is written as SQL and does not load the query builder. */
const unfinishedJobs: Statement<
  undefined,
  { readonly request_id: number; readonly state: string; readonly demands: string }
> = {
  sql: "select request_id, state, demands from devops_job where state in ('queued', 'leased')",
  bind: () => [],
}

function isLost({ lostAgents = [], isGone }: Recovery, agent: string): boolean {
  return lostAgents.includes(agent) || isGone?.(agent) === true
}

/** Ends a queued job that only an agent that is gone could take. */
async function abandonUnreachable(
  devops: Devops,
  recovery: Recovery,
  requestId: number,
  demands: string,
): Promise<void> {
  const agent = findDemandedAgent(JSON.parse(demands))
  if (agent === undefined || !isLost(recovery, agent)) return
  await conduct(devops, async (conductor) => {
    const job = await findJob(conductor, requestId, 'queued')
    if (!job) return
    await endJob(
      conductor,
      job,
      'Abandoned',
      `The process of agent ${agent}, which alone could run this job, has ended.`,
    )
  })
}

type Job = NonNullable<Awaited<ReturnType<typeof findJob>>>

/** The job, when it is still in this state. */
function findJob({ tx }: Conductor, requestId: number, state: 'queued' | 'leased') {
  return tx.query
    .selectFrom('devops_job')
    .selectAll()
    .where('request_id', '=', requestId)
    .where('state', '=', state)
    .executeTakeFirst()
}

async function recoverJob(
  devops: Devops,
  conductor: Conductor,
  job: Job,
  recovery: Recovery,
): Promise<void> {
  const { nowMs } = recovery
  const agent = job.agent ?? ''
  if (job.lease_expires_at_ms <= nowMs || isLost(recovery, agent)) {
    if (job.has_reported === 0 && job.cancel_requested_at_ms === null) {
      await returnJob(devops, conductor, job)
      return
    }
    const text = `We stopped hearing from agent ${agent}. Verify the agent machine is running and has a healthy network connection. Anything that terminates an agent process, starves it for CPU, or blocks its network access can cause this error.`
    await endJob(conductor, job, 'Abandoned', text)
    return
  }
  const cancelledAtMs = job.cancel_requested_at_ms
  if (cancelledAtMs !== null && cancelledAtMs + job.cancel_timeout_ms + GRACE_MS <= nowMs) {
    await endJob(
      conductor,
      job,
      'Canceled',
      'The agent did not end the job in time after its cancellation.',
    )
    return
  }
  const startedAtMs = job.started_at_ms ?? nowMs
  if (
    cancelledAtMs === null &&
    job.timeout_ms > 0 &&
    startedAtMs + job.timeout_ms + GRACE_MS <= nowMs
  ) {
    await cancelLate(devops, conductor, job)
  }
}

/** Puts a leased job back into the queue; the fence grows, so that whoever held it is refused. */
export async function returnJob(
  devops: Devops,
  conductor: Conductor,
  job: Pick<Job, 'request_id' | 'run_id' | 'stage' | 'job' | 'leg' | 'fence'>,
): Promise<void> {
  const { stage, leg } = job
  await conductor.tx.query
    .updateTable('devops_job')
    .set({ state: 'queued', agent: null, started_at_ms: null, fence: job.fence + 1 })
    .where('request_id', '=', job.request_id)
    .execute()
  await conductor.happen(job.run_id, { kind: 'legReturned', stage, job: job.job, leg })
  conductor.afterCommit(() => devops.bus.jobQueued())
}

/** Ends a job for its agent, with the reason as an issue of its record. */
export async function endJob(
  conductor: Conductor,
  job: Pick<Job, 'request_id' | 'job_id' | 'run_id' | 'stage' | 'job' | 'leg'>,
  result: TaskResult,
  message: string,
): Promise<void> {
  const { stage, leg } = job
  await conductor.tx.query
    .updateTable('devops_job')
    .set({ state: 'completed', result, finished_at_ms: conductor.nowMs, body: NO_BODY })
    .where('request_id', '=', job.request_id)
    .execute()
  await conductor.writeRecords(job.run_id, [
    {
      id: job.job_id,
      state: 'completed',
      result,
      finishedAtMs: conductor.nowMs,
      issues: [{ type: 'error', message, data: {} }],
      errorCount: 1,
    },
  ])
  await conductor.happen(job.run_id, { kind: 'legFinished', stage, job: job.job, leg, result })
}

async function cancelLate(devops: Devops, conductor: Conductor, job: Job): Promise<void> {
  const minutes = Math.round(job.timeout_ms / 60_000)
  const reason = `The job running on agent ${job.agent ?? ''} ran longer than the maximum time of ${minutes} minutes. For more information, see https://go.microsoft.com/fwlink/?linkid=2077134`
  await conductor.tx.query
    .updateTable('devops_job')
    .set({ cancel_requested_at_ms: conductor.nowMs, cancel_reason: reason })
    .where('request_id', '=', job.request_id)
    .execute()
  conductor.afterCommit(() => devops.bus.jobCancelled(job.job_id, reason))
}
