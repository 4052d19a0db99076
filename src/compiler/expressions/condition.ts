import { evaluate } from './evaluator.ts'
import { parseExpression } from './parser.ts'
import type { ExpressionError, Scope } from './scope.ts'
import { toBoolean } from './values.ts'

/** Whether a condition holds, with the lines that explain it. */
export type ConditionResult =
  | { readonly ok: true; readonly holds: boolean; readonly trace: readonly string[] }
  | { readonly ok: false; readonly error: ExpressionError; readonly trace: readonly string[] }

/**
 * Evaluates condition text in `scope.phase`; absent or empty text is `succeeded()`. The trace has the
 * agent's form: `Evaluating: …`, `Expanded: …`, `Result: False`. Each line also goes to `scope.trace`.
 */
export function evaluateCondition(text: string | undefined, scope: Scope): ConditionResult {
  const trace: string[] = []
  const parsed = parseExpression(text?.trim() ? text : 'succeeded()', scope.phase)
  if (!parsed.ok) return { ok: false, error: parsed.error, trace }
  const keep = (line: string) => {
    trace.push(line)
    scope.trace?.(line)
  }
  const result = evaluate(parsed.expression, { ...scope, trace: keep })
  if (!result.ok) return { ok: false, error: result.error, trace }
  return { ok: true, holds: toBoolean(result.value), trace }
}
