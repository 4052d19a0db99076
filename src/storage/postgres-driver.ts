import { createRequire } from 'node:module'
import type { Client, ClientConfig } from 'pg'
import { Fault } from '../base/fault.ts'
import type { Runner } from './dialect.ts'

const load = createRequire(import.meta.url)

/** The client library, loaded when a PostgreSQL is opened. Import only types from `pg` itself. */
function pg(): typeof import('pg') {
  return load('pg') as typeof import('pg')
}

/** An answer; `command` is the word of the last statement, for example `COMMIT`. */
export interface Answer {
  readonly rows: unknown[]
  readonly changes: number
  readonly command: string
}

interface Question {
  readonly text: string
  readonly values?: unknown[]
  readonly name?: string
}

const CONNECT_MS = 5_000
/** Statements prepared in one session at most; more are parsed each time. */
const PREPARED_LIMIT = 500

/**
 * One session with the server. Queries are sent one behind the other without waiting for answers,
 * and answered in order. It does not come back when it is lost: `SessionSlot` opens another.
 */
export class Session implements Runner {
  readonly #client: Client
  readonly #names = new Map<string, string>()
  #isLost = false
  #onLost: (() => void) | undefined

  private constructor(client: Client) {
    this.#client = client
    client.on('error', () => this.#lose())
    client.on('end', () => this.#lose())
  }

  /** Connects and runs `setup`. @throws Fault `DatabaseGone`, or what the server has refused it with */
  static async open(url: string, setup: string): Promise<Session> {
    const client = new (pg().Client)(toConfig(url))
    const session = new Session(client)
    try {
      await client.connect()
      if (setup !== '') await session.script(setup)
      return session
    } catch (error) {
      session.drop()
      if (error instanceof Fault) throw error
      throw GONE.test(stateOf(error) ?? '08000') ? databaseGone(reasonOf(error)) : error
    }
  }

  get isLost(): boolean {
    return this.#isLost
  }

  /** Calls once, soon after the session is lost or closed. */
  onLost(listener: () => void): void {
    this.#onLost = listener
    if (this.#isLost) listener()
  }

  /** Calls for each NOTIFY on a channel this session listens to. */
  onNotice(listener: (payload: string) => void): void {
    this.#client.on('notification', ({ payload }) => listener(payload ?? ''))
  }

  /** Runs SQL that is asked once. */
  query(sql: string, parameters: readonly unknown[]): Promise<Answer> {
    return this.#ask({ text: sql, values: parameters.map(toBound) })
  }

  /** As `query`; the server keeps the statement's plan. */
  prepared(sql: string, parameters: readonly unknown[]): Promise<Answer> {
    let name = this.#names.get(sql)
    if (name === undefined && this.#names.size < PREPARED_LIMIT) {
      name = `s${this.#names.size}`
      this.#names.set(sql, name)
    }
    return this.#ask({ text: sql, values: parameters.map(toBound), ...(name && { name }) })
  }

  /** Runs several statements in one round trip; an answer for each. */
  async script(sql: string): Promise<Answer[]> {
    const answers: unknown = await this.#send({ text: sql })
    return (Array.isArray(answers) ? answers : [answers]).map(toAnswer)
  }

  /** Ends the session after what was asked is answered. */
  async close(): Promise<void> {
    if (this.#isLost) return
    await this.#client.end()
  }

  /** Ends the session now; what was asked fails with `DatabaseGone`. */
  drop(): void {
    const { stream } = (this.#client as unknown as { connection: { stream: { destroy(): void } } })
      .connection
    stream.destroy()
    this.#lose()
  }

  #lose(): void {
    if (this.#isLost) return
    this.#isLost = true
    this.#onLost?.()
  }

  async #ask(question: Question): Promise<Answer> {
    return toAnswer(await this.#send(question))
  }

  async #send(question: Question): Promise<unknown> {
    try {
      return await this.#client.query(question)
    } catch (error) {
      throw this.#toFault(error)
    }
  }

  #toFault(error: unknown): unknown {
    const state = stateOf(error)
    // A statement whose table was changed by a newer version: the next session plans it anew.
    if (state === '0A000' && /cached plan/.test(reasonOf(error))) this.drop()
    if (state === undefined ? this.#isLost : GONE.test(state)) {
      return databaseGone(reasonOf(error))
    }
    return toStorageFault(error, state)
  }
}

function toAnswer(answer: unknown): Answer {
  const { rows, rowCount, command } = answer as {
    readonly rows: unknown[]
    readonly rowCount: number | null
    readonly command: string | null
  }
  return { rows, changes: rowCount ?? 0, command: command ?? '' }
}

/** The SQLSTATE, when the server has sent the error. */
function stateOf(error: unknown): string | undefined {
  return error instanceof pg().DatabaseError ? error.code : undefined
}

/** SQLSTATE of a session that is over: class 08, shutdown, timeout inside a transaction. */
const GONE = /^(08...|57P0[1-5]|25P03|53300)$/

function toStorageFault(error: unknown, state: string | undefined): unknown {
  switch (state) {
    case '53100':
      return new Fault('DiskFull', 'The disk of the database is full. Nothing was changed.')
    // A serialisation failure, a deadlock, a lock or a statement that took too long, a changed plan.
    case '40001':
    case '40P01':
    case '55P03':
    case '57014':
    case '0A000':
      return new Fault(
        'DataBusy',
        'Another process holds the database. Try again.',
        reasonOf(error),
      )
    case '25006':
      return new Fault(
        'DatabaseGone',
        'The database does not take writes: it is a standby. Connect to the primary, or wait until it is promoted.',
      )
    default:
      return error
  }
}

/** The server cannot be reached, or the connection broke. */
export function databaseGone(reason: string): Fault<'DatabaseGone'> {
  return new Fault(
    'DatabaseGone',
    'The database cannot be reached. Check that PostgreSQL runs and takes connections; Sluice connects again by itself. Then try again.',
    reason,
  )
}

export function reasonOf(error: unknown): string {
  const { message, code } = error as { message?: string; code?: string }
  return message || code || String(error)
}

function toConfig(url: string): ClientConfig {
  return {
    connectionString: url,
    application_name: 'sluice',
    connectionTimeoutMillis: CONNECT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    types: { getTypeParser },
    ...({ pipeline: true } as object),
  }
}

/** SQLite's forms: whole numbers are numbers, truth is 1 or 0. Oids: bool, int8, numeric. */
function getTypeParser(oid: number, format?: 'text' | 'binary') {
  if (oid === 16) return (text: string) => (text === 't' ? 1 : 0)
  if (oid === 20 || oid === 1700) return Number
  return pg().types.getTypeParser(oid, format as 'text')
}

function toBound(value: unknown): unknown {
  if (typeof value === 'boolean') return value ? 1 : 0
  return value ?? null
}
