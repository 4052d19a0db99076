import type { JobStep, TaskResult } from '../../protocol/index.ts'
import { type JobRun, jobStatus } from '../job-run.ts'
import type { StepReport } from '../reporting/step-report.ts'
import { evaluateStep } from './conditions.ts'

type StopReason = 'timedOut' | 'canceled' | 'completed'

/**
 * What may stop a running step before its end: its time-out, the cancellation of the job (only when
 * the step's condition then no longer holds), the end of the job's cancel time, and itself.
 */
export class StepLimits {
  readonly #run: JobRun
  readonly #step: JobStep
  readonly #report: StepReport
  readonly #abort = new AbortController()
  readonly #timers: NodeJS.Timeout[] = []
  #reason: StopReason | undefined
  #told = false

  constructor(run: JobRun, step: JobStep, report: StepReport) {
    this.#run = run
    this.#step = step
    this.#report = report
    const { cancelled, killed } = run.cancellation
    const timeoutMs = step.timeoutInMinutes * run.timing.minuteMs
    if (timeoutMs > 0 && timeoutMs < 2 ** 31) {
      this.#timers.push(setTimeout(() => this.#stop('timedOut'), timeoutMs))
    }
    // A step that starts in a cancelled job was let in by its condition.
    if (!cancelled.aborted) cancelled.addEventListener('abort', this.#onCancelled)
    if (killed.aborted) this.#onKilled()
    else killed.addEventListener('abort', this.#onKilled)
  }

  /** Aborts when the step has to end. */
  get signal(): AbortSignal {
    return this.#abort.signal
  }

  /** True when nothing may go on any more. */
  get killed(): boolean {
    return this.#run.cancellation.killed.aborted
  }

  /** Ends the step because it says that it is complete. */
  complete(): void {
    this.#stop('completed')
  }

  /** The result of a step that was stopped, whose reason is told once; undefined for others. */
  stopped(): TaskResult | undefined {
    if (this.#reason === undefined) return undefined
    if (this.#reason === 'completed') return 'Succeeded'
    const timedOut = this.#reason === 'timedOut'
    if (!this.#told) {
      this.#report.error(timedOut ? 'The task has timed out.' : 'The operation was canceled.')
    }
    this.#told = true
    return timedOut ? 'Failed' : 'Canceled'
  }

  /** Waits for `work`, or until it had its time to obey the signal; then undefined. */
  async race<T>(work: Promise<T>): Promise<T | undefined> {
    const { interruptMs, terminateMs, pipesMs } = this.#run.timing
    const { promise: gaveUp, resolve } = Promise.withResolvers<undefined>()
    const giveUpIn = (delayMs: number) => () =>
      this.#timers.push(setTimeout(() => resolve(undefined), delayMs))
    const onStop = giveUpIn(interruptMs + terminateMs + pipesMs)
    const onKill = giveUpIn(terminateMs)
    const { killed } = this.#run.cancellation
    this.signal.addEventListener('abort', onStop)
    killed.addEventListener('abort', onKill)
    if (killed.aborted) onKill()
    else if (this.signal.aborted) onStop()
    try {
      return await Promise.race([work, gaveUp])
    } finally {
      this.signal.removeEventListener('abort', onStop)
      killed.removeEventListener('abort', onKill)
      // A task that ends after its step has nobody to tell.
      work.catch(() => undefined)
    }
  }

  close(): void {
    for (const timer of this.#timers) clearTimeout(timer)
    this.#run.cancellation.cancelled.removeEventListener('abort', this.#onCancelled)
    this.#run.cancellation.killed.removeEventListener('abort', this.#onKilled)
  }

  readonly #onCancelled = (): void => {
    this.#run.variables.set('Agent.JobStatus', jobStatus(this.#run))
    if (evaluateStep(this.#run, this.#step.condition).kind !== 'holds') this.#stop('canceled')
  }

  readonly #onKilled = (): void => this.#stop('canceled')

  #stop(reason: StopReason): void {
    this.#reason ??= reason
    this.#abort.abort()
  }
}
