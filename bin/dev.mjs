#!/usr/bin/env node
// The developer's commands: node bin/dev.mjs <test|check|bench|conformance|fuzz|docs|build|lock> [-- args]

import { spawn } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {
  BootstrapFault,
  ensureDependencies,
  findNode,
  root,
  runInPlace,
  start,
} from './bootstrap.mjs'
import { build } from './build.mjs'
import { completeLock } from './lock.mjs'

const lockFile = path.join(root, 'package-lock.json')

const commands = {
  test: (args) => runTests(args),
  conformance: (args) => runTests(['--project', 'conformance', ...args]),
  check: () => check(),
  bench: (args) => runScript('bench/run.ts', args),
  fuzz: (args) => runScript('fuzz/run.ts', args),
  docs: (args) => runScript('docs/draw.ts', args),
  build: () => build(root, (name, args) => capture(name, tool(name, args))),
  lock: () => {
    for (const name of completeLock(lockFile, false)) process.stdout.write(`added ${name}\n`)
  },
}

await start(async () => {
  const [verb, ...rest] = process.argv.slice(2)
  const command = Object.hasOwn(commands, verb ?? '') ? commands[verb] : undefined
  if (command === undefined) {
    process.stderr.write(`Usage: node bin/dev.mjs <${Object.keys(commands).join('|')}> [-- args]\n`)
    process.exitCode = 2
    return
  }
  if (verb !== 'lock') ensureDependencies()
  await command(rest[0] === '--' ? rest.slice(1) : rest)
})

/** The command line (after Node itself) of a development tool. */
function tool(name, args) {
  const places = {
    biome: ['@biomejs/biome', 'biome'],
    tsc: ['typescript', 'tsc'],
    knip: ['knip', 'knip'],
    vitest: ['vitest', 'vitest'],
  }
  const [packageName, command] = places[name]
  const folder = path.join(root, 'node_modules', packageName)
  const { bin } = JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'))
  return [path.join(folder, bin[command]), ...args]
}

/** Children find our Node first, so that a test that runs `node` runs the same one. */
function toolEnvironment(extra = {}) {
  const search = `${path.dirname(findNode())}${path.delimiter}${process.env.PATH ?? ''}`
  return { ...process.env, ...extra, PATH: search }
}

function runScript(file, args) {
  if (!fs.existsSync(path.join(root, file))) throw new BootstrapFault(`There is no ${file}.`)
  const quiet = '--disable-warning=ExperimentalWarning'
  runInPlace(findNode(), [quiet, path.join(root, file), ...args], toolEnvironment())
}

/** Runs a tool with our Node and gives back what it printed. */
function capture(name, args) {
  const startedMs = Date.now()
  return new Promise((resolve) => {
    const child = spawn(findNode(), args, {
      cwd: root,
      env: toolEnvironment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const parts = []
    child.stdout.on('data', (part) => parts.push(part))
    child.stderr.on('data', (part) => parts.push(part))
    child.on('error', (error) => parts.push(Buffer.from(error.message)))
    child.on('close', (code) => {
      const output = Buffer.concat(parts).toString('utf8')
      resolve({ name, ok: code === 0, output, ms: Date.now() - startedMs })
    })
  })
}

/** Every tool runs, side by side, even when one has failed: all that is wrong shows at once. */
async function check() {
  const runs = [
    capture('biome', tool('biome', ['check', '--error-on-warnings', '.'])),
    capture('tsc', tool('tsc', ['-p', '.'])),
    capture('knip', tool('knip', ['--no-progress', '--no-config-hints'])),
    capture('walls', tool('vitest', ['run', '--project', 'unit', 'src/walls.test.ts'])),
    capture('docs', [path.join(root, 'docs/draw.ts'), '--check']),
    checkLock(),
  ]
  for (const run of runs) {
    const { name, ok, output, ms } = await run
    process.stdout.write(`${ok ? 'ok    ' : 'FAILED'} ${name} (${(ms / 1000).toFixed(1)} s)\n`)
    if (ok) continue
    process.stdout.write(`${output.trimEnd()}\n`)
    process.exitCode = 1
  }
}

/** A lock with holes installs nowhere: `npm ci` refuses it. */
async function checkLock() {
  const startedMs = Date.now()
  const names = completeLock(lockFile, true)
  const output = `package-lock.json lacks ${names.join(', ')}: run "node bin/dev.mjs lock".`
  return { name: 'lock', ok: names.length === 0, output, ms: Date.now() - startedMs }
}

/** The last line of stdout is `N passed, N failed`, also when Vitest crashes. */
async function runTests(args) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'sluice-test-'))
  const file = path.join(folder, 'count')
  fs.writeFileSync(file, '')
  const reporters = [
    '--reporter=default',
    `--reporter=${path.join(root, 'bin/count-reporter.mjs')}`,
  ]
  const child = spawn(findNode(), tool('vitest', ['run', ...reporters, ...args]), {
    cwd: root,
    env: toolEnvironment({ SLUICE_TEST_COUNT: file }),
    stdio: 'inherit',
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  const ended = await new Promise((resolve) => {
    child.on('error', (error) => resolve({ why: error.message }))
    child.on('exit', (code, signal) => resolve({ code, why: signal ?? `exit code ${code}` }))
  })
  const lines = fs.readFileSync(file, 'utf8').trim().split('\n').filter(Boolean)
  fs.rmSync(folder, { recursive: true })
  report(
    lines.map((line) => JSON.parse(line)),
    ended,
  )
}

function report(entries, { code, why }) {
  const of = (state) => entries.filter((entry) => entry.state === state)
  const [passed, failed, skipped] = [of('passed'), of('failed'), of('skipped')]
  const crashed = of('end').length === 0
  const hidden = failed.length === 0 && code !== 0
  if (crashed) process.stdout.write(`\nThe test run ended before its end: ${why}.\n`)
  else if (hidden) process.stdout.write(`\nNo test failed, but the test run ended with ${why}.\n`)
  if (skipped.length > 0) process.stdout.write('\nNot run:\n')
  for (const { name, note } of skipped)
    process.stdout.write(`  ${name}: ${note ?? 'no reason was given'}\n`)
  const failures = failed.length + (crashed || hidden ? 1 : 0)
  const tail = skipped.length > 0 ? `, ${skipped.length} skipped` : ''
  process.stdout.write(`\n${passed.length} passed, ${failures} failed${tail}\n`)
  process.exitCode = failures > 0 ? 1 : 0
}
