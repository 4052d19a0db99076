import type { Database, Transaction } from '../storage/database.ts'
import { statement } from '../storage/database.ts'
import { type AuditEntry, objectOf } from './entry.ts'
import { findEntries } from './segment.ts'
import type { MonitorTables } from './tables.ts'

/** A row of the index over the trail. */
export type IndexRow = MonitorTables['audit']

/** Entries that one commit indexes, about; other writes get their turn in between. */
const INDEX_ENTRIES = 1024

const readIndexed = statement<MonitorTables, object, { through: number }>((query) =>
  query.selectFrom('audit_indexed').select('through').where('id', '=', 1),
)

const writeIndexed = statement<MonitorTables, { through: number }>((query, parameter) =>
  query
    .insertInto('audit_indexed')
    .values({ id: 1, through: parameter('through') })
    .onConflict((conflict) =>
      conflict.column('id').doUpdateSet({ through: parameter<number>('through') }),
    ),
)

const nextSegment = statement<
  MonitorTables,
  { after: number },
  Pick<MonitorTables['audit_segment'], 'first_sequence' | 'content'>
>((query, parameter) =>
  query
    .selectFrom('audit_segment')
    .select(['first_sequence', 'content'])
    .where('first_sequence', '>', parameter<number>('after'))
    .orderBy('first_sequence')
    .limit(1),
)

const lastSegment = statement<MonitorTables, object, { first_sequence: number }>((query) =>
  query
    .selectFrom('audit_segment')
    .select('first_sequence')
    .orderBy('first_sequence', 'desc')
    .limit(1),
)

const writeRow = statement<MonitorTables, IndexRow>((query, parameter) => {
  const row = {
    sequence: parameter<number>('sequence'),
    time_ms: parameter<number>('time_ms'),
    vault: parameter<string>('vault'),
    object: parameter<string>('object'),
    operation: parameter<string>('operation'),
    status: parameter<number>('status'),
    caller: parameter<string | null>('caller'),
    segment: parameter<number>('segment'),
  }
  return query
    .insertInto('audit')
    .values(row)
    .onConflict((conflict) => conflict.column('sequence').doUpdateSet(row))
})

/** The `first_sequence` of the last indexed segment; 0 when there is none. */
export async function readThrough(db: Pick<Database<MonitorTables>, 'all'>): Promise<number> {
  return (await db.all(readIndexed, {}))[0]?.through ?? 0
}

/**
 * Brings the index up to what was committed when it was called. Any number of processes may do so
 * at once. A damaged segment is passed over: `verify` tells of it.
 */
export async function bringUpToDate(db: Database<MonitorTables>): Promise<void> {
  const last = (await db.all(lastSegment, {}))[0]?.first_sequence ?? 0
  while ((await readThrough(db)) < last) await db.write(indexSome)
}

async function indexSome(tx: Transaction<MonitorTables>): Promise<void> {
  let through = await readThrough(tx)
  for (let done = 0; done < INDEX_ENTRIES; ) {
    const [segment] = await tx.all(nextSegment, { after: through })
    if (!segment) break
    through = segment.first_sequence
    const rows = findIndexRows(through, segment.content) ?? []
    for (const row of rows) await tx.run(writeRow, row)
    done += Math.max(1, rows.length)
  }
  await tx.run(writeIndexed, { through })
}

/** What the index says of a segment's entries; undefined when the content is damaged. */
export function findIndexRows(segment: number, content: Uint8Array): IndexRow[] | undefined {
  return findEntries(content)?.map((entry, n) => toIndexRow(segment, segment + n, entry))
}

function toIndexRow(segment: number, sequence: number, entry: AuditEntry): IndexRow {
  return {
    sequence,
    time_ms: entry.timeMs,
    vault: entry.resourceId.toLowerCase(),
    object: objectOf(entry.id),
    operation: entry.operationName,
    status: entry.httpStatusCode,
    caller: entry.identity?.objectId ?? null,
    segment,
  }
}
