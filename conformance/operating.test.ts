import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { Estate, runProgram } from './harness.ts'

const root = path.resolve(import.meta.dirname, '..')
const estate = new Estate()

afterAll(() => estate.remove())

test('every command of the operating page works as it is written', async () => {
  const page = readFileSync(path.join(root, 'docs', 'operating.md'), 'utf8')
  const blocks = [...page.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block = '']) =>
    block.replace('sluice up --detach', 'sluice up --detach --port 0 --proxy-port 0'),
  )
  expect(blocks.length).toBe(4)
  const [bin, cwd] = [path.join(estate.home, 'bin'), path.join(estate.home, 'work')]
  mkdirSync(bin)
  mkdirSync(cwd)
  const launcher = path.join(root, 'bin', 'sluice.mjs')
  const program = path.join(bin, 'sluice')
  writeFileSync(program, `#!/bin/sh\nexec "${process.execPath}" "${launcher}" "$@"\n`)
  chmodSync(program, 0o755)
  const script = `set -euo pipefail\n${blocks.join('\n')}`
  const env = { SLUICE_DATA: estate.data, PATH: `${bin}:${process.env['PATH']}` }
  const { code, stdout, stderr } = await runProgram('bash', ['-c', script], { cwd, env })
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout).toContain('"provider": "passphrase"')
  expect(stdout).toContain('"damaged": 0')
  expect(stdout).not.toMatch(/horse|battery/)
}, 90_000)
