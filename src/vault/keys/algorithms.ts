import type { KeyObject } from 'node:crypto'
import { Fault } from '../../base/fault.ts'
import { propertyWrong, type VaultFaultCode } from '../faults.ts'
import { cbcDecrypt, cbcEncrypt, gcmDecrypt, gcmEncrypt, isMac, mac, unwrap, wrap } from './aes.ts'
import { type Curve, signDigest, verifyDigest } from './ecdsa.ts'
import { familyOf, type KeyFamily, type PublicPart } from './material.ts'
import type { NativeEcKey } from './native-ec.ts'
import {
  type HashName,
  pkcs1Sign,
  pkcs1Verify,
  pssSign,
  pssVerify,
  rsaDecrypt,
  rsaEncrypt,
} from './rsa.ts'

/** What a caller sends for encryption and wrapping, and gets back. */
export interface CipherParts {
  readonly value: Buffer
  readonly iv?: Buffer | undefined
  readonly tag?: Buffer | undefined
  readonly aad?: Buffer | undefined
}

/** A key that this process opened. */
export interface OpenedKey {
  /** RSA as PKCS#8, EC as its scalar, oct as its bytes. */
  readonly secret: Buffer
  /** The private key of an RSA secret. */
  rsa(): KeyObject
  /** The pair of an EC secret; undefined where OpenSSL cannot be called. */
  ec(curve: Curve): NativeEcKey | undefined
}

interface Algorithm {
  readonly family: KeyFamily
  readonly curve?: Curve
  /** Only keys of this size. */
  readonly bits?: number
}

/** An algorithm that encrypts; `uses` says whether it also, or only, wraps keys. */
export interface CipherAlgorithm extends Algorithm {
  readonly uses: 'encrypt' | 'wrapKey' | 'both'
  readonly encrypt: (key: OpenedKey, parts: CipherParts) => CipherParts | undefined
  readonly decrypt: (key: OpenedKey, parts: CipherParts) => CipherParts | undefined
}

export interface SignAlgorithm extends Algorithm {
  /** Undefined: any that fits the modulus. */
  readonly digestBytes: number | undefined
  readonly sign: (key: OpenedKey, digest: Buffer) => Buffer
  readonly verify: (key: OpenedKey, digest: Buffer, signature: Buffer) => boolean
}

const plain = (value: Buffer | undefined): CipherParts | undefined => value && { value }

function rsaCipher(oaepHash: HashName | undefined): CipherAlgorithm {
  const run =
    (work: typeof rsaEncrypt) =>
    (key: OpenedKey, { value }: CipherParts) => {
      try {
        return { value: work(key.rsa(), oaepHash, value) }
      } catch {
        return undefined
      }
    }
  return { family: 'RSA', uses: 'both', encrypt: run(rsaEncrypt), decrypt: run(rsaDecrypt) }
}

function gcm(bits: number): CipherAlgorithm {
  return {
    family: 'oct',
    bits,
    uses: 'encrypt',
    encrypt: ({ secret }, { value, aad, iv }) => {
      if (iv) throw propertyWrong('iv: GCM makes its own')
      return { ...gcmEncrypt(secret, value, aad), aad }
    },
    decrypt: ({ secret }, { value, iv, tag, aad }) => {
      if (!iv || !tag) throw propertyWrong('iv, tag')
      return plain(gcmDecrypt(secret, { value, iv, tag }, aad))
    },
  }
}

function cbc(bits: number, pads: boolean): CipherAlgorithm {
  const run =
    (work: typeof cbcEncrypt) =>
    ({ secret }: OpenedKey, { value, iv }: CipherParts) => {
      if (iv?.length !== 16) throw propertyWrong('iv: 16 bytes')
      const result = work(secret, iv, value, pads)
      return result && { value: result, iv }
    }
  return {
    family: 'oct',
    bits,
    uses: 'encrypt',
    encrypt: run(cbcEncrypt),
    decrypt: run(cbcDecrypt),
  }
}

function keyWrap(bits: number | undefined, pads: boolean): CipherAlgorithm {
  return {
    family: 'oct',
    ...(bits !== undefined && { bits }),
    uses: 'wrapKey',
    encrypt: ({ secret }, { value }) => plain(wrap(secret, value, pads)),
    decrypt: ({ secret }, { value }) => plain(unwrap(secret, value, pads)),
  }
}

