import type { Clock } from '../base/clock.ts'
import { Fault } from '../base/fault.ts'
import type { Database } from '../storage/database.ts'
import { append, type ChainState, packSegment, verify } from './chain.ts'
import type { AuditEntry, AuditRow } from './entry.ts'
import { bringUpToDate } from './index-rows.ts'
import { type AuditQuery, readRows } from './query.ts'
import type { MonitorTables } from './tables.ts'

/** Entries are gathered for this long, so that a busy server syncs once for hundreds. */
const GATHER_MS = 50

/** Entries of one segment at most: packing or reading it holds up nobody for more than some ms. */
const SEGMENT_ENTRIES = 1024

/** Stored entries are let go at least in pieces of this many. */
const COMPACT_AT = 8192

const RETRY_FIRST_MS = 100
const RETRY_LAST_MS = 5_000

export interface MonitorOptions {
  readonly db: Database<unknown>
  readonly clock: Clock
  /**
   * Told when entries could not be stored: why, how many wait, since when (ms). They are kept and
   * tried again. Absent: a process warning.
   */
  readonly onTrouble?: (error: unknown, waiting: number, sinceMs: number) => void
}

/** The audit log: batched, chained by hashes, never dropped silently. */
export interface Monitor {
  /** Keeps the entry; it is durable after about 50 ms, or after `flush`. Never throws. */
  record(entry: AuditEntry): void
  /** Resolves when all that was recorded is durable; rejects when a try failed (nothing is lost). */
  flush(): Promise<void>
  /**
   * Durable rows, newest first. The first query after many requests first brings the index up to
   * date, which is a write. Entries of a damaged segment are left out; `verifyChain` tells of them.
   */
  query(which: AuditQuery): Promise<AuditRow[]>
  /** Recomputes the whole chain, and compares the index with it. */
  verifyChain(): Promise<ChainState>
  /** Entries that are not durable yet. */
  waiting(): number
  /** Flushes, then takes no more. @throws Fault `AuditNotStored` when entries could not be kept */
  close(): Promise<void>
}

/** Opens the audit log on a database that has `monitorMigrations`. */
export function openMonitor(options: MonitorOptions): Monitor {
  return new AuditLog(options)
}

class AuditLog implements Monitor {
  readonly #db: Database<MonitorTables>
  readonly #clock: Clock
  readonly #onTrouble: NonNullable<MonitorOptions['onTrouble']>
  #waiting: AuditEntry[] = []
  /** How many entries were ever recorded. */
  #recorded = 0
  /** How many at the start of `#waiting` are stored already. */
  #stored = 0
  #timer: NodeJS.Timeout | undefined
  #storing: Promise<void> | undefined
  #retryMs = RETRY_FIRST_MS
  #troubleSinceMs: number | undefined
  #closed = false

  constructor({ db, clock, onTrouble }: MonitorOptions) {
    this.#db = db as Database<MonitorTables>
    this.#clock = clock
    this.#onTrouble = onTrouble ?? warn
  }

  record(entry: AuditEntry): void {
    this.#waiting.push(entry)
    this.#recorded += 1
    if (this.#closed) this.#tellTrouble(new Error('The audit log is closed.'))
    else if (!this.#storing && this.#troubleSinceMs === undefined) this.#schedule(GATHER_MS)
  }

  flush(): Promise<void> {
    return this.#storeUpTo(this.#recorded)
  }

  waiting(): number {
    return this.#waiting.length - this.#stored
  }

  async query(which: AuditQuery): Promise<AuditRow[]> {
    await bringUpToDate(this.#db)
    return readRows(this.#db, which)
  }

  verifyChain(): Promise<ChainState> {
    return verify(this.#db)
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    await this.#storing?.catch(() => undefined)
    try {
      await this.#store(this.waiting())
    } catch (error) {
      throw new Fault(
        'AuditNotStored',
        `${this.waiting()} audit records could not be stored.`,
        (error as Error).message,
      )
    }
  }

  #schedule(delayMs: number): void {
    if (this.#closed) return
    this.#timer ??= setTimeout(() => {
      // The failure was told to onTrouble, and the next try is set.
      this.#storeOnce().catch(() => undefined)
    }, delayMs)
  }

  async #storeUpTo(last: number): Promise<void> {
    while (this.#recorded - this.waiting() < last) await this.#storeOnce()
  }

  /** Stores what waits now; what comes meanwhile is gathered for the next time. */
  #storeOnce(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#storing ??= this.#store(this.waiting()).finally(() => {
      this.#storing = undefined
      const delayMs = this.#troubleSinceMs === undefined ? GATHER_MS : this.#retryMs
      if (this.waiting() > 0) this.#schedule(delayMs)
    })
    return this.#storing
  }

  async #store(count: number): Promise<void> {
    for (let left = count; left > 0; ) {
      const size = Math.min(left, SEGMENT_ENTRIES)
      const batch = this.#waiting.slice(this.#stored, this.#stored + size)
      try {
        const segment = packSegment(batch)
        await this.#db.write((tx) => append(tx, segment))
      } catch (error) {
        this.#tellTrouble(error)
        this.#retryMs = Math.min(this.#retryMs * 2, RETRY_LAST_MS)
        throw error
      }
      this.#forget(batch.length)
      left -= batch.length
      this.#troubleSinceMs = undefined
      this.#retryMs = RETRY_FIRST_MS
    }
  }

  /** Moves past stored entries; the array is cut seldom, so that a long backlog costs no more. */
  #forget(count: number): void {
    this.#stored += count
    if (this.#stored < this.#waiting.length && this.#stored < COMPACT_AT) return
    this.#waiting = this.#waiting.slice(this.#stored)
    this.#stored = 0
  }

  #tellTrouble(error: unknown): void {
    this.#troubleSinceMs ??= this.#clock.nowMs()
    this.#onTrouble(error, this.waiting(), this.#troubleSinceMs)
  }
}

function warn(error: unknown, waiting: number): void {
  process.emitWarning(
    `${waiting} audit records wait because they could not be stored: ${(error as Error).message}`,
    'AuditNotStored',
  )
}
