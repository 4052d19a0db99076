import {
  constants,
  createCipheriv,
  createHash,
  createHmac,
  createPublicKey,
  generateKeyPairSync,
  publicEncrypt,
  randomBytes,
  verify,
} from 'node:crypto'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { Sealed } from '../../base/sealed.ts'
import { CKA, CKO, HsmToken } from '../../pkcs11/index.ts'
import {
  findSoftHsm,
  SOFT_HSM_ABSENT,
  type SoftHsm,
  startSoftHsm,
} from '../../pkcs11/testing/index.ts'
import { startHsm } from '../testing/test-hsm.ts'
import { startVault, type TestOptions, type TestVault, VAULT } from '../testing/test-vault.ts'
import { readReference } from './token-reference.ts'

const modulePath = findSoftHsm()
let hsm: SoftHsm
let hsmToken: HsmToken
const started: TestVault[] = []

beforeAll(async () => {
  if (!modulePath) return
  hsm = startSoftHsm(modulePath)
  Object.assign(process.env, hsm.env)
  for (const label of ['main', 'other']) hsm.makeToken(label)
  hsmToken = await open('main')
})
afterEach(async () => {
  for (const made of started.splice(0)) await made.close()
})
afterAll(async () => {
  await hsmToken?.close()
  hsm?.remove()
})

const open = (token: string) =>
  HsmToken.open({ modulePath: hsm.modulePath, token, pin: new Sealed(hsm.pin) })
const real = test.skipIf(!modulePath)
if (!modulePath) test.skip(SOFT_HSM_ABSENT, () => undefined)

async function start(options: TestOptions = {}): Promise<TestVault> {
  const made = await startVault({ hsmToken, ...options })
  started.push(made)
  return made
}

const b64 = (bytes: Buffer) => bytes.toString('base64url')
const unb64 = (text: string) => Buffer.from(text, 'base64url')

async function create(made: TestVault, body: object, name = 'k') {
  const answer = await made.ask('POST', `/keys/${name}/create`, { body, version: '7.6' })
  expect(answer.text).toContain('"kid"')
  return answer.body
}

async function use(made: TestVault, verb: string, body: object, name = 'k') {
  const answer = await made.ask('POST', `/keys/${name}/${verb}`, { body })
  expect({ status: answer.status, text: answer.text }).toMatchObject({ status: 200 })
  return answer.body
}

const refOf = (body: { key: { kid: string; kty: string } }) => ({
  class: body.key.kty === 'oct-HSM' ? CKO.secretKey : CKO.privateKey,
  id: Buffer.from(body.key.kid.split('/').at(-1) ?? '', 'hex'),
})

real.each([
  [{ kty: 'RSA-HSM' }, { e: 'AQAB' }],
  [{ kty: 'RSA-HSM', key_size: 3072, public_exponent: 3 }, { e: 'Aw' }],
  [{ kty: 'EC-HSM' }, { crv: 'P-256' }],
  [{ kty: 'EC-HSM', crv: 'P-256K' }, { crv: 'P-256K' }],
  [{ kty: 'EC-HSM', crv: 'P-521' }, { crv: 'P-521' }],
  [{ kty: 'oct-HSM', key_size: 192 }, {}],
  [{ kty: 'oct-HSM', key_ops: ['sign', 'verify'] }, {}],
])('%o is made in the token and never leaves it', async (asked, shown) => {
  const made = await start()
  const body = await create(made, asked)
  expect(body.key).toMatchObject({ kty: asked.kty, ...shown })
  expect(body.key).not.toHaveProperty('protection')
  expect(body.attributes).toMatchObject({ hsmPlatform: '1', exportable: false })

  const flags = [CKA.sensitive, CKA.extractable, CKA.neverExtractable, CKA.local]
  const told = await hsmToken.read(refOf(body), flags)
  expect(told.map((value) => value?.[0])).toEqual([1, 0, 1, 1])
  expect(await hsmToken.read(refOf(body), [CKA.value, CKA.privateExponent])).toEqual([
    undefined,
    undefined,
  ])
  const scope = await made.sealer.scope(`vault:${VAULT.dataId}`)
  const rows = await made.db.all<undefined, { version: string; sealed: Uint8Array }>(
    { sql: 'select version, sealed from vault_object_version', bind: () => [] },
    undefined,
  )
  const [row] = rows
  const place = `keys/k/${row?.version}`
  const reference = readReference(scope.openBytes(place, row?.sealed ?? Buffer.alloc(0)).open())
  expect(reference.id).toEqual(refOf(body).id)
  expect(
    await made.db.all({ sql: 'select * from vault_token_object', bind: () => [] }, {}),
  ).toEqual([])
})

