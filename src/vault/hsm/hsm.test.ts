import { afterEach, expect, test } from 'vitest'
import { startHsm } from '../testing/test-hsm.ts'
import { HSM, NOON_MS, TENANT, type TestVault, tokenOf } from '../testing/test-vault.ts'
import { azureLimits } from '../throttle.ts'

const HOST = 'h1.managedhsm.azure.net'
const AUDIENCE = 'https://managedhsm.azure.net'

const started: TestVault[] = []
afterEach(async () => {
  for (const one of started.splice(0)) {
    expect(one.bugs).toEqual([])
    await one.close()
  }
})

async function start(options: Parameters<typeof startHsm>[0] = {}) {
  const one = await startHsm(options)
  started.push(one)
  return one
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
    const path = method === 'GET' ? '/keys' : '/keys/k/create'
    const found = await ask(method, path, { token: undefined })
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
  const { ask } = await start()
  expect((await ask('GET', '/keys', { token: tokenOf() })).status).toBe(401)
  const atVault = await ask('GET', '/keys', { host: 'v1.vault.azure.net' })
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

test.each(['RSA', 'EC', 'oct'])('who asks for %s gets the HSM type of it', async (kty) => {
  const { ask } = await start()
  const { body } = await ask('POST', '/keys/k/create', { body: { kty } })
  expect(body.key.kty).toBe(`${kty}-HSM`)
})

test.each(['', undefined, 'AES', 'oct-HSM-HSM'])('the key type %j is refused', async (kty) => {
  const { ask } = await start()
  const answer = await ask('POST', '/keys/k/create', { body: { kty } })
  expect(answer).toMatchObject({ status: 400, body: { error: { code: 'BadParameter' } } })
})

test.each([
  ['RSA-HSM', { key_size: 3072 }, { n: expect.any(String), e: 'AQAB' }],
  ['EC-HSM', { crv: 'P-384' }, { crv: 'P-384' }],
  ['oct-HSM', { key_size: 128 }, {}],
  ['oct-HSM', { key_size: 192 }, {}],
  ['oct-HSM', {}, {}],
])('%s with %j is made, and keeps its type', async (kty, asked, shown) => {
  const { ask } = await start()
  const { body } = await ask('POST', '/keys/k/create', { body: { kty, ...asked } })
  expect(body.key).toMatchObject({ kty, ...shown })
})

test('an import makes an HSM key, whether it says so or not', async () => {
  const { ask } = await start()
  const k = Buffer.alloc(32, 7).toString('base64url')
  const asHsm = await ask('PUT', '/keys/k', { body: { key: { kty: 'oct-HSM', k } } })
  expect(asHsm.body.key).toMatchObject({ kty: 'oct-HSM' })
  const flagged = await ask('PUT', '/keys/k', { body: { Hsm: true, key: { kty: 'oct', k } } })
  expect(flagged.body.key).toMatchObject({ kty: 'oct-HSM' })
  const plain = await ask('PUT', '/keys/k', { body: { key: { kty: 'oct', k } } })
  expect(plain.body.key).toMatchObject({ kty: 'oct-HSM' })
})

test('a managed HSM publishes no events', async () => {
  const { ask, events } = await start()
  await ask('POST', '/keys/k/create', { body: { kty: 'EC-HSM' } })
  expect(await events()).toEqual([])
})

test('random bytes come in the number asked for', async () => {
  const { ask } = await start()
  const { body } = await ask('POST', '/rng', { body: { count: 16 } })
  expect(Buffer.from(body.value, 'base64url')).toHaveLength(16)
})

test('a backup is restored into the managed HSM it came from once the key is purged', async () => {
  const { ask } = await start()
  await ask('POST', '/keys/k/create', { body: { kty: 'oct-HSM' } })
  const backup = await ask('POST', '/keys/k/backup')
  await ask('DELETE', '/keys/k')
  await ask('DELETE', '/deletedkeys/k')
  expect((await ask('POST', '/keys/restore', { body: backup.body })).status).toBe(200)
})

test('a key is rotated on demand and by the clock, which the audit log tells', async () => {
  const { ask, vault, audit } = await start()
  const { body } = await ask('POST', '/keys/k/create', { body: { kty: 'EC-HSM' } })
  const rotated = await ask('POST', '/keys/k/rotate')
  expect(rotated.body.key.kid).not.toBe(body.key.kid)
  const lifetimeActions = [{ trigger: { timeAfterCreate: 'P30D' }, action: { type: 'Rotate' } }]
  const policy = { lifetimeActions, attributes: { expiryTime: 'P90D' } }
  expect((await ask('PUT', '/keys/k/rotationpolicy', { body: policy })).status).toBe(200)
  expect(await vault.sweep(NOON_MS + 31 * 86_400_000)).toMatchObject({ rotated: 1 })
  expect(audit.at(-1)).toMatchObject({
    operationName: 'KeyRotateIfDue',
    resourceId: HSM.id.toUpperCase(),
    id: expect.stringContaining('https://h1.managedhsm.azure.net/keys/k/'),
  })
})

test('a deleted key is purged after the retention, and not before under purge protection', async () => {
  const { ask, put, vault } = await start()
  put({ ...HSM, enablePurgeProtection: true })
  await ask('POST', '/keys/k/create', { body: { kty: 'EC-HSM' } })
  await ask('DELETE', '/keys/k')
  const refused = await ask('DELETE', '/deletedkeys/k')
  expect(refused).toMatchObject({ status: 400, body: { error: { code: 'NotSupported' } } })
  expect(await vault.sweep(NOON_MS + 7 * 86_400_000)).toMatchObject({ purged: 1 })
})

test('the firewall of a managed HSM judges before its roles do', async () => {
  const { ask, put } = await start()
  put({ ...HSM, networkAcls: { defaultAction: 'Deny', ipRules: [{ value: '20.1.2.3' }] } })
  const byRule = await ask('GET', '/keys')
  expect(byRule.body.error.innererror).toEqual({ code: 'ForbiddenByFirewall' })
  put({ ...HSM, publicNetworkAccess: 'Disabled' })
  const closed = await ask('GET', '/keys')
  expect(closed.body.error.innererror).toEqual({ code: 'ForbiddenByConnection' })
})

test('a managed HSM is throttled by the limits of HSM keys', async () => {
  const { ask } = await start({ limits: azureLimits })
  const statuses: number[] = []
  for (let n = 0; n < 11; n += 1) {
    statuses.push((await ask('POST', `/keys/k${n}/create`, { body: { kty: 'oct-HSM' } })).status)
  }
  expect(statuses).toEqual([...Array(10).fill(200), 429])
})

test('an unknown managed HSM is a JSON error', async () => {
  const { ask } = await start()
  const answer = await ask('GET', '/keys', { host: 'nobody.managedhsm.azure.net' })
  expect(answer).toMatchObject({ status: 404, body: { error: { code: 'VaultNotFound' } } })
})

test('a managed HSM makes keys that may be released', async () => {
  const { ask } = await start()
  const allOf = [{ claim: 'sdk-test', equals: 'true' }]
  const anyOf = [{ authority: 'https://sharedeus.eus.attest.azure.net', allOf }]
  const policy = JSON.stringify({ version: '1.0.0', anyOf })
  const body = {
    kty: 'RSA-HSM',
    attributes: { exportable: true },
    release_policy: { data: Buffer.from(policy).toString('base64url') },
  }
  const made = await ask('POST', '/keys/k/create', { body, version: '7.5' })
  expect(made).toMatchObject({ status: 200, body: { attributes: { exportable: true } } })
})
