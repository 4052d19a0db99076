import { expect, test } from 'vitest'
import { parseExpression } from './parser.ts'
import { type Phase, phases } from './scope.ts'
import { contextTable, functionTable } from './tables.ts'
import { parseError, run } from './testing.ts'
import { printNode } from './trace.ts'

test.each([
  ["'it''s'", "it's"],
  ["''", ''],
  ['true', true],
  ['FALSE', false],
  ['12', 12],
  ['-1.5', -1.5],
  ['+.5', 0.5],
  ['.5', 0.5],
  ['5.', 5],
  ['1.2.3', '1.2.3'],
  ['1.2.3.4', '1.2.3.4'],
  [' \t\n 1 ', 1],
  ["EQ ( 'a' , 'a' )", true],
  ["Variables . A [ 'b' ]", 'c'],
  ['variables.list[*]', [1, 2]],
  ['variables.true', 'yes'],
  ["variables['list'][1]", 2],
  ["variables['list']['1']", 2],
])('%s means %j', (text, expected) => {
  const values = { variables: { a: { B: 'c' }, list: [1, 2], true: 'yes' } }
  expect(run(text, { values })).toEqual(expected)
})

const at = (what: string, position: number, text: string) =>
  `${what}. Located at position ${position} within expression: ${text}`

test.each<[string, Phase, string, number]>([
  ['x', 'jobCondition', "Unrecognized value: 'x'", 0],
  ['x()', 'jobCondition', "Unrecognized value: 'x'", 0],
  ['x', 'template', "Unrecognized named-value: 'x'", 0],
  ['eq(1, x.y)', 'template', "Unrecognized named-value: 'x'", 6],
  ['x()', 'template', "Unrecognized function: 'x'", 0],
  ['null', 'template', "Unrecognized named-value: 'null'", 0],
  ['(1)', 'template', "Unexpected symbol: '('", 0],
  ['1 2', 'template', "Unexpected symbol: '2'", 2],
  ["'a'.b", 'template', "Unexpected symbol: '.'", 3],
  ['variables.a-b', 'template', "Unexpected symbol: 'a-b'", 10],
  ['variables.5', 'template', "Unexpected symbol: '5'", 10],
  ['variables..a', 'template', "Unexpected symbol: '.a'", 10],
  ['variables[a]', 'template', "Unrecognized named-value: 'a'", 10],
  ["variables['a'", 'template', "Unexpected end of expression: ''a''", 10],
  ["variables['a',", 'template', "Unexpected symbol: ','", 13],
  ['variables.', 'template', "Unexpected end of expression: '.'", 9],
  ['eq(1, 2', 'template', "Unexpected end of expression: '2'", 6],
  ['eq(1,)', 'template', "Unexpected symbol: ')'", 5],
  ['eq(1 2)', 'template', "Unexpected symbol: '2'", 5],
  ['eq', 'template', "Expected '(' to follow function: 'eq'", 0],
  ['eq(1)', 'template', "Too few parameters supplied: 'eq'", 0],
  ['eq(1,2,3)', 'template', "Too many parameters supplied: 'eq'", 0],
  ["'abc", 'template', "Unexpected symbol: ''abc'", 0],
  ['"abc"', 'template', `Unrecognized value: '"abc"'`, 0],
  ['1.2.3.4.5', 'template', "Unrecognized value: '1.2.3.4.5'", 0],
  ['1e3', 'template', "Unrecognized value: '1e3'", 0],
  ['0x1', 'template', "Unrecognized value: '0x1'", 0],
  ['-1.2.3', 'template', "Unrecognized value: '-1.2.3'", 0],
  ['a == b', 'template', "Unrecognized value: '=='", 2],
  ['x(1, y.z', 'template', "Unexpected end of expression: 'z'", 7],
  ['x(y(), z)', 'template', "Unrecognized function: 'x'", 0],
  ['1 == 1', 'template', "Unrecognized value: '=='", 2],
  ['*', 'template', "Unexpected symbol: '*'", 0],
])('%s in %s is refused: %s', (text, phase, message, position) => {
  expect(parseError(text, phase)).toMatchObject({
    message: at(message, position + 1, text),
    position,
  })
})

