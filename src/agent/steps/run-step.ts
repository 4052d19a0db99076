import { setTimeout as sleep } from 'node:timers/promises'
import { Fault } from '../../base/fault.ts'
import type { JobStep, TaskResult } from '../../protocol/index.ts'
import type { Task } from '../../tasks/index.ts'
import { runCommand } from '../commands/run-command.ts'
import { type JobRun, jobStatus } from '../job-run.ts'
import type { StepReport } from '../reporting/step-report.ts'
import { stepEnvironment } from '../variables/environment.ts'
import { evaluateStep } from './conditions.ts'
import { taskHeader } from './header.ts'
import { expandVariables, type MissingNames, stepMapping, taskInputs } from './inputs.ts'
import { type Attempt, type RunningStep, reportEnd } from './step-attempt.ts'
import { StepLimits } from './step-limits.ts'
import { taskContext } from './task-context.ts'
import { mergeResults } from './task-results.ts'

const MAX_RETRIES = 10

/** A step of a job as the agent will run it: a task with both stages appears twice. */
export interface PlannedStep {
  readonly step: JobStep
  readonly stage: 'prejob' | 'execution'
  /** Undefined when this agent has no such task; the step then fails. */
  readonly task: Task | undefined
  readonly report: StepReport
  /** Macros not yet replaced. */
  readonly displayName: string
}

/**
 * Runs one step to its end: condition, attempts, time-out, cancellation, late work. Never throws for
 * what the step does; the job's result grows worse with it.
 */
export async function runStep(run: JobRun, planned: PlannedStep): Promise<void> {
  const { step, report } = planned
  if (!step.enabled) {
    report.skip('The step is disabled.')
    return
  }
  const running: RunningStep = {
    run,
    step,
    stage: planned.stage,
    report,
    commandResult: undefined,
    late: [],
    complete: () => limits?.complete(),
  }
  let limits: StepLimits | undefined
  setStepVariables(run, planned)
  const warnings = run.variables.resolveAll()
  const condition = evaluateStep(run, step.condition)
  await report.start(expandVariables(run, planned.displayName), (command, line) =>
    runCommand(running, command, line),
  )
  for (const warning of warnings) report.warning(warning)
  if (condition.kind === 'doesNotHold') {
    for (const line of condition.trace) report.write(line)
    report.write('Skipping step due to condition evaluation.')
    await report.finish('Skipped')
    return
  }
  if (condition.kind === 'holds') for (const line of condition.trace) report.debug(line)
  limits = new StepLimits(run, step, report)
  const result =
    condition.kind === 'wrong'
      ? reportEnd(report, { result: 'Failed', message: condition.message })
      : await runTask(planned, running, limits)
  const late = await runLate(running, limits)
  limits.close()
  const whole = mergeResults(late, result)
  const final = whole === 'Failed' && step.continueOnError ? 'SucceededWithIssues' : whole
  if (final !== 'Skipped') run.result = mergeResults(run.result, final)
  await report.finish(final)
}

/** What the service says about the running step (facts §4.12). */
function setStepVariables(run: JobRun, { step, displayName }: PlannedStep): void {
  run.variables.set('Agent.JobStatus', jobStatus(run))
  run.variables.set('System.TaskInstanceId', step.id)
  run.variables.set('System.TaskInstanceName', step.refName)
  run.variables.set('System.TaskDisplayName', displayName)
}

async function runTask(
  { task }: PlannedStep,
  running: RunningStep,
  limits: StepLimits,
): Promise<TaskResult> {
  const { run, step, report } = running
  if (!task) {
    const { name, version } = step.task
    return reportEnd(report, {
      result: 'Failed',
      message: `A task is missing. The pipeline references a task called '${name}'. This usually indicates the task isn't installed, and you may be able to install it from the Marketplace: https://marketplace.visualstudio.com. (Task version ${version}, job '${run.job.jobName}', step '${step.refName}'.)`,
    })
  }
  for (const line of taskHeader(task)) report.writeHeader(line)
  const attempts = Math.min(Math.max(step.retryCountOnTaskFailure, 0), MAX_RETRIES) + 1
  for (let attempt = 1; ; attempt += 1) {
    running.commandResult = undefined
    const ended = await runAttempt(task, running, limits)
    const result = mergeResults(running.commandResult, ended)
    if (result !== 'Failed' || attempt === attempts || limits.signal.aborted) return result
    const waitMs = attempt ** 2 * run.timing.retrySecondMs
    report.warning(
      `RetryHelper encountered task failure, will retry (attempt #: ${attempt} out of ${attempts - 1}) after ${waitMs} ms`,
    )
    await sleep(waitMs, undefined, { signal: limits.signal }).catch(() => undefined)
    if (limits.signal.aborted) return limits.stopped() ?? result
  }
}

async function runAttempt(
  task: Task,
  running: RunningStep,
  limits: StepLimits,
): Promise<TaskResult> {
  const { report } = running
  try {
    const attempt = prepare(task, running, limits.signal)
    const end = await limits.race(task.run(taskContext(attempt)))
    const stopped = limits.stopped()
    if (stopped) return stopped
    return end ? reportEnd(report, end) : 'Succeeded'
  } catch (error) {
    const stopped = limits.stopped()
    if (stopped) return stopped
    return reportEnd(report, { result: 'Failed', message: messageOf(error) })
  }
}

/** Reads inputs and environment; refuses what the task could not work with. */
function prepare(task: Task, running: RunningStep, signal: AbortSignal): Attempt {
  const { run, step, report } = running
  const missing: MissingNames = { macros: new Set(), unfetched: new Set() }
  const inputs = taskInputs(run, task, step.inputs, missing)
  const mapped = stepMapping(run, step.env, missing)
  const { values, tooLong } = stepEnvironment({
    inherited: run.settings.environment,
    variables: run.variables,
    mapped,
    pathPrefixes: run.pathPrefixes,
    trackingValue: run.trackingValue,
    taskVariables: run.taskVariables.get(step.id) ?? new Map(),
  })
  if (inputs.unknown.length > 0) {
    report.warning(
      `The task ${task.name}@${task.version.split('.')[0]} has no input ${inputs.unknown.join(', ')}; it is not used.`,
    )
  }
  warnAboutMissing(report, missing)
  for (const name of tooLong) {
    report.warning(
      `The variable '${name}' is too long for a program's environment and is left out.`,
    )
  }
  const [required] = inputs.required
  if (required) throw new Fault('InputMissing', `Input required: ${required}`)
  return { running, task, signal, env: values, inputs: inputs.values }
}

function warnAboutMissing(report: StepReport, { macros, unfetched }: MissingNames): void {
  const list = (names: Set<string>) => [...names].map((name) => `$(${name})`).join(', ')
  if (macros.size > 0) {
    report.warning(`No variable has this name, so the text stays as it is: ${list(macros)}`)
  }
  if (unfetched.size > 0) {
    report.warning(`No step has fetched these secrets yet, so they are empty: ${list(unfetched)}`)
  }
}

/** What commands queued; a failure of it fails the step, and the rest still happens. */
async function runLate(running: RunningStep, limits: StepLimits): Promise<TaskResult> {
  let result: TaskResult = 'Succeeded'
  for (const work of running.late) {
    if (limits.killed) return 'Canceled'
    try {
      await work()
    } catch (error) {
      result = reportEnd(running.report, { result: 'Failed', message: messageOf(error) })
    }
  }
  return result
}

/** A Fault is for people; a bug says where it is, which the masker sees before anybody does. */
function messageOf(error: unknown): string {
  if (error instanceof Fault) return error.message
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
