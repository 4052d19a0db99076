import { constants, createPublicKey, type KeyObject, verify } from 'node:crypto'
import { Fault } from '../../base/fault.ts'
import { findNumber, isObject, type JsonObject, parseJson, readObject } from '../../base/json.ts'
import type { VaultFaultCode } from '../faults.ts'
import type { AttestationKeys } from './attestation-keys.ts'
import { toAuthority } from './release-policy.ts'

const COMPACT = /^([\w-]{2,8192})\.([\w-]{2,65536})\.([\w-]{2,8192})$/
/** Clocks of an attestation service and of this server may differ by so much. */
const LEEWAY_MS = 60_000
const KEY_BITS = [2048, 3072, 4096]
/** What confidential machines call the key that things are encrypted to for them. */
const TPM_KEY = 'TpmEphemeralEncryptionKey'

const HASHES: Readonly<Record<string, string>> = { 256: 'sha256', 384: 'sha384', 512: 'sha512' }

/** What an attestation service says, after all checks. */
export interface Attested {
  /** The issuer without a trailing slash. */
  readonly authority: string
  readonly claims: JsonObject
}

/**
 * Reads an attestation token that one of `authorities` signed and that is valid now.
 *
 * @throws Fault `AttestationRefused`
 */
export async function readAttestation(
  token: string,
  authorities: readonly string[],
  keys: AttestationKeys,
  nowMs: number,
): Promise<Attested> {
  const [, head = '', body = '', signature = ''] = COMPACT.exec(token) ?? []
  const { header, claims } = decode(head, body)
  const authority = toAuthority(String(claims['iss'] ?? ''))
  // Nobody but the policy's own authorities is ever asked for keys.
  if (!authorities.includes(authority)) {
    throw unverified(`its issuer ${authority} is no authority of the release policy`)
  }
  const kid = typeof header['kid'] === 'string' ? header['kid'] : undefined
  const key = await keys.find(authority, kid)
  if (!key) throw unverified(`${authority} does not publish the key that signed it`)
  const input = Buffer.from(`${head}.${body}`)
  if (!isSignedBy(key, header, input, Buffer.from(signature, 'base64url'))) {
    throw unverified('its signature is wrong')
  }
  const expiresAtMs = readSeconds(claims, 'exp')
  const notBeforeMs = readSeconds(claims, 'nbf')
  // What is no number (NaN) fails both.
  if (!((expiresAtMs ?? 0) > nowMs)) throw unverified('it has expired')
  if (!((notBeforeMs ?? 0) <= nowMs + LEEWAY_MS)) throw unverified('it is not valid yet')
  return { authority, claims }
}

function decode(head: string, body: string): { header: JsonObject; claims: JsonObject } {
  const part = (text: string) =>
    readObject(parseJson(Buffer.from(text, 'base64url').toString('utf8'), 'The token'), 'The token')
  try {
    return { header: part(head), claims: part(body) }
  } catch {
    throw unverified('it is no signed token')
  }
}

function readSeconds(claims: JsonObject, name: string): number | undefined {
  try {
    const seconds = findNumber(claims[name], name)
    return seconds === undefined ? undefined : seconds * 1000
  } catch {
    return Number.NaN
  }
}

/** RS, PS and ES of the three sizes (RFC 7518 §3.1); extensions are not understood (RFC 7515 §4.1.11). */
function isSignedBy(key: KeyObject, header: JsonObject, input: Buffer, signature: Buffer): boolean {
  const [, family, size = ''] = /^(RS|PS|ES)(256|384|512)$/.exec(String(header['alg'])) ?? []
  const hashName = HASHES[size]
  if (!hashName || header['crit'] !== undefined) return false
  if (key.asymmetricKeyType !== (family === 'ES' ? 'ec' : 'rsa')) return false
  if (family === 'ES') {
    return verify(hashName, input, { key, dsaEncoding: 'ieee-p1363' }, signature)
  }
  if (family === 'RS') return verify(hashName, input, key, signature)
  const padding = constants.RSA_PKCS1_PSS_PADDING
  return verify(hashName, input, { key, padding, saltLength: Number(size) / 8 }, signature)
}

/** The key the attested environment holds: what is released is encrypted to it. */
export interface EncryptionKey {
  readonly kid: string
  readonly key: KeyObject
  readonly bits: number
}

/**
 * The key encryption key in `x-ms-runtime.keys`: the machine's own, else the first that is for
 * encrypting.
 *
 * @throws Fault `AttestationRefused` when there is none of 2048, 3072 or 4096 bits
 */
export function readEncryptionKey(claims: JsonObject): EncryptionKey {
  const runtime = claims['x-ms-runtime']
  const listed = isObject(runtime) && Array.isArray(runtime['keys']) ? runtime['keys'] : []
  const keys = listed.filter(isObject).filter(({ kty }) => kty === 'RSA')
  const chosen = keys.find(({ kid }) => kid === TPM_KEY) ?? keys.find(isForEncrypting)
  if (chosen) {
    const found = toEncryptionKey(chosen)
    if (found) return found
  }
  throw unverified('it holds no RSA key for encrypting in x-ms-runtime.keys')
}

function isForEncrypting({ use, key_ops }: JsonObject): boolean {
  if (use === 'enc') return true
  return Array.isArray(key_ops) && ['encrypt', 'wrapKey'].some((name) => key_ops.includes(name))
}

function toEncryptionKey({ kid, n, e }: JsonObject): EncryptionKey | undefined {
  if (typeof n !== 'string' || typeof e !== 'string') return undefined
  try {
    const key = createPublicKey({ key: { kty: 'RSA', n, e }, format: 'jwk' })
    const bits = key.asymmetricKeyDetails?.modulusLength ?? 0
    return KEY_BITS.includes(bits) ? { kid: String(kid ?? ''), key, bits } : undefined
  } catch {
    return undefined
  }
}

/** The service's text, with what is wrong behind it. */
function unverified(cause: string): Fault<VaultFaultCode> {
  return new Fault(
    'AttestationRefused',
    `Target environment attestation statement cannot be verified: ${cause}.`,
  )
}
