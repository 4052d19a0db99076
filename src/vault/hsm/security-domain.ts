import { randomBytes } from 'node:crypto'
import { splitBytes } from '../../base/byte-shares.ts'
import { Fault } from '../../base/fault.ts'
import { isObject, type JsonObject } from '../../base/json.ts'
import {
  decryptDirect,
  decryptWith,
  deriveContentKey,
  encryptDirect,
  encryptFor,
} from '../../base/jwe.ts'
import { Sealed } from '../../base/sealed.ts'
import type { VaultFaultCode } from '../faults.ts'
import { DOMAIN_KEY_BYTES } from './domain-sealer.ts'
import type { Wrapping } from './wrapping-certificates.ts'

/** The label of the one part that a domain of ours has: its key. */
const TAG = 'domain-key'

/** How a key for each part is derived from the master key: SP 800-108 in counter mode. */
const KDF = 'sp108_kdf'

/**
 * The file that `az keyvault security-domain download` writes: the domain's key under a master key
 * that is made for this file, and the master key in shares, each for one certificate.
 */
export async function wrapDomain(key: Sealed<Buffer>, wrapping: Wrapping): Promise<string> {
  const { certificates, required } = wrapping
  const master = Uint8Array.from(randomBytes(32))
  const partKey = await deriveContentKey(master, TAG)
  const part = await encryptDirect(partKey, TAG, Uint8Array.from(key.open()))
  const shares = splitBytes(master, { shares: certificates.length, required })
  const wrapped = certificates.map(async ({ publicKey, thumbprint }, i) => ({
    enc_key: await encryptFor(publicKey, shares[i] ?? new Uint8Array()),
    x5t_256: thumbprint,
  }))
  return JSON.stringify({
    version: 2,
    EncData: { data: [{ compact_jwe: part, tag: TAG }], kdf: KDF },
    SharedKeys: { key_algorithm: 'shamir_share', required, enc_shares: await Promise.all(wrapped) },
  })
}

/**
 * The domain's key from what a quorum re-encrypted for the transfer key (`transferKey` is its private
 * part, PKCS#8 in DER).
 *
 * @throws Fault `DomainUnreadable`
 */
export async function unwrapDomain(
  transferKey: Sealed<Buffer>,
  value: string,
): Promise<Sealed<Buffer>> {
  const { wrappedKey, part } = readUpload(value)
  try {
    const master = await decryptWith(Uint8Array.from(transferKey.open()), wrappedKey)
    const partKey = await deriveContentKey(master, TAG)
    const key = Buffer.from(await decryptDirect(partKey, part))
    if (key.length === DOMAIN_KEY_BYTES) return new Sealed(key)
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown
  }
  throw domainUnreadable(
    'It was not encrypted for the exchange key of this managed HSM, or not by enough of its keys. Run init-recovery again and upload with the quorum.',
  )
}

function readUpload(value: string): { wrappedKey: string; part: string } {
  const upload = parseObject(value)
  const wrappedKey = findObject(upload, 'WrappedKey')?.['enc_key']
  const data = findObject(upload, 'EncData')
  const parts = data?.['kdf'] === KDF && Array.isArray(data['data']) ? data['data'] : []
  const part = parts.filter(isObject).find(({ tag }) => tag === TAG)?.['compact_jwe']
  if (typeof wrappedKey === 'string' && typeof part === 'string') return { wrappedKey, part }
  throw domainUnreadable(
    upload?.['SharedKeys'] === undefined
      ? 'It is not the restore blob of a security domain of ours.'
      : 'It is the file that was downloaded. Its key holders must make a restore blob of it first.',
  )
}

function parseObject(text: string): JsonObject | undefined {
  try {
    const parsed: unknown = JSON.parse(text)
    return isObject(parsed) ? parsed : undefined
  } catch {
    return undefined
  }
}

function findObject(outer: JsonObject | undefined, name: string): JsonObject | undefined {
  const found = outer?.[name]
  return isObject(found) ? found : undefined
}

function domainUnreadable(why: string): Fault<VaultFaultCode> {
  return new Fault('DomainUnreadable', `The security domain cannot be opened. ${why}`)
}
