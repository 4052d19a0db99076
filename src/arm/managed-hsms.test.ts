import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Answer } from './testing/served.ts'
import {
  ADMIN,
  AZ_HSM as AZ,
  DAY_MS,
  NOON,
  SUB,
  startManager,
  TENANT,
  type TestManager,
} from './testing/test-manager.ts'

const KV = 'providers/Microsoft.KeyVault'

let world: TestManager
beforeAll(async () => {
  world = await startManager()
})
afterAll(() => world.stop())

const hsm = (name: string) => `resourceGroups/G/${KV}/managedHSMs/${name}`
function make(name: string, properties: object = {}, more: object = {}): Promise<Answer> {
  const json = { ...AZ, ...more, properties: { ...AZ.properties, ...properties } }
  return world.ask('PUT', hsm(name), json)
}
const errorOf = ({ status, body }: Answer) => [status, body.error?.code]

test('a managed HSM is made and read back; it says that it is not activated until it is', async () => {
  const made = await make('One')
  expect(made).toMatchObject({
    status: 200,
    body: {
      id: `/subscriptions/${SUB}/${hsm('One')}`,
      name: 'One',
      type: 'Microsoft.KeyVault/managedHSMs',
      sku: { family: 'B', name: 'Standard_B1' },
      tags: {},
      properties: {
        ...AZ.properties,
        softDeleteRetentionInDays: 7,
        hsmUri: 'https://one.managedhsm.azure.net/',
        enableSoftDelete: true,
        provisioningState: 'Succeeded',
        publicNetworkAccess: 'Enabled',
        securityDomainProperties: { activationStatus: 'NotActivated' },
      },
    },
  })
  world.active.add(world.arm.findActiveHsm('ONE')?.dataId ?? '')
  const read = await world.ask('GET', hsm('one'))
  expect(read.body.properties.securityDomainProperties.activationStatus).toBe('Active')
  expect(world.arm.findActiveHsm('one')).toMatchObject({
    kind: 'managedHsm',
    initialAdminObjectIds: [ADMIN],
    tenantId: TENANT,
  })
})

test('without other words it is purge protected and keeps deleted things for 90 days', async () => {
  const properties = { softDeleteRetentionInDays: undefined, enablePurgeProtection: undefined }
  const { body } = await make('defaults', properties)
  const expected = { softDeleteRetentionInDays: 90, enablePurgeProtection: true }
  expect(body.properties).toMatchObject(expected)
})

test.each([
  ['a name of two letters', 'ab', {}, {}, 'ManagedHsmNameNotValid'],
  ['no administrator', 'bad', { initialAdminObjectIds: [] }, {}, 'BadRequest'],
  ['an administrator that is no id', 'bad', { initialAdminObjectIds: ['me'] }, {}, 'BadRequest'],
  ['a retention of 6 days', 'bad', { softDeleteRetentionInDays: 6 }, {}, 'BadRequest'],
  ['no soft delete', 'bad', { enableSoftDelete: false }, {}, 'BadRequest'],
  ['a second region', 'bad', { regions: [{ name: 'westus' }] }, {}, 'BadRequest'],
  ['a size of vaults', 'bad', {}, { sku: { family: 'A', name: 'standard' } }, 'SkuNotSupported'],
  [
    'a size of the other family',
    'bad',
    {},
    { sku: { family: 'C', name: 'Standard_B1' } },
    'SkuNotSupported',
  ],
  ['a region that is none', 'bad', {}, { location: 'moon' }, 'RegionNotSupported'],
])('%s is refused', async (_case, name, properties, more, code) => {
  expect(errorOf(await make(name, properties, more))).toEqual([400, code])
})

test('a patch changes the firewall and the tags; the administrators stay as they were', async () => {
  await make('patched')
  const networkAcls = { defaultAction: 'Deny', ipRules: [{ value: '20.1.2.3' }] }
  const json = { tags: { a: 'b' }, properties: { networkAcls } }
  const { body } = await world.ask('PATCH', hsm('patched'), json)
  expect(body).toMatchObject({
    tags: { a: 'b' },
    properties: { networkAcls: { ...networkAcls, bypass: 'AzureServices' } },
  })
  const initialAdminObjectIds = ['0c0c0c0c-0000-4000-8000-00000000000f']
  expect(errorOf(await make('patched', { initialAdminObjectIds }))).toEqual([400, 'BadRequest'])
  const protect = await world.ask('PATCH', hsm('patched'), {
    properties: { enablePurgeProtection: true },
  })
  expect(protect.body.properties.enablePurgeProtection).toBe(true)
  expect(errorOf(await make('patched'))).toEqual([400, 'BadRequest'])
})

