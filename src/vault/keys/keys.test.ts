import { execFileSync } from 'node:child_process'
import {
  createDecipheriv,
  createHash,
  createHmac,
  createPublicKey,
  generateKeyPairSync,
  publicEncrypt,
  randomBytes,
} from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, afterEach, expect, test } from 'vitest'
import {
  NOON_MS,
  startVault,
  type TestOptions,
  type TestVault,
  tokenOf,
  VAULT,
} from '../testing/test-vault.ts'

const started: TestVault[] = []
async function start(options?: TestOptions): Promise<TestVault> {
  const made = await startVault(options)
  started.push(made)
  return made
}
afterEach(async () => {
  for (const made of started.splice(0)) await made.close()
})

const files = mkdtempSync(path.join(os.tmpdir(), 'sluice-keys-'))
afterAll(() => rmSync(files, { recursive: true, force: true }))
function file(name: string, content: string | Buffer): string {
  writeFileSync(path.join(files, name), content, { mode: 0o600 })
  return path.join(files, name)
}
const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' })

const NOON = NOON_MS / 1000
const DAY = 86_400
const b64 = (bytes: Buffer) => bytes.toString('base64url')
const unb64 = (text: string) => Buffer.from(text, 'base64url')

/** A private JSON web key of each kind, made once: RSA takes its time. */
const rsaKey = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
const rsaJwk = rsaKey.export({ format: 'jwk' })
const ecKeys = {
  'P-256': generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey,
  'P-256K': generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey,
  'P-384': generateKeyPairSync('ec', { namedCurve: 'secp384r1' }).privateKey,
  'P-521': generateKeyPairSync('ec', { namedCurve: 'secp521r1' }).privateKey,
}
const ecJwk = (crv: keyof typeof ecKeys) => ({ ...ecKeys[crv].export({ format: 'jwk' }), crv })
const octJwk = (bits: number) => ({ kty: 'oct', k: b64(Buffer.alloc(bits / 8, 7)) })
const ALL_OPS = ['encrypt', 'decrypt', 'sign', 'verify', 'wrapKey', 'unwrapKey']

async function imported(ask: TestVault['ask'], key: object, name = 'k') {
  const answer = await ask('PUT', `/keys/${name}`, { body: { key: { key_ops: ALL_OPS, ...key } } })
  expect(answer.status).toBe(200)
  return answer.body.key.kid.slice('https://v1.vault.azure.net'.length) as string
}

test.each([
  [{ kty: 'RSA' }, { kty: 'RSA', e: 'AQAB' }, ALL_OPS],
  [{ kty: 'RSA', public_exponent: 0 }, { kty: 'RSA', e: 'AQAB' }, ALL_OPS],
  [{ kty: 'RSA-HSM', key_size: 3072, public_exponent: 3 }, { kty: 'RSA-HSM', e: 'Aw' }, ALL_OPS],
  [{ kty: 'EC' }, { kty: 'EC', crv: 'P-256' }, ['sign', 'verify']],
  [{ kty: 'EC-HSM', crv: 'P-256K' }, { kty: 'EC-HSM', crv: 'P-256K' }, ['sign', 'verify']],
  [{ kty: 'EC', crv: 'P-384' }, { kty: 'EC', crv: 'P-384' }, ['sign', 'verify']],
  [{ kty: 'EC', crv: 'P-521' }, { kty: 'EC', crv: 'P-521' }, ['sign', 'verify']],
  [{ kty: 'oct' }, { kty: 'oct' }, ['encrypt', 'decrypt', 'wrapKey', 'unwrapKey']],
  [{ kty: 'oct-HSM', key_size: 128, key_ops: ['encrypt'] }, { kty: 'oct-HSM' }, ['encrypt']],
])('CreateKey %o shows the public part only', async (body, shown, ops) => {
  const { ask } = await start()
  const made = await ask('POST', '/keys/My-Key/create', { body, version: '7.6' })
  expect(made.status).toBe(200)
  expect(made.body.key).toMatchObject({ ...shown, key_ops: ops })
  expect(made.body.key.kid).toMatch(/^https:\/\/v1\.vault\.azure\.net\/keys\/My-Key\/[0-9a-f]{32}$/)
  for (const hidden of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k', 'bits']) {
    expect(made.body.key).not.toHaveProperty(hidden)
  }
  expect(made.body.attributes).toEqual({
    enabled: true,
    created: NOON,
    updated: NOON,
    recoveryLevel: 'CustomizedRecoverable+Purgeable',
    recoverableDays: 7,
    exportable: false,
    hsmPlatform: '0',
  })
  const read = await ask('GET', '/keys/my-key/', { version: '7.4' })
  expect(read.body.key).toEqual(made.body.key)
  expect(read.body.attributes).not.toHaveProperty('exportable')
  if (made.body.key.n) {
    expect(unb64(made.body.key.n)).toHaveLength(
      ((body as { key_size?: number }).key_size ?? 2048) / 8,
    )
  }
  if (made.body.key.crv) {
    const sizes: Record<string, number> = { 'P-384': 48, 'P-521': 66 }
    for (const part of ['x', 'y']) {
      expect(unb64(made.body.key[part])).toHaveLength(sizes[made.body.key.crv] ?? 32)
    }
  }
})

