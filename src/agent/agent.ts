import { setTimeout as sleep } from 'node:timers/promises'
import type { AgentApi, JobRequest } from '../protocol/index.ts'
import { runJob } from './job.ts'
import { type AgentSettings, timingOf } from './settings.ts'

const LONGEST_PAUSE = 60

/**
 * Takes jobs and runs them, `maxParallel` at a time, until `signal` aborts; running jobs are then
 * cancelled and awaited. A job that cannot be reported does not stop the agent; neither does a
 * server that is away for a while.
 */
export async function runAgent(
  api: AgentApi,
  settings: AgentSettings,
  signal: AbortSignal,
): Promise<void> {
  const { callRetryMs } = timingOf(settings)
  const running = new Set<Promise<unknown>>()
  let failures = 0
  while (!signal.aborted) {
    if (running.size >= (settings.maxParallel ?? 1)) {
      await Promise.race(running)
      continue
    }
    let job: JobRequest | undefined
    try {
      job = await api.takeJob(signal)
      failures = 0
    } catch (error) {
      if (failures === 0) settings.onFailure?.(error, undefined)
      failures += 1
      const pauseMs = callRetryMs * Math.min(2 ** failures, LONGEST_PAUSE)
      await sleep(pauseMs, undefined, { signal }).catch(() => undefined)
      continue
    }
    if (!job) break
    const taken = job
    const work = runJob(api, taken, settings, signal)
      // The server learns of it when the lease runs out.
      .catch((error: unknown) => settings.onFailure?.(error, taken))
      .finally(() => running.delete(work))
    running.add(work)
  }
  await Promise.all(running)
}
