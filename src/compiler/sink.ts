import type { Diagnostic, Place, Severity } from './diagnostic.ts'
import { placeOf, type Spot } from './text/source.ts'

/** One finding before it becomes a diagnostic. */
export interface Finding {
  readonly code: string
  readonly message: string
  /** Where it is, as offsets or already in lines and columns. */
  readonly spot: Spot | Place
  readonly hint?: string | undefined
  /** `error` unless told. */
  readonly severity?: Severity
}

/** Collects diagnostics; the same finding at the same place counts once. */
export interface Sink {
  add(finding: Finding): void
  hasErrors(): boolean
  /** In order of file, place and code; at most `limit`, then one line with the number left out. */
  list(): readonly Diagnostic[]
}

/** An empty sink that keeps `limit` diagnostics. */
export function createSink(limit: number): Sink {
  const kept = new Map<string, Diagnostic>()
  const fileOrder = new Map<string, number>()
  let errors = 0
  let dropped = 0
  return {
    add({ code, message, spot, hint, severity = 'error' }) {
      if (severity === 'error') errors += 1
      const isSpot = 'source' in spot
      const file = isSpot ? spot.source.file : spot.file
      const at = isSpot ? String(spot.start) : `${spot.line}:${spot.column}`
      const key = `${file}\n${at}\n${code}\n${message}`
      if (kept.has(key)) return
      if (kept.size >= limit) {
        dropped += 1
        return
      }
      if (!fileOrder.has(file)) fileOrder.set(file, fileOrder.size)
      kept.set(key, {
        code,
        severity,
        message,
        ...(hint === undefined ? {} : { hint }),
        place: isSpot ? placeOf(spot) : spot,
      })
    },
    hasErrors: () => errors > 0,
    list() {
      const sorted = [...kept.values()].sort(
        (a, b) =>
          (fileOrder.get(a.place.file) ?? 0) - (fileOrder.get(b.place.file) ?? 0) ||
          a.place.line - b.place.line ||
          a.place.column - b.place.column,
      )
      const last = sorted.at(-1)
      if (dropped > 0 && last) {
        const message = `${dropped} more problems are not shown.`
        sorted.push({ code: 'too-many-problems', severity: 'error', message, place: last.place })
      }
      return sorted
    },
  }
}
