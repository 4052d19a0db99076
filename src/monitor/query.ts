import type { Database, Statement } from '../storage/database.ts'
import { statement } from '../storage/database.ts'
import type { AuditEntry, AuditRow } from './entry.ts'
import type { IndexRow } from './index-rows.ts'
import { findEntries } from './segment.ts'
import type { MonitorTables } from './tables.ts'

/** Which rows a query gives; absent members do not limit. */
export interface AuditQuery {
  /** The resource's ARM id, in any case. */
  readonly vaultId?: string
  /** `secrets/db`, in any case. */
  readonly object?: string
  readonly operation?: string
  readonly sinceMs?: number
  /** Rows at most. */
  readonly limit: number
}

type Place = Pick<IndexRow, 'sequence' | 'segment'>

const readSegment = statement<
  MonitorTables,
  { first: number },
  Pick<MonitorTables['audit_segment'], 'content' | 'hash'>
>((query, parameter) =>
  query
    .selectFrom('audit_segment')
    .select(['content', 'hash'])
    .where('first_sequence', '=', parameter<number>('first')),
)

/**
 * The rows that the index knows of, newest first; those that cannot be read are left out. Lets
 * requests in between segments: a full one takes 1 ms to read.
 */
export async function readRows(
  db: Database<MonitorTables>,
  which: AuditQuery,
): Promise<AuditRow[]> {
  const rows: AuditRow[] = []
  let open: { first: number; entries: readonly AuditEntry[]; hash: string } | undefined
  for (const { sequence, segment } of await findPlaces(db, which)) {
    // Places come in order, so that a segment is opened once.
    if (open?.first !== segment) {
      if (open) await new Promise<void>((resolve) => setImmediate(resolve))
      open = await openSegment(db, segment)
    }
    const entry = open.entries[sequence - segment]
    if (entry) rows.push({ ...entry, sequence, hash: open.hash })
  }
  return rows
}

async function openSegment(db: Database<MonitorTables>, first: number) {
  const [stored] = await db.all(readSegment, { first })
  const entries = (stored && findEntries(stored.content)) ?? []
  return { first, entries, hash: stored ? Buffer.from(stored.hash).toString('hex') : '' }
}

function findPlaces(db: Database<MonitorTables>, which: AuditQuery): Promise<Place[]> {
  let rows = db.query.selectFrom('audit').select(['sequence', 'segment'])
  if (which.vaultId !== undefined) rows = rows.where('vault', '=', which.vaultId.toLowerCase())
  if (which.object !== undefined) rows = rows.where('object', '=', which.object.toLowerCase())
  if (which.operation !== undefined) rows = rows.where('operation', '=', which.operation)
  if (which.sinceMs !== undefined) rows = rows.where('time_ms', '>=', which.sinceMs)
  const { sql, parameters } = rows.orderBy('sequence', 'desc').limit(which.limit).compile()
  const select: Statement<undefined, Place> = { sql, bind: () => parameters }
  return db.all(select, undefined)
}
