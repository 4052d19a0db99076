import { execFileSync } from 'node:child_process'
import {
  constants,
  createHash,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  privateEncrypt,
  publicEncrypt,
  sign,
} from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Answer, startVault, type TestVault } from '../src/vault/testing/test-vault.ts'
import { cipherVectors, signatureVectors } from './vectors/jose.ts'

const OPS = ['encrypt', 'decrypt', 'sign', 'verify', 'wrapKey', 'unwrapKey']
const files = mkdtempSync(path.join(os.tmpdir(), 'sluice-vectors-'))
const message = Buffer.from('what is signed')
let server: TestVault
let count = 0

beforeAll(async () => {
  server = await startVault()
})

afterAll(async () => {
  expect(server.bugs).toEqual([])
  await server.close()
  rmSync(files, { recursive: true, force: true })
})

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url')
const digestOf = (hash: string) => createHash(hash).update(message).digest()

function write(name: string, content: string | Uint8Array): string {
  const file = path.join(files, name)
  writeFileSync(file, content, { mode: 0o600 })
  return file
}

/** OpenSSL's command line: what it makes and what it accepts is the measure here. */
function openssl(args: readonly string[], input?: Uint8Array): Buffer {
  return execFileSync('openssl', args, { stdio: 'pipe', ...(input && { input }) })
}

/** The path of the imported key. */
async function bring(jwk: object): Promise<string> {
  count += 1
  const name = `k${count}`
  const answer = await server.ask('PUT', `/keys/${name}`, {
    body: { key: { key_ops: OPS, ...jwk } },
  })
  expect(answer.status, answer.text).toBe(200)
  return `/keys/${name}`
}

function use(key: string, operation: string, body: object): Promise<Answer> {
  return server.ask('POST', `${key}/${operation}`, { body })
}

/** The bytes of an answer that must be a success. */
async function bytesOf(answer: Promise<Answer>): Promise<Buffer> {
  const { status, text: whole, body } = await answer
  expect(status, whole).toBe(200)
  return Buffer.from(body.value, 'base64url')
}

/** What a caller can tell of a refusal. */
async function refusalOf(answer: Promise<Answer>): Promise<string> {
  const { status, body } = await answer
  return `${status} ${body?.error?.code}: ${body?.error?.message}`
}

/** All must be refused, and none may look different from another. */
async function expectOneRefusal(answers: Iterable<Promise<Answer>>): Promise<void> {
  const all = new Set(await Promise.all([...answers].map(refusalOf)))
  expect([...all]).toEqual([expect.stringMatching(/^400 BadParameter: /)])
}

/** Every byte of it flipped once, in one bit. */
function* flipped(bytes: Buffer): Generator<Buffer> {
  for (const place of bytes.keys()) {
    const wrong = Buffer.from(bytes)
    wrong[place] = (wrong[place] ?? 0) ^ (1 << (place % 8))
    yield wrong
  }
}

describe('published vectors', () => {
  test.each(signatureVectors)('$from, $alg', async (vector) => {
    const { alg, hash, input, signature, isFixed } = vector
    const key = await bring(vector.key)
    const digest = createHash(hash).update(input).digest('base64url')
    const verified = await use(key, 'verify', { alg, digest, value: signature })
    expect(verified.body).toEqual({ value: true })
    const made = await use(key, 'sign', { alg, value: digest })
    if (isFixed) expect(made.body.value).toBe(signature)
    const again = await use(key, 'verify', { alg, digest, value: made.body.value })
    expect(again.body).toEqual({ value: true })
  })

  test.each(cipherVectors)('$from, $alg', async (vector) => {
    const { alg, form, iv, tag, aad } = vector
    const key = await bring(vector.key)
    const read = (value: string) => text(Buffer.from(value, form))
    const optional = (name: string, value: string | undefined) =>
      value === undefined ? {} : { [name]: read(value) }
    const parts = { ...optional('iv', iv), ...(aad !== undefined && { aad }) }
    const value = read(vector.sealed)
    const opened = await use(key, vector.use, { alg, ...parts, ...optional('tag', tag), value })
    expect(opened.body.value, opened.text).toBe(read(vector.plain))
    if (!vector.isFixed) return
    const operation = vector.use === 'decrypt' ? 'encrypt' : 'wrapkey'
    const sealed = await use(key, operation, { alg, ...parts, value: read(vector.plain) })
    expect(sealed.body.value, sealed.text).toBe(value)
  })
})

