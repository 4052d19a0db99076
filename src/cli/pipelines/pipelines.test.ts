import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse } from 'yaml'
import { compilerCommands } from '../commands/compiler.ts'
import { ExitCode } from '../exit-code.ts'
import { readCommandLine } from '../program.ts'
import type { Terminal } from '../terminal.ts'
import { printCompiled, validate } from './index.ts'
import { findPipelineFiles, readerOf } from './pipeline-files.ts'

let base: string

const FILES: Readonly<Record<string, string>> = {
  'outside.yml': 'steps:\n- script: secret\n',
  'repo/.git/HEAD': '',
  'repo/azure-pipelines.yml': `parameters:
- name: who
  default: world
variables:
  config: Debug
stages:
- stage: first
  jobs:
  - job: build
    condition: eq(variables.config, 'Debug')
    steps:
    - template: /shared/hello.yml
      parameters: { who: '\${{ parameters.who }}' }
`,
  'repo/shared/hello.yml':
    'parameters:\n- name: who\nsteps:\n- script: echo ${' + '{ parameters.who }}\n',
  'repo/ci/tab.yml': 'steps:\n- script: a\n\tname: b\n',
  'repo/ci/double.yml': 'name: a\nname: b\nsteps: []\n',
  'repo/ci/anchor.yml': 'name: &a b\nsteps:\n- script: a\n',
  'repo/ci/unknown.yml': 'steps:\n- script: a\n  enbled: true\n',
  'repo/ci/escape.yml': 'steps:\n- script: a\n  \u001b[31m: true\n',
  'repo/ci/out.yml': 'steps:\n- template: ../../outside.yml\n',
  'repo/ci/link.yml': 'steps:\n- template: linked.yml\n',
  'plain/azure-pipelines.yaml': 'steps:\n- script: a\n',
  'empty/readme.md': '',
}

beforeAll(() => {
  base = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'sluice-validate-')))
  for (const [file, text] of Object.entries(FILES)) {
    mkdirSync(path.dirname(path.join(base, file)), { recursive: true })
    writeFileSync(path.join(base, file), text)
  }
  symlinkSync(path.join(base, 'outside.yml'), path.join(base, 'repo/ci/linked.yml'))
})

afterAll(() => rmSync(base, { recursive: true, force: true }))

interface Said {
  readonly out: string
  readonly note: string
  readonly code: number
}

/** What a command says in a folder, and its exit code. */
async function said(
  folder: string,
  run: (around: { readonly terminal: Terminal; readonly folder: string }) => Promise<undefined>,
  color = false,
): Promise<Said> {
  const out: string[] = []
  const note: string[] = []
  let code = 0
  const terminal: Terminal = {
    isInteractive: false,
    hasStdin: false,
    color,
    columns: 120,
    out: (text) => out.push(text),
    note: (text) => note.push(text),
    readStdin: () => Promise.reject(new Error('nothing is read')),
    canAsk: false,
    askSecret: () => Promise.reject(new Error('nobody is asked')),
    confirm: async () => false,
  }
  await run({ terminal, folder: path.join(base, folder) }).catch((thrown: unknown) => {
    if (!(thrown instanceof ExitCode)) throw thrown
    code = thrown.code
  })
  return { out: out.join(''), note: note.join(''), code }
}

const validated = (folder: string, options: Parameters<typeof validate>[0] = {}, color = false) =>
  said(folder, (around) => validate(options, around), color)
const compiled = (folder: string, options: Parameters<typeof printCompiled>[0] = {}) =>
  said(folder, (around) => printCompiled(options, around))

test.each([
  ['tab.yml', 'tab.yml:3:1: error: Tabs are not allowed as indentation'],
  ['double.yml', "double.yml:2:1: error: 'name' is already defined"],
  ['anchor.yml', 'anchor.yml:1:7: error: Anchors are not currently supported.'],
  [
    'unknown.yml',
    "unknown.yml:3:3: error: Unexpected value 'enbled'\n  3 |   enbled: true\n    |   ^^^^^^\n  hint: Did you mean 'enabled'?",
  ],
  ['out.yml', 'out.yml:2:13: error: '],
  ['link.yml', 'link.yml:2:13: error: File /ci/linked.yml not found in repository self.'],
])('validate shows where %s is wrong and ends with 1', async (file, text) => {
  const { out, code } = await validated('repo/ci', { file: [file] })
  expect(out).toContain(text)
  expect(out).toContain(`${file} is not valid: `)
  expect(code).toBe(1)
})

test('validate takes the pipeline of the folder, and ends with 0 when it is valid', async () => {
  expect(await validated('repo')).toEqual({
    out: 'azure-pipelines.yml is valid.\n',
    note: '',
    code: 0,
  })
  expect((await validated('plain')).out).toBe('azure-pipelines.yaml is valid.\n')
})

test('validate names both standard names when there is neither', async () => {
  await expect(validated('empty')).rejects.toMatchObject({
    code: 'UsageWrong',
    message: expect.stringMatching(/azure-pipelines\.yml or azure-pipelines\.yaml/),
  })
})

test('validate takes several files and names each from the current folder', async () => {
  const { out, code } = await validated('repo/ci', { file: ['../azure-pipelines.yml', 'tab.yml'] })
  expect(out).toContain('../azure-pipelines.yml is valid.\n')
  expect(out).toContain('tab.yml is not valid: 1 error.\n')
  expect(code).toBe(1)
})

