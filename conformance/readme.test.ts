import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { Estate, runProgram } from './harness.ts'

const root = path.resolve(import.meta.dirname, '..')
const estate = new Estate()

afterAll(() => estate.remove())

/** The shell commands of the README's tour, one text for each block. */
function tour(): string[] {
  const text = readFileSync(path.join(root, 'README.md'), 'utf8')
  const [, between = ''] = /<!-- tour -->([\s\S]*)<!-- \/tour -->/.exec(text) ?? []
  return [...between.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block = '']) => block)
}

test('every command of the tour works as it is written', async () => {
  const bin = path.join(estate.home, 'bin')
  const cwd = path.join(estate.home, 'tour')
  mkdirSync(bin)
  mkdirSync(cwd)
  const launcher = path.join(root, 'bin', 'sluice.mjs')
  writeFileSync(
    path.join(bin, 'sluice'),
    `#!/bin/sh\nexec "${process.execPath}" "${launcher}" "$@"\n`,
  )
  chmodSync(path.join(bin, 'sluice'), 0o755)
  const blocks = tour().map((block) =>
    block
      .replace('npm link\n', '')
      .replace('sluice up --detach', 'sluice up --detach --port 0 --proxy-port 0'),
  )
  expect(blocks.length).toBeGreaterThan(4)
  const script = `set -euo pipefail\n${blocks.join('\n')}`
  const env = {
    SLUICE_DATA: estate.data,
    PATH: `${bin}:${path.dirname(process.execPath)}:${process.env['PATH']}`,
  }
  const { code, stdout, stderr } = await runProgram('bash', ['-c', script], { cwd, env })
  expect(stderr).toBe('')
  expect(code).toBe(0)
  expect(stdout).toContain('The password is ***')
  expect(stdout).not.toContain('battery')
  expect(stdout).toContain('\n200\n')
  expect(stdout).toMatch(/SecretGet .*db-password .*tour-pipelines/)
}, 90_000)
