import { createPublicKey, hash, type KeyObject, randomBytes, sign } from 'node:crypto'
import {
  bits,
  context,
  integer,
  nothing,
  octets,
  oid,
  part,
  readTlv,
  sequence,
  TAG,
  time,
  tlv,
} from './der.ts'
import { subjectToDer } from './subject.ts'

/** Names beside the subject. */
export interface AlternativeNames {
  readonly emails?: readonly string[]
  readonly dns_names?: readonly string[]
  readonly upns?: readonly string[]
  readonly uris?: readonly string[]
  readonly ipAddresses?: readonly string[]
}

/** What a certificate, or a request for one, says of its holder. */
export interface Holder {
  readonly subject: string
  readonly names: AlternativeNames
  /** Object identifiers. */
  readonly ekus: readonly string[]
  readonly keyUsage: readonly string[]
  readonly isAuthority: boolean
  /** How many authorities may stand below this one; undefined: any number. */
  readonly pathLength?: number
}

/** Who signs a certificate: its subject as in its own certificate, and its private key. */
export interface Signer {
  readonly subject: string
  readonly key: KeyObject
}

/** When a certificate is valid, in whole seconds. */
export interface Validity {
  readonly notBeforeMs: number
  readonly expiresAtMs: number
}

/** Bits of KeyUsage in their order (RFC 5280, 4.2.1.3). */
export const keyUsages = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const

const UPN = '1.3.6.1.4.1.311.20.2.3'

/** A certificate signed by its own key. */
export function selfSign(holder: Holder, key: KeyObject, validity: Validity): Buffer {
  return certify(holder, key, { subject: holder.subject, key }, validity)
}

/** A certificate for the key of `holder`, signed by `signer`; `holderKey` may be private or public. */
export function certify(
  holder: Holder,
  holderKey: KeyObject,
  signer: Signer,
  validity: Validity,
): Buffer {
  const spki = spkiOf(holderKey)
  const serial = randomBytes(16)
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x01
  const { algorithm, hashName } = signatureOf(signer.key)
  const tbs = sequence(
    context(0, integer(2)),
    integer(serial),
    algorithm,
    subjectToDer(signer.subject),
    sequence(time(validity.notBeforeMs), time(validity.expiresAtMs)),
    subjectToDer(holder.subject),
    spki,
    context(3, sequence(...extensionsOf(holder), ...keyIdentifiers(spki, spkiOf(signer.key)))),
  )
  return sequence(tbs, algorithm, bits(sign(hashName, tbs, signer.key)))
}

function spkiOf(key: KeyObject): Buffer {
  const publicKey = key.type === 'public' ? key : createPublicKey(key)
  return publicKey.export({ format: 'der', type: 'spki' })
}

/** A PKCS#10 request (RFC 2986). */
export function requestFor(holder: Holder, key: KeyObject): Buffer {
  const spki = spkiOf(key)
  const { algorithm, hashName } = signatureOf(key)
  const wanted = sequence(
    oid('1.2.840.113549.1.9.14'),
    tlv(TAG.set, sequence(...extensionsOf(holder))),
  )
  const subject = subjectToDer(holder.subject)
  const request = sequence(integer(0), subject, spki, context(0, wanted))
  return sequence(request, algorithm, bits(sign(hashName, request, key)))
}

function signatureOf(key: KeyObject): { algorithm: Buffer; hashName: string } {
  if (key.asymmetricKeyType === 'rsa') {
    return { algorithm: sequence(oid('1.2.840.113549.1.1.11'), nothing), hashName: 'sha256' }
  }
  const curve = key.asymmetricKeyDetails?.namedCurve
  if (curve === 'secp384r1') {
    return { algorithm: sequence(oid('1.2.840.10045.4.3.3')), hashName: 'sha384' }
  }
  if (curve === 'secp521r1') {
    return { algorithm: sequence(oid('1.2.840.10045.4.3.4')), hashName: 'sha512' }
  }
  return { algorithm: sequence(oid('1.2.840.10045.4.3.2')), hashName: 'sha256' }
}

function extension(id: string, isCritical: boolean, value: Buffer): Buffer {
  const critical = isCritical ? [tlv(TAG.boolean, Buffer.from([0xff]))] : []
  return sequence(oid(id), ...critical, octets(value))
}

function extensionsOf(holder: Holder): Buffer[] {
  const found = [extension('2.5.29.19', true, basicConstraints(holder))]
  if (holder.keyUsage.length > 0) found.push(extension('2.5.29.15', true, usageBits(holder)))
  if (holder.ekus.length > 0) {
    found.push(extension('2.5.29.37', false, sequence(...holder.ekus.map(oid))))
  }
  const names = generalNames(holder.names)
  // RFC 5280, 4.2.1.6: names are critical where there is no subject.
  const isCritical = holder.subject === ''
  if (names.length > 0) found.push(extension('2.5.29.17', isCritical, sequence(...names)))
  return found
}

function basicConstraints({ isAuthority, pathLength }: Holder): Buffer {
  if (!isAuthority) return sequence()
  const length = pathLength === undefined ? [] : [integer(pathLength)]
  return sequence(tlv(TAG.boolean, Buffer.from([0xff])), ...length)
}

function usageBits({ keyUsage }: Holder): Buffer {
  const set = keyUsages.map((name) => (keyUsage.includes(name) ? '1' : '0')).join('')
  const last = set.lastIndexOf('1') + 1
  const bytes = last > 8 ? 2 : 1
  const value = Number.parseInt(set.slice(0, last).padEnd(bytes * 8, '0'), 2)
  const content = Buffer.alloc(bytes + 1)
  content[0] = bytes * 8 - last
  content.writeUIntBE(value, 1, bytes)
  return tlv(TAG.bits, content)
}

function generalNames(names: AlternativeNames): Buffer[] {
  const text = (tag: number) => (value: string) => tlv(tag, Buffer.from(value))
  const upn = (value: string) => context(0, oid(UPN), context(0, tlv(TAG.utf8, Buffer.from(value))))
  return [
    ...(names.upns ?? []).map(upn),
    ...(names.emails ?? []).map(text(0x81)),
    ...(names.dns_names ?? []).map(text(0x82)),
    ...(names.uris ?? []).map(text(0x86)),
    ...(names.ipAddresses ?? []).map((value) => tlv(0x87, addressBytes(value))),
  ]
}

function addressBytes(address: string): Buffer {
  if (!address.includes(':')) return Buffer.from(address.split('.').map(Number))
  const [head = '', tail] = address.split('::')
  const groups = (text: string) => text.split(':').filter((group) => group !== '')
  const missing = 8 - groups(head).length - groups(tail ?? '').length
  const all = [...groups(head), ...Array<string>(tail === undefined ? 0 : missing).fill('0')]
  all.push(...groups(tail ?? ''))
  return Buffer.from(all.map((group) => group.padStart(4, '0')).join(''), 'hex')
}

/** Subject and authority key identifier (RFC 5280, 4.2.1.2, method 1). */
function keyIdentifiers(spki: Buffer, signerSpki: Buffer): Buffer[] {
  const identifier = (info: Buffer) =>
    hash('sha1', part(readTlv(info), 1).content.subarray(1), 'buffer')
  return [
    extension('2.5.29.14', false, octets(identifier(spki))),
    extension('2.5.29.35', false, sequence(tlv(0x80, identifier(signerSpki)))),
  ]
}
