import { afterAll, beforeAll, expect, test } from 'vitest'
import { startHsm } from '../testing/test-hsm.ts'
import { type TestVault, tokenOf } from '../testing/test-vault.ts'
import type { HsmOperation } from './operation.ts'
import { builtInLocalRoles } from './roles.ts'

/** Data actions of the built-in local roles, told a second time. */
const ROLES: Readonly<Record<string, string>> = {
  'Managed HSM Administrator':
    'roleAssignments/read/action roleAssignments/write/action roleAssignments/delete/action roleDefinitions/read/action roleDefinitions/write/action roleDefinitions/delete/action securitydomain/download/action securitydomain/download/read securitydomain/upload/action securitydomain/upload/read securitydomain/transferkey/read backup/start/action backup/status/action restore/start/action restore/status/action settings/read/action settings/write/action',
  'Managed HSM Crypto Officer':
    'roleAssignments/read/action roleAssignments/write/action roleAssignments/delete/action roleDefinitions/read/action roleDefinitions/write/action roleDefinitions/delete/action keys/deletedKeys/read/action keys/deletedKeys/recover/action keys/deletedKeys/delete keys/export/action',
  'Managed HSM Crypto User':
    'roleDefinitions/read/action roleAssignments/read/action keys/read/action keys/write/action keys/rotate/action keys/create keys/delete keys/backup/action keys/restore/action keys/release/action keys/import/action keys/encrypt/action keys/decrypt/action keys/wrap/action keys/unwrap/action keys/sign/action keys/verify/action keys/derive/action rng/action',
  'Managed HSM Policy Administrator':
    'roleAssignments/read/action roleAssignments/write/action roleAssignments/delete/action roleDefinitions/read/action roleDefinitions/write/action roleDefinitions/delete/action',
  'Managed HSM Crypto Auditor':
    'roleDefinitions/read/action roleAssignments/read/action keys/read/action keys/deletedKeys/read/action',
  'Managed HSM Crypto Service Encryption User':
    'keys/read/action keys/wrap/action keys/unwrap/action',
  'Managed HSM Crypto Service Release User': 'keys/release/action',
  'Managed HSM Backup User': 'keys/backup/action backup/start/action backup/status/action',
  'Managed HSM Restore User': 'keys/restore/action restore/start/action restore/status/action',
  'Managed HSM ARM User': '',
}

/** What each operation needs, told a second time: operation, data action. */
const NEEDS = `
CreateKey keys/create
ImportKey keys/import/action
GetKey keys/read/action
UpdateKey keys/write/action
DeleteKey keys/delete
GetKeys keys/read/action
GetKeyVersions keys/read/action
GetDeletedKeys keys/deletedKeys/read/action
GetDeletedKey keys/deletedKeys/read/action
RecoverDeletedKey keys/deletedKeys/recover/action
PurgeDeletedKey keys/deletedKeys/delete
BackupKey keys/backup/action
RestoreKey keys/restore/action
RotateKey keys/rotate/action
GetKeyRotationPolicy keys/read/action
UpdateKeyRotationPolicy keys/write/action
encrypt keys/encrypt/action
decrypt keys/decrypt/action
wrapKey keys/wrap/action
unwrapKey keys/unwrap/action
sign keys/sign/action
verify keys/verify/action
GetRandomBytes rng/action
release keys/release/action
GetKeyAttestation keys/read/action
RoleDefinitions_List roleDefinitions/read/action
RoleDefinitions_Get roleDefinitions/read/action
RoleDefinitions_CreateOrUpdate roleDefinitions/write/action
RoleDefinitions_Delete roleDefinitions/delete/action
RoleAssignments_ListForScope roleAssignments/read/action
RoleAssignments_Get roleAssignments/read/action
RoleAssignments_Create roleAssignments/write/action
RoleAssignments_Delete roleAssignments/delete/action
GetSettings settings/read/action
GetSetting settings/read/action
UpdateSetting settings/write/action
HSMSecurityDomain_Download securitydomain/download/action
HSMSecurityDomain_DownloadPending securitydomain/download/action
HSMSecurityDomain_TransferKey securitydomain/transferkey/read
HSMSecurityDomain_Upload securitydomain/upload/action
HSMSecurityDomain_UploadPending securitydomain/upload/read
FullBackup backup/start/action
PreFullBackup backup/start/action
FullBackupStatus backup/status/action
FullRestoreOperation restore/start/action
PreFullRestoreOperation restore/start/action
SelectiveKeyRestoreOperation restore/start/action
RestoreStatus restore/status/action`
  .trim()
  .split('\n')
  .map((line) => line.split(' ') as [string, string])

/** Each role has a caller of its own: the role's place in the list is the end of their id. */
const callerOf = (place: number) => `0c0c0c0c-0000-4000-8000-0000000000${place + 16}`

let started: TestVault
let operations: readonly HsmOperation[]
beforeAll(async () => {
  started = await startHsm({ given: builtInLocalRoles.map(({ id }, at) => [id, callerOf(at)]) })
  operations = started.vault.hsmService.operations as unknown as readonly HsmOperation[]
})
afterAll(() => started.close())

/** True unless the answer is that the caller may not; that nothing is there is an answer too. */
async function isAllowed({ method, path }: HsmOperation, oid: string): Promise<boolean> {
  const plain = path
    .replace(/:version\??/, '0'.repeat(32))
    .replace(/:id/, '00000000-0000-4000-8000-000000000009')
    .replace(/:\w+/g, 'none')
  const token = tokenOf({ aud: 'https://managedhsm.azure.net', oid })
  const body = method === 'GET' ? {} : { body: {} }
  const answer = await started.ask(method, plain, { token, ...body })
  expect([path, answer.status]).not.toEqual([path, 401])
  expect(answer.status).toBeLessThan(500)
  return answer.status !== 403
}

test('every operation of managed HSMs is in the matrix and says what it needs', () => {
  const found = operations.map(({ name, dataAction }) => [name, dataAction])
  expect(Object.fromEntries(found)).toEqual(Object.fromEntries(NEEDS))
  expect(operations.map(({ audit }) => audit)).not.toContain('')
})

test('the built-in roles are those of the matrix', () => {
  expect(builtInLocalRoles.map(({ name }) => name).sort()).toEqual(Object.keys(ROLES).sort())
})

test.each(Object.entries(ROLES))('%s may exactly what its data actions say', async (role, text) => {
  const oid = callerOf(builtInLocalRoles.findIndex(({ name }) => name === role))
  const allowed = text.split(' ')
  for (const one of operations) {
    const needed = NEEDS.find(([name]) => name === one.name)?.[1] ?? ''
    const outcome = [one.name, one.path, await isAllowed(one, oid)]
    expect(outcome).toEqual([one.name, one.path, allowed.includes(needed)])
  }
})
