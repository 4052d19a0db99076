import { expect, test } from 'vitest'
import { explainNull } from './explain.ts'
import { parseExpression } from './parser.ts'
import { scopeOf } from './testing.ts'

const values = {
  dependencies: {
    Build: { result: 'Succeeded', outputs: { 'step.var': '1', empty: null } },
    Test: { result: 'Failed', outputs: {} },
  },
  variables: { name: 'Buidl', list: [1, 2] },
}

function explain(text: string) {
  const parsed = parseExpression(text, 'jobCondition')
  if (!parsed.ok) throw new Error(parsed.error.message)
  const scope = scopeOf({ values, phase: 'jobCondition' })
  return explainNull(parsed.expression, scope).map(({ message }) => message)
}

test.each<[string, readonly string[]]>([
  ["dependencies.build.outputs['STEP.var']", []],
  ['dependencies.Build.outputs.empty', []],
  [
    'dependencies.Buld.result',
    ["There is no 'Buld' in dependencies: it has 'Build', 'Test'. Did you mean 'Build'?"],
  ],
  [
    "dependencies.Build.outputs['J.step.var']",
    [
      "There is no 'J.step.var' in dependencies['Build']['outputs']: it has 'step.var', 'empty'. Did you mean 'step.var'?",
    ],
  ],
  [
    "dependencies.Test.outputs['a.b']",
    ["There is no 'a.b' in dependencies['Test']['outputs']: it is empty."],
  ],
  [
    'dependencies.Build.result.x',
    ["There is no 'x' in dependencies['Build']['result']: it is a single value."],
  ],
  ['stageDependencies.A', ["There is no 'A' in stageDependencies: it is empty."]],
  ['variables.list[2]', ["There is no '2' in variables['list']: it is a list of 2."]],
  [
    'and(false, eq(dependencies[variables.name].result, variables.x))',
    [
      "There is no 'Buidl' in dependencies: it has 'Build', 'Test'. Did you mean 'Build'?",
      "There is no 'x' in variables: it has 'name', 'list'.",
    ],
  ],
  ['dependencies.*.nothing', []],
  ["eq(1, 'x')", []],
])('%s: %j', (text, expected) => {
  expect(explain(text)).toEqual(expected)
})

test('an explanation says where the missing part stands', () => {
  const text = 'dependencies.Build.outptus.x'
  const parsed = parseExpression(text, 'jobCondition')
  const [first] = parsed.ok ? explainNull(parsed.expression, scopeOf({ values })) : []
  expect(first).toMatchObject({
    found: "dependencies['Build']",
    missing: 'outptus',
    near: 'outputs',
    available: ['result', 'outputs'],
    position: text.indexOf('.outptus'),
  })
})