/** Encryption and wrapping (key-vault.md §8.1). */
export const cipherAlgorithms: Readonly<Record<string, CipherAlgorithm>> = {
  RSA1_5: rsaCipher(undefined),
  'RSA-OAEP': rsaCipher('sha1'),
  'RSA-OAEP-256': rsaCipher('sha256'),
  A128GCM: gcm(128),
  A192GCM: gcm(192),
  A256GCM: gcm(256),
  A128CBC: cbc(128, false),
  A192CBC: cbc(192, false),
  A256CBC: cbc(256, false),
  A128CBCPAD: cbc(128, true),
  A192CBCPAD: cbc(192, true),
  A256CBCPAD: cbc(256, true),
  A128KW: keyWrap(128, false),
  A192KW: keyWrap(192, false),
  A256KW: keyWrap(256, false),
  CKM_AES_KEY_WRAP: keyWrap(undefined, false),
  CKM_AES_KEY_WRAP_PAD: keyWrap(undefined, true),
}

type Sha2 = Exclude<HashName, 'sha1'>
const SHA2_BYTES: Readonly<Record<Sha2, number>> = { sha256: 32, sha384: 48, sha512: 64 }

function rs(hashName: Sha2 | undefined): SignAlgorithm {
  return {
    family: 'RSA',
    digestBytes: hashName && SHA2_BYTES[hashName],
    sign: (key, digest) => pkcs1Sign(key.rsa(), hashName, digest),
    verify: (key, digest, signature) => pkcs1Verify(key.rsa(), hashName, digest, signature),
  }
}

function ps(hashName: Sha2): SignAlgorithm {
  return {
    family: 'RSA',
    digestBytes: SHA2_BYTES[hashName],
    sign: (key, digest) => pssSign(key.rsa(), hashName, digest),
    verify: (key, digest, signature) => pssVerify(key.rsa(), hashName, digest, signature),
  }
}

function es(curve: Curve, digestBytes: number): SignAlgorithm {
  return {
    family: 'EC',
    curve,
    digestBytes,
    sign: (key, digest) => key.ec(curve)?.sign(digest) ?? signDigest(curve, key.secret, digest),
    verify: (key, digest, signature) =>
      key.ec(curve)?.verify(digest, signature) ??
      verifyDigest(curve, key.secret, digest, signature),
  }
}

function hs(hashName: Sha2): SignAlgorithm {
  return {
    family: 'oct',
    digestBytes: SHA2_BYTES[hashName],
    sign: ({ secret }, digest) => mac(secret, hashName, digest),
    verify: ({ secret }, digest, given) => isMac(secret, hashName, digest, given),
  }
}

/** Signatures of digests (key-vault.md §8.1). */
export const signAlgorithms: Readonly<Record<string, SignAlgorithm>> = {
  RS256: rs('sha256'),
  RS384: rs('sha384'),
  RS512: rs('sha512'),
  RSNULL: rs(undefined),
  PS256: ps('sha256'),
  PS384: ps('sha384'),
  PS512: ps('sha512'),
  ES256: es('P-256', 32),
  ES256K: es('P-256K', 32),
  ES384: es('P-384', 48),
  ES512: es('P-521', 64),
  HS256: hs('sha256'),
  HS384: hs('sha384'),
  HS512: hs('sha512'),
}

/** Curves as the refusal names them. */
const CURVE_NAMES: Readonly<Record<Curve, string>> = {
  'P-256': 'P-256',
  'P-256K': 'SECP256K1',
  'P-384': 'P-384',
  'P-521': 'P-521',
}

/**
 * The algorithm of that name, if the key fits it.
 *
 * @throws Fault `PropertyWrong` for an unknown name, `AlgorithmWrong` when the key does not fit
 */
export function readAlgorithm<Found extends Algorithm>(
  table: Readonly<Record<string, Found>>,
  alg: unknown,
  key: { readonly kid: string; readonly shown: PublicPart; readonly verb: string },
): Found {
  const found = typeof alg === 'string' && Object.hasOwn(table, alg) ? table[alg] : undefined
  if (!found) throw propertyWrong('alg')
  const { kid, shown, verb } = key
  const misfit = misfitOf(found, shown)
  if (misfit === undefined) return found
  throw new Fault<VaultFaultCode>(
    'AlgorithmWrong',
    `Key and ${verb} algorithm are incompatible. Key ${kid} ${misfit[0]}, and algorithm '${alg}' can only be used with ${misfit[1]}.`,
  )
}

function misfitOf(algorithm: Algorithm, shown: PublicPart): [string, string] | undefined {
  const { family, curve, bits } = algorithm
  if (familyOf(shown.kty) !== family) return [`is of type '${shown.kty}'`, `type '${family}'`]
  if (curve !== undefined && shown.crv !== curve) {
    const used = shown.crv ? CURVE_NAMES[shown.crv] : ''
    return [`uses curve '${used}'`, `curve '${curve}'`]
  }
  if (bits !== undefined && shown.bits !== bits) return [`has ${shown.bits} bits`, `${bits} bits`]
  return undefined
}
