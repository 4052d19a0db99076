import {
  constants,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  privateDecrypt,
  sign,
  verify,
  X509Certificate,
} from 'node:crypto'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { selfSign } from '../certificates/x509.ts'
import { NOON_MS, startVault, type TestVault } from '../testing/test-vault.ts'
import { azureLimits } from '../throttle.ts'
import { meetsPolicy, readRules } from './release-policy.ts'

const AUTHORITY = 'https://attest.contoso.test'
const NOON = NOON_MS / 1000
const rsa = () => generateKeyPairSync('rsa', { modulusLength: 2048 })
const service = rsa()
const environment = rsa()
const host = rsa()
const jwkOf = (key: KeyObject) => key.export({ format: 'jwk' })
const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
const decode = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString())

/** What the attestation service publishes, and which addresses were asked. */
let published: Record<string, unknown>
let fetched: string[]
let one: TestVault
beforeEach(async () => {
  fetched = []
  published = {
    '/.well-known/openid-configuration': { jwks_uri: `${AUTHORITY}/keys` },
    '/keys': { keys: [{ ...jwkOf(service.publicKey), kid: 's1', use: 'sig' }] },
  }
  one = await startVault({ release: { fetchDocument, certificates: { read: readCertificate } } })
})
afterEach(() => one.close())

async function fetchDocument(url: string): Promise<unknown> {
  fetched.push(url)
  const found = url.startsWith(AUTHORITY) ? published[url.slice(AUTHORITY.length)] : undefined
  if (found === undefined) throw new Error('nothing is there')
  return found
}

async function readCertificate(name: string) {
  const holder = { subject: `CN=${name}`, names: {}, ekus: [], keyUsage: [], isAuthority: false }
  const validity = { notBeforeMs: NOON_MS, expiresAtMs: NOON_MS + 1e9 }
  const der = selfSign(holder, host.privateKey, validity)
  return { key: host.privateKey, x5c: [der.toString('base64')] }
}

const RUNTIME = {
  keys: [
    { ...jwkOf(environment.publicKey), kid: 'TpmEphemeralEncryptionKey', key_ops: ['encrypt'] },
  ],
}
const CLAIMS = {
  iss: AUTHORITY,
  nbf: NOON - 10,
  exp: NOON + 600,
  'x-ms-isolation-tee': { 'x-ms-attestation-type': 'sevsnpvm' },
  'sdk-test': true,
  'x-ms-runtime': RUNTIME,
}

function attest(more: object = {}, header: object = { alg: 'RS256', kid: 's1' }): string {
  const input = `${encode(header)}.${encode({ ...CLAIMS, ...more })}`
  return `${input}.${sign('sha256', Buffer.from(input), service.privateKey).toString('base64url')}`
}

const condition = { claim: 'x-ms-isolation-tee.x-ms-attestation-type', equals: 'sevsnpvm' }
const RULE = {
  authority: `${AUTHORITY}/`,
  allOf: [condition, { claim: 'sdk-test', equals: 'true' }],
}
const POLICY = { version: '1.0.0', anyOf: [RULE] }
const policyOf = (policy: object = POLICY, immutable?: boolean) => ({
  data: encode(policy),
  ...(immutable !== undefined && { immutable }),
})
const EXPORTABLE = {
  kty: 'RSA-HSM',
  attributes: { exportable: true },
  release_policy: policyOf(),
}

const create = (body: object = EXPORTABLE, name = 'k') =>
  one.ask('POST', `/keys/${name}/create`, { body })
const release = (body: object = { target: attest() }, path = '/keys/k/release') =>
  one.ask('POST', path, { body })

