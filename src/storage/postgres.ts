import type { Kysely } from 'kysely'
import { Fault } from '../base/fault.ts'
import type { Database, Transaction } from './database.ts'
import { numberPlaces, openBuilder } from './dialect.ts'
import { ForeignCommits } from './foreign-commits.ts'
import { type Answer, databaseGone, reasonOf, Session } from './postgres-driver.ts'
import { Backoff, SessionSlot } from './session-slot.ts'
import type { Bindable, Statement } from './statement.ts'
import { type Waiting, WriteQueue } from './write-queue.ts'

/** Sessions that read; each takes many questions at once. They are opened when they are needed. */
const READERS = 4
/** Writes committed together at most: PostgreSQL keeps 64 savepoints of a session at hand. */
const GROUP_LIMIT = 64

const READER_SETUP =
  'set session characteristics as transaction isolation level read committed, read only; set jit = off'
/** A commit is durable whatever the server's default is; a process that stands still holds no lock. */
function writerSetup(busyTimeoutMs: number): string {
  return `set session characteristics as transaction isolation level read committed, read write;
    set jit = off; set idle_in_transaction_session_timeout = '60s';
    set lock_timeout = ${Math.round(busyTimeoutMs)};
    select set_config('synchronous_commit', 'on', false)
      where current_setting('synchronous_commit') = 'off'`
}

/** All writers of one schema take turns: docs/decisions/0022-one-writer-on-postgresql.md. */
const TAKE_TURN = 'select pg_advisory_xact_lock(1936749921, hashtext(current_schema()))'
const BEGIN = `begin; ${TAKE_TURN}; select last_value from sluice_commit; savepoint one`

/**
 * Opens the database at `url` (`postgres://user@host/database`), whose tables are in its current
 * schema. Any number of processes may have it open.
 *
 * @throws Fault `DatabaseGone` when it cannot be reached, `DatabaseUnfit` when it is not one of ours
 */
export async function openPostgres<Tables>(
  url: string,
  options: { readonly writesPerCommit?: number; readonly busyTimeoutMs?: number } = {},
): Promise<Database<Tables>> {
  const setup = writerSetup(options.busyTimeoutMs ?? 10_000)
  const session = await Session.open(url, setup).catch((error: unknown) => {
    throw cannotOpen(error)
  })
  try {
    const schema = await prepareSchema(session)
    const foreign = new ForeignCommits(url, `sluice_commit_${schema}`)
    await foreign.start()
    const limit = options.writesPerCommit ?? GROUP_LIMIT
    const open = (kind: 'reader' | 'writer') =>
      Session.open(url, kind === 'writer' ? setup : READER_SETUP)
    return new PostgresDatabase(open, foreign, limit) as unknown as Database<Tables>
  } catch (error) {
    throw cannotOpen(error)
  } finally {
    await session.close()
  }
}

/** Proves that the database serves and makes the counter of commits; gives the schema's name. */
async function prepareSchema(session: Session): Promise<string> {
  const [answer] = await session.script(
    `select current_schema() as schema, current_setting('server_encoding') as encoding,
       current_setting('server_version_num')::int as version,
       to_regclass('sluice_commit') is not null as has_counter`,
  )
  const found = answer?.rows[0] as
    | { schema: string | null; encoding: string; version: number; has_counter: number }
    | undefined
  if (!found || found.schema === null) {
    throw databaseUnfit('its search path names no schema that exists')
  }
  if (found.encoding !== 'UTF8') throw databaseUnfit(`its encoding is ${found.encoding}, not UTF8`)
  if (found.version < 130_000) throw databaseUnfit('it is older than PostgreSQL 13')
  if (found.has_counter === 0) {
    await session.script(`begin; ${TAKE_TURN}; create sequence if not exists sluice_commit;
        select nextval('sluice_commit'); commit`)
  }
  return found.schema
}

