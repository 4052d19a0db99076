import { newGuid } from '../base/ids.ts'
import type { Database, Transaction } from '../storage/database.ts'
import { statement } from '../storage/database.ts'
import type { EventTables } from './tables.ts'

/** Something that happened, as the room where it happened tells it. Never holds a value. */
export interface EventFacts {
  /** ARM id of the resource it happened to. */
  readonly topic: string
  /** `Microsoft.KeyVault.SecretNewVersionCreated` … */
  readonly type: string
  readonly subject: string
  readonly timeMs: number
  /** What both wire forms carry as `data`. */
  readonly data: object
}

/** A recorded event. */
export interface OutboxEvent extends EventFacts {
  /** Grows in the order of recording; the cursor of who reads on. */
  readonly sequence: number
  /** A GUID. */
  readonly id: string
}

/** What recording needs of a write in progress. */
export type EventWrite = Pick<Transaction<never>, 'run'>

/** The outbox: events are rows, written with the changes they tell of. */
export interface Events {
  /** Records an event in the write `tx`: it is there when that write is, and only then. */
  record(tx: EventWrite, event: EventFacts): Promise<void>
  /**
   * At most `limit` events after the one with the sequence `after` (0: the oldest kept), oldest first. Of
   * processes that write at once one may commit a smaller sequence later; events are known by their ids.
   */
  listAfter(after: number, limit: number): Promise<OutboxEvent[]>
  /** At most `limit` events of a topic, or of all when none is named, newest first. */
  listNewest(which: {
    readonly topic?: string | undefined
    readonly limit: number
  }): Promise<OutboxEvent[]>
  /** Drops events past 24 hours or beyond the newest 100,000; gives how many. */
  sweep(nowMs: number): Promise<number>
}

/** As long as Event Grid tries to deliver an event. */
const KEPT_MS = 24 * 60 * 60 * 1000
/** About 50 MB. */
const KEPT_ROWS = 100_000
/** Rows dropped in one commit at most, so that requests get their turn. */
const BATCH = 1000

type Row = Omit<EventTables['event_outbox'], 'sequence'> & { readonly sequence: number }

const insert = statement<EventTables, Omit<Row, 'sequence'>>((query, parameter) =>
  query.insertInto('event_outbox').values({
    id: parameter('id'),
    topic: parameter('topic'),
    type: parameter('type'),
    subject: parameter('subject'),
    time_ms: parameter('time_ms'),
    data: parameter('data'),
  }),
)

const rowsAfter = statement<EventTables, { after: number; limit: number }, Row>(
  (query, parameter) =>
    query
      .selectFrom('event_outbox')
      .selectAll()
      .where('sequence', '>', parameter<number>('after'))
      .orderBy('sequence')
      .limit(parameter<number>('limit')),
)

const newestRows = statement<EventTables, { limit: number }, Row>((query, parameter) =>
  query
    .selectFrom('event_outbox')
    .selectAll()
    .orderBy('sequence', 'desc')
    .limit(parameter<number>('limit')),
)

const newestOfTopic = statement<EventTables, { topic: string; limit: number }, Row>(
  (query, parameter) =>
    query
      .selectFrom('event_outbox')
      .selectAll()
      .where('topic', '=', parameter<string>('topic'))
      .orderBy('sequence', 'desc')
      .limit(parameter<number>('limit')),
)

const oldest = statement<
  EventTables,
  { limit: number },
  { readonly sequence: number; readonly time_ms: number }
>((query, parameter) =>
  query
    .selectFrom('event_outbox')
    .select(['sequence', 'time_ms'])
    .orderBy('sequence')
    .limit(parameter<number>('limit')),
)

const newestSequence = statement<EventTables, undefined, { readonly sequence: number }>((query) =>
  query.selectFrom('event_outbox').select('sequence').orderBy('sequence', 'desc').limit(1),
)

const dropThrough = statement<EventTables, { through: number }>((query, parameter) =>
  query.deleteFrom('event_outbox').where('sequence', '<=', parameter<number>('through')),
)

/** Opens the outbox on a database that has `eventMigrations`. */
export function openEvents(
  database: Database<unknown>,
  limits: { readonly keptRows?: number } = {},
): Events {
  const db = database as Database<EventTables>
  const keptRows = limits.keptRows ?? KEPT_ROWS
  return {
    record: async (tx, { topic, type, subject, timeMs, data }) =>
      tx.run(insert, {
        id: newGuid(),
        topic,
        type,
        subject,
        time_ms: timeMs,
        data: JSON.stringify(data),
      }),
    listAfter: async (after, limit) => (await db.all(rowsAfter, { after, limit })).map(fromRow),
    listNewest: async ({ topic, limit }) => {
      const rows =
        topic === undefined
          ? await db.all(newestRows, { limit })
          : await db.all(newestOfTopic, { topic, limit })
      return rows.map(fromRow)
    },
    sweep: async (nowMs) => {
      for (let total = 0; ; ) {
        const count = await dropBatch(db, nowMs - KEPT_MS, keptRows)
        total += count
        if (count < BATCH) return total
      }
    },
  }
}

async function dropBatch(
  db: Database<EventTables>,
  sinceMs: number,
  keptRows: number,
): Promise<number> {
  const [newest] = await db.all(newestSequence, undefined)
  if (!newest) return 0
  const rows = await db.all(oldest, { limit: BATCH })
  const isOver = (row: (typeof rows)[number]) =>
    row.sequence < newest.sequence &&
    (row.time_ms < sinceMs || row.sequence <= newest.sequence - keptRows)
  const firstKept = rows.findIndex((row) => !isOver(row))
  const count = firstKept < 0 ? rows.length : firstKept
  const through = rows[count - 1]?.sequence
  if (through !== undefined) await db.write((tx) => tx.run(dropThrough, { through }))
  return count
}

function fromRow({ time_ms, data, ...row }: Row): OutboxEvent {
  return { ...row, timeMs: time_ms, data: JSON.parse(data) as object }
}