test('colours are for terminals, and no text of a file steers one', async () => {
  const plain = await validated('repo/ci', { file: ['unknown.yml'] })
  expect(plain.out).not.toContain('\u001b')
  const colored = await validated('repo/ci', { file: ['unknown.yml'] }, true)
  expect(colored.out).toContain('\u001b[31merror\u001b[0m')
  expect(colored.out).toContain('\u001b[31m^^^^^^\u001b[0m')
  const hostile = await validated('repo/ci', { file: ['escape.yml'] })
  expect(hostile.code).toBe(1)
  expect(hostile.out).not.toContain('\u001b')
})

test('validate gives the diagnostics as JSON', async () => {
  const { out } = await validated('repo/ci', { file: ['unknown.yml'], format: 'json' })
  expect(JSON.parse(out)).toEqual([
    expect.objectContaining({
      code: 'unexpected-key',
      severity: 'error',
      place: { file: 'ci/unknown.yml', line: 3, column: 3, endLine: 3, endColumn: 9 },
    }),
  ])
  expect(JSON.parse((await validated('repo', { format: 'json' })).out)).toEqual([])
})

test('validate gives SARIF 2.1.0 with all that it requires', async () => {
  const { out, code } = await validated('repo/ci', {
    file: ['unknown.yml', 'tab.yml'],
    format: 'sarif',
  })
  const log = JSON.parse(out)
  expect(code).toBe(1)
  expect(log).toMatchObject({ version: '2.1.0', $schema: expect.stringContaining('sarif-2.1.0') })
  const [run] = log.runs
  expect(run.tool.driver.name).toBe('Sluice')
  expect(run.results).toHaveLength(2)
  for (const result of run.results) {
    expect(run.tool.driver.rules[result.ruleIndex].id).toBe(result.ruleId)
    expect(result.level).toBe('error')
    expect(result.message.text).not.toBe('')
    const { artifactLocation, region } = result.locations[0].physicalLocation
    expect(artifactLocation.uri).toMatch(/^ci\/\w+\.yml$/)
    expect(run.originalUriBaseIds).toHaveProperty(artifactLocation.uriBaseId)
    expect(region.startLine).toBeGreaterThanOrEqual(1)
    expect(region.startColumn).toBeGreaterThanOrEqual(1)
  }
})

test('compile prints the final document or the plan, with parameters given', async () => {
  const { out } = await compiled('repo', { parameters: ['who=moon'] })
  expect(out).toContain('script: echo moon')
  expect(parse(out)).toMatchObject({ stages: [{ stage: 'first' }] })
  const plan = JSON.parse((await compiled('repo', { format: 'json' })).out)
  expect(plan.stages[0].jobs[0].steps.at(-1).inputs).toEqual({ script: 'echo world' })
})

test('compile shows what is wrong on stderr and prints no document', async () => {
  const { out, note, code } = await compiled('repo/ci', { file: 'unknown.yml' })
  expect([out, code]).toEqual(['', 1])
  expect(note).toContain('unknown.yml:3:3: error: ')
})

test('compile explains an expression, a variable or a path', async () => {
  const trace = async (text: string) => (await compiled('repo', { trace: text })).out
  expect(await trace("eq(variables.config, 'x')")).toBe(
    "Evaluating: eq(variables['config'], 'x')\nExpanded: eq('Debug', 'x')\nResult: False\n",
  )
  expect(await trace('config')).toContain('set by the pipeline (azure-pipelines.yml:5:3)')
  expect(await trace('stages[0].jobs.build.condition')).toContain(
    'written at azure-pipelines.yml:10:5',
  )
  await expect(trace('eq(1')).rejects.toMatchObject({ code: 'NotExplained' })
})

test.each([
  ['text file', { file: ['nope.yml'] }, 'There is no file nope.yml.'],
  ['format', { format: 'xml' }, "--format takes text, json, sarif, not 'xml'."],
])('an unknown %s is a wrong command line', async (_what, options, message) => {
  await expect(validated('repo', options)).rejects.toMatchObject({ code: 'UsageWrong', message })
})

test('the command line gives the commands their options', async () => {
  const program = { version: '1.0.0', nouns: {}, defaultData: '/data' }
  const read = async (line: string) =>
    (await readCommandLine(line.split(' '), compilerCommands, program))?.options
  expect(await read('validate a.yml b.yml --format json --variables a=1 b=2')).toMatchObject({
    file: ['a.yml', 'b.yml'],
    format: 'json',
    variables: ['a=1', 'b=2'],
  })
  expect(await read('compile --trace x')).toMatchObject({ file: undefined, trace: 'x' })
  expect(await read('language-server --stdio')).toMatchObject({ stdio: true })
})

test('the repository is the Git top level, else the current folder, else the own folder', () => {
  const at = (file: string, folder: string) =>
    findPipelineFiles([path.join(base, file)], path.join(base, folder)).map((found) => [
      path.relative(base, found.root),
      found.file,
    ])
  expect(at('repo/ci/tab.yml', 'repo/ci')).toEqual([['repo', 'ci/tab.yml']])
  expect(at('plain/azure-pipelines.yaml', '.')).toEqual([['', 'plain/azure-pipelines.yaml']])
  expect(at('plain/azure-pipelines.yaml', 'empty')).toEqual([['plain', 'azure-pipelines.yaml']])
})

test('nothing outside of the repository is read, and no other repository', () => {
  const read = readerOf({ root: path.join(base, 'repo'), file: 'azure-pipelines.yml' })
  expect(read('self', 'shared/hello.yml')).toContain('parameters')
  for (const file of ['../outside.yml', 'ci/linked.yml', 'ci', 'ci/none.yml', '']) {
    expect(read('self', file)).toBeUndefined()
  }
  expect(read('other', 'shared/hello.yml')).toBeUndefined()
})
