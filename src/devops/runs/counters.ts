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
export async function nextNumber(
  tx: DevopsTransaction,
  pipelineId: number,
  prefix: string,
  first: number,
): Promise<number> {
  const [last] = await tx.all(findCounter, { pipelineId, prefix })
  const value = last === undefined ? first : last.value + 1
  await tx.run(setCounter, { pipelineId, prefix, value })
  return value
}

/** `counter(prefix, seed)`: counts once for each run, however often its jobs ask. */
export async function countOnce(
  tx: DevopsTransaction,
  run: LiveRun,
  prefix: string,
  seed: number,
): Promise<number> {
  const { pipelineId } = run.input.facts
  const memo = `run ${run.runId} counter ${prefix}`
  const [counted] = await tx.all(findCounter, { pipelineId, prefix: memo })
  if (counted) return counted.value
  const value = await nextNumber(tx, pipelineId, `counter ${prefix}`, seed)
  await tx.run(setCounter, { pipelineId, prefix: memo, value })
  return value
}
