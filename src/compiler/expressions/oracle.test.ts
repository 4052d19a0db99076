import fc from 'fast-check'
import { expect, test } from 'vitest'
import { evaluate } from './evaluator.ts'
import { parseExpression } from './parser.ts'
import { phases } from './scope.ts'
import { functionTable } from './tables.ts'
import { run, scopeOf } from './testing.ts'
import { printNode } from './trace.ts'

/*
 * A second, naive evaluator over an own typed tree, written from the rules alone. It knows Null,
 * Boolean, Number, String, Array and Object; its numbers are quarters, which print exactly.
 */
type Plain = null | boolean | number | string | Plain[] | { [name: string]: Plain }
type Tree = { text: string; value: () => Plain }

class Refused extends Error {}

const env = {
  variables: { a: 'Alpha', B: '2.5', empty: '', t: 'true', 'with space': 'x' },
  parameters: {
    list: ['alpha', '2.5', 3, true, null],
    obj: { key: 'ALPHA', Inner: { deep: [0, '', 'é'] } },
    none: null,
    yes: true,
    no: false,
    n: 2.5,
  },
} satisfies Record<string, Plain>

const isList = (value: Plain): value is Plain[] => Array.isArray(value)
const isMap = (value: Plain): value is { [name: string]: Plain } =>
  typeof value === 'object' && value !== null && !isList(value)

const truth = (value: Plain) =>
  value === null
    ? false
    : typeof value === 'object'
      ? true
      : value !== '' && value !== 0 && value !== false

function textOf(value: Plain): string | undefined {
  if (value === null) return ''
  if (value === true) return 'True'
  if (value === false) return 'False'
  return typeof value === 'object' ? undefined : `${value}`
}

function numberOf(value: Plain): number | undefined {
  if (value === null || value === false) return 0
  if (value === true) return 1
  if (typeof value === 'number') return value
  if (typeof value !== 'string') return undefined
  if (value.trim() === '') return 0
  const plain = value.trim().replace(/(?<=\d)(?<!\.\d*),/g, '')
  return /^[-+]?(\d+(\.\d*)?|\.\d+)$/.test(plain) ? Number(plain) : undefined
}

const text = (value: Plain) => {
  const cast = textOf(value)
  if (cast === undefined) throw new Refused()
  return cast
}

const low = (value: string) => value.toLocaleLowerCase('en-US')

function equal(left: Plain, right: Plain): boolean {
  if (left === null) return right === null || right === ''
  if (typeof left === 'boolean') return left === truth(right)
  if (typeof left === 'number') return left === numberOf(right)
  if (typeof left === 'string') {
    const other = textOf(right)
    return other !== undefined && low(left) === low(other)
  }
  return left === right
}

function order(left: Plain, right: Plain): number {
  if (isList(left) || isMap(left)) throw new Refused()
  const from = left ?? 0
  const to =
    typeof from === 'string'
      ? textOf(right)
      : typeof from === 'number'
        ? numberOf(right)
        : truth(right)
  if (to === undefined) throw new Refused()
  // Upper case decides the order of `_` and letters.
  const [a, b] =
    typeof from === 'string'
      ? [from.toUpperCase(), String(to).toUpperCase()]
      : [Number(from), Number(to)]
  return a < b ? -1 : a > b ? 1 : 0
}

const children = (value: Plain): Plain[] | undefined =>
  isList(value) ? value : isMap(value) ? Object.values(value) : undefined

function member(value: Plain, key: Plain): Plain {
  if (isMap(value)) {
    const name = Object.keys(value).find((other) => low(other) === low(textOf(key) ?? '\0'))
    return name === undefined ? null : (value[name] ?? null)
  }
  if (!isList(value) || key === null || key === '') return null
  const index = numberOf(key)
  return index === undefined || index < 0 ? null : (value[Math.floor(index)] ?? null)
}

const eager =
  (call: (...values: Plain[]) => Plain) =>
  (...args: Tree[]) =>
    call(...args.map((arg) => arg.value()))

