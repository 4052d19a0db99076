import {
  constants,
  createHash,
  createHmac,
  createPublicKey,
  generateKeyPairSync,
  publicDecrypt,
  publicEncrypt,
  randomBytes,
  verify,
} from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Fault } from '../base/fault.ts'
import { Sealed } from '../base/sealed.ts'
import {
  CKA,
  CKK,
  CKM,
  CKO,
  cbcMechanism,
  gcmMechanism,
  HsmToken,
  type ObjectRef,
  oaepMechanism,
  pssMechanism,
  template,
} from './index.ts'
import { findSoftHsm, SOFT_HSM_ABSENT, type SoftHsm, startSoftHsm } from './testing/index.ts'

const modulePath = findSoftHsm()
let hsm: SoftHsm
let token: HsmToken

beforeAll(async () => {
  if (!modulePath) return
  hsm = startSoftHsm(modulePath)
  Object.assign(process.env, hsm.env)
  hsm.makeToken('main')
  hsm.makeToken('pin')
  token = await open('main')
})
afterAll(async () => {
  await token?.close()
  hsm?.remove()
})

const open = (label: string, pin = hsm.pin) =>
  HsmToken.open({ modulePath: hsm.modulePath, token: label, pin: new Sealed(pin) })

const real = test.skipIf(!modulePath)
if (!modulePath) test.skip(SOFT_HSM_ABSENT, () => undefined)

const HIDDEN = { token: true, private: true, sensitive: true, extractable: false } as const

async function rsaPair(): Promise<{ ref: ObjectRef; n: Buffer; e: Buffer }> {
  const id = randomBytes(16)
  const [n, e] = await token.generatePair(
    { type: CKM.rsaKeyPairGen },
    {
      public: template({
        token: false,
        modulusBits: 2048,
        publicExponent: Buffer.of(1, 0, 1),
        verify: true,
      }),
      private: template({ ...HIDDEN, id, sign: true, decrypt: true }),
    },
    [CKA.modulus, CKA.publicExponent],
  )
  return {
    ref: { class: CKO.privateKey, id },
    n: n ?? Buffer.alloc(0),
    e: e ?? Buffer.alloc(0),
  }
}

async function secret(mechanism: number, keyType: number, bytes: number): Promise<ObjectRef> {
  const id = randomBytes(16)
  const uses = { encrypt: true, decrypt: true, wrap: true, unwrap: true, sign: true, verify: true }
  await token.generateKey(
    { type: mechanism },
    template({ ...HIDDEN, ...uses, class: CKO.secretKey, keyType, id, valueLen: bytes }),
  )
  return { class: CKO.secretKey, id }
}

const publicOf = ({ n, e }: { n: Buffer; e: Buffer }) =>
  createPublicKey({
    key: { kty: 'RSA', n: n.toString('base64url'), e: e.toString('base64url') },
    format: 'jwk',
  })
const faultOf = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (thrown: unknown) => thrown as Fault,
  )

real('an RSA key made in the token signs and decrypts there, and never leaves it', async () => {
  const made = await rsaPair()
  const key = publicOf(made)
  const text = randomBytes(40)

  const signature = await token.sign(made.ref, { type: CKM.rsaPkcs }, text)
  expect(publicDecrypt({ key, padding: constants.RSA_PKCS1_PADDING }, signature)).toEqual(text)
  const sealed = publicEncrypt({ key, padding: constants.RSA_PKCS1_OAEP_PADDING }, text)
  expect(await token.decrypt(made.ref, oaepMechanism('sha1'), sealed)).toEqual(text)

  const hidden = [CKA.privateExponent, CKA.prime1, CKA.prime2, CKA.coefficient]
  expect(await token.read(made.ref, hidden)).toEqual(hidden.map(() => undefined))
  const flags = [CKA.sensitive, CKA.extractable, CKA.neverExtractable, CKA.alwaysSensitive]
  const told = await token.read(made.ref, flags)
  expect(told.map((value) => value?.[0])).toEqual([1, 0, 1, 1])
})

real.each(['sha256', 'sha384', 'sha512'] as const)('PSS with %s', async (hash) => {
  const made = await rsaPair()
  const digest = createHash(hash).update('text').digest()
  const signature = await token.sign(made.ref, pssMechanism(hash), digest)
  const key = {
    key: publicOf(made),
    padding: constants.RSA_PKCS1_PSS_PADDING,
    saltLength: digest.length,
  }
  expect(verify(hash, Buffer.from('text'), key, signature)).toBe(true)
})

