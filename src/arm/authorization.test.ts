import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { manualClock } from '../base/clock.ts'
import { newGuid } from '../base/ids.ts'
import type { Database } from '../storage/database.ts'
import { migrate } from '../storage/migrations.ts'
import { mirrored, openTestDatabase } from '../storage/testing/test-database.ts'
import { type Arm, armMigrations, builtInRoles, openArm } from './index.ts'

const NOON = Date.UTC(2026, 0, 31, 12)
const TENANT = '11111111-2222-4333-8444-555555555555'
const V = 'Microsoft.KeyVault/vaults'
const SUB = '/subscriptions/aaaaaaaa-2222-4333-8444-555555555555'
const VAULT = `${SUB}/resourceGroups/G/providers/${V}/kv`

const folder = mkdtempSync(path.join(os.tmpdir(), 'sluice-arm-'))
const file = path.join(folder, 'arm.db')
const opened: Database<unknown>[] = []
let arm: Arm

async function open(): Promise<Arm> {
  const db = await openTestDatabase<unknown>(file)
  opened.push(db)
  await migrate(db, armMigrations, NOON)
  return openArm({
    db,
    clock: manualClock(NOON),
    verifier: {
      issuers: [],
      verify: () => {
        throw new Error('These tests send no token.')
      },
    },
    directory: {
      defaultTenantId: TENANT,
      listTenants: () => [],
      findPrincipal: () => ({ kind: 'ServicePrincipal' }),
      listGroups: () => [],
    },
    hsmStatus: { isActivated: async () => false },
    askKeys: async () => ({ status: 404 }),
  })
}

beforeAll(async () => {
  arm = await open()
})
afterAll(async () => {
  for (const db of opened) await db.close()
  rmSync(folder, { recursive: true, force: true })
})

/** What may be done in a vault; the letters of a row below stand in this order. */
const DATA_ACTIONS = [
  `${V}/secrets/getSecret/action`,
  `${V}/secrets/readMetadata/action`,
  `${V}/secrets/setSecret/action`,
  `${V}/secrets/delete`,
  `${V}/secrets/purge/action`,
  `${V}/keys/read`,
  `${V}/keys/create/action`,
  `${V}/keys/sign/action`,
  `${V}/keys/wrap/action`,
  `${V}/keys/release/action`,
  `${V}/keyrotationpolicies/write`,
  `${V}/certificates/read`,
  `${V}/certificates/create/action`,
  `${V}/certificatecas/read`,
  `${V}/certificatecontacts/write`,
]
const ACTIONS = [
  `${V}/write`,
  `${V}/secrets/read`,
  'Microsoft.KeyVault/locations/deletedVaults/purge/action',
  'Microsoft.Authorization/roleAssignments/read',
  'Microsoft.Authorization/roleAssignments/write',
  'Microsoft.Resources/subscriptions/read',
  'Microsoft.Resources/subscriptions/resourceGroups/delete',
]

test.each([
  ['Owner', '---------------', 'yyyyyyy'],
  ['Contributor', '---------------', 'yyyy-yy'],
  ['Reader', '---------------', '-y-y-y-'],
  ['User Access Administrator', '---------------', '-y-yyy-'],
  ['Role Based Access Control Administrator', '---------------', '-y-yyy-'],
  ['Key Vault Administrator', 'yyyyyyyyyyyyyyy', '-y-y---'],
  ['Key Vault Reader', '-y---y-----y-y-', '-y-y---'],
  ['Key Vault Secrets Officer', 'yyyyy----------', '-y-y---'],
  ['Key Vault Secrets User', 'yy-------------', '-------'],
  ['Key Vault Crypto Officer', '-----yyyyyy----', '-y-y---'],
  ['Key Vault Crypto User', '-----y-yy------', '-------'],
  ['Key Vault Crypto Service Encryption User', '-----y--y------', '-------'],
  ['Key Vault Crypto Service Release User', '---------y-----', '-------'],
  ['Key Vault Certificates Officer', '-----------yyyy', '-y-y---'],
  ['Key Vault Certificate User', 'yy---y-----y---', '-------'],
  ['Key Vault Contributor', '---------------', 'yy-y---'],
  ['Key Vault Data Access Administrator', '---------------', '-y-yyy-'],
  ['Key Vault Purge Operator', '---------------', '--yy---'],
  ['Managed HSM contributor', '---------------', '-------'],
])('%s may do what the vendor says', async (role, data, management) => {
  const caller = { objectId: newGuid(), groups: [] }
  await arm.assignRole({ scope: VAULT, role, principalId: caller.objectId })
  const inside = DATA_ACTIONS.map((action) => arm.decide(caller, action, `${VAULT}/secrets/a`))
  expect(inside.map(({ allowed }) => (allowed ? 'y' : '-')).join('')).toBe(data)
  const outside = ACTIONS.map((action) => arm.isAllowed(caller, action, VAULT))
  expect(outside.map((allowed) => (allowed ? 'y' : '-')).join('')).toBe(management)
})

