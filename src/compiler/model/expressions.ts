import { type Phase, parseExpression, runtimeExpression } from '../expressions/index.ts'
import { findDoubtfulComparisons } from '../lint/index.ts'
import type { Spot } from '../text/source.ts'
import { find, type ScalarToken, type Token } from '../text/token.ts'
import type { ModelContext } from './context.ts'

/** Checks the syntax and the names of `condition:` in the phase it is evaluated in. */
export function checkCondition(item: Token, phase: Phase, context: ModelContext): void {
  const token = find(item, 'condition')
  if (token?.kind !== 'scalar' || token.text.trim() === '') return
  checkText(token, token.text, { phase, context })
}

/** Checks `$[ ]` texts, which are evaluated in `phase`, at the keys named. */
export function checkLate(
  item: Token | undefined,
  keys: readonly string[],
  at: { readonly phase: Phase; readonly context: ModelContext },
): void {
  for (const key of keys) {
    const token = find(item, key)
    if (token?.kind === 'scalar') checkLateText(token, at)
  }
}

/** Checks a scalar that is `$[ ]` as a whole. */
export function checkLateText(
  token: ScalarToken,
  at: { readonly phase: Phase; readonly context: ModelContext },
): void {
  const inside = runtimeExpression(token.text)
  if (inside !== undefined) checkText(token, inside, at)
}

function checkText(
  token: ScalarToken,
  text: string,
  { phase, context }: { readonly phase: Phase; readonly context: ModelContext },
): void {
  const parsed = parseExpression(text, phase)
  if (parsed.ok) {
    for (const one of findDoubtfulComparisons(parsed.expression, () => undefined)) {
      const { message, hint } = one
      const spot = spotInside(token, text, one.position)
      context.sink.add({ code: 'boolean-text', severity: 'warning', message, hint, spot })
    }
    return
  }
  const { message, hint, position } = parsed.error
  const spot = spotInside(token, text, position)
  context.sink.add({ code: 'expression', message, hint, spot })
}

/** The place of an offset of `text`, which is found again in the source when it stands there. */
function spotInside(token: ScalarToken, text: string, position: number): Spot {
  const { source, start, end } = token
  const at = source.text.indexOf(text, start)
  const inside = at >= 0 && at + text.length <= end
  return inside ? { source, start: at + position, end: at + text.length } : token
}
