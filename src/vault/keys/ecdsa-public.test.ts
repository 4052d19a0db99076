import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { expect, test } from 'vitest'
import { type Curve, curves, signDigest, verifyDigest } from './ecdsa.ts'
import { verifyWithPoint } from './ecdsa-public.ts'

const names = Object.keys(curves) as Curve[]
const HASHES = { 'P-256': 'sha256', 'P-256K': 'sha256', 'P-384': 'sha384', 'P-521': 'sha512' }

function pairOf(curve: Curve) {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: curves[curve].name })
  const { d = '', x = '', y = '' } = privateKey.export({ format: 'jwk' })
  const bytes = (text: string) => Buffer.from(text, 'base64url')
  return { privateKey, secret: bytes(d), point: { x: bytes(x), y: bytes(y) } }
}

test.each(names)('%s: the public point alone tells right from wrong', (curve) => {
  const { privateKey, secret, point } = pairOf(curve)
  for (let n = 0; n < 20; n++) {
    const digest = createHash(HASHES[curve]).update(`${n}`).digest()
    const key = { key: privateKey, dsaEncoding: 'ieee-p1363' } as const
    const native = sign(HASHES[curve], Buffer.from(`${n}`), key)
    for (const signature of [native, signDigest(curve, secret, digest)]) {
      expect(verifyWithPoint(curve, point, digest, signature)).toBe(true)
      const flipped = Buffer.from(signature)
      flipped[n] = (flipped[n] ?? 0) ^ 1
      expect(verifyWithPoint(curve, point, digest, flipped)).toBe(false)
      expect(verifyWithPoint(curve, point, randomBytes(digest.length), signature)).toBe(false)
      expect(verifyWithPoint(curve, pairOf(curve).point, digest, signature)).toBe(false)
    }
  }
})

test.each(names)(
  '%s: edge digests and numbers out of range are judged as with the secret',
  (curve) => {
    const { secret, point } = pairOf(curve)
    const { sizeBytes, order } = curves[curve]
    const size = Math.min(64, sizeBytes)
    for (const digest of [Buffer.alloc(size), Buffer.alloc(size, 255)]) {
      const signature = signDigest(curve, secret, digest)
      expect(verifyWithPoint(curve, point, digest, signature)).toBe(true)
    }
    const n = Buffer.from(order.toString(16).padStart(2 * sizeBytes, '0'), 'hex')
    const digest = randomBytes(size)
    const good = signDigest(curve, secret, digest)
    const [r, s] = [good.subarray(0, sizeBytes), good.subarray(sizeBytes)]
    const zero = Buffer.alloc(sizeBytes)
    for (const parts of [[zero, s], [r, zero], [n, s], [r, n], [r], [r, s, zero]]) {
      const wrong = Buffer.concat(parts)
      expect(verifyWithPoint(curve, point, digest, wrong)).toBe(false)
      expect(verifyDigest(curve, secret, digest, wrong)).toBe(false)
    }
    const offCurve = { x: point.x, y: point.x }
    expect(verifyWithPoint(curve, offCurve, digest, good)).toBe(false)
  },
)

test('a point that is the factor times the base is doubled, its opposite is nobody', () => {
  // With d = z/r the two points of the sum are one; with d = -z/r they cancel.
  const curve = 'P-256'
  const { order } = curves[curve]
  const { secret, point } = pairOf(curve)
  const d = BigInt(`0x${secret.toString('hex')}`)
  const toBytes = (value: bigint) => Buffer.from(value.toString(16).padStart(64, '0'), 'hex')
  const r = 5n
  for (const z of [(d * r) % order, order - ((d * r) % order)]) {
    const signature = Buffer.concat([toBytes(r), toBytes(7n)])
    const asked = [toBytes(z), signature] as const
    expect(verifyWithPoint(curve, point, ...asked)).toBe(verifyDigest(curve, secret, ...asked))
  }
})
