import { createHash } from 'node:crypto'
import type { Database, Transaction } from '../storage/database.ts'
import { statement } from '../storage/database.ts'
import type { AuditEntry } from './entry.ts'
import { findIndexRows, type IndexRow, readThrough } from './index-rows.ts'
import { packEntries } from './segment.ts'
import type { MonitorTables } from './tables.ts'

interface Head {
  readonly sequence: number
  readonly hash: Uint8Array
}

type Segment = MonitorTables['audit_segment']

/** What `verifyChain` found; `brokenAt` is the first sequence number that does not hold. */
export interface ChainState {
  readonly ok: boolean
  readonly brokenAt?: number
}

const START: Head = { sequence: 0, hash: new Uint8Array(32) }

const readHead = statement<MonitorTables, object, Head>((query) =>
  query.selectFrom('audit_head').select(['sequence', 'hash']).where('id', '=', 1),
)

const writeHead = statement<MonitorTables, Head>((query, parameter) => {
  const head = { sequence: parameter<number>('sequence'), hash: parameter<Uint8Array>('hash') }
  return query
    .insertInto('audit_head')
    .values({ id: 1, ...head })
    .onConflict((conflict) => conflict.column('id').doUpdateSet(head))
})

const insertSegment = statement<MonitorTables, Segment>((query, parameter) =>
  query.insertInto('audit_segment').values({
    first_sequence: parameter('first_sequence'),
    count: parameter('count'),
    content: parameter('content'),
    hash: parameter('hash'),
  }),
)

const segmentAfter = statement<MonitorTables, { after: number }, Segment>((query, parameter) =>
  query
    .selectFrom('audit_segment')
    .selectAll()
    .where('first_sequence', '>', parameter<number>('after'))
    .orderBy('first_sequence')
    .limit(1),
)

const indexRowsBetween = statement<MonitorTables, { first: number; last: number }, IndexRow>(
  (query, parameter) =>
    query
      .selectFrom('audit')
      .selectAll()
      .where('sequence', '>=', parameter<number>('first'))
      .where('sequence', '<=', parameter<number>('last'))
      .orderBy('sequence'),
)

const indexBounds = statement<MonitorTables, object, { first: number | null; last: number | null }>(
  (query) =>
    query
      .selectFrom('audit')
      .select(({ fn }) => [fn.min('sequence').as('first'), fn.max('sequence').as('last')]),
)

/**
 * Appends the entries to the chain as one segment. The head is read inside the write, so that
 * several processes on one database make one chain.
 */
export async function append(
  tx: Transaction<MonitorTables>,
  entries: { readonly count: number; readonly content: Uint8Array },
): Promise<void> {
  const head = (await tx.all(readHead, {}))[0] ?? START
  const segment = { first_sequence: head.sequence + 1, ...entries }
  const hash = linkHash(head, segment)
  await tx.run(insertSegment, { ...segment, hash })
  await tx.run(writeHead, { sequence: head.sequence + segment.count, hash })
}

/** A segment's entries, packed for `append`. */
export function packSegment(entries: readonly AuditEntry[]): {
  readonly count: number
  readonly content: Uint8Array
} {
  return { count: entries.length, content: packEntries(entries) }
}

function linkHash(previous: Head, segment: Omit<Segment, 'hash'>): Uint8Array {
  return createHash('sha256')
    .update(previous.hash)
    .update(`${segment.first_sequence}\n${segment.count}\n`)
    .update(segment.content)
    .digest()
}

/** Recomputes the chain from its start and compares the index; lets requests in between segments. */
export async function verify(db: Database<MonitorTables>): Promise<ChainState> {
  // Read in this order, none of them is ahead of the next.
  const through = await readThrough(db)
  const [bounds] = await db.all(indexBounds, {})
  const end = (await db.all(readHead, {}))[0] ?? START
  if ((bounds?.first ?? 1) < 1) return { ok: false, brokenAt: 1 }
  let head = START
  for (;;) {
    const [segment] = await db.all(segmentAfter, { after: head.sequence })
    if (!segment) break
    const brokenAt = await findBreak(db, { head, end, segment, through })
    if (brokenAt !== undefined) return { ok: false, brokenAt }
    head = { sequence: head.sequence + segment.count, hash: segment.hash }
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
  const last = (await db.all(readHead, {}))[0] ?? START
  // Segments were cut off the end, or the head was.
  if (head.sequence < end.sequence) return { ok: false, brokenAt: head.sequence + 1 }
  if (last.sequence < head.sequence) return { ok: false, brokenAt: last.sequence + 1 }
  if ((bounds?.last ?? 0) > end.sequence) return { ok: false, brokenAt: end.sequence + 1 }
  return { ok: true }
}

/** The first sequence number of the segment that does not hold; undefined when all do. */
async function findBreak(
  db: Database<MonitorTables>,
  at: { head: Head; end: Head; segment: Segment; through: number },
): Promise<number | undefined> {
  const { head, end, segment, through } = at
  const first = head.sequence + 1
  if (segment.first_sequence !== first) return first
  if (!isSame(segment.hash, linkHash(head, segment))) return first
  const expected = findIndexRows(first, segment.content)
  if (expected?.length !== segment.count) return first
  const last = head.sequence + segment.count
  if (last >= end.sequence && head.sequence < end.sequence) {
    if (last !== end.sequence || !isSame(segment.hash, end.hash)) return first
  }
  const found = await db.all(indexRowsBetween, { first, last })
  // Another process may have indexed the segment since `through` was read: all of it or nothing.
  if (found.length === 0 && first > through) return undefined
  const wrong = expected.find((row, n) => !isSameRow(row, found[n]))
  return wrong?.sequence
}

function isSameRow(expected: IndexRow, found: IndexRow | undefined): boolean {
  return Object.entries(expected).every(
    ([name, value]) => found?.[name as keyof IndexRow] === value,
  )
}

function isSame(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.compare(left, right) === 0
}
