import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { allow, makeAccount, makeVault } from './content.ts'
import { Estate } from './harness.ts'
import { findPython } from './python.ts'

const script = path.join(import.meta.dirname, 'clients/vault.py')
const PACKAGES = ['azure-identity==1.27.0', 'azure-keyvault-secrets==4.12.0']
const estate = new Estate()
let bin: string | undefined

beforeAll(async () => {
  bin = await findPython('python', PACKAGES)
}, 180_000)

afterAll(() => estate.remove())

test('an unmodified Python program reaches https://NAME.vault.azure.net with no option changed', async (context) => {
  if (!bin) return context.skip('python3 with azure-identity and azure-keyvault-secrets is absent')
  await estate.up()
  await estate.json(['group', 'create', '-n', 'g', '-l', 'westeurope'])
  await makeVault(estate, 'kv-python')
  const account = await makeAccount(estate, 'python')
  await allow(estate, 'kv-python', account, 'all', 'purge')
  const env = {
    TENANT_ID: account.tenant,
    CLIENT_ID: account.appId,
    CLIENT_SECRET: account.password,
    VAULT_URL: 'https://kv-python.vault.azure.net',
  }
  const { stdout, stderr } = await estate.sluice(['exec', '--', path.join(bin, 'python'), script], {
    env,
  })
  expect(stderr).toBe('')
  expect(JSON.parse(stdout)).toEqual({
    newest: 'second $ ! ; @ # \' "\nline',
    pinned: 'first',
    tags: { env: 'dev' },
    listed: 30,
    versions: 2,
    disabled: '403 Forbidden',
    deleted: 'page-1',
    gone: '404 SecretNotFound',
    conflict: '409 Conflict',
    recovered: '1',
    restored: '1',
  })
}, 120_000)
