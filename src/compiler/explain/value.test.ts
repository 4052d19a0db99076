import { expect, test } from 'vitest'
import { compile } from '../compile.ts'
import { explainValue } from './value.ts'

const FILES: Readonly<Record<string, string>> = {
  'azure-pipelines.yml': `parameters:
- name: size
  type: number
  default: 3
- name: regions
  type: object
  default: [eu, us]
variables:
- name: config
  value: Debug
- name: Config
  value: Release
- group: secrets
pool: Default
resources:
  repositories:
  - repository: lib
    name: team/lib
stages:
- stage: first
  variables:
    config: Staged
  jobs:
  - job: build
    condition: and(succeeded(), eq(variables.config, 'Release'))
    variables:
      config: Job
    steps:
    - bash: echo
      displayName: Build \${{ variables.config }}
- template: stage.yml
`,
  'stage.yml': `stages:
- stage: second
  jobs:
  - job: only
    pool:
      name: Own
    steps:
    - script: echo
      name: said
`,
}

function explain(question: string, given: { readonly [name: string]: string } = {}) {
  const request = {
    file: 'azure-pipelines.yml',
    readFile: (_repository: string, path: string) => FILES[path],
    variables: { queued: 'yes', config: 'FromQueue' },
    parameters: given,
  }
  const { plan, diagnostics } = compile(request)
  if (!plan) throw new Error(JSON.stringify(diagnostics))
  const explanation = explainValue(question, plan, request)
  if (explanation.ok) return explanation.lines.join('\n')
  return [explanation.message, explanation.hint].filter(Boolean).join('\n')
}

test.each([
  [
    "eq(variables.config, 'x')",
    "Evaluating: eq(variables['config'], 'x')\nExpanded: eq('Release', 'x')\nResult: False",
  ],
  ['${' + '{ variables.queued }}', "Evaluating: variables['queued']\nResult: 'yes'"],
  ['parameters.size', "Evaluating: parameters['size']\nResult: 3"],
  ["join(',', parameters.regions)", "Result: 'eu,us'"],
  ['resources.repositories.lib.name', "Result: 'team/lib'"],
])('the expression %s is traced', (question, text) => {
  expect(explain(question)).toContain(text)
})

test('parameters of the command line take the place of defaults, by their type', () => {
  expect(explain('parameters.size', { size: '5' })).toContain('Result: 5')
  expect(explain("join('+', parameters.regions)", { regions: '[a, b]' })).toContain("Result: 'a+b'")
})

test('a lookup that finds nothing is explained', () => {
  expect(explain('eq(variables.confg, 1)')).toContain("Did you mean 'Config'?")
})

test('an expression of a later phase says what is not known yet', () => {
  expect(explain("and(succeeded(), eq(variables.config, 'x'))")).toContain('stage conditions')
})

test('wrong text is shown with its place', () => {
  expect(explain('eq(variables.a, nope)')).toContain(
    '\n  eq(variables.a, nope)\n                  ^',
  )
})

test('a variable tells where it is set, what it overrides and what overrides it', () => {
  expect(explain('config').split('\n')).toEqual([
    'Config = Release',
    '  set by the pipeline (azure-pipelines.yml:11:3)',
    "  overrides 'Debug' of the same list (azure-pipelines.yml:9:3)",
    "  overrides 'FromQueue', which was set when the run was queued",
    "  stage first sets 'Staged' instead (azure-pipelines.yml:22:5)",
    "  job first.build sets 'Job' instead (azure-pipelines.yml:27:7)",
    '  may also come from the groups secrets (azure-pipelines.yml:13:3), which are read when a stage starts',
  ])
  expect(explain('variables.queued')).toBe(
    'queued = yes\n  set when the run was queued\n  may also come from the groups secrets (azure-pipelines.yml:13:3), which are read when a stage starts',
  )
})

test.each([
  [
    'stages[0].jobs.build.condition',
    ["= and(succeeded(), eq(variables.config, 'Release'))", 'written at azure-pipelines.yml:25:5'],
  ],
  ['stages.second.condition', ['= succeeded()', 'not written: the default', 'stage.yml:2:3']],
  ['stages.second.jobs.only.pool.name', ['= Own', 'written at stage.yml:6:7']],
  [
    'stages.first.jobs.build.pool.name',
    ['= Default', 'written by the pipeline at azure-pipelines.yml:14:1'],
  ],
  [
    'stages.first.jobs[0].steps[1].displayName',
    ['= Build Job', 'azure-pipelines.yml:30:7', 'as Build $' + '{{ variables.config }}'],
  ],
  ['stages.second.jobs.only.steps.said.name', ['= said', 'stage.yml:9:7']],
  [
    'stages.first.jobs.build.variables.config',
    [
      '= Job',
      'set at azure-pipelines.yml:27:7',
      "overrides 'Staged' (azure-pipelines.yml:22:5)",
      "overrides 'Release'",
    ],
  ],
  ['stages.frist.jobs', ["There is no 'frist' in stages.", "Did you mean 'first'?"]],
])('the path %s tells its value and its source', (question, parts) => {
  const text = explain(question)
  for (const part of parts) expect(text).toContain(part)
})
