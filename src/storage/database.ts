import { closeSync, fdatasync, openSync } from 'node:fs'
import { promisify } from 'node:util'
import type { Kysely } from 'kysely'
import { Fault } from '../base/fault.ts'
import { type Engine, openBuilder } from './dialect.ts'
import { SqliteConnection } from './sqlite-driver.ts'
import type { Statement } from './statement.ts'
import { type Waiting, WriteQueue } from './write-queue.ts'

export { type Statement, statement } from './statement.ts'

/**
 * What work inside a write may do. It must await nothing but this: it holds the write lock. A
 * statement that fails ends the work: PostgreSQL goes on with none after it.
 */
export interface Transaction<Tables> {
  readonly query: Kysely<Tables>
  /** All rows of a compiled statement that returns rows. */
  all<P, Row>(statement: Statement<P, Row>, parameters: P): Promise<Row[]>
  /** Runs a compiled statement that returns no rows. Await it before the next one: order counts. */
  run<P>(statement: Statement<P, never>, parameters: P): Promise<void>
}

/**
 * The database as rooms see it: reads see what is committed; writes are grouped, so that many
 * requests share one durable commit (facts/performance.md §3: 2.8 k/s alone, 12 k/s grouped).
 */
export interface Database<Tables> {
  readonly engine: Engine
  /** Reads committed rows. Never write through it. */
  readonly query: Kysely<Tables>
  all<P, Row>(statement: Statement<P, Row>, parameters: P): Promise<Row[]>
  /**
   * As `all`, without waiting; only an engine inside this process has it (SQLite). One without it
   * has `onForeignChange`. For `Mirrors`; other rooms read with `all`.
   */
  allNow?<P, Row>(statement: Statement<P, Row>, parameters: P): Row[]
  /** Calls `listener` soon after another process has committed, when `changeMark` has moved. */
  onForeignChange?(listener: () => void): void
  /**
   * Runs `work` alone, in arrival order, and resolves after a durable commit. When `work` throws,
   * nothing of it is kept and the promise rejects with what was thrown; its neighbours are not hurt.
   */
  write<Result>(work: (tx: Transaction<Tables>) => Promise<Result> | Result): Promise<Result>
  /**
   * Grows when another process has committed. Caches of rows compare it before they answer; an
   * SQLite file is asked at most once in a turn of the event loop, PostgreSQL tells by itself.
   */
  changeMark(): number
  /**
   * Learns now of all that other processes have committed, instead of waiting to be told. An engine
   * without it has a `changeMark` that is never late.
   */
  catchUp?(): Promise<void>
  close(): Promise<void>
}

/** Writes committed together at most; the rest wait for the next commit. */
const GROUP_LIMIT = 256

/**
 * Opens the SQLite file, creating it when it is absent. `:memory:` is for tests.
 *
 * @throws Fault `DataNotWritable` when the file cannot be opened for writing
 */
export function openSqlite<Tables>(
  file: string,
  options: { readonly busyTimeoutMs?: number; readonly writesPerCommit?: number } = {},
): Database<Tables> {
  const busyTimeoutMs = options.busyTimeoutMs ?? 10_000
  const groupLimit = options.writesPerCommit ?? GROUP_LIMIT
  const writer = openConnection(file, busyTimeoutMs)
  const parts =
    file === ':memory:'
      ? { writer, reader: writer, log: undefined }
      : { writer, reader: openConnection(file, busyTimeoutMs), log: openLog(writer) }
  return new SqliteDatabase(parts, groupLimit) as unknown as Database<Tables>
}

/**
 * The log that commits are appended to, for `fdatasync`: SQLite would wait for the disk in the thread
 * that answers requests. It stays the same file for as long as a connection is open.
 */
function openLog(writer: SqliteConnection): number {
  // With `normal` SQLite itself syncs only around a checkpoint, in the order that keeps the file whole.
  writer.raw.exec('pragma synchronous = normal; select 1 from sqlite_master limit 1')
  // Beside the file itself, where the name that was given is a link to it.
  const [{ file }] = writer.all('pragma database_list', []) as [{ file: string }]
  return openSync(`${file}-wal`, 'r+')
}

const sync = promisify(fdatasync)

function openConnection(file: string, busyTimeoutMs: number): SqliteConnection {
  try {
    // SQLite gives its companion files the mode of the database file.
    if (file !== ':memory:') closeSync(openSync(file, 'a', 0o600))
    const connection = new SqliteConnection(file, busyTimeoutMs)
    connection.raw.exec('pragma journal_mode = wal; pragma synchronous = full')
    // Pages that change often are copied into the file less often: 16 MiB of log instead of 4.
    connection.raw.exec('pragma wal_autocheckpoint = 4000; pragma cache_size = -16384')
    return connection
  } catch (error) {
    throw new Fault(
      'DataNotWritable',
      `The database ${file} cannot be opened for writing: ${(error as Error).message}. Choose another directory with --data, or correct its owner and mode.`,
    )
  }
}

