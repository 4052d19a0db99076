import { createHash, generateKeyPairSync, randomBytes, sign, verify } from 'node:crypto'
import { expect, test } from 'vitest'
import { type Curve, curves, signDigest, verifyDigest } from './ecdsa.ts'
import { openNativeEc } from './native-ec.ts'

const rows = [
  ['P-256', 'sha256'],
  ['P-256K', 'sha256'],
  ['P-384', 'sha384'],
  ['P-521', 'sha512'],
] as const

function pairOf(curve: Curve) {
  const pair = generateKeyPairSync('ec', { namedCurve: curves[curve].name })
  const secret = Buffer.from(pair.privateKey.export({ format: 'jwk' }).d ?? '', 'base64url')
  const native = openNativeEc(curve, secret)
  if (!native) throw new Error('This Node shows no OpenSSL.')
  return { ...pair, secret, native }
}

test.each(rows)('%s: native signatures of digests are those of their messages', (curve, hash) => {
  for (let n = 0; n < 40; n++) {
    const { native, secret, publicKey, privateKey } = pairOf(curve)
    const message = randomBytes(n)
    const digest = createHash(hash).update(message).digest()
    const signature = native.sign(digest)
    const key = { key: publicKey, dsaEncoding: 'ieee-p1363' } as const
    expect(signature).toHaveLength(2 * curves[curve].sizeBytes)
    expect(verify(hash, message, key, signature)).toBe(true)
    expect(native.verify(digest, signature)).toBe(true)
    expect(verifyDigest(curve, secret, digest, signature)).toBe(true)
    expect(native.verify(digest, signDigest(curve, secret, digest))).toBe(true)
    const theirs = sign(hash, message, { key: privateKey, dsaEncoding: 'ieee-p1363' })
    expect(native.verify(digest, theirs)).toBe(true)
    const flipped = Buffer.from(signature)
    flipped[n] = (flipped[n] ?? 0) ^ 1
    expect(native.verify(digest, flipped)).toBe(false)
    expect(native.verify(randomBytes(digest.length), signature)).toBe(false)
  }
})

/** r or s that no signature has: 0, n, all ones; and a wrong length. */
const forged = (curve: Curve): Buffer[] => {
  const { order, sizeBytes } = curves[curve]
  const n = Buffer.from(order.toString(16).padStart(2 * sizeBytes, '0'), 'hex')
  const [zero, one] = [Buffer.alloc(sizeBytes), Buffer.alloc(sizeBytes, 255)]
  return [
    Buffer.concat([zero, zero]),
    Buffer.concat([n, n]),
    Buffer.concat([one, one]),
    Buffer.alloc(2 * sizeBytes - 1),
    Buffer.alloc(0),
  ]
}

test.each(rows)('%s: forged signatures are refused, and leave no trace in node:crypto', (curve) => {
  const { native } = pairOf(curve)
  const digest = randomBytes(32)
  for (const signature of forged(curve)) expect(native.verify(digest, signature)).toBe(false)
  expect(() => generateKeyPairSync('ec', { namedCurve: 'prime256v1' })).not.toThrow()
  expect(native.verify(digest, native.sign(digest))).toBe(true)
})
