import { afterEach, expect, test } from 'vitest'
import type { Database } from '../../storage/database.ts'
import type { ObjectTables } from '../objects/tables.ts'
import {
  type Asked,
  CALLER,
  HSM,
  NOON_MS,
  startVault,
  TENANT,
  type TestOptions,
  type TestVault,
  tokenOf,
} from '../testing/test-vault.ts'
import { activate, putAssignment } from './state.ts'

const HOST = 'h1.managedhsm.azure.net'
const AUDIENCE = 'https://managedhsm.azure.net'
const CRYPTO_USER = '21dbd100-6940-42c2-9190-5d6cb909625b'
const CRYPTO_OFFICER = '515eb02d-2335-4d2d-92f2-b1cbdf9c3778'

const started: TestVault[] = []
afterEach(async () => {
  for (const one of started.splice(0)) {
    expect(one.bugs).toEqual([])
    await one.close()
  }
})

/** A managed HSM, activated unless told, whose administrator may also use and purge keys. */
async function start(options: TestOptions & { readonly activated?: boolean } = {}) {
  const one = await startVault(options)
  started.push(one)
  const db = one.db as Database<ObjectTables>
  const ask = (method: string, path: string, asked: Asked = {}) =>
    one.ask(method, path, { host: HOST, token: tokenOf({ aud: AUDIENCE }), ...asked })
  // The first request gives the administrators their role.
  await ask('GET', '/providers/Microsoft.Authorization/roleAssignments')
  if (options.activated === false) return { ...one, ask }
  await db.write(async (tx) => {
    await activate(tx, HSM.dataId, NOON_MS)
    for (const roleId of [CRYPTO_USER, CRYPTO_OFFICER]) {
      const made = { id: crypto.randomUUID(), scope: '/', roleId, principalId: CALLER }
      await putAssignment(tx, HSM.dataId, made)
    }
  })
  return { ...one, ask }
}

test('a key is created, used, deleted, recovered and purged', async () => {
  const { ask } = await start()
  const made = await ask('POST', '/keys/k/create', { body: { kty: 'EC-HSM' } })
  expect(made).toMatchObject({ status: 200, body: { key: { kty: 'EC-HSM', crv: 'P-256' } } })
  expect(made.body.key.kid).toMatch(/^https:\/\/h1\.managedhsm\.azure\.net\/keys\/k\/[0-9a-f]{32}$/)
  const body = { alg: 'ES256', value: Buffer.alloc(32, 1).toString('base64url') }
  expect((await ask('POST', '/keys/k//sign', { body })).status).toBe(200)
  expect((await ask('DELETE', '/keys/k')).body).toMatchObject({
    recoveryId: `https://${HOST}/deletedkeys/k`,
    scheduledPurgeDate: NOON_MS / 1000 + 7 * 86_400,
  })
  expect((await ask('POST', '/deletedkeys/k/recover')).status).toBe(200)
  expect((await ask('DELETE', '/keys/k')).status).toBe(200)
  expect((await ask('DELETE', '/deletedkeys/k')).status).toBe(204)
  expect((await ask('GET', '/keys/k')).body.error.code).toBe('KeyNotFound')
})

test('a managed HSM that is not activated makes no keys, and says why', async () => {
  const { ask } = await start({ activated: false })
  const answer = await ask('POST', '/keys/k/create', { body: { kty: 'RSA-HSM' } })
  expect(answer).toMatchObject({ status: 403, body: { error: { code: 'Forbidden' } } })
  expect(answer.body.error.message).toMatch(/'h1' is not activated\. Download its security domain/)
})

test.each([
  ['GET', 'OK'],
  ['POST', ''],
])(
  '%s without a token gets the challenge of managed HSMs and the body %j',
  async (method, text) => {
    const { ask } = await start()
    const answer = await ask(method, '/keys/k/create', { token: undefined })
    const found = method === 'GET' ? await ask(method, '/keys', { token: undefined }) : answer
    expect(found).toMatchObject({ status: 401, text })
    expect(found.headers).toMatchObject({
      'www-authenticate': `Bearer authorization="https://login.microsoftonline.com/${TENANT}", resource="${AUDIENCE}"`,
      'content-security-policy': "default-src 'self'",
      'x-frame-options': 'SAMEORIGIN',
      'x-ms-server-latency': '0',
    })
    expect(found.headers['expires']).toBeUndefined()
  },
)

test('a token for vaults is refused, and a vault refuses a token for managed HSMs', async () => {
  const { ask, ask: both } = await start()
  expect((await ask('GET', '/keys', { token: tokenOf() })).status).toBe(401)
  const atVault = await both('GET', '/keys', { host: 'v1.vault.azure.net' })
  expect(atVault.body.error.message).toContain('AKV10022: Invalid audience.')
})

test.each(['/secrets/x', '/certificates/x/create', '/deletedsecrets'])(
  '%s is refused with a JSON error',
  async (path) => {
    const { ask } = await start()
    const answer = await ask('PUT', path, { body: { value: 'v' } })
    expect(answer).toMatchObject({ status: 404, body: { error: { code: 'NotFound' } } })
    expect(answer.body.error.message).toContain('kept in a key vault')
  },
)

test.each(['RSA', 'EC', 'oct'])('a software key of type %s is refused', async (kty) => {
  const { ask } = await start()
  const answer = await ask('POST', '/keys/k/create', { body: { kty } })
  expect(answer).toMatchObject({ status: 400, body: { error: { code: 'NotSupported' } } })
})