/** The operator reads why; callers of a running server do not. */
function cannotOpen(error: unknown): unknown {
  if (!(error instanceof Fault)) return databaseUnfit(reasonOf(error))
  if (error.code !== 'DatabaseGone' || error.detail === undefined) return error
  return new Fault(
    'DatabaseGone',
    `The database cannot be reached: ${error.detail}. Check that PostgreSQL runs there and takes connections, then try again. Nothing was changed.`,
  )
}

function databaseUnfit(reason: string): Fault<'DatabaseUnfit'> {
  return new Fault(
    'DatabaseUnfit',
    `The database cannot be used: ${reason}. Correct that, or name another with --database. Nothing was changed.`,
  )
}

class PostgresDatabase implements Database<unknown> {
  readonly engine = 'postgres'
  readonly #foreign: ForeignCommits
  readonly #readers: readonly SessionSlot[]
  readonly #writer: SessionSlot
  readonly #queue: WriteQueue<Transaction<unknown>>
  readonly #wording = new Wording()
  #query: Kysely<unknown> | undefined
  #isClosed = false

  constructor(
    open: (kind: 'reader' | 'writer') => Promise<Session>,
    foreign: ForeignCommits,
    groupLimit: number,
  ) {
    this.#foreign = foreign
    const backoff = new Backoff()
    const slot = (kind: 'reader' | 'writer') => new SessionSlot(() => open(kind), backoff)
    this.#writer = slot('writer')
    this.#readers = Array.from({ length: READERS }, () => slot('reader'))
    this.#queue = new WriteQueue(groupLimit, (group) => this.#commitGroup(group))
    foreign.onSilence(() => {
      for (const each of [this.#writer, ...this.#readers]) each.drop()
    })
  }

  get query(): Kysely<unknown> {
    this.#query ??= openBuilder('postgres', {
      query: (sql, parameters) => this.#read((session) => session.query(sql, parameters)),
    })
    return this.#query
  }

