import { afterAll, beforeAll, expect, test } from 'vitest'
import type { VaultOperation } from '../operation.ts'
import type { Authorizer } from '../ports.ts'
import { CALLER, startVault, TENANT, type TestVault, VAULT } from '../testing/test-vault.ts'

/** Data actions of the built-in roles (key-vault.md §19.1), after `Microsoft.KeyVault/`. */
const ROLES: Readonly<Record<string, readonly string[]>> = {
  'Key Vault Administrator': ['vaults/*'],
  'Key Vault Reader': ['vaults/*/read', 'vaults/secrets/readMetadata/action'],
  'Key Vault Secrets Officer': ['vaults/secrets/*'],
  'Key Vault Secrets User': [
    'vaults/secrets/getSecret/action',
    'vaults/secrets/readMetadata/action',
  ],
  'Key Vault Crypto Officer': ['vaults/keys/*', 'vaults/keyrotationpolicies/*'],
  'Key Vault Crypto User': [
    'vaults/keys/read',
    'vaults/keys/update/action',
    'vaults/keys/backup/action',
    'vaults/keys/encrypt/action',
    'vaults/keys/decrypt/action',
    'vaults/keys/wrap/action',
    'vaults/keys/unwrap/action',
    'vaults/keys/sign/action',
    'vaults/keys/verify/action',
  ],
  'Key Vault Crypto Service Encryption User': [
    'vaults/keys/read',
    'vaults/keys/wrap/action',
    'vaults/keys/unwrap/action',
  ],
  'Key Vault Crypto Service Release User': ['vaults/keys/release/action'],
  'Key Vault Certificates Officer': [
    'vaults/certificatecas/*',
    'vaults/certificates/*',
    'vaults/certificatecontacts/write',
  ],
  'Key Vault Certificate User': [
    'vaults/certificates/read',
    'vaults/secrets/getSecret/action',
    'vaults/secrets/readMetadata/action',
    'vaults/keys/read',
  ],
  'Key Vault Contributor': [],
  'Key Vault Data Access Administrator': [],
  'Key Vault Purge Operator': [],
  Owner: [],
  Contributor: [],
  Reader: [],
}

/** Access-policy permissions of each kind (key-vault.md §18.5). */
const PERMISSIONS = {
  keys: 'all encrypt decrypt wrapKey unwrapKey sign verify get list create update import delete backup restore recover purge release rotate getrotationpolicy setrotationpolicy',
  secrets: 'all get list set delete backup restore recover purge',
  certificates:
    'all get list delete create import update managecontacts getissuers listissuers setissuers deleteissuers manageissuers recover purge backup restore',
  storage: 'all get list delete set update',
}

/** What each operation needs, told a second time: operation, policy permission, data action. */
const NEEDS = `
SetSecret secrets/set secrets/setSecret/action
GetSecret secrets/get secrets/getSecret/action
UpdateSecret secrets/set secrets/update/action
DeleteSecret secrets/delete secrets/delete
GetSecrets secrets/list secrets/readMetadata/action
GetSecretVersions secrets/list secrets/readMetadata/action
GetDeletedSecrets secrets/list secrets/readMetadata/action
GetDeletedSecret secrets/get secrets/readMetadata/action
RecoverDeletedSecret secrets/recover secrets/recover/action
PurgeDeletedSecret secrets/purge secrets/purge/action
BackupSecret secrets/backup secrets/backup/action
RestoreSecret secrets/restore secrets/restore/action
CreateKey keys/create keys/create/action
ImportKey keys/import keys/import/action
GetKey keys/get keys/read
UpdateKey keys/update keys/update/action
DeleteKey keys/delete keys/delete
GetKeys keys/list keys/read
GetKeyVersions keys/list keys/read
GetDeletedKeys keys/list keys/read
GetDeletedKey keys/get keys/read
RecoverDeletedKey keys/recover keys/recover/action
PurgeDeletedKey keys/purge keys/purge/action
BackupKey keys/backup keys/backup/action
RestoreKey keys/restore keys/restore/action
RotateKey keys/rotate keys/rotate/action
GetKeyRotationPolicy keys/getrotationpolicy keyrotationpolicies/read
UpdateKeyRotationPolicy keys/setrotationpolicy keyrotationpolicies/write
encrypt keys/encrypt keys/encrypt/action
decrypt keys/decrypt keys/decrypt/action
wrapKey keys/wrapKey keys/wrap/action
unwrapKey keys/unwrapKey keys/unwrap/action
sign keys/sign keys/sign/action
verify keys/verify keys/verify/action
release keys/release keys/release/action
GetKeyAttestation keys/get keys/read
GetRandomBytes keys/get keys/read
CreateCertificate certificates/create certificates/create/action
ImportCertificate certificates/import certificates/import/action
GetCertificate certificates/get certificates/read
UpdateCertificate certificates/update certificates/update/action
DeleteCertificate certificates/delete certificates/delete
GetCertificates certificates/list certificates/read
GetCertificateVersions certificates/list certificates/read
GetDeletedCertificates certificates/list certificates/read
GetDeletedCertificate certificates/get certificates/read
RecoverDeletedCertificate certificates/recover certificates/recover/action
PurgeDeletedCertificate certificates/purge certificates/purge/action
GetCertificatePolicy certificates/get certificates/read
UpdateCertificatePolicy certificates/update certificates/update/action
GetCertificateOperation certificates/get certificates/read
UpdateCertificateOperation certificates/update certificates/update/action
DeleteCertificateOperation certificates/update certificates/update/action
MergeCertificate certificates/create certificates/create/action
GetCertificateContacts certificates/managecontacts certificatecontacts/write
SetCertificateContacts certificates/managecontacts certificatecontacts/write
DeleteCertificateContacts certificates/managecontacts certificatecontacts/write
GetCertificateIssuers certificates/listissuers certificatecas/read
GetCertificateIssuer certificates/getissuers certificatecas/read
SetCertificateIssuer certificates/setissuers certificatecas/write
UpdateCertificateIssuer certificates/setissuers certificatecas/write
DeleteCertificateIssuer certificates/deleteissuers certificatecas/delete
BackupCertificate certificates/backup certificates/backup/action
RestoreCertificate certificates/restore certificates/restore/action`
  .trim()
  .split('\n')
  .map((line) => line.split(' ') as [string, string, string])