test.each([
  { kty: 'rsa' },
  { kty: 'OKP' },
  {},
  { kty: 'RSA', key_size: 1024 },
  { kty: 'RSA', key_size: '2048' },
  { kty: 'RSA', public_exponent: 4 },
  { kty: 'EC', crv: 'P-257' },
  { kty: 'EC', crv: 'secp256k1' },
  { kty: 'oct', key_size: 64 },
  { kty: 'RSA', key_ops: ['wrapkey'] },
  { kty: 'RSA', key_ops: 'sign' },
  { kty: 'RSA', tags: { a: 'x'.repeat(257) } },
])('CreateKey refuses %o', async (body) => {
  const { ask } = await start()
  const answer = await ask('POST', '/keys/k/create', { body })
  expect(answer).toMatchObject({ status: 400, body: { error: { code: 'BadParameter' } } })
})

test.each([
  [{ kty: 'RSA-HSM' }, 400],
  [{ kty: 'EC-HSM' }, 400],
  [{ kty: 'oct' }, 400],
  [{ kty: 'oct-HSM' }, 400],
  [{ kty: 'EC' }, 200],
])('a standard vault answers CreateKey %o with %i', async (body, status) => {
  const { ask } = await start({ resource: { sku: 'standard' } })
  expect((await ask('POST', '/keys/k/create', { body })).status).toBe(status)
})

const bytesOf = { sha256: 32, sha384: 48, sha512: 64 } as const
const signRows: [string, object, keyof typeof bytesOf, string[]][] = [
  ...(['256', '384', '512'] as const).flatMap((bits): typeof signRows => [
    [`RS${bits}`, rsaJwk, `sha${bits}`, ['rsa_padding_mode:pkcs1']],
    [`PS${bits}`, rsaJwk, `sha${bits}`, ['rsa_padding_mode:pss', 'rsa_pss_saltlen:digest']],
  ]),
  ['ES256', ecJwk('P-256'), 'sha256', []],
  ['ES256K', ecJwk('P-256K'), 'sha256', []],
  ['ES384', ecJwk('P-384'), 'sha384', []],
  ['ES512', ecJwk('P-521'), 'sha512', []],
]

test.each(signRows)(
  '%s: openssl pkeyutl verifies what sign answers',
  async (alg, key, hash, options) => {
    const { ask } = await start()
    const kid = await imported(ask, key)
    const message = randomBytes(50)
    const digest = createHash(hash).update(message).digest()
    const signed = await ask('POST', `${kid}/sign`, { body: { alg, value: b64(digest) } })
    expect(signed.status).toBe(200)
    expect(signed.body.kid).toBe(`https://v1.vault.azure.net${kid}`)
    const shown = (await ask('GET', kid)).body.key
    const crv = shown.crv === 'P-256K' ? 'secp256k1' : shown.crv
    const publicKey = createPublicKey({ key: { ...shown, crv }, format: 'jwk' })
    const raw = unb64(signed.body.value)
    const args = ['pkeyutl', '-verify', '-pubin', '-inkey']
    args.push(file('key.pem', publicKey.export({ format: 'pem', type: 'spki' })))
    args.push('-in', file('digest', digest), '-sigfile', file('sig', shown.crv ? toDer(raw) : raw))
    for (const option of [`digest:${hash}`, ...options]) args.push('-pkeyopt', option)
    expect(openssl(...args).toString()).toContain('Verified Successfully')

    const verify = async (given: Buffer, signature: Buffer) =>
      (
        await ask('POST', '/keys/k//verify', {
          body: { alg, digest: b64(given), value: b64(signature) },
        })
      ).body
    expect(await verify(digest, raw)).toEqual({ value: true })
    expect(await verify(createHash(hash).update('other').digest(), raw)).toEqual({ value: false })
    for (const at of [0, 20, raw.length - 1]) {
      const flipped = Buffer.from(raw)
      flipped[at] = (flipped[at] ?? 0) ^ 1
      expect(await verify(digest, flipped)).toEqual({ value: false })
    }
    expect(await verify(digest, raw.subarray(1))).toEqual({ value: false })
  },
)

test.each(signRows)(
  '%s: verify takes what openssl pkeyutl signed',
  async (alg, key, hash, options) => {
    const { ask } = await start()
    const kid = await imported(ask, key)
    const crv = (key as { crv?: keyof typeof ecKeys }).crv
    const privateKey = crv ? ecKeys[crv] : rsaKey
    const digest = randomBytes(bytesOf[hash])
    const args = ['pkeyutl', '-sign', '-inkey']
    args.push(file('private.pem', privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()))
    args.push('-in', file('digest', digest))
    for (const option of [`digest:${hash}`, ...options]) args.push('-pkeyopt', option)
    const made = openssl(...args)
    const size = crv === 'P-521' ? 66 : bytesOf[hash]
    const value = b64(crv ? fromDer(made, size) : made)
    const body = { alg, digest: b64(digest), value }
    expect((await ask('POST', `${kid}/verify`, { body })).body).toEqual({ value: true })
  },
)