/** The plain key in an answer, opened as the environment would. */
function open(value: string, oaepHash = 'sha1') {
  const [head = '', body = '', signature = ''] = value.split('.')
  const { x5c } = decode(head)
  const leaf = new X509Certificate(Buffer.from(x5c[0], 'base64'))
  const signed = Buffer.from(`${head}.${body}`)
  expect(verify('sha256', signed, leaf.publicKey, Buffer.from(signature, 'base64url'))).toBe(true)
  const payload = decode(body)
  const wrapped = decode(payload.response.key.key.key_hsm)
  expect(wrapped).toMatchObject({
    schema_version: '1.0',
    header: { kid: 'TpmEphemeralEncryptionKey', alg: 'dir', enc: payload.request.enc },
  })
  const bytes = Buffer.from(wrapped.ciphertext, 'base64url')
  const padding = constants.RSA_PKCS1_OAEP_PADDING
  const to = { key: environment.privateKey, padding, oaepHash }
  const aesKey = privateDecrypt(to, bytes.subarray(0, 256))
  expect(aesKey).toHaveLength(32)
  const cipher = createDecipheriv('id-aes256-wrap-pad', aesKey, Buffer.from('a65959a6', 'hex'))
  return { payload, key: Buffer.concat([cipher.update(bytes.subarray(256)), cipher.final()]) }
}

test('a key made exportable is released to the attested environment, and nobody else can open it', async () => {
  const made = await create()
  expect(made).toMatchObject({
    status: 200,
    body: {
      attributes: { enabled: true, exportable: true },
      release_policy: {
        contentType: 'application/json; charset=utf-8',
        data: encode(POLICY),
        immutable: false,
      },
    },
  })
  const answer = await release({ target: attest(), nonce: 'n-1' })
  expect(answer.status).toBe(200)
  const { payload, key } = open(answer.body.value)
  expect(payload).toEqual({
    request: {
      'api-version': '7.4',
      enc: 'CKM_RSA_AES_KEY_WRAP',
      kid: made.body.key.kid,
      nonce: 'n-1',
    },
    response: {
      key: { ...made.body, key: { ...made.body.key, key_hsm: expect.any(String) } },
    },
  })
  const opened = createPrivateKey({ key, format: 'der', type: 'pkcs8' })
  expect(createPublicKey(opened).export({ format: 'jwk' }).n).toBe(made.body.key.n)
  expect(answer.text).not.toContain(key.toString('base64url').slice(0, 60))
  expect(one.audit.at(-1)).toMatchObject({ operationName: 'KeyRelease', resultType: 'Success' })
})

test.each([
  { enc: 'CKM_RSA_AES_KEY_WRAP', hash: 'sha1', kty: 'EC-HSM' },
  { enc: 'RSA_AES_KEY_WRAP_256', hash: 'sha256', kty: 'RSA-HSM' },
  { enc: 'RSA_AES_KEY_WRAP_384', hash: 'sha384', kty: 'oct-HSM' },
])('$enc releases a key of type $kty', async ({ enc, hash, kty }) => {
  const made = await create({ ...EXPORTABLE, kty })
  const version = made.body.key.kid.split('/').at(-1)
  const answer = await release({ target: attest(), enc }, `/keys/k/${version}/release`)
  const { key, payload } = open(answer.body.value, hash)
  expect(payload['request'].enc).toBe(enc)
  if (kty === 'oct-HSM') {
    expect(key).toHaveLength(32)
    return
  }
  const { x, n } = createPublicKey({ key, format: 'der', type: 'pkcs8' } as never).export({
    format: 'jwk',
  })
  expect({ x, n }).toEqual({ x: made.body.key.x, n: made.body.key.n })
})

