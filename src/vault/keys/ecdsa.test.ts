import { execFileSync } from 'node:child_process'
import { createHash, generateKeyPairSync, randomBytes, sign, verify } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { expect, test } from 'vitest'
import { type Curve, curves, signDigest, verifyDigest } from './ecdsa.ts'

const names = Object.keys(curves) as Curve[]

function pairOf(curve: Curve) {
  const pair = generateKeyPairSync('ec', { namedCurve: curves[curve].name })
  const secret = Buffer.from(pair.privateKey.export({ format: 'jwk' }).d ?? '', 'base64url')
  return { ...pair, secret }
}

const hashes = {
  'P-256': 'sha256',
  'P-256K': 'sha256',
  'P-384': 'sha384',
  'P-521': 'sha512',
} as const

test.each(names)('%s: signatures of digests verify as signatures of their messages', (curve) => {
  const { publicKey, privateKey, secret } = pairOf(curve)
  for (let n = 0; n < 25; n++) {
    const message = randomBytes(n)
    const digest = createHash(hashes[curve]).update(message).digest()
    const signature = signDigest(curve, secret, digest)
    expect(signature).toHaveLength(2 * curves[curve].sizeBytes)
    const key = { key: publicKey, dsaEncoding: 'ieee-p1363' } as const
    expect(verify(hashes[curve], message, key, signature)).toBe(true)
    expect(verifyDigest(curve, secret, digest, signature)).toBe(true)
    const native = sign(hashes[curve], message, { key: privateKey, dsaEncoding: 'ieee-p1363' })
    expect(verifyDigest(curve, secret, digest, native)).toBe(true)
    const flipped = Buffer.from(signature)
    flipped[n] = (flipped[n] ?? 0) ^ 1
    expect(verifyDigest(curve, secret, digest, flipped)).toBe(false)
    expect(verifyDigest(curve, secret, randomBytes(digest.length), signature)).toBe(false)
  }
})

/** Digests at the edges: zero, one, all ones, and the order itself, which is zero again. */
const edges = (curve: Curve): Buffer[] => {
  const size = Math.min(64, curves[curve].sizeBytes)
  const order = Buffer.from(curves[curve].order.toString(16).padStart(size * 2, '0'), 'hex')
  const one = Buffer.alloc(size)
  one[size - 1] = 1
  return [
    Buffer.alloc(size),
    one,
    Buffer.alloc(size, 255),
    ...(order.length === size ? [order] : []),
  ]
}

test.each(names)('%s: openssl pkeyutl verifies signatures of edge digests', (curve) => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'sluice-ecdsa-'))
  try {
    const { publicKey, secret } = pairOf(curve)
    const file = (name: string, bytes: string | Buffer) => {
      writeFileSync(path.join(folder, name), bytes)
      return path.join(folder, name)
    }
    const key = file('key.pem', publicKey.export({ format: 'pem', type: 'spki' }))
    for (const digest of edges(curve)) {
      const signature = signDigest(curve, secret, digest)
      expect(verifyDigest(curve, secret, digest, signature)).toBe(true)
      const der = file('signature', toDer(signature))
      const input = file('digest', digest)
      const args = ['pkeyutl', '-verify', '-pubin', '-inkey', key, '-in', input, '-sigfile', der]
      expect(execFileSync('openssl', args).toString()).toContain('Verified Successfully')
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test.each(names)('%s: openssl pkeyutl signatures of edge digests are verified', (curve) => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'sluice-ecdsa-'))
  try {
    const { privateKey, secret } = pairOf(curve)
    const key = path.join(folder, 'key.pem')
    writeFileSync(key, privateKey.export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600 })
    for (const digest of edges(curve)) {
      const input = path.join(folder, 'digest')
      writeFileSync(input, digest)
      const der = execFileSync('openssl', ['pkeyutl', '-sign', '-inkey', key, '-in', input])
      const signature = fromDer(der, curves[curve].sizeBytes)
      expect(verifyDigest(curve, secret, digest, signature)).toBe(true)
      signature[5] = (signature[5] ?? 0) ^ 4
      expect(verifyDigest(curve, secret, digest, signature)).toBe(false)
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test.each(names)('%s: r and s outside 1..n-1 and wrong lengths are no signatures', (curve) => {
  const { secret } = pairOf(curve)
  const { sizeBytes, order } = curves[curve]
  const digest = randomBytes(Math.min(64, sizeBytes))
  const signature = signDigest(curve, secret, digest)
  const n = Buffer.from(order.toString(16).padStart(2 * sizeBytes, '0'), 'hex')
  const zero = Buffer.alloc(sizeBytes)
  const r = signature.subarray(0, sizeBytes)
  const s = signature.subarray(sizeBytes)
  for (const wrong of [[zero, s], [r, zero], [n, s], [r, n], [r], [r, s, zero], []]) {
    expect(verifyDigest(curve, secret, digest, Buffer.concat(wrong))).toBe(false)
  }
})

function toDer(signature: Buffer): Buffer {
  const half = signature.length / 2
  const integers = [signature.subarray(0, half), signature.subarray(half)].map((bytes) => {
    let start = 0
    while (start < bytes.length - 1 && bytes[start] === 0) start++
    const body = bytes.subarray(start)
    const lead = (body[0] ?? 0) > 127 ? Buffer.from([0]) : Buffer.alloc(0)
    return Buffer.concat([Buffer.from([2, lead.length + body.length]), lead, body])
  })
  const body = Buffer.concat(integers)
  const head = body.length > 127 ? [0x30, 0x81, body.length] : [0x30, body.length]
  return Buffer.concat([Buffer.from(head), body])
}

function fromDer(der: Buffer, sizeBytes: number): Buffer {
  let at = der[1] === 0x81 ? 3 : 2
  const integers: Buffer[] = []
  while (at < der.length) {
    const length = der[at + 1] ?? 0
    const bytes = der.subarray(at + 2, at + 2 + length)
    const padded = Buffer.concat([Buffer.alloc(sizeBytes), bytes])
    integers.push(padded.subarray(padded.length - sizeBytes))
    at += 2 + length
  }
  return Buffer.concat(integers)
}