let granted: readonly string[] = []
const authorizer: Authorizer = {
  decide: (_principal, action) =>
    granted.some((pattern) => isMatch(`Microsoft.KeyVault/${pattern}`, action))
      ? { allowed: true, assignmentId: 'a' }
      : { allowed: false },
}

/** A wildcard matches across slashes; case does not count. */
function isMatch(pattern: string, action: string): boolean {
  const parts = pattern.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`, 'i').test(action)
}

let started: TestVault
let operations: readonly VaultOperation[]
beforeAll(async () => {
  started = await startVault({ authorizer })
  operations = (started.vault.service.operations as readonly VaultOperation[]).filter(
    ({ right }) => right !== undefined,
  )
})
afterAll(() => started.close())

/** Asks with an empty body for an object that is not there: only the permission decides 403. */
async function isAllowed({ method, path }: VaultOperation): Promise<boolean> {
  const plain = path.replace(/:version\??/, '0'.repeat(32)).replace(/:\w+/g, 'none')
  const answer = await started.ask(method, plain, method === 'GET' ? {} : { body: {} })
  expect([path, answer.status]).not.toEqual([path, 401])
  expect(answer.status).toBeLessThan(500)
  return answer.status !== 403
}

test('every operation of the service is in the matrix and says what it needs', () => {
  const told = new Map(NEEDS.map(([name, policy, action]) => [name, [policy, action]]))
  const found = new Map(
    operations.map(({ name, permission, right }) => [name, [permission, right?.dataAction]]),
  )
  expect(Object.fromEntries(found)).toEqual(Object.fromEntries(told))
})

test.each(Object.entries(ROLES))(
  '%s may exactly what its data actions say',
  async (_role, actions) => {
    granted = actions
    started.put({ ...VAULT, enableRbacAuthorization: true })
    for (const one of operations) {
      const needed = NEEDS.find(([name]) => name === one.name)?.[2] ?? ''
      const expected = actions.some((pattern) => isMatch(pattern, `vaults/${needed}`))
      expect([one.name, one.path, await isAllowed(one)]).toEqual([one.name, one.path, expected])
    }
  },
)

const single = Object.entries(PERMISSIONS).flatMap(([kind, names]) =>
  names.split(' ').map((name) => [kind, name] as const),
)
test.each(single)(
  'the policy permission %s/%s allows exactly its operations',
  async (kind, name) => {
    const none = { keys: [], secrets: [], certificates: [], storage: [] }
    const permissions = { ...none, [kind]: [name] }
    const accessPolicies = [{ tenantId: TENANT, objectId: CALLER, permissions }]
    started.put({ ...VAULT, accessPolicies })
    for (const one of operations) {
      const needed = NEEDS.find(([operation]) => operation === one.name)?.[1] ?? ''
      const all = name === 'all' && needed.startsWith(`${kind}/`) && !needed.endsWith('/purge')
      const manages =
        /(get|list|delete)issuers$/.test(needed) &&
        `${kind}/${name}` === 'certificates/manageissuers'
      const expected = needed === `${kind}/${name}` || all || manages
      expect([one.name, one.path, await isAllowed(one)]).toEqual([one.name, one.path, expected])
    }
  },
)
