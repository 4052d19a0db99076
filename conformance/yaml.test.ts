import { afterAll, beforeAll, expect, test } from 'vitest'
import { Estate } from './harness.ts'

const estate = new Estate()
beforeAll(() => estate.up(), 30_000)
afterAll(() => estate.remove())

const noGroup = 'Variable group nope was not found or is not authorized for use.'
const rows: readonly (readonly [string, string, readonly (readonly [string, string])[]])[] = [
  ['a tab', 'steps:\n\t- bash: x\n', [['2:1', 'Tabs are not allowed as indentation']]],
  ['a key given twice', 'steps: []\nsteps: []\n', [['2:1', "'steps' is already defined"]]],
  [
    'an anchor',
    'steps:\n- bash: &a x\n',
    [['2:9', "Anchors are not currently supported. Remove the anchor 'a'"]],
  ],
  [
    'an unknown key',
    'steps:\n- bash: x\n  displayNam: y\n',
    [['3:3', "Did you mean 'displayName'?"]],
  ],
  ['a missing group', 'variables:\n- group: nope\nsteps:\n- bash: x\n', [['2:3', noGroup]]],
  [
    'a circle of jobs',
    'jobs:\n- job: a\n  dependsOn: b\n  steps: [{bash: x}]\n- job: b\n  dependsOn: a\n  steps: [{bash: x}]\n',
    [['6:14', 'Job b depends on job a which creates a cycle in the dependency graph.']],
  ],
  [
    'an unknown task',
    'steps:\n- task: Bsh@3\n',
    [['2:3', "A task is missing. The pipeline references a task called 'Bsh'."]],
  ],
  [
    'several errors at once',
    'steps:\n- bash: x\n  displayNam: y\n- bash: &a z\n- script: q\n  enabld: true\n',
    [
      ['3:3', "Unexpected value 'displayNam'"],
      ['4:9', "Remove the anchor 'a'"],
      ['6:3', "Did you mean 'enabled'?"],
    ],
  ],
]

test.each(rows)(
  '%s is shown with file, line and column, and no run is made',
  async (name, yaml, expected) => {
    const cwd = estate.folder(`yaml-${name}`.replaceAll(' ', '-'), { 'azure-pipelines.yml': yaml })
    const { code, stdout, stderr } = await estate.sluice(['run'], { cwd })
    expect([code, stdout]).toEqual([1, ''])
    for (const [place, text] of expected) {
      expect(stderr).toContain(`azure-pipelines.yml:${place}: error: `)
      expect(stderr).toContain(text)
    }
    const count = expected.length === 1 ? '1 error' : `${expected.length} errors`
    expect(stderr).toMatch(new RegExp(`The pipeline is not valid: ${count}\\.\\n$`))
    expect(await estate.json(['pipelines', 'runs', 'list'])).toEqual([])
  },
  30_000,
)

test.each([
  ['a pool that does not exist', 'pool: { name: nope }\nsteps:\n- bash: x\n', /nope/],
  ['a missing group', 'variables:\n- group: nope\nsteps:\n- bash: x\n', new RegExp(noGroup)],
])(
  'pipelines run refuses %s',
  async (name, yaml, words) => {
    const folder = estate.folder(`server-${name}`.replaceAll(' ', '-'), {
      'azure-pipelines.yml': yaml,
    })
    await estate.json([
      'pipelines',
      'create',
      '--name',
      name,
      '--repository',
      folder,
      '--skip-first-run',
    ])
    const { code, stdout, stderr } = await estate.sluice(['pipelines', 'run', '--name', name])
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toMatch(words)
    expect(stderr).toMatch(/azure-pipelines\.yml.*\d+:\d+|Line: \d+, Col: \d+/)
    expect(await estate.json(['pipelines', 'runs', 'list'])).toEqual([])
  },
  30_000,
)
