import { expect, test } from 'vitest'
import {
  type ExpressionFunction,
  evaluate,
  functionTable,
  parseExpression,
} from '../expressions/index.ts'
import { isLazy } from './function-words.ts'
import { hover } from './hover.ts'
import { withCursor } from './testing/sample.ts'

function explain(marked: string): string {
  const { document, offset } = withCursor(marked)
  return hover(document, offset)?.text ?? ''
}

const VARIABLES = `variables:
  config: Debug
  other: x
stages:
- stage: a
  variables:
  - name: Config
    value: Release
  - group: secrets
  jobs:
  - job: b
    variables: { config: Final }
    steps:
`

test.each([
  ['a key', 'trig|ger: none', ['**trigger**', 'Pushes that start a run']],
  ['a required key', 'jobs:\n- jo|b: a', ['**job**', 'Required.']],
  ['a key with a default', 'steps:\n- script: a\n  enab|led: true', ['Default: `true`.']],
  ['a value', 'lockBehavior: seq|uential', ['**lockBehavior**']],
  [
    'a task',
    'steps:\n- task: AzureKey|Vault@2',
    ['**Azure Key Vault**', 'Download secrets', '`KeyVaultName`'],
  ],
  [
    'an input',
    'steps:\n- task: AzureKeyVault@2\n  inputs:\n    Secrets|Filter: a',
    ['**SecretsFilter**', 'Names, separated by commas.', 'Default: `*`.'],
  ],
  [
    'an alias of an input',
    'steps:\n- task: AzureKeyVault@2\n  inputs:\n    azureSub|scription: a',
    ['**ConnectedServiceName**', 'Required.', 'Also written `azureSubscription`.'],
  ],
  [
    'a function',
    'steps:\n- script: a\n  condition: an|d(true, false)',
    ['**and** (2 or more arguments)', 'until one decides', 'step conditions'],
  ],
  [
    'a function of templates',
    `steps:\n- script: \${{ spl|it('a', 'b') }}`,
    ['**split** (2 arguments)', 'template expressions'],
  ],
  [
    'a named value',
    `steps:\n- script: \${{ param|eters.a }}`,
    ['**parameters**', 'template expressions'],
  ],
  [
    'a variable that is set three times',
    `${VARIABLES}    - script: echo $(con|fig)`,
    [
      'Set to `Final` by the job (ci/azure-pipelines.yml:12:18).',
      'Overrides `Release` of the stage (ci/azure-pipelines.yml:7:11).',
      'Overrides `Debug` of the pipeline (ci/azure-pipelines.yml:2:3).',
      'Groups `secrets` may set it too',
    ],
  ],
  [
    'a variable from a group at most',
    `${VARIABLES}    - script: echo $(mi|ssing)`,
    ['It may come from the groups `secrets`'],
  ],
  ['an unknown variable', 'steps:\n- script: $(a|a)', ['Not set in this file']],
  [
    'a predefined variable',
    'steps:\n- script: $(Build.Reas|on)',
    ['**Build.Reason**', 'Why the run started'],
  ],
  [
    'a variable by index',
    `variables:\n  a.b: one\nsteps:\n- script: \${{ variables['a|.b'] }}`,
    ['Set to `one` by the pipeline'],
  ],
  [
    'the declaration of a variable',
    'variables:\n  con|fig: Debug',
    ['Set to `Debug` by the pipeline'],
  ],
  [
    'a variable that a step sets',
    'steps:\n- bash: "echo ##vso[task.setvariable variable=tag]1"\n- script: $(t|ag)',
    ['Set by a step, while the job runs (ci/azure-pipelines.yml:2:9).'],
  ],
  [
    'a parameter',
    `parameters:\n- name: size\n  type: number\n  default: 3\nsteps:\n- script: \${{ parameters.si|ze }}`,
    ['**size** (parameter)', 'Type number. Default `3`.', ':2:9'],
  ],
  [
    'a template',
    'steps:\n- template: ste|ps.yml',
    ['`config` Configuration Default `Debug`.', '`verbose` Type boolean.'],
  ],
  [
    'a parameter of a template',
    'steps:\n- template: steps.yml\n  parameters:\n    verb|ose: true',
    ['**verbose** (parameter)', 'ci/steps.yml:5:11'],
  ],
  [
    'a stage to depend on',
    'stages:\n- stage: a\n  displayName: First\n- stage: b\n  dependsOn: |a',
    ['**a** (stage)', 'First'],
  ],
])('hover explains %s', (_what, marked, parts) => {
  const text = explain(marked)
  for (const part of parts) expect(text).toContain(part)
})

test.each([
  ['a comment', '# co|mment'],
  ['an unknown key', 'fo|o: bar'],
  ['text', 'steps:\n- script: >\n    ec|ho'],
  ['an empty document', '|'],
])('hover is silent about %s', (_what, marked) => {
  expect(explain(marked)).toBe('')
})

/** How many of three arguments are evaluated when all of them are `value`. */
function evaluated(row: ExpressionFunction, value: boolean): number {
  let count = 0
  const read = () => {
    count += 1
    return value
  }
  const parsed = parseExpression(`${row.name}(variables, parameters, resources)`, 'template')
  if (!parsed.ok) throw new Error(parsed.error.message)
  const values = { variables: read, parameters: read, resources: read }
  evaluate(parsed.expression, { phase: 'template', values })
  return count
}

test('the functions of three arguments that are said to be lazy are those that are', () => {
  const rows = functionTable.filter(
    ({ min, max, phases }) => min <= 3 && max >= 3 && phases.includes('template'),
  )
  const early = rows.filter((row) => [true, false].some((value) => evaluated(row, value) < 3))
  expect(early.map(({ name }) => name).sort()).toEqual(
    rows
      .map(({ name }) => name)
      .filter(isLazy)
      .sort(),
  )
})