const SHA = { 256: 'sha256', 384: 'sha384', 512: 'sha512' } as const

real.each([256, 384, 512] as const)(
  'RS and PS with SHA-%i of a token key verify everywhere',
  async (bits) => {
    const made = await start()
    const { key } = await create(made, { kty: 'RSA-HSM' })
    const digest = createHash(SHA[bits]).update('text').digest()
    const jwk = createPublicKey({ key: { ...key, kty: 'RSA' }, format: 'jwk' })
    const paddings = { RS: constants.RSA_PKCS1_PADDING, PS: constants.RSA_PKCS1_PSS_PADDING }
    for (const [family, padding] of Object.entries(paddings)) {
      const alg = `${family}${bits}`
      const { value } = await use(made, 'sign', { alg, value: b64(digest) })
      const pss = family === 'PS' ? { saltLength: digest.length } : {}
      expect(
        verify(SHA[bits], Buffer.from('text'), { key: jwk, padding, ...pss }, unb64(value)),
      ).toBe(true)
      const asked = { alg, digest: b64(digest), value }
      expect(await use(made, 'verify', asked)).toEqual({ value: true })
      const other = { ...asked, digest: b64(randomBytes(digest.length)) }
      expect(await use(made, 'verify', other)).toEqual({ value: false })
    }
  },
)

real('RSNULL signs bytes as they are', async () => {
  const made = await start()
  await create(made, { kty: 'RSA-HSM' })
  const value = b64(randomBytes(100))
  const signed = await use(made, 'sign', { alg: 'RSNULL', value })
  const asked = { alg: 'RSNULL', digest: value, value: signed.value }
  expect(await use(made, 'verify', asked)).toEqual({ value: true })
})

real.each([
  ['ES256', 'P-256', 'P-256', 256],
  ['ES256K', 'P-256K', 'secp256k1', 256],
  ['ES384', 'P-384', 'P-384', 384],
  ['ES512', 'P-521', 'P-521', 512],
] as const)('%s of a token key verifies everywhere', async (alg, crv, named, bits) => {
  const made = await start()
  const { key } = await create(made, { kty: 'EC-HSM', crv })
  const jwk = { ...key, kty: 'EC', crv: named }
  const publicKey = createPublicKey({ key: jwk, format: 'jwk' })
  for (let i = 0; i < 8; i++) {
    const digest = createHash(SHA[bits]).update(`text ${i}`).digest()
    const { value } = await use(made, 'sign', { alg, value: b64(digest) })
    const form = { key: publicKey, dsaEncoding: 'ieee-p1363' } as const
    expect(verify(SHA[bits], Buffer.from(`text ${i}`), form, unb64(value))).toBe(true)
    expect(await use(made, 'verify', { alg, digest: b64(digest), value })).toEqual({ value: true })
  }
})

