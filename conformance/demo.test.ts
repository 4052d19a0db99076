import path from 'node:path'
import { expect, test } from 'vitest'
import { runProgram } from './harness.ts'

test('npm run demo shows the whole product and leaks nothing', async () => {
  const launcher = path.resolve(import.meta.dirname, '../bin/sluice.mjs')
  const { code, stdout, stderr } = await runProgram(process.execPath, [launcher, 'demo'])
  expect(stderr).toBe('')
  expect(code).toBe(0)
  expect(stdout).toContain('The password is ***')
  expect(stdout).toContain('Equal: the file holds the true value')
  expect(stdout).toMatch(/SecretGet .*db-password .*demo-pipelines/)
  expect(stdout).toContain('"ok": true')
  expect(stdout).not.toMatch(/PRIVATE KEY-----\n[A-Za-z0-9+/]{20}/)
  expect(stdout).toContain('Try next')
}, 60_000)
