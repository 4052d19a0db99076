import { expect, test } from 'vitest'
import { DateTime } from './date-time.ts'
import { functionTable } from './tables.ts'
import { allSucceeded, run } from './testing.ts'

const values = {
  variables: { empty: '', big: 'x'.repeat(100) },
  list: ['a', 'B', '1', 2, true, null, '', { k: 'v' }, ['n']],
  map: { One: '1', two: 'Two', none: null, list: [1] },
  nested: { a: [1, { b: [] }], c: {}, s: 'q"\n', n: 1.5, t: true, z: null },
  later: () => new DateTime(Date.UTC(2026, 6, 4, 5, 6, 8)),
  at: () => new DateTime(Date.UTC(2026, 6, 4, 5, 6, 7, 89), -330),
}

const cast = (from: string, to: string, value: string) => ({
  error: `Unable to convert from ${from} to ${to}. Value: ${value}`,
})

test.each<[string, unknown]>([
  ["and('False', 1, 1.2.3, list)", true],
  ["and(true, '')", false],
  ['or(false, 0, variables.none)', false],
  ["or('', map)", true],
  ["not('')", true],
  ["not('False')", false],
  ["xor('a', '')", true],
  ["xor('a', 'b')", false],
  ["coalesce('', variables.none, 0, 'x')", 0],
  ["coalesce('', list)", ['a', 'B', '1', 2, true, null, '', { k: 'v' }, ['n']]],
  ["coalesce('', variables.none)", null],
  ["coalesce('', '')", null],
  ['coalesce(false, 1)', false],
  ["iif('x', 1, 2)", 1],
  ["iif('', 1, 2)", 2],
  ["in('A', 'b', 'a')", true],
  ["in('A', 'b', 'c')", false],
  ["notIn('A', 'b', 'c')", true],
  ["notIn(1, '1.0')", false],
])('logic: %s is %j', (text, expected) => {
  expect(run(text, { values })).toEqual(expected)
})

test.each<[string, unknown]>([
  ["eq('ä', 'Ä')", true],
  ["eq('ß', 'SS')", false],
  ["eq('ı', 'I')", false],
  ["eq(true, 'anything')", true],
  ['eq(false, variables.none)', true],
  ["eq(false, 'false')", false],
  ["eq('false', false)", true],
  ["eq('1', '1.0')", false],
  ["eq(1, '1.0')", true],
  ["eq(1, 'x')", false],
  ['eq(1, list)', false],
  ["eq(0, '')", true],
  ["eq(variables.none, '')", true],
  ['eq(variables.none, 0)', false],
  ['eq(variables.none, list)', false],
  ["eq('', variables.none)", true],
  ["eq(1.2.3, '1.2.3')", true],
  ["eq(1.2.3, '1.2.3.0')", false],
  ["eq('1.2.3', 1.2.3)", true],
  ['eq(1.2.3, list)', false],
  ["eq('x', list)", false],
  ['eq(list, list)', true],
  ['eq(map, map)', true],
  ['eq(map.list, map.list)', true],
  ['eq(list, map)', false],
  ["eq(list, '')", false],
  ['eq(list.*, list.*)', false],
  ['eq(at, at)', true],
  ['eq(at, later)', false],
  ['lt(at, later)', true],
  ['gt(at, later)', false],
  ["eq('2026-07-03 23:36:07-05:30', at)", true],
  ["eq(at, '2026-07-03 23:36:07-05:30')", false],
  ["ne('a', 'A')", false],
  ["ne('a', list)", true],
  ['gt(2, 1)', true],
  ["gt(10, '9')", true],
  ["gt('10', '9')", false],
  ["ge('1.10', '1.9')", false],
  ["ge(1.10.0, '1.9.0')", true],
  ["lt('a', 'B')", true],
  ["lt('B', 'a')", false],
  ["le('A', 'a')", true],
  ['lt(false, true)', true],
  ["gt(true, '')", true],
  ['lt(variables.none, 1)', true],
  ["ge(variables.none, '')", true],
  ["lt('', 1)", true],
  ['le(at, at)', true],
  ["gt(1, 'x')", cast('String', 'Number', "'x'")],
  ["gt(1000, '1e3')", cast('String', 'Number', "'1e3'")],
  ['gt(1, 1.2.3)', cast('Version', 'Number', '1.2.3')],
  ["gt(1.2.3, 'x')", cast('String', 'Version', "'x'")],
  ['gt(1.2.3, true)', cast('Boolean', 'Version', 'True')],
  ["gt('x', list)", cast('Array', 'String', 'Array')],
  ['gt(list, 1)', cast('Array', 'Number', 'Array')],
  ['le(map, 1)', cast('Object', 'Number', 'Object')],
  ['lt(variables.none, list)', cast('Array', 'Number', 'Array')],
  ["lt(at, '2026')", cast('String', 'DateTime', "'2026'")],
  ["containsValue(list, 'b')", true],
  ['containsValue(list, 1)', true],
  ["containsValue(list, 'x')", false],
  ["containsValue(map, 'TWO')", true],
  ["containsValue(map, 'One')", false],
  ["containsValue('a', 'a')", false],
  ["containsValue(variables.none, '')", false],
])('comparison: %s is %j', (text, expected) => {
  expect(run(text, { values })).toEqual(expected)
})

