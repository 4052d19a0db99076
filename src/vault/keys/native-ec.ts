import { findOpenSsl, type OpenSsl, type Pointer } from '../../storage/openssl.ts'
import { type Curve, curves } from './ecdsa.ts'

/** OpenSSL's names of the curves, DER-encoded. */
const CURVE_IDS: Readonly<Record<Curve, string>> = {
  'P-256': '06082a8648ce3d030107',
  'P-256K': '06052b8104000a',
  'P-384': '06052b81040022',
  'P-521': '06052b81040023',
}

/**
 * An elliptic-curve key pair that signs and verifies digests as they are. node:crypto always hashes
 * first; this calls OpenSSL below it. P-256: 28 us a signature, as node:crypto needs for its own.
 */
export class NativeEcKey {
  readonly #openSsl: OpenSsl
  readonly #sizeBytes: number
  readonly #signing: Pointer
  readonly #verifying: Pointer
  /** Where OpenSSL writes; longer than any signature. */
  readonly #der: Buffer
  readonly #size: [number] = [0]

  constructor(openSsl: OpenSsl, key: Pointer, sizeBytes: number) {
    this.#openSsl = openSsl
    this.#sizeBytes = sizeBytes
    this.#der = Buffer.allocUnsafeSlow(2 * sizeBytes + 16)
    // One of each serves all signatures; both hold the key.
    this.#signing = begun(openSsl.newKeyContext(key, null), openSsl.signInit)
    this.#verifying = begun(openSsl.newKeyContext(key, null), openSsl.verifyInit)
    const held = { openSsl, key, contexts: [this.#signing, this.#verifying] }
    unused.register(this, held)
  }

  /** r, then s, each as long as a coordinate. */
  sign(digest: Uint8Array): Buffer {
    const size = this.#size
    size[0] = this.#der.length
    if (this.#openSsl.sign(this.#signing, this.#der, size, digest, digest.length) !== 1) {
      throw new Error('OpenSSL did not sign.')
    }
    return fromDer(this.#der, this.#sizeBytes)
  }

  verify(digest: Uint8Array, signature: Uint8Array): boolean {
    if (signature.length !== 2 * this.#sizeBytes) return false
    const der = toDer(signature, this.#sizeBytes)
    const { verify, clearErrors } = this.#openSsl
    const isValid = verify(this.#verifying, der, der.length, digest, digest.length) === 1
    // A refusal leaves its reasons behind, and node:crypto would take them for its own.
    if (!isValid) clearErrors()
    return isValid
  }
}

function begun(context: Pointer | null, init: (context: Pointer) => number): Pointer {
  if (!context || init(context) !== 1) throw new Error('OpenSSL gave no context.')
  return context
}

interface Held {
  readonly openSsl: OpenSsl
  readonly key: Pointer
  readonly contexts: readonly Pointer[]
}

const unused = new FinalizationRegistry<Held>(({ openSsl, key, contexts }) => {
  for (const context of contexts) openSsl.freeKeyContext(context)
  openSsl.freeKey(key)
})

/**
 * Opens the pair of a scalar from 1 to n-1; undefined where this Node shows no OpenSSL to call (then
 * `ecdsa.ts` does the same more slowly).
 */
export function openNativeEc(curve: Curve, scalar: Uint8Array): NativeEcKey | undefined {
  const openSsl = findOpenSsl()
  if (!openSsl) return undefined
  const der = toEcPrivateKey(curve, scalar)
  try {
    const key = openSsl.readKey(null, [der], der.length)
    if (key) return new NativeEcKey(openSsl, key, curves[curve].sizeBytes)
    openSsl.clearErrors()
    return undefined
  } finally {
    der.fill(0)
  }
}

/** RFC 5915 without the public point, which OpenSSL computes. */
function toEcPrivateKey(curve: Curve, scalar: Uint8Array): Buffer {
  const id = Buffer.from(CURVE_IDS[curve], 'hex')
  const body = [Buffer.of(2, 1, 1, 4, scalar.length), scalar, Buffer.of(0xa0, id.length), id]
  const size = body.reduce((sum, { length }) => sum + length, 0)
  return Buffer.concat([Buffer.of(0x30, size), ...body])
}

/** `ECDSA-Sig-Value` (RFC 3279, 2.2.3) of r and s. */
function toDer(signature: Uint8Array, sizeBytes: number): Buffer {
  const body = Buffer.concat([
    toInteger(signature.subarray(0, sizeBytes)),
    toInteger(signature.subarray(sizeBytes)),
  ])
  const head = body.length < 128 ? [0x30, body.length] : [0x30, 0x81, body.length]
  return Buffer.concat([Buffer.from(head), body])
}

function toInteger(bytes: Uint8Array): Buffer {
  const first = bytes.findIndex((byte) => byte !== 0)
  const value = first < 0 ? bytes.subarray(-1) : bytes.subarray(first)
  const sign = (value[0] ?? 0) >= 0x80 ? [0] : []
  return Buffer.concat([Buffer.of(2, value.length + sign.length, ...sign), value])
}

/** The inverse of `toDer`, for what OpenSSL wrote itself. */
function fromDer(der: Buffer, sizeBytes: number): Buffer {
  const both = Buffer.alloc(2 * sizeBytes)
  let at = der[1] === 0x81 ? 3 : 2
  for (const end of [sizeBytes, 2 * sizeBytes]) {
    const length = der[at + 1] ?? 0
    const value = der.subarray(at + 2, at + 2 + length)
    const digits = value[0] === 0 ? value.subarray(1) : value
    digits.copy(both, end - digits.length)
    at += 2 + length
  }
  return both
}
