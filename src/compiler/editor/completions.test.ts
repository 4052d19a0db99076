import fc from 'fast-check'
import { expect, test } from 'vitest'
import { completions } from './completions.ts'
import { definition } from './definition.ts'
import { hover } from './hover.ts'
import { documentOf, withCursor } from './testing/sample.ts'

function labels(marked: string): string[] {
  const { document, offset } = withCursor(marked)
  return completions(document, offset).map(({ label }) => label)
}

/** The text after the proposal with this label was taken. */
function accept(marked: string, label: string): string {
  const { document, offset } = withCursor(marked)
  const item = completions(document, offset).find((one) => one.label === label)
  if (!item) return `no '${label}'`
  return document.text.slice(0, item.start) + item.insert + document.text.slice(item.end)
}

const STAGES = `stages:
- stage: build
  jobs:
  - job: one
    steps:
    - bash: echo "##vso[task.setvariable variable=tag;isOutput=true]1"
      name: set
  - job: two
    dependsOn: one
`

test.each([
  ['an empty document', '|', ['trigger', 'stages', 'jobs', 'steps', 'extends'], ['script']],
  [
    'the root, with keys there',
    'trigger: none\n|\nsteps: []',
    ['pool', 'pr'],
    ['trigger', 'steps'],
  ],
  ['a half-typed root key', 'trig|', ['trigger'], []],
  ['a job', 'jobs:\n- job: a\n  |', ['steps', 'pool', 'strategy'], ['job', 'deployment', 'stages']],
  ['a job, between keys', 'jobs:\n- job: a\n  |\n  steps: []', ['pool'], ['steps']],
  ['a list of jobs', 'jobs:\n- |', ['job', 'deployment', 'template'], ['steps']],
  [
    'a list of steps',
    'steps:\n- |',
    ['task', 'script', 'bash', 'checkout', 'template'],
    ['inputs'],
  ],
  ['steps without a dash', 'steps:\n  |', ['task', 'script'], ['inputs', 'pool']],
  ['a step kind half typed', 'steps:\n- scr|', ['script'], []],
  ['a script step', 'steps:\n- script: a\n  |', ['displayName', 'env'], ['script', 'inputs']],
  [
    'a task step',
    'steps:\n- task: Bash@3\n  |',
    ['inputs', 'condition'],
    ['script', 'failOnStderr'],
  ],
  ['a pool', 'pool:\n  |', ['vmImage', 'name', 'demands'], ['steps']],
  ['a job behind an unfinished key', 'pool:\n  vmIm\njobs:\n- job: a\n  |', ['steps'], ['job']],
  ['a job behind a stray word', 'trigger: none\nfoo\njobs:\n- job: a\n  |', ['steps'], ['job']],
  ['a job behind an anchor', 'name: &a b\njobs:\n- job: a\n  |', ['steps'], ['job']],
  ['a job behind a double key', 'name: a\nname: b\njobs:\n- job: a\n  |', ['steps'], ['job']],
  ['a job before an open list', 'jobs:\n- job: a\n  |\n- job: b\n  steps: [', ['steps'], ['job']],
  ['below a condition', `steps:\n- \${{ if true }}:\n  - |`, ['task', 'script'], ['inputs']],
  ['in a conditional mapping', `jobs:\n- job: a\n  \${{ if true }}:\n    |`, ['pool'], ['job']],
  [
    'a deployment hook',
    'jobs:\n- deployment: a\n  strategy:\n    runOnce:\n      |',
    ['deploy', 'on'],
    ['matrix'],
  ],
  ['a flow mapping', 'pool: { | }', ['vmImage'], []],
  [
    'a resource',
    'resources:\n  repositories:\n  - repository: a\n    |',
    ['type', 'ref'],
    ['pipeline'],
  ],
  ['a variable entry', 'variables:\n- |', ['name', 'group', 'template'], []],
  ['a text block', 'steps:\n- script: >\n    |\n', [], ['displayName', 'task']],
  ['a comment', 'trigger: none # |', [], ['trigger']],
])('keys are offered in %s', (_place, marked, wanted, unwanted) => {
  const found = labels(marked)
  expect(found).toEqual(expect.arrayContaining(wanted))
  expect(found.filter((label) => (unwanted as readonly string[]).includes(label))).toEqual([])
})