test('deleted, it holds its name until it is recovered or purged', async () => {
  await make('life')
  const { dataId = '' } = world.arm.findActiveHsm('life') ?? {}
  expect((await world.ask('DELETE', hsm('life'))).status).toBe(200)
  expect((await world.ask('DELETE', hsm('life'))).status).toBe(204)
  expect(errorOf(await world.ask('GET', hsm('life')))).toEqual([404, 'ResourceNotFound'])
  expect(world.arm.findActiveHsm('life')).toBeUndefined()
  expect(errorOf(await make('life'))).toEqual([409, 'ConflictError'])
  const deleted = `${KV}/locations/eastus/deletedManagedHSMs/life`
  expect((await world.ask('GET', deleted)).body).toMatchObject({
    id: `/subscriptions/${SUB}/${deleted}`,
    type: 'Microsoft.KeyVault/deletedManagedHSMs',
    properties: {
      mhsmId: `/subscriptions/${SUB}/${hsm('life')}`,
      deletionDate: new Date(NOON).toISOString(),
      scheduledPurgeDate: new Date(NOON + 7 * DAY_MS).toISOString(),
    },
  })
  const listed = await world.ask('GET', `${KV}/deletedManagedHSMs`)
  expect(listed.body.value).toHaveLength(1)
  expect((await make('life', { createMode: 'recover' })).status).toBe(200)
  expect(world.arm.findActiveHsm('life')?.dataId).toBe(dataId)
  await world.ask('DELETE', hsm('life'))
  const purged = await world.ask('POST', `${deleted}/purge`)
  expect(purged.status).toBe(202)
  expect(purged.headers.get('location')).toMatch(/\/operationresults\//)
  expect(world.erased).toContain(dataId)
  expect((await make('life')).status).toBe(200)
  expect(world.arm.findActiveHsm('life')?.dataId).not.toBe(dataId)
})

test('purge protection forbids the purge, and the clock does it after the retention', async () => {
  await make('kept', { enablePurgeProtection: true })
  const { dataId = '' } = world.arm.findActiveHsm('kept') ?? {}
  await world.ask('DELETE', hsm('kept'))
  const purge = `${KV}/locations/eastus/deletedManagedHSMs/kept/purge`
  expect(errorOf(await world.ask('POST', purge))).toEqual([409, 'MethodNotAllowed'])
  world.clock.moveMs(7 * DAY_MS)
  await world.arm.purgeExpired()
  expect(world.erased).toContain(dataId)
  world.clock.moveMs(-7 * DAY_MS)
})

test('names are checked, and a vault may have the same one', async () => {
  await make('taken')
  const check = async (name: string) =>
    (await world.ask('POST', `${KV}/checkMhsmNameAvailability`, { name })).body
  expect(await check('free')).toEqual({ nameAvailable: true })
  expect(await check('taken')).toMatchObject({ nameAvailable: false, reason: 'AlreadyExists' })
  expect(await check('a--b')).toMatchObject({ reason: 'AccountNameInvalid' })
  const properties = { tenantId: TENANT, sku: { family: 'A', name: 'standard' } }
  const vault = { location: 'eastus', properties }
  const made = await world.ask('PUT', `resourceGroups/G/${KV}/vaults/taken`, vault)
  expect(made.status).toBe(201)
})

test('lists hold it, of its group, of its subscription and of all resources', async () => {
  await make('listed')
  for (const path of [`${KV}/managedHSMs`, `resourceGroups/G/${KV}/managedHSMs`, 'resources']) {
    const { body } = await world.ask('GET', path)
    const ids = body.value.map(({ id }: { id: string }) => id)
    expect(ids).toContain(`/subscriptions/${SUB}/${hsm('listed')}`)
  }
  const regions = await world.ask('GET', `${hsm('listed')}/regions`)
  expect(regions.body.value).toEqual([
    { name: 'eastus', provisioningState: 'Succeeded', isPrimary: true },
  ])
  const links = await world.ask('GET', `${hsm('listed')}/privateLinkResources`)
  expect(links.body.value[0].properties.groupId).toBe('managedhsm')
  const connections = await world.ask('GET', `${hsm('listed')}/privateEndpointConnections`)
  expect(connections.body).toEqual({ value: [] })
})

test('who has no role at it may neither read nor list it', async () => {
  await make('guarded')
  const read = await world.ask('GET', hsm('guarded'), undefined, 'stranger')
  expect(errorOf(read)).toEqual([403, 'AuthorizationFailed'])
  const list = await world.ask('GET', `${KV}/managedHSMs`, undefined, 'stranger')
  expect(errorOf(list)).toEqual([403, 'AuthorizationFailed'])
})

test('a deleted group takes its managed HSMs with it', async () => {
  await world.ask('PUT', 'resourceGroups/Gone', { location: 'eastus' })
  await world.ask('PUT', `resourceGroups/Gone/${KV}/managedHSMs/swept`, AZ)
  await world.ask('DELETE', 'resourceGroups/Gone')
  expect(world.arm.findActiveHsm('swept')).toBeUndefined()
  const { body } = await world.ask('GET', `${KV}/deletedManagedHSMs`)
  expect(body.value.map(({ name }: { name: string }) => name)).toContain('swept')
})