const octKey = (bits: number) => ({ kty: 'oct-HSM', k: text(Buffer.alloc(bits / 8, 0x2b)) })

describe.each([128, 192, 256])('AES with %i bits', (bits) => {
  test('GCM: empty, one block and long texts come back; all else is refused alike', async () => {
    const key = await bring(octKey(bits))
    const alg = `A${bits}GCM`
    for (const length of [0, 1, 15, 16, 17, 4096]) {
      const value = text(Buffer.alloc(length, 7))
      for (const aad of [undefined, '', text(Buffer.from('aad'))]) {
        const parts = aad === undefined ? {} : { aad }
        const { body } = await use(key, 'encrypt', { alg, value, ...parts })
        const opened = await use(key, 'decrypt', { alg, ...parts, ...body, kid: undefined })
        expect(opened.body.value, opened.text).toBe(value)
      }
    }
    const aad = text(Buffer.from('aad'))
    const { body } = await use(key, 'encrypt', { alg, value: text(Buffer.alloc(20, 7)), aad })
    const open = (change: object) => use(key, 'decrypt', { alg, ...body, ...change })
    const [value, tag, iv] = [body.value, body.tag, body.iv].map((part) =>
      Buffer.from(part, 'base64url'),
    ) as [Buffer, Buffer, Buffer]
    const wrong = [
      ...[...flipped(value)].map((bytes) => ({ value: text(bytes) })),
      ...[...flipped(tag)].map((bytes) => ({ tag: text(bytes) })),
      ...[...flipped(iv)].map((bytes) => ({ iv: text(bytes) })),
      ...[4, 8, 12, 15].map((length) => ({ tag: text(tag.subarray(0, length)) })),
      { tag: text(Buffer.concat([tag, Buffer.alloc(1)])) },
      ...[1, 8, 11, 13, 16].map((length) => ({ iv: text(Buffer.alloc(length)) })),
      { value: '' },
      { value: text(value.subarray(1)) },
      { value: text(Buffer.concat([value, Buffer.alloc(1)])) },
      { aad: text(Buffer.from('AAD')) },
      { aad: '' },
    ]
    await expectOneRefusal(wrong.map(open))
    expect((await open({})).body.value).toBe(text(Buffer.alloc(20, 7)))
  })

  test('CBC and CBCPAD: as openssl does it; wrong lengths, ivs and paddings are refused', async () => {
    const key = await bring(octKey(bits))
    const iv = Buffer.alloc(16, 9)
    const cipher = ['enc', `-aes-${bits}-cbc`, '-K', '2b'.repeat(bits / 8), '-iv', '09'.repeat(16)]
    const ask = (alg: string, operation: string, value: Uint8Array) =>
      use(key, operation, { alg: `A${bits}${alg}`, iv: text(iv), value: text(value) })
    for (const length of [0, 1, 15, 16, 17, 32, 1000]) {
      const plain = Buffer.alloc(length, 5)
      const padded = await bytesOf(ask('CBCPAD', 'encrypt', plain))
      expect(padded).toEqual(openssl(cipher, plain))
      expect(await bytesOf(ask('CBCPAD', 'decrypt', padded))).toEqual(plain)
      if (length % 16 !== 0) await expectOneRefusal([ask('CBC', 'encrypt', plain)])
      else {
        const whole = await bytesOf(ask('CBC', 'encrypt', plain))
        expect(whole).toEqual(openssl([...cipher, '-nopad'], plain))
        expect(await bytesOf(ask('CBC', 'decrypt', whole))).toEqual(plain)
      }
    }
    const badPadding = [0, 17, 255].map((last) => {
      const block = Buffer.alloc(16, 1)
      block[15] = last
      return openssl([...cipher, '-nopad'], block)
    })
    const uneven = [1, 15, 17, 31].map((length) => Buffer.alloc(length))
    const wrong = [...badPadding, ...uneven, Buffer.alloc(0)]
    await expectOneRefusal(wrong.map((value) => ask('CBCPAD', 'decrypt', value)))
    const ivs = ['', text(iv.subarray(1)), text(Buffer.alloc(17)), text(Buffer.alloc(12)), null]
    const value = text(Buffer.alloc(16))
    const asked = ['CBC', 'CBCPAD'].flatMap((alg) =>
      ivs.map((wrongIv) => use(key, 'encrypt', { alg: `A${bits}${alg}`, iv: wrongIv, value })),
    )
    await expectOneRefusal(asked)
  })

  test('KW: multiples of eight from sixteen on; every changed byte is noticed', async () => {
    const key = await bring(octKey(bits))
    const alg = `A${bits}KW`
    const ask = (operation: string, value: Uint8Array) =>
      use(key, operation, { alg, value: text(value) })
    for (const length of [16, 24, 32, 64, 512]) {
      const plain = Buffer.alloc(length, 3)
      const wrapped = await bytesOf(ask('wrapkey', plain))
      expect(wrapped).toHaveLength(length + 8)
      expect(await bytesOf(ask('unwrapkey', wrapped))).toEqual(plain)
    }
    const lengths = [0, 1, 8, 15, 17, 23]
    await expectOneRefusal(lengths.map((length) => ask('wrapkey', Buffer.alloc(length))))
    const wrapped = await bytesOf(ask('wrapkey', Buffer.alloc(32, 3)))
    const cut = [0, 8, 16, 23, 39].map((length) => wrapped.subarray(0, length))
    const wrong = [...flipped(wrapped), ...cut, Buffer.concat([wrapped, Buffer.alloc(8)])]
    await expectOneRefusal(wrong.map((value) => ask('unwrapkey', value)))
    const pad = (operation: string, value: Uint8Array) =>
      use(key, operation, { alg: 'CKM_AES_KEY_WRAP_PAD', value: text(value) })
    for (const length of [1, 7, 8, 9, 16, 20, 257]) {
      const plain = Buffer.alloc(length, 3)
      expect(await bytesOf(pad('unwrapkey', await bytesOf(pad('wrapkey', plain))))).toEqual(plain)
    }
    const padded = await bytesOf(pad('wrapkey', Buffer.alloc(20, 3)))
    const none = [Buffer.alloc(0), Buffer.alloc(8), padded.subarray(8)]
    await expectOneRefusal([...flipped(padded), ...none].map((value) => pad('unwrapkey', value)))
    await expectOneRefusal([pad('wrapkey', Buffer.alloc(0))])
  })

  test('HS: the MAC openssl makes; shortened, lengthened and changed ones do not hold', async () => {
    const key = await bring(octKey(bits))
    for (const size of [256, 384, 512]) {
      const digest = digestOf(`sha${size}`)
      const alg = `HS${size}`
      const hmac = ['mac', '-digest', `SHA${size}`, '-macopt', `hexkey:${'2b'.repeat(bits / 8)}`]
      const expected = openssl([...hmac, '-binary', '-in', write('digest', digest), 'HMAC'])
      expect(await bytesOf(use(key, 'sign', { alg, value: text(digest) }))).toEqual(expected)
      const holds = async (value: Uint8Array) =>
        (await use(key, 'verify', { alg, digest: text(digest), value: text(value) })).body.value
      expect(await holds(expected)).toBe(true)
      const wrong = [...flipped(expected), expected.subarray(1), Buffer.alloc(0)]
      const longer = Buffer.concat([expected, Buffer.alloc(1)])
      const results = await Promise.all([...wrong, longer].map(holds))
      expect(new Set(results)).toEqual(new Set([false]))
    }
  })
})

