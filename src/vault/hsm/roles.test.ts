import { afterEach, expect, test } from 'vitest'
import { caughtUp } from '../../storage/testing/test-database.ts'
import { startHsm } from '../testing/test-hsm.ts'
import { CALLER, HSM, type TestVault, tokenOf } from '../testing/test-vault.ts'
import { ADMINISTRATOR } from './roles.ts'

const P = 'providers/Microsoft.Authorization'
const DEFINITIONS = `Microsoft.KeyVault/${P}/roleDefinitions`
const CRYPTO_USER = '21dbd100-6940-42c2-9190-5d6cb909625b'
const ID = '4bcc0bc0-b655-4299-9aeb-087fb58867be'
const OTHER = '0c0c0c0c-0000-4000-8000-0000000000aa'
const asOther = { token: tokenOf({ aud: 'https://managedhsm.azure.net', oid: OTHER }) }

const started: TestVault[] = []
afterEach(async () => {
  for (const one of started.splice(0)) {
    expect(one.bugs).toEqual([])
    await one.close()
  }
})

async function start(options: Parameters<typeof startHsm>[0] = {}) {
  const one = await startHsm(options)
  started.push(one)
  const assign = (scope: string, id = ID, roleId = CRYPTO_USER) =>
    one.ask('PUT', `${scope}/${P}/roleAssignments/${id}`, {
      body: { properties: { roleDefinitionId: `${DEFINITIONS}/${roleId}`, principalId: OTHER } },
    })
  return { ...one, assign }
}
const errorOf = ({ status, body }: { status: number; body: { error?: { code: string } } }) => [
  status,
  body.error?.code,
]

test('the initial administrators are listed as assignments at the root, before activation too', async () => {
  const { ask } = await start({ activated: false })
  const { body } = await ask('GET', `///${P}/roleAssignments`)
  const found = body.value.find(
    ({ properties }: { properties: { roleDefinitionId: string } }) =>
      properties.roleDefinitionId === `${DEFINITIONS}/${ADMINISTRATOR}`,
  )
  expect(found).toEqual({
    id: `/${P}/roleAssignments/${found.name}`,
    name: found.name,
    properties: {
      principalId: CALLER,
      roleDefinitionId: `${DEFINITIONS}/${ADMINISTRATOR}`,
      scope: '/',
    },
    type: 'Microsoft.Authorization/roleAssignments',
  })
})

test('nobody is given a role before activation', async () => {
  const { assign } = await start({ activated: false })
  expect(errorOf(await assign(''))).toEqual([403, 'Forbidden'])
})

test.each([
  ['/', '', ['/keys/a', '/keys/b', '/keys']],
  ['/keys', '/keys', ['/keys/a', '/keys/b', '/keys']],
  ['/keys/a', '/keys/A', ['/keys/a']],
])('an assignment at %s reaches what is below it', async (scope, path, reached) => {
  const { ask, assign } = await start()
  const made = await assign(path)
  const prefix = scope === '/' ? '' : scope
  expect(made).toMatchObject({
    status: 201,
    body: { id: `${prefix}/${P}/roleAssignments/${ID}`, properties: { scope } },
  })
  for (const asked of ['/keys/a', '/keys/b', '/keys']) {
    const answer = await ask('GET', asked, asOther)
    expect([asked, answer.status !== 403]).toEqual([asked, reached.includes(asked)])
  }
  expect((await ask('POST', '/rng', { ...asOther, body: { count: 4 } })).status).toBe(
    scope === '/' ? 200 : 403,
  )
  expect((await ask('DELETE', `${path}/${P}/roleAssignments/${ID}`)).status).toBe(200)
  expect((await ask('GET', '/keys/a', asOther)).status).toBe(403)
})

test('a group of the caller may hold the role', async () => {
  const { ask, assign } = await start()
  await assign('/keys')
  const token = tokenOf({ aud: 'https://managedhsm.azure.net', oid: ID, groups: [OTHER] })
  expect((await ask('GET', '/keys', { token })).status).toBe(200)
})

test('the same assignment twice, an unknown one and an unknown role are refused', async () => {
  const { ask, assign } = await start()
  expect((await assign('/keys')).status).toBe(201)
  expect(errorOf(await assign('/keys'))).toEqual([409, 'RoleAssignmentExists'])
  expect(errorOf(await assign('/keys', OTHER))).toEqual([409, 'RoleAssignmentExists'])
  expect(errorOf(await assign('', OTHER, OTHER))).toEqual([404, 'RoleDefinitionNotFound'])
  const missing = await ask('DELETE', `/${P}/roleAssignments/${OTHER}`)
  expect(missing.status).toBe(404)
  expect(missing.body).toEqual({
    error: {
      code: 'RoleAssignmentNotFound',
      message: `Requested role assignment not found (Activity ID: ${missing.headers['x-ms-request-id']})`,
    },
  })
  expect(errorOf(await ask('GET', `/${P}/roleDefinitions/${ID}`))).toEqual([
    404,
    'RoleDefinitionNotFound',
  ])
})

test.each([
  ['', 3],
  ['?$filter=atScope()', 3],
  [`?$filter=principalId%20eq%20'${CALLER}'`, 3],
  [`?$filter=principalId+eq+${OTHER}`, 0],
])('assignments at the root, listed with %j', async (query, count) => {
  const { ask } = await start()
  const { body } = await ask('GET', `/${P}/roleAssignments${query}`)
  expect(body.value).toHaveLength(count)
})

