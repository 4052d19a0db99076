import type { Issue, TaskResult } from '../../protocol/index.ts'
import type { Devops } from '../devops.ts'
import type { DevopsTransaction } from '../tables.ts'
import { advance } from './advance.ts'
import { decideJob, decideStage, wordsOf } from './decide.ts'
import { jobIdOf, legNames, type PreparedJob, placeGuid, prepareJob } from './job-body.ts'
import type { LiveRun } from './live-runs.ts'
import { mergeRecords, type RecordChange } from './records-store.ts'
import { declaredFor, openScope } from './run-scope.ts'
import type { Command, JobPosition, LegPosition, RunEvent } from './state.ts'

/** Changes runs inside one write; news is told after the commit. */
export interface Conductor {
  readonly tx: DevopsTransaction
  readonly nowMs: number
  /** Records an event, moves the state machine and does what it asks for. */
  happen(runId: number, event: RunEvent): Promise<void>
  writeRecords(runId: number, changes: readonly RecordChange[]): Promise<void>
  afterCommit(tell: () => void): void
}

/** Runs `work` in one write. When it fails, nothing of it is kept, in memory neither. */
export async function conduct<Result>(
  devops: Devops,
  work: (conductor: Conductor) => Promise<Result>,
): Promise<Result> {
  const touched = new Set<number>()
  const news: (() => void)[] = []
  const forgetAll = () => {
    for (const runId of touched) devops.live.forget(runId)
  }
  try {
    const result = await devops.db.write(async (tx) => {
      const conductor = createConductor(devops, tx, touched, news)
      try {
        return await work(conductor)
      } catch (error) {
        forgetAll()
        throw error
      }
    })
    for (const tell of news) tell()
    return result
  } catch (error) {
    forgetAll()
    throw error
  }
}

function createConductor(
  devops: Devops,
  tx: DevopsTransaction,
  touched: Set<number>,
  news: (() => void)[],
): Conductor {
  const conductor: Conductor = {
    tx,
    nowMs: devops.clock.nowMs(),
    happen: async (runId, event) => {
      touched.add(runId)
      const run = await devops.live.load(tx, runId)
      if (!run) throw new Error('An event came for a run that does not exist.')
      const queue: RunEvent[] = [event]
      for (let next = queue.shift(); next; next = queue.shift()) {
        for (const command of await record(conductor, run, next)) {
          queue.push(...(await perform(devops, conductor, run, command)))
        }
      }
    },
    writeRecords: async (runId, changes) => {
      const records = await mergeRecords(tx, runId, changes, conductor.nowMs)
      news.push(() => devops.bus.runNews(runId, { kind: 'records', records }))
    },
    afterCommit: (tell) => void news.push(tell),
  }
  return conductor
}

/** Writes the event's row unless it changes nothing; gives the commands. */
async function record(
  { tx }: Conductor,
  run: LiveRun,
  event: RunEvent,
): Promise<readonly Command[]> {
  const { state, commands } = advance(run.state, event)
  if (state === run.state) return []
  run.state = state
  run.seq += 1
  await tx.query
    .insertInto('devops_run_event')
    .values({ run_id: run.runId, seq: run.seq, body: JSON.stringify(event) })
    .execute()
  return commands
}

async function perform(
  devops: Devops,
  conductor: Conductor,
  run: LiveRun,
  command: Command,
): Promise<RunEvent[]> {
  switch (command.kind) {
    case 'decideStage':
      return performDecideStage(devops, conductor, run, command.stage)
    case 'decideJob':
      return performDecideJob(devops, conductor, run, command)
    case 'requestLeg':
      return requestLeg(devops, conductor, run, command)
    case 'withdrawLeg':
      await endJobRow(conductor, run, command, 'Canceled')
      await finishRecord(conductor, run, jobIdOf(planIdOf(run), command), 'Canceled')
      return []
    case 'cancelLeg':
      await askToCancel(devops, conductor, run, command)
      return []
    case 'dropLeg':
      await conductor.writeRecords(run.runId, [
        { ...legRecord(run, command), state: 'completed', result: command.result },
      ])
      return []
    case 'finishJob':
      await finishRecord(conductor, run, phaseId(run, command), command.result)
      return []
    case 'finishStage':
      await finishRecord(conductor, run, stageId(run, command.stage), command.result)
      return []
    case 'finishRun':
      await finishRun(devops, conductor, run, command.result)
      return []
  }
}

