import { createECDH } from 'node:crypto'
import { type Curve, curves } from './ecdsa.ts'

/** The field's prime and the curve's `a` (SEC 2); short Weierstrass, cofactor 1. */
const fields: Readonly<Record<Curve, { readonly prime: bigint; readonly a: bigint }>> = {
  'P-256': {
    prime: 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn,
    a: -3n,
  },
  'P-256K': {
    prime: 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2fn,
    a: 0n,
  },
  'P-384': {
    prime:
      0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffffn,
    a: -3n,
  },
  'P-521': { prime: 2n ** 521n - 1n, a: -3n },
}

interface Point {
  readonly x: bigint
  readonly y: bigint
}

/**
 * Verifies a signature of a digest as it is, with the public point alone (SEC 1, 4.1.4). The point
 * (z/s)·G + (r/s)·Q is (r/s)·(Q + (z/r)·G): OpenSSL does both multiplications, of which the second is an
 * agreement that gives x, and JavaScript the one addition. All of it is public.
 */
export function verifyWithPoint(
  curve: Curve,
  point: { readonly x: Buffer; readonly y: Buffer },
  digest: Buffer,
  signature: Buffer,
): boolean {
  const { order, name, sizeBytes } = curves[curve]
  if (signature.length !== 2 * sizeBytes) return false
  const r = toNumber(signature.subarray(0, sizeBytes))
  const s = toNumber(signature.subarray(sizeBytes))
  if (r === 0n || s === 0n || r >= order || s >= order) return false
  const q = { x: toNumber(point.x), y: toNumber(point.y) }
  const factor = (toNumber(digest) * invert(r, order)) % order
  const sum = factor === 0n ? q : add(curve, q, baseTimes(curve, factor))
  if (!sum) return false
  const ecdh = createECDH(name)
  ecdh.setPrivateKey(toBytes((r * invert(s, order)) % order, sizeBytes))
  try {
    return toNumber(ecdh.computeSecret(uncompressed(sum, sizeBytes))) % order === r
  } catch {
    // The point is not of the curve.
    return false
  }
}

function baseTimes(curve: Curve, factor: bigint): Point {
  const { name, sizeBytes } = curves[curve]
  const ecdh = createECDH(name)
  ecdh.setPrivateKey(toBytes(factor, sizeBytes))
  const bytes = ecdh.getPublicKey()
  return {
    x: toNumber(bytes.subarray(1, 1 + sizeBytes)),
    y: toNumber(bytes.subarray(1 + sizeBytes)),
  }
}

/** Undefined: the point at infinity. */
function add(curve: Curve, left: Point, right: Point): Point | undefined {
  const { prime, a } = fields[curve]
  const isSame = left.x === right.x
  if (isSame && left.y !== right.y) return undefined
  const rise = isSame ? 3n * left.x * left.x + a : right.y - left.y
  const run = isSame ? 2n * left.y : right.x - left.x
  const slope = modulo(rise * invert(modulo(run, prime), prime), prime)
  const x = modulo(slope * slope - left.x - right.x, prime)
  return { x, y: modulo(slope * (left.x - x) - left.y, prime) }
}

function uncompressed({ x, y }: Point, sizeBytes: number): Buffer {
  return Buffer.concat([Buffer.of(4), toBytes(x, sizeBytes), toBytes(y, sizeBytes)])
}

function modulo(value: bigint, modulus: bigint): bigint {
  const rest = value % modulus
  return rest < 0n ? rest + modulus : rest
}

function invert(value: bigint, modulus: bigint): bigint {
  let [a, b] = [value, modulus]
  let [x, y] = [1n, 0n]
  while (a > 1n) {
    const quotient = b / a
    ;[a, b] = [b - quotient * a, a]
    ;[x, y] = [y - quotient * x, x]
  }
  return modulo(x, modulus)
}

function toNumber(bytes: Buffer): bigint {
  return BigInt(`0x${bytes.toString('hex')}`)
}

function toBytes(value: bigint, sizeBytes: number): Buffer {
  return Buffer.from(value.toString(16).padStart(2 * sizeBytes, '0'), 'hex')
}
