import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Estate } from './harness.ts'

const client = path.join(import.meta.dirname, 'clients/issuer.mjs')
const estate = new Estate()
let env: Record<string, string> = {}

beforeAll(async () => {
  await estate.up()
  await estate.json(['group', 'create', '-n', 'g', '-l', 'westeurope'])
  await estate.json(['keyvault', 'create', '-n', 'kv-issuer', '-g', 'g'])
  const created = await estate.json(['ad', 'sp', 'create-for-rbac', '-n', 'app'])
  const { id } = await estate.json(['keyvault', 'show', '-n', 'kv-issuer'])
  const grant = ['role', 'assignment', 'create', '--role', 'Key Vault Administrator']
  await estate.json([...grant, '--assignee', String(created['appId']), '--scope', String(id)])
  const { root } = await estate.json(['keyvault', 'certificate', 'authority', 'show'])
  env = {
    TENANT_ID: String(created['tenant']),
    CLIENT_ID: String(created['appId']),
    CLIENT_SECRET: String(created['password']),
    VAULT_URL: 'https://kv-issuer.vault.azure.net',
    ROOT: String(root),
  }
}, 60_000)

afterAll(() => estate.remove())

test('an unmodified program gets a chain from a named issuer, cancels an order and is refused', async () => {
  const { stdout, stderr } = await estate.sluice(['exec', '--', process.execPath, client], { env })
  expect(stderr).toBe('')
  expect(JSON.parse(stdout)).toEqual({
    issuer: ['DigiCert', true],
    begun: 'inProgress',
    done: 'completed',
    policy: ['contoso', 'OV-SSL', [{ action: 'AutoRenew', lifetimePercentage: 80 }]],
    subjects: [
      'CN=web.test',
      'CN=Sluice Certificate Issuer\nO=Sluice',
      'CN=Sluice Certificate Root\nO=Sluice',
    ],
    rootIsShown: true,
    heard: 'hello',
    canceled: 'canceled',
    merge:
      '403 Merge is forbidden on pending object created with issuer : contoso while it is in progess.',
    failed:
      'The issuer rejected the request. The certificate type DV-SSL is none of OV-SSL, EV-SSL.',
  })
}, 60_000)
