import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { removeFolders, workbench } from '../testing/task-bench.ts'
import { bash } from './bash.ts'
import { cmdLine } from './cmd-line.ts'
import { powerShell } from './power-shell.ts'

const STARTING = '========================== Starting Command Output ==========================='

afterAll(removeFolders)

test('CmdLine shows a one-line script and runs it in the sources', async () => {
  const bench = workbench()
  expect(await bench.run(cmdLine, { script: 'echo hi; pwd' })).toEqual({ result: 'Succeeded' })
  expect(bench.lines).toEqual([
    'Generating script.',
    'Script contents:',
    'echo hi; pwd',
    STARTING,
    'hi',
    bench.sources,
  ])
})

test.each([
  ['of several lines', 'echo a\necho b'],
  ['with a logging command', 'echo "##vso[task.debug]x"'],
])('a script %s is not shown', async (_, script) => {
  const bench = workbench()
  await bench.run(cmdLine, { script })
  expect(bench.lines.slice(0, 2)).toEqual(['Generating script.', STARTING])
})

test('a script is in a file for this user only, never among arguments, and gone afterwards', async () => {
  const bench = workbench()
  const script = 'stat -c %a "$0"; ls "$(dirname "$0")" | wc -l; echo top-secret-value\ntrue'
  await bench.run(cmdLine, { script })
  expect(bench.lines.slice(2, 4)).toEqual(['600', '1'])
  expect(bench.commands.flat().join(' ')).not.toContain('top-secret-value')
  expect(bench.commands[0]?.slice(0, 3)).toEqual(['bash', '--noprofile', '--norc'])
  expect(readdirSync(bench.temp)).toEqual([])
})

test('a script that names a file runs the file', async () => {
  const bench = workbench()
  mkdirSync(path.join(bench.sources, "it's here"))
  const file = path.join(bench.sources, "it's here", 'run.sh')
  writeFileSync(file, '#!/bin/sh\necho from file\n', { mode: 0o755 })
  expect(await bench.run(cmdLine, { script: file })).toEqual({ result: 'Succeeded' })
  expect(bench.lines.at(-1)).toBe('from file')
})

test('Windows line ends in a script do not reach bash', async () => {
  const bench = workbench()
  expect(await bench.run(cmdLine, { script: 'if true\r\nthen echo ok\r\nfi\r\n' })).toEqual({
    result: 'Succeeded',
  })
})

test.each([
  ['CmdLine', cmdLine, {}],
  ['Bash', bash, { targetType: 'inline' }],
])('%s ends with the exit code of its script', async (_, task, inputs) => {
  const bench = workbench()
  expect(await bench.run(task, { ...inputs, script: 'exit 3' })).toEqual({
    result: 'Failed',
    message: "Bash exited with code '3'.",
  })
})

test.each([
  ['CmdLine', cmdLine, {}],
  ['Bash', bash, { targetType: 'inline' }],
])('%s fails on standard error only when it should', async (_, task, inputs) => {
  const script = 'echo out; echo bad >&2'
  const calm = workbench()
  expect(await calm.run(task, { ...inputs, script })).toEqual({ result: 'Succeeded' })
  expect(calm.lines.slice(-2)).toEqual(['out', 'bad'])

  const strict = workbench()
  expect(await strict.run(task, { ...inputs, script, failOnStderr: 'true' })).toEqual({
    result: 'Failed',
    message: 'Bash wrote one or more lines to the standard error stream.',
  })
  expect(strict.issues).toEqual(['error bad'])
})

test('Bash runs a file with arguments', async () => {
  const bench = workbench()
  writeFileSync(path.join(bench.sources, 'a b.sh'), 'echo "$1-$2"')
  const inputs = { filePath: 'a b.sh', arguments: "one 'two three'" }
  expect(await bench.run(bash, inputs)).toEqual({ result: 'Succeeded' })
  const file = path.join(bench.sources, 'a b.sh')
  expect(bench.lines).toEqual([
    'Generating script.',
    `Formatted command: exec bash '${file}' one 'two three'`,
    STARTING,
    'one-two three',
  ])
})

test('Bash reads BASH_ENV first', async () => {
  const bench = workbench()
  const file = path.join(bench.sources, 'env.sh')
  writeFileSync(file, 'GREETING=hello')
  const script = 'echo $GREETING'
  await bench.run(bash, { targetType: 'inline', script, bashEnvValue: file })
  expect(bench.lines.at(-1)).toBe('hello')
})

test.each([
  [{ targetType: 'inline' }, 'Input required: script'],
  [{ filePath: 'missing.sh' }, /^Invalid file path '.*missing\.sh'\.$/],
  [{ targetType: 'url' }, "targetType must be 'inline' or 'filePath', not 'url'."],
])('Bash refuses %j', async (inputs, message) => {
  const end = await workbench().run(bash, inputs)
  expect(end).toEqual({ result: 'Failed', message: expect.stringMatching(message) })
})

test('Bash explains a killed script', async () => {
  const end = await workbench().run(bash, { targetType: 'inline', script: 'kill -9 $$' })
  expect(end).toEqual({
    result: 'Failed',
    message: expect.stringMatching(/^Bash exited with code '137'\. .*memory/),
  })
})

test('PowerShell gets the preferences and the exit code around its script', async () => {
  // Stands in for PowerShell: shows the file that it was told to run.
  const bin = workbench().folder
  const fake = '#!/bin/sh\necho "$@"\ncat "$(echo "$5" | cut -d"\'" -f2)"\n'
  writeFileSync(path.join(bin, 'pwsh'), fake, { mode: 0o755 })
  const bench = workbench({ searchPath: `${bin}:${process.env['PATH']}` })
  const inputs = { targetType: 'inline', script: 'Write-Host hi', warningPreference: 'continue' }
  expect(await bench.run(powerShell, inputs)).toEqual({ result: 'Succeeded' })
  expect(bench.lines[4]).toMatch(/^-NoLogo -NoProfile -NonInteractive -Command \. '.*\.ps1'$/)
  expect(bench.lines.slice(5)).toEqual([
    "\ufeff$ErrorActionPreference = 'stop'",
    "$WarningPreference = 'continue'",
    "$ProgressPreference = 'silentlyContinue'",
    'Write-Host hi',
    'if (!(Test-Path -LiteralPath variable:\\LASTEXITCODE)) {',
    '} else {',
    '  exit $LASTEXITCODE',
    '}',
  ])
})

test('PowerShell that is not installed is a clear failure', async () => {
  const bench = workbench({ searchPath: workbench().temp })
  expect(await bench.run(powerShell, { targetType: 'inline', script: 'x' })).toEqual({
    result: 'Failed',
    message: "PowerShell is not installed on this agent ('pwsh' was not found).",
  })
})

test('PowerShell refuses an unknown preference before it runs anything', async () => {
  const inputs = { targetType: 'inline', script: 'x', errorActionPreference: "stop'; evil" }
  expect(await workbench().run(powerShell, inputs)).toMatchObject({ result: 'Failed' })
})
