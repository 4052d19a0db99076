import { type Arguments, family } from '../function-row.ts'
import { ArrayValue, ObjectValue, sizeOf, type Value } from '../kinds.ts'
import { toText } from '../values.ts'

/** Functions over lists and mappings that exist everywhere. */
export const listFunctions = family({ traces: 'result' }, [
  ['join', [2, 2], 'The items of the second argument as text, with the first between them.', join],
  [
    'length',
    [1, 1],
    'The number of characters of text, items of a list, or members of a mapping.',
    (args) => {
      const value = args.value(0)
      if (value instanceof ArrayValue) return value.length
      return value instanceof ObjectValue ? value.size : args.text(0).length
    },
  ],
  ['convertToJson', [1, 1], 'The value as JSON, indented by two spaces.', convertToJson],
])

/** Functions of template expressions alone. */
export const templateFunctions = family({ phases: ['template'], traces: 'result' }, [
  [
    'split',
    [2, 2],
    'The parts of the first text between any of the characters of the second, as a list.',
    split,
  ],
])

function join(args: Arguments): string {
  const list = args.value(1)
  if (!(list instanceof ArrayValue)) return toText(list) ?? ''
  args.chargeItems(list.length)
  const separator = list.length > 1 ? args.text(0) : ''
  args.chargeText(separator.length * Math.max(list.length - 1, 0))
  const texts: string[] = []
  for (let i = 0; i < list.length; i++) {
    const text = toText(list.item(i)) ?? ''
    args.chargeText(text.length)
    texts.push(text)
  }
  return texts.join(separator)
}

function split(args: Arguments): Value {
  const [text, delimiters] = [args.text(0), new Set(args.text(1))]
  args.chargeText(text.length)
  const parts: string[] = []
  let start = 0
  let at = 0
  for (const char of text) {
    if (delimiters.has(char)) {
      args.chargeItems(1)
      parts.push(text.slice(start, at))
      start = at + char.length
    }
    at += char.length
  }
  parts.push(text.slice(start))
  return new ArrayValue(parts)
}

const DEEPEST = 200

function convertToJson(args: Arguments): string {
  return writeJson(args, args.value(0), '\n')
}

/** `margin` is a line break and the space in front of the line that the value begins in. */
function writeJson(args: Arguments, value: Value, margin: string): string {
  const size = sizeOf(value)
  if (size === undefined) {
    const text = JSON.stringify(value)
    args.chargeText(text.length)
    return text
  }
  if (margin.length > DEEPEST * 2) args.fail(`The value is nested deeper than ${DEEPEST} levels.`)
  args.chargeItems(size)
  args.chargeText((size + 1) * (margin.length + 2))
  const inside = `${margin}  `
  const isList = value instanceof ArrayValue
  const children = isList ? value.items().map((item) => writeJson(args, item, inside)) : []
  if (value instanceof ObjectValue) {
    for (const [name, member] of value.entries()) {
      args.chargeText(name.length)
      children.push(`${JSON.stringify(name)}: ${writeJson(args, member, inside)}`)
    }
  }
  const [open, close] = isList ? '[]' : '{}'
  if (size === 0) return `${open}${close}`
  return `${open}${inside}${children.join(`,${inside}`)}${margin}${close}`
}