real('AES: GCM, CBC and both key wraps go there and back', async () => {
  const ref = await secret(CKM.aesKeyGen, CKK.aes, 32)
  const [iv, iv16, aad, text] = [
    randomBytes(12),
    randomBytes(16),
    Buffer.from('aad'),
    randomBytes(48),
  ] as const
  for (const data of [text, Buffer.alloc(0)]) {
    const gcm = await token.encrypt(ref, gcmMechanism(iv, aad), data)
    expect(gcm.length).toBe(data.length + 16)
    expect(await token.decrypt(ref, gcmMechanism(iv, aad), gcm)).toEqual(data)
    const wrongAad = await faultOf(token.decrypt(ref, gcmMechanism(iv, undefined), gcm))
    expect(wrongAad?.code).toBe('HsmInputWrong')
  }
  for (const pads of [true, false]) {
    const sealed = await token.encrypt(ref, cbcMechanism(iv16, pads), text)
    expect(await token.decrypt(ref, cbcMechanism(iv16, pads), sealed)).toEqual(text)
  }
  for (const [type, key] of [
    [CKM.aesKeyWrap, randomBytes(32)],
    [CKM.aesKeyWrapPad, randomBytes(21)],
  ] as const) {
    const wrapped = await token.wrap(ref, { type }, key)
    expect(await token.unwrap(ref, { type }, wrapped)).toEqual(key)
    wrapped[3] = (wrapped[3] ?? 0) ^ 1
    expect((await faultOf(token.unwrap(ref, { type }, wrapped)))?.code).toBe('HsmInputWrong')
  }
})

real('a generic secret makes the HMAC that everybody makes', async () => {
  const id = randomBytes(16)
  const value = randomBytes(32)
  const ref = { class: CKO.secretKey, id }
  await token.createObject(
    template({
      ...HIDDEN,
      class: CKO.secretKey,
      keyType: CKK.genericSecret,
      id,
      value,
      sign: true,
    }),
  )
  const digest = randomBytes(32)
  const mac = createHmac('sha256', value).update(digest).digest()
  expect(await token.sign(ref, { type: CKM.sha256Hmac }, digest)).toEqual(mac)
  expect(await token.read(ref, [CKA.value])).toEqual([undefined])
})

real('many calls at once share few sessions', async () => {
  const made = await rsaPair()
  const digests = Array.from({ length: 64 }, () => randomBytes(32))
  const signed = await Promise.all(
    digests.map((digest) => token.sign(made.ref, { type: CKM.rsaPkcs }, digest)),
  )
  const key = publicOf(made)
  for (const [i, signature] of signed.entries()) {
    const padding = constants.RSA_PKCS1_PADDING
    expect(publicDecrypt({ key, padding }, signature)).toEqual(digests[i])
  }
})

real('what the token does not do is refused by name', async () => {
  const made = await rsaPair()
  const fault = await faultOf(token.sign(made.ref, { type: 0x80001234 }, randomBytes(8)))
  expect(fault).toBeInstanceOf(Fault)
  expect(fault).toMatchObject({ code: 'HsmCannot', message: expect.stringContaining('main') })
})

real('a destroyed key is gone, and a token without the key says so', async () => {
  const made = await rsaPair()
  expect(await token.has(made.ref)).toBe(true)
  expect(await token.destroy(made.ref.id)).toBe(1)
  expect(await token.has(made.ref)).toBe(false)
  const fault = await faultOf(token.sign(made.ref, { type: CKM.rsaPkcs }, randomBytes(8)))
  expect(fault?.code).toBe('HsmUnavailable')
})

real('an unknown token or module is named', async () => {
  expect(await faultOf(open('other'))).toMatchObject({
    code: 'HsmMissing',
    message: expect.stringContaining('"main"'),
  })
  const pin = new Sealed('x')
  const absent = HsmToken.open({ modulePath: '/nowhere/lib.so', token: 'main', pin })
  expect((await faultOf(absent))?.code).toBe('HsmMissing')
})

real('a wrong PIN is one clear refusal without the PIN in it', async () => {
  const fault = await faultOf(open('pin', 'wrong-pin'))
  expect(fault?.code).toBe('HsmPinWrong')
  expect(JSON.stringify([fault, fault?.message, fault?.stack])).not.toContain('wrong-pin')
})

real('an EC key is imported by its scalar', async () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const { d = '' } = privateKey.export({ format: 'jwk' })
  const id = randomBytes(16)
  await token.createObject(
    template({
      ...HIDDEN,
      class: CKO.privateKey,
      keyType: CKK.ec,
      id,
      sign: true,
      ecParams: Buffer.from('06082a8648ce3d030107', 'hex'),
      value: Buffer.from(d, 'base64url'),
    }),
  )
  const digest = createHash('sha256').update('text').digest()
  const signature = await token.sign({ class: CKO.privateKey, id }, { type: CKM.ecdsa }, digest)
  const key = { key: privateKey, dsaEncoding: 'ieee-p1363' } as const
  expect(verify('sha256', Buffer.from('text'), key, signature)).toBe(true)
})
