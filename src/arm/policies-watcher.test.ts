import { afterEach, beforeEach, expect, test } from 'vitest'
import type { VaultResource } from './index.ts'
import { startManager, VAULT } from './testing/manager.ts'

let world: Awaited<ReturnType<typeof startManager>>
/** What was told, and what was told afterwards: names of vaults with the number of their policies. */
let during: string[]
let afterwards: string[]
let refuses: boolean

beforeEach(async () => {
  world = await startManager()
  during = []
  afterwards = []
  refuses = false
  const words = ({ name, accessPolicies }: VaultResource) => `${name} ${accessPolicies.length}`
  world.arm.onPoliciesChanged(async (_tx, vault) => {
    during.push(words(vault))
    if (refuses) throw new Error('The watcher refuses.')
    return () => {
      const shown = world.arm.findVault(vault.name)
      if (shown) afterwards.push(words(shown))
    }
  })
})
afterEach(() => world.close())

const properties = (more: object = {}) => ({
  location: 'eastus',
  properties: {
    tenantId: '11111111-2222-4333-8444-555555555555',
    sku: { family: 'A', name: 'standard' },
    accessPolicies: [],
    enableRbacAuthorization: false,
    ...more,
  },
})

test.each(['add', 'replace'] as const)(
  'access policies that are %sd are told of',
  async (change) => {
    await world.changePolicies(change, ['get'])
    expect([during, afterwards]).toEqual([['kv1 1'], ['kv1 1']])
  },
)

test('removed access policies are told of, and removing nothing is not', async () => {
  await world.changePolicies('add', ['get'])
  await world.changePolicies('remove', ['get'])
  await world.changePolicies('remove', ['get'])
  expect(afterwards).toEqual(['kv1 1', 'kv1 0'])
})

test('a vault put anew is told of when its policies or its model differ', async () => {
  await world.ask('PUT', VAULT, '2022-07-01', properties())
  expect(during).toEqual([])
  await world.ask('PUT', VAULT, '2022-07-01', properties({ enableRbacAuthorization: true }))
  await world.ask('PATCH', VAULT, '2022-07-01', { properties: { enableRbacAuthorization: false } })
  await world.ask('PATCH', VAULT, '2022-07-01', { tags: { a: 'b' } })
  expect(afterwards).toEqual(['kv1 0', 'kv1 0'])
})

test('making a vault changes no policies', async () => {
  await world.ask('PUT', VAULT.replace('kv1', 'kv2'), '2022-07-01', properties())
  expect(during).toEqual([])
})

test('what the watcher refuses is not changed', async () => {
  refuses = true
  await expect(world.changePolicies('add', ['get'])).rejects.toThrow('The watcher refuses.')
  expect(world.arm.findVault('kv1')?.accessPolicies).toEqual([])
  expect(afterwards).toEqual([])
})

test('a vault is found by the id of its data, until it is deleted', async () => {
  const dataId = world.arm.findVault('kv1')?.dataId ?? ''
  expect(world.arm.findActiveVaultOf(dataId)?.name).toBe('kv1')
  expect(world.arm.findActiveVaultOf('other')).toBeUndefined()
  await world.ask('DELETE', VAULT, '2022-07-01')
  expect(world.arm.findActiveVaultOf(dataId)).toBeUndefined()
})
