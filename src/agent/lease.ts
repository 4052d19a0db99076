import type { Clock } from '../base/clock.ts'
import type { AgentApi, JobLease } from '../protocol/index.ts'
import type { JobCancellation } from './cancellation.ts'
import { isLeaseLost } from './reporting/server-calls.ts'
import type { AgentTiming } from './settings.ts'

/**
 * Renews a job's lease for as long as the job runs. A refusal, or no answer until well after the
 * lease's end, stops the job as `leaseLost`. Call what it returns when the job is over.
 */
export function keepLease(
  api: AgentApi,
  lease: JobLease & { readonly lockedUntilMs: number },
  place: {
    readonly timing: AgentTiming
    readonly cancellation: JobCancellation
    readonly clock: Clock
  },
): () => void {
  const { timing, cancellation, clock } = place
  let { lockedUntilMs } = lease
  let timer: NodeJS.Timeout
  let isOver = false
  const renew = async (): Promise<void> => {
    try {
      lockedUntilMs = (await api.renewJob(lease)).lockedUntilMs
    } catch (error) {
      const isTooLate = clock.nowMs() > lockedUntilMs + timing.leaseGraceMs
      if (!isOver && (isLeaseLost(error) || isTooLate)) cancellation.cancel('leaseLost')
    }
    if (!isOver) timer = setTimeout(() => void renew(), timing.renewMs)
  }
  timer = setTimeout(() => void renew(), timing.renewMs)
  return () => {
    isOver = true
    clearTimeout(timer)
  }
}
