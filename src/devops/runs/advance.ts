import type { TaskResult } from '../../protocol/index.ts'
import {
  type Command,
  type JobPosition,
  type JobState,
  type JobVerdict,
  type LegPosition,
  type LegState,
  mergeResults,
  type RunEvent,
  type RunState,
  type StageState,
  type StageVerdict,
} from './state.ts'

/** The state after an event, and what must be done because of it. */
export interface Advanced {
  readonly state: RunState
  readonly commands: readonly Command[]
}

/**
 * The run's state machine. It is pure; an event that does not fit the state (because it was heard
 * before, or came too late) changes nothing and asks for nothing.
 */
export function advance(state: RunState, event: RunEvent): Advanced {
  const changed = apply(state, event)
  if (changed === undefined) return { state, commands: [] }
  const next: Command[] = []
  const after = settleRun(changed.state, next)
  const commands = [...changed.commands, ...listEnds(state, after), ...next]
  if (after.result) commands.push({ kind: 'finishRun', result: after.result })
  return { state: after, commands }
}

function apply(state: RunState, event: RunEvent): Advanced | undefined {
  if (state.step === 'done') return undefined
  switch (event.kind) {
    case 'started':
      return state.step === 'waiting' ? plain({ ...state, step: 'running' }) : undefined
    case 'cancelRequested':
      return state.step === 'cancelling' ? undefined : cancel(state)
    case 'stageDecided':
      return onStage(state, event.stage, 'deciding', (stage) =>
        decideStage(stage, event.verdict, state.step === 'cancelling'),
      )
    case 'jobDecided':
      return onJob(state, event, 'deciding', (job) =>
        decideJob(job, event.verdict, state.step === 'cancelling'),
      )
    case 'legStarted':
      return onLeg(state, event, ['requested'], (leg) => ({ ...leg, step: 'running' }))
    case 'legReturned':
      return onLeg(state, event, ['running'], (leg) => ({ ...leg, step: 'requested' }))
    case 'legFinished':
      return onLeg(state, event, ['requested', 'running'], (leg) => ({
        ...leg,
        step: 'done',
        result: event.result,
      }))
  }
}

function plain(state: RunState): Advanced {
  return { state, commands: [] }
}

function replaceAt<T>(list: readonly T[], at: number, item: T): readonly T[] {
  return list.with(at, item)
}

function onStage(
  state: RunState,
  at: number,
  step: StageState['step'],
  change: (stage: StageState) => StageState,
): Advanced | undefined {
  const stage = state.stages[at]
  if (stage?.step !== step) return undefined
  return plain({ ...state, stages: replaceAt(state.stages, at, change(stage)) })
}

function onJob(
  state: RunState,
  at: JobPosition,
  step: JobState['step'],
  change: (job: JobState) => JobState,
): Advanced | undefined {
  const job = state.stages[at.stage]?.jobs[at.job]
  if (job?.step !== step) return undefined
  return onStage(state, at.stage, 'running', (stage) => ({
    ...stage,
    jobs: replaceAt(stage.jobs, at.job, change(job)),
  }))
}

function onLeg(
  state: RunState,
  at: LegPosition,
  steps: readonly LegState['step'][],
  change: (leg: LegState) => LegState,
): Advanced | undefined {
  const leg = state.stages[at.stage]?.jobs[at.job]?.legs[at.leg]
  if (!leg || !steps.includes(leg.step)) return undefined
  return onJob(state, at, 'running', (job) => ({
    ...job,
    legs: replaceAt(job.legs, at.leg, change(leg)),
  }))
}

/** A skipped stage skips its jobs without asking their conditions. */
function decideStage(stage: StageState, verdict: StageVerdict, cancelling: boolean): StageState {
  if (verdict === 'run') return { ...stage, step: 'running' }
  const result = verdictResult(verdict, cancelling)
  return {
    ...stage,
    step: 'done',
    result,
    jobs: stage.jobs.map((job) => ({
      ...job,
      step: 'done',
      result: verdict === 'fail' ? 'Skipped' : result,
    })),
  }
}

function verdictResult(verdict: 'skip' | 'fail', cancelling: boolean): TaskResult {
  if (verdict === 'fail') return 'Failed'
  return cancelling ? 'Canceled' : 'Skipped'
}

function decideJob(job: JobState, verdict: JobVerdict, cancelling: boolean): JobState {
  if (verdict.outcome !== 'run') {
    return { ...job, step: 'done', result: verdictResult(verdict.outcome, cancelling) }
  }
  return {
    ...job,
    step: 'running',
    legs: verdict.legs.map((name) => ({ name, step: 'waiting' })),
    maxParallel: verdict.maxParallel,
    continueOnError: verdict.continueOnError,
  }
}