test('RSNULL pads the bytes as they are, as openssl pkeyutl without a digest does', async () => {
  const { ask } = await start()
  await imported(ask, rsaJwk)
  const value = randomBytes(60)
  const signed = await ask('POST', '/keys/k/sign', { body: { alg: 'RSNULL', value: b64(value) } })
  const key = file('private.pem', rsaKey.export({ format: 'pem', type: 'pkcs8' }).toString())
  const made = openssl('pkeyutl', '-sign', '-inkey', key, '-in', file('digest', value))
  expect(unb64(signed.body.value).equals(made)).toBe(true)
  const body = { alg: 'RSNULL', digest: b64(value), value: signed.body.value }
  expect((await ask('POST', '/keys/k/verify', { body })).body.value).toBe(true)
  for (const [length, status] of [
    [245, 200],
    [246, 400],
  ]) {
    const longer = { alg: 'RSNULL', value: b64(randomBytes(length ?? 0)) }
    expect((await ask('POST', '/keys/k/sign', { body: longer })).status).toBe(status)
  }
})

test.each(['256', '384', '512'])('HS%s is the HMAC of the digest', async (bits) => {
  const { ask } = await start()
  await imported(ask, octJwk(256))
  const digest = randomBytes(Number(bits) / 8)
  const alg = `HS${bits}`
  const signed = await ask('POST', '/keys/k/sign', { body: { alg, value: b64(digest) } })
  const expected = createHmac(`sha${bits}`, Buffer.alloc(32, 7)).update(digest).digest()
  expect(signed.body.value).toBe(b64(expected))
  const verify = async (value: string) =>
    (await ask('POST', '/keys/k/verify', { body: { alg, digest: b64(digest), value } })).body.value
  expect(await verify(b64(expected))).toBe(true)
  expect(await verify(b64(randomBytes(expected.length)))).toBe(false)
})

test.each([
  ['RSA1_5', ['rsa_padding_mode:pkcs1'], 245],
  ['RSA-OAEP', ['rsa_padding_mode:oaep', 'rsa_oaep_md:sha1'], 214],
  ['RSA-OAEP-256', ['rsa_padding_mode:oaep', 'rsa_oaep_md:sha256'], 190],
])('%s: openssl pkeyutl reads our ciphertext, and we read its', async (alg, options, longest) => {
  const { ask } = await start()
  await imported(ask, rsaJwk)
  const pkeyopt = options.flatMap((option) => ['-pkeyopt', option])
  const key = file('private.pem', rsaKey.export({ format: 'pem', type: 'pkcs8' }).toString())
  for (const [encrypt, decrypt] of [
    ['encrypt', 'decrypt'],
    ['wrapkey', 'unwrapkey'],
  ]) {
    const text = randomBytes(longest)
    const ours = await ask('POST', `/keys/k/${encrypt}`, { body: { alg, value: b64(text) } })
    const input = file('cipher', unb64(ours.body.value))
    expect(
      openssl('pkeyutl', '-decrypt', '-inkey', key, '-in', input, ...pkeyopt).equals(text),
    ).toBe(true)
    const plain = file('plain', text)
    const theirs = openssl('pkeyutl', '-encrypt', '-inkey', key, '-in', plain, ...pkeyopt)
    const read = await ask('POST', `/keys/k/${decrypt}`, { body: { alg, value: b64(theirs) } })
    expect(read.body.value).toBe(b64(text))
    const long = { alg, value: b64(randomBytes(longest + 1)) }
    expect((await ask('POST', `/keys/k/${encrypt}`, { body: long })).status).toBe(400)
  }
})

test('a wrong OAEP text is refused, a wrong RSA1_5 text tells nothing about its padding', async () => {
  const { ask } = await start()
  await imported(ask, rsaJwk)
  const value = b64(publicEncrypt(rsaKey, Buffer.from('x')).fill(3, 100, 110))
  const oaep = await ask('POST', '/keys/k/decrypt', { body: { alg: 'RSA-OAEP', value } })
  expect(oaep).toMatchObject({ status: 400, body: { error: { code: 'BadParameter' } } })
  const v15 = await ask('POST', '/keys/k/decrypt', { body: { alg: 'RSA1_5', value } })
  const again = await ask('POST', '/keys/k/decrypt', { body: { alg: 'RSA1_5', value } })
  expect(v15.status).toBe(200)
  expect(again.body).toEqual(v15.body)
})