test.each([
  ['a boolean', 'steps:\n- script: a\n  enabled: |', ['true', 'false']],
  [
    'an enumeration',
    'jobs:\n- job: a\n  workspace:\n    clean: |',
    ['outputs', 'resources', 'all'],
  ],
  ['a value half typed', 'lockBehavior: seq|', ['sequential', 'runLatest']],
  ['a value in quotes', "lockBehavior: '|'", ['sequential', 'runLatest']],
  ['trigger', 'trigger: |', ['none']],
  ['a task', 'steps:\n- task: |', ['AzureKeyVault@2', 'Bash@3']],
  ['a task half typed', 'steps:\n- task: Ba|', ['AzureKeyVault@2', 'Bash@3']],
  [
    'a task with its version',
    'steps:\n- task: AzureKeyVault@|\n  inputs:',
    ['AzureKeyVault@2', 'Bash@3'],
  ],
  [
    'a flag input',
    'steps:\n- task: AzureKeyVault@2\n  inputs:\n    RunAsPreJob: |',
    ['true', 'false'],
  ],
  ['a stage to depend on', `${STAGES}- stage: deploy\n  dependsOn: |`, ['build']],
  ['jobs to depend on', 'jobs:\n- job: a\n- job: b\n- job: c\n  dependsOn:\n  - a\n  - |', ['b']],
  ['jobs in a flow list', 'jobs:\n- job: a\n- job: b\n- job: c\n  dependsOn: [a, |]', ['b']],
  [
    'a checkout',
    'resources:\n  repositories:\n  - repository: lib\nsteps:\n- checkout: |',
    ['none', 'self', 'lib'],
  ],
  [
    'a repository of a template',
    'resources:\n  repositories:\n  - repository: lib\nsteps:\n- template: a.yml@|',
    ['a.yml@self', 'a.yml@lib'],
  ],
  [
    'a container',
    'resources:\n  containers:\n  - container: box\njobs:\n- job: a\n  container: |',
    ['box'],
  ],
])('values are offered for %s', (_place, marked, wanted) => {
  expect(labels(marked)).toEqual(wanted)
})

test('inputs of the task are offered with their aliases, unless either is there', () => {
  const step = 'steps:\n- task: AzureKeyVault@2\n  inputs:\n'
  expect(labels(`${step}    |`)).toEqual([
    'ConnectedServiceName',
    'azureSubscription',
    'KeyVaultName',
    'SecretsFilter',
    'RunAsPreJob',
  ])
  expect(labels(`${step}    azuresubscription: a\n    |`)).toEqual([
    'KeyVaultName',
    'SecretsFilter',
    'RunAsPreJob',
  ])
  const { document, offset } = withCursor(`${step}    |`)
  expect(completions(document, offset).map(({ detail }) => detail)).toEqual([
    'required',
    'alias of ConnectedServiceName, required',
    'required',
    'default *',
    'default false',
  ])
})

test('parameters of a template are offered where it is used', () => {
  expect(labels('steps:\n- template: steps.yml\n  parameters:\n    |')).toEqual([
    'config',
    'verbose',
  ])
  expect(labels('extends:\n  template: steps.yml\n  parameters:\n    config: a\n    |')).toEqual([
    'verbose',
  ])
})

