import { createCipheriv, createDecipheriv, type KeyObject, randomFillSync } from 'node:crypto'
import { Fault } from '../base/fault.ts'

/** Sealed bytes: format (1), key id (16), IV (12), ciphertext, tag (16). AES-256-GCM. */
export const FORMAT = 1
/** Format, key id and IV. */
export const HEADER_BYTES = 29
export const TAG_BYTES = 16
export const IV_BYTES = 12
/** IVs drawn from the system at once: one alone costs 4 us. */
const IVS_AT_ONCE = 256

/** A key and the name under which sealed bytes know it. */
export interface SealingKey {
  /** The 16 bytes of its GUID. */
  readonly id: Buffer
  readonly key: KeyObject
}

/** The 16 bytes of a GUID. */
export function toIdBytes(id: string): Buffer {
  return Buffer.from(id.replaceAll('-', ''), 'hex')
}

/** The id of the key that sealed these bytes, read as Latin-1; shorter than 16 when they are cut. */
export function keyIdOf(sealed: Uint8Array): string {
  return asBuffer(sealed).toString('latin1', 1, 17)
}

/** Random IVs, each given out once. */
export function ivSource(): () => Buffer {
  let pool = Buffer.alloc(0)
  let used = 0
  return () => {
    if (used === pool.length) {
      // A new one each time: those given out still point into the old one.
      pool = randomFillSync(Buffer.alloc(IV_BYTES * IVS_AT_ONCE))
      used = 0
    }
    used += IV_BYTES
    return pool.subarray(used - IV_BYTES, used)
  }
}

/** Seals a value so that it opens only with the same key and the same place. */
export function sealWith(
  { id, key }: SealingKey,
  iv: Buffer,
  place: string,
  value: string | Uint8Array,
): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, iv)
  cipher.setAAD(Buffer.from(place))
  const text = typeof value === 'string' ? cipher.update(value, 'utf8') : cipher.update(value)
  const last = cipher.final()
  return Buffer.concat([Buffer.of(FORMAT), id, iv, text, last, cipher.getAuthTag()])
}

/** @throws Fault `SealBroken` when key or place is another one, or the bytes were changed */
export function openWith(key: KeyObject, place: string, sealed: Uint8Array): Buffer {
  const { iv, aad, text, tag } = partsOf(sealed, place)
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, iv)
    decipher.setAAD(Buffer.from(aad))
    decipher.setAuthTag(tag)
    const opened = decipher.update(text)
    // Checks the tag; GCM has no text left to give.
    decipher.final()
    return opened
  } catch {
    throw sealBroken()
  }
}

/** What sealed bytes are made of, with the place they are sealed to. */
export interface SealedParts {
  readonly iv: Buffer
  /** The place. */
  readonly aad: string
  readonly text: Buffer
  readonly tag: Buffer
}

/** @throws Fault `SealBroken` for what never was sealed */
export function partsOf(sealed: Uint8Array, place: string): SealedParts {
  const bytes = asBuffer(sealed)
  const tagAt = bytes.length - TAG_BYTES
  if (tagAt < HEADER_BYTES || bytes[0] !== FORMAT) throw sealBroken()
  return {
    iv: bytes.subarray(17, HEADER_BYTES),
    aad: place,
    text: bytes.subarray(HEADER_BYTES, tagAt),
    tag: bytes.subarray(tagAt),
  }
}

/** What a stored value answers that was changed, moved, or sealed with a key that is not there. */
export function sealBroken(): Fault<'SealBroken'> {
  return new Fault(
    'SealBroken',
    'A stored value cannot be opened: it was changed, or moved from another place.',
  )
}

function asBuffer(bytes: Uint8Array): Buffer {
  if (bytes instanceof Buffer) return bytes
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