test.each([128, 192, 256])(
  'A%iGCM makes its own IV, binds aad and refuses a changed tag',
  async (bits) => {
    const { ask } = await start()
    await imported(ask, octJwk(bits))
    const alg = `A${bits}GCM`
    const aad = b64(Buffer.from('context'))
    const value = b64(Buffer.from('some text'))
    const sealed = await ask('POST', '/keys/k/encrypt', { body: { alg, value, aad } })
    const { kid, ...parts } = sealed.body
    expect(kid).toContain('/keys/k/')
    expect(parts.aad).toBe(aad)
    expect([unb64(parts.iv).length, unb64(parts.tag).length]).toEqual([12, 16])
    const name = `aes-${bits}-gcm` as 'aes-256-gcm'
    const decipher = createDecipheriv(name, Buffer.alloc(bits / 8, 7), unb64(parts.iv))
    decipher.setAAD(Buffer.from('context')).setAuthTag(unb64(parts.tag))
    expect(decipher.update(unb64(parts.value)).toString() + decipher.final()).toBe('some text')
    const open = (body: object) =>
      ask('POST', '/keys/k/decrypt', { body: { alg, ...parts, ...body } })
    expect((await open({})).body.value).toBe(value)
    for (const wrong of [
      { tag: b64(Buffer.alloc(16)) },
      { aad: '' },
      { iv: b64(Buffer.alloc(12)) },
      { tag: 'AAAA' },
      { tag: null },
    ]) {
      expect((await open(wrong)).status).toBe(400)
    }
    const own = { alg, value, iv: b64(Buffer.alloc(12)) }
    expect((await ask('POST', '/keys/k/encrypt', { body: own })).status).toBe(400)
  },
)

test.each([128, 192, 256])(
  'A%iCBC and CBCPAD: openssl enc reads our ciphertext, and we read its',
  async (bits) => {
    const { ask } = await start()
    await imported(ask, octJwk(bits))
    const iv = Buffer.alloc(16, 9)
    const hex = (bytes: Buffer) => bytes.toString('hex')
    for (const [alg, length, flags] of [
      [`A${bits}CBC`, 48, ['-nopad']],
      [`A${bits}CBCPAD`, 33, []],
    ] as const) {
      const text = randomBytes(length)
      const enc = [
        'enc',
        `-aes-${bits}-cbc`,
        '-K',
        hex(Buffer.alloc(bits / 8, 7)),
        '-iv',
        hex(iv),
        ...flags,
      ]
      const body = { alg, value: b64(text), iv: b64(iv) }
      const ours = await ask('POST', '/keys/k/encrypt', { body })
      expect(
        openssl(...enc, '-d', '-in', file('cipher', unb64(ours.body.value))).equals(text),
      ).toBe(true)
      const theirs = openssl(...enc, '-in', file('plain', text))
      const read = await ask('POST', '/keys/k/decrypt', { body: { ...body, value: b64(theirs) } })
      expect(read.body.value).toBe(b64(text))
      const noIv = await ask('POST', '/keys/k/encrypt', { body: { alg, value: b64(text) } })
      expect(noIv.status).toBe(400)
    }
    const odd = { alg: `A${bits}CBC`, value: b64(randomBytes(33)), iv: b64(iv) }
    expect((await ask('POST', '/keys/k/encrypt', { body: odd })).status).toBe(400)
  },
)

// RFC 3394, 4.1, 4.3 and 4.6; RFC 5649, 6.
test.each([
  [
    'A128KW',
    '000102030405060708090a0b0c0d0e0f',
    '00112233445566778899aabbccddeeff',
    '1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5',
  ],
  [
    'A256KW',
    '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f',
    '00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f',
    '28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21',
  ],
  [
    'CKM_AES_KEY_WRAP',
    '000102030405060708090a0b0c0d0e0f1011121314151617',
    '00112233445566778899aabbccddeeff',
    '96778b25ae6ca435f92b5b97c050aed2468ab8a17ad84e5d',
  ],
  [
    'A192KW',
    '000102030405060708090a0b0c0d0e0f1011121314151617',
    '00112233445566778899aabbccddeeff',
    '96778b25ae6ca435f92b5b97c050aed2468ab8a17ad84e5d',
  ],
  [
    'CKM_AES_KEY_WRAP_PAD',
    '5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8',
    'c37b7e6492584340bed12207808941155068f738',
    '138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a',
  ],
])('%s gives the wrapped key of its RFC and undoes it', async (alg, key, text, wrapped) => {
  const { ask } = await start()
  await imported(ask, { kty: 'oct', k: b64(Buffer.from(key, 'hex')) })
  const value = b64(Buffer.from(text, 'hex'))
  const made = await ask('POST', '/keys/k/wrapkey', { body: { alg, value } })
  expect(unb64(made.body.value).toString('hex')).toBe(wrapped)
  const back = await ask('POST', '/keys/k/unwrapkey', { body: { alg, value: made.body.value } })
  expect(back.body.value).toBe(value)
  const changed = unb64(made.body.value).fill(1, 3, 4)
  const refused = await ask('POST', '/keys/k/unwrapkey', { body: { alg, value: b64(changed) } })
  expect(refused.status).toBe(400)
  expect((await ask('POST', '/keys/k/encrypt', { body: { alg, value } })).status).toBe(400)
})

