import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { manualClock } from '../base/clock.ts'
import { newGuid } from '../base/ids.ts'
import type { Principal } from '../http/principal.ts'
import { openSqlite } from '../storage/database.ts'
import { migrate } from '../storage/migrations.ts'
import { armMigrations, openArm } from './index.ts'
import { serve } from './testing/served.ts'

const NOON = Date.UTC(2026, 0, 31, 12)
const TENANT = '11111111-2222-4333-8444-555555555555'
const S = '/subscriptions/aaaaaaaa-2222-4333-8444-555555555555'
const GROUP = `${S}/resourceGroups/g`
const VAULT = `${GROUP}/providers/Microsoft.KeyVault/vaults/kv1`
const OWNER = '0e000000-0000-4000-8000-000000000001'
const GUEST = '0e000000-0000-4000-8000-000000000002'
const SECRETS_USER = '4633458b-17de-408a-b874-0445c86b69e6'
const READ = 'Microsoft.KeyVault/vaults/secrets/getSecret/action'
const delays = { rolesMs: 300_000, policiesMs: 30_000 }

const ending: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (let end = ending.pop(); end; end = ending.pop()) await end()
})

function principal(objectId: string): Principal {
  return {
    kind: 'servicePrincipal',
    objectId,
    appId: objectId,
    tenantId: TENANT,
    issuer: 'https://issuer',
    audience: 'https://management.azure.com',
    expiresAtMs: NOON * 2,
    groups: [],
    name: undefined,
  }
}

/** A resource manager with a vault, whose owner calls; `reopen` is what a restart does. */
async function start(options: { readonly delays?: typeof delays }) {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'sluice-propagation-'))
  ending.push(() => rmSync(folder, { recursive: true, force: true }))
  const clock = manualClock(NOON)
  const open = async () => {
    const db = openSqlite<unknown>(path.join(folder, 'arm.db'))
    ending.push(() => db.close())
    await migrate(db, armMigrations, NOON)
    return openArm({
      db,
      clock,
      delays: options.delays,
      verifier: { issuers: ['https://issuer'], verify: () => principal(OWNER) },
      directory: {
        defaultTenantId: TENANT,
        listTenants: () => [],
        findPrincipal: () => ({ kind: 'ServicePrincipal' }),
        listGroups: () => [],
      },
    })
  }
  const arm = await open()
  await arm.createSubscription({ id: S.slice('/subscriptions/'.length), displayName: 'Local' })
  await arm.assignRole({ scope: S, role: 'Owner', principalId: OWNER })
  const served = await serve(arm.service, () => 'management.azure.com', clock)
  ending.push(served.close)
  const ask = async (method: string, at: string, version: string, json?: object) => {
    const more = { headers: { authorization: 'Bearer t' }, ...(json && { json }) }
    const answer = await served.send(method, `${at}?api-version=${version}`, more)
    expect([200, 201]).toContain(answer.status)
    return answer.body
  }
  await ask('PUT', GROUP, '2022-09-01', { location: 'eastus' })
  await ask('PUT', VAULT, '2022-07-01', {
    location: 'eastus',
    properties: { tenantId: TENANT, sku: { family: 'A', name: 'standard' }, accessPolicies: [] },
  })
  const roleAt = `${VAULT}/providers/Microsoft.Authorization/roleAssignments/${newGuid()}`
  return {
    arm,
    clock,
    open,
    give: (condition?: string) =>
      ask('PUT', roleAt, '2022-04-01', {
        properties: {
          roleDefinitionId: `${S}/providers/Microsoft.Authorization/roleDefinitions/${SECRETS_USER}`,
          principalId: GUEST,
          principalType: 'ServicePrincipal',
          ...(condition && { condition, conditionVersion: '2.0' }),
        },
      }),
    take: () => ask('DELETE', roleAt, '2022-04-01'),
    changePolicies: (change: 'add' | 'replace' | 'remove', names: readonly string[]) =>
      ask('PUT', `${VAULT}/accessPolicies/${change}`, '2022-07-01', {
        properties: {
          accessPolicies: [{ tenantId: TENANT, objectId: GUEST, permissions: { secrets: names } }],
        },
      }),
  }
}

type World = Awaited<ReturnType<typeof start>>

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
