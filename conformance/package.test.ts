import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'

const run = promisify(execFile)
const root = path.resolve(import.meta.dirname, '..')
const folder = mkdtempSync(path.join(os.tmpdir(), 'sluice-package-'))
let packed: { filename: string; files: { path: string }[] }

beforeAll(async () => {
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder], {
    cwd: root,
  })
  packed = JSON.parse(stdout.slice(stdout.indexOf('[\n')))[0]
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('the package carries compiled JavaScript and no sources or tests', () => {
  const files = packed.files.map((file) => file.path)
  expect(files).toEqual(expect.arrayContaining(['bin/sluice.mjs', 'dist/cli/main.js']))
  expect(files.filter((file) => /(^src\/|(?<!\.d)\.ts$|\.test\.)/.test(file))).toEqual([])
})

test('a compiled module names the compiled files it imports', () => {
  const modules = packed.files
    .map((file) => file.path)
    .filter((file) => /^dist\/.*\.js$/.test(file))
  const wrong = modules.filter((file) =>
    /(?:from|import\(|new URL\()\s*'\.[^']*\.ts'/.test(readFileSync(path.join(root, file), 'utf8')),
  )
  expect(wrong).toEqual([])
})

test('npx runs the command of the installed package', async () => {
  const home = path.join(folder, 'app')
  await run('mkdir', [home])
  writeFileSync(path.join(home, 'package.json'), '{"name":"app","private":true}')
  const tarball = path.join(folder, packed.filename)
  await run('npm', ['install', '--no-audit', '--no-fund', tarball], { cwd: home })
  const { stdout, stderr } = await run('npx', ['--no-install', 'sluice', '--version'], {
    cwd: home,
    env: { ...process.env, npm_config_loglevel: 'error' },
  })
  const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'))
  expect({ stdout, stderr: stderr.replace(/^npm warn.*\n/gm, '') }).toEqual({
    stdout: `${version}\n`,
    stderr: '',
  })
})

test('the compiler of the package runs where there is nothing of Node', async () => {
  const script = path.join(import.meta.dirname, 'clients/compile-without-node.mjs')
  const { stdout } = await run(process.execPath, [
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
    script,
    root,
  ])
  expect(JSON.parse(stdout)).toEqual({
    globals: { process: 'undefined', Buffer: 'undefined', require: 'undefined' },
    scripts: ['echo A', 'echo B'],
    errors: ['azure-pipelines.yml:2:3 unexpected-key'],
    sameAgain: true,
    fires: '2026-01-05T03:00:00.000Z',
  })
})

test('the compiler of the package has types of its own', async () => {
  const home = path.join(folder, 'types')
  mkdirSync(path.join(home, 'node_modules'), { recursive: true })
  symlinkSync(root, path.join(home, 'node_modules/sluice'), 'dir')
  writeFileSync(path.join(home, 'package.json'), '{"type":"module"}')
  const options = '{"strict":true,"module":"nodenext","target":"es2024","types":[],"noEmit":true}'
  writeFileSync(path.join(home, 'tsconfig.json'), `{"compilerOptions":${options}}`)
  writeFileSync(
    path.join(home, 'use.ts'),
    "import { compile, type Plan } from 'sluice/compiler'\n" +
      "const plan: Plan | undefined = compile({ file: 'a', readFile: () => 'steps: []' }).plan\n" +
      '// @ts-expect-error a name is text\n' +
      'export const name: number | undefined = plan?.stages[0]?.name\n',
  )
  const tsc = path.join(root, 'node_modules/typescript/bin/tsc')
  await expect(run(process.execPath, [tsc, '-p', home])).resolves.toMatchObject({ stdout: '' })
})