test.each([
  [
    'a template expression',
    `steps:\n- \${{ if | }}:`,
    ['eq', 'parameters', 'split'],
    ['succeeded', 'counter', 'dependencies'],
  ],
  ['a directive', `steps:\n- \${{ | }}:`, ['if', 'each', 'insert', 'eq'], []],
  [
    'a loop',
    `steps:\n- \${{ each item in parameters.list }}:\n  - script: \${{ | }}`,
    ['item'],
    [],
  ],
  [
    'parameters',
    `parameters:\n- name: config\nsteps:\n- script: \${{ parameters.| }}`,
    ['config'],
    ['eq'],
  ],
  [
    'variables by dot',
    `variables:\n  config: a\nsteps:\n- script: \${{ variables.con| }}`,
    ['config', 'Build.Reason'],
    ['Agent.OS'],
  ],
  [
    'variables by index',
    `variables:\n  config: a\nsteps:\n- script: \${{ variables['|'] }}`,
    ['config'],
    ['eq'],
  ],
  [
    'a stage condition',
    `${STAGES}- stage: deploy\n  condition: |`,
    ['succeeded', 'eq', 'dependencies'],
    ['counter', 'parameters', 'split'],
  ],
  [
    'a step condition',
    'steps:\n- script: a\n  condition: and(|',
    ['always', 'variables'],
    ['dependencies', 'counter'],
  ],
  ['a condition in quotes', "steps:\n- script: a\n  condition: 'and(suc|'", ['succeeded'], []],
  [
    'a condition over lines',
    'steps:\n- script: a\n  condition: >\n    and(\n    succ|\n',
    ['succeeded'],
    ['displayName'],
  ],
  [
    'a late variable',
    'variables:\n  n: $[ | ]',
    ['counter', 'format'],
    ['parameters', 'succeeded'],
  ],
  [
    'stages by name',
    `${STAGES}- stage: deploy\n  condition: eq(dependencies.|`,
    ['build'],
    ['one', 'deploy'],
  ],
  [
    'jobs by name',
    `${STAGES}    variables:\n      x: $[ dependencies.| ]`,
    ['one'],
    ['two', 'build'],
  ],
  [
    'fields of a job',
    `${STAGES}    variables:\n      x: $[ dependencies.one.| ]`,
    ['result', 'outputs'],
    [],
  ],
  [
    'outputs of a job',
    `${STAGES}    variables:\n      x: $[ dependencies.one.outputs['|'] ]`,
    ['set.tag'],
    [],
  ],
  [
    'outputs of a stage',
    `${STAGES}- stage: deploy\n  condition: eq(dependencies.build.outputs['|`,
    ['one.set.tag'],
    [],
  ],
  [
    'jobs of another stage',
    `${STAGES}- stage: deploy\n  jobs:\n  - job: x\n    condition: eq(stageDependencies.build.|`,
    ['one', 'two'],
    [],
  ],
  [
    'a macro',
    'variables:\n  config: a\nsteps:\n- script: echo $(|',
    ['config', 'Build.BuildId', 'Agent.OS'],
    [],
  ],
  [
    'a macro in a block',
    'variables:\n  config: a\nsteps:\n- script: >\n    echo $(con|)\n',
    ['config'],
    [],
  ],
  [
    'variables of a template',
    'variables:\n- template: variables.yml\nsteps:\n- script: $(|)',
    ['shared'],
    [],
  ],
  ['text of an expression', `steps:\n- script: \${{ eq('|') }}`, [], ['eq', 'variables']],
])('names are offered in %s', (_place, marked, wanted, unwanted) => {
  const found = labels(marked)
  expect(found).toEqual(expect.arrayContaining(wanted))
  expect(found.filter((label) => (unwanted as readonly string[]).includes(label))).toEqual([])
})

test.each([
  ['sta|', 'stages', 'stages:\n  - '],
  ['pool:\n  vm|', 'vmImage', 'pool:\n  vmImage: '],
  ['tri|gger: none', 'trigger', 'trigger: none'],
  ['steps:\n- |', 'script', 'steps:\n- script: '],
  ['steps:\n  |', 'script', 'steps:\n  - script: '],
  ['steps:\n- task: Ba|sh@2', 'Bash@3', 'steps:\n- task: Bash@3'],
  ['steps:\n- script: $(Build.Bui|)', 'Build.BuildId', 'steps:\n- script: $(Build.BuildId)'],
  ['steps:\n- script: $(Build.Bui|', 'Build.BuildId', 'steps:\n- script: $(Build.BuildId)'],
  [
    `steps:\n- script: \${{ variables.| }}`,
    'Build.Reason',
    `steps:\n- script: \${{ variables['Build.Reason'] }}`,
  ],
  [
    'steps:\n- script: a\n  condition: alw|',
    'always',
    'steps:\n- script: a\n  condition: always()',
  ],
  ['lockBehavior: s|e', 'sequential', 'lockBehavior: sequential'],
])('taking a proposal in %j writes %s', (marked, label, text) => {
  expect(accept(marked, label)).toBe(text)
})

