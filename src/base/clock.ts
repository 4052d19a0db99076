/** The time, as a port: a development server's clock can be moved, a test's stands still. */
export interface Clock {
  /** Milliseconds since the epoch. */
  nowMs(): number
}

export const systemClock: Clock = { nowMs: () => Date.now() }

/** A clock that shows `startMs` until it is moved. */
export function manualClock(startMs: number): Clock & { moveMs(byMs: number): void } {
  let nowMs = startMs
  return {
    nowMs: () => nowMs,
    moveMs: (byMs) => {
      nowMs += byMs
    },
  }
}
