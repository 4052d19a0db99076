import { execFile, execFileSync, spawn } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { afterAll, expect, test } from 'vitest'

const run = promisify(execFile)
const root = path.resolve(import.meta.dirname, '..')
const folder = mkdtempSync(path.join(os.tmpdir(), 'sluice-launcher-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A clone with the real `bin/` and a main of ours that does what its argument says. */
function makeClone(name: string): string {
  const clone = path.join(folder, name)
  mkdirSync(path.join(clone, 'src', 'cli'), { recursive: true })
  cpSync(path.join(root, 'bin'), path.join(clone, 'bin'), { recursive: true })
  writeFileSync(path.join(clone, 'package.json'), '{"type":"module"}')
  writeFileSync(path.join(clone, 'package-lock.json'), '{"packages":{}}')
  const main = `import { readFileSync } from 'node:fs'
    import { DatabaseSync } from 'node:sqlite'
    const [verb, value]: string[] = process.argv.slice(2)
    new DatabaseSync(':memory:').close()
    if (verb === 'wait') { setInterval(() => {}, 1000); process.stdout.write('waiting\\n') }
    else if (verb === 'exit') process.exit(Number(value))
    else if (verb === 'read') process.stdout.write(readFileSync(Number(value), 'utf8'))
    else process.stdout.write(JSON.stringify([process.versions.node, ...process.argv.slice(2)]))`
  writeFileSync(path.join(clone, 'src', 'cli', 'main.ts'), main)
  return clone
}

function linkedClone(name: string): string {
  const clone = makeClone(name)
  symlinkSync(path.join(root, 'node_modules'), path.join(clone, 'node_modules'))
  return clone
}

/** Nodes to start with: ours, and an older one when the machine has one in its search path. */
const nodes = new Map([['a Node that is new enough', process.execPath]])
for (const place of (process.env.PATH ?? '').split(path.delimiter)) {
  const node = path.join(place, 'node')
  if (!existsSync(node)) continue
  const version = execFileSync(node, ['-p', 'process.versions.node'], { encoding: 'utf8' })
  if (Number.parseInt(version, 10) < 24) nodes.set('an older Node', node)
}

for (const name of ['a Node that is new enough', 'an older Node']) {
  test(`${name} hands on a descriptor that a secret comes through`, async (context) => {
    const node = nodes.get(name) ?? context.skip(`there is no older Node on this machine`)
    const clone = linkedClone(`descriptor-${nodes.size}-${name.length}`)
    const child = spawn(node, [path.join(clone, 'bin/sluice.mjs'), 'read', '4'], {
      stdio: ['ignore', 'pipe', 'inherit', 'ignore', 'pipe'],
      env: { ...process.env, SLUICE_PASSPHRASE_FD: '4' },
    })
    const secret = child.stdio[4] as Writable
    secret.end('a passphrase')
    expect(await text(child.stdout as Readable)).toBe('a passphrase')
  })

  test(`${name} runs the sources, passes arguments on and prints no warning`, async (context) => {
    const node = nodes.get(name) ?? context.skip(`there is no older Node on this machine`)
    const clone = linkedClone(`args-${nodes.size}-${name.length}`)
    const { stdout, stderr } = await run(node, [path.join(clone, 'bin/sluice.mjs'), 'say', 'a b'])
    const [version, ...args] = JSON.parse(stdout)
    expect({ args, stderr }).toEqual({ args: ['say', 'a b'], stderr: '' })
    expect(Number.parseInt(version, 10)).toBeGreaterThanOrEqual(24)
  })

  test(`${name} ends with the exit code of the command`, async (context) => {
    const node = nodes.get(name) ?? context.skip(`there is no older Node on this machine`)
    const clone = linkedClone(`exit-${name.length}`)
    const done = run(node, [path.join(clone, 'bin/sluice.mjs'), 'exit', '7'])
    await expect(done).rejects.toMatchObject({ code: 7 })
  })

  test(`${name} ends by the signal that it was sent`, async (context) => {
    const node = nodes.get(name) ?? context.skip(`there is no older Node on this machine`)
    const clone = linkedClone(`signal-${name.length}`)
    for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT'] as const) {
      const child = spawn(node, [path.join(clone, 'bin/sluice.mjs'), 'wait'], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const ended = new Promise((resolve) => child.on('exit', (_code, name) => resolve(name)))
      await new Promise((resolve) => child.stdout.once('data', resolve))
      child.kill(signal)
      expect(await ended).toBe(signal)
    }
  })
}

/** A stand-in for npm that is slow and counts how often it was asked to install. */
function fakeNpm(clone: string, exitCode = 0): NodeJS.ProcessEnv {
  const tools = path.join(clone, 'tools')
  mkdirSync(tools)
  writeFileSync(
    path.join(tools, 'npm'),
    `#!/bin/sh\necho "$@" >> ${clone}/asked\nsleep 0.3\nmkdir -p ${clone}/node_modules\necho broken mirror\nexit ${exitCode}\n`,
  )
  chmodSync(path.join(tools, 'npm'), 0o755)
  const { npm_execpath: _, ...env } = process.env
  return { ...env, PATH: `${tools}:${env['PATH']}` }
}

test('two starts at once install the dependencies once, later starts not at all', async () => {
  const clone = makeClone('race')
  const env = fakeNpm(clone)
  const start = () => run(process.execPath, [path.join(clone, 'bin/sluice.mjs'), 'say'], { env })
  const said = await Promise.all([start(), start(), start()])
  await start()
  expect(readFileSync(path.join(clone, 'asked'), 'utf8')).toBe('ci --no-audit --no-fund\n')
  const lines = said.map(({ stderr }) => stderr).filter(Boolean)
  expect(lines).toEqual([expect.stringMatching(/^sluice: installing dependencies .*\n$/)])
})

test('a lock file that changed is installed again', async () => {
  const clone = makeClone('changed')
  const env = fakeNpm(clone)
  const start = () => run(process.execPath, [path.join(clone, 'bin/sluice.mjs'), 'say'], { env })
  await start()
  writeFileSync(path.join(clone, 'package-lock.json'), '{"packages":{"":{}}, "x": 1}')
  await start()
  expect(readFileSync(path.join(clone, 'asked'), 'utf8').trim().split('\n')).toHaveLength(2)
})

test('an installation that was killed does not block the next start', async () => {
  const clone = makeClone('killed')
  const env = fakeNpm(clone)
  const args = [path.join(clone, 'bin/sluice.mjs'), 'say']
  const first = spawn(process.execPath, args, { env, stdio: ['ignore', 'ignore', 'pipe'] })
  await new Promise((resolve) => first.stderr.once('data', resolve))
  const ended = new Promise((resolve) => first.once('exit', resolve))
  first.kill('SIGKILL')
  await ended
  expect(existsSync(path.join(clone, '.sluice/install.lock'))).toBe(true)
  const { stdout } = await run(process.execPath, args, { env })
  expect(stdout).toContain('say')
})

test('a failed installation shows what npm said and what to do', async () => {
  const clone = makeClone('failed')
  const env = fakeNpm(clone, 3)
  const done = run(process.execPath, [path.join(clone, 'bin/sluice.mjs'), 'say'], { env })
  await expect(done).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/broken mirror\nsluice: .* npm ended with 3\. Run "npm ci" in /),
  })
})

