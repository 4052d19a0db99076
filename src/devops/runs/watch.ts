import type { TaskResult } from '../../protocol/index.ts'
import type { WatchEvent } from '../agents/bus.ts'
import type { Devops } from '../devops.ts'
import { listRecords } from './records-store.ts'

/** Feed events a slow watcher may be behind before lines are dropped; the log keeps them. */
const QUEUE_LIMIT = 10_000
/** How often a watcher looks whether another process has moved the run. */
const SLOW_POLL_MS = 1000

/**
 * Follows a run: first its records as they are and the feed so far, then what changes, until
 * `finished`. It ends without `finished` when the caller stops or there is no such run.
 */
export async function* watchRun(devops: Devops, runId: number): AsyncGenerator<WatchEvent> {
  const queue: WatchEvent[] = []
  let wake = () => {}
  const push = (event: WatchEvent) => {
    if (event.kind === 'feed' && queue.length >= QUEUE_LIMIT) return
    queue.push(event)
    wake()
  }
  const off = devops.bus.onRunNews(runId, push)
  try {
    const feed = devops.bus.feedSoFar(runId)
    let { records, changedAtMs } = await listRecords(devops.db.query, runId)
    yield { kind: 'records', records }
    yield* feed
    for (;;) {
      const end = queue.length === 0 ? await findEnd(devops, runId) : 'running'
      if (end === 'absent') return
      if (end !== 'running') {
        // The last news may still be on its way here: the rows are already complete.
        yield { kind: 'records', records: (await listRecords(devops.db.query, runId)).records }
        yield* queue.filter(({ kind }) => kind === 'feed')
        yield { kind: 'finished', result: end }
        return
      }
      for (let next = queue.shift(); next; next = queue.shift()) {
        yield next
        if (next.kind === 'finished') return
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, SLOW_POLL_MS)
        wake = () => {
          clearTimeout(timer)
          resolve()
        }
        if (queue.length > 0) wake()
      })
      if (queue.length > 0) continue
      const now = await listRecords(devops.db.query, runId)
      if (now.changedAtMs > changedAtMs) {
        ;({ records, changedAtMs } = now)
        yield { kind: 'records', records }
      }
    }
  } finally {
    off()
  }
}

async function findEnd(devops: Devops, runId: number): Promise<TaskResult | 'running' | 'absent'> {
  const row = await devops.db.query
    .selectFrom('devops_run')
    .select(['state', 'result'])
    .where('id', '=', runId)
    .executeTakeFirst()
  if (!row) return 'absent'
  return row.state === 'completed' ? (row.result as TaskResult) : 'running'
}