const rsaPair = generateKeyPairSync('rsa', { modulusLength: 2048 })
const rsaPublic = () =>
  write('rsa.pem', rsaPair.publicKey.export({ format: 'pem', type: 'spki' }) as string)
const rsaPrivate = () =>
  write('rsa.key', rsaPair.privateKey.export({ format: 'pem', type: 'pkcs8' }) as string)
const MODULUS = Buffer.from(rsaPair.publicKey.export({ format: 'jwk' }).n ?? '', 'base64url')
const bringRsa = () => bring(rsaPair.privateKey.export({ format: 'jwk' }))
/** m to the power of e, for any block. */
const raw = (block: Uint8Array) =>
  publicEncrypt({ key: rsaPair.publicKey, padding: constants.RSA_NO_PADDING }, block)

describe('RSA', () => {
  test.each([
    { alg: 'RSA1_5', room: 11, options: ['rsa_padding_mode:pkcs1'] },
    { alg: 'RSA-OAEP', room: 42, options: ['rsa_padding_mode:oaep', 'rsa_oaep_md:sha1'] },
    {
      alg: 'RSA-OAEP-256',
      room: 66,
      options: ['rsa_padding_mode:oaep', 'rsa_oaep_md:sha256', 'rsa_mgf1_md:sha256'],
    },
  ])('$alg: from nothing to the longest text, both ways with openssl', async (row) => {
    const { alg, room, options } = row
    const key = await bringRsa()
    const flags = options.flatMap((option) => ['-pkeyopt', option])
    const seal = ['pkeyutl', '-encrypt', '-pubin', '-inkey', rsaPublic(), ...flags]
    const open = ['pkeyutl', '-decrypt', '-inkey', rsaPrivate(), ...flags]
    for (const length of [0, 1, 16, 256 - room]) {
      const plain = Buffer.alloc(length, 0x5a)
      for (const [there, back] of [
        ['encrypt', 'decrypt'],
        ['wrapkey', 'unwrapkey'],
      ] as const) {
        const sealed = await bytesOf(use(key, there, { alg, value: text(plain) }))
        expect(openssl([...open, '-in', write('sealed', sealed)])).toEqual(plain)
        const foreign = openssl([...seal, '-in', write('plain', plain)])
        const opened = await bytesOf(use(key, back, { alg, value: text(foreign) }))
        expect(opened).toEqual(plain)
      }
    }
    const tooLong = [257 - room, 256, 300].map((length) => text(Buffer.alloc(length, 1)))
    await expectOneRefusal(tooLong.map((value) => use(key, 'encrypt', { alg, value })))
  })

  test('OAEP: another label, hash, mask, length or text, all refused alike', async () => {
    const key = await bringRsa()
    const seal = (...options: string[]) => {
      const flags = ['rsa_padding_mode:oaep', ...options].flatMap((text_) => ['-pkeyopt', text_])
      const file = write('plain', 'secret')
      return openssl([
        'pkeyutl',
        '-encrypt',
        '-pubin',
        '-inkey',
        rsaPublic(),
        ...flags,
        '-in',
        file,
      ])
    }
    const sha256 = ['rsa_oaep_md:sha256', 'rsa_mgf1_md:sha256']
    const right = seal(...sha256)
    const wrong = [
      seal(...sha256, 'rsa_oaep_label:6c6162656c'),
      seal('rsa_oaep_md:sha1'),
      seal('rsa_oaep_md:sha256', 'rsa_mgf1_md:sha1'),
      seal('rsa_oaep_md:sha512'),
      ...[...flipped(right)].slice(0, 40),
      right.subarray(1),
      Buffer.concat([Buffer.alloc(1), right]),
      Buffer.alloc(0),
      Buffer.alloc(256),
      MODULUS,
      Buffer.alloc(256, 0xff),
      raw(Buffer.concat([Buffer.alloc(255), Buffer.from([1])])),
    ]
    const ask = (value: Buffer) => use(key, 'decrypt', { alg: 'RSA-OAEP-256', value: text(value) })
    await expectOneRefusal(wrong.map(ask))
    expect((await bytesOf(ask(right))).toString()).toBe('secret')
  })

  test('RSA1_5: every fault of the padding is answered alike', async () => {
    const key = await bringRsa()
    const block = (build: (bytes: Buffer) => void): Buffer => {
      const bytes = Buffer.alloc(256, 0xaa)
      bytes.set([0, 2], 0)
      bytes[240] = 0
      build(bytes)
      return raw(bytes)
    }
    const faults = {
      'the first byte is 1': block((bytes) => bytes.set([1], 0)),
      'the block type is 1': block((bytes) => bytes.set([1], 1)),
      'the block type is 0': block((bytes) => bytes.set([0], 1)),
      'no zero ends the padding': block((bytes) => bytes.set([0xaa], 240)),
      'the padding is seven bytes': block((bytes) => bytes.set([0], 9)),
      'the padding is empty': block((bytes) => bytes.set([0], 2)),
      'all zero': raw(Buffer.alloc(256)),
    }
    const shapes = new Set<string>()
    for (const value of Object.values(faults)) {
      const answer = await use(key, 'decrypt', { alg: 'RSA1_5', value: text(value) })
      shapes.add(`${answer.status} ${Object.keys(answer.body)}`)
    }
    const right = block(() => undefined)
    const good = await use(key, 'decrypt', { alg: 'RSA1_5', value: text(right) })
    expect(Buffer.from(good.body.value, 'base64url')).toEqual(Buffer.alloc(15, 0xaa))
    expect([...shapes]).toEqual([`${good.status} ${Object.keys(good.body)}`])
  })

  test.each(['256', '384', '512'])(
    'RS and PS %s: nothing but the signature itself holds',
    async (size) => {
      const key = await bringRsa()
      const digest = digestOf(`sha${size}`)
      const holds = async (alg: string, value: Uint8Array) =>
        (await use(key, 'verify', { alg, digest: text(digest), value: text(value) })).body.value
      const make = (...options: string[]) =>
        openssl([
          ...['pkeyutl', '-sign', '-inkey', rsaPrivate(), '-in', write('digest', digest)],
          ...options.flatMap((option) => ['-pkeyopt', option]),
        ])
      const rs = make('rsa_padding_mode:pkcs1', `digest:sha${size}`)
      const salted = (salt: string) =>
        make('rsa_padding_mode:pss', `digest:sha${size}`, `rsa_pss_saltlen:${salt}`)
      const ps = salted('digest')
      expect(await holds(`RS${size}`, rs)).toBe(true)
      expect(await holds(`PS${size}`, ps)).toBe(true)
      expect(await holds(`RS${size}`, ps)).toBe(false)
      expect(await holds(`PS${size}`, rs)).toBe(false)
      for (const salt of ['0', '20', 'max'])
        expect(await holds(`PS${size}`, salted(salt))).toBe(false)
      for (const [alg, value] of [
        [`RS${size}`, rs],
        [`PS${size}`, ps],
      ] as const) {
        const longer = Buffer.concat([Buffer.alloc(1), value])
        const wrong = [
          ...[...flipped(value)].slice(0, 24),
          value.subarray(1),
          longer,
          Buffer.alloc(256),
        ]
        const results = await Promise.all([...wrong, MODULUS].map((bytes) => holds(alg, bytes)))
        expect(new Set(results)).toEqual(new Set([false]))
      }
    },
  )

  test('RS256: a DigestInfo without NULL, with another hash or with garbage behind does not hold', async () => {
    const key = await bringRsa()
    const digest = digestOf('sha256')
    const forge = (info: string, trailing = 0) => {
      const tail = Buffer.concat([Buffer.from(info, 'hex'), digest, Buffer.alloc(trailing)])
      const head = Buffer.alloc(256 - tail.length, 0xff)
      head.set([0, 1], 0)
      head[head.length - 1] = 0
      const block = Buffer.concat([head, tail])
      return privateEncrypt({ key: rsaPair.privateKey, padding: constants.RSA_NO_PADDING }, block)
    }
    const holds = async (value: Buffer) =>
      (await use(key, 'verify', { alg: 'RS256', digest: text(digest), value: text(value) })).body
        .value
    expect(await holds(forge('3031300d060960864801650304020105000420'))).toBe(true)
    expect(await holds(forge('302f300b06096086480165030402010420'))).toBe(false)
    expect(await holds(forge('3031300d060960864801650304020205000420'))).toBe(false)
    expect(await holds(forge('3031300d060960864801650304020105000420', 8))).toBe(false)
    expect(await holds(forge(''))).toBe(false)
  })

  test('a digest of any other length is refused, and RSNULL takes up to the room of the modulus', async () => {
    const key = await bringRsa()
    for (const [alg, right] of [
      ['RS256', 32],
      ['PS384', 48],
      ['RS512', 64],
    ] as const) {
      for (const length of [0, 1, 20, 31, 33, 47, 63, 65, 256]) {
        const answer = use(key, 'sign', { alg, value: text(Buffer.alloc(length)) })
        if (length !== right) expect(await refusalOf(answer)).toMatch(/^400 BadParameter: /)
      }
    }
    for (const length of [0, 1, 245]) {
      const value = text(Buffer.alloc(length, 6))
      expect((await use(key, 'sign', { alg: 'RSNULL', value })).status).toBe(200)
    }
    const long = use(key, 'sign', { alg: 'RSNULL', value: text(Buffer.alloc(246)) })
    expect(await refusalOf(long)).toMatch(/^400 BadParameter: /)
  })
})

