import { expect, test } from 'vitest'
import { evaluate } from './evaluator.ts'
import { parseExpression } from './parser.ts'
import { run, scopeOf } from './testing.ts'

const job = {
  steps: [
    { task: { id: 'a' }, inputs: ['x', 'y'] },
    { script: 'none' },
    { task: { id: 'b', more: { id: 'c' } }, inputs: ['z'] },
    'text',
  ],
  map: { one: { id: 1 }, two: { id: 2 }, three: 3 },
}

test.each<[string, unknown]>([
  ['job.steps.*.task.id', ['a', 'b']],
  ['job.steps[*].task.id', ['a', 'b']],
  ["job.steps.*['task']['ID']", ['a', 'b']],
  ['job.steps.*.inputs[0]', ['x', 'z']],
  ['job.steps.*.inputs.*', ['x', 'y', 'z']],
  ['job.map.*.id', [1, 2]],
  ['job.map.*', [{ id: 1 }, { id: 2 }, 3]],
  ['job.steps.*.task.*.id', ['c']],
  ['job.steps.*.nothing', []],
  ['job.*.one', [{ id: 1 }]],
  ['job.none.*', null],
  ["coalesce('', job.map.*).id", [1, 2]],
  ['length(job.steps.*)', 4],
  ["join(',', job.steps.*.task.id)", 'a,b'],
  ["containsValue(job.steps.*.task.id, 'B')", true],
  ['job.steps[0].task.id', 'a'],
  ["job['STEPS']['2'].inputs[0]", 'z'],
  ['job.steps[-1]', null],
  ['job.steps[0.9].task.id', 'a'],
  ["job.steps['2.5'].task.id", 'b'],
  ['job.steps[9].task', null],
  ["job.steps['']", null],
  ['job.steps.task', null],
  ['job.steps[variables.none]', null],
  ["job.steps['x']", null],
  ['job.map.three.id', null],
  ['job.none.deeper.still', null],
  ['job.map[job.steps].x', null],
  ['job[lower(variables.Name)].one.id', 1],
  ["variables['build.reason']", 'Manual'],
  ['variables.toString', null],
  ['variables.constructor', null],
])('%s is %j', (text, expected) => {
  const values = { job, variables: { Name: 'MAP', 'Build.Reason': 'Manual' } }
  expect(run(text, { values })).toEqual(expected)
})

test('a named value that the scope does not hold is Null', () => {
  expect(run('parameters', {})).toBe(null)
  expect(run('parameters.x', {})).toBe(null)
})

test('an undeclared parameter is an error even when there are none', () => {
  const undeclared = (context: string, name: string) => `${context}: ${name}`
  expect(run('parameters.x', { undeclared })).toEqual({ error: 'parameters: x' })
})

test('a named value that is a function is called when it is needed, and once', () => {
  let calls = 0
  const variables = () => ++calls
  expect(run('parameters', { values: { variables } })).toBe(null)
  expect(calls).toBe(0)
  expect(run('eq(variables, variables)', { values: { variables } })).toBe(true)
  expect(calls).toBe(1)
})

test.each([
  ['gt(1,  variables.x)', 7],
  ['eq(1, lower(variables))', 12],
  ["and(true, substring('a', 5))", 10],
])('the error of %s stands at %d', (text, position) => {
  const parsed = parseExpression(text, 'template')
  const scope = scopeOf({ values: { variables: { x: 'x' } } })
  expect(parsed.ok && evaluate(parsed.expression, scope)).toMatchObject({ error: { position } })
})

test('an expression is reusable: another scope, another answer', () => {
  const parsed = parseExpression('variables.a', 'template')
  const answers = [1, 'x', null].map((a) => {
    return parsed.ok && evaluate(parsed.expression, scopeOf({ values: { variables: { a } } }))
  })
  expect(answers).toEqual([
    { ok: true, value: 1 },
    { ok: true, value: 'x' },
    { ok: true, value: null },
  ])
})

const s3cret = { variables: { key: 's3cr3t', quoted: "a'b" } }

test('a message never shows a run-time value unless it can be masked', () => {
  const message = 'Unable to convert from String to Number.'
  expect(run('gt(1, variables.key)', { values: s3cret, phase: 'jobCondition' })).toEqual({
    error: message,
  })
  const mask = (text: string) => text.replaceAll('s3cr3t', '***')
  expect(run('gt(1, variables.key)', { values: s3cret, phase: 'jobCondition', mask })).toEqual({
    error: `${message} Value: '***'`,
  })
  expect(run("format(variables.key, '{')", { values: s3cret, phase: 'jobCondition' })).toBe(
    's3cr3t',
  )
  expect(
    run("format(format('{0}{{', variables.key))", { values: s3cret, phase: 'jobCondition' }),
  ).toEqual({
    error: 'The following format string is invalid: String',
  })
})

