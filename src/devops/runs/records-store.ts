import type { Kysely } from 'kysely'
import type { TimelineRecord } from '../../protocol/index.ts'
import { type Statement, statement } from '../../storage/database.ts'
import type { DevopsTables, DevopsTransaction } from '../tables.ts'

interface RecordKey {
  readonly runId: number
  readonly id: string
}

const findBody: Statement<RecordKey, { body: string }> = statement<
  DevopsTables,
  RecordKey,
  { body: string }
>((query, parameter) =>
  query
    .selectFrom('devops_record')
    .select('body')
    .where('run_id', '=', parameter<number>('runId'))
    .where('id', '=', parameter<string>('id')),
)

const putBody = statement<DevopsTables, RecordKey & { body: string; nowMs: number }>(
  (query, parameter) =>
    query
      .insertInto('devops_record')
      .values({
        run_id: parameter('runId'),
        id: parameter('id'),
        body: parameter('body'),
        changed_at_ms: parameter('nowMs'),
      })
      .onConflict((conflict) =>
        conflict.columns(['run_id', 'id']).doUpdateSet((set) => ({
          body: set.ref('excluded.body'),
          changed_at_ms: set.ref('excluded.changed_at_ms'),
        })),
      ),
)

/** A change to a record: fields that are absent keep their former value. */
export type RecordChange = Partial<TimelineRecord> & Pick<TimelineRecord, 'id'>

/** Writes records and answers them whole. A new one needs `type`, `name` and `state`. */
export async function mergeRecords(
  tx: DevopsTransaction,
  runId: number,
  changes: readonly RecordChange[],
  nowMs: number,
): Promise<TimelineRecord[]> {
  const records: TimelineRecord[] = []
  for (const change of changes) {
    const [stored] = await tx.all(findBody, { runId, id: change.id })
    const former = stored ? (JSON.parse(stored.body) as TimelineRecord) : undefined
    const merged = { type: 'Task', name: '', state: 'pending', ...former, ...defined(change) }
    const record = merged as TimelineRecord
    await tx.run(putBody, { runId, id: record.id, body: JSON.stringify(record), nowMs })
    records.push(record)
  }
  return records
}

function defined(change: RecordChange): RecordChange {
  return Object.fromEntries(
    Object.entries(change).filter(([, value]) => value !== undefined),
  ) as RecordChange
}

/** All records of a run, parents before children is not promised. */
export async function listRecords(
  query: Kysely<DevopsTables>,
  runId: number,
): Promise<{ readonly records: readonly TimelineRecord[]; readonly changedAtMs: number }> {
  const rows = await query
    .selectFrom('devops_record')
    .select(['body', 'changed_at_ms'])
    .where('run_id', '=', runId)
    .execute()
  return {
    records: rows.map(({ body }) => JSON.parse(body) as TimelineRecord),
    changedAtMs: rows.reduce((latest, row) => Math.max(latest, row.changed_at_ms), 0),
  }
}
