import { randomUUID } from 'node:crypto'
import { Ajv } from 'ajv'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startStorage } from '../src/vault/testing/test-domain.ts'
import { startHsm } from '../src/vault/testing/test-hsm.ts'
import type { Answer, TestVault } from '../src/vault/testing/test-vault.ts'
import { startHsms } from '../src/vault/testing/two-hsms.ts'
import { hsmAnswers } from './schemas/hsm-operations.ts'
import { expectedAnswers } from './schemas/operations.ts'

const ajv = new Ajv({ strict: true, allErrors: true })
const CRYPTO_USER = '21dbd100-6940-42c2-9190-5d6cb909625b'
const PROVIDER = 'providers/Microsoft.Authorization'
let server: TestVault

beforeAll(async () => {
  server = await startHsm()
})

afterAll(() => server.close())

/** Sends the operation's request and holds the answer to its schema. */
async function run(name: string, method: string, target: string, body?: object): Promise<string[]> {
  return errorsOf(name, await server.ask(method, target, { version: '7.5', ...(body && { body }) }))
}

function errorsOf(name: string, answer: Answer): string[] {
  const expected = hsmAnswers[name]
  if (!expected) throw new Error(`${name} has no schema in conformance/schemas/hsm-operations.ts`)
  if (answer.status !== expected.status) return [`${name}: ${answer.status} ${answer.text}`]
  const validate = ajv.compile(expected.body)
  if (validate(answer.body)) return []
  return (validate.errors ?? []).map(
    ({ instancePath, message, params }) =>
      `${name}${instancePath}: ${message} ${JSON.stringify(params)}`,
  )
}

describe('what a managed HSM alone answers has exactly the documented shape', () => {
  test('settings', async () => {
    const name = '/settings/AllowKeyManagementOperationsThroughARM'
    expect([
      ...(await run('GetSettings', 'GET', '/settings')),
      ...(await run('GetSetting', 'GET', name)),
      ...(await run('UpdateSetting', 'PATCH', name, { value: 'true' })),
    ]).toEqual([])
  })

  test('role definitions', async () => {
    const role = `/${PROVIDER}/roleDefinitions/${randomUUID()}`
    const dataActions = ['Microsoft.KeyVault/managedHsm/keys/read/action']
    const permissions = [{ actions: [], notActions: [], dataActions, notDataActions: [] }]
    const properties = { roleName: 'Reader of keys', description: 'd', permissions }
    expect([
      ...(await run('RoleDefinitions_CreateOrUpdate', 'PUT', role, { properties })),
      ...(await run('RoleDefinitions_List', 'GET', `/${PROVIDER}/roleDefinitions`)),
      ...(await run('RoleDefinitions_Get', 'GET', role)),
      ...(await run('RoleDefinitions_Delete', 'DELETE', role)),
    ]).toEqual([])
  })

  test.each(['', '/keys', '/keys/one'])('role assignments at the scope "%s"', async (scope) => {
    const at = `${scope}/${PROVIDER}/roleAssignments`
    const roleDefinitionId = `Microsoft.KeyVault/${PROVIDER}/roleDefinitions/${CRYPTO_USER}`
    const properties = { roleDefinitionId, principalId: randomUUID() }
    const one = `${at}/${randomUUID()}`
    expect([
      ...(await run('RoleAssignments_Create', 'PUT', one, { properties })),
      ...(await run('RoleAssignments_ListForScope', 'GET', at)),
      ...(await run('RoleAssignments_Get', 'GET', one)),
      ...(await run('RoleAssignments_Delete', 'DELETE', one)),
    ]).toEqual([])
  })

  test('security domains', async () => {
    const { askHsm, close, download, holders, upload } = await startHsms()
    const body = { certificates: holders.map(({ jwk }) => jwk), required: 2 }
    const begun = await askHsm('POST', '/securitydomain/download', body)
    const errors = [
      ...errorsOf('HSMSecurityDomain_Download', begun),
      ...errorsOf(
        'HSMSecurityDomain_DownloadPending',
        await askHsm('GET', '/securitydomain/download/pending'),
      ),
      ...errorsOf(
        'HSMSecurityDomain_TransferKey',
        await askHsm('GET', '/securitydomain/upload', undefined, 'h2'),
      ),
      ...errorsOf(
        'HSMSecurityDomain_Upload',
        await upload(await download(), holders.slice(1), 'h2'),
      ),
      ...errorsOf(
        'HSMSecurityDomain_UploadPending',
        await askHsm('GET', '/securitydomain/upload/pending', undefined, 'h2'),
      ),
    ]
    await close()
    expect(errors).toEqual([])
  })

  test('backups and restores, from their begin to their end', async () => {
    const { askHsm, close, download, ended } = await startHsms()
    const storage = await startStorage('sas')
    await download()
    await askHsm('POST', '/keys/k/create', { kty: 'EC-HSM' })
    const place = { storageResourceUri: storage.uri, token: storage.token }
    const errors: string[] = []
    const finish = async (name: string, status: string, begun: Answer) => {
      errors.push(...errorsOf(name, begun))
      const body = await ended(begun)
      errors.push(...errorsOf(status, { ...begun, status: 200, body }))
      if (body.status !== 'Succeeded') errors.push(`${name} ended as ${body.status}`)
      return body
    }
    const back = 'FullBackupStatus'
    await finish('PreFullBackup', back, await askHsm('POST', '/prebackup', place))
    const made = await finish('FullBackup', back, await askHsm('POST', '/backup', place))
    const folder = String(made.azureStorageBlobContainerUri).split('/').at(-1)
    const whole = { sasTokenParameters: place, folderToRestore: folder }
    const one = { sasTokenParameters: place, folder }
    const restored = 'RestoreStatus'
    await finish('PreFullRestoreOperation', restored, await askHsm('PUT', '/prerestore', whole))
    await finish('FullRestoreOperation', restored, await askHsm('PUT', '/restore', whole))
    // A key is restored by itself where none of its name is.
    await askHsm('DELETE', '/keys/k')
    await askHsm('DELETE', '/deletedkeys/k')
    await finish(
      'SelectiveKeyRestoreOperation',
      restored,
      await askHsm('PUT', '/keys/k/restore', one),
    )
    await Promise.all([close(), storage.close()])
    expect(errors).toEqual([])
  })

  test('every row of the operation table has a schema, here or among the keys of vaults', () => {
    const names = server.vault.hsmService.operations.map(({ name }) => name)
    const missing = names.filter((name) => !hsmAnswers[name] && !expectedAnswers[name])
    expect(missing).toEqual([])
  })
})