const wide = { items: Array.from({ length: 1000 }, (_, i) => ({ i })) }

test.each([
  ["replace(text, 'x', text)", { maxTextLength: 1000 }, 'produces more than 1000 characters'],
  ["format('{0}{0}{0}', text)", { maxTextLength: 250 }, 'produces more than 250 characters'],
  ['join(text, split(text, text))', { maxTextLength: 1000 }, 'produces more than 1000 characters'],
  ['join(text, wide.items)', { maxTextLength: 1000 }, 'produces more than 1000 characters'],
  ['convertToJson(wide)', { maxTextLength: 1000 }, 'produces more than 1000 characters'],
  ["contains(text, 'y')", { maxTextLength: 99 }, 'produces more than 99 characters'],
  ['wide.items.*.i', { maxNodes: 999 }, 'takes more than 999 steps'],
  ['convertToJson(wide)', { maxNodes: 1500 }, 'takes more than 1500 steps'],
  ['containsValue(wide.items, 1)', { maxNodes: 999 }, 'takes more than 999 steps'],
  ['and(1, 1, 1)', { maxNodes: 3 }, 'takes more than 3 steps'],
])('%s stops at its limit %j', (text, limits, message) => {
  const values = { text: 'x'.repeat(100), wide }
  expect(run(text, { values, limits })).toEqual({ error: expect.stringContaining(message) })
})

test('JSON nested without end is refused, not followed', () => {
  let deep: unknown = 1
  for (let i = 0; i < 10_000; i++) deep = [deep]
  expect(run('convertToJson(deep)', { values: { deep } })).toEqual({
    error: 'The value is nested deeper than 200 levels.',
  })
})

test('a list that holds itself many times over ends at the limit', () => {
  let list: unknown[] = [1]
  for (let i = 0; i < 10; i++) list = Array(1000).fill(list)
  const error = ' more than '
  for (const text of [`list${'.*'.repeat(11)}`, 'convertToJson(list)']) {
    expect(run(text, { values: { list } })).toEqual({ error: expect.stringContaining(error) })
  }
})

test('comparing long text without case counts as text', () => {
  const values = { a: 'ä'.repeat(10_000), b: 'Ö'.repeat(10_000) }
  const error = { error: expect.stringContaining('produces more than 50000 characters') }
  for (const call of ['eq(a, b)', 'in(a, b)', 'lt(b, a)', 'containsValue(split(a, 1), b)']) {
    const text = `or(${Array(4).fill(call).join()})`
    expect(run(text, { values, limits: { maxTextLength: 50_000 } })).toEqual(error)
  }
})

test('JSON of a mapping keeps the order of its names', () => {
  const map = new Map([
    ['b', 1],
    ['1', 2],
  ])
  expect(run('convertToJson(map)', { values: { map } })).toBe('{\n  "b": 1,\n  "1": 2\n}')
})

test('long repetitive text is searched in linear time', () => {
  const text = 'a'.repeat(1_000_000)
  const part = `${'a'.repeat(50_000)}b${'a'.repeat(50_000)}`
  const values = { text, part, hit: 'a'.repeat(50_000) }
  const answers = [
    'contains(text, part)',
    "length(replace(text, part, ''))",
    "length(replace(text, hit, 'b'))",
  ]
  expect(answers.map((answer) => run(answer, { values }))).toEqual([false, 1_000_000, 20])
})

/** The micro-cases of expressions, one line in, one expectation. */
test.each<[string, unknown]>([
  ["eq('a','A')", true],
  ["eq(false,'false')", false],
  ["eq('false',false)", true],
  ["eq('1','1.0')", false],
  ["eq(1,'1.0')", true],
  ["format('{{{0}}}','x')", '{x}'],
  ["coalesce('test', parameters.missing)", 'test'],
  ['parameters.undeclared', { error: "Unexpected: 'undeclared'" }],
  ["and('False', true)", true],
  ['and(0.0.0.0, true)', true],
  ['and(0, true)', false],
  ["gt(1000, '1e3')", { error: "Unable to convert from String to Number. Value: '1e3'" }],
  [
    'nosuch(1)',
    {
      error: "Unrecognized function: 'nosuch'. Located at position 1 within expression: nosuch(1)",
    },
  ],
])('case: %s is %j', (text, expected) => {
  const undeclared = (_: string, name: string) => `Unexpected: '${name}'`
  expect(run(text, { undeclared, values: { parameters: {} } })).toEqual(expected)
})
