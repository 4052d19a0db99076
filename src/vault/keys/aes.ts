import {
  type CipherGCMTypes,
  createCipheriv,
  createDecipheriv,
  createHmac,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto'

const GCM_IV_BYTES = 12
const TAG_BYTES = 16
/** Default initial values of RFC 3394 and RFC 5649. */
const WRAP_IV = Buffer.from('a6a6a6a6a6a6a6a6', 'hex')
const WRAP_PAD_IV = Buffer.from('a65959a6', 'hex')

/** What GCM gives beside the text. */
export interface GcmSealed {
  readonly value: Buffer
  readonly iv: Buffer
  readonly tag: Buffer
}

/** AES-GCM with an IV of its own making. */
export function gcmEncrypt(key: Buffer, value: Buffer, aad: Buffer | undefined): GcmSealed {
  const iv = randomBytes(GCM_IV_BYTES)
  const cipher = createCipheriv(gcmName(key), key, iv)
  if (aad) cipher.setAAD(aad)
  const sealed = Buffer.concat([cipher.update(value), cipher.final()])
  return { value: sealed, iv, tag: cipher.getAuthTag() }
}

/** Undefined when the tag does not fit. */
export function gcmDecrypt(
  key: Buffer,
  sealed: GcmSealed,
  aad: Buffer | undefined,
): Buffer | undefined {
  if (sealed.iv.length !== GCM_IV_BYTES || sealed.tag.length !== TAG_BYTES) return undefined
  return orUndefined(() => {
    const decipher = createDecipheriv(gcmName(key), key, sealed.iv)
    if (aad) decipher.setAAD(aad)
    decipher.setAuthTag(sealed.tag)
    return Buffer.concat([decipher.update(sealed.value), decipher.final()])
  })
}

/** AES-CBC; undefined when the text is no multiple of 16 and is not padded. */
export function cbcEncrypt(
  key: Buffer,
  iv: Buffer,
  value: Buffer,
  pads: boolean,
): Buffer | undefined {
  return orUndefined(() => {
    const cipher = createCipheriv(`aes-${bitsOf(key)}-cbc`, key, iv).setAutoPadding(pads)
    return Buffer.concat([cipher.update(value), cipher.final()])
  })
}

/** Undefined when length or padding are wrong. */
export function cbcDecrypt(
  key: Buffer,
  iv: Buffer,
  value: Buffer,
  pads: boolean,
): Buffer | undefined {
  return orUndefined(() => {
    const decipher = createDecipheriv(`aes-${bitsOf(key)}-cbc`, key, iv).setAutoPadding(pads)
    return Buffer.concat([decipher.update(value), decipher.final()])
  })
}

/** AES key wrap (RFC 3394), or with padding (RFC 5649). Undefined when the length does not fit. */
export function wrap(key: Buffer, value: Buffer, pads: boolean): Buffer | undefined {
  if (pads ? value.length === 0 : value.length < 16 || value.length % 8 !== 0) return undefined
  return orUndefined(() => {
    const cipher = createCipheriv(wrapName(key, pads), key, pads ? WRAP_PAD_IV : WRAP_IV)
    return Buffer.concat([cipher.update(value), cipher.final()])
  })
}

/** Undefined when the integrity check fails. */
export function unwrap(key: Buffer, value: Buffer, pads: boolean): Buffer | undefined {
  // OpenSSL opens nothing to nothing, which no wrapping gives.
  if (value.length < (pads ? 16 : 24) || value.length % 8 !== 0) return undefined
  return orUndefined(() => {
    const decipher = createDecipheriv(wrapName(key, pads), key, pads ? WRAP_PAD_IV : WRAP_IV)
    return Buffer.concat([decipher.update(value), decipher.final()])
  })
}

/** HMAC of a digest. */
export function mac(key: Buffer, hashName: string, digest: Buffer): Buffer {
  return createHmac(hashName, key).update(digest).digest()
}

export function isMac(key: Buffer, hashName: string, digest: Buffer, given: Buffer): boolean {
  const expected = mac(key, hashName, digest)
  return expected.length === given.length && timingSafeEqual(expected, given)
}

function gcmName(key: Buffer): CipherGCMTypes {
  if (key.length === 16) return 'aes-128-gcm'
  return key.length === 24 ? 'aes-192-gcm' : 'aes-256-gcm'
}

function wrapName(key: Buffer, pads: boolean): string {
  return `id-aes${bitsOf(key)}-wrap${pads ? '-pad' : ''}`
}

function bitsOf(key: Buffer): number {
  return key.length * 8
}

/** OpenSSL throws for wrong lengths, paddings and tags; the caller has one refusal for them. */
function orUndefined(work: () => Buffer): Buffer | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}
