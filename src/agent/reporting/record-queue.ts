import type { TimelineRecord } from '../../protocol/index.ts'
import { callServer } from './server-calls.ts'

/**
 * Collects changes of timeline records, merges those of one record, and sends them at most every
 * `everyMs`, the first at once, in the order the records were first seen. A batch that could not be sent stays in the queue.
 */
export class RecordQueue {
  readonly #send: (records: readonly TimelineRecord[]) => Promise<void>
  readonly #everyMs: number
  readonly #retryMs: number
  readonly #onFailure: (error: Error) => void
  #waiting = new Map<string, TimelineRecord>()
  #timer: NodeJS.Timeout | undefined
  #nextSendMs = 0
  #sending: Promise<unknown> = Promise.resolve()

  constructor(
    send: (records: readonly TimelineRecord[]) => Promise<void>,
    settings: {
      readonly everyMs: number
      readonly retryMs: number
      /** Told of a batch that did not arrive; it is sent again with the next one. */
      readonly onFailure: (error: Error) => void
    },
  ) {
    this.#send = send
    this.#everyMs = settings.everyMs
    this.#retryMs = settings.retryMs
    this.#onFailure = settings.onFailure
  }

  update(record: TimelineRecord): void {
    this.#waiting.set(record.id, { ...this.#waiting.get(record.id), ...record })
    this.#timer ??= setTimeout(
      () => {
        this.#timer = undefined
        this.#nextSendMs = performance.now() + this.#everyMs
        this.#sending = this.#sending.then(() => this.#sendBatch())
      },
      Math.max(0, this.#nextSendMs - performance.now()),
    )
  }

  /**
   * Sends what waits, in up to five tries. @throws the server's last failure; a Fault at once
   */
  async flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    await this.#sending
    if (this.#waiting.size === 0) return
    await callServer(async () => {
      const failure = await this.#sendBatch()
      if (failure) throw failure
    }, this.#retryMs)
  }

  /** Stops the timer; what waits is dropped. */
  close(): void {
    clearTimeout(this.#timer)
    this.#waiting.clear()
  }

  async #sendBatch(): Promise<Error | undefined> {
    const batch = this.#waiting
    this.#waiting = new Map()
    try {
      await this.#send([...batch.values()])
      return undefined
    } catch (error) {
      for (const [id, newer] of this.#waiting) batch.set(id, { ...batch.get(id), ...newer })
      this.#waiting = batch
      this.#onFailure(error as Error)
      return error as Error
    }
  }
}