test('an algorithm that does not fit the key is refused in the documented words', async () => {
  const { ask } = await start()
  await imported(ask, ecJwk('P-256K'), 'ec')
  await imported(ask, rsaJwk, 'rsa')
  await imported(ask, octJwk(128), 'oct')
  const value = b64(randomBytes(32))
  const wrong = await ask('POST', '/keys/ec/sign', { body: { alg: 'ES256', value } })
  expect(wrong.body.error.message).toMatch(
    /^Key and signing algorithm are incompatible\. Key https:\/\/v1\.vault\.azure\.net\/keys\/ec\/\w{32} uses curve 'SECP256K1', and algorithm 'ES256' can only be used with curve 'P-256'\.$/,
  )
  for (const [name, path, alg] of [
    ['rsa', 'sign', 'ES256'],
    ['ec', 'sign', 'RS256'],
    ['oct', 'encrypt', 'A256GCM'],
    ['oct', 'encrypt', 'RSA-OAEP'],
    ['rsa', 'sign', 'RS1'],
    ['rsa', 'sign', 'toString'],
    ['rsa', 'encrypt', 'RS256'],
    ['oct', 'wrapkey', 'A128GCM'],
  ]) {
    const answer = await ask('POST', `/keys/${name}/${path}`, { body: { alg, value } })
    expect([name, alg, answer.status]).toEqual([name, alg, 400])
    expect(answer.body.error.code).toBe('BadParameter')
  }
  for (const length of [0, 20, 31, 33, 64]) {
    const body = { alg: 'RS256', value: b64(randomBytes(length)) }
    expect((await ask('POST', '/keys/rsa/sign', { body })).status).toBe(400)
  }
})

const USES: [string, string, object][] = [
  ['encrypt', 'encrypt', { alg: 'RSA-OAEP', value: 'AAAA' }],
  ['decrypt', 'decrypt', { alg: 'RSA-OAEP', value: 'AAAA' }],
  ['wrapKey', 'wrapkey', { alg: 'RSA-OAEP', value: 'AAAA' }],
  ['unwrapKey', 'unwrapkey', { alg: 'RSA-OAEP', value: 'AAAA' }],
  ['sign', 'sign', { alg: 'RS256', value: b64(Buffer.alloc(32)) }],
  ['verify', 'verify', { alg: 'RS256', digest: b64(Buffer.alloc(32)), value: 'AAAA' }],
]
test.each([
  {
    case: 'disabled',
    attributes: { enabled: false },
    code: 'KeyDisabled',
    refused: USES.map(([use]) => use),
  },
  {
    case: 'not yet valid',
    attributes: { nbf: NOON + 1 },
    code: 'KeyNotYetValid',
    refused: ['encrypt', 'wrapKey', 'sign'],
  },
  {
    case: 'expired',
    attributes: { exp: NOON },
    code: 'KeyExpired',
    refused: ['encrypt', 'wrapKey', 'sign'],
  },
  {
    case: 'valid to the second',
    attributes: { nbf: NOON, exp: NOON + 1 },
    code: '',
    refused: [] as string[],
  },
  {
    case: 'without key_ops',
    key_ops: [],
    code: 'KeyOperationForbidden',
    refused: USES.map(([use]) => use),
  },
])('a key that is $case refuses $refused', async ({ attributes, key_ops, code, refused }) => {
  const { ask } = await start()
  const key = { ...rsaJwk, key_ops: key_ops ?? ALL_OPS }
  await ask('PUT', '/keys/k', { body: { key, attributes } })
  for (const [use, path, body] of USES) {
    const answer = await ask('POST', `/keys/k/${path}`, { body })
    const inner = answer.body.error?.innererror?.code
    expect([use, inner]).toEqual([use, refused.includes(use) ? code : undefined])
    if (inner) expect(answer.status).toBe(403)
  }
  expect((await ask('GET', '/keys/k')).status).toBe(200)
})

test('PATCH changes key_ops, attributes and tags of one version and never the key', async () => {
  const { ask, clock } = await start()
  const kid = await imported(ask, rsaJwk)
  const before = await ask('GET', kid)
  clock.moveMs(3000)
  const body = {
    key_ops: ['sign'],
    attributes: { exp: NOON + 99 },
    tags: { a: 'b' },
    key: { n: 'AAAA' },
  }
  const patched = await ask('PATCH', `${kid}/`, { body })
  expect(patched.body.key).toEqual({ ...before.body.key, key_ops: ['sign'] })
  expect(patched.body).toMatchObject({
    tags: { a: 'b' },
    attributes: { exp: NOON + 99, updated: NOON + 3 },
  })
  const sign = { alg: 'RS256', value: b64(Buffer.alloc(32)) }
  expect((await ask('POST', '/keys/k/sign', { body: sign })).status).toBe(200)
  const verify = { ...sign, digest: sign.value }
  expect((await ask('POST', '/keys/k/verify', { body: verify })).status).toBe(403)
})

