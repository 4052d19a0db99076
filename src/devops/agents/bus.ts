import { EventEmitter } from 'node:events'
import type { TaskResult, TimelineRecord } from '../../protocol/index.ts'

/** What a person who watches a run is told. */
export type WatchEvent =
  | { readonly kind: 'records'; readonly records: readonly TimelineRecord[] }
  | {
      readonly kind: 'feed'
      readonly recordId: string
      readonly startLine: number
      readonly lines: readonly string[]
    }
  | { readonly kind: 'finished'; readonly result: TaskResult }

/** News inside this process; other processes are noticed by a slow look at the database. */
export interface Bus {
  /** A job request waits for an agent. */
  jobQueued(): void
  onJobQueued(listener: () => void): () => void
  jobCancelled(jobId: string, reason: string): void
  onJobCancelled(listener: (jobId: string, reason: string) => void): () => void
  runNews(runId: number, event: WatchEvent): void
  onRunNews(runId: number, listener: (event: WatchEvent) => void): () => void
  /** Feed lines of a run that has not finished, so that a watcher who comes late sees them. */
  feedSoFar(runId: number): readonly WatchEvent[]
}

/** Feed events kept for each run that is not finished; older ones are in the log. */
const FEED_KEPT = 2000

export function createBus(): Bus {
  const emitter = new EventEmitter()
  emitter.setMaxListeners(0)
  const feeds = new Map<number, WatchEvent[]>()
  const on = <Arguments extends unknown[]>(
    name: string,
    listener: (...args: Arguments) => void,
  ): (() => void) => {
    emitter.on(name, listener as (...args: unknown[]) => void)
    return () => emitter.off(name, listener as (...args: unknown[]) => void)
  }
  return {
    jobQueued: () => emitter.emit('jobQueued'),
    onJobQueued: (listener) => on('jobQueued', listener),
    jobCancelled: (jobId, reason) => emitter.emit('jobCancelled', jobId, reason),
    onJobCancelled: (listener) => on('jobCancelled', listener),
    runNews: (runId, event) => {
      if (event.kind === 'finished') feeds.delete(runId)
      if (event.kind === 'feed') keepFeed(feeds, runId, event)
      emitter.emit(`run ${runId}`, event)
    },
    onRunNews: (runId, listener) => on(`run ${runId}`, listener),
    feedSoFar: (runId) => [...(feeds.get(runId) ?? [])],
  }
}

function keepFeed(feeds: Map<number, WatchEvent[]>, runId: number, event: WatchEvent): void {
  const kept = feeds.get(runId) ?? []
  feeds.set(runId, kept)
  kept.push(event)
  if (kept.length > FEED_KEPT) kept.splice(0, kept.length - FEED_KEPT)
}
