import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Account, makeAccount, sendOne, tokensOf } from './content.ts'
import { Estate } from './harness.ts'
import { makeHolders } from './managed-hsms.ts'

const client = path.join(import.meta.dirname, 'clients/hsm.mjs')
const estate = new Estate()
let account: Account

beforeAll(async () => {
  await estate.up()
  await estate.json(['group', 'create', '-n', 'g', '-l', 'westeurope'])
  account = await makeAccount(estate, 'app')
}, 60_000)

afterAll(() => estate.remove())

const hsm = (verb: string, ...more: string[]) => [
  'keyvault',
  ...verb.split(' '),
  '--hsm-name',
  'hsm-demo',
  ...more,
]
const flags = (...more: string[]) => ['--resource-group', 'g', ...more]

/** The object id of the data directory's own administrator, who gives the commands. */
async function ownObjectId(): Promise<string> {
  const all = (await estate.json(['role', 'assignment', 'list', '--all'])) as unknown as {
    principalId: string
    roleDefinitionName: string
  }[]
  return all.find(({ roleDefinitionName }) => roleDefinitionName === 'Owner')?.principalId ?? ''
}

test('a managed HSM is made in the words of az, and refuses keys until it is activated', async () => {
  const administrators = await ownObjectId()
  const purgeable = ['--enable-purge-protection', 'false']
  const made = await estate.json(
    hsm(
      'create',
      ...flags('--administrators', administrators, '--retention-days', '7', ...purgeable),
    ),
  )
  expect(made).toMatchObject({
    name: 'hsm-demo',
    resourceGroup: 'g',
    sku: { family: 'B', name: 'Standard_B1' },
    properties: {
      softDeleteRetentionInDays: 7,
      enablePurgeProtection: false,
      securityDomainProperties: { activationStatus: 'NotActivated' },
    },
  })
  const refused = await estate.sluice(hsm('key create', '--name', 'k'))
  expect(refused.code).toBe(1)
  expect(refused.stderr).toContain('is not activated')
  const cwd = await makeHolders(estate)
  const wrap = ['--sd-wrapping-keys', 'a.cer', 'b.cer', 'c.cer', '--sd-quorum', '2']
  const file = ['--security-domain-file', 'domain.json']
  await estate.json(hsm('security-domain download', ...wrap, ...file), { cwd })
  expect(await estate.json(hsm('show'))).toMatchObject({
    properties: { securityDomainProperties: { activationStatus: 'Active' } },
  })
}, 60_000)

test('roles are given, listed with their names, and taken away', async () => {
  const create = (role: string, scope: string) =>
    estate.json(
      hsm('role assignment create', '--role', role, '--assignee', account.appId, '--scope', scope),
    )
  expect(await create('Managed HSM Crypto User', '/')).toMatchObject({
    roleName: 'Managed HSM Crypto User',
    principalName: account.appId,
    principalType: 'ServicePrincipal',
    scope: '/',
  })
  await create('Managed HSM Crypto Officer', '/')
  await create('Managed HSM Crypto Auditor', '/keys')
  const list = async (...more: string[]) =>
    (await estate.json(hsm('role assignment list', ...more))) as unknown as { roleName: string }[]
  expect(await list()).toHaveLength(4)
  expect((await list('--scope', '/keys')).map(({ roleName }) => roleName)).toEqual([
    'Managed HSM Crypto Auditor',
  ])
  const taken = await estate.json(hsm('role assignment delete', '--scope', '/keys'))
  expect(taken).toHaveLength(1)
  const custom = await estate.json(hsm('role definition list', '--custom-role-only', 'true'))
  expect(custom).toEqual([])
  expect(await estate.json(hsm('role definition list'))).toHaveLength(10)
}, 60_000)

test('an unmodified program makes and uses keys at https://NAME.managedhsm.azure.net', async () => {
  const env = {
    TENANT_ID: account.tenant,
    CLIENT_ID: account.appId,
    CLIENT_SECRET: account.password,
    HSM_URL: 'https://hsm-demo.managedhsm.azure.net',
  }
  const { stdout, stderr } = await estate.sluice(['exec', '--', process.execPath, client], { env })
  expect(stderr).toBe('')
  expect(JSON.parse(stdout)).toEqual({
    types: ['RSA-HSM', 'EC-HSM', 'oct-HSM'],
    id: 'https://hsm-demo.managedhsm.azure.net/keys/ec/*',
    PS256: true,
    A256GCM: 'what is signed',
    A256KW: true,
    random: 16,
    rotated: true,
    names: ['ec', 'oct', 'rsa'],
    plain: 'RSA-HSM',
    restored: true,
  })
}, 60_000)

