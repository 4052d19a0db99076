import { manualClock } from '../../base/clock.ts'
import type { Principal } from '../../http/principal.ts'
import { migrate } from '../../storage/migrations.ts'
import { openTestDatabase } from '../../storage/testing/test-database.ts'
import { type AskKeys, armMigrations, openArm } from '../index.ts'
import { serve } from './served.ts'

export const NOON = 1_790_000_000_000
export const DAY_MS = 86_400_000
export const TENANT = '11111111-2222-4333-8444-555555555555'
export const SUB = 'aaaaaaaa-2222-4333-8444-555555555555'
export const ADMIN = '0c0c0c0c-0000-4000-8000-000000000001'
const VERSION = 'api-version=2026-02-01'

/** Owner and stranger are told apart by their tokens alone. */
function principalOf(token: string): Principal {
  const objectId = token === 'owner' ? ADMIN : '0c0c0c0c-0000-4000-8000-000000000002'
  return {
    kind: 'user',
    objectId,
    appId: undefined,
    tenantId: TENANT,
    issuer: `https://sts.windows.net/${TENANT}/`,
    audience: 'https://management.azure.com',
    expiresAtMs: NOON + DAY_MS,
    groups: [],
    name: undefined,
  }
}

export type TestManager = Awaited<ReturnType<typeof startManager>>

/** A resource manager with a group `G`, whose owner asks; `who` names another caller. */
export async function startManager(options: { readonly askKeys?: AskKeys } = {}) {
  const db = await openTestDatabase<unknown>(':memory:')
  await migrate(db, armMigrations, NOON)
  const clock = manualClock(NOON)
  const active = new Set<string>()
  const arm = await openArm({
    db,
    clock,
    verifier: { issuers: [], verify: principalOf },
    directory: {
      defaultTenantId: TENANT,
      listTenants: () => [],
      findPrincipal: () => ({ kind: 'User' }),
      listGroups: () => [],
    },
    hsmStatus: { isActivated: async (dataId) => active.has(dataId) },
    askKeys: options.askKeys ?? (async () => ({ status: 404 })),
  })
  const erased: string[] = []
  arm.onVaultPurged(async ({ dataId }) => {
    erased.push(dataId)
  })
  await arm.createSubscription({ id: SUB, displayName: 'Development' })
  await arm.assignRole({ scope: `/subscriptions/${SUB}`, role: 'Owner', principalId: ADMIN })
  const served = await serve(arm.service, () => 'management.azure.com', clock)
  const ask = (method: string, path: string, json?: unknown, who = 'owner') =>
    served.send(method, `/subscriptions/${SUB}/${path}?${VERSION}`, {
      headers: { authorization: `Bearer ${who}` },
      ...(json !== undefined && { json }),
    })
  await ask('PUT', 'resourceGroups/G', { location: 'eastus' })
  const stop = async () => {
    served.close()
    await db.close()
  }
  const makeHsm = (name: string) =>
    ask('PUT', `resourceGroups/G/providers/Microsoft.KeyVault/managedHSMs/${name}`, AZ_HSM)
  return { arm, clock, active, erased, ask, makeHsm, stop }
}

/** What `az keyvault create --hsm-name` sends. */
export const AZ_HSM = {
  location: 'eastus',
  sku: { family: 'B', name: 'Standard_B1' },
  properties: {
    tenantId: TENANT,
    initialAdminObjectIds: [ADMIN],
    softDeleteRetentionInDays: '7',
    enablePurgeProtection: false,
  },
}
