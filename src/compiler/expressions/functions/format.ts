import { DateTime, formatDateTime } from '../date-time.ts'
import { ANY_NUMBER, type Arguments, family } from '../function-row.ts'
import { kindOf } from '../kinds.ts'

/** `format`, which makes text of a pattern and the arguments that the pattern names. */
export const formatFunctions = family({ traces: 'result' }, [
  [
    'format',
    [1, ANY_NUMBER],
    'The pattern with `{0}`, `{1}` … replaced; `{{` and `}}` are braces, `{0:yyyyMMdd}` a date.',
    format,
  ],
])

const PLACEHOLDER = /\{(\d{1,9})(?::((?:[^{}\\]|\\[\s\S])*))?\}/y

function format(args: Arguments): string {
  const pattern = args.text(0)
  let text = ''
  let at = 0
  while (at < pattern.length) {
    const brace = nextBrace(pattern, at)
    text += pattern.slice(at, brace)
    args.chargeText(brace - at + 1)
    args.chargeItems(1)
    if (brace === pattern.length) break
    if (pattern[brace] === pattern[brace + 1]) {
      text += pattern.charAt(brace)
      at = brace + 2
      continue
    }
    PLACEHOLDER.lastIndex = brace
    const match = PLACEHOLDER.exec(pattern)
    if (!match) return args.fail(`The following format string is invalid: ${args.show(0)}`)
    text += argument(args, Number(match[1]) + 1, match[2])
    at = brace + match[0].length
  }
  return text
}

function nextBrace(pattern: string, from: number): number {
  let at = from
  while (at < pattern.length && pattern[at] !== '{' && pattern[at] !== '}') at++
  return at
}

function argument(args: Arguments, index: number, specifiers: string | undefined): string {
  if (index >= args.count) {
    args.fail(
      `The following format string references more arguments than were supplied: ${args.show(0)}`,
    )
  }
  const value = args.value(index)
  if (specifiers === undefined || specifiers === '') {
    const text = args.text(index)
    args.chargeText(text.length)
    return text
  }
  const text = value instanceof DateTime ? formatDateTime(value, specifiers) : undefined
  args.chargeText(specifiers.length * 4)
  return (
    text ??
    args.fail(
      `The format specifiers '${specifiers}' are not valid for objects of type '${kindOf(value)}'`,
    )
  )
}