test.each([
  { what: 'a software type', body: { ...EXPORTABLE, kty: 'RSA' }, text: 'AKV.SKR.1006' },
  {
    what: 'exportable without a policy',
    body: { kty: 'RSA-HSM', attributes: { exportable: true } },
    text: 'AKV.SKR.1004: Exportable keys must have release policy.',
  },
  {
    what: 'a policy without exportable',
    body: { kty: 'RSA-HSM', release_policy: policyOf() },
    text: 'AKV.SKR.1005: Non-exportable keys must not have release policy.',
  },
  { what: 'no version', policy: { anyOf: [RULE] }, text: 'version must be' },
  { what: 'no authority', policy: { version: '1.0.0', anyOf: [{ allOf: [condition] }] }, text: '' },
  {
    what: 'an authority without https',
    policy: { version: '1.0.0', anyOf: [{ ...RULE, authority: 'http://localhost' }] },
    text: 'is no https address',
  },
  {
    what: 'both lists',
    policy: { version: '1.0.0', anyOf: [{ ...RULE, anyOf: [condition] }] },
    text: 'there must be anyOf or allOf',
  },
  {
    what: 'an operator that does not exist',
    policy: { version: '1.0.0', anyOf: [{ ...RULE, allOf: [{ claim: 'a', like: 'b' }] }] },
    text: 'must have one of equals',
  },
  {
    what: 'a list as value',
    policy: { version: '1.0.0', anyOf: [{ ...RULE, allOf: [{ claim: 'a', equals: ['b'] }] }] },
    text: 'must be a text, number or boolean',
  },
  { what: 'no rule', policy: { version: '1.0.0', anyOf: [] }, text: 'anyOf is empty' },
])('$what is refused at create', async ({ body, policy, text }) => {
  const given = body ?? { ...EXPORTABLE, release_policy: policyOf(policy) }
  const answer = await create(given)
  expect(answer).toMatchObject({ status: 400, body: { error: { code: 'BadParameter' } } })
  expect(answer.body.error.message).toContain(text)
})

test('an exportable key needs the premium tier', async () => {
  await one.close()
  one = await startVault({ resource: { sku: 'standard' } })
  const answer = await create({ ...EXPORTABLE, kty: 'RSA' })
  expect(answer.body.error.message).toContain('AKV.SKR.1001')
})

test('the versions of a key share its policy, which is changed without a version until it is immutable', async () => {
  const first = (await create()).body.key.kid
  const second = (await create({ kty: 'EC-HSM' })).body
  expect(second.release_policy.data).toBe(encode(POLICY))
  const rotated = await one.ask('POST', '/keys/k/rotate', { version: '7.6' })
  expect(rotated.body).toMatchObject({
    attributes: { exportable: true },
    release_policy: { data: encode(POLICY) },
  })
  const no = { ...EXPORTABLE, attributes: { exportable: false }, release_policy: undefined }
  expect((await create(no)).body.error.message).toContain('AKV.SKR.1003')

  const patch = (path: string, body: object) => one.ask('PATCH', path, { body })
  const other = { version: '1.0.0', anyOf: [{ ...RULE, allOf: [condition] }] }
  const at = new URL(first).pathname
  const versioned = await patch(at, { release_policy: policyOf(other) })
  expect(versioned.body.error.message).toContain('AKV.SKR.1016')
  const wrong = await patch('/keys/k', { attributes: { exportable: false } })
  expect(wrong.body.error.message).toContain('AKV.SKR.1014')
  const fixed = await patch('/keys/k', { release_policy: policyOf(other, true) })
  expect(fixed.body.release_policy).toMatchObject({ data: encode(other), immutable: true })
  expect((await one.ask('GET', at)).body.release_policy).toEqual(fixed.body.release_policy)
  for (const answer of [
    await patch('/keys/k', { release_policy: policyOf() }),
    await patch('/keys/k', { release_policy: policyOf(other, false) }),
    await create(),
  ]) {
    expect(answer.body.error).toMatchObject({
      code: 'BadParameter',
      message: 'AKV.SKR.1020: Immutable Key Release Policy cannot be modified.',
    })
  }
  expect((await patch('/keys/k', { tags: { a: 'b' } })).status).toBe(200)
})

