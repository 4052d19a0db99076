import { type Arguments, family } from '../function-row.ts'
import { foldCase, includesText, placesOf, toLower, toUpper } from '../text.ts'

/** Questions about text. They ignore case; a list or mapping in place of text is an error. */
export const textQuestions = family({}, [
  [
    'contains',
    [2, 2],
    'True when the first text contains the second, ignoring case.',
    (args) => holds(args, includesText),
  ],
  [
    'startsWith',
    [2, 2],
    'True when the first text starts with the second, ignoring case.',
    (args) => holds(args, (text, part) => text.startsWith(part)),
  ],
  [
    'endsWith',
    [2, 2],
    'True when the first text ends with the second, ignoring case.',
    (args) => holds(args, (text, part) => text.endsWith(part)),
  ],
])

/** Functions that make text of text. */
export const textFunctions = family({ traces: 'result' }, [
  ['lower', [1, 1], 'The text in lower case.', (args) => changed(args, toLower)],
  ['upper', [1, 1], 'The text in upper case.', (args) => changed(args, toUpper)],
  [
    'trim',
    [1, 1],
    'The text without white space around it.',
    (args) => changed(args, (text) => text.trim()),
  ],
  [
    'replace',
    [3, 3],
    'The first text with every occurrence of the second replaced by the third; case counts.',
    replace,
  ],
  [
    'substring',
    [2, 3],
    'The text from a start index, counted from 0, of a given length or to the end. Undocumented.',
    substring,
  ],
])

function holds(args: Arguments, question: (text: string, part: string) => boolean): boolean {
  const [text, part] = [args.text(0), args.text(1)]
  args.chargeText(text.length + part.length)
  return part.length <= text.length && question(foldCase(text), foldCase(part))
}

function changed(args: Arguments, change: (text: string) => string): string {
  const text = args.text(0)
  args.chargeText(text.length)
  return change(text)
}

function replace(args: Arguments): string {
  const [text, part, other] = [args.text(0), args.text(1), args.text(2)]
  args.chargeText(text.length + part.length)
  const places = part === '' ? [] : placesOf(text, part, args.itemsLeft + 1)
  args.chargeItems(places.length)

  args.chargeText(places.length * other.length)
  let result = ''
  let end = 0
  for (const place of places) {
    result += text.slice(end, place) + other
    end = place + part.length
  }
  return result + text.slice(end)
}

function substring(args: Arguments): string {
  const text = args.text(0)
  const start = args.number(1)
  const length = args.count > 2 ? args.number(2) : text.length - start
  if (!Number.isInteger(start) || start < 0 || start > text.length) {
    args.fail(`The start index ${start} is not between 0 and the text's length ${text.length}.`)
  }
  if (!Number.isInteger(length) || length < 0 || start + length > text.length) {
    args.fail(`The length ${length} from index ${start} does not fit the text's ${text.length}.`)
  }
  return text.slice(start, start + length)
}