class SqliteDatabase implements Database<unknown> {
  readonly engine = 'sqlite'
  #query: Kysely<unknown> | undefined
  readonly #writer: SqliteConnection
  readonly #reader: SqliteConnection
  #log: number | undefined
  readonly #transaction: Transaction<unknown>
  readonly #queue: WriteQueue<Transaction<unknown>>
  #inTransaction = false
  #dataVersion = 0
  #mark = 0
  #markIsFresh = false

  constructor(
    parts: {
      readonly writer: SqliteConnection
      readonly reader: SqliteConnection
      readonly log: number | undefined
    },
    groupLimit: number,
  ) {
    const { writer } = parts
    this.#queue = new WriteQueue(groupLimit, (group) => this.#commitGroup(group))
    this.#writer = writer
    this.#reader = parts.reader
    this.#log = parts.log
    let query: Kysely<unknown> | undefined
    this.#transaction = {
      get query() {
        query ??= openBuilder('sqlite', writer)
        return query
      },
      all: async <P, Row>(statement: Statement<P, Row>, parameters: P) =>
        writer.all(statement.sql, statement.bind(parameters)) as Row[],
      run: async (statement, parameters) =>
        writer.change(statement.sql, statement.bind(parameters)),
    }
    this.#dataVersion = this.#readDataVersion()
  }

  get query(): Kysely<unknown> {
    this.#query ??= openBuilder('sqlite', this.#reader)
    return this.#query
  }

  async all<P, Row>(statement: Statement<P, Row>, parameters: P): Promise<Row[]> {
    return this.allNow(statement, parameters)
  }

  allNow<P, Row>(statement: Statement<P, Row>, parameters: P): Row[] {
    return this.#reader.all(statement.sql, statement.bind(parameters)) as Row[]
  }

  write<Result>(work: (tx: Transaction<unknown>) => Promise<Result> | Result): Promise<Result> {
    return this.#queue.add(work)
  }

  changeMark(): number {
    if (this.#markIsFresh || this.#inTransaction) return this.#mark
    this.#markIsFresh = true
    setImmediate(() => {
      this.#markIsFresh = false
    })
    const version = this.#readDataVersion()
    if (version !== this.#dataVersion) {
      this.#dataVersion = version
      this.#mark += 1
    }
    return this.#mark
  }

  async close(): Promise<void> {
    await this.#queue.close()
    if (this.#reader !== this.#writer) this.#reader.close()
    this.#writer.close()
    // Closed once: the number may be another file's by the second time.
    if (this.#log !== undefined) closeSync(this.#log)
    this.#log = undefined
  }

  /** `data_version` moves only for commits of other connections; the reader never commits. */
  #readDataVersion(): number {
    const [row] = this.#writer.all('pragma data_version', []) as { data_version: number }[]
    return row?.data_version ?? 0
  }

  async #commitGroup(group: readonly Waiting<Transaction<unknown>>[]): Promise<void> {
    const done: (() => void)[] = []
    try {
      this.#writer.change('begin immediate', [])
      this.#inTransaction = true
      for (const waiting of group) done.push(await this.#runOne(waiting))
      this.#writer.change('commit', [])
      this.#inTransaction = false
      // Readers see the rows from here on; who wrote them is told when a power cut cannot undo them.
      if (this.#log !== undefined && done.length > 0) await sync(this.#log)
    } catch (error) {
      if (this.#writer.raw.isTransaction) this.#writer.change('rollback', [])
      for (const { reject } of group) reject(toStorageFault(error))
      return
    } finally {
      this.#inTransaction = false
    }
    for (const tell of done) tell()
  }

  async #runOne(waiting: Waiting<Transaction<unknown>>): Promise<() => void> {
    this.#writer.change('savepoint one', [])
    try {
      const result = await waiting.work(this.#transaction)
      this.#writer.change('release one', [])
      return () => waiting.resolve(result as never)
    } catch (error) {
      // A full disk makes SQLite roll back all of the group by itself.
      if (!this.#writer.raw.isTransaction) throw error
      this.#writer.change('rollback to one', [])
      this.#writer.change('release one', [])
      return () => waiting.reject(toStorageFault(error))
    }
  }
}

/** A full disk is the operator's matter, not a bug: it is said in words and nothing is lost. */
function toStorageFault(error: unknown): unknown {
  const code = (error as { errcode?: number }).errcode
  if (code === 13) {
    return new Fault('DiskFull', 'The disk of the data directory is full. Nothing was changed.')
  }
  if (code === 5 || code === 6) {
    return new Fault('DataBusy', 'Another process holds the data directory. Try again.')
  }
  return error
}
