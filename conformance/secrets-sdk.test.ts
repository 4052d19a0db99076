import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Estate } from './harness.ts'

const client = path.join(import.meta.dirname, 'clients/secrets.mjs')
const estate = new Estate()
let port = ''
let account: Record<string, string> = {}

beforeAll(async () => {
  const running = await estate.up()
  port = new URL(String(running['url'])).port
  await estate.json(['group', 'create', '-n', 'g', '-l', 'westeurope'])
  for (const vault of ['kv-plain', 'kv-local']) {
    await estate.json(['keyvault', 'create', '-n', vault, '-g', 'g', '--retention-days', '7'])
  }
  const created = await estate.json(['ad', 'sp', 'create-for-rbac', '-n', 'app'])
  account = {
    TENANT_ID: String(created['tenant']),
    CLIENT_ID: String(created['appId']),
    CLIENT_SECRET: String(created['password']),
  }
  for (const vault of ['kv-plain', 'kv-local']) {
    const { id } = await estate.json(['keyvault', 'show', '-n', vault])
    const grant = ['role', 'assignment', 'create', '--role', 'Key Vault Secrets Officer']
    await estate.json([...grant, '--assignee', String(created['appId']), '--scope', String(id)])
  }
}, 60_000)

afterAll(() => estate.remove())

const expected = {
  newest: 'second $ ! ; @ # \' "',
  pinned: 'first',
  tags: { env: 'dev' },
  contentType: 'text/plain',
  expiresOn: '2030-01-01T00:00:00.000Z',
  recoveryLevel: 'CustomizedRecoverable+Purgeable',
  listed: 30,
  versions: 2,
  disabled: '403 Forbidden',
  deletedName: 'db-password',
  gone: '404 SecretNotFound',
  conflict: '409 Conflict',
  inDeleted: 1,
  recovered: 'second $ ! ; @ # \' "',
  purged: '404 SecretNotFound',
  restored: 'first',
}

test('an unmodified program reaches https://NAME.vault.azure.net with no option changed', async () => {
  const env = { ...account, VAULT_URL: 'https://kv-plain.vault.azure.net' }
  const { stdout, stderr } = await estate.sluice(['exec', '--', process.execPath, client], { env })
  expect(stderr).toBe('')
  expect(JSON.parse(stdout)).toEqual({ ...expected, host: 'kv-plain.vault.azure.net' })
}, 60_000)

test('the same program reaches NAME.vault.sluice.localhost:PORT with the authority option', async () => {
  const env = {
    ...account,
    VAULT_URL: `https://kv-local.vault.sluice.localhost:${port}`,
    AUTHORITY: `https://login.sluice.localhost:${port}`,
  }
  const { stdout, stderr } = await estate.sluice(['exec', '--', process.execPath, client], { env })
  expect(stderr).toBe('')
  expect(JSON.parse(stdout)).toEqual({
    ...expected,
    host: `kv-local.vault.sluice.localhost:${port}`,
  })
}, 60_000)
