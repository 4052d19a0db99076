import { CKM, type Mechanism, pssMechanism } from '../../pkcs11/index.ts'
import type { Curve } from './ecdsa.ts'
import { digestInfo, type HashName } from './rsa.ts'

type Sha2 = Exclude<HashName, 'sha1'>

/** What a token is asked for a signature of a digest. */
export type TokenSign =
  | {
      readonly family: 'RSA'
      readonly hashName: Sha2 | undefined
      readonly padding: 'pkcs1' | 'pss'
      readonly mechanism: Mechanism
      readonly toData: (digest: Buffer) => Buffer
    }
  | { readonly family: 'EC'; readonly curve: Curve; readonly mechanism: Mechanism }
  | { readonly family: 'oct'; readonly mechanism: Mechanism }

/** What a token is asked for a text or a wrapped key. */
export type TokenCipher =
  | { readonly kind: 'rsa'; readonly oaepHash: 'sha1' | 'sha256' | undefined }
  | { readonly kind: 'gcm' }
  | { readonly kind: 'cbc'; readonly pads: boolean }
  | { readonly kind: 'wrap'; readonly pads: boolean }

const rs = (hashName: Sha2 | undefined): TokenSign => ({
  family: 'RSA',
  hashName,
  padding: 'pkcs1',
  mechanism: { type: CKM.rsaPkcs },
  // The token pads; what is padded is a DigestInfo, and with RSNULL the bytes as they are.
  toData: (digest) => digestInfo(hashName, digest),
})

const ps = (hashName: Sha2): TokenSign => ({
  family: 'RSA',
  hashName,
  padding: 'pss',
  mechanism: pssMechanism(hashName),
  toData: (digest) => digest,
})

const es = (curve: Curve): TokenSign => ({ family: 'EC', curve, mechanism: { type: CKM.ecdsa } })
const hs = (type: number): TokenSign => ({ family: 'oct', mechanism: { type } })

/** Signatures by their Key Vault names, as in `signAlgorithms`. */
export const tokenSigns: Readonly<Record<string, TokenSign>> = {
  RS256: rs('sha256'),
  RS384: rs('sha384'),
  RS512: rs('sha512'),
  RSNULL: rs(undefined),
  PS256: ps('sha256'),
  PS384: ps('sha384'),
  PS512: ps('sha512'),
  ES256: es('P-256'),
  ES256K: es('P-256K'),
  ES384: es('P-384'),
  ES512: es('P-521'),
  HS256: hs(CKM.sha256Hmac),
  HS384: hs(CKM.sha384Hmac),
  HS512: hs(CKM.sha512Hmac),
}

const sizes = ['128', '192', '256'] as const
const eachSize = (toName: (bits: string) => string, cipher: TokenCipher) =>
  Object.fromEntries(sizes.map((bits) => [toName(bits), cipher]))

/** Encryption and wrapping by their Key Vault names, as in `cipherAlgorithms`. */
export const tokenCiphers: Readonly<Record<string, TokenCipher>> = {
  RSA1_5: { kind: 'rsa', oaepHash: undefined },
  'RSA-OAEP': { kind: 'rsa', oaepHash: 'sha1' },
  'RSA-OAEP-256': { kind: 'rsa', oaepHash: 'sha256' },
  ...eachSize((bits) => `A${bits}GCM`, { kind: 'gcm' }),
  ...eachSize((bits) => `A${bits}CBC`, { kind: 'cbc', pads: false }),
  ...eachSize((bits) => `A${bits}CBCPAD`, { kind: 'cbc', pads: true }),
  ...eachSize((bits) => `A${bits}KW`, { kind: 'wrap', pads: false }),
  CKM_AES_KEY_WRAP: { kind: 'wrap', pads: false },
  CKM_AES_KEY_WRAP_PAD: { kind: 'wrap', pads: true },
}