test.each([
  { case: 'a missing part', key: { ...rsaJwk, qi: undefined } },
  {
    case: 'a modulus of another key',
    key: {
      ...rsaJwk,
      n: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' }).n,
    },
  },
  {
    case: 'an RSA key of 1,024 bits',
    key: generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey.export({ format: 'jwk' }),
  },
  { case: 'a scalar of another point', key: { ...ecJwk('P-256'), d: b64(Buffer.alloc(32, 1)) } },
  { case: 'a scalar of zero', key: { ...ecJwk('P-256'), d: b64(Buffer.alloc(32)) } },
  { case: 'another curve', key: { ...ecJwk('P-256'), crv: 'P-384' } },
  { case: 'an odd symmetric key', key: { kty: 'oct', k: 'AAAA' } },
  { case: 'no type', key: { k: 'AAAA' } },
  { case: 'a key for an HSM', key: { ...rsaJwk, key_hsm: 'AAAA' } },
  { case: 'no key', key: undefined },
])('ImportKey refuses $case', async ({ key }) => {
  const { ask } = await start()
  const answer = await ask('PUT', '/keys/k', { body: { key } })
  expect(answer).toMatchObject({ status: 400, body: { error: { code: 'BadParameter' } } })
})

test('ImportKey with Hsm makes an HSM type, and a second import a second version', async () => {
  const { ask } = await start()
  const zeros = { ...rsaJwk, n: b64(Buffer.concat([Buffer.alloc(1), unb64(rsaJwk.n ?? '')])) }
  const made = await ask('PUT', '/keys/k', { body: { Hsm: true, key: zeros } })
  expect(made.body.key).toMatchObject({ kty: 'RSA-HSM', n: rsaJwk.n })
  await imported(ask, ecJwk('P-384'))
  const versions = await ask('GET', '/keys/k/versions')
  expect(versions.body.value).toHaveLength(2)
  expect(versions.body.value[0].kid).toBe(made.body.key.kid)
})

test('lists name keys by kid, and the delete family works as for secrets', async () => {
  const { ask } = await start()
  await imported(ask, octJwk(128), 'B')
  await imported(ask, octJwk(256), 'a')
  const page = await ask('GET', '/keys?maxresults=1')
  expect(page.body.value).toMatchObject([{ kid: 'https://v1.vault.azure.net/keys/a' }])
  expect(page.body.nextLink).toContain(
    'https://v1.vault.azure.net:443/keys?api-version=7.4&$skiptoken=',
  )
  const bundle = await ask('GET', '/keys/B')
  const deleted = await ask('DELETE', '/keys/b')
  expect(deleted.body).toEqual({
    ...bundle.body,
    recoveryId: 'https://v1.vault.azure.net/deletedkeys/B',
    deletedDate: NOON,
    scheduledPurgeDate: NOON + 7 * DAY,
  })
  const gone = await ask('POST', '/keys/b/encrypt', { body: { alg: 'A128GCM', value: '' } })
  expect(gone.body.error).toMatchObject({
    code: 'KeyNotFound',
    message: expect.stringMatching(/^A key with \(name\/id\) b was/),
  })
  const held = await ask('POST', '/keys/b/create', { body: { kty: 'oct' } })
  expect(held.body.error.innererror.code).toBe('ObjectIsDeletedButRecoverable')
  expect(held.body.error.message).toMatch(/^Key B is currently/)
  expect((await ask('GET', '/deletedkeys')).body.value).toHaveLength(1)
  expect((await ask('GET', '/deletedkeys/b')).body).toEqual(deleted.body)
  expect((await ask('POST', '/deletedkeys/b/recover')).body).toEqual(bundle.body)
  await ask('DELETE', '/keys/b')
  expect((await ask('DELETE', '/deletedkeys/b')).status).toBe(204)
  expect((await ask('GET', '/deletedkeys/b')).status).toBe(404)
})

const POLICY = {
  lifetimeActions: [
    { trigger: { timeAfterCreate: 'P15D', timeBeforeExpiry: null }, action: { type: 'rotate' } },
    { trigger: { timeBeforeExpiry: 'P7D' }, action: { type: 'Notify' } },
  ],
  attributes: { expiryTime: 'P30D' },
}

test('a rotation policy is kept, shown and followed by rotate', async () => {
  const { ask, clock } = await start()
  const unset = await ask('GET', '/keys/none/rotationpolicy')
  expect(unset.status).toBe(404)
  const made = await ask('POST', '/keys/k/create', {
    body: { kty: 'EC', crv: 'P-384', tags: { a: 'b' }, key_ops: ['sign'] },
  })
  const id = 'https://v1.vault.azure.net/keys/k/rotationpolicy'
  expect((await ask('GET', '/keys/k/rotationpolicy')).body).toEqual({
    id,
    lifetimeActions: [{ trigger: { timeBeforeExpiry: 'P30D' }, action: { type: 'Notify' } }],
    attributes: {},
  })
  const set = await ask('PUT', '/keys/k/rotationpolicy', { body: POLICY })
  expect(set.body).toEqual({
    id,
    lifetimeActions: [
      { trigger: { timeAfterCreate: 'P15D' }, action: { type: 'Rotate' } },
      { trigger: { timeBeforeExpiry: 'P7D' }, action: { type: 'Notify' } },
    ],
    attributes: { expiryTime: 'P30D', created: NOON, updated: NOON },
  })
  expect((await ask('GET', '/keys/k/rotationpolicy')).body).toEqual(set.body)
  expect((await ask('GET', '/keys/k')).body.attributes).not.toHaveProperty('exp')
  clock.moveMs(1000)
  const rotated = await ask('POST', '/keys/k/rotate')
  expect(rotated.body.key).toMatchObject({ kty: 'EC', crv: 'P-384', key_ops: ['sign'] })
  expect(rotated.body.key.x).not.toBe(made.body.key.x)
  expect(rotated.body.tags).toEqual({ a: 'b' })
  expect(rotated.body.attributes).toMatchObject({ created: NOON + 1, exp: NOON + 1 + 30 * DAY })
  expect((await ask('GET', '/keys/k')).body).toEqual(rotated.body)
})

