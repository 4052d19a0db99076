import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Azurite, startAzurite } from './azurite.ts'
import { Estate, type Outcome } from './harness.ts'
import { filesThatHold, type Hsms, makeHolders, makeHsms } from './managed-hsms.ts'
import { findPython } from './python.ts'

const PACKAGES = [
  'azure-identity==1.27.0',
  'azure-keyvault-administration==4.7.2',
  'azure-keyvault-securitydomain==1.0.0b1',
  'azure-keyvault-keys==4.11.3',
  'cryptography',
]
const estate = new Estate()
let bin: string | undefined
let storage: Azurite | undefined
let hsms: Hsms

beforeAll(async () => {
  bin = await findPython('hsm-python', PACKAGES)
  if (bin) storage = await startAzurite()
  if (!storage) return
  await estate.up()
  hsms = await makeHsms(estate, ['hsm-one', 'hsm-two'])
})

afterAll(async () => {
  storage?.stop()
  await estate.remove()
})

test('the life of a managed HSM with the Python clients: domain, roles, settings, backup, recovery', async (context) => {
  if (!bin) return context.skip(`${PACKAGES.join(', ')} cannot be installed`)
  if (!storage) return context.skip('azurite cannot be installed from the npm registry')
  const python = path.join(bin, 'python')
  const { account, objectId } = hsms
  const folder = await makeHolders(estate)
  const env = {
    TENANT_ID: account.tenant,
    CLIENT_ID: account.appId,
    CLIENT_SECRET: account.password,
    OBJECT_ID: objectId,
    FOLDER: folder,
    CONTAINER: storage.container,
    SAS: storage.token,
  }
  const said: Outcome[] = []
  const run = async (script: string): Promise<unknown> => {
    const file = path.join(import.meta.dirname, 'clients/hsm', script)
    const outcome = await estate.sluice(['exec', '--', python, file], { env })
    said.push(outcome)
    expect(outcome.stderr).toBe('')
    return JSON.parse(outcome.stdout)
  }
  expect(await run('first.py')).toEqual({
    'not activated': expect.stringMatching(/^403 .*is not activated/s),
    downloaded: 'Success',
    'no role': '403',
    assignment: ['/keys', true],
    custom: ['Reader', 'CustomRole', ['Microsoft.KeyVault/managedHsm/keys/read/action']],
    given: '/keys/k',
    left: 0,
    setting: [false, true, true],
    'wrong token': expect.stringContaining('HTTP 403 AuthorizationFailure'),
    folder: expect.stringMatching(/^\/mhsm-hsm-one-\d{16}$/),
    other: expect.stringMatching(/^403 .*is not activated/s),
  })
  const files = ['--sd-file', 'domain.json', '--sd-exchange-key', 'exchange.cer']
  const restore = ['keyvault', 'security-domain', 'restore-blob', ...files]
  const blob = ['--sd-file-restore-blob', 'blob.json', '--sd-wrapping-keys']
  const alone = await estate.sluice([...restore, ...blob, 'c.pem'], { cwd: folder })
  expect(alone.stderr).toContain('Insufficient shares available')
  await estate.json([...restore, ...blob, 'c.pem', 'a.pem'], { cwd: folder })
  expect(await run('second.py')).toEqual({
    'the file itself': 400,
    uploaded: 'Success',
    'same version': true,
    verifies: true,
    signs: true,
    'one key that is there': expect.stringContaining('already exists'),
  })
  const secrets = [storage.token, new URLSearchParams(storage.token).get('sig') ?? '']
  said.push(await estate.sluice(['audit', 'list', '--top', '1000']))
  for (const { stdout, stderr } of said) {
    for (const secret of secrets) expect(stdout + stderr).not.toContain(secret)
  }
  expect(filesThatHold(estate.data, secrets)).toEqual([])
}, 240_000)
