import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { Sealed } from '../../base/sealed.ts'
import { CKO, HsmToken } from '../../pkcs11/index.ts'
import { findSoftHsm, SOFT_HSM_ABSENT, startSoftHsm } from '../../pkcs11/testing/index.ts'
import { startVault } from '../testing/test-vault.ts'
import { objectIdOf } from './token-reference.ts'

const modulePath = findSoftHsm()
const hsm = modulePath ? startSoftHsm(modulePath) : undefined
const folder = mkdtempSync(path.join(os.tmpdir(), 'sluice-orphan-'))
afterAll(() => {
  hsm?.remove()
  rmSync(folder, { recursive: true, force: true })
})

test('a kill between the token and the commit leaves an object that the sweep destroys', async (context) => {
  if (!hsm) return context.skip(SOFT_HSM_ABSENT)
  Object.assign(process.env, hsm.env)
  hsm.makeToken('orphans')
  const program = path.join(import.meta.dirname, '../testing/stop-before-commit.ts')
  const args = [program, folder, hsm.modulePath, 'orphans']
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.end(hsm.pin)
  const said = await new Promise<string>((resolve) => {
    child.stdout.once('data', (bytes: Buffer) => resolve(bytes.toString().trim()))
    child.once('close', () => resolve('ended'))
  })
  expect(said).toBe('made')
  child.kill('SIGKILL')
  await new Promise((resolve) => child.once('close', resolve))

  const pin = new Sealed(hsm.pin)
  const hsmToken = await HsmToken.open({ modulePath: hsm.modulePath, token: 'orphans', pin })
  const made = await startVault({ folder, hsmToken })
  const noted = { sql: 'select version from vault_token_object', bind: () => [] }
  const [row] = await made.db.all<object, { version: string }>(noted, {})
  const ref = { class: CKO.privateKey, id: objectIdOf(row?.version ?? '') }
  expect(await hsmToken.has(ref)).toBe(true)
  expect((await made.ask('GET', '/keys/k')).status).toBe(404)

  // While another process may still be making it, it is left alone.
  expect(await made.vault.sweep(made.clock.nowMs())).toMatchObject({ forgotten: 0 })
  made.clock.moveMs(3_600_000)
  expect(await made.vault.sweep(made.clock.nowMs())).toMatchObject({ forgotten: 1 })
  expect(await hsmToken.has(ref)).toBe(false)
  expect(await made.db.all(noted, {})).toEqual([])
  await made.close()
  await hsmToken.close()
}, 60_000)
