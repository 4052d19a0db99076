import { readFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Estate } from './harness.ts'

const client = path.join(import.meta.dirname, 'clients/release.mjs')
const estate = new Estate()
let env: Record<string, string> = {}

beforeAll(async () => {
  await estate.up()
  await estate.json(['group', 'create', '-n', 'g', '-l', 'westeurope'])
  await estate.json(['keyvault', 'create', '-n', 'kv-vital', '-g', 'g', '--sku', 'premium'])
  const created = await estate.json(['ad', 'sp', 'create-for-rbac', '-n', 'app'])
  const { id } = await estate.json(['keyvault', 'show', '-n', 'kv-vital'])
  for (const role of ['Key Vault Crypto Officer', 'Key Vault Crypto Service Release User']) {
    const grant = ['role', 'assignment', 'create', '--role', role]
    await estate.json([...grant, '--assignee', String(created['appId']), '--scope', String(id)])
  }
  env = {
    TENANT_ID: String(created['tenant']),
    CLIENT_ID: String(created['appId']),
    CLIENT_SECRET: String(created['password']),
    VAULT_URL: 'https://kv-vital.vault.azure.net',
    ROOT: readFileSync(path.join(estate.data, 'ca', 'ca.pem'), 'utf8'),
  }
}, 60_000)

afterAll(() => estate.remove())

test('an unmodified program has a key released to what it attests, and opens it', async () => {
  const { stdout, stderr } = await estate.sluice(['exec', '--', process.execPath, client], { env })
  expect(stderr).toBe('')
  expect(JSON.parse(stdout)).toEqual({
    exportable: true,
    policy: {
      version: '1.0.0',
      anyOf: [
        {
          authority: 'https://sluice.attest.azure.net',
          allOf: [{ claim: 'app.name', equals: 'payroll' }],
        },
      ],
    },
    attests: 'sluice-test',
    signed: true,
    trusted: true,
    opened: [
      ['CKM_RSA_AES_KEY_WRAP', true],
      ['RSA_AES_KEY_WRAP_256', true],
      ['RSA_AES_KEY_WRAP_384', true],
    ],
    unmet: '403 Target environment attestation does not meet key release policy requirements.',
    forged:
      '403 Target environment attestation statement cannot be verified: its signature is wrong.',
    brought: ['RSA-HSM', true],
    immutable: '400 AKV.SKR.1020: Immutable Key Release Policy cannot be modified.',
  })
}, 60_000)
