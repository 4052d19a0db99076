import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { manualClock } from '../../base/clock.ts'
import { newGuid } from '../../base/ids.ts'
import type { Principal } from '../../http/principal.ts'
import { migrate } from '../../storage/migrations.ts'
import { openTestDatabase } from '../../storage/testing/test-database.ts'
import { armMigrations, openArm, type PropagationDelays } from '../index.ts'
import { serve } from './served.ts'

const NOON = Date.UTC(2026, 0, 31, 12)
const TENANT = '11111111-2222-4333-8444-555555555555'
const S = '/subscriptions/aaaaaaaa-2222-4333-8444-555555555555'
const GROUP = `${S}/resourceGroups/g`
/** The id of the vault that is there. */
export const VAULT = `${GROUP}/providers/Microsoft.KeyVault/vaults/kv1`
const OWNER = '0e000000-0000-4000-8000-000000000001'
/** Who gets roles and permissions. */
export const GUEST = '0e000000-0000-4000-8000-000000000002'
const SECRETS_USER = '4633458b-17de-408a-b874-0445c86b69e6'

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

/** A resource manager with a vault, whose owner calls; `open` is what a restart does. */
export async function startManager(options: { readonly delays?: PropagationDelays } = {}) {
  const ending: (() => Promise<void> | void)[] = []
  const folder = mkdtempSync(path.join(os.tmpdir(), 'sluice-propagation-'))
  ending.push(() => rmSync(folder, { recursive: true, force: true }))
  const clock = manualClock(NOON)
  const open = async () => {
    const db = await openTestDatabase<unknown>(path.join(folder, 'arm.db'))
    ending.push(() => db.close())
    await migrate(db, armMigrations, NOON)
    return openArm({
      db,
      clock,
      hsmStatus: { isActivated: async () => false },
      askKeys: async () => ({ status: 404 }),
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
    if (answer.status > 201) throw new Error(JSON.stringify(answer.body))
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
    ask,
    close: async () => {
      for (let end = ending.pop(); end; end = ending.pop()) await end()
    },
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
