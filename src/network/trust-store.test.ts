import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { openCa } from './ca.ts'
import { writeBundle } from './environment.ts'
import { writeTrustStore } from './trust-store.ts'

const root = mkdtempSync(path.join(os.tmpdir(), 'sluice-trust-'))
afterAll(() => rmSync(root, { recursive: true }))

function hasKeytool(): boolean {
  try {
    execFileSync('keytool', ['-help'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

test('the store has every certificate of the bundle, and is written only when it changes', () => {
  const bundle = writeBundle(root, openCa(root).pem, {})
  const count = readFileSync(bundle, 'utf8').split('BEGIN CERTIFICATE').length - 1
  const file = writeTrustStore(bundle)
  const bytes = readFileSync(file)
  expect(bytes.subarray(0, 8).toString('hex')).toBe('feedfeed00000002')
  expect(bytes.readUInt32BE(8)).toBe(count)
  const { ino } = statSync(file)
  expect(writeTrustStore(bundle)).toBe(file)
  expect(statSync(file).ino).toBe(ino)
})

test('Java reads the store, its seal included', (context) => {
  if (!hasKeytool()) return context.skip('keytool is absent')
  const bundle = writeBundle(root, openCa(root).pem, {})
  const count = readFileSync(bundle, 'utf8').split('BEGIN CERTIFICATE').length - 1
  const list = ['-list', '-storepass', 'changeit', '-keystore', writeTrustStore(bundle)]
  const listed = execFileSync('keytool', [...list, '-J-Duser.language=en'], { encoding: 'utf8' })
  expect(listed).toContain(`contains ${count} entries`)
})
