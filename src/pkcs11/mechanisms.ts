import { CKM, MGF1 } from './constants.ts'
import type { Mechanism } from './cryptoki.ts'

/** Hashes that paddings are made with. */
export type TokenHash = 'sha1' | 'sha256' | 'sha384' | 'sha512'

const HASH_BYTES: Readonly<Record<TokenHash, number>> = {
  sha1: 20,
  sha256: 32,
  sha384: 48,
  sha512: 64,
}
const GCM_TAG_BITS = 128
/** CKZ_DATA_SPECIFIED */
const DATA_SPECIFIED = 1

/** CK_GCM_PARAMS (PKCS#11 v2.40 errata 01, 2.11.3) with a tag of 16 bytes behind the text. */
export function gcmMechanism(iv: Buffer, aad: Buffer | undefined): Mechanism {
  const members = [{ at: iv }, iv.length, iv.length * 8, { at: aad }, aad?.length ?? 0]
  return { type: CKM.aesGcm, parameters: [...members, GCM_TAG_BITS] }
}

/** RSAES-OAEP with MGF1 of the same hash and an empty label. */
export function oaepMechanism(hash: TokenHash): Mechanism {
  const parameters = [CKM[hash], MGF1[hash], DATA_SPECIFIED, { at: undefined }, 0]
  return { type: CKM.rsaOaep, parameters }
}

/** RSASSA-PSS of a digest, with MGF1 of the same hash and a salt as long as it. */
export function pssMechanism(hash: TokenHash): Mechanism {
  return { type: CKM.rsaPss, parameters: [CKM[hash], MGF1[hash], HASH_BYTES[hash]] }
}

/** AES-CBC, with PKCS#7 padding or without. */
export function cbcMechanism(iv: Buffer, pads: boolean): Mechanism {
  return { type: pads ? CKM.aesCbcPad : CKM.aesCbc, parameters: iv }
}
