import { warnNeverExpanded } from '../lint/index.ts'
import type { PlanStrategy } from '../plan.ts'
import { isRuntimeExpression } from '../schema/formats.ts'
import { find, type Token } from '../text/token.ts'
import { type ModelContext, refuse } from './context.ts'
import { headOf, optional, textAt, textOf, textRecord } from './read.ts'

/** `strategy:` of an ordinary job; undefined when the job runs once. */
export function toStrategy(
  token: Token | undefined,
  context: ModelContext,
): PlanStrategy | undefined {
  const matrix = find(token, 'matrix')
  const parallel = find(token, 'parallel')
  const maxParallel = optional('maxParallel', textAt(token, 'maxParallel'))
  if (token && matrix && parallel) {
    const hint = 'A job has either a matrix or a number of parallel copies.'
    refuse(context, headOf(parallel), ['unexpected-key', "Unexpected value 'parallel'", hint])
  }
  if (matrix) {
    const text = textOf(matrix)
    if (text !== undefined && !isRuntimeExpression(text) && !text.includes('$(')) {
      const hint = 'Write the legs as a mapping, or an expression in $[ ].'
      refuse(context, matrix, ['unexpected-value', `Unexpected value '${text}'`, hint])
    }
    warnLegs(matrix, context)
    return { kind: 'matrix', legs: text ?? toLegs(matrix), ...maxParallel }
  }
  const count = textOf(parallel)
  return count === undefined ? undefined : { kind: 'parallel', count, ...maxParallel }
}

/** Values of a leg are never evaluated (facts §4.5). */
function warnLegs(matrix: Token, { sink }: ModelContext): void {
  if (matrix.kind !== 'mapping') return
  for (const leg of matrix.entries) {
    if (leg.value.kind !== 'mapping') continue
    for (const { value } of leg.value.entries) {
      if (value.kind === 'scalar') warnNeverExpanded(value, sink)
    }
  }
}

function toLegs(matrix: Token): Readonly<Record<string, Readonly<Record<string, string>>>> {
  if (matrix.kind !== 'mapping') return {}
  return Object.fromEntries(
    matrix.entries.map(({ key, value }) => [key.text, textRecord(value)] as const),
  )
}
