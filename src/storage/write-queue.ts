import { Fault } from '../base/fault.ts'

/** Work that waits for its commit. */
export interface Waiting<Transaction> {
  readonly work: (tx: Transaction) => unknown
  readonly resolve: (value: never) => void
  readonly reject: (reason: unknown) => void
}

/**
 * Groups writes: all work of one turn of the event loop, and all that came while the last group was
 * committed, goes into the next commit, in arrival order.
 */
export class WriteQueue<Transaction> {
  readonly #limit: number
  readonly #commit: (group: readonly Waiting<Transaction>[]) => Promise<void>
  #waiting: Waiting<Transaction>[] = []
  #draining: Promise<void> | undefined
  #closed = false

  /** `commit` settles every waiting of its group, which has `limit` members at most. It never throws. */
  constructor(limit: number, commit: (group: readonly Waiting<Transaction>[]) => Promise<void>) {
    this.#limit = limit
    this.#commit = commit
  }

  add<Result>(work: (tx: Transaction) => Promise<Result> | Result): Promise<Result> {
    if (this.#closed) return Promise.reject(new Fault('DatabaseClosed', 'The server is stopping.'))
    return new Promise<Result>((resolve, reject) => {
      this.#waiting.push({ work, resolve, reject })
      this.#draining ??= this.#drain()
    })
  }

  /** Takes no more work and waits for what it has. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#draining
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      // One turn lets every request of this turn join the commit.
      await new Promise<void>((resolve) => setImmediate(resolve))
      await this.#commit(this.#waiting.splice(0, this.#limit))
    }
    this.#draining = undefined
  }
}