function planIdOf(run: LiveRun): string {
  return run.input.facts.planId
}
function stageId(run: LiveRun, stage: number): string {
  return placeGuid(planIdOf(run), `stage ${stage}`)
}
function phaseId(run: LiveRun, at: JobPosition): string {
  return placeGuid(planIdOf(run), `phase ${at.stage}.${at.job}`)
}

/** The rows that stand in a run's tree before anything has happened. */
export function firstRecords(run: LiveRun): RecordChange[] {
  return run.input.plan.stages.flatMap((stage, stageAt): RecordChange[] => [
    {
      id: stageId(run, stageAt),
      type: 'Stage',
      name: stage.displayName ?? stage.name,
      refName: stage.name,
      order: stageAt + 1,
      state: 'pending',
      attempt: 1,
    },
    ...stage.jobs.map(
      (job, jobAt): RecordChange => ({
        id: phaseId(run, { stage: stageAt, job: jobAt }),
        parentId: stageId(run, stageAt),
        type: 'Phase',
        name: job.displayName ?? job.name,
        refName: job.name,
        order: jobAt + 1,
        state: 'pending',
        attempt: 1,
      }),
    ),
  ])
}

function legRecord(run: LiveRun, at: LegPosition): RecordChange {
  const job = run.input.plan.stages[at.stage]?.jobs[at.job]
  const legName = run.state.stages[at.stage]?.jobs[at.job]?.legs[at.leg]?.name ?? ''
  if (!job) throw new Error('A leg of a job that is not in the plan was asked for.')
  const names = legNames(job, legName)
  return {
    id: jobIdOf(planIdOf(run), at),
    parentId: phaseId(run, at),
    type: 'Job',
    name: names.jobDisplayName,
    refName: names.jobName,
    order: at.leg + 1,
    state: 'pending',
    attempt: 1,
  }
}

async function finishRecord(
  { writeRecords, nowMs }: Conductor,
  run: LiveRun,
  id: string,
  result: TaskResult,
): Promise<void> {
  await writeRecords(run.runId, [{ id, state: 'completed', result, finishedAtMs: nowMs }])
}

function issueOf(message: string): Pick<RecordChange, 'issues' | 'errorCount'> {
  const issue: Issue = { type: 'error', message, data: {} }
  return { issues: [issue], errorCount: 1 }
}

async function performDecideStage(
  devops: Devops,
  conductor: Conductor,
  run: LiveRun,
  stageAt: number,
): Promise<RunEvent[]> {
  const stage = run.input.plan.stages[stageAt]
  if (!stage) throw new Error('A stage that is not in the plan was asked for.')
  const scope = await openScope(devops, conductor.tx, run, declaredFor(run, stage))
  const { verdict, issue } = await decideStage(scope, stageAt)
  const id = stageId(run, stageAt)
  if (verdict === 'run') {
    await conductor.writeRecords(run.runId, [
      { id, state: 'inProgress', startedAtMs: conductor.nowMs },
    ])
  }
  if (issue !== undefined) await conductor.writeRecords(run.runId, [{ id, ...issueOf(issue) }])
  return [{ kind: 'stageDecided', stage: stageAt, verdict }]
}

async function performDecideJob(
  devops: Devops,
  conductor: Conductor,
  run: LiveRun,
  at: JobPosition,
): Promise<RunEvent[]> {
  const stage = run.input.plan.stages[at.stage]
  if (!stage) throw new Error('A stage that is not in the plan was asked for.')
  const declared = declaredFor(run, stage, stage.jobs[at.job])
  const scope = await openScope(devops, conductor.tx, run, declared)
  const { verdict, issue } = await decideJob(scope, at)
  const id = phaseId(run, at)
  if (verdict.outcome === 'run') {
    await conductor.writeRecords(run.runId, [
      { id, state: 'inProgress', startedAtMs: conductor.nowMs },
    ])
  }
  if (issue !== undefined) await conductor.writeRecords(run.runId, [{ id, ...issueOf(issue) }])
  return [{ kind: 'jobDecided', stage: at.stage, job: at.job, verdict }]
}

