import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Account, makeAccount } from './content.ts'
import { Estate } from './harness.ts'
import { activateHsm } from './managed-hsms.ts'
import { findPython } from './python.ts'

const PACKAGE = 'azure-cli==2.91.0'
const estate = new Estate()
let account: Account
let objectId: string
let subscription: string

beforeAll(async () => {
  await estate.up()
  account = await makeAccount(estate, 'app')
  const principal = await estate.json(['ad', 'sp', 'show', '--id', account.appId])
  objectId = String(principal['id'])
  const group = await estate.json(['group', 'create', '-n', 'g', '-l', 'westeurope'])
  subscription = String(group['id']).split('/').slice(0, 3).join('/')
})

afterAll(() => estate.remove())

test('az, unmodified, makes, administers, uses, deletes, recovers and purges a managed HSM', async (context) => {
  const bin = await findPython('az', [PACKAGE])
  if (!bin) return context.skip(`${PACKAGE} cannot be installed`)
  const python = path.join(bin, 'python')
  const env = { AZURE_CONFIG_DIR: path.join(estate.home, 'azure'), AZURE_CORE_NO_COLOR: '1' }
  const call = (args: readonly string[]) =>
    estate.sluice(['exec', '--', python, '-m', 'azure.cli', ...args], { env })
  // biome-ignore lint/suspicious/noExplicitAny: results of any command
  const az = async (words: string, ...more: string[]): Promise<any> => {
    const { code, stdout, stderr } = await call([...words.split(' '), ...more])
    if (code !== 0) throw new Error(`az ${words} ended with ${code}: ${stderr}`)
    return stdout.trim() === '' ? undefined : JSON.parse(stdout)
  }
  const grant = ['role', 'assignment', 'create', '--role', 'Owner', '--scope', subscription]
  await estate.json([...grant, '--assignee', account.appId])
  const who = ['-u', account.appId, '--tenant', account.tenant, '-p', account.password]
  await az('login --service-principal', ...who)
  const hsm = ['--hsm-name', 'hsm-az']
  const given = ['--administrators', objectId, '--retention-days', '7']
  const made = await az(
    'keyvault create -g g -l westeurope --enable-purge-protection false',
    ...hsm,
    ...given,
  )
  expect(made.properties).toMatchObject({
    hsmUri: 'https://hsm-az.managedhsm.azure.net/',
    softDeleteRetentionInDays: 7,
    securityDomainProperties: { activationStatus: 'NotActivated' },
  })
  const refused = await call(['keyvault', 'key', 'create', '-n', 'k', ...hsm])
  expect(refused.stderr).toContain('is not activated')
  await activateHsm(estate, 'hsm-az', account)
  const assign = ['--assignee-object-id', objectId, '--scope', '/', ...hsm]
  await az('keyvault role assignment create --role', 'Managed HSM Crypto User', ...assign)
  await az('keyvault role assignment create --role', 'Managed HSM Crypto Officer', ...assign)
  const roles = await az('keyvault role assignment list', ...hsm)
  expect(roles.map(({ roleName }: { roleName: string }) => roleName).sort()).toEqual([
    'Managed HSM Administrator',
    'Managed HSM Crypto Officer',
    'Managed HSM Crypto User',
  ])
  const key = await az('keyvault key create -n k --kty EC-HSM', ...hsm)
  expect(key.key).toMatchObject({ kty: 'EC-HSM', crv: 'P-256', keyOps: ['sign', 'verify'] })
  const random = await az('keyvault key random --count 8', ...hsm)
  expect(Buffer.from(random.value, 'base64')).toHaveLength(8)
  await az('keyvault key delete -n k', ...hsm)
  expect((await az('keyvault key recover -n k', ...hsm)).key.kid).toBe(key.key.kid)
  const setting = ['--name', 'AllowKeyManagementOperationsThroughARM', '--value', 'true']
  expect(await az('keyvault setting update', ...setting, ...hsm)).toMatchObject({ value: 'true' })
  await az('keyvault delete', ...hsm)
  expect(await az('keyvault check-name --name hsm-az')).toMatchObject({ nameAvailable: false })
  expect(await az('keyvault recover', ...hsm)).toMatchObject({ name: 'hsm-az' })
  expect(await az('keyvault key list', ...hsm)).toHaveLength(1)
  await az('keyvault delete', ...hsm)
  await az('keyvault purge', ...hsm)
  expect(await az('keyvault list-deleted')).toEqual([])
})
