import type { VariableDeclaration } from '../plan.ts'
import { placeOf } from '../text/source.ts'
import type { Token } from '../text/token.ts'
import type { ModelContext } from './context.ts'
import { checkLate, checkLateText } from './expressions.ts'
import { booleanAt, headOf, textAt } from './read.ts'

/** Prefixes that the agent gives a meaning of its own (facts §4.10). */
const RESERVED = ['endpoint', 'input', 'secret', 'path', 'securefile']

/** `variables:` as a list in source order; a mapping is its list of name and value. */
export function toVariables(
  token: Token | undefined,
  context: ModelContext,
): readonly VariableDeclaration[] {
  if (token?.kind === 'mapping') {
    return token.entries.map(({ key, value }) => {
      warnReserved(key.text, key, context)
      if (value.kind === 'scalar') checkLateText(value, { phase: 'runtimeVariable', context })
      return {
        kind: 'value',
        name: key.text,
        value: value.kind === 'scalar' ? value.text : '',
        readonly: false,
        place: placeOf(key),
      } as const
    })
  }
  return token?.kind === 'sequence' ? token.items.map((item) => toEntry(item, context)) : []
}

function toEntry(item: Token, context: ModelContext): VariableDeclaration {
  const place = placeOf(headOf(item))
  const group = textAt(item, 'group')
  if (group !== undefined) return { kind: 'group', group, place }
  const name = textAt(item, 'name') ?? ''
  warnReserved(name, item, context)
  checkLate(item, ['value'], { phase: 'runtimeVariable', context })
  return {
    kind: 'value',
    name,
    value: textAt(item, 'value') ?? '',
    readonly: booleanAt(item, 'readonly', false),
    place,
  }
}

function warnReserved(name: string, at: Token, context: ModelContext): void {
  const prefix = RESERVED.find((word) => name.toLowerCase().startsWith(word))
  if (prefix === undefined) return
  context.sink.add({
    code: 'reserved-variable-name',
    severity: 'warning',
    message: `The variable name '${name}' begins with the reserved word '${prefix}'.`,
    hint: 'The agent uses such names for itself; choose another name.',
    spot: headOf(at),
  })
}
