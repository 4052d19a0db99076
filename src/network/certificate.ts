import { createHash, type KeyObject, randomBytes, sign } from 'node:crypto'
import {
  bitString,
  booleanTrue,
  type Der,
  objectId,
  octetString,
  sequence,
  setOfOne,
  tagged,
  taggedBytes,
  time,
  unsignedInteger,
  utf8String,
} from './der.ts'

/** Names a certificate is for, or that an authority may sign for. */
export interface CertificateNames {
  /** In an authority each one stands for itself and everything below it. */
  readonly hosts: readonly string[]
  /** IPv4 (4 bytes) and IPv6 (16 bytes). */
  readonly addresses: readonly Buffer[]
}

export interface CertificateRequest {
  readonly subject: string
  readonly issuer: string
  readonly publicKey: KeyObject
  /** The key that signs, an EC P-256 key, and its public half. */
  readonly issuerPrivateKey: KeyObject
  readonly issuerPublicKey: KeyObject
  readonly notBeforeMs: number
  readonly notAfterMs: number
  readonly names: CertificateNames
  /** An authority signs only for `names`; a leaf is for `names`, as a TLS server. */
  readonly kind: 'authority' | 'leaf'
}

/** Longer common names are refused by some readers (RFC 5280 appendix A, ub-common-name). */
const COMMON_NAME_CHARACTERS = 64

const OID = {
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  commonName: '2.5.4.3',
  organization: '2.5.4.10',
  subjectKeyId: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  authorityKeyId: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
} as const

/** Key usage bits (RFC 5280 §4.2.1.3), most significant first. */
const DIGITAL_SIGNATURE = bitString(Buffer.from([0x80]), 7)
const KEY_CERT_SIGN = bitString(Buffer.from([0x04]), 2)

const SIGNATURE_ALGORITHM = sequence(objectId(OID.ecdsaWithSha256))

/** Makes and signs an X.509 version 3 certificate (RFC 5280), as PEM. */
export function makeCertificate(request: CertificateRequest): string {
  const content = sequence(
    tagged(0, unsignedInteger(Buffer.from([2]))),
    unsignedInteger(Buffer.concat([Buffer.from([0x40]), randomBytes(15)])),
    SIGNATURE_ALGORITHM,
    distinguishedName(request.issuer),
    sequence(time(request.notBeforeMs), time(request.notAfterMs)),
    distinguishedName(request.subject),
    spki(request.publicKey),
    tagged(3, sequence(...extensions(request))),
  )
  const signature = sign('sha256', content, { key: request.issuerPrivateKey, dsaEncoding: 'der' })
  return toPem(sequence(content, SIGNATURE_ALGORITHM, bitString(signature)))
}

function extensions({ kind, names, publicKey, issuerPublicKey }: CertificateRequest): Der[] {
  const keys = [
    extension(OID.subjectKeyId, octetString(keyId(publicKey))),
    extension(OID.authorityKeyId, sequence(taggedBytes(0, keyId(issuerPublicKey)))),
  ]
  if (kind === 'authority') {
    const noFurtherAuthority = unsignedInteger(Buffer.from([0]))
    return [
      critical(OID.basicConstraints, sequence(booleanTrue(), noFurtherAuthority)),
      critical(OID.keyUsage, KEY_CERT_SIGN),
      ...keys,
      critical(OID.nameConstraints, sequence(tagged(0, ...permitted(names)))),
    ]
  }
  return [
    critical(OID.basicConstraints, sequence()),
    critical(OID.keyUsage, DIGITAL_SIGNATURE),
    extension(OID.extendedKeyUsage, sequence(objectId(OID.serverAuth))),
    ...keys,
    extension(OID.subjectAltName, sequence(...generalNames(names.hosts, names.addresses))),
  ]
}

/** RFC 5280 §4.2.1.10: an address comes with its mask; ours are single addresses. */
function permitted({ hosts, addresses }: CertificateNames): Der[] {
  const single = addresses.map((bytes) => Buffer.concat([bytes, Buffer.alloc(bytes.length, 0xff)]))
  return generalNames(hosts, single).map((name) => sequence(name))
}

function generalNames(hosts: readonly string[], addresses: readonly Buffer[]): Der[] {
  return [
    ...hosts.map((host) => taggedBytes(2, Buffer.from(host, 'ascii'))),
    ...addresses.map((address) => taggedBytes(7, address)),
  ]
}

function extension(oid: string, value: Der): Der {
  return sequence(objectId(oid), octetString(value))
}

function critical(oid: string, value: Der): Der {
  return sequence(objectId(oid), booleanTrue(), octetString(value))
}

/** The organisation, and the name itself where it fits. */
function distinguishedName(name: string): Der {
  const parts = [setOfOne(sequence(objectId(OID.organization), utf8String('Sluice')))]
  if (name.length <= COMMON_NAME_CHARACTERS)
    parts.push(setOfOne(sequence(objectId(OID.commonName), utf8String(name))))
  return sequence(...parts)
}

function spki(key: KeyObject): Der {
  return key.export({ type: 'spki', format: 'der' })
}

/** RFC 7093 §2, method 1: 160 bits of the SHA-256 of the key. */
function keyId(key: KeyObject): Buffer {
  return createHash('sha256').update(spki(key)).digest().subarray(0, 20)
}

function toPem(der: Der): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
}
