import { afterEach, expect, test } from 'vitest'
import { GUEST, startManager, VAULT } from './testing/manager.ts'

const READ = 'Microsoft.KeyVault/vaults/secrets/getSecret/action'
const delays = { rolesMs: 300_000, policiesMs: 30_000 }

const started: World[] = []
async function start(options: { readonly delays?: typeof delays }): Promise<World> {
  const made = await startManager(options)
  started.push(made)
  return made
}
afterEach(async () => {
  for (const made of started.splice(0)) await made.close()
})

type World = Awaited<ReturnType<typeof startManager>>

function mayRead(arm: World['arm'], scope = `${VAULT}/secrets/db`): boolean {
  return arm.decide({ objectId: GUEST, groups: [] }, READ, scope).allowed
}

test('without delays a role holds at once, and is gone at once', async () => {
  const { arm, give, take } = await start({})
  await give()
  expect(mayRead(arm)).toBe(true)
  await take()
  expect(mayRead(arm)).toBe(false)
})

test('a role that was given over the wire takes effect after the delay', async () => {
  const { arm, clock, give } = await start({ delays })
  await give()
  clock.moveMs(delays.rolesMs - 1)
  expect(mayRead(arm)).toBe(false)
  clock.moveMs(1)
  expect(mayRead(arm)).toBe(true)
})

test('a role that was taken away lingers for the delay', async () => {
  const { arm, clock, give, take } = await start({ delays })
  await give()
  clock.moveMs(delays.rolesMs)
  await take()
  clock.moveMs(delays.rolesMs - 1)
  expect(mayRead(arm)).toBe(true)
  clock.moveMs(1)
  expect(mayRead(arm)).toBe(false)
})

test('a role that was taken away early holds as long as it was there, later', async () => {
  const { arm, clock, give, take } = await start({ delays })
  await give()
  clock.moveMs(60_000)
  await take()
  expect(mayRead(arm)).toBe(false)
  clock.moveMs(delays.rolesMs - 60_000)
  expect(mayRead(arm)).toBe(true)
  clock.moveMs(60_000)
  expect(mayRead(arm)).toBe(false)
})

test('a changed condition takes effect after the delay; until then the old one holds', async () => {
  const { arm, clock, give } = await start({ delays })
  await give()
  clock.moveMs(delays.rolesMs)
  await give(
    `((!(ActionMatches{'${READ}'})) OR (@Resource[Microsoft.KeyVault/vaults/secrets:name] StringEquals 'web'))`,
  )
  expect(mayRead(arm)).toBe(true)
  clock.moveMs(delays.rolesMs)
  expect(mayRead(arm)).toBe(false)
})

test('the delays go on where they were after a restart', async () => {
  const { clock, give, take, open } = await start({ delays })
  await give()
  clock.moveMs(delays.rolesMs - 1000)
  expect(mayRead(await open())).toBe(false)
  clock.moveMs(1000)
  expect(mayRead(await open())).toBe(true)
  await take()
  expect(mayRead(await open())).toBe(true)
  clock.moveMs(delays.rolesMs)
  expect(mayRead(await open())).toBe(false)
})

test('what no longer lingers is forgotten', async () => {
  const { arm, clock, give, take, open } = await start({ delays })
  await give()
  clock.moveMs(delays.rolesMs)
  await take()
  clock.moveMs(delays.rolesMs)
  await arm.purgeExpired()
  clock.moveMs(-delays.rolesMs)
  expect(mayRead(await open())).toBe(false)
})

test('the data plane judges by the access policies of a while ago', async () => {
  const { arm, clock, changePolicies } = await start({ delays })
  const served = () =>
    arm.findActiveVault('kv1')?.accessPolicies.map(({ permissions }) => permissions.secrets)
  await changePolicies('add', ['get'])
  clock.moveMs(10_000)
  await changePolicies('add', ['list'])
  expect(served()).toEqual([])
  expect(arm.findVault('kv1')?.accessPolicies).toHaveLength(1)
  clock.moveMs(20_000)
  expect(served()).toEqual([['get']])
  clock.moveMs(10_000)
  expect(served()).toEqual([['get', 'list']])
  await changePolicies('remove', ['get', 'list'])
  expect(served()).toEqual([['get', 'list']])
  clock.moveMs(delays.policiesMs)
  expect(served()).toEqual([])
})

test('access policies wait over a restart', async () => {
  const { clock, changePolicies, open } = await start({ delays })
  await changePolicies('replace', ['get'])
  expect((await open()).findActiveVault('kv1')?.accessPolicies).toEqual([])
  clock.moveMs(delays.policiesMs)
  expect((await open()).findActiveVault('kv1')?.accessPolicies).toHaveLength(1)
})