test('an imported key can be exportable', async () => {
  const { privateKey } = rsa()
  const key = { ...privateKey.export({ format: 'jwk' }), kty: 'RSA-HSM' }
  const { kty: _kty, ...rest } = EXPORTABLE
  const imported = await one.ask('PUT', '/keys/k', { body: { ...rest, key, Hsm: true } })
  expect(imported.status).toBe(200)
  const opened = createPrivateKey({
    key: open((await release()).body.value).key,
    format: 'der',
    type: 'pkcs8',
  })
  expect(opened.export({ format: 'jwk' }).d).toBe(key.d)
})

const UNVERIFIED = 'Target environment attestation statement cannot be verified: '
test.each([
  { what: 'no token', target: 'x.y', text: `${UNVERIFIED}it is no signed token.` },
  { what: 'an old token', target: attest({ exp: NOON - 1 }), text: 'it has expired' },
  { what: 'a token without an end', target: attest({ exp: undefined }), text: 'it has expired' },
  { what: 'a token with a wrong end', target: attest({ exp: 'never' }), text: 'it has expired' },
  { what: 'a token with a wrong beginning', target: attest({ nbf: 'now' }), text: 'not valid yet' },
  { what: 'a token of tomorrow', target: attest({ nbf: NOON + 86400 }), text: 'not valid yet' },
  { what: 'another issuer', target: attest({ iss: 'https://evil.test' }), text: 'no authority' },
  { what: 'an unknown key', target: attest({}, { alg: 'RS256', kid: 's2' }), text: 'publish' },
  { what: 'no signature', target: attest({}, { alg: 'none', kid: 's1' }), text: 'signature' },
  { what: 'a weak algorithm', target: attest({}, { alg: 'HS256', kid: 's1' }), text: 'signature' },
  {
    what: 'an extension',
    target: attest({}, { alg: 'RS256', kid: 's1', crit: ['x'] }),
    text: 'signature',
  },
  { what: 'no key', target: attest({ 'x-ms-runtime': {} }), text: 'x-ms-runtime.keys' },
  {
    what: 'a key for signing only',
    target: attest({
      'x-ms-runtime': { keys: [{ ...RUNTIME.keys[0], kid: 'AkPub', key_ops: ['sign'] }] },
    }),
    text: 'x-ms-runtime.keys',
  },
  {
    what: 'claims that do not fit',
    target: attest({ 'sdk-test': false }),
    text: 'Target environment attestation does not meet key release policy requirements.',
  },
  {
    what: 'a claim that is missing',
    target: attest({ 'x-ms-isolation-tee': {} }),
    text: 'does not meet key release policy requirements',
  },
])('$what releases nothing', async ({ target, text }) => {
  await create()
  const answer = await release({ target })
  expect(answer).toMatchObject({ status: 403, body: { error: { code: 'Forbidden' } } })
  expect(answer.body.error.message).toContain(text)
  expect(fetched.filter((url) => !url.startsWith(AUTHORITY))).toEqual([])
})

test('a token changed after it was signed releases nothing', async () => {
  await create({ ...EXPORTABLE, release_policy: policyOf() })
  const [head, , signature] = attest({ 'sdk-test': false }).split('.')
  const answer = await release({ target: `${head}.${encode(CLAIMS)}.${signature}` })
  expect(answer.body.error.message).toBe(`${UNVERIFIED}its signature is wrong.`)
})

test('a key that is not exportable, disabled or of a certificate is not released', async () => {
  await create({ kty: 'RSA-HSM' })
  expect(await release()).toMatchObject({
    status: 403,
    body: { error: { message: expect.stringContaining('The key k is not exportable.') } },
  })
  await create(EXPORTABLE, 'off')
  await one.ask('PATCH', '/keys/off', { body: { attributes: { enabled: false } } })
  expect((await release(undefined, '/keys/off/release')).body.error).toMatchObject({
    innererror: { code: 'KeyDisabled' },
  })
  const policy = { issuer: { name: 'Self' }, x509_props: { subject: 'CN=a' } }
  await one.ask('POST', '/certificates/c/create', { body: { policy } })
  expect((await release(undefined, '/keys/c/release')).status).toBe(403)
  expect((await release({}, '/keys/off/release')).status).toBe(400)
  expect((await release({ target: attest(), enc: 'none' }, '/keys/off/release')).status).toBe(400)
})