real.each([
  ['RSA1_5', { padding: constants.RSA_PKCS1_PADDING }],
  ['RSA-OAEP', { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha1' }],
  ['RSA-OAEP-256', { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }],
] as const)('%s: decrypt and unwrap run in the token', async (alg, padding) => {
  const made = await start()
  const { key } = await create(made, { kty: 'RSA-HSM' })
  const publicKey = createPublicKey({ key: { ...key, kty: 'RSA' }, format: 'jwk' })
  const text = randomBytes(32)
  const sealed = b64(publicEncrypt({ key: publicKey, ...padding }, text))
  expect((await use(made, 'decrypt', { alg, value: sealed })).value).toBe(b64(text))
  const wrapped = await use(made, 'wrapkey', { alg, value: b64(text) })
  expect((await use(made, 'unwrapkey', { alg, value: wrapped.value })).value).toBe(b64(text))

  const broken = unb64(sealed)
  broken[20] = (broken[20] ?? 0) ^ 1
  const answers = await Promise.all(
    [1, 2].map(() => made.ask('POST', '/keys/k/decrypt', { body: { alg, value: b64(broken) } })),
  )
  expect(answers.map(({ status }) => status)).toEqual(alg === 'RSA1_5' ? [200, 200] : [400, 400])
  expect(answers[0]?.text).toBe(answers[1]?.text)
})

real.each([128, 192, 256])('AES-%i: every algorithm there and back', async (bits) => {
  const made = await start()
  await create(made, { kty: 'oct-HSM', key_size: bits })
  const text = b64(randomBytes(32))
  const iv = b64(randomBytes(16))
  const aad = b64(Buffer.from('aad'))
  const gcm = await use(made, 'encrypt', { alg: `A${bits}GCM`, value: text, aad })
  expect(unb64(gcm.iv)).toHaveLength(12)
  const asked = { alg: `A${bits}GCM`, value: gcm.value, iv: gcm.iv, tag: gcm.tag, aad }
  expect((await use(made, 'decrypt', asked)).value).toBe(text)
  const wrong = await made.ask('POST', '/keys/k/decrypt', { body: { ...asked, aad: text } })
  expect(wrong).toMatchObject({ status: 400, body: { error: { code: 'BadParameter' } } })
  for (const alg of [`A${bits}CBC`, `A${bits}CBCPAD`]) {
    const { value } = await use(made, 'encrypt', { alg, value: text, iv })
    expect((await use(made, 'decrypt', { alg, value, iv })).value).toBe(text)
  }
  const odd = b64(randomBytes(21))
  for (const [alg, key] of [
    [`A${bits}KW`, text],
    ['CKM_AES_KEY_WRAP', text],
    ['CKM_AES_KEY_WRAP_PAD', odd],
  ]) {
    const { value } = await use(made, 'wrapkey', { alg, value: key })
    expect((await use(made, 'unwrapkey', { alg, value })).value).toBe(key)
  }
})

real('HS256 in the token is the HMAC that everybody makes', async () => {
  const made = await start()
  const k = randomBytes(32)
  const key = { kty: 'oct-HSM', k: b64(k), key_ops: ['sign', 'verify'] }
  expect((await made.ask('PUT', '/keys/k', { body: { key } })).status).toBe(200)
  const digest = randomBytes(32)
  const { value } = await use(made, 'sign', { alg: 'HS256', value: b64(digest) })
  expect(value).toBe(createHmac('sha256', k).update(digest).digest('base64url'))
  const asked = { alg: 'HS256', digest: b64(digest) }
  expect(await use(made, 'verify', { ...asked, value })).toEqual({ value: true })
  const other = b64(randomBytes(32))
  expect(await use(made, 'verify', { ...asked, value: other })).toEqual({ value: false })
})

real('imported keys live in the token', async () => {
  const made = await start()
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-384' })
  const digest = createHash('sha384').update('text').digest()
  for (const [name, pair, alg, form] of [
    ['r', rsa, 'RS384', {}],
    ['e', ec, 'ES384', { dsaEncoding: 'ieee-p1363' }],
  ] as const) {
    const key = { ...pair.privateKey.export({ format: 'jwk' }), key_ops: ['sign', 'verify'] }
    const body = { Hsm: true, key }
    const answer = await made.ask('PUT', `/keys/${name}`, { body, version: '7.6' })
    expect(answer.body.attributes.hsmPlatform).toBe('1')
    expect(await hsmToken.has(refOf(answer.body))).toBe(true)
    const { value } = await use(made, 'sign', { alg, value: b64(digest) }, name)
    const publicKey = { key: pair.publicKey, ...form }
    expect(verify('sha384', Buffer.from('text'), publicKey, unb64(value))).toBe(true)
  }
})

real('a symmetric key for AES and HMAC at once is refused with the reason', async () => {
  const made = await start()
  const body = { kty: 'oct-HSM', key_ops: ['sign', 'encrypt'] }
  const answer = await made.ask('POST', '/keys/k/create', { body })
  expect(answer).toMatchObject({ status: 400, body: { error: { code: 'NotSupported' } } })
  expect(answer.body.error.message).toContain('either for AES or for HMAC')
})

real('a use that the token does not have is refused, never done in software', async () => {
  const made = await start()
  await create(made, { kty: 'oct-HSM', key_ops: ['sign', 'verify'], key_size: 256 })
  const body = { alg: 'HS512', value: b64(randomBytes(64)) }
  const answer = await made.ask('POST', '/keys/k/sign', { body })
  expect(answer).toMatchObject({ status: 400, body: { error: { code: 'NotSupported' } } })
  expect(answer.body.error.message).toContain('HS512')
})

real('software types stay in software beside a token', async () => {
  const made = await start()
  const body = await create(made, { kty: 'RSA' })
  expect(body.attributes.hsmPlatform).toBe('0')
  expect(await hsmToken.has(refOf(body))).toBe(false)
})

real('without a token an HSM type says that it is in software', async () => {
  const made = await startVault()
  started.push(made)
  expect((await create(made, { kty: 'EC-HSM' })).attributes.hsmPlatform).toBe('0')
})

real('a rotated key gets its next version in the token', async () => {
  const made = await start()
  const first = await create(made, { kty: 'EC-HSM' })
  const next = await made.ask('POST', '/keys/k/rotate', { version: '7.6' })
  expect(next.body.key.kid).not.toBe(first.key.kid)
  expect(next.body.attributes.hsmPlatform).toBe('1')
  expect(await hsmToken.has(refOf(next.body))).toBe(true)
  expect(await hsmToken.has(refOf(first))).toBe(true)
})

real('a backup is refused with the reason', async () => {
  const made = await start()
  await create(made, { kty: 'EC-HSM' })
  const answer = await made.ask('POST', '/keys/k/backup')
  expect(answer).toMatchObject({ status: 400, body: { error: { code: 'NotSupported' } } })
  expect(answer.body.error.message).toContain('cannot leave')
})

real.each([
  ['CKM_RSA_AES_KEY_WRAP', 'sha1'],
  ['RSA_AES_KEY_WRAP_256', 'sha256'],
  ['RSA_AES_KEY_WRAP_384', 'sha384'],
])(
  'a transfer blob (%s) is opened by the token that has its key exchange key',
  async (enc, oaepHash) => {
    const made = await start()
    const { key } = await create(made, { kty: 'RSA-HSM', key_ops: ['import'] }, 'kek')
    const publicKey = createPublicKey({ key: { ...key, kty: 'RSA' }, format: 'jwk' })
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const aesKey = randomBytes(32)
    const padding = constants.RSA_PKCS1_OAEP_PADDING
    const head = publicEncrypt({ key: publicKey, padding, oaepHash }, aesKey)
    const cipher = createCipheriv('id-aes256-wrap-pad', aesKey, Buffer.from('a65959a6', 'hex'))
    const pkcs8 = privateKey.export({ format: 'der', type: 'pkcs8' })
    const ciphertext = b64(Buffer.concat([head, cipher.update(pkcs8), cipher.final()]))
    const header = { kid: key.kid, alg: 'dir', enc }
    const blob = { schema_version: '1.0.0', header, ciphertext, generator: 'test' }
    const wrapped = { kty: 'EC-HSM', key_hsm: b64(Buffer.from(JSON.stringify(blob))) }
    const answer = await made.ask('PUT', '/keys/byok', { body: { key: wrapped }, version: '7.6' })
    expect(answer.body.attributes).toMatchObject({ hsmPlatform: '1' })
    const digest = createHash('sha256').update('text').digest()
    const { value } = await use(made, 'sign', { alg: 'ES256', value: b64(digest) }, 'byok')
    const form = { key: createPublicKey(privateKey), dsaEncoding: 'ieee-p1363' } as const
    expect(verify('sha256', Buffer.from('text'), form, unb64(value))).toBe(true)
  },
)

real('a key that could be released is refused: nothing leaves the token', async () => {
  const made = await start()
  const rules = { version: '1.0.0', anyOf: [{ authority: 'https://a.test', allOf: [] }] }
  rules.anyOf[0]?.allOf.push({ claim: 'c', equals: 'v' } as never)
  const release_policy = { data: b64(Buffer.from(JSON.stringify(rules))) }
  const body = { kty: 'EC-HSM', attributes: { exportable: true }, release_policy }
  const answer = await made.ask('POST', '/keys/k/create', { body, version: '7.4' })
  expect(answer).toMatchObject({ status: 400, body: { error: { code: 'NotSupported' } } })
  expect(answer.body.error.message).toContain('cannot leave it')
})

real('keys of a managed HSM live in the token, and its random bytes come from there', async () => {
  const made = await startHsm({ hsmToken })
  started.push(made)
  const body = await create(made, { kty: 'RSA-HSM' })
  expect(body.attributes).toMatchObject({ hsmPlatform: '1' })
  expect(await hsmToken.has(refOf(body))).toBe(true)
  const digest = createHash('sha256').update('text').digest()
  const { value } = await use(made, '/sign', { alg: 'PS256', value: b64(digest) })
  const asked = { alg: 'PS256', digest: b64(digest), value }
  expect(await use(made, '/verify', asked)).toEqual({ value: true })
  const rng = await made.ask('POST', '/rng', { body: { count: 16 } })
  expect(unb64(rng.body.value)).toHaveLength(16)
})

real('a certificate with a key of an HSM type is refused, never made in software', async () => {
  const made = await start()
  const policy = {
    issuer: { name: 'Self' },
    key_props: { kty: 'RSA-HSM', exportable: false },
    x509_props: { subject: 'CN=hsm' },
  }
  const answer = await made.ask('POST', '/certificates/c/create', { body: { policy } })
  expect(answer).toMatchObject({ status: 400, body: { error: { code: 'NotSupported' } } })
  const software = { ...policy, key_props: { kty: 'RSA' } }
  const asked = { body: { policy: software } }
  expect((await made.ask('POST', '/certificates/c/create', asked)).status).toBe(202)
})

real('a token that fails gives 503, and nothing is made in software instead', async () => {
  const closed = await HsmToken.open({
    modulePath: hsm.modulePath,
    token: 'other',
    pin: new Sealed(hsm.pin),
  })
  const made = await start({ hsmToken: closed })
  await create(made, { kty: 'EC-HSM' })
  await closed.close()
  const body = { alg: 'ES256', value: b64(randomBytes(32)) }
  const used = await made.ask('POST', '/keys/k/sign', { body })
  const begun = await made.ask('POST', '/keys/k/create', { body: { kty: 'EC-HSM' } })
  for (const answer of [used, begun]) {
    expect(answer).toMatchObject({ status: 503, body: { error: { code: 'ServiceUnavailable' } } })
    expect(answer.text).toContain('other')
  }
  expect((await made.ask('GET', '/keys/k/versions')).body.value).toHaveLength(1)
})

real('purging a key destroys what the token has of it', async () => {
  const made = await start()
  const body = await create(made, { kty: 'RSA-HSM' })
  await made.ask('DELETE', '/keys/k')
  expect(await hsmToken.has(refOf(body))).toBe(true)
  expect((await made.ask('DELETE', '/deletedkeys/k')).status).toBe(204)
  expect(await hsmToken.has(refOf(body))).toBe(false)
})

real(
  'a key whose retention ends, and all of a purged vault, leave the token by the sweep',
  async () => {
    const made = await start()
    const one = await create(made, { kty: 'EC-HSM' }, 'one')
    const two = await create(made, { kty: 'EC-HSM' }, 'two')
    await made.ask('DELETE', '/keys/one')
    made.clock.moveMs(8 * 86_400_000)
    expect(await made.vault.sweep(made.clock.nowMs())).toMatchObject({ purged: 1, forgotten: 1 })
    expect(await hsmToken.has(refOf(one))).toBe(false)
    await made.vault.eraseVault(VAULT.dataId)
    expect(await hsmToken.has(refOf(two))).toBe(false)
  },
)

real('a name that is held leaves no object behind', async () => {
  const made = await start()
  await create(made, { kty: 'EC-HSM' })
  await made.ask('DELETE', '/keys/k')
  const answer = await made.ask('POST', '/keys/k/create', { body: { kty: 'EC-HSM' } })
  expect(answer.status).toBe(409)
  const noted = { sql: 'select * from vault_token_object', bind: () => [] }
  expect(await made.db.all(noted, {})).toEqual([])
})

real('a key of another token, or of none, is unavailable and says why', async () => {
  const made = await start()
  await create(made, { kty: 'EC-HSM' })
  const other = await open('other')
  const body = { alg: 'ES256', value: b64(randomBytes(32)) }
  const wrong = await startVault({ hsmToken: other, folder: made.folder })
  const none = await startVault({ folder: made.folder })
  for (const [vault, words] of [
    [wrong, 'serial number'],
    [none, '--pkcs11-module'],
  ] as const) {
    const answer = await vault.ask('POST', '/keys/k/sign', { body })
    expect(answer).toMatchObject({ status: 503, body: { error: { code: 'ServiceUnavailable' } } })
    expect(answer.text).toContain(words)
    await vault.close()
  }
  await other.close()
})