test.each<[string, unknown]>([
  ["contains('aBc', 'Bc')", true],
  ["contains('aBc', 'bC')", true],
  ["contains('abc', '')", true],
  ["contains('abc', 'abcd')", false],
  ["contains(true, 'RU')", true],
  ['contains(1.25, 2)', true],
  ["contains(variables.none, '')", true],
  ["contains(list, 'a')", cast('Array', 'String', 'Array')],
  ["startsWith('refs/heads/Main', 'REFS/')", true],
  ["startsWith('abc', 'b')", false],
  ["endsWith('abc', 'BC')", true],
  ["endsWith('abc', 'b')", false],
  ["endsWith(map, 'b')", cast('Object', 'String', 'Object')],
  ["lower('ÄbC')", 'äbc'],
  ["upper('äbß')", 'ÄBß'],
  ['upper(true)', 'TRUE'],
  ["trim(' \t a b \n')", 'a b'],
  ['lower(list)', cast('Array', 'String', 'Array')],
  ["replace('aXbx', 'x', '-')", 'aXb-'],
  ["replace('aaa', 'aa', 'b')", 'ba'],
  ["replace('abc', '', 'x')", 'abc'],
  ["replace('a.b', '.', '$&')", 'a$&b'],
  ["substring('abcdef', 2)", 'cdef'],
  ["substring('abcdef', 2, 3)", 'cde'],
  ["substring('abc', '1', '1')", 'b'],
  ["substring('abc', 3)", ''],
  ["substring('abc', 4)", { error: "The start index 4 is not between 0 and the text's length 3." }],
  [
    "substring('abc', -1)",
    { error: "The start index -1 is not between 0 and the text's length 3." },
  ],
  ["substring('abc', 1, 3)", { error: "The length 3 from index 1 does not fit the text's 3." }],
  ["substring('abc', 'x')", cast('String', 'Number', "'x'")],
  ['length(list)', 9],
  ['length(map)', 4],
  ["length('äöü')", 3],
  ['length(true)', 4],
  ['length(variables.none)', 0],
  ["join(', ', list)", 'a, B, 1, 2, True, , , , '],
  ["join(', ', 'x')", 'x'],
  ["join(', ', map)", ''],
  ["join(', ', map.list)", '1'],
  ['join(list, map.list)', '1'],
  ['join(list, list)', cast('Array', 'String', 'Array')],
  ["split('a,b,,c,', ',')", ['a', 'b', '', 'c', '']],
  ["split('prod1,prod2', ', ')", ['prod1', 'prod2']],
  ["split('abc', '')", ['abc']],
  ["split('', ',')", ['']],
  ['convertToJson(nested.c)', '{}'],
  ["convertToJson('q\"')", '"q\\""'],
  ['convertToJson(1.50)', '1.5'],
  ['convertToJson(True)', 'true'],
  ['convertToJson(variables.none)', 'null'],
  ['convertToJson(1.2.3)', '"1.2.3"'],
  [
    'convertToJson(nested)',
    `{
  "a": [
    1,
    {
      "b": []
    }
  ],
  "c": {},
  "s": "q\\"\\n",
  "n": 1.5,
  "t": true,
  "z": null
}`,
  ],
])('text and lists: %s is %j', (text, expected) => {
  expect(run(text, { values })).toEqual(expected)
})

const wrongFormat = (pattern: string) => ({
  error: `The following format string is invalid: '${pattern}'`,
})

test.each<[string, unknown]>([
  ["format('plain')", 'plain'],
  ["format('{{{0}}}', 'x')", '{x}'],
  ["format('{1}{0}{1}', 'a', 'b')", 'bab'],
  ["format('{0}', variables.none)", ''],
  ["format('{0} {1} {2}', true, 1.5, 1.2.3)", 'True 1.5 1.2.3'],
  ["format('{0}', at)", '2026-07-03 23:36:07-05:30'],
  ["format('{0:}', 'x')", 'x'],
  ["format('{0:yyyyMMdd}', at)", '20260703'],
  ["format('{0:yyyy yy MM M dd d HH H mm m ss s}', at)", '2026 26 07 7 03 3 23 23 36 36 07 7'],
  ["format('{0:f ff fff ffff fffff ffffff fffffff}', at)", '0 08 089 0890 08900 089000 0890000'],
  ["format('{0:zzz K}', at)", '-05:30 -05:30'],
  ["format('{0:HH:mm\\T\\}\\\\}', at)", '23:36T}\\'],
  [
    "format('{0:yyy}', at)",
    { error: "The format specifiers 'yyy' are not valid for objects of type 'DateTime'" },
  ],
  [
    "format('{0:yyyy}', '2026')",
    { error: "The format specifiers 'yyyy' are not valid for objects of type 'String'" },
  ],
  [
    "format('{0}')",
    { error: "The following format string references more arguments than were supplied: '{0}'" },
  ],
  ["format('{0}', list)", cast('Array', 'String', 'Array')],
  ["format('{')", wrongFormat('{')],
  ["format('}')", wrongFormat('}')],
  ["format('{0')", wrongFormat('{0')],
  ["format('{0 }', 1)", wrongFormat('{0 }')],
  ["format('{x}', 1)", wrongFormat('{x}')],
  ["format('{-1}', 1)", wrongFormat('{-1}')],
  ["format('a}b')", wrongFormat('a}b')],
])('format: %s is %j', (text, expected) => {
  expect(run(text, { values })).toEqual(expected)
})

