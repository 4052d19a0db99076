import { createPrivateKey, hash, type KeyObject, X509Certificate } from 'node:crypto'
import { isObject, type JsonObject } from '../../base/json.ts'
import { Sealed } from '../../base/sealed.ts'
import { propertyWrong } from '../faults.ts'
import type { Curve } from '../keys/ecdsa.ts'
import { type KeyMaterial, materialOf } from '../keys/material.ts'
import { part, readAll, readOid, readTlv, TAG } from './der.ts'
import { readPem, writePem } from './pem.ts'
import { type PfxContent, readPfx, unreadable, writePfx } from './pfx.ts'
import { type CertificatePolicy, PEM_TYPE, PFX_TYPE } from './policy.ts'
import { keyUsages } from './x509.ts'

/** A certificate with its chain, the leaf first. */
export interface Issued {
  readonly certificates: readonly Buffer[]
  /** The same in the order of an import that wants to keep it; absent: as `certificates`. */
  readonly ordered?: readonly Buffer[]
  readonly notBeforeMs: number
  readonly expiresAtMs: number
  readonly subject: string
}

/** Reads the leaf's facts. @throws Fault `CertificateUnreadable` */
export function toIssued(certificates: readonly Buffer[]): Issued {
  const leaf = parse(certificates[0])
  return {
    certificates,
    notBeforeMs: Date.parse(leaf.validFrom),
    expiresAtMs: Date.parse(leaf.validTo),
    subject: (leaf.subject ?? '').split('\n').join(', '),
  }
}

function parse(der: Buffer | undefined): X509Certificate {
  try {
    return new X509Certificate(der ?? Buffer.alloc(0))
  } catch {
    throw unreadable('There is no readable certificate.')
  }
}

/** True when the key is the one the certificate names. */
export function isKeyOf(key: KeyObject, der: Buffer): boolean {
  return parse(der).checkPrivateKey(key)
}

/** SHA-1 of the certificate, base64url: Key Vault's `x5t`. */
export function thumbprint(der: Buffer): string {
  return hash('sha1', der, 'base64url')
}

/** What an import brings: certificate, chain and key. */
export interface Imported {
  readonly issued: Issued
  readonly key: KeyObject
  readonly contentType: string
}

/**
 * The `value` of an import: PFX in base64, or PEM, plain or in base64. `keepsOrder`: the certificates stay
 * in their order in the secret, wherever the leaf is among them.
 *
 * @throws Fault `CertificateUnreadable`
 */
export function readImported(value: string, password: string, keepsOrder = false): Imported {
  const isPlainPem = value.includes('-----BEGIN')
  const bytes = Buffer.from(value, 'base64')
  const pem = isPlainPem ? value : bytes.toString('utf8')
  const isPem = isPlainPem || pem.includes('-----BEGIN')
  const content = isPem ? readPem(pem) : readPfx(bytes, password)
  if (!content.key) throw unreadable('There is no private key (PEM: unencrypted PKCS#8).')
  const key = openPkcs8(content.key)
  const leaf = content.certificates.find((der) => isKeyOf(key, der))
  if (!leaf) throw unreadable('No certificate belongs to the private key.')
  const rest = content.certificates.filter((der) => der !== leaf)
  const issued = toIssued([leaf, ...rest])
  return {
    issued: keepsOrder ? { ...issued, ordered: content.certificates } : issued,
    key,
    contentType: isPem ? PEM_TYPE : PFX_TYPE,
  }
}

function openPkcs8(der: Buffer): KeyObject {
  try {
    return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  } catch {
    throw unreadable('The private key cannot be read.')
  }
}

/** The key as this room stores keys. @throws Fault `PropertyWrong` for another size or curve */
export function toMaterial(key: KeyObject, isHsm: boolean): KeyMaterial {
  const found = materialOf(key, isHsm)
  if (!found) throw propertyWrong('key: its type or size is not one of Key Vault')
  return found
}

/** The value of the backing secret; without the key when it may not be exported. */
export function toSecretValue(policy: CertificatePolicy, issued: Issued, key: KeyObject): Sealed {
  const [leaf] = issued.certificates
  const certificates = issued.ordered ?? issued.certificates
  const content: PfxContent = {
    key: policy.key_props.exportable ? key.export({ format: 'der', type: 'pkcs8' }) : undefined,
    certificates,
    ...(leaf && { leafAt: certificates.indexOf(leaf) }),
  }
  const isPem = policy.secret_props.contentType === PEM_TYPE
  return new Sealed(isPem ? writePem(content) : writePfx(content).toString('base64'))
}

/** The PEM form of a backing secret that is stored as PFX. */
export function pfxToPem(value: string): string {
  return writePem(readPfx(Buffer.from(value, 'base64'), ''))
}

/** The policy members an imported certificate tells by itself. */
export function derivePolicy({ issued, key, contentType }: Imported): JsonObject {
  const leaf = parse(issued.certificates[0])
  const details = key.asymmetricKeyDetails
  const isEc = key.asymmetricKeyType === 'ec'
  const curve = CURVES[details?.namedCurve ?? '']
  const size = isEc ? { crv: curve } : { key_size: details?.modulusLength }
  const lifeMs = issued.expiresAtMs - issued.notBeforeMs
  return {
    key_props: { exportable: true, kty: isEc ? 'EC' : 'RSA', ...size, reuse_key: false },
    secret_props: { contentType },
    x509_props: {
      subject: issued.subject,
      sans: sansOf(leaf),
      ekus: leaf.keyUsage ?? [],
      key_usage: usageOf(leaf),
      validity_months: Math.round(lifeMs / (30.44 * 86_400_000)),
      basic_constraints: { ca: leaf.ca },
    },
  }
}

const CURVES: Readonly<Record<string, Curve>> = {
  prime256v1: 'P-256',
  secp256k1: 'P-256K',
  secp384r1: 'P-384',
  secp521r1: 'P-521',
}

function sansOf(leaf: X509Certificate): JsonObject | undefined {
  const found: Record<string, string[]> = {}
  const kinds: Readonly<Record<string, string>> = {
    DNS: 'dns_names',
    email: 'emails',
    URI: 'uris',
    'IP Address': 'ipAddresses',
  }
  for (const name of leaf.subjectAltName?.split(', ') ?? []) {
    const colon = name.indexOf(':')
    const kind = kinds[name.slice(0, colon)]
    if (kind === undefined) continue
    found[kind] = [...(found[kind] ?? []), name.slice(colon + 1)]
  }
  return isObject(found) && Object.keys(found).length > 0 ? found : undefined
}

/** KeyUsage is not told by node:crypto, whose `keyUsage` is the extended one. */
function usageOf(leaf: X509Certificate): readonly string[] {
  const tbs = part(readTlv(leaf.raw), 0)
  const wrapper = readAll(tbs.content).find(({ tag }) => tag === 0xa3)
  for (const extension of wrapper ? readAll(part(wrapper, 0).content) : []) {
    const [id, ...rest] = readAll(extension.content)
    if (!id || readOid(id.content) !== '2.5.29.15') continue
    const value = rest.find(({ tag }) => tag === TAG.octets)
    const set = readTlv(value?.content ?? Buffer.alloc(0)).content.subarray(1)
    return keyUsages.filter((_name, bit) => ((set[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1)
  }
  return []
}
