import { Fault } from '../base/fault.ts'
import { type HsmFaultCode, type Meaning, meaningOf, toFault, unavailable } from './answers.ts'
import { Connection, type TokenFacts, type TokenSettings } from './connection.ts'
import { Cryptoki, ModuleRefusal } from './cryptoki.ts'

/** After a failed attempt to reach the token, the next one waits so long. */
const RETRY_MS = 1000
/** A call that takes longer is given up: its thread may hang in the module. */
const CALL_LIMIT_MS = 60_000
/** A key that is missing makes us look anew at most so often. */
const DOUBT_MS = 10_000

/** What a piece of work with a session may use. */
export interface Work {
  readonly cryptoki: Cryptoki
  readonly session: bigint
}

/** How a piece of work is to be judged. */
export interface WorkOptions {
  /** An unclear refusal by a living token means that the given bytes are wrong. */
  readonly judgesInput?: boolean
  /** 60 s unless told. */
  readonly limitMs?: number
}

/**
 * The life of a token: opened once, logged in to, lost and found again. A wrong PIN ends it: it is
 * never tried twice.
 */
export class TokenLife {
  readonly #settings: TokenSettings
  readonly #cryptoki: Cryptoki
  readonly #facts: TokenFacts
  #connection: Connection | undefined
  #connecting: Promise<Connection> | undefined
  /** Why the last attempt failed, and until when that answers for the next. */
  #failure: { readonly fault: unknown; readonly untilMs: number } | undefined
  #inFlight = 0
  #isClosed = false
  #isInDoubt = false
  #doubtAgainMs = 0
  /** Grows when the token was lost: handles of before mean nothing. */
  epoch = 0

  private constructor(settings: TokenSettings, cryptoki: Cryptoki, connection: Connection) {
    this.#settings = settings
    this.#cryptoki = cryptoki
    this.#connection = connection
    this.#facts = connection.facts
    this.mechanisms = connection.mechanisms
  }

  /** Mechanism to its flags (CKF), as told when the token was opened. */
  readonly mechanisms: ReadonlyMap<number, number>

  /** Opens the token. @throws Fault `HsmMissing`, `HsmPinWrong` or `HsmUnavailable` */
  static async open(settings: TokenSettings): Promise<TokenLife> {
    const cryptoki = await Cryptoki.load(settings.modulePath)
    try {
      await cryptoki.initialize()
      return new TokenLife(settings, cryptoki, await Connection.open(cryptoki, settings))
    } catch (error) {
      throw error instanceof ModuleRefusal ? unavailable(settings.token, error.message) : error
    }
  }

  get facts(): TokenFacts {
    return this.#facts
  }

  /**
   * Runs `work` with a session; a second time when the first showed that session or login had ended.
   *
   * @throws Fault `HsmUnavailable`, `HsmCannot`, `HsmInputWrong` or `HsmPinWrong`
   */
  async run<T>(work: (given: Work) => Promise<T>, options: WorkOptions = {}): Promise<T> {
    for (let isFirst = true; ; isFirst = false) {
      const connection = await this.#connect()
      try {
        return await this.#attempt(connection, work, options)
      } catch (error) {
        const meaning = await this.#judge(error, connection, options)
        if (meaning === 'session' || meaning === 'gone') this.#lose(connection)
        if (meaning === 'handle') this.epoch += 1
        if (isFirst && (meaning === 'session' || meaning === 'handle')) continue
        if (meaning === 'handle') throw this.#missKey(connection)
        throw toFault(this.#facts.label, error, meaning)
      }
    }
  }

  /** Logs out and ends every session. */
  async close(): Promise<void> {
    this.#isClosed = true
    const connection = this.#connection
    this.#connection = undefined
    await connection?.close()
  }

  async #attempt<T>(
    connection: Connection,
    work: (given: Work) => Promise<T>,
    { limitMs = CALL_LIMIT_MS }: WorkOptions,
  ): Promise<T> {
    this.#inFlight += 1
    const cryptoki = this.#cryptoki
    const isFit = (thrown: unknown) => ['cannot', 'input', 'handle'].includes(meaningOf(thrown))
    const running = connection.use((session) => work({ cryptoki, session }), isFit)
    running.then(
      () => this.#inFlight--,
      () => this.#inFlight--,
    )
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        this.#lose(connection)
        reject(unavailable(this.#facts.label, `it gave no answer in ${limitMs / 1000} s`))
      }, limitMs)
    })
    try {
      return await Promise.race([running, late])
    } finally {
      clearTimeout(timer)
    }
  }

  /** What a refusal means, by asking the token when the module does not say. */
  async #judge(error: unknown, connection: Connection, options: WorkOptions): Promise<Meaning> {
    const meaning = meaningOf(error)
    if (meaning !== 'unclear' || !(error instanceof ModuleRefusal)) return meaning
    if (!(await connection.isAlive())) return 'gone'
    return options.judgesInput ? 'input' : 'gone'
  }

  /** A module may show an old picture of a token that was away: the next call begins anew. */
  #missKey(connection: Connection): Fault {
    if (performance.now() >= this.#doubtAgainMs) {
      this.#doubtAgainMs = performance.now() + DOUBT_MS
      this.#isInDoubt = true
      this.#lose(connection)
    }
    return unavailable(this.#facts.label, 'it does not hold the key that is asked for')
  }

  #lose(connection: Connection): void {
    if (this.#connection !== connection) return
    this.#connection = undefined
    this.epoch += 1
    connection.close().catch(() => undefined)
  }

  async #connect(): Promise<Connection> {
    if (this.#connection) return this.#connection
    if (this.#isClosed) throw unavailable(this.#facts.label, 'the server is stopping')
    if (this.#failure && performance.now() < this.#failure.untilMs) throw this.#failure.fault
    this.#connecting ??= this.#reconnect().finally(() => {
      this.#connecting = undefined
    })
    return this.#connecting
  }

  async #reconnect(): Promise<Connection> {
    try {
      const found = await this.#find()
      this.#failure = undefined
      this.#connection = found
      return found
    } catch (error) {
      const isPin = isPinFault(error)
      const reason = error instanceof Error ? error.message : String(error)
      const fault = isPin ? error : unavailable(this.#facts.label, reason)
      const untilMs = isPin ? Number.POSITIVE_INFINITY : performance.now() + RETRY_MS
      this.#failure = { fault, untilMs }
      throw fault
    }
  }

  /** A module that has lost its device may have to begin anew, which needs that nobody is in it. */
  async #find(): Promise<Connection> {
    // A token is named by its serial number now: another of the same label is not ours.
    const settings = { ...this.#settings, token: this.#facts.serial || this.#settings.token }
    const beginAnew = async () => {
      await this.#cryptoki.finalize()
      await this.#cryptoki.initialize()
      this.#isInDoubt = false
      return Connection.open(this.#cryptoki, settings)
    }
    if (this.#isInDoubt && this.#inFlight === 0) return beginAnew()
    try {
      return await Connection.open(this.#cryptoki, settings)
    } catch (error) {
      if (isPinFault(error) || this.#inFlight > 0) throw error
      return beginAnew()
    }
  }
}

function isPinFault(error: unknown): boolean {
  return error instanceof Fault && error.code === ('HsmPinWrong' satisfies HsmFaultCode)
}
