import type { Token } from '../text/token.ts'
import { type ModelContext, refuse } from './context.ts'

/** A thing with a written name, or none. */
export interface Named {
  readonly written: string | undefined
  readonly at: Token
}

/** Names that the service's schema takes and its documentation does not (facts §4.22). */
export function warnName(name: string, at: Token, { sink }: ModelContext): void {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || name === '') return
  // What the check has refused already.
  if (!/^[-\w]+$/.test(name)) return
  const message = name.includes('-')
    ? `The name '${name}' holds a hyphen, so expressions must read it in brackets: ['${name}'].`
    : `The name '${name}' begins with a digit, so expressions must read it in brackets: ['${name}'].`
  const hint = 'Use letters, digits and underscores; begin with a letter.'
  sink.add({ code: 'unusual-name', severity: 'warning', message, hint, spot: at })
}

/**
 * Names for all: the written ones, and `Job`, `Job_2`, … (or `Stage`, …) for the others, which
 * step over names that are taken. A name used twice is an error.
 */
export function giveNames(
  things: readonly Named[],
  noun: 'Job' | 'Stage',
  context: ModelContext,
): readonly string[] {
  const taken = new Set<string>()
  for (const { written, at } of things) {
    if (written === undefined) continue
    if (taken.has(written.toLowerCase())) {
      const scope = noun === 'Job' ? 'a stage' : 'a pipeline'
      const message = `${noun} ${written} appears more than once. ${noun} names must be unique within ${scope}.`
      refuse(context, at, ['duplicate-name', message])
    }
    taken.add(written.toLowerCase())
    warnName(written, at, context)
  }
  let count = 0
  return things.map(({ written }) => {
    if (written !== undefined) return written
    let name: string
    do {
      count += 1
      name = count === 1 ? noun : `${noun}_${count}`
    } while (taken.has(name.toLowerCase()))
    return name
  })
}
