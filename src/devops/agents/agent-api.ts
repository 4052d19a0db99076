import type { Readable } from 'node:stream'
import { Sealed } from '../../base/sealed.ts'
import {
  type AgentApi,
  type ArtifactFile,
  JobCancelled,
  type JobLease,
  type JobRequest,
  type OutputVariable,
  type TaskResult,
} from '../../protocol/index.ts'
import type { Devops } from '../devops.ts'
import { fault } from '../faults.ts'
import {
  associateArtifact,
  listArtifactFiles,
  openArtifactFile,
  storeArtifactFile,
} from '../runs/artifacts.ts'
import { putAttachment } from '../runs/attachments.ts'
import { conduct, NO_BODY } from '../runs/conduct.ts'
import { appendLog, createLog } from '../runs/logs.ts'
import { returnJob } from '../runs/recover.ts'
import { outputPlace } from '../runs/run-scope.ts'
import type { AgentFacts } from './demands.ts'
import {
  findLease,
  findLeasedJob,
  holdLease,
  LEASE_MS,
  type LeasedJob,
  leaseNextJob,
} from './leases.ts'

/** How often an idle agent looks for jobs that another process queued. */
const SLOW_POLL_MS = 1000

/** The server as an agent in this process sees it (`AgentApi` has the contract). */
export function createAgentApi(devops: Devops, agent: AgentFacts): AgentApi {
  const cancellations = new Map<string, AbortController>()
  devops.bus.onJobCancelled((jobId, reason) => {
    cancellations.get(jobId)?.abort(new JobCancelled(reason))
  })
  const runOf = (lease: JobLease) =>
    devops.db.write(async (tx) => (await holdLease(tx, lease)).run_id)
  let feeding = Promise.resolve()
  return {
    takeJob: (signal) => takeJob(devops, agent, signal),
    renewJob: async (lease) => {
      const { lockedUntilMs, cancelReason } = await renew(devops, lease)
      if (cancelReason !== null)
        signalOf(cancellations, lease).abort(new JobCancelled(cancelReason))
      return { lockedUntilMs }
    },
    cancelSignal: (lease) => {
      const controller = signalOf(cancellations, lease)
      // Who asks has the signal at once; that the run was cancelled before is told a moment later.
      findCancel(devops, lease).then(
        (reason) => reason !== undefined && controller.abort(new JobCancelled(reason)),
        // The next renewal asks again.
        () => undefined,
      )
      return controller.signal
    },
    updateRecords: (lease, records) =>
      conduct(devops, async ({ tx, writeRecords }) => {
        await writeRecords((await holdLease(tx, lease)).run_id, records)
      }),
    createLog: async (lease) => ({
      logId: await devops.db.write(async (tx) =>
        createLog(tx, (await holdLease(tx, lease)).run_id, devops.clock.nowMs()),
      ),
    }),
    appendLog: (lease, logId, startLine, lines) =>
      devops.db.write(async (tx) => {
        const { run_id: runId } = await holdLease(tx, lease)
        await appendLog(tx, devops.sealer, { runId, logId, startLine, lines })
      }),
    feed: (lease, recordId, startLine, lines) => {
      const tell = async () => {
        const runId = await findRunOf(devops, lease)
        if (runId === undefined) return
        devops.bus.runNews(runId, { kind: 'feed', recordId, startLine, lines })
      }
      // In the order of arrival; lines that cannot be told are dropped, the log has them.
      feeding = feeding.then(tell).catch(() => undefined)
    },
    finishJob: async (lease, result, outputs) => {
      await feeding
      await finishJob(devops, lease, result, outputs)
      cancellations.delete(lease.jobId)
    },
    ...artifactCalls(devops, runOf),
    addAttachment: (lease, recordId, type, name, content) =>
      devops.db.write(async (tx) => {
        const { run_id: runId } = await holdLease(tx, lease)
        await putAttachment(tx, devops.sealer, { runId, recordId, type, name, content })
      }),
    addTag: (lease, tag) =>
      devops.db.write(async (tx) => {
        const { run_id } = await holdLease(tx, lease)
        await tx.query
          .insertInto('devops_tag')
          .values({ run_id, tag })
          .onConflict((conflict) => conflict.doNothing())
          .execute()
      }),
    updateRunNumber: (lease, runNumber) =>
      devops.db.write(async (tx) => {
        const { run_id } = await holdLease(tx, lease)
        const query = tx.query.updateTable('devops_run').set({ number: runNumber })
        await query.where('id', '=', run_id).execute()
      }),
  }
}

function artifactCalls(
  devops: Devops,
  runOf: (lease: JobLease) => Promise<number>,
): Pick<
  AgentApi,
  'uploadArtifactFile' | 'associateArtifact' | 'listArtifactFiles' | 'openArtifactFile'
> {
  return {
    uploadArtifactFile: async (lease, folder, path, content) =>
      storeArtifactFile(devops, { runId: await runOf(lease), folder, path, content }),
    associateArtifact: (lease, artifact) =>
      devops.db.write(async (tx) =>
        associateArtifact(tx, (await holdLease(tx, lease)).run_id, artifact),
      ),
    listArtifactFiles: async (lease, runId, artifact) => {
      await sameProject(devops, await runOf(lease), runId)
      return listArtifactFiles(devops, runId, artifact)
    },
    openArtifactFile: async (lease, runId, file): Promise<Readable> => {
      await sameProject(devops, await runOf(lease), runId)
      return openArtifactFile(devops, runId, file satisfies ArtifactFile)
    },
  }
}

