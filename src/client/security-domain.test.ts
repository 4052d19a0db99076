import { X509Certificate } from 'node:crypto'
import { expect, test } from 'vitest'
import { splitBytes } from '../base/byte-shares.ts'
import {
  decryptDirect,
  decryptWith,
  deriveContentKey,
  encryptDirect,
  encryptFor,
} from '../base/jwe.ts'
import { Sealed } from '../base/sealed.ts'
import {
  exchangeCertificateOf,
  makeRestoreBlob,
  readHolder,
  toWrappingKey,
} from './security-domain.ts'
import { makePemPair, type PemPair } from './testing/pem-pairs.ts'

const [a, b, c, exchange] = [makePemPair('p'), makePemPair('p'), makePemPair('p'), makePemPair('p')]
const secret = new TextEncoder().encode('what the domain protects')

const bytes = (buffer: Buffer) => Uint8Array.from(buffer)
const spkiOf = (pem: string) =>
  bytes(new X509Certificate(pem).publicKey.export({ format: 'der', type: 'spki' }))
const holderOf = ({ certificate, key }: PemPair) =>
  readHolder(certificate, new Sealed(key), new Sealed('p'))

/** A file as a managed HSM gives it, for three holders of which two are required. */
async function makeFile(): Promise<string> {
  const master = crypto.getRandomValues(new Uint8Array(32))
  const part = await encryptDirect(await deriveContentKey(master, 't'), 't', secret)
  const shares = splitBytes(master, { shares: 3, required: 2 })
  const wrapped = [a, b, c].map(async (pair, i) => ({
    enc_key: await encryptFor(spkiOf(pair.certificate), shares[i] ?? new Uint8Array()),
    x5t_256: holderOf(pair).thumbprint,
  }))
  return JSON.stringify({
    EncData: { data: [{ compact_jwe: part, tag: 't' }], kdf: 'sp108_kdf' },
    SharedKeys: {
      key_algorithm: 'shamir_share',
      required: 2,
      enc_shares: await Promise.all(wrapped),
    },
  })
}

test('a quorum encrypts the domain again, for the exchange key', async () => {
  const blob = await makeRestoreBlob(await makeFile(), [c, a].map(holderOf), exchange.certificate)
  const { EncData, WrappedKey } = JSON.parse(blob)
  const key = holderOf(exchange)
  expect(WrappedKey.x5t_256).toBe(key.thumbprint)
  const der = key.privateKey.export({ format: 'der', type: 'pkcs8' })
  const master = await decryptWith(bytes(der), WrappedKey.enc_key)
  const partKey = await deriveContentKey(master, 't')
  expect(await decryptDirect(partKey, EncData.data[0].compact_jwe)).toEqual(secret)
})

test('fewer holders than required are refused, one of them named twice as well', async () => {
  const file = await makeFile()
  for (const few of [[a], [a, a], [a, exchange]]) {
    const made = makeRestoreBlob(file, few.map(holderOf), exchange.certificate)
    await expect(made).rejects.toThrow('Insufficient shares available')
  }
})

test("a private key beside another one's certificate opens nothing", async () => {
  const mixed = { certificate: b.certificate, key: c.key }
  const made = makeRestoreBlob(await makeFile(), [a, mixed].map(holderOf), exchange.certificate)
  await expect(made).rejects.toThrow('cannot be opened with these wrapping keys')
})

test('a key with another password is refused without a word of it', () => {
  const wrong = () => readHolder(a.certificate, new Sealed(a.key), new Sealed('word-canary'))
  expect(wrong).toThrow('A wrapping key cannot be read')
  expect(wrong).not.toThrow('word-canary')
})

test.each([
  ['', 'no security domain'],
  ['{}', 'no security domain'],
  [JSON.stringify({ EncData: {}, SharedKeys: { key_algorithm: 'xor' } }), 'algorithms'],
  [
    JSON.stringify({
      EncData: { kdf: 'sp108_kdf' },
      SharedKeys: { key_algorithm: 'shamir_share', required: 1 },
    }),
    '"required" should be in range [2, 10]',
  ],
])('the file %j is refused', async (file, says) => {
  const made = makeRestoreBlob(file, [a, b].map(holderOf), exchange.certificate)
  await expect(made).rejects.toThrow(says)
})

test('a certificate becomes a JSON Web Key, and the exchange key becomes a certificate', () => {
  const jwk = toWrappingKey(a.certificate)
  expect(jwk).toMatchObject({ kty: 'RSA', alg: 'RSA-OAEP-256', e: 'AQAB' })
  const answer = { key_format: 'jwk', transfer_key: JSON.stringify(jwk) }
  const pem = exchangeCertificateOf(answer)
  expect(new X509Certificate(pem).raw).toEqual(new X509Certificate(a.certificate).raw)
  expect(() => exchangeCertificateOf({})).toThrow('no certificate')
  expect(() => toWrappingKey('x')).toThrow('cannot be read')
})