test('keys and settings are managed in the words of az', async () => {
  await estate.json(
    hsm('role assignment create', '--role', 'Managed HSM Crypto User', '--scope', '/keys').concat(
      '--assignee-object-id',
      await ownObjectId(),
    ),
  )
  const made = await estate.json(
    hsm('key create', '--name', 'cli', '--kty', 'oct', '--size', '128'),
  )
  expect(made).toMatchObject({ key: { kty: 'oct-HSM' }, attributes: { enabled: true } })
  const use = ['--name', 'cli', '--algorithm', 'A128CBCPAD', '--iv', '0'.repeat(32)]
  const plain = ['--data-type', 'plaintext']
  const sealed = await estate.json(hsm('key encrypt', ...use, ...plain), { stdin: 'a text' })
  const result = String(sealed['result'])
  const opened = await estate.json(hsm('key decrypt', ...use, ...plain, '--value', result))
  expect(opened).toMatchObject({ result: 'a text', algorithm: 'A128CBCPAD' })
  const name = 'AllowKeyManagementOperationsThroughARM'
  expect(await estate.json(hsm('setting show', '--name', name))).toMatchObject({ value: 'false' })
  await estate.json(hsm('setting update', '--name', name, '--value', 'true'))
  expect(await estate.json(hsm('setting list'))).toMatchObject([{ name, value: 'true' }])
}, 60_000)

test('the resource manager makes a key of it now that its setting says so', async () => {
  const { id } = await estate.json(hsm('show'))
  const grant = ['role', 'assignment', 'create', '--role', 'Managed HSM contributor']
  await estate.json([...grant, '--assignee', account.appId, '--scope', String(id)])
  const [token] = await tokensOf(estate, [account], 'https://management.azure.com')
  const { status, body } = await sendOne(estate, {
    url: `https://management.azure.com${id}/keys/arm?api-version=2026-02-01`,
    method: 'PUT',
    headers: { authorization: `Bearer ${token}` },
    body: { properties: { kty: 'EC-HSM' } },
  })
  expect([status, body]).toMatchObject([
    200,
    {
      id: `${id}/keys/arm`,
      properties: { kty: 'EC-HSM', keyUri: 'https://hsm-demo.managedhsm.azure.net/keys/arm' },
    },
  ])
  expect(await estate.json(hsm('key show', '--name', 'arm'))).toMatchObject({
    key: { kid: body.properties.keyUriWithVersion },
  })
})

test('deleted, it is listed, its name is taken, and it comes back with its keys', async () => {
  const names = async (...words: string[]) =>
    ((await estate.json(['keyvault', ...words])) as unknown as { name: string }[]).map(
      ({ name }) => name,
    )
  expect(await names('list', '--resource-type', 'hsm')).toEqual(['hsm-demo'])
  expect((await estate.sluice(hsm('delete'))).code).toBe(0)
  expect(await names('list')).toEqual([])
  expect(await names('list-deleted')).toEqual(['hsm-demo'])
  const check = await estate.json(['keyvault', 'check-name', '--name', 'hsm-demo'])
  expect(check).toMatchObject({ nameAvailable: false, reason: 'AlreadyExists' })
  await estate.json(hsm('recover'))
  expect(await estate.json(hsm('key show', '--name', 'cli'))).toMatchObject({
    key: { kty: 'oct-HSM' },
  })
}, 60_000)

test('the audit trail of a managed HSM tells who did what with it', async () => {
  const words = ['audit', 'list', '--hsm-name', 'hsm-demo', '--operation', 'KeySign']
  const rows = (await estate.json(words)) as unknown as object[]
  expect(rows).toMatchObject([
    { resultType: 'Success', identity: { appId: account.appId }, isRbacAuthorized: true },
  ])
})

test('deleted and purged, it is gone for good', async () => {
  await estate.sluice(hsm('delete'))
  expect(await estate.sluice(hsm('purge'))).toMatchObject({ code: 0, stderr: '' })
  const recovered = await estate.sluice(hsm('recover'))
  expect(recovered.stderr).toContain("There is no deleted managed HSM named 'hsm-demo'")
  const check = await estate.json(['keyvault', 'check-name', '--name', 'hsm-demo'])
  expect(check).toEqual({ nameAvailable: true })
})
