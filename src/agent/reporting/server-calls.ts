import { setTimeout as sleep } from 'node:timers/promises'
import { Fault } from '../../base/fault.ts'

const TRIES = 5

/** True when another agent holds the job now, so that nothing more may be written. */
export function isLeaseLost(error: unknown): boolean {
  return error instanceof Fault && error.code === 'LeaseLost'
}

/**
 * Calls the server up to five times; the wait between two tries starts at `retryMs` and doubles. A
 * refusal (a `Fault`) is final at once. @throws what the last try threw
 */
export async function callServer<T>(call: () => Promise<T>, retryMs: number): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await call()
    } catch (error) {
      if (attempt === TRIES || error instanceof Fault) throw error
      await sleep(retryMs * 2 ** (attempt - 1))
    }
  }
}