test('below the root, atScope() leaves out what is below, and another filter is refused', async () => {
  const { ask, assign } = await start()
  await assign('/keys/a')
  const count = async (path: string, query = '') =>
    (await ask('GET', `${path}/${P}/roleAssignments${query}`)).body.value.length
  expect(await count('/keys')).toBe(4)
  expect(await count('/keys', '?$filter=atScope()')).toBe(3)
  expect(await count('/keys/b')).toBe(3)
  const wrong = await ask('GET', `/${P}/roleAssignments?$filter=name%20eq%20'x'`)
  expect(errorOf(wrong)).toEqual([400, 'BadParameter'])
})

const CUSTOM = {
  roleName: 'Signer',
  description: 'Signs.',
  type: 'CustomRole',
  assignableScopes: ['/'],
  permissions: [
    {
      actions: [],
      notActions: [],
      dataActions: ['Microsoft.KeyVault/managedHsm/keys/*'],
      notDataActions: ['Microsoft.KeyVault/managedHsm/keys/create'],
    },
  ],
}

test('a custom role allows what it names, less what it takes away, until it is deleted', async () => {
  const { ask, assign } = await start()
  const made = await ask('PUT', `/${P}/roleDefinitions/${ID}`, { body: { properties: CUSTOM } })
  expect(made).toMatchObject({
    status: 201,
    body: { id: `${DEFINITIONS}/${ID}`, name: ID, properties: CUSTOM },
  })
  const { body } = await ask('GET', `/${P}/roleDefinitions`)
  expect(body.value).toHaveLength(11)
  await assign('/keys', OTHER, ID)
  expect((await ask('GET', '/keys', asOther)).status).toBe(200)
  const create = { ...asOther, body: { kty: 'EC-HSM' } }
  expect((await ask('POST', '/keys/k/create', create)).status).toBe(403)
  expect((await ask('DELETE', `/${P}/roleDefinitions/${ID}`)).body).toEqual(made.body)
  expect((await ask('GET', '/keys', asOther)).status).toBe(403)
})

test.each([
  ['a built-in role', ADMINISTRATOR, '', CUSTOM],
  ['the type of built-in roles', ID, '', { ...CUSTOM, type: 'AKVBuiltInRole' }],
  ['a scope of keys', ID, '/keys', CUSTOM],
  ['an assignable scope of keys', ID, '', { ...CUSTOM, assignableScopes: ['/keys'] }],
  ['an id that is none', 'signer', '', CUSTOM],
  [
    'a data action that is none',
    ID,
    '',
    { ...CUSTOM, permissions: [{ dataActions: ['Microsoft.KeyVault/managedHsm/keys/fly'] }] },
  ],
])('a custom role with %s is refused', async (_case, id, scope, properties) => {
  const { ask } = await start()
  const path = `${scope}/${P}/roleDefinitions/${id}`
  expect(errorOf(await ask('PUT', path, { body: { properties } }))).toEqual([400, 'BadParameter'])
})

test('a setting is false until it is changed', async () => {
  const { ask } = await start()
  const name = 'AllowKeyManagementOperationsThroughARM'
  const setting = { name, type: 'boolean', value: 'false' }
  expect((await ask('GET', '/settings')).body).toEqual({ settings: [setting] })
  const changed = await ask('PATCH', `/settings/${name}`, { body: { value: 'true' } })
  expect(changed).toMatchObject({ status: 200, body: { ...setting, value: 'true' } })
  expect((await ask('GET', `/settings/${name}`)).body.value).toBe('true')
  const wrong = await ask('PATCH', `/settings/${name}`, { body: { value: 'perhaps' } })
  expect(errorOf(wrong)).toEqual([400, 'BadParameter'])
  expect(errorOf(await ask('GET', '/settings/other'))).toEqual([404, 'SettingNotFound'])
})

test('a purged managed HSM leaves no role, setting or key behind', async () => {
  const { ask, assign, vault } = await start()
  await ask('POST', '/keys/k/create', { body: { kty: 'oct-HSM' } })
  await assign('/keys')
  await vault.eraseVault(HSM.dataId)
  expect(await vault.isHsmActivated(HSM.dataId)).toBe(false)
  const { body } = await ask('GET', `/${P}/roleAssignments`)
  expect(body.value).toHaveLength(1)
})

test('what is done is in the audit log, and so is what is refused', async () => {
  const { ask, assign, audit } = await start()
  await assign('/keys')
  await ask('GET', '/keys/a', { token: undefined })
  await ask('POST', '/rng', asOther)
  expect(audit.map(({ operationName, resultType }) => [operationName, resultType])).toEqual([
    ['RoleAssignmentCreate', 'Success'],
    ['Authentication', 'Unauthorized'],
    ['RandomBytesGet', 'ForbiddenByRbac'],
  ])
  expect(audit[0]).toMatchObject({ resourceId: HSM.id.toUpperCase(), isRbacAuthorized: true })
})

test('a role given in one process is seen by another', async () => {
  const one = await start()
  const other = await start({ folder: one.folder })
  expect((await other.ask('GET', '/keys', asOther)).status).toBe(403)
  await one.assign('/keys')
  await caughtUp(other.db)
  expect((await other.ask('GET', '/keys', asOther)).status).toBe(200)
})
