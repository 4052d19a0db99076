import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Estate } from './harness.ts'

const client = path.join(import.meta.dirname, 'clients/keys.mjs')
const estate = new Estate()
let env: Record<string, string> = {}

beforeAll(async () => {
  await estate.up()
  await estate.json(['group', 'create', '-n', 'g', '-l', 'westeurope'])
  await estate.json(['keyvault', 'create', '-n', 'kv-keys', '-g', 'g'])
  const created = await estate.json(['ad', 'sp', 'create-for-rbac', '-n', 'app'])
  const { id } = await estate.json(['keyvault', 'show', '-n', 'kv-keys'])
  const grant = ['role', 'assignment', 'create', '--role', 'Key Vault Crypto Officer']
  await estate.json([...grant, '--assignee', String(created['appId']), '--scope', String(id)])
  env = {
    TENANT_ID: String(created['tenant']),
    CLIENT_ID: String(created['appId']),
    CLIENT_SECRET: String(created['password']),
    VAULT_URL: 'https://kv-keys.vault.azure.net',
  }
}, 60_000)

afterAll(() => estate.remove())

test('an unmodified program creates, uses, rotates, backs up and restores keys', async () => {
  const { stdout, stderr } = await estate.sluice(['exec', '--', process.execPath, client], { env })
  expect(stderr).toBe('')
  expect(JSON.parse(stdout)).toEqual({
    rsaBits: 2048,
    ops: ['encrypt', 'decrypt', 'sign', 'verify', 'wrapKey', 'unwrapKey'],
    RS256: true,
    'RS256 verified': true,
    PS256: true,
    'PS256 verified': true,
    ES256: true,
    'ES256 verified': true,
    RSA1_5: 'what is signed',
    'RSA1_5 wrap': true,
    'RSA-OAEP': 'what is signed',
    'RSA-OAEP wrap': true,
    'RSA-OAEP-256': 'what is signed',
    'RSA-OAEP-256 wrap': true,
    imported: true,
    rotated: true,
    policy: 'P90D',
    versions: 2,
    disabled: '403 Forbidden',
    restored: true,
  })
}, 60_000)