  async all<P, Row>(statement: Statement<P, Row>, parameters: P): Promise<Row[]> {
    const { sql, bind } = this.#wording.of(statement)
    const bound = bind(parameters)
    return (await this.#read((session) => session.prepared(sql, bound))).rows as Row[]
  }

  write<Result>(work: (tx: Transaction<unknown>) => Promise<Result> | Result): Promise<Result> {
    return this.#queue.add(work)
  }

  changeMark(): number {
    return this.#foreign.mark
  }

  onForeignChange(listener: () => void): void {
    this.#foreign.onCommit(listener)
  }

  async catchUp(): Promise<void> {
    const ask = (session: Session) => session.query('select last_value from sluice_commit', [])
    const [row] = (await this.#read(ask)).rows as { last_value: number }[]
    this.#foreign.saw(row?.last_value ?? 0)
  }

  async close(): Promise<void> {
    await this.#queue.close()
    this.#isClosed = true
    await this.#foreign.close()
    await Promise.all([this.#writer, ...this.#readers].map((slot) => slot.close()))
  }

  async #read(ask: (session: Session) => Promise<Answer>): Promise<Answer> {
    if (this.#isClosed) throw new Fault('DatabaseClosed', 'The server is stopping.')
    const slot = this.#idlest()
    slot.load += 1
    try {
      const session = await slot.get()
      try {
        return await ask(session)
      } catch (error) {
        // The server was started again, say. Reading twice does no harm.
        if (!session.isLost || this.#isClosed) throw error
        return await ask(await slot.get())
      }
    } finally {
      slot.load -= 1
    }
  }

  #idlest(): SessionSlot {
    let idlest = this.#writer
    for (const slot of this.#readers) {
      if (idlest === this.#writer || slot.load < idlest.load) idlest = slot
    }
    return idlest
  }

  async #commitGroup(group: readonly Waiting<Transaction<unknown>>[]): Promise<void> {
    const done: (() => void)[] = []
    let session: Session | undefined
    try {
      session = await this.#writer.get()
      const begun = await session.script(BEGIN)
      const { last_value } = (begun[2]?.rows[0] ?? {}) as { last_value?: number }
      this.#foreign.saw(last_value ?? 0)
      const turn = new Turn(session, this.#wording)
      for (const waiting of group) done.push(await turn.runOne(waiting))
      await turn.sent()
      this.#foreign.made(await commit(session, this.#foreign.notifySql))
    } catch (error) {
      await session?.script('rollback').catch(() => session?.drop())
      for (const { reject } of group) reject(error)
      return
    }
    for (const tell of done) tell()
  }
}

/** Commits and tells the other processes; gives the number of the commit, 0 when nothing was written. */
async function commit(session: Session, notifySql: string): Promise<number> {
  const answers = await session.script(`${notifySql}; commit`).catch((error: unknown) => {
    if (!session.isLost) throw error
    throw new Fault(
      'DatabaseGone',
      'The connection to the database broke before it confirmed the write, which may be kept or not. Read before you write again.',
      reasonOf(error),
    )
  })
  if (answers.at(-1)?.command !== 'COMMIT') throw new Error('The database did not commit a write.')
  const [told] = (answers[0]?.rows ?? []) as { number: number }[]
  return told?.number ?? 0
}

/** The works of one transaction. What fails is taken back to where it began. */
class Turn {
  readonly #session: Session
  readonly #transaction: Transaction<unknown>
  readonly #sent: Promise<unknown>[] = []
  #failure: { readonly error: unknown } | undefined
  #isFirst = true

  constructor(session: Session, wording: Wording) {
    this.#session = session
    const noting = async (answer: Promise<Answer>): Promise<Answer> => {
      try {
        return await answer
      } catch (error) {
        this.#failure ??= { error }
        throw error
      }
    }
    let query: Kysely<unknown> | undefined
    const ask = <P>(statement: Statement<P, unknown>, parameters: P) => {
      const { sql, bind } = wording.of(statement)
      return noting(session.prepared(sql, bind(parameters)))
    }
    this.#transaction = {
      get query() {
        query ??= openBuilder('postgres', {
          query: (sql, parameters) => noting(session.query(sql, parameters)),
        })
        return query
      },
      all: async <P, Row>(statement: Statement<P, Row>, parameters: P) =>
        (await ask(statement, parameters)).rows as Row[],
      run: async (statement, parameters) => {
        await ask(statement, parameters)
      },
    }
  }

  async runOne(waiting: Waiting<Transaction<unknown>>): Promise<() => void> {
    // Nobody waits for the answer: it comes before those of the work.
    if (!this.#isFirst) this.#send('release savepoint one; savepoint one')
    this.#isFirst = false
    try {
      const result = await waiting.work(this.#transaction)
      // A statement that failed has ended the transaction here, even if the work went on.
      if (this.#failure) throw this.#failure.error
      return () => waiting.resolve(result as never)
    } catch (error) {
      if (this.#session.isLost) throw databaseGone(reasonOf(error))
      this.#failure = undefined
      this.#send('rollback to savepoint one')
      return () => waiting.reject(error)
    }
  }

  /** Waits until all that was sent between the works is done. */
  async sent(): Promise<void> {
    await Promise.all(this.#sent)
  }

  #send(sql: string): void {
    const sent = this.#session.script(sql)
    sent.catch(() => undefined)
    this.#sent.push(sent)
  }
}

/** Statements in PostgreSQL's words. Those written by hand are few, and numbered once. */
class Wording {
  readonly #numbered = new Map<string, string>()

  of<P>(statement: Statement<P, unknown>): Bindable<P> {
    const own = statement.forPostgres?.()
    if (own) return own
    let sql = this.#numbered.get(statement.sql)
    if (sql === undefined) {
      sql = numberPlaces(statement.sql)
      this.#numbered.set(statement.sql, sql)
    }
    return { sql, bind: (parameters) => statement.bind(parameters) }
  }
}
