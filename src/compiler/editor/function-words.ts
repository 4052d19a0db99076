import { type ExpressionFunction, phaseWords } from '../expressions/index.ts'

const UNTIL = 'Arguments are evaluated from left to right until one decides.'

const LAZINESS: Readonly<Record<string, string>> = {
  and: UNTIL,
  or: UNTIL,
  coalesce: UNTIL,
  in: UNTIL,
  notIn: UNTIL,
  format: 'Only the arguments that its text names are evaluated.',
  join: 'The first argument is evaluated only when the list has two items or more.',
  containsValue: 'The second argument is evaluated only when the first is a list or a mapping.',
}

/** True for a function that may leave arguments unevaluated. */
export function isLazy(name: string): boolean {
  return Object.hasOwn(LAZINESS, name)
}

/** How many arguments a function takes, for a person. */
export function arityText({ min, max }: ExpressionFunction): string {
  if (max === Number.POSITIVE_INFINITY) return `${min} or more arguments`
  if (min !== max) return `${min} to ${max} arguments`
  return min === 1 ? '1 argument' : min === 0 ? 'no arguments' : `${min} arguments`
}

/** What an editor shows for a function: what it gives, arity, laziness and where it exists. */
export function functionText(row: ExpressionFunction): string {
  const lazy = LAZINESS[row.name] ?? (row.max > 1 ? 'Every argument is evaluated.' : '')
  const where = row.phases.map((phase) => phaseWords[phase]).join(', ')
  return [`**${row.name}** (${arityText(row)})`, row.doc, lazy, `Exists in ${where}.`]
    .filter((line) => line !== '')
    .join('\n\n')
}