test('the service reports a hyphen in a member at the same place', () => {
  const text = "and(not(failed()), not(canceled()), eq(dependencies.a-2.outputs['x'], 'yes'))"
  expect(parseError(text, 'stageCondition')?.message).toBe(at("Unexpected symbol: 'a-2'", 53, text))
})

test.each(['', ' ', '\n'])('empty text %j is refused', (text) => {
  expect(parseError(text)).toMatchObject({ message: 'Unexpected end of expression', position: 0 })
})

test.each<[string, Phase, string]>([
  ['eq(1, 2', 'template', "Close the '(' of 'eq' at 3."],
  ["'abc", 'template', "Close the text with a '. A quote inside text is written twice."],
  ['null', 'template', "There is no word for null: compare with ''."],
  ['variables.a-b', 'template', "Write ['a-b'] for a name with such characters."],
  ['paramaters.x', 'template', "Did you mean 'parameters'?"],
  ["contians('a', 'b')", 'template', "Did you mean 'contains'?"],
  ["variables('a')", 'template', "'variables' is not a function."],
  ['eq(1)', 'template', "'eq' takes 2 arguments here."],
  ['and(1)', 'template', "'and' takes 2 or more arguments here."],
  ["substring('a')", 'template', "'substring' takes 2 to 3 arguments here."],
  ["succeeded('a')", 'stepCondition', "'succeeded' takes 0 arguments here."],
  ['1 == 1', 'template', 'There are no operators: write eq(a, b), and(a, b), not(a).'],
  ['$(a)', 'jobCondition', 'Names stand alone here, without $( ), $[ ] or $' + '{{ }}.'],
  ['"a"', 'jobCondition', "Text stands in single quotes: 'text'."],
  [
    'parameters.x',
    'jobCondition',
    "'parameters' exists only in template expressions '$" + "{{ }}'.",
  ],
  [
    'succeeded()',
    'template',
    "'succeeded' exists only in stage conditions, job conditions, step conditions.",
  ],
  [
    "split('a', ',')",
    'stepCondition',
    "'split' exists only in template expressions '$" + "{{ }}'.",
  ],
])('%s in %s hints: %s', (text, phase, hint) => {
  expect(parseError(text, phase)?.hint).toBe(hint)
})

/** Contexts per phase, written from the table of contexts once more, column by column. */
const exists: Record<Phase, string> = {
  template: 'variables parameters resources',
  runtimeVariable: 'variables resources pipeline dependencies stageDependencies',
  stageCondition: 'variables pipeline dependencies',
  jobCondition: 'variables pipeline dependencies stageDependencies',
  stepCondition: 'variables',
  jobField: 'variables resources pipeline dependencies stageDependencies',
}

test.each(phases)('%s knows its named values and no others', (phase) => {
  const known = contextTable.filter(({ name }) => parseExpression(name, phase).ok)
  expect(known.map(({ name }) => name)).toEqual(exists[phase].split(' '))
})

test.each(phases)('%s knows its functions and no others', (phase) => {
  const special = functionTable.flatMap(({ name, min }) => {
    const text = `${name}(${Array(min).fill('1').join()})`
    return parseExpression(text, phase).ok ? [] : [name]
  })
  const status = ['always', 'canceled', 'failed', 'succeeded', 'succeededOrFailed']
  const conditions = phase.endsWith('Condition')
  expect(special).toEqual([
    ...(phase === 'template' ? [] : ['split']),
    ...(conditions ? [] : status),
    ...(phase === 'runtimeVariable' ? [] : ['counter']),
  ])
})

