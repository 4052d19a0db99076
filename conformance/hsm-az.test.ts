import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Azurite, startAzurite } from './azurite.ts'
import { Estate, type Outcome } from './harness.ts'
import { type Hsms, makeHolders, makeHsms } from './managed-hsms.ts'
import { findPython } from './python.ts'

const PACKAGE = 'azure-cli==2.91.0'
const ONE = ['--hsm-name', 'hsm-one']
const TWO = ['--hsm-name', 'hsm-two']
const estate = new Estate()
let bin: string | undefined
let storage: Azurite | undefined
let hsms: Hsms
let folder = ''

beforeAll(async () => {
  bin = await findPython('az', [PACKAGE])
  if (bin) storage = await startAzurite()
  if (!storage) return
  await estate.up()
  hsms = await makeHsms(estate, ['hsm-one', 'hsm-two'])
  folder = await makeHolders(estate)
  const { appId, tenant, password } = hsms.account
  const service = ['login', '--service-principal', '-u', appId, '--tenant', tenant]
  await az(...service, '-p', password)
})

afterAll(async () => {
  storage?.stop()
  await estate.remove()
})

function call(args: readonly string[]): Promise<Outcome> {
  const python = path.join(bin ?? '', 'python')
  return estate.sluice(['exec', '--', python, '-m', 'azure.cli', ...args], {
    cwd: folder === '' ? estate.home : folder,
    env: { AZURE_CONFIG_DIR: path.join(estate.home, 'azure'), AZURE_CORE_NO_COLOR: '1' },
  })
}

/** What a command prints, undefined when it prints nothing. */
// biome-ignore lint/suspicious/noExplicitAny: results of any command
async function az(...args: string[]): Promise<any> {
  const { code, stdout, stderr } = await call(args)
  if (code !== 0) throw new Error(`az ${args.slice(0, 3).join(' ')} ended with ${code}: ${stderr}`)
  return stdout.trim() === '' ? undefined : JSON.parse(stdout)
}

/** What a command that must fail says. */
async function refusal(...args: string[]): Promise<string> {
  const { code, stderr } = await call(args)
  return `${code} ${/^ERROR: .*/m.exec(stderr)?.[0] ?? stderr}`
}

test('az keyvault security-domain, backup and restore: two of three keys bring a managed HSM back', async (context) => {
  if (!bin) return context.skip(`${PACKAGE} cannot be installed from the package index`)
  if (!storage) return context.skip('azurite cannot be installed from the npm registry')
  const create = ['keyvault', 'key', 'create', ...ONE, '-n', 'k', '--kty', 'RSA-HSM']
  expect(await refusal(...create)).toContain("'hsm-one' is not activated")
  const domain = ['keyvault', 'security-domain']
  const wrap = ['--sd-wrapping-keys', 'a.cer', 'b.cer', 'c.cer', '--sd-quorum', '2']
  const file = ['--security-domain-file', 'domain.json']
  expect(await az(...domain, 'download', ...ONE, ...wrap, ...file)).toMatchObject({
    status: 'Success',
  })
  const shown = await az('keyvault', 'show', ...ONE)
  expect(shown.properties.securityDomainProperties.activationStatus).toBe('Active')
  const role = ['keyvault', 'role', 'assignment', 'create', ...ONE, '--scope', '/keys']
  const user = ['--role', 'Managed HSM Crypto User', '--assignee-object-id', hsms.objectId]
  await az(...role, ...user, '--assignee-principal-type', 'ServicePrincipal')
  const made = await az(...create)

  const place = ['--storage-resource-uri', storage.container, '-t', storage.token]
  const backup = await az('keyvault', 'backup', 'start', ...ONE, ...place)
  expect(backup.status).toBe('Succeeded')
  const name = String(backup.folderUrl).slice(storage.container.length + 1)
  expect(name).toMatch(/^mhsm-hsm-one-\d{16}$/)
  expect((await storage.read(`${name}/manifest`)).length).toBeGreaterThan(100)

  await az(...domain, 'init-recovery', ...TWO, '--sd-exchange-key', 'exchange.cer')
  const upload = ['--sd-file', 'domain.json', '--sd-exchange-key', 'exchange.cer']
  const keys = [...upload, '--sd-wrapping-keys']
  const alone = await refusal(...domain, 'upload', ...TWO, ...keys, 'a.pem')
  expect(alone).toContain('should not less than 2')
  const twice = await refusal(...domain, 'upload', ...TWO, ...keys, 'a.pem', 'a.pem')
  expect(twice).toMatch(/^[^0]/)
  expect(await refusal('keyvault', 'key', 'list', ...TWO)).toContain('is not activated')
  expect(await az(...domain, 'upload', ...TWO, ...keys, 'c.pem', 'b.pem')).toMatchObject({
    status: 'Success',
  })
  await az('keyvault', 'restore', 'start', ...TWO, ...place, '--backup-folder', name)
  const restored = await az('keyvault', 'key', 'show', ...TWO, '-n', 'k')
  expect(restored.key.n).toBe(made.key.n)
}, 240_000)
