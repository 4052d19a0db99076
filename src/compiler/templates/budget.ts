import type { CompileLimits } from '../limits.ts'
import type { Sink } from '../sink.ts'
import type { Spot } from '../text/source.ts'

/** Ends an expansion that has used up a limit; its diagnostic is in the sink. Caught by `expandPipeline`. */
export class ExpansionStopped extends Error {}

/** What an expansion may still use. Every charge names the place that a diagnostic would show. */
export interface Budget {
  /** Counts tokens made and loop rounds taken. @throws ExpansionStopped */
  chargeEvents(count: number, at: Spot): void
  /** Counts characters of text made. @throws ExpansionStopped */
  chargeText(length: number, at: Spot): void
  /** Counts what an expression has cost; the next charge fails when it was too much. */
  noteSpent(nodes: number, textLength: number): void
  /** Ends the expansion with a diagnostic of its own. @throws ExpansionStopped */
  stop(code: string, message: string, at: Spot): never
}

/** Making so many characters takes about as long as making a token. */
const CHARACTERS_PER_EVENT = 64

/** A fresh budget of `limits`. */
export function createBudget(limits: CompileLimits, sink: Sink): Budget {
  let events = limits.events
  let characters = limits.expandedCharacters
  const stop = (code: string, message: string, spot: Spot): never => {
    sink.add({ code, message, spot })
    throw new ExpansionStopped(message)
  }
  return {
    stop,
    noteSpent(nodes, textLength) {
      events -= nodes + textLength / CHARACTERS_PER_EVENT
    },
    chargeEvents(count, at) {
      events -= count
      if (events >= 0) return
      const message = `Expanding the templates takes more than ${limits.events} steps.`
      stop('expansion-too-large', message, at)
    },
    chargeText(length, at) {
      characters -= length
      if (characters >= 0) return
      const message = `The expanded templates hold more than ${limits.expandedCharacters} characters.`
      stop('expansion-too-large', message, at)
    },
  }
}
