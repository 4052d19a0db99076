import { evaluate } from './evaluator.ts'
import type { Value } from './kinds.ts'
import { fromJson, toJson } from './kinds.ts'
import { parseExpression } from './parser.ts'
import type { Phase, Scope, StatusPort } from './scope.ts'

/** A status port for tests: everything succeeded; the names it is asked for are its answer's proof. */
export const allSucceeded: StatusPort = {
  always: () => true,
  canceled: () => false,
  failed: () => false,
  succeeded: () => true,
  succeededOrFailed: () => true,
}

/** What a test's expression sees; plain JSON becomes values. */
export interface Given extends Partial<Omit<Scope, 'values'>> {
  readonly values?: Readonly<Record<string, unknown>>
}

/** The scope of a test: the template phase and no named values unless told. */
export function scopeOf({ values = {}, ...given }: Given = {}): Scope {
  const wrapped = Object.entries(values).map(([name, value]) => {
    return [name, typeof value === 'function' ? (value as () => Value) : fromJson(value)]
  })
  return { phase: 'template', ...given, values: Object.fromEntries(wrapped) }
}

/** The result of expression text as JSON; an error as `{ error }` with its message. */
export function run(text: string, given: Given = {}): unknown {
  const scope = scopeOf(given)
  const parsed = parseExpression(text, scope.phase, new Set(Object.keys(scope.values)))
  if (!parsed.ok) return { error: parsed.error.message }
  const result = evaluate(parsed.expression, scope)
  return result.ok ? toJson(result.value) : { error: result.error.message }
}

/** The error of expression text that does not parse. */
export function parseError(text: string, phase: Phase = 'template') {
  const parsed = parseExpression(text, phase)
  return parsed.ok ? undefined : parsed.error
}