test('a position by line and column means the same as its offset', () => {
  const text = 'trigger: none\nsteps:\n- scr'
  const byOffset = completions(documentOf(text), text.length)
  expect(completions(documentOf(text), { line: 3, column: 6 })).toEqual(byOffset)
  expect(completions(documentOf(text), { line: 3, column: 99 })).toEqual(byOffset)
})

const PIECES = [
  'stages:',
  'jobs:',
  'steps:',
  '- ',
  '  ',
  '\n',
  '\n  ',
  '\n    ',
  'stage: a',
  'job: b',
  'script: x',
  'task: Bash@3',
  'inputs:',
  'condition: ',
  'and(',
  ')',
  `\${{ `,
  ' }}',
  '$[ ',
  ' ]',
  '$(',
  'variables',
  '.',
  "['",
  "']",
  'dependsOn: ',
  '[',
  ']',
  '{',
  '}',
  ',',
  ':',
  '"',
  "'",
  '#',
  '\t',
  '&a ',
  '*a',
  '|',
  '>',
  'template: steps.yml',
  'parameters:',
  'if ',
  'each x in ',
  '\r\n',
  'é',
  '\u0000',
  '---',
]

test('any text at any place is answered, never with an exception', () => {
  const texts = fc.array(fc.oneof(fc.constantFrom(...PIECES), fc.string({ maxLength: 3 })), {
    maxLength: 14,
  })
  fc.assert(
    fc.property(texts, (pieces) => {
      const document = documentOf(pieces.join(''))
      for (let offset = 0; offset <= document.text.length; offset += 1) {
        for (const { start, end } of completions(document, offset)) {
          expect(start).toBeLessThanOrEqual(offset)
          expect(end).toBeGreaterThanOrEqual(offset)
        }
        hover(document, offset)
        definition(document, offset)
      }
    }),
    { numRuns: 150 },
  )
})

const PIPELINE = `parameters:
- name: config
  default: Debug
variables:
- name: a
  value: 'b c'
stages:
- stage: one
  dependsOn: []
  jobs:
  - job: x
    \${{ if eq(parameters.config, 'Debug') }}:
      displayName: "a: $(a)"
    steps:
    - script: |
        echo $(a)
        echo two
      condition: and(succeeded(), eq(variables['a'], 'b'))
    - task: AzureKeyVault@2
      inputs: { KeyVaultName: kv, SecretsFilter: '*' }
- template: more.yml@lib # end
`

test('a pipeline is answered at every place, whole and while it is being typed', () => {
  const whole = documentOf(PIPELINE)
  for (let offset = 0; offset <= PIPELINE.length; offset += 1) {
    const half = documentOf(PIPELINE.slice(0, offset))
    for (const document of [whole, half]) {
      completions(document, offset)
      hover(document, offset)
      definition(document, offset)
    }
  }
  const last = completions(documentOf(`${PIPELINE}- st`), PIPELINE.length + 4)
  expect(last.map(({ label }) => label)).toContain('stage')
})

test.each([
  ['spaces', ' '.repeat(200_000)],
  ['a flow list', `a: [${'b'.repeat(100_000)},${'c'.repeat(100_000)}!`],
  ['colons', 'a: '.repeat(70_000)],
  ['dashes', '- '.repeat(90)],
  ['a word', 'a'.repeat(200_000)],
  ['macros', `a: ${'$('.repeat(50_000)}`],
  ['brackets', `a: $[ ${"b['".repeat(50_000)}`],
  ['commands', `a: ${'##vso[task.setvariable '.repeat(8000)}`],
  ['open expressions', `a: ${'$'}{{ ${'('.repeat(100_000)}`],
])('a line of very many %s is answered', (_what, line) => {
  for (const text of [line, `steps:\n- script: a\n  ${line}`, `${line}\u2028`]) {
    expect(completions(documentOf(text), text.length)).toBeInstanceOf(Array)
    hover(documentOf(text), text.length)
  }
})