/** Least and most arguments, written from the table of functions once more. */
const arities: Record<string, [number, number]> = {
  ...{ and: [2, 99], or: [2, 99], not: [1, 1], xor: [2, 2], eq: [2, 2], ne: [2, 2] },
  ...{ gt: [2, 2], ge: [2, 2], lt: [2, 2], le: [2, 2], in: [2, 99], notIn: [2, 99] },
  ...{ coalesce: [2, 99], contains: [2, 2], startsWith: [2, 2], endsWith: [2, 2] },
  ...{ containsValue: [2, 2], convertToJson: [1, 1], counter: [0, 2], format: [1, 99] },
  ...{ iif: [3, 3], join: [2, 2], length: [1, 1], lower: [1, 1], upper: [1, 1], trim: [1, 1] },
  ...{ replace: [3, 3], split: [2, 2], substring: [2, 3], always: [0, 0], canceled: [0, 0] },
  ...{ succeeded: [0, 99], failed: [0, 99], succeededOrFailed: [0, 99] },
}

test('the table of functions is complete', () => {
  expect(functionTable.map(({ name }) => name).sort()).toEqual(Object.keys(arities).sort())
})

test.each(functionTable)(
  '$name takes as many arguments as it should',
  ({ name, phases: [phase] }) => {
    const [min, max] = arities[name] ?? [0, 0]
    const call = (count: number) => `${name}(${Array(count).fill("'0'").join(', ')})`
    const where = phase ?? 'template'
    expect(parseError(call(min), where)).toBeUndefined()
    expect(parseError(call(max), where)).toBeUndefined()
    if (min > 0) expect(parseError(call(min - 1), where)?.message).toContain('Too few parameters')
    if (max < 99) expect(parseError(call(max + 1), where)?.message).toContain('Too many parameters')
  },
)

test.each(['succeeded', 'failed', 'succeededOrFailed'])('%s takes no names in a step', (name) => {
  expect(parseError(`${name}()`, 'stepCondition')).toBeUndefined()
  expect(parseError(`${name}('a')`, 'stepCondition')?.message).toContain('Too many parameters')
})

test('loop variables exist in any case and hide named values', () => {
  const values = { item: { key: 'k' }, Variables: 'hidden' }
  expect(run('ITEM.Key', { values })).toBe('k')
  expect(run('variables', { values })).toBe('hidden')
})

test('length 21 000 is allowed and 21 001 is not', () => {
  const text = (length: number) => `'${'x'.repeat(length - 2)}'`
  expect(parseError(text(21_000))).toBeUndefined()
  expect(parseError(text(21_001))).toMatchObject({
    message: 'Exceeded max expression length 21000',
    hint: expect.stringContaining('21001'),
  })
})

test.each([
  ['calls', 'not(', '1', ')'],
  ['indexes', 'variables[', "'a'", ']'],
])('nesting of %s ends at depth 50', (_, open, core, close) => {
  const text = (depth: number) => open.repeat(depth - 1) + core + close.repeat(depth - 1)
  expect(parseError(text(50))).toBeUndefined()
  expect(parseError(text(51))?.message).toBe('Exceeded max expression depth 50')
})

test('a path may have thousands of steps', () => {
  expect(run(`variables${'.a'.repeat(10_000)}`, { values: { variables: { a: { a: 1 } } } })).toBe(
    null,
  )
})

test.each([
  ["and(true,eq(variables.a , 'it''s'),1.50)", "and(True, eq(variables['a'], 'it''s'), 1.5)"],
  ['variables.a.*.b[1.2.3][*]', "variables['a'][*]['b'][1.2.3][*]"],
  ['0.123456789', '0.123456789'],
  ['EQ(.5,-0)', 'EQ(0.5, 0)'],
])('%s prints as %s, which prints the same again', (text, printed) => {
  for (const source of [text, printed]) {
    const parsed = parseExpression(source, 'template')
    expect(parsed.ok && printNode(parsed.expression.root)).toBe(printed)
  }
})

test.each<[string, true | undefined]>([
  ['nosuch(1)', true],
  ['eq(nosuch.a, 1)', true],
  ["counter('a')", true],
  ['nosuch(1', undefined],
  ['eq(nosuch)', undefined],
  ['eq(nosuch, "a")', undefined],
  ['eq', undefined],
])('whether %s is well-formed but for its names: %s', (text, unknownName) => {
  expect(parseError(text)).toBeDefined()
  expect(parseError(text)?.unknownName).toBe(unknownName)
})