/** A job may read artifacts of runs of its own project only. */
async function sameProject(devops: Devops, ownRunId: number, runId: number): Promise<void> {
  if (ownRunId === runId) return
  const rows = await devops.db.query
    .selectFrom('devops_run')
    .select('project_id')
    .where('id', 'in', [ownRunId, runId])
    .execute()
  if (rows.length === 2 && rows[0]?.project_id === rows[1]?.project_id) return
  throw fault('RunNotFound', `The requested build ${runId} could not be found.`)
}

async function takeJob(
  devops: Devops,
  agent: AgentFacts,
  signal: AbortSignal,
): Promise<JobRequest | undefined> {
  while (!signal.aborted) {
    const waiting = nextSignal(devops, signal)
    const job = await leaseNextJob(devops, agent)
    if (job) {
      waiting.stop()
      if (!signal.aborted) return job
      await giveBack(devops, job)
      return undefined
    }
    await waiting.heard
  }
  return undefined
}

/** The agent stopped while the job was on its way: another one may have it. */
async function giveBack(devops: Devops, { requestId, fence }: JobRequest): Promise<void> {
  await conduct(devops, async (conductor) => {
    const [job] = await conductor.tx.all(findLease, { requestId })
    if (job?.state === 'leased' && job.fence === fence) await returnJob(devops, conductor, job)
  })
}

/** Resolves when a job is queued here, after the slow poll's time, or when `signal` aborts. */
function nextSignal(devops: Devops, signal: AbortSignal): { heard: Promise<void>; stop(): void } {
  let stop = () => {}
  const heard = new Promise<void>((resolve) => {
    const timer = setTimeout(() => stop(), SLOW_POLL_MS)
    const off = devops.bus.onJobQueued(() => stop())
    stop = () => {
      clearTimeout(timer)
      off()
      signal.removeEventListener('abort', stop)
      resolve()
    }
    signal.addEventListener('abort', stop, { once: true })
    if (signal.aborted) stop()
  })
  return { heard, stop: () => stop() }
}

function signalOf(cancellations: Map<string, AbortController>, lease: JobLease): AbortController {
  const known = cancellations.get(lease.jobId)
  if (known) return known
  const made = new AbortController()
  cancellations.set(lease.jobId, made)
  return made
}

async function findCancel(devops: Devops, lease: JobLease): Promise<string | undefined> {
  const [row] = await devops.db.all(findLease, { requestId: lease.requestId })
  return row?.cancel_reason ?? undefined
}

async function findRunOf(devops: Devops, lease: JobLease): Promise<number | undefined> {
  const [row] = await devops.db.all(findLease, { requestId: lease.requestId })
  return row?.fence === lease.fence && row.state === 'leased' ? row.run_id : undefined
}

async function renew(devops: Devops, lease: JobLease) {
  const lockedUntilMs = devops.clock.nowMs() + LEASE_MS
  const cancelReason = await devops.db.write(async (tx) => {
    const job = await holdLease(tx, lease)
    await tx.query
      .updateTable('devops_job')
      .set({ lease_expires_at_ms: lockedUntilMs })
      .where('request_id', '=', job.request_id)
      .execute()
    return job.cancel_reason
  })
  return { lockedUntilMs, cancelReason }
}

/** Ends a job once; the same end told again changes nothing. @throws Fault `LeaseLost` */
async function finishJob(
  devops: Devops,
  lease: JobLease,
  result: TaskResult,
  outputs: readonly OutputVariable[],
): Promise<void> {
  await conduct(devops, async (conductor) => {
    const { tx, nowMs } = conductor
    const known = await findLeasedJob(tx, lease)
    if (known?.state === 'completed' && known.fence === lease.fence && known.result === result)
      return
    const job = await holdLease(tx, lease)
    for (const output of outputs) await writeOutput(devops, conductor.tx, job, output)
    await tx.query
      .updateTable('devops_job')
      .set({ state: 'completed', result, finished_at_ms: nowMs, body: NO_BODY })
      .where('request_id', '=', job.request_id)
      .execute()
    await conductor.writeRecords(job.run_id, [
      { id: job.job_id, state: 'completed', result, finishedAtMs: nowMs },
    ])
    const { stage, leg } = job
    await conductor.happen(job.run_id, { kind: 'legFinished', stage, job: job.job, leg, result })
  })
}

async function writeOutput(
  devops: Devops,
  tx: Parameters<typeof holdLease>[0],
  job: LeasedJob,
  { name, value }: OutputVariable,
): Promise<void> {
  const text = value instanceof Sealed ? value.open() : value
  const sealed = devops.sealer.seal(outputPlace(job.run_id, job, name), text)
  const row = { is_secret: value instanceof Sealed ? 1 : 0, sealed }
  await tx.query
    .insertInto('devops_output')
    .values({
      run_id: job.run_id,
      stage: job.stage,
      job: job.job,
      leg: job.leg,
      name,
      ...row,
    })
    .onConflict((conflict) =>
      conflict.columns(['run_id', 'stage', 'job', 'leg', 'name']).doUpdateSet(row),
    )
    .execute()
}