/** Runs `dev.mjs test` over one test file with this text. */
async function devTest(name: string, text: string): Promise<{ code: number; lines: string[] }> {
  const clone = linkedClone(name)
  cpSync(path.join(root, 'vitest.config.ts'), path.join(clone, 'vitest.config.ts'))
  writeFileSync(path.join(clone, 'src', 'a.test.ts'), text)
  const { VITEST: _, ...env } = process.env
  const done = run(process.execPath, [path.join(clone, 'bin/dev.mjs'), 'test'], { cwd: clone, env })
  const { code = 0, stdout } = await done.catch((error) => error)
  return { code, lines: stdout.trimEnd().split('\n') }
}

const prelude = `import { expect, test } from 'vitest'\n`
test.each([
  ['all pass', `test('a', () => {}); test('b', () => {})`, 0, '2 passed, 0 failed'],
  ['one fails', `test('a', () => {}); test('b', () => expect(1).toBe(2))`, 1, '1 passed, 1 failed'],
  ['one is skipped', `test('a', (t) => t.skip('no az'))`, 0, '0 passed, 0 failed, 1 skipped'],
  ['a file that cannot be loaded', `import './no.ts'`, 1, '0 passed, 1 failed'],
  [
    'a dead runner',
    `test('a', () => process.kill(process.pid, 'SIGKILL'))`,
    1,
    '0 passed, 1 failed',
  ],
  [
    'an error outside any test',
    `test('a', () => {}); Promise.reject(new Error('x'))`,
    1,
    '1 passed, 1 failed',
  ],
])('the last line of a test run counts: %s', async (name, text, code, last) => {
  const done = await devTest(`count-${name.replaceAll(' ', '-')}`, prelude + text)
  expect({ code: done.code, last: done.lines.at(-1) }).toEqual({ code, last })
})

test('what could not be run is listed with its reason', async () => {
  const { lines } = await devTest('reasons', `${prelude}test('a', (t) => t.skip('no az here'))`)
  expect(lines).toContain('  src/a.test.ts > a: no az here')
})