/** Reading `boom` is an error; an expression that never reads it shows what is left unevaluated. */
const undeclared = (context: string, name: string) =>
  name === 'boom' ? `${context} has no ${name}` : undefined
const boom = { error: 'parameters has no boom' }

test.each<[string, unknown]>([
  ['and(false, parameters.boom)', false],
  ['and(true, parameters.boom)', boom],
  ['or(true, parameters.boom)', true],
  ['or(false, parameters.boom)', boom],
  ["coalesce('test', parameters.boom)", 'test'],
  ["coalesce('', parameters.boom)", boom],
  ["in('a', 'a', parameters.boom)", true],
  ["in('a', 'b', parameters.boom)", boom],
  ["notIn('a', 'a', parameters.boom)", false],
  ['iif(true, 1, parameters.boom)', boom],
  ['iif(false, parameters.boom, 1)', boom],
  ["containsValue('scalar', parameters.boom)", false],
  ["join(parameters.boom, 'scalar')", 'scalar'],
  ["format('{0}', 'a', parameters.boom)", 'a'],
  ['xor(true, parameters.boom)', boom],
  ['eq(1, parameters.boom)', boom],
  ['parameters.BOOM', null],
  ["parameters['boom']", boom],
  ['parameters[lower(variables.name)]', boom],
  ['parameters.here', 'yes'],
])('laziness: %s is %j', (text, expected) => {
  const given = { parameters: { here: 'yes' }, variables: { name: 'BOOM' } }
  expect(run(text, { values: given, undeclared })).toEqual(expected)
})

test.each(functionTable.flatMap(({ name }) => [name.toUpperCase(), name.toLowerCase()]))(
  'the name %s is understood in any case',
  (name) => {
    const row = functionTable.find((other) => other.name.toLowerCase() === name.toLowerCase())
    const text = `${name}(${Array(row?.min).fill("'1'").join()})`
    const phase = row?.phases.at(-1) ?? 'template'
    const given = { phase, status: allSucceeded, counter: () => 1 }
    expect(run(text, given)).not.toMatchObject({ error: expect.anything() })
  },
)

test.each<[string, string, number]>([
  ['counter()', '', 0],
  ["counter('p')", 'p', 0],
  ["counter(format('{0}.', variables.v), 7)", '1.', 7],
  ["counter('p', '5')", 'p', 5],
])('%s asks the port for %j from %d', (text, prefix, seed) => {
  const asked: unknown[] = []
  const counter = (...question: [string, number]) => asked.push(question) + 41
  const given = { variables: { v: '1' } }
  expect(run(text, { phase: 'runtimeVariable', counter, values: given })).toBe(42)
  expect(asked).toEqual([[prefix, seed]])
})

test('a counter that keeps its numbers counts on from its seed for each prefix', () => {
  const kept = new Map<string, number>()
  const counter = (prefix: string, seed: number) => {
    const next = (kept.get(prefix) ?? seed - 1) + 1
    kept.set(prefix, next)
    return next
  }
  const texts = ["counter('a', 5)", "counter('a', 5)", "counter('b')", "counter('a', 9)"]
  expect(texts.map((text) => run(text, { phase: 'runtimeVariable', counter }))).toEqual([
    5, 6, 0, 7,
  ])
})

test('a counter needs a port, and a number as its start', () => {
  const phase = 'runtimeVariable'
  expect(run('counter()', { phase })).toEqual({ error: 'No counter can be kept here.' })
  expect(run("counter('p', 'x')", { phase, counter: () => 1 })).toEqual(
    cast('String', 'Number', "'x'"),
  )
})

test.each<[string, unknown]>([
  ['always()', true],
  ['canceled()', false],
  ["failed('A')", 'failed A'],
  ['failed()', 'failed '],
  ["succeeded('A', 'b')", 'succeeded A,b'],
  ["succeededOrFailed('A')", 'succeededOrFailed A'],
])('%s asks the status port', (text, expected) => {
  let asked: unknown
  const ask = (what: string) => (names: readonly string[]) => {
    asked = `${what} ${names.join()}`
    return true
  }
  const status = {
    ...allSucceeded,
    failed: ask('failed'),
    succeeded: ask('succeeded'),
    succeededOrFailed: ask('succeededOrFailed'),
  }
  const result = run(text, { phase: 'jobCondition', status })
  expect(asked ?? result).toBe(expected)
})

test('a status function needs a port', () => {
  expect(run('always()', { phase: 'jobCondition' })).toEqual({ error: 'No status is known here.' })
})
