import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { newGuid } from '../../base/ids.ts'
import type { JobStep } from '../../protocol/index.ts'
import type { Task } from '../../tasks/index.ts'
import { checkoutTask } from '../checkout/checkout-task.ts'
import { CHECKOUT_TASK_ID, checkoutName } from '../checkout/layout.ts'
import type { JobRun } from '../job-run.ts'
import { findOrphans, signalProcess } from '../processes/process-tree.ts'
import { StepReport } from '../reporting/step-report.ts'
import { AGENT_VERSION } from '../settings.ts'
import { replaceMacros } from '../variables/macros.ts'
import { expandVariables } from './inputs.ts'
import { type PlannedStep, runStep } from './run-step.ts'

const INITIALIZE = 'Initialize job'
const FINALIZE = 'Finalize job'
/** On a busy machine processes come and go in every look, so the looks have a bound. */
const MAX_ORPHAN_LOOKS = 10
const ORPHAN_PAUSE_MS = 2

/**
 * Runs a whole job: Initialize job, the pre-job stage of every task that has one, the steps, Finalize
 * job (facts §5.4). The latter runs whatever happened before.
 */
export async function runSteps(run: JobRun): Promise<void> {
  const tasks = new Map(run.job.steps.map((step) => [step.id, findTask(run, step)]))
  const hasStage = (step: JobStep, stage: 'prejob' | 'execution') =>
    tasks.get(step.id)?.stages.includes(stage) ?? stage === 'execution'
  const records = recordNumbers(run)
  const initialize = records(newGuid(), INITIALIZE)
  const preJob = run.job.steps
    .filter((step) => step.enabled && hasStage(step, 'prejob'))
    .map((step) => plan(run, step, { stage: 'prejob', task: tasks.get(step.id), records }))
  const main = run.job.steps
    .filter((step) => hasStage(step, 'execution'))
    .map((step) => plan(run, step, { stage: 'execution', task: tasks.get(step.id), records }))
  const finalize = records(newGuid(), FINALIZE)
  try {
    await initializeJob(run, initialize, [...tasks.values()])
    for (const planned of [...preJob, ...main]) {
      if (run.cancellation.killed.aborted) planned.report.skip('The job ended before this step.')
      else await runStep(run, planned)
    }
  } finally {
    if (run.cancellation.reason !== 'leaseLost') await finalizeJob(run, finalize)
    else await killOrphans(run, () => undefined)
  }
}

type MakeReport = (id: string, name: string, refName?: string) => StepReport

/** Makes the pending records of a job, numbered in their order. */
function recordNumbers(run: JobRun): MakeReport {
  let order = 0
  return (id, name, refName) => {
    order += 1
    return new StepReport(run, { id, name, order, ...(refName !== undefined && { refName }) })
  }
}

function plan(
  run: JobRun,
  step: JobStep,
  place: {
    readonly stage: 'prejob' | 'execution'
    readonly task: Task | undefined
    readonly records: MakeReport
  },
): PlannedStep {
  const { stage, task, records } = place
  const isPreJob = stage === 'prejob'
  const ownName = step.displayName?.trim() || defaultName(run, step, task)
  const displayName = isPreJob ? `Pre-job: ${ownName}` : ownName
  const id = isPreJob ? newGuid() : step.id
  const report = records(id, expandVariables(run, displayName), step.refName)
  return { step, stage, task, report, displayName }
}

function defaultName(run: JobRun, step: JobStep, task: Task | undefined): string {
  if (!task) return step.task.name
  if (task.id === CHECKOUT_TASK_ID) return checkoutName(run.job, step)
  const given = new Map(
    Object.entries(step.inputs).map(([name, text]) => [name.toLowerCase(), text]),
  )
  return replaceMacros(task.instanceNameFormat, (name) => {
    const declared = Object.keys(task.inputs).find(
      (key) => key.toLowerCase() === name.toLowerCase(),
    )
    if (declared === undefined) return undefined
    const { aliases = [], default: preset } = task.inputs[declared] ?? {}
    const keys = [declared, ...aliases].map((key) => key.toLowerCase())
    return keys.map((key) => given.get(key)).find((text) => text !== undefined) ?? preset ?? ''
  })
}

function findTask(run: JobRun, step: JobStep): Task | undefined {
  const id = step.task.id.toLowerCase()
  if (id === CHECKOUT_TASK_ID) return checkoutTask(run, step)
  const major = step.task.version.split('.')[0]
  return run.settings.tasks.find(
    (task) => task.id.toLowerCase() === id && task.version.split('.')[0] === major,
  )
}

async function initializeJob(
  run: JobRun,
  report: StepReport,
  tasks: readonly (Task | undefined)[],
): Promise<void> {
  await report.start(INITIALIZE, () => undefined)
  report.write(`Agent name: '${run.settings.name}'`)
  report.write(`Agent machine name: '${hostname()}'`)
  report.write(`Current agent version: '${AGENT_VERSION}'`)
  report.write('Prepare build directory.')
  report.write('Set build variables.')
  report.write('Download all required tasks.')
  const needed = tasks.filter((task) => task !== undefined && task.id !== CHECKOUT_TASK_ID)
  const names = new Set(needed.map((task) => `${task?.name} (${task?.version})`))
  for (const name of names) report.write(`Downloading task: ${name}`)
  for (const warning of [...run.warnings, ...run.variables.resolveAll()]) report.warning(warning)
  await report.finish('Succeeded')
}

async function finalizeJob(run: JobRun, report: StepReport): Promise<void> {
  await report.start(FINALIZE, () => undefined)
  if (run.variables.text('process.clean')?.toLowerCase() !== 'false') {
    report.write('Start cleaning up orphan processes.')
    await killOrphans(run, (line) => report.write(line))
  }
  await report.finish('Succeeded')
}

/** Ends what carries the job's mark, until a look that hides nothing finds nothing. */
async function killOrphans(run: JobRun, write: (line: string) => void): Promise<void> {
  const told = new Set<number>()
  for (let round = 0; round < MAX_ORPHAN_LOOKS; round += 1) {
    const { orphans, isCertain } = await findOrphans(run.trackingValue)
    if (orphans.length === 0 && isCertain) return
    for (const { pid, name } of orphans) {
      if (!told.has(pid)) write(`Terminate orphan process: pid (${pid}) (${name})`)
      told.add(pid)
      signalProcess(pid, 'SIGKILL')
    }
    await sleep(ORPHAN_PAUSE_MS)
  }
}