const CURVES = [
  { alg: 'ES256', crv: 'P-256', name: 'prime256v1', hash: 'sha256', size: 32 },
  { alg: 'ES256K', crv: 'P-256K', name: 'secp256k1', hash: 'sha256', size: 32 },
  { alg: 'ES384', crv: 'P-384', name: 'secp384r1', hash: 'sha384', size: 48 },
  { alg: 'ES512', crv: 'P-521', name: 'secp521r1', hash: 'sha512', size: 66 },
] as const
const ORDERS = {
  'P-256': 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551',
  'P-256K': 'fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141',
  'P-384':
    'ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973',
  'P-521':
    '01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409',
} as const

describe.each(CURVES)('$alg', ({ alg, crv, name, hash, size }) => {
  const digest = text(digestOf(hash))
  const bringPair = (privateKey: KeyObject) =>
    bring({ ...privateKey.export({ format: 'jwk' }), crv })
  const holds = async (key: string, value: Uint8Array) =>
    (await use(key, 'verify', { alg, digest, value: text(value) })).body.value
  const order = BigInt(`0x${ORDERS[crv]}`)
  const numberOf = (bytes: Uint8Array) => BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
  const bytesFrom = (value: bigint) =>
    Buffer.from(value.toString(16).padStart(2 * size, '0'), 'hex')

  test('r and s outside 1..n-1, wrong lengths and DER do not hold; n - s does, as ECDSA has it', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: name })
    const key = await bringPair(privateKey)
    const good = sign(hash, message, { key: privateKey, dsaEncoding: 'ieee-p1363' })
    const [r, s] = [numberOf(good.subarray(0, size)), numberOf(good.subarray(size))]
    const pair = (a: bigint, b: bigint) => Buffer.concat([bytesFrom(a), bytesFrom(b)])
    expect(await holds(key, good)).toBe(true)
    expect(await holds(key, pair(r, order - s))).toBe(true)
    const limit = (1n << BigInt(8 * size)) - 1n
    const wrong = [
      pair(0n, s),
      pair(r, 0n),
      pair(0n, 0n),
      pair(order, s),
      pair(r, order),
      pair(limit, s),
      pair(r, limit),
      ...(r + order <= limit ? [pair(r + order, s)] : []),
      ...(s + order <= limit ? [pair(r, s + order)] : []),
      pair(s, r),
      pair(r, 1n),
      pair(1n, s),
      good.subarray(1),
      Buffer.concat([good, Buffer.alloc(1)]),
      Buffer.concat([Buffer.alloc(1), good]),
      Buffer.alloc(0),
      sign(hash, message, { key: privateKey, dsaEncoding: 'der' }),
      ...flipped(good),
    ]
    const results = await Promise.all(wrong.map((value) => holds(key, value)))
    expect(new Set(results)).toEqual(new Set([false]))
  })

  test('r or s that begin with zero keep their length, both ways', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: name })
    const key = await bringPair(privateKey)
    // P-521 has 521 bits in 66 bytes: every second number begins with a zero byte.
    const begins = (bytes: Buffer) => bytes[0] === 0 || bytes[size] === 0
    let short = Buffer.alloc(0)
    while (short.length === 0) {
      const made = sign(hash, message, { key: privateKey, dsaEncoding: 'ieee-p1363' })
      if (begins(made)) short = made
    }
    expect(await holds(key, short)).toBe(true)
    const made = await bytesOf(use(key, 'sign', { alg, value: digest }))
    expect(made).toHaveLength(2 * size)
    expect(publicKey.asymmetricKeyDetails?.namedCurve).toBe(name)
  })

  test('coordinates and a scalar that begin with zero are shown and used in full length', async () => {
    let jwk: Record<string, unknown> = {}
    let pair = generateKeyPairSync('ec', { namedCurve: name })
    const isShort = (part: unknown) => Buffer.from(String(part), 'base64url')[0] === 0
    for (; !isShort(jwk['x']) && !isShort(jwk['y']); ) {
      pair = generateKeyPairSync('ec', { namedCurve: name })
      jwk = { ...pair.privateKey.export({ format: 'jwk' }), crv }
    }
    const strip = (part: unknown) => {
      const bytes = Buffer.from(String(part), 'base64url')
      return text(bytes.subarray(bytes.findIndex((byte) => byte !== 0)))
    }
    const short = { ...jwk, x: strip(jwk['x']), y: strip(jwk['y']), d: strip(jwk['d']) }
    for (const given of [jwk, short]) {
      const key = await bring(given)
      const { body } = await server.ask('GET', key)
      expect(body.key).toMatchObject({ x: jwk['x'], y: jwk['y'] })
      const signature = await bytesOf(use(key, 'sign', { alg, value: digest }))
      const file = write('ec.pem', pair.publicKey.export({ format: 'pem', type: 'spki' }) as string)
      const der = write('ec.sig', toDer(signature, size))
      const check = ['dgst', `-${hash}`, '-verify', file, '-signature', der]
      expect(openssl([...check, write('message', message)]).toString()).toContain('Verified OK')
      const { publicKey } = pair
      expect(createPublicKey(publicKey.export({ format: 'pem', type: 'spki' })).type).toBe('public')
    }
  })
})

