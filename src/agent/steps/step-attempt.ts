import type { JobStep, TaskResult } from '../../protocol/index.ts'
import type { Task, TaskEnd } from '../../tasks/index.ts'
import type { JobRun } from '../job-run.ts'
import type { StepReport } from '../reporting/step-report.ts'

/** One step while it runs: what its task and the commands it prints may change. */
export interface RunningStep {
  readonly run: JobRun
  readonly step: JobStep
  readonly stage: 'prejob' | 'execution'
  readonly report: StepReport
  /** What `task.complete` asked for so far. */
  commandResult: TaskResult | undefined
  /** Work that commands queued for the end of the step, such as uploads. */
  readonly late: (() => Promise<void>)[]
  /** Ends the step now (`task.complete` with `done=true`). */
  complete(): void
}

/** A step whose task is known, with what a single run of it needs. */
export interface Attempt {
  readonly running: RunningStep
  readonly task: Task
  readonly signal: AbortSignal
  readonly env: Readonly<Record<string, string>>
  readonly inputs: Readonly<Record<string, string | boolean>>
}

/** The result a task's end means; its message becomes an issue and the record's operation. */
export function reportEnd(report: StepReport, end: TaskEnd): TaskResult {
  if (end.result === 'Failed') {
    if (end.message) {
      report.error(end.message)
      report.operation(end.message)
    }
  } else if (end.result === 'Skipped') {
    report.write(end.message)
    report.operation(end.message)
  }
  return end.result
}
