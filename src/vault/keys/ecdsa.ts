import { createECDH, randomBytes } from 'node:crypto'

/** A curve as Key Vault names it. */
export type Curve = 'P-256' | 'P-256K' | 'P-384' | 'P-521'

interface CurveFacts {
  /** OpenSSL's name. */
  readonly name: string
  /** Bytes of a coordinate and of a scalar. */
  readonly sizeBytes: number
  /** The order of the base point. */
  readonly order: bigint
}

export const curves: Readonly<Record<Curve, CurveFacts>> = {
  'P-256': {
    name: 'prime256v1',
    sizeBytes: 32,
    order: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  },
  'P-256K': {
    name: 'secp256k1',
    sizeBytes: 32,
    order: 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n,
  },
  'P-384': {
    name: 'secp384r1',
    sizeBytes: 48,
    order:
      0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
  },
  'P-521': {
    name: 'secp521r1',
    sizeBytes: 66,
    order:
      0x1fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409n,
  },
}

/**
 * Signs a digest as it is (SEC 1, 4.1.3), which node:crypto cannot: it always hashes. The nonce and
 * its point are OpenSSL's, in constant time. JavaScript only joins scalars, and each product has a
 * random share or mask in it, so that no timing tells of the key or the nonce. 64 to 132 bytes: r,
 * then s.
 */
export function signDigest(curve: Curve, secret: Uint8Array, digest: Uint8Array): Buffer {
  const { order, name, sizeBytes } = curves[curve]
  const z = toScalar(digest) % order
  const d = toScalar(secret)
  for (;;) {
    const ecdh = createECDH(name)
    const r = xOf(ecdh.generateKeys(), curve) % order
    const k = toScalar(ecdh.getPrivateKey())
    const mask = randomScalar(curve)
    const masked = multiply(curve, (z + multiply(curve, d, r)) % order, mask)
    const s = (masked * invert(multiply(curve, k, mask), order)) % order
    if (r !== 0n && s !== 0n) return Buffer.concat([toBytes(r, sizeBytes), toBytes(s, sizeBytes)])
  }
}

/**
 * Verifies a signature of a digest as it is, with the pair's secret: (z + r·d)/s times the base point
 * is the nonce's point, for which OpenSSL needs one multiplication.
 */
export function verifyDigest(
  curve: Curve,
  secret: Uint8Array,
  digest: Uint8Array,
  signature: Uint8Array,
): boolean {
  const { order, name, sizeBytes } = curves[curve]
  if (signature.length !== 2 * sizeBytes) return false
  const r = toScalar(signature.subarray(0, sizeBytes))
  const s = toScalar(signature.subarray(sizeBytes))
  if (r === 0n || s === 0n || r >= order || s >= order) return false
  const sum = (toScalar(digest) + multiply(curve, toScalar(secret), r)) % order
  const k = multiply(curve, sum, invert(s, order))
  if (k === 0n) return false
  const ecdh = createECDH(name)
  ecdh.setPrivateKey(toBytes(k, sizeBytes))
  return xOf(ecdh.getPublicKey(), curve) % order === r
}

/** The public point of a scalar as `x.y`, in base64url; undefined when the scalar is out of range. */
export function pointOf(curve: Curve, secret: Uint8Array): string | undefined {
  const { name, sizeBytes } = curves[curve]
  const ecdh = createECDH(name)
  try {
    ecdh.setPrivateKey(secret)
  } catch {
    return undefined
  }
  const point = ecdh.getPublicKey()
  const x = point.subarray(1, 1 + sizeBytes).toString('base64url')
  return `${x}.${point.subarray(1 + sizeBytes).toString('base64url')}`
}

/** secret · factor mod n over two random shares of the secret. */
function multiply(curve: Curve, secret: bigint, factor: bigint): bigint {
  const { order } = curves[curve]
  const share = randomScalar(curve)
  const rest = secret + order - share
  return (((share * factor) % order) + ((rest * factor) % order)) % order
}

/** 1 to n-1; eight bytes more than needed leave no bias. */
function randomScalar(curve: Curve): bigint {
  const { order, sizeBytes } = curves[curve]
  return (toScalar(randomBytes(sizeBytes + 8)) % (order - 1n)) + 1n
}

/** The inverse modulo a prime, of public or masked values only: its time depends on them. */
function invert(value: bigint, modulus: bigint): bigint {
  let [a, b] = [value % modulus, modulus]
  let [x, y] = [1n, 0n]
  while (a > 1n) {
    const quotient = b / a
    ;[a, b] = [b - quotient * a, a]
    ;[x, y] = [y - quotient * x, x]
  }
  return x < 0n ? x + modulus : x
}

/** x of an uncompressed point: 4, x, y. */
function xOf(point: Buffer, curve: Curve): bigint {
  return toScalar(point.subarray(1, 1 + curves[curve].sizeBytes))
}

function toScalar(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
}

function toBytes(value: bigint, sizeBytes: number): Buffer {
  return Buffer.from(value.toString(16).padStart(2 * sizeBytes, '0'), 'hex')
}
