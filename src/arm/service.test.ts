import { createSecretKey, randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { manualClock } from '../base/clock.ts'
import { newGuid } from '../base/ids.ts'
import { identityMigrations, openIdentity } from '../identity/index.ts'
import { migrate } from '../storage/migrations.ts'
import { Sealer, sealingMigrations } from '../storage/sealing.ts'
import { openTestDatabase } from '../storage/testing/test-database.ts'
import { armMigrations, openArm } from './index.ts'
import { type Answer, type Send, serve } from './testing/served.ts'

const NOON = Date.UTC(2026, 0, 31, 12)
const DAY_MS = 86_400_000
const TENANT = '11111111-2222-4333-8444-555555555555'
const SUB = 'aaaaaaaa-2222-4333-8444-555555555555'
const S = `/subscriptions/${SUB}`
const SECRETS_USER = '4633458b-17de-408a-b874-0445c86b69e6'
const OLD = 'api-version=2022-07-01'
const NEW = 'api-version=2026-02-01'

async function start() {
  const db = await openTestDatabase<unknown>(':memory:')
  await migrate(db, [...sealingMigrations, ...identityMigrations, ...armMigrations], NOON)
  const clock = manualClock(NOON)
  const sealer = new Sealer(db, createSecretKey(randomBytes(32)), () => NOON)
  const { directory, verifier } = await openIdentity({ db, sealer, clock, tenantId: TENANT })
  const arm = await openArm({
    db,
    clock,
    verifier,
    directory,
    hsmStatus: { isActivated: async () => false },
    askKeys: async () => ({ status: 404 }),
  })
  const erased: string[] = []
  arm.onVaultPurged(async ({ name }) => {
    erased.push(name)
  })
  await arm.createSubscription({ id: SUB, displayName: 'Development' })
  const owner = await directory.createApplication({ displayName: 'owner' })
  const guest = await directory.createApplication({ displayName: 'guest' })
  await arm.assignRole({ scope: S, role: 'Owner', principalId: owner.principalId })
  const bearer = async (
    who: { readonly principalId: string; readonly appId: string },
    audience = 'https://management.core.windows.net/',
    lifetimeMs = 90 * DAY_MS,
  ) => {
    const { token } = await directory.issueToken({
      tenantId: TENANT,
      objectId: who.principalId,
      appId: who.appId,
      audience,
      kind: 'app',
      lifetimeMs,
    })
    return { authorization: `Bearer ${token.open()}` }
  }
  let host = 'management.azure.com'
  const served = await serve(arm.service, () => host, clock)
  return {
    arm,
    clock,
    directory,
    owner,
    guest,
    erased,
    bearer,
    served,
    setHost: (name: string) => {
      host = name
    },
    stop: async () => {
      served.close()
      await db.close()
    },
  }
}

let world: Awaited<ReturnType<typeof start>>
let asOwner: Send
let asGuest: Send
beforeAll(async () => {
  world = await start()
  const sendAs = (headers: Record<string, string>): Send => {
    return (method, path, more = {}) =>
      world.served.send(method, path, { ...more, headers: { ...headers, ...more.headers } })
  }
  asOwner = sendAs(await world.bearer(world.owner))
  asGuest = sendAs(await world.bearer(world.guest))
  await asOwner('PUT', `${S}/resourcegroups/G?${NEW}`, { json: { location: 'East US' } })
})
afterAll(() => world.stop())

const vaultPath = (name: string, group = 'G') =>
  `${S}/resourceGroups/${group}/providers/Microsoft.KeyVault/vaults/${name}`
const AZ_PROPERTIES = {
  tenantId: TENANT,
  sku: { family: 'A', name: 'standard' },
  accessPolicies: [],
  enableSoftDelete: true,
  softDeleteRetentionInDays: 90,
  enableRbacAuthorization: true,
  networkAcls: { bypass: 'AzureServices', defaultAction: 'Allow' },
}
function putVault(name: string, changes: object = {}, version = OLD, group = 'G'): Promise<Answer> {
  const json = { location: 'eastus', properties: { ...AZ_PROPERTIES, ...changes } }
  return asOwner('PUT', `${vaultPath(name, group)}?${version}`, { json })
}
const errorOf = ({ status, body }: Answer) => [status, body.error?.code]

test('az login lists the subscriptions and tenants of the caller', async () => {
  const { body } = await asOwner('GET', `/subscriptions?api-version=2022-12-01`)
  expect(body).toEqual({
    value: [
      {
        id: S,
        authorizationSource: 'RoleBased',
        managedByTenants: [],
        tags: {},
        subscriptionId: SUB,
        tenantId: TENANT,
        homeTenantId: TENANT,
        displayName: 'Development',
        state: 'Enabled',
        subscriptionPolicies: expect.any(Object),
      },
    ],
    count: { type: 'Total', value: 1 },
  })
  expect((await asGuest('GET', `/subscriptions?${NEW}`)).body.value).toEqual([])
  const tenants = await asGuest('GET', '/tenants?api-version=2019-11-01')
  expect(tenants.body.value).toMatchObject([{ id: `/tenants/${TENANT}`, tenantId: TENANT }])
})

test('a manual connection is verified by reading the subscription, which needs a role', async () => {
  const denied = await asGuest('GET', `${S}?${NEW}`)
  expect(denied.status).toBe(403)
  expect(denied.headers.get('x-ms-failure-cause')).toBe('gateway')
  expect(denied.body.error).toEqual({
    code: 'AuthorizationFailed',
    message: `The client '${world.guest.appId}' with object id '${world.guest.principalId}' does not have authorization to perform action 'Microsoft.Resources/subscriptions/read' over scope '${S}' or the scope is invalid. If access was recently granted, please refresh your credentials.`,
  })
  const reader = await world.directory.createApplication({ displayName: 'reader' })
  await world.arm.assignRole({ scope: S, role: 'Reader', principalId: reader.principalId })
  const headers = await world.bearer(reader, 'https://management.azure.com')
  const read = await world.served.send('GET', `${S}?${NEW}`, { headers })
  expect(read.status).toBe(200)
  expect(
    errorOf(await world.served.send('DELETE', `${S}/resourceGroups/G?${NEW}`, { headers })),
  ).toEqual([403, 'AuthorizationFailed'])
})

test('a request without a token learns where to sign in', async () => {
  const answer = await world.served.send('GET', `${S}?${NEW}`)
  expect(errorOf(answer)).toEqual([401, 'AuthenticationFailed'])
  expect(answer.headers.get('www-authenticate')).toBe(
    `Bearer authorization_uri="https://login.microsoftonline.com/${TENANT}", error="invalid_token", error_description="Authentication failed. The 'Authorization' header is missing."`,
  )
})

test('forged, expired, foreign and misdirected tokens are told apart', async () => {
  const good = (await world.bearer(world.owner)).authorization
  const send = (authorization: string) =>
    world.served.send('GET', `${S}?${NEW}`, { headers: { authorization } })
  const short = await world.bearer(world.owner, 'https://management.azure.com', 1000)
  world.clock.moveMs(1000)
  expect(errorOf(await send(short.authorization))).toEqual([401, 'ExpiredAuthenticationToken'])
  expect(errorOf(await send(`${good.slice(0, -4)}AAAA`))).toEqual([
    401,
    'InvalidAuthenticationToken',
  ])
  const vault = await world.bearer(world.owner, 'https://vault.azure.net')
  expect(errorOf(await send(vault.authorization))).toEqual([
    401,
    'InvalidAuthenticationTokenAudience',
  ])
  const [head = '', body = '', signature = ''] = good.split('.')
  const claims = JSON.parse(Buffer.from(body, 'base64url').toString())
  const foreign = { ...claims, iss: `https://sts.windows.net/${newGuid()}/` }
  const encoded = Buffer.from(JSON.stringify(foreign)).toString('base64url')
  expect(errorOf(await send(`${head}.${encoded}.${signature}`))).toEqual([
    401,
    'InvalidAuthenticationTokenTenant',
  ])
})

test.each([
  ['', 400, 'MissingApiVersionParameter'],
  ['?api-version=latest', 400, 'InvalidApiVersionParameter'],
  ['?api-version=2099-99-99', 400, 'InvalidApiVersionParameter'],
  ['?api-version=2999-01-01-preview', 200, undefined],
  ['?api%2Dversion=2026-02-01', 200, undefined],
])('api-version %j answers %i', async (query, status, code) => {
  expect(errorOf(await asOwner('GET', `${S}${query}`))).toEqual([status, code])
})

test('an unknown subscription, namespace and type are named', async () => {
  const other = `/subscriptions/${newGuid()}`
  expect(errorOf(await asOwner('GET', `${other}?${NEW}`))).toEqual([404, 'SubscriptionNotFound'])
  const path = `${S}/resourceGroups/G/providers/Microsoft.Compute/disks/d?${NEW}`
  expect(errorOf(await asOwner('GET', path))).toEqual([404, 'InvalidResourceNamespace'])
  const kind = `${S}/resourceGroups/G/providers/Microsoft.KeyVault/safes/d?${NEW}`
  expect(errorOf(await asOwner('GET', kind))).toEqual([404, 'InvalidResourceType'])
})

test('az group create is idempotent and keeps its region', async () => {
  const path = `${S}/resourcegroups/Twice?${NEW}`
  const first = await asOwner('PUT', path, { json: { location: 'eastus', tags: { a: 'b' } } })
  expect(first).toMatchObject({
    status: 201,
    body: {
      id: `${S}/resourceGroups/Twice`,
      name: 'Twice',
      type: 'Microsoft.Resources/resourceGroups',
      location: 'eastus',
      tags: { a: 'b' },
      properties: { provisioningState: 'Succeeded' },
    },
  })
  const second = await asOwner('PUT', path.replace('Twice', 'TWICE'), {
    json: { location: 'East US' },
  })
  expect([second.status, second.body.id]).toEqual([200, `${S}/resourceGroups/Twice`])
  const moved = await asOwner('PUT', path, { json: { location: 'westus' } })
  expect(errorOf(moved)).toEqual([409, 'InvalidResourceGroupLocation'])
  expect((await asOwner('HEAD', path)).status).toBe(204)
  expect((await asOwner('HEAD', `${S}/resourcegroups/none?${NEW}`)).status).toBe(404)
  const patched = await asOwner('PATCH', path, { json: { tags: { c: 'd' } } })
  expect(patched.body.tags).toEqual({ c: 'd' })
  const tagged = `${S}/resourcegroups?${NEW}&$filter=tagName eq 'c'`
  expect((await asOwner('GET', tagged)).body.value).toHaveLength(1)
})

test.each([
  ['none', { json: {} }, 'LocationRequired'],
  ['moon', { json: { location: 'moonbase' } }, 'LocationNotAvailableForResourceGroup'],
  ['dot.', { json: { location: 'eastus' } }, 'InvalidResourceGroup'],
  ['list', { json: [] }, 'InvalidRequestContent'],
])('a group %s is refused', async (name, body, code) => {
  const answer = await asOwner('PUT', `${S}/resourcegroups/${name}?${NEW}`, body)
  expect(errorOf(answer)).toEqual([400, code])
})

test('az group delete polls until done, and its vaults can be recovered', async () => {
  const group = `${S}/resourceGroups/Gone?${NEW}`
  await asOwner('PUT', group, { json: { location: 'eastus' } })
  await putVault('gone-vault', {}, OLD, 'Gone')
  const before = world.arm.findVault('gone-vault')
  const deleted = await asOwner('DELETE', group)
  expect([deleted.status, deleted.headers.get('retry-after')]).toEqual([202, '1'])
  const location = new URL(deleted.headers.get('location') ?? '')
  const polled = await asOwner('GET', location.pathname + location.search)
  expect([polled.status, polled.body]).toEqual([200, ''])
  expect(errorOf(await asOwner('GET', group))).toEqual([404, 'ResourceGroupNotFound'])
  const list = await asOwner('GET', `${S}/providers/Microsoft.KeyVault/deletedVaults?${NEW}`)
  expect(list.body.value.map((one: { name: string }) => one.name)).toContain('gone-vault')
  expect(world.arm.findVault('gone-vault')?.deleted).toBe(true)
  expect(world.arm.findActiveVault('gone-vault')).toBeUndefined()

  await asOwner('PUT', group, { json: { location: 'eastus' } })
  const recovered = await putVault('gone-vault', { createMode: 'recover' }, OLD, 'Gone')
  expect(recovered.status).toBe(200)
  expect(world.arm.findVault('gone-vault')).toMatchObject({
    deleted: false,
    dataId: before?.dataId,
  })
})

test('az keyvault create: not found, created, read back, listed, found by name', async () => {
  const path = `${vaultPath('kv-one')}?${OLD}`
  expect(errorOf(await asOwner('GET', path))).toEqual([404, 'ResourceNotFound'])
  const created = await putVault('kv-one')
  expect(created).toMatchObject({
    status: 201,
    body: {
      id: vaultPath('kv-one'),
      name: 'kv-one',
      type: 'Microsoft.KeyVault/vaults',
      location: 'eastus',
      tags: {},
      systemData: { createdBy: world.owner.appId, createdByType: 'Application' },
      properties: {
        sku: { family: 'A', name: 'standard' },
        tenantId: TENANT,
        accessPolicies: [],
        enabledForDeployment: false,
        enableSoftDelete: true,
        softDeleteRetentionInDays: 90,
        enableRbacAuthorization: true,
        vaultUri: 'https://kv-one.vault.azure.net/',
        provisioningState: 'Succeeded',
        publicNetworkAccess: 'Enabled',
      },
    },
  })
  expect(created.body.properties).not.toHaveProperty('enablePurgeProtection')
  expect(
    await asOwner('GET', path.toUpperCase().replace('API-VERSION', 'api-version')),
  ).toMatchObject({ status: 200, body: { name: 'kv-one' } })
  const query = `$filter=${encodeURIComponent("resourceType eq 'Microsoft.KeyVault/vaults' and name eq 'KV-ONE'")}&api-version=2015-11-01`
  const found = await asOwner('GET', `${S}/resources?${query}`)
  expect(found.body.value).toEqual([
    {
      id: vaultPath('kv-one'),
      name: 'kv-one',
      type: 'Microsoft.KeyVault/vaults',
      location: 'eastus',
      tags: {},
    },
  ])
  const lists = [
    `${S}/resourceGroups/G/providers/Microsoft.KeyVault/vaults?${NEW}`,
    `${S}/providers/Microsoft.KeyVault/vaults?${NEW}`,
    `${S}/resourceGroups/G/resources?${NEW}`,
  ]
  for (const list of lists) {
    const names = (await asOwner('GET', list)).body.value.map((one: { name: string }) => one.name)
    expect(names).toContain('kv-one')
  }
  const link = await asOwner('GET', `${vaultPath('kv-one')}/privateLinkResources?${NEW}`)
  expect(link.body.value).toMatchObject([{ name: 'vault', properties: { groupId: 'vault' } }])
  const wrong = await asOwner('GET', `${S}/resources?$filter=plan eq 'x'&${NEW}`)
  expect(errorOf(wrong)).toEqual([400, 'InvalidFilterInQueryString'])
})

test('a vault accepts its own read-back and keeps its firewall', async () => {
  const acls = {
    bypass: 'None',
    defaultAction: 'Deny',
    ipRules: [{ value: '203.0.113.7' }, { value: '198.51.100.0/24' }],
    virtualNetworkRules: [],
  }
  const created = await putVault('kv-firewall', { networkAcls: acls, enablePurgeProtection: true })
  const { body } = await asOwner('PUT', `${vaultPath('kv-firewall')}?${NEW}`, {
    json: created.body,
  })
  expect(body.properties).toEqual(created.body.properties)
  expect(body.properties.networkAcls).toEqual(acls)
  const { networkAcls: _, ...others } = created.body.properties
  const again = await asOwner('PUT', `${vaultPath('kv-firewall')}?${NEW}`, {
    json: { ...created.body, properties: others },
  })
  expect(again.body.properties.networkAcls).toEqual(acls)
  const patched = await asOwner('PATCH', `${vaultPath('kv-firewall')}?${NEW}`, {
    json: { tags: { a: 'b' }, properties: { publicNetworkAccess: 'disabled' } },
  })
  expect(patched.body).toMatchObject({
    tags: { a: 'b' },
    properties: { networkAcls: acls, publicNetworkAccess: 'disabled', enablePurgeProtection: true },
  })
  expect(world.arm.findActiveVault('KV-FIREWALL')).toMatchObject({
    networkAcls: acls,
    publicNetworkAccess: 'Disabled',
    enablePurgeProtection: true,
  })
})

test.each([
  ['2022-07-01', undefined, false],
  ['2025-05-01', null, false],
  ['2026-02-01', undefined, true],
  ['2026-03-01-preview', undefined, true],
  ['2026-02-01', false, false],
])('api-version %s with enableRbacAuthorization %s makes %s', async (version, flag, expected) => {
  const name = `rbac-${newGuid().slice(0, 8)}`
  const { body } = await putVault(name, { enableRbacAuthorization: flag }, `api-version=${version}`)
  expect(body.properties.enableRbacAuthorization).toBe(expected)
  expect(world.arm.findVault(name)?.enableRbacAuthorization).toBe(expected)
})

test.each(['ab', 'a--b', '1abc', 'abc-', 'a_bc', 'a'.repeat(25)])(
  'the vault name %s is refused',
  async (name) => {
    expect(errorOf(await putVault(name))).toEqual([400, 'VaultNameNotValid'])
    const check = await asOwner(
      'POST',
      `${S}/providers/Microsoft.KeyVault/checkNameAvailability?${NEW}`,
      { json: { name, type: 'Microsoft.KeyVault/vaults' } },
    )
    expect(check.body).toMatchObject({ nameAvailable: false, reason: 'AccountNameInvalid' })
  },
)

const policy = (objectId: unknown, permissions: object = { secrets: ['get', 'list'] }) => ({
  accessPolicies: [{ tenantId: TENANT, objectId, permissions }],
})
test.each([
  [{ enableSoftDelete: false }, 'BadRequest', /can be set to false only for creating new vault/],
  [
    { enablePurgeProtection: false },
    'BadRequest',
    /"enablePurgeProtection" cannot be set to false/,
  ],
  [{ softDeleteRetentionInDays: 6 }, 'BadRequest', /7 to 90/],
  [{ softDeleteRetentionInDays: 91 }, 'BadRequest', /7 to 90/],
  [{ tenantId: 'contoso' }, 'BadRequest', /tenantId/],
  [{ sku: { family: 'A', name: 'gold' } }, 'SkuNotSupported', /standard or premium/],
  [
    { accessPolicies: undefined, enableRbacAuthorization: false },
    'BadRequest',
    /accessPolicies is not specified/,
  ],
  [
    policy('{"id": "x"}'),
    'BadRequest',
    /object id must be a GUID, got a JSON object; add `--query id -o tsv`/,
  ],
  [policy({ id: 'x' }), 'BadRequest', /got a JSON object/],
  [policy('[1]'), 'BadRequest', /got a JSON list/],
  [policy(undefined), 'BadRequest', /got nothing/],
  [policy(TENANT, { secrets: ['fetch'] }), 'BadRequest', /'fetch' is no permission of secrets/],
  [{ networkAcls: { ipRules: [{ value: '10.1.2.3' }] } }, 'BadRequest', /private address/],
  [{ networkAcls: { ipRules: [{ value: '192.168.0.0/16' }] } }, 'BadRequest', /private address/],
  [{ networkAcls: { ipRules: [{ value: 'here' }] } }, 'BadRequest', /not an IPv4 address/],
  [{ networkAcls: { defaultAction: 'Maybe' } }, 'BadRequest', /Allow or Deny/],
  [{ publicNetworkAccess: 'Sometimes' }, 'BadRequest', /SecuredByPerimeter/],
])('a vault with %j is refused', async (changes, code, message) => {
  const answer = await putVault('kv-refused', changes)
  expect(errorOf(answer)).toEqual([400, code])
  expect(answer.body.error.message).toMatch(message)
  expect(world.arm.findVault('kv-refused')).toBeUndefined()
})

test('region, retention and owner of a vault do not change', async () => {
  await putVault('kv-fixed')
  const path = `${vaultPath('kv-fixed')}?${NEW}`
  const move = (json: object) => asOwner('PUT', path, { json })
  expect(errorOf(await move({ location: 'westus', properties: AZ_PROPERTIES }))).toEqual([
    409,
    'InvalidResourceLocation',
  ])
  expect(errorOf(await move({ properties: AZ_PROPERTIES }))).toEqual([400, 'LocationRequired'])
  expect(errorOf(await move({ location: 'moon', properties: AZ_PROPERTIES }))).toEqual([
    400,
    'RegionNotSupported',
  ])
  const retention = await putVault('kv-fixed', { softDeleteRetentionInDays: 20 })
  expect(retention.body.error.message).toContain("can't be modified")
  await asOwner('PUT', `${S}/resourcegroups/Other?${NEW}`, { json: { location: 'eastus' } })
  expect(errorOf(await putVault('kv-fixed', {}, OLD, 'Other'))).toEqual([409, 'VaultAlreadyExists'])
  expect(errorOf(await putVault('kv-orphan', {}, OLD, 'None'))).toEqual([
    404,
    'ResourceGroupNotFound',
  ])
})

test('of two requests for one name at once, one gets it', async () => {
  await asOwner('PUT', `${S}/resourcegroups/Other?${NEW}`, { json: { location: 'eastus' } })
  const both = await Promise.all([putVault('kv-race'), putVault('kv-race', {}, OLD, 'Other')])
  expect(both.map(({ status }) => status).sort()).toEqual([201, 409])
})

test('access policies are added, replaced and removed per identity', async () => {
  const [ada, bob] = [newGuid(), newGuid()]
  await putVault('kv-policy', { ...policy(ada, { keys: ['Get'] }), enableRbacAuthorization: false })
  const change = (kind: string, objectId: string, permissions: object) =>
    asOwner('PUT', `${vaultPath('kv-policy')}/accessPolicies/${kind}?${NEW}`, {
      json: { properties: policy(objectId, permissions) },
    })
  const permissionsOf = (answer: Answer, objectId: string) =>
    answer.body.properties.accessPolicies.find(
      (one: { objectId: string }) => one.objectId === objectId,
    )?.permissions
  const added = await change('add', ada, { secrets: ['get', 'list'] })
  expect(permissionsOf(added, ada)).toMatchObject({ keys: ['get'], secrets: ['get', 'list'] })
  await change('add', bob, { secrets: ['get'] })
  const replaced = await change('replace', ada, { secrets: ['set'] })
  expect(permissionsOf(replaced, ada)).toMatchObject({ keys: [], secrets: ['set'] })
  expect(permissionsOf(replaced, bob)).toMatchObject({ secrets: ['get'] })
  const removed = await change('remove', ada, { secrets: ['set'] })
  expect(permissionsOf(removed, ada)).toBeUndefined()
  expect(world.arm.findVault('kv-policy')?.accessPolicies).toMatchObject([{ objectId: bob }])
  expect(errorOf(await change('merge', ada, {}))).toEqual([400, 'BadRequest'])
})

test('delete, name held, recover, purge, name free', async () => {
  await putVault('kv-cycle')
  const scope = vaultPath('kv-cycle')
  const role = { scope, role: SECRETS_USER, principalId: world.guest.principalId }
  await world.arm.assignRole(role)
  expect((await asOwner('DELETE', `${scope}?${NEW}`)).status).toBe(200)
  expect((await asOwner('DELETE', `${scope}?${NEW}`)).status).toBe(204)
  expect(errorOf(await asOwner('GET', `${scope}?${NEW}`))).toEqual([404, 'ResourceNotFound'])
  expect(errorOf(await putVault('kv-cycle'))).toEqual([409, 'ConflictError'])
  const deletedPath = `${S}/providers/Microsoft.KeyVault/locations/eastus/deletedVaults/kv-cycle`
  const deleted = await asOwner('GET', `${deletedPath}?${NEW}`)
  expect(deleted.body).toMatchObject({
    id: deletedPath,
    type: 'Microsoft.KeyVault/deletedVaults',
    properties: { vaultId: scope, location: 'eastus' },
  })
  const { deletionDate, scheduledPurgeDate } = deleted.body.properties
  expect(Date.parse(scheduledPurgeDate) - Date.parse(deletionDate)).toBe(90 * DAY_MS)

  expect((await putVault('kv-cycle', { createMode: 'recover' })).status).toBe(200)
  const secret = 'Microsoft.KeyVault/vaults/secrets/getSecret/action'
  const caller = { objectId: world.guest.principalId, groups: [] }
  expect(world.arm.decide(caller, secret, scope).allowed).toBe(false)

  await asOwner('DELETE', `${scope}?${NEW}`)
  const purged = await asOwner('POST', `${deletedPath}/purge?${NEW}`)
  expect(purged.status).toBe(202)
  const location = new URL(purged.headers.get('location') ?? '')
  expect((await asOwner('GET', location.pathname + location.search)).status).toBe(200)
  expect(world.erased).toContain('kv-cycle')
  expect(world.arm.findVault('kv-cycle')).toBeUndefined()
  expect(errorOf(await asOwner('GET', `${deletedPath}?${NEW}`))).toEqual([
    404,
    'DeletedVaultNotFound',
  ])
  expect((await putVault('kv-cycle')).status).toBe(201)
})

test('a protected vault is purged by time alone', async () => {
  await putVault('kv-kept', { enablePurgeProtection: true, softDeleteRetentionInDays: 7 })
  await asOwner('DELETE', `${vaultPath('kv-kept')}?${NEW}`)
  const purge = `${S}/providers/Microsoft.KeyVault/locations/eastus/deletedVaults/kv-kept/purge?${NEW}`
  expect(errorOf(await asOwner('POST', purge))).toEqual([409, 'MethodNotAllowed'])
  world.clock.moveMs(7 * DAY_MS - 1)
  await world.arm.purgeExpired()
  expect(world.arm.findVault('kv-kept')?.deleted).toBe(true)
  world.clock.moveMs(1)
  expect(world.arm.findVault('kv-kept')).toBeUndefined()
  await world.arm.purgeExpired()
  expect(world.erased).toContain('kv-kept')
})

test('purging needs the purge operator, not the contributor', async () => {
  await putVault('kv-operator')
  await asOwner('DELETE', `${vaultPath('kv-operator')}?${NEW}`)
  const purge = `${S}/providers/Microsoft.KeyVault/locations/eastus/deletedVaults/kv-operator/purge?${NEW}`
  const app = await world.directory.createApplication({ displayName: 'kvc' })
  const headers = await world.bearer(app)
  const { principalId } = app
  await world.arm.assignRole({ scope: S, role: 'Key Vault Contributor', principalId })
  expect((await world.served.send('POST', purge, { headers })).status).toBe(403)
  await world.arm.assignRole({ scope: S, role: 'Key Vault Purge Operator', principalId })
  expect((await world.served.send('POST', purge, { headers })).status).toBe(202)
})

test('az keyvault list, list-deleted and check-name find no managed HSM', async () => {
  for (const kind of ['managedHSMs', 'deletedManagedHSMs']) {
    const { body } = await asOwner('GET', `${S}/providers/Microsoft.KeyVault/${kind}?${NEW}`)
    expect(body).toEqual({ value: [] })
  }
  const check = (kind: string, name: string) =>
    asOwner('POST', `${S}/providers/Microsoft.KeyVault/${kind}?${NEW}`, { json: { name } })
  expect((await check('checkMhsmNameAvailability', 'hsm1')).body).toEqual({ nameAvailable: true })
  await putVault('kv-taken')
  expect((await check('checkNameAvailability', 'KV-taken')).body).toMatchObject({
    nameAvailable: false,
    reason: 'AlreadyExists',
  })
  expect((await check('checkNameAvailability', 'kv-free')).body).toEqual({ nameAvailable: true })
})

test('az role assignment create: find the role, give it, list it, take it', async () => {
  await putVault('kv-roles')
  const scope = `${vaultPath('kv-roles')}/secrets/db`
  const authorization = '/providers/Microsoft.Authorization'
  const filter = encodeURIComponent("roleName eq 'Key Vault Secrets User'")
  const roles = await asOwner(
    'GET',
    `${scope}${authorization}/roleDefinitions?$filter=${filter}&api-version=2022-05-01-preview`,
  )
  expect(roles.body.value).toMatchObject([
    {
      id: `${S}${authorization}/roleDefinitions/${SECRETS_USER}`,
      name: SECRETS_USER,
      properties: { roleName: 'Key Vault Secrets User', type: 'BuiltInRole' },
    },
  ])
  const { principalId } = world.guest
  const json = { properties: { roleDefinitionId: roles.body.value[0].id, principalId } }
  const id = newGuid()
  const path = `${scope}${authorization}/roleAssignments/${id}?api-version=2022-04-01`
  const created = await asOwner('PUT', path, { json })
  expect(created).toMatchObject({
    status: 201,
    body: {
      id: `${scope}${authorization}/roleAssignments/${id}`,
      name: id,
      type: 'Microsoft.Authorization/roleAssignments',
      properties: {
        scope,
        principalId,
        principalType: 'ServicePrincipal',
        roleDefinitionId: `${S}${authorization}/roleDefinitions/${SECRETS_USER}`,
        createdBy: world.owner.principalId,
      },
    },
  })
  expect((await asOwner('PUT', path, { json })).status).toBe(200)
  expect(errorOf(await asOwner('PUT', path.replace(id, newGuid()), { json }))).toEqual([
    409,
    'RoleAssignmentExists',
  ])
  const other = { properties: { ...json.properties, principalId: world.owner.principalId } }
  expect(errorOf(await asOwner('PUT', path, { json: other }))).toEqual([
    409,
    'RoleAssignmentUpdateNotPermitted',
  ])

  const action = 'Microsoft.KeyVault/vaults/secrets/getSecret/action'
  const caller = { objectId: principalId, groups: [] }
  expect(world.arm.decide(caller, action, scope.toUpperCase())).toEqual({
    allowed: true,
    assignmentId: id,
  })
  expect(world.arm.decide(caller, action, `${scope}2`).allowed).toBe(false)
  expect(world.arm.decide(caller, action, vaultPath('kv-roles')).allowed).toBe(false)

  const list = async (at: string, query: string) => {
    const answer = await asOwner('GET', `${at}${authorization}/roleAssignments?${query}&${NEW}`)
    return answer.body.value.map((one: { name: string }) => one.name)
  }
  expect(await list(scope, '$filter=atScope()')).toContain(id)
  expect(await list(vaultPath('kv-roles'), '$filter=atScope()')).not.toContain(id)
  expect(await list(vaultPath('kv-roles'), '')).toContain(id)
  expect(await list(S, `$filter=principalId eq '${principalId}'`)).toContain(id)
  expect(await list(S, `$filter=assignedTo('${principalId}')`)).toContain(id)
  expect(await list(S, `$filter=principalId eq '${newGuid()}'`)).toEqual([])
  const wrong = await asOwner('GET', `${S}${authorization}/roleAssignments?$filter=x()&${NEW}`)
  expect(errorOf(wrong)).toEqual([400, 'InvalidFilterInQueryString'])

  expect((await asOwner('GET', path)).body.name).toBe(id)
  const elsewhere = `${S}${authorization}/roleAssignments/${id}?${NEW}`
  expect(errorOf(await asOwner('GET', elsewhere))).toEqual([404, 'RoleAssignmentNotFound'])
  expect((await asOwner('DELETE', elsewhere)).status).toBe(204)
  expect(await asOwner('DELETE', path)).toMatchObject({ status: 200, body: { name: id } })
  expect((await asOwner('DELETE', path)).status).toBe(204)
  expect(world.arm.decide(caller, action, scope).allowed).toBe(false)
})

test.each([
  ['no role', { principalId: newGuid() }, 400, 'InvalidRoleDefinitionId'],
  [
    'unknown role',
    { roleDefinitionId: newGuid(), principalId: newGuid(), principalType: 'User' },
    404,
    'RoleDefinitionDoesNotExist',
  ],
  [
    'unknown principal',
    { roleDefinitionId: SECRETS_USER, principalId: newGuid() },
    400,
    'PrincipalNotFound',
  ],
  [
    'a principal that is no GUID',
    { roleDefinitionId: SECRETS_USER, principalId: '{}' },
    400,
    'InvalidPrincipalId',
  ],
  [
    'a condition that cannot be read',
    { roleDefinitionId: SECRETS_USER, principalId: newGuid(), condition: 'true' },
    400,
    'InvalidCondition',
  ],
])('a role assignment with %s is refused', async (_case, properties, status, code) => {
  const path = `${S}/providers/Microsoft.Authorization/roleAssignments/${newGuid()}?${NEW}`
  expect(errorOf(await asOwner('PUT', path, { json: { properties } }))).toEqual([status, code])
})

test('a fresh principal is taken when its type is named', async () => {
  const path = `${S}/providers/Microsoft.Authorization/roleAssignments/${newGuid()}?${NEW}`
  const properties = {
    roleDefinitionId: SECRETS_USER,
    principalId: newGuid(),
    principalType: 'ServicePrincipal',
  }
  expect((await asOwner('PUT', path, { json: { properties } })).status).toBe(201)
})

test('a condition narrows a role to some secrets, or to some roles to give', async () => {
  await putVault('kv-when')
  const app = await world.directory.createApplication({ displayName: 'when' })
  const headers = await world.bearer(app)
  const { principalId } = app
  const give = (send: Send, properties: object, more = {}) =>
    send(
      'PUT',
      `${vaultPath('kv-when')}/providers/Microsoft.Authorization/roleAssignments/${newGuid()}?${NEW}`,
      { ...more, json: { properties: { principalType: 'ServicePrincipal', ...properties } } },
    )
  const action = 'Microsoft.KeyVault/vaults/secrets/getSecret/action'
  const condition = `!(ActionMatches{'${action}'}) OR @Resource[Microsoft.KeyVault/vaults/secrets:name] StringStartsWith 'app-'`
  const given = await give(asOwner, {
    roleDefinitionId: SECRETS_USER,
    principalId,
    condition,
    conditionVersion: '2.0',
  })
  expect(given.body.properties).toMatchObject({ condition, conditionVersion: '2.0' })
  const caller = { objectId: principalId, groups: [] }
  const may = (name: string) =>
    world.arm.decide(caller, action, `${vaultPath('kv-when')}/secrets/${name}`).allowed
  expect([may('app-db'), may('db')]).toEqual([true, false])

  await give(asOwner, {
    roleDefinitionId: 'f58310d9-a9f6-439a-9e8d-f62e7b41a168',
    principalId,
    condition: `@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals{${SECRETS_USER}}`,
  })
  const asApp: Send = world.served.send
  const other = { principalId: newGuid(), roleDefinitionId: SECRETS_USER }
  expect((await give(asApp, other, { headers })).status).toBe(201)
  const owner = { ...other, roleDefinitionId: '8e3af657-a8ff-443c-a75c-2fe8c4bcb635' }
  expect((await give(asApp, owner, { headers })).status).toBe(403)
})

test('a subscription of another directory is closed, whatever the role', async () => {
  const tenant = await world.directory.ensureTenant({ id: newGuid() })
  const other = await world.arm.createSubscription({ displayName: 'far', tenantId: tenant.id })
  const { principalId } = world.owner
  const scope = `/subscriptions/${other.id}`
  await world.arm.assignRole({ scope, role: 'Owner', principalId })
  expect(errorOf(await asOwner('GET', `${scope}?${NEW}`))).toEqual([
    401,
    'InvalidAuthenticationTokenTenant',
  ])
  const { body } = await asOwner('GET', `/subscriptions?${NEW}`)
  expect(JSON.stringify(body)).not.toContain(other.id)
})

test('above subscriptions there are the root and its management group, nothing else', async () => {
  const boss = await world.directory.createApplication({ displayName: 'boss' })
  await world.arm.assignRole({ scope: '/', role: 'Owner', principalId: boss.principalId })
  const headers = await world.bearer(boss)
  const principalId = newGuid()
  const give = (scope: string) =>
    world.served.send(
      'PUT',
      `${scope}/providers/Microsoft.Authorization/roleAssignments/${newGuid()}?${NEW}`,
      {
        headers,
        json: {
          properties: { roleDefinitionId: SECRETS_USER, principalId, principalType: 'User' },
        },
      },
    )
  const root = `/providers/Microsoft.Management/managementGroups`
  expect(errorOf(await give(`${root}/contoso`))).toEqual([400, 'BadRequest'])
  const given = await give(`${root}/${TENANT}`)
  expect([given.status, given.body.properties.scope]).toEqual([201, `${root}/${TENANT}`])
  const secret = 'Microsoft.KeyVault/vaults/secrets/getSecret/action'
  const caller = { objectId: principalId, groups: [] }
  expect(world.arm.decide(caller, secret, vaultPath('kv-one')).allowed).toBe(true)
  expect((await give('')).body.properties.scope).toBe('/')
})

test('a data access administrator gives data roles, and no others', async () => {
  const app = await world.directory.createApplication({ displayName: 'daa' })
  const headers = await world.bearer(app)
  await world.arm.assignRole({
    scope: S,
    role: 'Key Vault Data Access Administrator',
    principalId: app.principalId,
  })
  const give = (roleDefinitionId: string) =>
    world.served.send(
      'PUT',
      `${S}/providers/Microsoft.Authorization/roleAssignments/${newGuid()}?${NEW}`,
      {
        headers,
        json: {
          properties: { roleDefinitionId, principalId: newGuid(), principalType: 'User' },
        },
      },
    )
  expect((await give(SECRETS_USER)).status).toBe(201)
  expect(errorOf(await give('8e3af657-a8ff-443c-a75c-2fe8c4bcb635'))).toEqual([
    403,
    'AuthorizationFailed',
  ])
})

test('a custom role allows what it says less what it excludes', async () => {
  const id = newGuid()
  const path = `${S}/providers/Microsoft.Authorization/roleDefinitions/${id}?${NEW}`
  const properties = {
    roleName: 'Secret writer',
    description: 'Writes only',
    assignableScopes: [S],
    permissions: [
      {
        dataActions: ['Microsoft.KeyVault/vaults/secrets/*'],
        notDataActions: ['Microsoft.KeyVault/vaults/secrets/getSecret/action'],
      },
    ],
  }
  expect((await asOwner('PUT', path, { json: { properties } })).status).toBe(201)
  const { principalId } = world.guest
  await world.arm.assignRole({ scope: S, role: 'secret writer', principalId })
  const caller = { objectId: principalId, groups: [] }
  const may = (name: string) =>
    world.arm.decide(caller, `Microsoft.KeyVault/vaults/secrets/${name}/action`, vaultPath('x'))
      .allowed
  expect([may('setSecret'), may('getSecret')]).toEqual([true, false])
  expect(errorOf(await asOwner('DELETE', path))).toEqual([400, 'RoleDefinitionHasAssignments'])
})

test('the owner of a group cannot change or delete a role that is used beyond the group', async () => {
  const at = (scope: string) =>
    `${scope}/providers/Microsoft.Authorization/roleDefinitions/${id}?${NEW}`
  const id = newGuid()
  const roleOf = (...assignableScopes: string[]) => ({
    json: { properties: { roleName: id, assignableScopes, permissions: [{ actions: ['*'] }] } },
  })
  const group = `${S}/resourceGroups/G`
  expect((await asOwner('PUT', at(S), roleOf(S))).status).toBe(201)
  const app = await world.directory.createApplication({ displayName: 'group owner' })
  await world.arm.assignRole({ scope: group, role: 'Owner', principalId: app.principalId })
  const headers = await world.bearer(app)
  const asGroupOwner: Send = (method, path, more) =>
    world.served.send(method, path, { ...more, headers })
  const denied = [403, 'AuthorizationFailed']
  expect(errorOf(await asGroupOwner('PUT', at(group), roleOf(group)))).toEqual(denied)
  expect(errorOf(await asGroupOwner('DELETE', at(group)))).toEqual(denied)
  expect((await asOwner('DELETE', at(S))).status).toBe(200)
  expect((await asGroupOwner('PUT', at(group), roleOf(group))).status).toBe(201)
})

test('a list shows only what the caller may see', async () => {
  await putVault('kv-seen')
  await putVault('kv-unseen')
  const app = await world.directory.createApplication({ displayName: 'narrow' })
  const headers = await world.bearer(app)
  const list = `${S}/providers/Microsoft.KeyVault/vaults?${NEW}`
  expect((await world.served.send('GET', list, { headers })).status).toBe(403)
  await world.arm.assignRole({
    scope: vaultPath('kv-seen'),
    role: 'Reader',
    principalId: app.principalId,
  })
  const { body } = await world.served.send('GET', list, { headers })
  expect(body.value.map((one: { name: string }) => one.name)).toEqual(['kv-seen'])
  const subscriptions = await world.served.send('GET', `/subscriptions?${NEW}`, { headers })
  expect(subscriptions.body.value).toHaveLength(1)
})

test('lists are paged by a link at the host the client used', async () => {
  const { body } = await asOwner('GET', `${S}/resourceGroups?${NEW}&$top=1`)
  expect(body.value).toHaveLength(1)
  const next = new URL(body.nextLink)
  expect(next.host).toBe('management.azure.com')
  const second = await asOwner('GET', next.pathname + next.search)
  expect(second.body.value[0].name).not.toBe(body.value[0].name)
})

test('regions and providers are those of the vendor', async () => {
  const { body } = await asOwner('GET', `${S}/locations?api-version=2019-11-01`)
  expect(body.value.length).toBeGreaterThan(40)
  expect(body.value[0]).toMatchObject({
    id: `${S}/locations/eastus`,
    name: 'eastus',
    displayName: 'East US',
    regionalDisplayName: '(US) East US',
    metadata: { pairedRegion: [{ name: 'westus', id: `${S}/locations/westus` }] },
  })
  const provider = await asOwner('GET', `${S}/providers/microsoft.keyvault?${NEW}`)
  expect(provider.body).toMatchObject({
    namespace: 'Microsoft.KeyVault',
    registrationState: 'Registered',
  })
  const register = await asOwner('POST', `${S}/providers/Microsoft.KeyVault/register?${NEW}`)
  expect(register.body.registrationState).toBe('Registered')
})

test('the metadata has three shapes and follows the host', async () => {
  world.setHost('management.sluice.localhost:8443')
  const ask = async (version: string) =>
    (await world.served.send('GET', `/metadata/endpoints?api-version=${version}`)).body
  expect(await ask('2022-09-01')).toMatchObject({
    name: 'Sluice',
    authentication: {
      loginEndpoint: 'https://login.sluice.localhost:8443',
      audiences: ['https://management.sluice.localhost:8443/'],
      identityProvider: 'AAD',
    },
    resourceManager: 'https://management.sluice.localhost:8443',
    microsoftGraphResourceId: 'https://graph.sluice.localhost:8443/',
    suffixes: { keyVaultDns: 'vault.sluice.localhost:8443' },
  })
  expect(await ask('2019-05-01')).toMatchObject([{ name: 'Sluice' }])
  expect(await ask('2015-01-01')).toMatchObject({
    graphEndpoint: 'https://graph.sluice.localhost:8443/',
    authentication: { loginEndpoint: 'https://login.sluice.localhost:8443/' },
  })
  const local = await world.bearer(world.owner, 'https://management.sluice.localhost:8443/')
  const vault = await world.served.send('GET', `${vaultPath('kv-one')}?${NEW}`, { headers: local })
  expect(vault.body.properties.vaultUri).toBe('https://kv-one.vault.sluice.localhost:8443/')
  world.setHost('management.azure.com')
  expect(await ask('2022-09-01')).toMatchObject({
    authentication: { loginEndpoint: 'https://login.microsoftonline.com' },
    suffixes: { keyVaultDns: 'vault.azure.net' },
  })
})