/** Name, number of arguments, and what the call means. */
const calls: readonly [string, readonly number[], (...args: Tree[]) => Plain][] = [
  ['and', [2, 3], (...args) => args.every((arg) => truth(arg.value()))],
  ['or', [2, 3], (...args) => args.some((arg) => truth(arg.value()))],
  ['not', [1], eager((a) => !truth(a ?? null))],
  ['xor', [2], eager((a, b) => truth(a ?? null) !== truth(b ?? null))],
  ['eq', [2], eager((a, b) => equal(a ?? null, b ?? null))],
  ['ne', [2], eager((a, b) => !equal(a ?? null, b ?? null))],
  ['gt', [2], eager((a, b) => order(a ?? null, b ?? null) > 0)],
  ['ge', [2], eager((a, b) => order(a ?? null, b ?? null) >= 0)],
  ['lt', [2], eager((a, b) => order(a ?? null, b ?? null) < 0)],
  ['le', [2], eager((a, b) => order(a ?? null, b ?? null) <= 0)],
  [
    'in',
    [2, 4],
    (first, ...rest) => {
      const wanted = first?.value() ?? null
      return rest.some((arg) => equal(wanted, arg.value()))
    },
  ],
  [
    'notIn',
    [2, 4],
    (first, ...rest) => {
      const wanted = first?.value() ?? null
      return rest.every((arg) => !equal(wanted, arg.value()))
    },
  ],
  [
    'coalesce',
    [2, 3],
    (...args) => {
      for (const arg of args) {
        const value = arg.value()
        if (value !== null && value !== '') return value
      }
      return null
    },
  ],
  ['iif', [3], eager((a, b, c) => (truth(a ?? null) ? (b ?? null) : (c ?? null)))],
  ['contains', [2], eager((a, b) => low(text(a ?? null)).includes(low(text(b ?? null))))],
  ['startsWith', [2], eager((a, b) => low(text(a ?? null)).startsWith(low(text(b ?? null))))],
  ['endsWith', [2], eager((a, b) => low(text(a ?? null)).endsWith(low(text(b ?? null))))],
  [
    'containsValue',
    [2],
    (list, wanted) => {
      const items = children(list?.value() ?? null)
      return items ? [wanted?.value() ?? null].some((w) => items.some((i) => equal(w, i))) : false
    },
  ],
  ['lower', [1], eager((a) => text(a ?? null).toLowerCase())],
  ['upper', [1], eager((a) => text(a ?? null).toUpperCase())],
  ['trim', [1], eager((a) => text(a ?? null).trim())],
  [
    'replace',
    [3],
    eager((a, b, c) => {
      const [whole, part, other] = [text(a ?? null), text(b ?? null), text(c ?? null)]
      return part === '' ? whole : whole.split(part).join(other)
    }),
  ],
  ['length', [1], eager((a) => children(a ?? null)?.length ?? text(a ?? null).length)],
  [
    'join',
    [2],
    (separator, list) => {
      const items = list?.value() ?? null
      if (!isList(items)) return textOf(items) ?? ''
      const between = items.length > 1 ? text(separator?.value() ?? null) : ''
      return items.map((item) => textOf(item) ?? '').join(between)
    },
  ],
  ['convertToJson', [1], eager((a) => JSON.stringify(a ?? null, null, 2))],
]

const quote = (value: string) => `'${value.replaceAll("'", "''")}'`
const word = fc.constantFrom(
  '',
  'a',
  'Alpha',
  'é',
  'É',
  '_',
  "it's",
  '2.5',
  ' 3 ',
  '1,0',
  'true',
  '{0}',
)
const literal: fc.Arbitrary<Tree> = fc.oneof(
  fc
    .oneof(word, fc.string({ maxLength: 4 }))
    .map((value) => ({ text: quote(value), value: () => value })),
  fc.boolean().map((value) => ({ text: `${value}`, value: () => value })),
  fc.integer({ min: -40, max: 40 }).map((n) => ({ text: `${n / 4}`, value: () => n / 4 })),
)
const spelling = (name: string) =>
  fc.constantFrom(name, name.toUpperCase(), name.toLowerCase(), ` ${name} `)

const keys = [
  'a',
  'b',
  'with space',
  'list',
  'obj',
  'none',
  'yes',
  'no',
  'n',
  'KEY',
  'inner',
  'deep',
]