/** ECDSA's other form, which OpenSSL's command line speaks. */
function toDer(signature: Buffer, size: number): Buffer {
  const integer = (part: Buffer) => {
    const start = Math.max(
      0,
      part.findIndex((byte) => byte !== 0),
    )
    const bytes = part.subarray(start)
    const lead = (bytes[0] ?? 0) >= 0x80 ? Buffer.alloc(1) : Buffer.alloc(0)
    return Buffer.concat([Buffer.from([2, lead.length + bytes.length]), lead, bytes])
  }
  const body = Buffer.concat([
    integer(signature.subarray(0, size)),
    integer(signature.subarray(size)),
  ])
  const length = body.length < 0x80 ? [body.length] : [0x81, body.length]
  return Buffer.concat([Buffer.from([0x30, ...length]), body])
}

describe('base64url', () => {
  test('padding and the other alphabet are read; what is no base64 at all is refused', async () => {
    const key = await bring(octKey(256))
    const iv = text(Buffer.alloc(16))
    const ask = (value: unknown) => use(key, 'encrypt', { alg: 'A256CBCPAD', iv, value })
    const right = (await ask('-_8')).body.value
    for (const value of ['+/8', '-_8=', '+/8=']) expect((await ask(value)).body.value).toBe(right)
    const wrong = ['A', 'AAAAA', 'AAAA=', 'A A', 'AA\n', 'AA%3D', 'A.AA', 'ä', '=', null, 7, {}, []]
    await expectOneRefusal(wrong.map(ask))
  })
})