async function requestLeg(
  devops: Devops,
  conductor: Conductor,
  run: LiveRun,
  at: LegPosition,
): Promise<RunEvent[]> {
  const { stage, job, leg } = at
  const record = legRecord(run, at)
  const plan = run.input.plan.stages[stage]
  if (!plan) throw new Error('A stage that is not in the plan was asked for.')
  const declared = declaredFor(run, plan, plan.jobs[job])
  const scope = await openScope(devops, conductor.tx, run, declared)
  let prepared: PreparedJob
  try {
    prepared = await prepareJob(scope, at)
  } catch (thrown) {
    await conductor.writeRecords(run.runId, [
      { ...record, ...issueOf(wordsOf(thrown)), state: 'completed', result: 'Failed' },
    ])
    return [{ kind: 'legFinished', stage, job, leg, result: 'Failed' }]
  }
  await conductor.writeRecords(run.runId, [record])
  await insertJob(devops, conductor, { run, at, prepared })
  conductor.afterCommit(() => devops.bus.jobQueued())
  return []
}

/** A job that has ended keeps nothing of its request: it held secrets, though sealed. */
export const NO_BODY: Uint8Array = new Uint8Array(0)

/** What a job body is sealed to. */
export function bodyPlace(jobId: string): string {
  return `job body\n${jobId}`
}

const MINUTE_MS = 60_000

async function insertJob(
  devops: Devops,
  { tx, nowMs }: Conductor,
  leg: { readonly run: LiveRun; readonly at: LegPosition; readonly prepared: PreparedJob },
): Promise<void> {
  const { run, at } = leg
  const { jobId, body, demands } = leg.prepared
  await tx.query
    .insertInto('devops_job')
    .values({
      job_id: jobId,
      run_id: run.runId,
      stage: at.stage,
      job: at.job,
      leg: at.leg,
      leg_name: run.state.stages[at.stage]?.jobs[at.job]?.legs[at.leg]?.name ?? '',
      state: 'queued',
      result: null,
      fence: 0,
      agent: null,
      lease_expires_at_ms: 0,
      has_reported: 0,
      cancel_requested_at_ms: null,
      cancel_reason: null,
      timeout_ms: body.timeoutInMinutes * MINUTE_MS,
      cancel_timeout_ms: body.cancelTimeoutInMinutes * MINUTE_MS,
      queued_at_ms: nowMs,
      started_at_ms: null,
      finished_at_ms: null,
      demands: JSON.stringify(demands),
      body: devops.sealer.seal(bodyPlace(jobId), JSON.stringify(body)),
    })
    .execute()
}

async function endJobRow(
  { tx, nowMs }: Conductor,
  run: LiveRun,
  at: LegPosition,
  result: TaskResult,
): Promise<void> {
  await tx.query
    .updateTable('devops_job')
    .set({ state: 'completed', result, finished_at_ms: nowMs, body: NO_BODY })
    .where('job_id', '=', jobIdOf(planIdOf(run), at))
    .execute()
}

async function askToCancel(
  devops: Devops,
  conductor: Conductor,
  run: LiveRun,
  at: LegPosition,
): Promise<void> {
  const jobId = jobIdOf(planIdOf(run), at)
  const reason = 'The run was canceled.'
  await conductor.tx.query
    .updateTable('devops_job')
    .set({ cancel_requested_at_ms: conductor.nowMs, cancel_reason: reason })
    .where('job_id', '=', jobId)
    .where('cancel_requested_at_ms', 'is', null)
    .execute()
  conductor.afterCommit(() => devops.bus.jobCancelled(jobId, reason))
}

async function finishRun(
  devops: Devops,
  { tx, nowMs, afterCommit }: Conductor,
  run: LiveRun,
  result: TaskResult,
): Promise<void> {
  await tx.query
    .updateTable('devops_run')
    .set((row) => ({
      state: 'completed' as const,
      result,
      finished_at_ms: nowMs,
      started_at_ms: row.fn.coalesce('started_at_ms', row.val(nowMs)),
    }))
    .where('id', '=', run.runId)
    .execute()
  afterCommit(() => {
    devops.live.forget(run.runId)
    devops.bus.runNews(run.runId, { kind: 'finished', result })
  })
}