const rotate = (trigger: object, expiryTime?: string) => ({
  lifetimeActions: [{ trigger, action: { type: 'Rotate' } }],
  attributes: { expiryTime },
})
test.each([
  ['closer than 7 days to creation', rotate({ timeAfterCreate: 'P6D' })],
  ['closer than 7 days to expiry', rotate({ timeAfterCreate: 'P24D' }, 'P30D')],
  ['before an expiry that is not set', rotate({ timeBeforeExpiry: 'P30D' })],
  ['less than 7 days before expiry', rotate({ timeBeforeExpiry: 'P6D' }, 'P1Y')],
  ['with two triggers', rotate({ timeBeforeExpiry: 'P30D', timeAfterCreate: 'P30D' }, 'P1Y')],
  ['without a trigger', rotate({})],
  ['after hours', rotate({ timeAfterCreate: 'PT200H' })],
  ['with an expiry of less than 28 days', { attributes: { expiryTime: 'P27D' } }],
  [
    'with two Rotate actions',
    { lifetimeActions: [0, 1].map(() => rotate({ timeAfterCreate: 'P30D' }).lifetimeActions[0]) },
  ],
  [
    'with an unknown action',
    { lifetimeActions: [{ trigger: { timeAfterCreate: 'P30D' }, action: { type: 'Burn' } }] },
  ],
])('a rotation policy %s is refused', async (_case, body) => {
  const { ask } = await start()
  await ask('POST', '/keys/k/create', { body: { kty: 'oct' } })
  const answer = await ask('PUT', '/keys/k/rotationpolicy', { body })
  expect(answer).toMatchObject({ status: 400, body: { error: { code: 'BadParameter' } } })
})

test.each([
  ['after creation', { timeAfterCreate: 'P15D' }, undefined, 15],
  ['before expiry', { timeBeforeExpiry: 'P10D' }, NOON + 50 * DAY, 40],
])('a key is rotated by the clock %s, once, whoever sweeps', async (_case, trigger, exp, days) => {
  const first = await start()
  const second = await start({ folder: first.folder })
  const { ask, clock, audit } = first
  await ask('POST', '/keys/k/create', { body: { kty: 'oct', attributes: { exp } } })
  await ask('PUT', '/keys/k/rotationpolicy', { body: rotate(trigger, 'P60D') })
  const dueMs = NOON_MS + days * DAY * 1000
  expect((await first.vault.sweep(dueMs - 1)).rotated).toBe(0)
  clock.moveMs(dueMs - NOON_MS)
  const counts = await Promise.all([first.vault.sweep(dueMs), second.vault.sweep(dueMs)])
  expect(counts.map(({ rotated }) => rotated).sort()).toEqual([0, 1])
  expect((await first.vault.sweep(dueMs)).rotated).toBe(0)
  const token = tokenOf({ exp: NOON + 99 * DAY })
  const versions = await ask('GET', '/keys/k/versions', { token })
  expect(versions.body.value).toHaveLength(2)
  expect(versions.body.value[1].attributes).toMatchObject({
    created: dueMs / 1000,
    exp: dueMs / 1000 + 60 * DAY,
  })
  const words = [...audit, ...second.audit].map((entry) => entry.operationName)
  expect(words.filter((word) => word === 'KeyRotateIfDue')).toHaveLength(1)
})

test('a deleted key is not rotated', async () => {
  const { ask, vault } = await start()
  await ask('POST', '/keys/k/create', { body: { kty: 'oct' } })
  await ask('PUT', '/keys/k/rotationpolicy', { body: rotate({ timeAfterCreate: 'P7D' }) })
  await ask('DELETE', '/keys/k')
  expect((await vault.sweep(NOON_MS + 6.9 * DAY * 1000)).rotated).toBe(0)
})

