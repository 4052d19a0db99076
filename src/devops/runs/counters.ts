import { statement } from '../../storage/database.ts'
import type { DevopsTables, DevopsTransaction } from '../tables.ts'
import type { LiveRun } from './live-runs.ts'

interface Counter {
  readonly pipelineId: number
  readonly prefix: string
}

const findCounter = statement<DevopsTables, Counter, { value: number }>((query, parameter) =>
  query
    .selectFrom('devops_counter')
    .select('value')
    .where('pipeline_id', '=', parameter<number>('pipelineId'))
    .where('prefix', '=', parameter<string>('prefix')),
)

const setCounter = statement<DevopsTables, Counter & { value: number }>((query, parameter) =>
  query
    .insertInto('devops_counter')
    .values({
      pipeline_id: parameter('pipelineId'),
      prefix: parameter('prefix'),
      value: parameter('value'),
    })
    .onConflict((conflict) =>
      conflict
        .columns(['pipeline_id', 'prefix'])
        .doUpdateSet((set) => ({ value: set.ref('excluded.value') })),
    ),
)

/** The next number of a prefix: `first` when it was never counted, then one more each time. */
export function nextNumber(
  tx: DevopsTransaction,
  pipelineId: number,
  prefix: string,
  first: number,
): number {
  const last = tx.all(findCounter, { pipelineId, prefix })[0]?.value
  const value = last === undefined ? first : last + 1
  tx.run(setCounter, { pipelineId, prefix, value })
  return value
}

/** `counter(prefix, seed)`: counts once for each run, however often its jobs ask. */
export function countOnce(
  tx: DevopsTransaction,
  run: LiveRun,
  prefix: string,
  seed: number,
): number {
  const { pipelineId } = run.input.facts
  const memo = `run ${run.runId} counter ${prefix}`
  const counted = tx.all(findCounter, { pipelineId, prefix: memo })[0]?.value
  if (counted !== undefined) return counted
  const value = nextNumber(tx, pipelineId, `counter ${prefix}`, seed)
  tx.run(setCounter, { pipelineId, prefix: memo, value })
  return value
}
