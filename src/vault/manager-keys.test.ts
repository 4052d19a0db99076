import { afterEach, expect, test } from 'vitest'
import type { Principal } from '../http/principal.ts'
import type { ManagerAsk } from './manager-keys.ts'
import { startHsm } from './testing/test-hsm.ts'
import { CALLER, HSM, TENANT, type TestVault } from './testing/test-vault.ts'

const caller: Principal = {
  kind: 'user',
  objectId: CALLER,
  appId: undefined,
  tenantId: TENANT,
  issuer: '',
  audience: 'https://management.azure.com',
  expiresAtMs: 0,
  groups: [],
  name: undefined,
}
const started: TestVault[] = []
afterEach(async () => {
  for (const one of started.splice(0)) await one.close()
})

async function start(kind: 'vault' | 'managedHsm', options: Parameters<typeof startHsm>[0] = {}) {
  const one = await startHsm(options)
  started.push(one)
  const container = { kind, name: kind === 'vault' ? 'v1' : 'h1' } as const
  const manage = (operation: ManagerAsk['operation'], more: Partial<ManagerAsk> = {}) =>
    one.vault.askForManager({ caller, callerAddress: '10.0.0.1', operation, ...more, container })
  const allow = () =>
    one.ask('PATCH', '/settings/AllowKeyManagementOperationsThroughARM', {
      body: { value: 'true' },
    })
  return { ...one, manage, allow }
}

test('the resource manager makes, reads and lists the keys of a vault', async () => {
  const { manage, audit } = await start('vault')
  const made = await manage('CreateKey', { name: 'k', body: { kty: 'EC' } })
  expect(made).toMatchObject({ status: 200, body: { key: { kty: 'EC' } } })
  expect(await manage('GetKey', { name: 'k' })).toMatchObject({ status: 200, body: made.body })
  expect(await manage('GetKeyVersions', { name: 'k' })).toMatchObject({
    body: { value: [{}], nextLink: null },
  })
  expect((await manage('GetKey', { name: 'other' })).status).toBe(404)
  expect(audit[0]).toMatchObject({
    operationName: 'KeyCreate',
    callerIpAddress: '10.0.0.1',
    identity: { objectId: CALLER },
    id: 'https://v1.vault.azure.net/keys/k',
  })
})

test('a list goes on where its page ended', async () => {
  const { manage } = await start('vault')
  for (let n = 0; n < 26; n += 1) {
    await manage('CreateKey', { name: `k${n}`, body: { kty: 'EC' } })
  }
  const first = (await manage('GetKeys')).body as { value: object[]; nextLink: string }
  expect(first.value).toHaveLength(25)
  const skipToken = new URL(first.nextLink).searchParams.get('$skiptoken') ?? ''
  expect(await manage('GetKeys', { skipToken })).toMatchObject({
    body: { value: [{}], nextLink: null },
  })
})

test('a managed HSM lets the resource manager in only by its setting, and once it is active', async () => {
  const { manage, allow } = await start('managedHsm')
  const wish = { name: 'k', body: { kty: 'EC-HSM' } }
  const refused = await manage('CreateKey', wish)
  expect(refused).toMatchObject({ status: 400, body: { error: { code: 'BadParameter' } } })
  await allow()
  expect(await manage('CreateKey', wish)).toMatchObject({ status: 200 })
  const asleep = await start('managedHsm', { activated: false })
  expect(await asleep.manage('GetKeys')).toMatchObject({ status: 403 })
})

test('a vault or a managed HSM that is not there has no keys', async () => {
  const { vault } = await start('vault')
  const asked = { caller, callerAddress: '', operation: 'GetKeys' } as const
  const container = { kind: HSM.kind, name: 'nobody' }
  expect((await vault.askForManager({ ...asked, container })).status).toBe(404)
})
