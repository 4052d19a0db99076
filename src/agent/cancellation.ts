import type { AgentTiming } from './settings.ts'

export type CancelReason = 'canceled' | 'timedOut' | 'leaseLost'

/**
 * How a job is stopped, in two steps. `cancelled` aborts first: steps whose condition still holds go
 * on. `killed` aborts when the job's cancel time is over: then everything ends at once.
 */
export class JobCancellation {
  readonly #cancelled = new AbortController()
  readonly #killed = new AbortController()
  readonly #graceMs: number
  #reason: CancelReason | undefined
  #timers: NodeJS.Timeout[] = []

  /** `sources` abort when somebody cancels the run or stops the agent. */
  constructor(
    limits: { readonly timeoutInMinutes: number; readonly cancelTimeoutInMinutes: number },
    timing: AgentTiming,
    sources: readonly AbortSignal[],
  ) {
    this.#graceMs = limits.cancelTimeoutInMinutes * timing.minuteMs
    const timeoutMs = limits.timeoutInMinutes * timing.minuteMs
    if (timeoutMs > 0) this.#after(timeoutMs, () => this.cancel('timedOut'))
    for (const source of sources) {
      if (source.aborted) this.cancel('canceled')
      source.addEventListener('abort', this.#onSource)
      this.#killed.signal.addEventListener('abort', () =>
        source.removeEventListener('abort', this.#onSource),
      )
    }
  }

  get cancelled(): AbortSignal {
    return this.#cancelled.signal
  }

  get killed(): AbortSignal {
    return this.#killed.signal
  }

  /** Why the job is being stopped; undefined while it is not. */
  get reason(): CancelReason | undefined {
    return this.#reason
  }

  cancel(reason: CancelReason): void {
    // Losing the lease outweighs every other reason: nothing may be written any more.
    if (this.#reason === undefined || reason === 'leaseLost') this.#reason = reason
    this.#cancelled.abort()
    if (reason === 'leaseLost') this.#killed.abort()
    else this.#after(this.#graceMs, () => this.#killed.abort())
  }

  /** Ends the clocks; call it when the job is over. */
  close(): void {
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers = []
    this.#killed.abort()
  }

  readonly #onSource = (): void => this.cancel('canceled')

  #after(delayMs: number, act: () => void): void {
    // A longer delay than a timer can hold (24.8 days) is no limit at all.
    if (delayMs <= 2 ** 31 - 1) this.#timers.push(setTimeout(act, delayMs))
  }
}