/** Legs that no agent has are over at once; an agent that has one is told. */
function cancel(state: RunState): Advanced {
  const commands: Command[] = []
  const stages = state.stages.map((stage, stageAt) => {
    if (stage.step !== 'running') return stage
    const jobs = stage.jobs.map((job, jobAt) => {
      if (job.step !== 'running') return job
      const legs = job.legs.map((leg, legAt) => {
        const at = { stage: stageAt, job: jobAt, leg: legAt }
        if (leg.step === 'running') commands.push({ kind: 'cancelLeg', ...at })
        if (leg.step === 'requested') commands.push({ kind: 'withdrawLeg', ...at })
        if (leg.step === 'waiting') commands.push({ kind: 'dropLeg', ...at, result: 'Canceled' })
        return leg.step === 'running' || leg.step === 'done' ? leg : over(leg, 'Canceled')
      })
      return { ...job, legs }
    })
    return { ...stage, jobs }
  })
  return { state: { ...state, step: 'cancelling', stages }, commands }
}

function over(leg: LegState, result: TaskResult): LegState {
  return { ...leg, step: 'done', result }
}

/** Ends what has ended and begins what can begin. */
function settleRun(state: RunState, commands: Command[]): RunState {
  const settled = state.stages.map((stage, at) =>
    stage.step === 'running' ? settleStage(stage, at, commands) : stage,
  )
  const stages = settled.map((stage, at): StageState => {
    if (stage.step !== 'waiting') return stage
    if (!stage.dependsOn.every((on) => settled[on]?.step === 'done')) return stage
    commands.push({ kind: 'decideStage', stage: at })
    return { ...stage, step: 'deciding' }
  })
  if (!stages.every((stage) => stage.step === 'done')) return { ...state, stages }
  const merged = mergeResults(stages.flatMap(({ result }) => (result ? [result] : [])))
  return {
    ...state,
    stages,
    step: 'done',
    result: state.step === 'cancelling' ? 'Canceled' : merged,
  }
}

function settleStage(stage: StageState, at: number, commands: Command[]): StageState {
  const settled = stage.jobs.map((job, jobAt) =>
    job.step === 'running' ? settleJob(job, { stage: at, job: jobAt }, commands) : job,
  )
  const jobs = settled.map((job, jobAt): JobState => {
    if (job.step !== 'waiting') return job
    if (!job.dependsOn.every((on) => settled[on]?.step === 'done')) return job
    commands.push({ kind: 'decideJob', stage: at, job: jobAt })
    return { ...job, step: 'deciding' }
  })
  if (!jobs.every((job) => job.step === 'done')) return { ...stage, jobs }
  const result = mergeResults(jobs.flatMap((job) => (job.result ? [job.result] : [])))
  return { ...stage, jobs, step: 'done', result }
}

function settleJob(job: JobState, at: JobPosition, commands: Command[]): JobState {
  const ready = job.kind === 'hooks' ? passHooks(job.legs, at, commands) : job.legs
  const active = ready.filter(({ step }) => step === 'requested' || step === 'running').length
  const limit = job.kind === 'hooks' ? 1 : job.maxParallel || Number.MAX_SAFE_INTEGER
  let free = limit - active
  const legs = ready.map((leg, legAt): LegState => {
    if (leg.step !== 'waiting' || free <= 0) return leg
    free -= 1
    commands.push({ kind: 'requestLeg', ...at, leg: legAt })
    return { ...leg, step: 'requested' }
  })
  if (!legs.every((leg) => leg.step === 'done')) return { ...job, legs }
  const merged = mergeResults(legs.flatMap(({ result }) => (result ? [result] : [])))
  const result = merged === 'Failed' && job.continueOnError ? 'SucceededWithIssues' : merged
  return { ...job, legs, step: 'done', result }
}

const BAD: readonly (TaskResult | undefined)[] = ['Failed', 'Canceled', 'Abandoned']

/** After a failure only the `failure` hook runs; without one it does not (pipelines §4.18). */
function passHooks(
  hooks: readonly LegState[],
  at: JobPosition,
  commands: Command[],
): readonly LegState[] {
  let hasFailed = false
  let isBusy = false
  return hooks.map((hook, leg) => {
    if (hook.step !== 'waiting') {
      hasFailed ||= BAD.includes(hook.result)
      isBusy ||= hook.step !== 'done'
      return hook
    }
    if (isBusy || (hook.name === 'failure') === hasFailed) {
      isBusy = true
      return hook
    }
    commands.push({ kind: 'dropLeg', ...at, leg, result: 'Skipped' })
    return over(hook, 'Skipped')
  })
}

/** What ended between two states, inner things first. */
function listEnds(before: RunState, after: RunState): Command[] {
  const ends: Command[] = []
  for (const [stage, now] of after.stages.entries()) {
    const then = before.stages[stage]
    if (then === now) continue
    for (const [job, { result }] of now.jobs.entries()) {
      if (result && !then?.jobs[job]?.result) ends.push({ kind: 'finishJob', stage, job, result })
    }
    if (now.result && !then?.result) ends.push({ kind: 'finishStage', stage, result: now.result })
  }
  return ends
}
