import { databaseGone, type Session } from './postgres-driver.ts'

const FIRST_WAIT_MS = 50
const LONGEST_WAIT_MS = 2_000

/** How long a lost server is left alone: twice as long after each failure, up to two seconds. */
export class Backoff {
  #waitMs = 0
  #until = 0

  /** 0 when a try may be made now. */
  get remainingMs(): number {
    return Math.max(0, this.#until - performance.now())
  }

  failed(): void {
    this.#waitMs = Math.min(LONGEST_WAIT_MS, this.#waitMs * 2 || FIRST_WAIT_MS)
    this.#until = performance.now() + this.#waitMs
  }

  succeeded(): void {
    this.#waitMs = 0
    this.#until = 0
  }
}

/** Holds a session, and opens another when it was lost. */
export class SessionSlot {
  readonly #open: () => Promise<Session>
  readonly #backoff: Backoff
  #session: Session | undefined
  #opening: Promise<Session> | undefined
  /** Questions that wait for an answer. */
  load = 0

  constructor(open: () => Promise<Session>, backoff: Backoff) {
    this.#open = open
    this.#backoff = backoff
  }

  /** The session, at once when it is open. @throws Fault `DatabaseGone`, at once after a failure */
  get(): Session | Promise<Session> {
    if (this.#session && !this.#session.isLost) return this.#session
    this.#opening ??= this.#connect().finally(() => {
      this.#opening = undefined
    })
    return this.#opening
  }

  async close(): Promise<void> {
    await this.#opening?.catch(() => undefined)
    await this.#session?.close()
  }

  drop(): void {
    this.#session?.drop()
  }

  async #connect(): Promise<Session> {
    if (this.#backoff.remainingMs > 0) throw databaseGone('It could not be reached a moment ago.')
    try {
      this.#session = await this.#open()
      this.#backoff.succeeded()
      return this.#session
    } catch (error) {
      this.#backoff.failed()
      throw error
    }
  }
}
