import { expect, test } from 'vitest'
import { evaluateCondition } from './condition.ts'
import { DateTime } from './date-time.ts'
import type { Phase } from './scope.ts'
import { allSucceeded, type Given, run, scopeOf } from './testing.ts'

const values = {
  variables: { 'Build.Reason': 'Manual', flag: 'True', n: '5', quoted: "it's", config: 'test' },
  dependencies: { S0: { result: 'Succeeded', outputs: { 'J0.output.crosser': 'true' } } },
  pipeline: { startTime: new DateTime(0) },
}

function traceOf(text: string | undefined, given: Given = {}, phase: Phase = 'jobCondition') {
  const scope = scopeOf({ values, status: allSucceeded, ...given, phase })
  const result = evaluateCondition(text, scope)
  return result.ok ? result.trace : result.error.message
}

test.each<[string | undefined, readonly string[]]>([
  [undefined, ['Evaluating: succeeded()', 'Result: True']],
  ['', ['Evaluating: succeeded()', 'Result: True']],
  [' \n', ['Evaluating: succeeded()', 'Result: True']],
  ['always()', ['Evaluating: always()', 'Result: True']],
  [
    "and(succeeded(), eq(variables['Build.Reason'], 'PullRequest'))",
    [
      "Evaluating: and(succeeded(), eq(variables['Build.Reason'], 'PullRequest'))",
      "Expanded: and(True, eq('Manual', 'PullRequest'))",
      'Result: False',
    ],
  ],
  [
    "and(ne(variables['config'], 'test'), ne(variables['name'], 'form'))",
    [
      "Evaluating: and(ne(variables['config'], 'test'), ne(variables['name'], 'form'))",
      "Expanded: and(ne('test', 'test'), ne(variables['name'], 'form'))",
      'Result: False',
    ],
  ],
  [
    'eq( variables.flag ,true )',
    ["Evaluating: eq(variables['flag'], True)", "Expanded: eq('True', True)", 'Result: True'],
  ],
  [
    "eq(variables.none, variables['n'])",
    [
      "Evaluating: eq(variables['none'], variables['n'])",
      "Expanded: eq(Null, '5')",
      'Result: False',
    ],
  ],
  [
    "dependencies.S0.outputs['J0.output.crosser']",
    [
      "Evaluating: dependencies['S0']['outputs']['J0.output.crosser']",
      "Expanded: 'true'",
      "Result: 'true'",
    ].filter((line) => !line.startsWith('Expanded')),
  ],
  ['dependencies.S1.result', ["Evaluating: dependencies['S1']['result']", 'Result: Null']],
  ['dependencies.S0', ["Evaluating: dependencies['S0']", 'Result: Object']],
  ['dependencies.*', ['Evaluating: dependencies[*]', 'Result: Array']],
  [
    'eq(lower(variables.config), variables.quoted)',
    [
      "Evaluating: eq(lower(variables['config']), variables['quoted'])",
      "Expanded: eq('test', 'it''s')",
      'Result: False',
    ],
  ],
  [
    'Or(GT(variables.n, 3.50), 1.2.3)',
    [
      "Evaluating: Or(GT(variables['n'], 3.5), 1.2.3)",
      "Expanded: Or(GT('5', 3.5), 1.2.3)",
      'Result: True',
    ],
  ],
  [
    'coalesce(pipeline.startTime, 1)',
    [
      "Evaluating: coalesce(pipeline['startTime'], 1)",
      'Expanded: coalesce(1970-01-01 00:00:00+00:00, 1)',
      'Result: 1970-01-01 00:00:00+00:00',
    ],
  ],
])('the trace of %j', (text, lines) => {
  expect(traceOf(text)).toEqual(lines)
})

test.each<[string, boolean]>([
  ["'False'", true],
  ["''", false],
  ['0.0.0.0', true],
  ['0', false],
  ['variables.none', false],
  ['dependencies', true],
])('the condition %s holds: %s', (text, holds) => {
  const scope = scopeOf({ values, phase: 'jobCondition' })
  expect(evaluateCondition(text, scope)).toMatchObject({ ok: true, holds })
})

test('a condition without a status function is evaluated as written, whatever failed', () => {
  const status = { ...allSucceeded, succeeded: () => false, failed: () => true }
  const scope = scopeOf({ values: { variables: { x: 'y' } }, status, phase: 'stepCondition' })
  expect(evaluateCondition("eq(variables.x,'y')", scope)).toMatchObject({ holds: true })
  expect(evaluateCondition(undefined, scope)).toMatchObject({ holds: false })
})

test('a stage condition does not know stageDependencies, and says where they exist', () => {
  const text = "and(succeeded(), eq(stageDependencies.A.J.outputs['s.v'], 'true'))"
  const result = evaluateCondition(text, scopeOf({ phase: 'stageCondition', status: allSucceeded }))
  expect(result).toEqual({
    ok: false,
    trace: [],
    error: {
      message: `Unrecognized value: 'stageDependencies'. Located at position 21 within expression: ${text}`,
      position: 20,
      unknownName: true,
      hint: "'stageDependencies' exists only in variable values '$[ ]', job conditions, job settings '$[ ]'.",
    },
  })
})

test('an evaluation that fails keeps the lines it has written', () => {
  const scope = scopeOf({ values, phase: 'jobCondition' })
  expect(evaluateCondition("gt(1, 'x')", scope)).toMatchObject({
    ok: false,
    trace: ["Evaluating: gt(1, 'x')"],
    error: { message: "Unable to convert from String to Number. Value: 'x'" },
  })
})

test('a variable value is traced in the same form through the scope', () => {
  const lines: string[] = []
  const given = {
    values,
    phase: 'runtimeVariable' as const,
    trace: (line: string) => lines.push(line),
  }
  run("format('{0}-{1}', variables.config, variables.n)", given)
  expect(lines).toEqual([
    "Evaluating: format('{0}-{1}', variables['config'], variables['n'])",
    "Result: 'test-5'",
  ])
})

test('values are masked before their quotes are doubled', () => {
  const mask = (text: string) => text.replaceAll("it's", '***')
  expect(traceOf("eq(variables.quoted, 'x')", { mask })).toEqual([
    "Evaluating: eq(variables['quoted'], 'x')",
    "Expanded: eq('***', 'x')",
    'Result: False',
  ])
})

test('a value too long for the trace is left out whole, never cut', () => {
  const given = {
    values: { variables: { big: 'x'.repeat(99_000), other: 'y'.repeat(2_000), small: 's' } },
  }
  expect(traceOf('in(variables.big, variables.other, 5, variables.small)', given)).toEqual([
    "Evaluating: in(variables['big'], variables['other'], 5, variables['small'])",
    `Expanded: in('${'x'.repeat(99_000)}', …, 5, 's')`,
    'Result: False',
  ])
})