test('a backup carries versions, key_ops and rotation policy into another vault', async () => {
  const { ask, put, vault } = await start()
  put({ ...VAULT, name: 'v2', dataId: 'da7a0000-0000-4000-8000-000000000002' })
  await imported(ask, rsaJwk)
  const kid = await imported(ask, { ...ecJwk('P-256'), key_ops: ['sign', 'verify'] })
  await ask('PUT', '/keys/k/rotationpolicy', { body: rotate({ timeAfterCreate: 'P15D' }) })
  const signed = await ask('POST', `${kid}/sign`, {
    body: { alg: 'ES256', value: b64(Buffer.alloc(32, 5)) },
  })
  const { body } = await ask('POST', '/keys/k/backup')
  const host = 'v2.vault.azure.net'
  const restored = await ask('POST', '/keys/restore', { host, body })
  expect(restored.body.key.kid).toBe(`https://${host}${kid}`)
  expect((await ask('GET', '/keys/k/versions', { host })).body.value).toHaveLength(2)
  const verify = { alg: 'ES256', digest: b64(Buffer.alloc(32, 5)), value: signed.body.value }
  expect((await ask('POST', '/keys/k//verify', { host, body: verify })).body).toEqual({
    value: true,
  })
  expect((await ask('POST', '/secrets/restore', { body })).status).toBe(400)
  expect((await ask('POST', '/keys/restore', { body })).status).toBe(409)
  expect((await vault.sweep(NOON_MS + 15 * DAY * 1000)).rotated).toBe(2)
})

test.each([
  [1, 200],
  [128, 200],
  [0, 400],
  [129, 400],
  ['8', 400],
])('rng of %s bytes answers %i', async (count, status) => {
  const { ask } = await start()
  const answer = await ask('POST', '/rng', { body: { count } })
  expect(answer.status).toBe(status)
  if (status === 200) expect(unb64(answer.body.value)).toHaveLength(Number(count))
})

test('no file of the database holds key material', async () => {
  const { ask, folder, audit } = await start()
  await imported(ask, rsaJwk)
  await imported(ask, ecJwk('P-256'))
  await imported(ask, octJwk(256))
  await ask('POST', '/keys/k/backup')
  const contents = readdirSync(folder).map((name) => readFileSync(path.join(folder, name)))
  contents.push(Buffer.from(JSON.stringify(audit)))
  for (const part of [rsaJwk.d, rsaJwk.p, rsaJwk.dq, ecJwk('P-256').d, octJwk(256).k]) {
    const bytes = unb64(part ?? '')
    for (const form of [bytes, part ?? '', bytes.toString('hex'), bytes.toString('base64')]) {
      expect(contents.some((content) => content.includes(form))).toBe(false)
    }
  }
})

test('every key operation leaves an audit entry in the documented words', async () => {
  const { ask, audit } = await start()
  const body = {}
  const walk = [
    ['POST', '/keys/k/create'],
    ['PUT', '/keys/k'],
    ['GET', '/keys/k'],
    ['PATCH', '/keys/k'],
    ['GET', '/keys'],
    ['GET', '/keys/k/versions'],
    ...['sign', 'verify', 'wrapkey', 'unwrapkey', 'encrypt', 'decrypt', 'rotate', 'backup'].map(
      (use) => ['POST', `/keys/k/${use}`],
    ),
    ['POST', '/keys/restore'],
    ['GET', '/keys/k/rotationpolicy'],
    ['PUT', '/keys/k/rotationpolicy'],
    ['DELETE', '/keys/k'],
    ['GET', '/deletedkeys'],
    ['GET', '/deletedkeys/k'],
    ['POST', '/deletedkeys/k/recover'],
    ['DELETE', '/deletedkeys/k'],
  ]
  for (const [method = '', at = ''] of walk) await ask(method, at, method === 'GET' ? {} : { body })
  expect(audit.map((entry) => entry.operationName)).toEqual(
    'KeyCreate KeyImport KeyGet KeyUpdate KeyList KeyListVersions KeySign KeyVerify KeyWrap KeyUnwrap KeyEncrypt KeyDecrypt KeyRotate KeyBackup KeyRestore KeyRotationPolicyGet KeyRotationPolicySet KeyDelete KeyListDeleted KeyGetDeleted KeyRecover KeyPurge'.split(
      ' ',
    ),
  )
})

function toDer(signature: Buffer): Buffer {
  const half = signature.length / 2
  const integers = [signature.subarray(0, half), signature.subarray(half)].map((bytes) => {
    const start = bytes.findIndex((byte) => byte !== 0)
    const body = bytes.subarray(start)
    const lead = Buffer.alloc((body[0] ?? 0) > 127 ? 1 : 0)
    return Buffer.concat([Buffer.from([2, lead.length + body.length]), lead, body])
  })
  const body = Buffer.concat(integers)
  return Buffer.concat([
    Buffer.from(body.length > 127 ? [48, 129, body.length] : [48, body.length]),
    body,
  ])
}

function fromDer(der: Buffer, sizeBytes: number): Buffer {
  let at = der[1] === 0x81 ? 3 : 2
  const integers: Buffer[] = []
  while (at < der.length) {
    const length = der[at + 1] ?? 0
    const padded = Buffer.concat([Buffer.alloc(sizeBytes), der.subarray(at + 2, at + 2 + length)])
    integers.push(padded.subarray(padded.length - sizeBytes))
    at += 2 + length
  }
  return Buffer.concat(integers)
}
