import type { AgentApi, JobLease } from '../../protocol/index.ts'
import { callServer } from './server-calls.ts'

/** More than this on its way to the server holds a job's children back. */
const HIGH_WATER_BYTES = 4_194_304

/**
 * The logs of one job on their way to the server. Blocks of one log go there one after the other;
 * no step waits for them, unless too much is on its way.
 */
export class LogUploads {
  readonly #api: AgentApi
  readonly #lease: JobLease
  readonly #retryMs: number
  readonly #logs: LogUpload[] = []
  #waitingBytes = 0

  constructor(api: AgentApi, lease: JobLease, retryMs: number) {
    this.#api = api
    this.#lease = lease
    this.#retryMs = retryMs
  }

  /** Opens a log; `onId` gets its number when the server has said it. */
  open(onId: (logId: number) => void): LogUpload {
    const created = callServer(() => this.#api.createLog(this.#lease), this.#retryMs)
    const log = new LogUpload(
      created.then(({ logId }) => onId(logId)),
      async (lines, startLine) => {
        const { logId } = await created
        await callServer(
          () => this.#api.appendLog(this.#lease, logId, startLine, lines),
          this.#retryMs,
        )
      },
      (bytes) => {
        this.#waitingBytes += bytes
      },
    )
    this.#logs.push(log)
    return log
  }

  /** A promise while too much is on its way; undefined when more is welcome. */
  get held(): Promise<void> | undefined {
    if (this.#waitingBytes <= HIGH_WATER_BYTES) return undefined
    return Promise.all(this.#logs.map((log) => log.settled)).then(() => undefined)
  }

  /** Waits until every line of every log has arrived. @throws the first failure */
  async drain(): Promise<void> {
    for (const log of this.#logs) {
      await log.settled
      if (log.failure) throw log.failure
    }
  }
}

/** One log: after a failure nothing more of it is sent, since a gap would shift every later line. */
export class LogUpload {
  readonly #send: (lines: Uint8Array, startLine: number) => Promise<void>
  readonly #count: (bytes: number) => void
  #settled: Promise<void>
  #failure: Error | undefined

  constructor(
    opened: Promise<void>,
    send: (lines: Uint8Array, startLine: number) => Promise<void>,
    count: (bytes: number) => void,
  ) {
    this.#send = send
    this.#count = count
    this.#settled = opened.catch((error: Error) => {
      this.#failure = error
    })
  }

  /** Resolves, whatever happened, when nothing is on its way. */
  get settled(): Promise<void> {
    return this.#settled
  }

  get failure(): Error | undefined {
    return this.#failure
  }

  append(lines: Uint8Array, startLine: number): void {
    this.#count(lines.length)
    this.#settled = this.#settled.then(async () => {
      try {
        if (!this.#failure) await this.#send(lines, startLine)
      } catch (error) {
        this.#failure = error as Error
      } finally {
        this.#count(-lines.length)
      }
    })
  }
}
