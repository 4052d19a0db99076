import { randomBytes } from 'node:crypto'
import { Session } from './postgres-driver.ts'
import { Backoff } from './session-slot.ts'

const PING_EVERY_MS = 10_000
const PING_MS = 10_000

/**
 * What other processes have committed. Each commit has a number and is told to all processes
 * (NOTIFY inside its transaction), and a process that takes its turn to write reads the last
 * number, so that it never decides by what it has not heard of yet.
 */
export class ForeignCommits {
  /** Grows when another process has committed, and while it cannot be known. */
  mark = 0
  /** For the transaction that commits: takes its number and tells it, if anything was written. */
  readonly notifySql: string
  readonly #url: string
  readonly #channel: string
  readonly #token = randomBytes(8).toString('hex')
  readonly #backoff = new Backoff()
  readonly #listeners: (() => void)[] = []
  #onSilence: () => void = () => {}
  #seen = 0
  #session: Session | undefined
  #timer: NodeJS.Timeout | undefined
  #isTrying = false
  #isClosed = false

  constructor(url: string, channel: string) {
    this.#url = url
    this.#channel = channel
    const literal = `'${channel.replaceAll("'", "''")}'`
    this.notifySql = `select number, pg_notify(${literal}, '${this.#token} ' || number)
      from (select nextval('sluice_commit') as number
        where pg_current_xact_id_if_assigned() is not null offset 0) as this`
  }

  /** Begins to listen. @throws Fault `DatabaseGone` */
  async start(): Promise<void> {
    this.#seen = await this.#listen()
    this.#pingLater()
  }

  onCommit(listener: () => void): void {
    this.#listeners.push(listener)
  }

  /** Calls when the server does not answer any more though the connection seems to stand. */
  onSilence(listener: () => void): void {
    this.#onSilence = listener
  }

  /** The last commit is this one. */
  saw(number: number): void {
    if (number <= this.#seen) return
    this.#seen = number
    this.#tell()
  }

  /** This process has made the commit. */
  made(number: number): void {
    this.#seen = Math.max(this.#seen, number)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    await this.#session?.close()
  }

  #tell(): void {
    this.mark += 1
    for (const listener of this.#listeners) listener()
  }

  /** Gives the number of the last commit, read after the listening began. */
  async #listen(): Promise<number> {
    const channel = `"${this.#channel.replaceAll('"', '""')}"`
    const session = await Session.open(this.#url, `listen ${channel}`)
    this.#session = session
    session.onNotice((payload) => {
      const [token, number] = payload.split(' ')
      if (token !== this.#token) this.saw(Number(number))
    })
    session.onLost(() => void this.#listenAgain())
    const [answer] = await session.script('select last_value from sluice_commit')
    const [row] = (answer?.rows ?? []) as { last_value: number }[]
    return row?.last_value ?? 0
  }

  async #listenAgain(): Promise<void> {
    if (this.#isTrying) return
    this.#isTrying = true
    clearTimeout(this.#timer)
    await this.#try()
    this.#isTrying = false
  }

  async #try(): Promise<void> {
    while (!this.#isClosed) {
      // Nothing is heard meanwhile, so nothing that was read may be relied on.
      this.#tell()
      try {
        const last = await this.#listen()
        this.#seen = Math.max(this.#seen, last)
        this.#backoff.succeeded()
        this.#tell()
        this.#pingLater()
        return
      } catch {
        this.#backoff.failed()
        await this.#sleep(this.#backoff.remainingMs)
      }
    }
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#timer = setTimeout(resolve, ms)
      this.#timer.unref()
    })
  }

  #pingLater(): void {
    this.#timer = setTimeout(() => void this.#ping(), PING_EVERY_MS)
    this.#timer.unref()
  }

  async #ping(): Promise<void> {
    const session = this.#session
    if (!session || session.isLost) return
    let answered = false
    const late = setTimeout(() => {
      // What came while this process stood still is read first.
      setImmediate(() => {
        if (answered) return
        session.drop()
        this.#onSilence()
      })
    }, PING_MS)
    late.unref()
    await session.script('select 1').catch(() => undefined)
    answered = true
    clearTimeout(late)
    if (!session.isLost) this.#pingLater()
  }
}