test('every built-in role is in the table above, once', () => {
  expect(builtInRoles).toHaveLength(19)
  expect(new Set(builtInRoles.map((role) => role.id)).size).toBe(19)
})

const GET = `${V}/secrets/getSecret/action`
test.each([
  [VAULT, `${VAULT}/secrets/db`, true],
  [VAULT.toUpperCase(), `${VAULT}/secrets/db`, true],
  [SUB, VAULT, true],
  [`${SUB}/resourceGroups/G`, VAULT, true],
  [`${SUB}/resourceGroups/G/`, VAULT, true],
  ['', VAULT, true],
  ['/', VAULT, true],
  [`${VAULT}/secrets/db`, `${VAULT}/secrets/DB`, true],
  [`${VAULT}/secrets/db`, VAULT, false],
  [`${VAULT}/secrets/db`, `${VAULT}/secrets/db2`, false],
  [`${VAULT}/secrets/db`, `${VAULT}/keys/db`, false],
  [VAULT, `${VAULT}2`, false],
  [`${SUB}/resourceGroups/G`, `${SUB}/resourceGroups/G2/providers/${V}/kv`, false],
  [SUB, VAULT.replace('aaaaaaaa', 'bbbbbbbb'), false],
])('a role at %j reaches %s: %s', async (scope, at, expected) => {
  const caller = { objectId: newGuid(), groups: [] }
  await arm.assignRole({ scope, role: 'Key Vault Secrets User', principalId: caller.objectId })
  expect(arm.decide(caller, GET, at).allowed).toBe(expected)
})

test('a principal with many roles is answered the same', async () => {
  const caller = { objectId: newGuid(), groups: [] }
  const give = (scope: string, role: string) =>
    arm.assignRole({ scope, role, principalId: caller.objectId })
  const names = Array.from({ length: 40 }, (_, i) => `${VAULT}/secrets/s${i}`)
  await Promise.all(names.map((scope) => give(scope, 'Key Vault Secrets User')))
  expect(arm.decide(caller, GET, `${VAULT}/secrets/S7`).allowed).toBe(true)
  expect(arm.decide(caller, GET, `${VAULT}/secrets/s7/v1`).allowed).toBe(true)
  expect(arm.decide(caller, GET, `${VAULT}/secrets/s77`).allowed).toBe(false)
  expect(arm.decide(caller, GET, VAULT).allowed).toBe(false)
  await give('/', 'Key Vault Reader')
  expect(arm.decide(caller, `${V}/keys/read`, VAULT).allowed).toBe(true)
  expect(arm.decide(caller, `${V}/keys/read`, '').allowed).toBe(true)
})

test('a role of a group is a role of its members, and names its assignment', async () => {
  const group = newGuid()
  const { id } = await arm.assignRole({
    scope: VAULT,
    role: 'Key Vault Secrets User',
    principalId: group,
  })
  expect(arm.decide({ objectId: newGuid(), groups: [group] }, GET, VAULT)).toEqual({
    allowed: true,
    assignmentId: id,
  })
  expect(arm.decide({ objectId: newGuid(), groups: [newGuid()] }, GET, VAULT)).toEqual({
    allowed: false,
  })
})

test('giving a role twice, by name and by id, is one assignment', async () => {
  const principalId = newGuid()
  const first = await arm.assignRole({ scope: VAULT, role: 'key vault reader', principalId })
  const second = await arm.assignRole({
    scope: `${VAULT}/`,
    role: `/providers/Microsoft.Authorization/roleDefinitions/${first.roleId}`,
    principalId,
  })
  expect(second.id).toBe(first.id)
  await expect(arm.assignRole({ scope: VAULT, role: 'Wizard', principalId })).rejects.toMatchObject(
    {
      code: 'RoleDefinitionDoesNotExist',
    },
  )
})

test('a role given in another process counts at the next turn', async () => {
  const other = await open()
  const caller = { objectId: newGuid(), groups: [] }
  expect(arm.decide(caller, GET, VAULT).allowed).toBe(false)
  await other.assignRole({
    scope: VAULT,
    role: 'Key Vault Secrets User',
    principalId: caller.objectId,
  })
  const db = opened[0] as Database<unknown>
  await mirrored(db, () => arm.decide(caller, GET, VAULT).allowed)
  expect(arm.decide(caller, GET, VAULT).allowed).toBe(true)
})