test('release stays allowed outside nbf and exp', async () => {
  await create({ ...EXPORTABLE, attributes: { exportable: true, exp: NOON - 5 } })
  expect((await release()).status).toBe(200)
})

test('keys of an authority are found at /certs too, from a certificate, and remembered', async () => {
  await create()
  const { x5c } = await readCertificate('a')
  const input = `${encode({ alg: 'PS256' })}.${encode(CLAIMS)}`
  const padding = constants.RSA_PKCS1_PSS_PADDING
  const key = { key: host.privateKey, padding, saltLength: 32 }
  const target = `${input}.${sign('sha256', Buffer.from(input), key).toString('base64url')}`
  published = { '/certs': { keys: [{ kty: 'RSA', kid: 'c1', x5c }] } }
  expect((await release({ target })).status).toBe(200)
  expect(fetched).toEqual([`${AUTHORITY}/.well-known/openid-configuration`, `${AUTHORITY}/certs`])
  expect((await release({ target })).status).toBe(200)
  expect(fetched).toHaveLength(2)
  published = {
    '/.well-known/openid-configuration': { jwks_uri: 'https://elsewhere.test/keys' },
  }
  one.clock.moveMs(301_000)
  expect((await release({ target })).status).toBe(403)
  expect(fetched.some((url) => url.includes('elsewhere'))).toBe(false)
})

test('releases count as creates against the limits', async () => {
  await one.close()
  one = await startVault({ limits: azureLimits })
  const statuses = []
  await create()
  for (let at = 0; at < 10; at++) statuses.push((await release()).status)
  expect(statuses.filter((status) => status === 429)).toHaveLength(1)
})

test('nothing vouches for a key in software', async () => {
  await create()
  expect(await one.ask('GET', '/keys/k/attestation', { version: '7.6' })).toMatchObject({
    status: 400,
    body: { error: { code: 'NotSupported', message: expect.stringContaining('in software') } },
  })
})

test.each([
  [{ claim: 'a.b', equals: 'x' }, { a: { b: 'x' } }, true],
  [{ claim: 'a.b', equals: 'x' }, { 'a.b': 'x' }, false],
  [{ claim: 'a', equals: 'x' }, { a: ['x'] }, false],
  [{ claim: 'a', equals: true }, { a: 'true' }, true],
  [{ claim: 'a', notEquals: 'x' }, { a: 'y' }, true],
  [{ claim: 'a', notEquals: 'x' }, {}, false],
  [{ claim: 'a', greaterOrEquals: 3 }, { a: 3 }, true],
  [{ claim: 'a', less: 3 }, { a: 3 }, false],
  [{ claim: 'a', greater: 3 }, {}, false],
  [{ claim: 'a', exists: 'true' }, { a: 0 }, true],
  [{ claim: 'a', exists: false }, { a: 0 }, false],
  [{ claim: '__proto__', exists: true }, {}, false],
  [{ anyOf: [{ claim: 'a', equals: 1 }, { allOf: [{ claim: 'b', equals: 2 }] }] }, { b: 2 }, true],
  [
    {
      allOf: [
        { claim: 'a', equals: 1 },
        { claim: 'b', equals: 2 },
      ],
    },
    { b: 2 },
    false,
  ],
])('the condition %j on the claims %j: %j', (rule, claims, met) => {
  const policy = { version: '1.0.0', anyOf: [{ authority: AUTHORITY, allOf: [rule] }] }
  const rules = readRules({ contentType: '', data: encode(policy), immutable: false })
  expect(meetsPolicy(rules, AUTHORITY, claims)).toBe(met)
  expect(meetsPolicy(rules, 'https://other.test', claims)).toBe(false)
})