const { tree } = fc.letrec<{ tree: Tree; path: Tree; call: Tree }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    literal,
    tie('path'),
    tie('call'),
    tie('call'),
  ),
  path: fc
    .record({
      root: fc.constantFrom('variables', 'parameters'),
      steps: fc.array(
        fc.oneof(
          fc
            .constantFrom(...keys)
            .map((key) => ({ key: () => key as Plain, text: `[${quote(key)}]` })),
          fc.nat({ max: 4 }).map((key) => ({ key: () => key as Plain, text: `[${key}]` })),
          tie('tree').map((index) => ({ key: index.value, text: `[ ${index.text} ]` })),
        ),
        { maxLength: 3 },
      ),
    })
    .map(({ root, steps }) => ({
      text: root + steps.map((step) => step.text).join(''),
      value: () => {
        let value: Plain = root === 'variables' ? env.variables : env.parameters
        for (const step of steps) {
          if (value === null) return null
          value = member(value, step.key())
        }
        return value
      },
    })),
  call: fc.constantFrom(...calls).chain(([name, counts, meaning]) =>
    fc.constantFrom(...counts).chain((count) =>
      fc
        .tuple(spelling(name), fc.array(tie('tree'), { minLength: count, maxLength: count }))
        .map(([spelled, args]) => ({
          text: `${spelled}(${args.map((arg) => arg.text).join(', ')})`,
          value: () => meaning(...args),
        })),
    ),
  ),
}))

function naive(value: () => Plain): unknown {
  try {
    return value()
  } catch (thrown) {
    if (thrown instanceof Refused) return 'refused'
    throw thrown
  }
}

function ours(source: string): unknown {
  const result = run(source, { values: env })
  const failed = typeof result === 'object' && result !== null && 'error' in result
  return failed ? 'refused' : result
}

test('random expressions mean what the naive evaluator says', () => {
  const agree = fc.property(tree, ({ text: source, value }) => {
    expect(ours(source)).toEqual(naive(value))
  })
  fc.assert(agree, { numRuns: 3000, ignoreEqualValues: true })
})

test('an expression printed and parsed again prints and means the same', () => {
  const same = fc.property(tree, ({ text: source }) => {
    const parsed = parseExpression(source, 'template')
    const printed = parsed.ok ? printNode(parsed.expression.root) : ''
    const again = parseExpression(printed, 'template')
    expect(again.ok && printNode(again.expression.root)).toBe(printed)
    expect(ours(printed)).toEqual(ours(source))
  })
  fc.assert(same, { numRuns: 500 })
})

test('the same expression in the same scope gives the same answer and the same trace', () => {
  const same = fc.property(tree, ({ text: source }) => {
    const parsed = parseExpression(source, 'template')
    if (!parsed.ok) throw new Error(parsed.error.message)
    const answers = [1, 2].map(() => {
      const lines: string[] = []
      const scope = scopeOf({ values: env, trace: (line) => lines.push(line) })
      return [evaluate(parsed.expression, scope), lines].map((part) => JSON.stringify(part))
    })
    expect(answers[0]).toEqual(answers[1])
  })
  fc.assert(same, { numRuns: 500 })
})

const symbols = [..."()[].,*'{}$+-0123456789_ \n\u{1f600}é"]
const soup = fc.array(
  fc.oneof(
    fc.constantFrom(...symbols),
    fc.constantFrom(...functionTable.map(({ name }) => name), 'variables', 'parameters', 'true'),
  ),
  { maxLength: 60 },
)

test('no text crashes the parser, and an error stands inside the text', () => {
  const survives = fc.property(
    fc.oneof(
      soup.map((parts) => parts.join('')),
      fc.string({ unit: 'binary', maxLength: 80 }),
    ),
    fc.constantFrom(...phases),
    (source, phase) => {
      const parsed = parseExpression(source, phase)
      if (parsed.ok) evaluate(parsed.expression, scopeOf({ values: env, phase }))
      else expect(source.length - parsed.error.position).toBeGreaterThanOrEqual(0)
    },
  )
  fc.assert(survives, { numRuns: 3000 })
})
