import { expect, test } from 'vitest'
import { definition } from './definition.ts'
import { withCursor } from './testing/sample.ts'

function places(marked: string): string[] {
  const { document, offset } = withCursor(marked)
  return definition(document, offset).map(({ file, line, column }) => `${file}:${line}:${column}`)
}

const here = (place: string) => [`ci/azure-pipelines.yml:${place}`]

test.each([
  ['a template', 'steps:\n- template: ste|ps.yml', ['ci/steps.yml:1:1']],
  ['a template from the root', 'steps:\n- template: /ci/ste|ps.yml', ['ci/steps.yml:1:1']],
  [
    'a template of another repository',
    'jobs:\n- template: jo|bs.yml@common',
    ['jobs.yml@common:1:1'],
  ],
  ['a template that is missing', 'steps:\n- template: no|ne.yml', []],
  ['a template outside of the repository', 'steps:\n- template: ../../a|.yml', []],
  [
    'the repository of a template',
    'resources:\n  repositories:\n  - repository: common\njobs:\n- template: jobs.yml@com|mon',
    here('3:17'),
  ],
  [
    'a parameter of a template',
    'steps:\n- template: steps.yml\n  parameters:\n    con|fig: a',
    ['ci/steps.yml:2:11'],
  ],
  ['a stage', 'stages:\n- stage: a\n- stage: b\n  dependsOn: |a', here('2:10')],
  ['a job in a list', 'jobs:\n- job: a\n- job: b\n  dependsOn:\n  - |a', here('2:8')],
  [
    'a job of the own stage',
    'stages:\n- stage: s\n  jobs:\n  - job: x\n- stage: t\n  jobs:\n  - job: x\n  - job: y\n    dependsOn: |x',
    here('7:10'),
  ],
  [
    'a job below a condition',
    `jobs:\n- \${{ if true }}:\n  - job: a\n- job: b\n  dependsOn: |a`,
    here('3:10'),
  ],
  ['a macro', 'variables:\n  a: 1\nsteps:\n- script: $(|A)', here('2:3')],
  [
    'a variable, the winner first',
    `variables:\n- name: a\n  value: 1\njobs:\n- job: x\n  variables:\n    a: 2\n  steps:\n  - script: \${{ variables.|a }}`,
    [...here('7:5'), ...here('2:9')],
  ],
  [
    'a variable of a template',
    'variables:\n- template: variables.yml\nsteps:\n- script: $(sha|red)',
    ['ci/variables.yml:2:9'],
  ],
  ['a parameter', `parameters:\n- name: p\nsteps:\n- script: \${{ parameters.|p }}`, here('2:9')],
  [
    'a parameter in the older form',
    `parameters:\n  p: 1\nsteps:\n- script: \${{ parameters.|p }}`,
    here('2:3'),
  ],
  [
    'a repository',
    'resources:\n  repositories:\n  - repository: lib\nsteps:\n- checkout: l|ib',
    here('3:17'),
  ],
  [
    'a container',
    'resources:\n  containers:\n  - container: box\njobs:\n- job: a\n  container: b|ox',
    here('3:16'),
  ],
  [
    'a stage in a condition',
    'stages:\n- stage: a\n- stage: b\n  condition: eq(dependencies.|a.result, 1)',
    here('2:10'),
  ],
  [
    'a job in a condition',
    'jobs:\n- job: a\n- job: b\n  condition: eq(dependencies.|a.result, 1)',
    here('2:8'),
  ],
  [
    'a job of another stage',
    'stages:\n- stage: a\n  jobs:\n  - job: x\n- stage: b\n  jobs:\n  - job: y\n    condition: eq(stageDependencies.a.|x.result, 1)',
    here('4:10'),
  ],
  [
    'an output',
    `jobs:\n- job: a\n  steps:\n  - bash: "echo ##vso[task.setvariable variable=v;isOutput=true]1"\n    name: s\n- job: b\n  variables:\n    v: $[ dependencies.a.outputs['s|.v'] ]`,
    here('4:11'),
  ],
  ['an unknown name', 'jobs:\n- job: b\n  dependsOn: |a', []],
])('definition finds %s', (_what, marked, wanted) => {
  expect(places(marked)).toEqual(wanted)
})
