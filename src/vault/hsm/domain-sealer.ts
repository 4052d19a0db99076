import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'
import { Fault } from '../../base/fault.ts'
import { Sealed } from '../../base/sealed.ts'
import type { ScopeSealer } from '../../storage/sealing.ts'

/** Sealed bytes: format (1), domain id (16), IV (12), ciphertext, tag (16). AES-256-GCM. */
const FORMAT = 1
const ID_BYTES = 16
const IV_BYTES = 12
const HEADER_BYTES = 1 + ID_BYTES + IV_BYTES
const TAG_BYTES = 16

/** Bytes of a security domain's key. */
export const DOMAIN_KEY_BYTES = 32

/** Seals backups under the key of a security domain, so that they open in each HSM of the domain. */
export interface DomainSealer extends ScopeSealer {
  /** False for what another domain sealed, and for what nobody did. */
  isOwn(sealed: Uint8Array): boolean
}

/** The sealer of a domain by its key of 32 bytes. */
export function domainSealer(key: Sealed<Buffer>): DomainSealer {
  const id = idOf(key)
  const isOwn = (sealed: Uint8Array) =>
    sealed.length >= HEADER_BYTES + TAG_BYTES &&
    sealed[0] === FORMAT &&
    id.equals(sealed.subarray(1, 1 + ID_BYTES))
  const openBytes = (place: string, sealed: Uint8Array) => {
    if (!isOwn(sealed)) throw sealBroken()
    return new Sealed(openWith(key, place, Buffer.from(sealed)))
  }
  return {
    isOwn,
    seal: (place, value) => {
      const iv = randomBytes(IV_BYTES)
      const cipher = createCipheriv('aes-256-gcm', key.open(), iv).setAAD(Buffer.from(place))
      const text = typeof value === 'string' ? cipher.update(value, 'utf8') : cipher.update(value)
      const last = cipher.final()
      return Buffer.concat([Buffer.of(FORMAT), id, iv, text, last, cipher.getAuthTag()])
    },
    openBytes,
    open: (place, sealed) => new Sealed(openBytes(place, sealed).open().toString('utf8')),
  }
}

/** Shown in every backup; it says nothing of the key. */
function idOf(key: Sealed<Buffer>): Buffer {
  const digest = createHash('sha256').update('security domain\n').update(key.open()).digest()
  return digest.subarray(0, ID_BYTES)
}

function openWith(key: Sealed<Buffer>, place: string, bytes: Buffer): Buffer {
  try {
    const iv = bytes.subarray(1 + ID_BYTES, HEADER_BYTES)
    const decipher = createDecipheriv('aes-256-gcm', key.open(), iv).setAAD(Buffer.from(place))
    decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES))
    const text = decipher.update(bytes.subarray(HEADER_BYTES, bytes.length - TAG_BYTES))
    decipher.final()
    return text
  } catch {
    throw sealBroken()
  }
}

function sealBroken(): Fault<'SealBroken'> {
  return new Fault(
    'SealBroken',
    'A backup cannot be opened: it was changed, or is of another domain.',
  )
}
