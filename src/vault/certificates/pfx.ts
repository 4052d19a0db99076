import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  hash,
  pbkdf2Sync,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto'
import { Fault } from '../../base/fault.ts'
import type { VaultFaultCode } from '../faults.ts'
import {
  context,
  integer,
  nothing,
  octets,
  oid,
  part,
  readAll,
  readOid,
  readTlv,
  sequence,
  TAG,
  type Tlv,
  tlv,
} from './der.ts'

/** What a PFX holds: a PKCS#8 key, if any, and certificates in DER. */
export interface PfxContent {
  readonly key: Buffer | undefined
  readonly certificates: readonly Buffer[]
  /** Which of the certificates is the key's; the first unless told. */
  readonly leafAt?: number
}

const ID = {
  data: '1.2.840.113549.1.7.1',
  encryptedData: '1.2.840.113549.1.7.6',
  keyBag: '1.2.840.113549.1.12.10.1.1',
  shroudedKeyBag: '1.2.840.113549.1.12.10.1.2',
  certBag: '1.2.840.113549.1.12.10.1.3',
  x509: '1.2.840.113549.1.9.22.1',
  localKeyId: '1.2.840.113549.1.9.21',
  pbes2: '1.2.840.113549.1.5.13',
  pbkdf2: '1.2.840.113549.1.5.12',
  tripleDes: '1.2.840.113549.1.12.1.3',
  sha256: '2.16.840.1.101.3.4.2.1',
  hmacSha256: '1.2.840.113549.2.9',
  aes256: '2.16.840.1.101.3.4.1.42',
}
const HASHES: Readonly<Record<string, string>> = {
  '1.3.14.3.2.26': 'sha1',
  [ID.sha256]: 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
}
const HMACS: Readonly<Record<string, string>> = {
  '1.2.840.113549.2.7': 'sha1',
  [ID.hmacSha256]: 'sha256',
  '1.2.840.113549.2.10': 'sha384',
  '1.2.840.113549.2.11': 'sha512',
}
const CIPHERS: Readonly<Record<string, { name: string; keyBytes: number }>> = {
  '2.16.840.1.101.3.4.1.2': { name: 'aes-128-cbc', keyBytes: 16 },
  '2.16.840.1.101.3.4.1.22': { name: 'aes-192-cbc', keyBytes: 24 },
  [ID.aes256]: { name: 'aes-256-cbc', keyBytes: 32 },
  '1.2.840.113549.3.7': { name: 'des-ede3-cbc', keyBytes: 24 },
}
const ITERATIONS = 2048
/** A file that asks for more would hold the process up. */
const ITERATIONS_LIMIT = 500_000
const BLOCK_BYTES: Readonly<Record<string, number>> = {
  sha1: 64,
  sha256: 64,
  sha384: 128,
  sha512: 128,
}

/** PKCS#12 (RFC 7292) with the empty password: PBES2, AES-256-CBC, HMAC-SHA-256. */
export function writePfx({ key, certificates, leafAt = 0 }: PfxContent): Buffer {
  const id = hash('sha1', certificates[leafAt] ?? Buffer.alloc(0), 'buffer')
  const attributes = tlv(TAG.set, sequence(oid(ID.localKeyId), tlv(TAG.set, octets(id))))
  const certBags = certificates.map((der, index) =>
    sequence(
      oid(ID.certBag),
      context(0, sequence(oid(ID.x509), context(0, octets(der)))),
      ...(index === leafAt && key ? [attributes] : []),
    ),
  )
  const { algorithm, text } = encrypt(sequence(...certBags))
  const safes = [
    sequence(
      oid(ID.encryptedData),
      context(0, sequence(integer(0), sequence(oid(ID.data), algorithm, tlv(0x80, text)))),
    ),
  ]
  if (key) safes.push(dataOf(sequence(shroud(key, attributes))))
  const safe = sequence(...safes)
  const salt = randomBytes(16)
  const macKey = deriveKey({ hashName: 'sha256', id: 3, salt, iterations: ITERATIONS }, '', 32)
  const digest = createHmac('sha256', macKey).update(safe).digest()
  const mac = sequence(
    sequence(sequence(oid(ID.sha256), nothing), octets(digest)),
    octets(salt),
    integer(ITERATIONS),
  )
  return sequence(integer(3), dataOf(safe), mac)
}

function dataOf(content: Buffer): Buffer {
  return sequence(oid(ID.data), context(0, octets(content)))
}

function shroud(key: Buffer, attributes: Buffer): Buffer {
  const { algorithm, text } = encrypt(key)
  return sequence(oid(ID.shroudedKeyBag), context(0, sequence(algorithm, octets(text))), attributes)
}

function encrypt(plain: Buffer): { algorithm: Buffer; text: Buffer } {
  const [salt, iv] = [randomBytes(16), randomBytes(16)]
  const cipher = createCipheriv('aes-256-cbc', pbkdf2Sync('', salt, ITERATIONS, 32, 'sha256'), iv)
  const kdf = sequence(
    oid(ID.pbkdf2),
    sequence(octets(salt), integer(ITERATIONS), sequence(oid(ID.hmacSha256), nothing)),
  )
  const algorithm = sequence(oid(ID.pbes2), sequence(kdf, sequence(oid(ID.aes256), octets(iv))))
  return { algorithm, text: Buffer.concat([cipher.update(plain), cipher.final()]) }
}

/**
 * Opens a PKCS#12 file.
 *
 * @throws Fault `CertificateUnreadable` when it is broken, the password is wrong, or it uses a cipher
 * this vault does not know (RC2, as very old tools write)
 */
export function readPfx(bytes: Buffer, password: string): PfxContent {
  try {
    const [, safe, mac] = readAll(readTlv(bytes).content)
    const content = part(part(safe, 1), 0).content
    checkMac(content, mac, password)
    const found: { key: Buffer | undefined; certificates: Buffer[] } = {
      key: undefined,
      certificates: [],
    }
    for (const info of readAll(readTlv(content).content)) {
      const bags = readTlv(openInfo(info, password))
      for (const bag of readAll(bags.content)) readBag(bag, password, found)
    }
    return found
  } catch (thrown) {
    if (thrown instanceof Fault) throw thrown
    throw unreadable('The PFX cannot be read, or its password is wrong.')
  }
}

function openInfo(info: Tlv, password: string): Buffer {
  const type = readOid(part(info, 0).content)
  const inner = part(part(info, 1), 0)
  if (type === ID.data) return inner.content
  if (type !== ID.encryptedData) throw unreadable('The PFX is protected in an unknown way.')
  const encrypted = part(inner, 1)
  const [, algorithm, text] = readAll(encrypted.content)
  if (!algorithm || !text) throw new RangeError('No text.')
  return decrypt(algorithm, joined(text), password)
}

/** Content in one piece or in several (BER). */
function joined(text: Tlv): Buffer {
  return (text.tag & 0x20) === 0
    ? text.content
    : Buffer.concat(readAll(text.content).map((piece) => piece.content))
}

function readBag(
  bag: Tlv,
  password: string,
  found: { key: Buffer | undefined; certificates: Buffer[] },
): void {
  const type = readOid(part(bag, 0).content)
  const value = part(part(bag, 1), 0)
  if (type === ID.keyBag) found.key = value.whole
  if (type === ID.shroudedKeyBag) {
    found.key = decrypt(part(value, 0), part(value, 1).content, password)
  }
  if (type === ID.certBag && readOid(part(value, 0).content) === ID.x509) {
    found.certificates.push(part(part(value, 1), 0).content)
  }
}

function checkMac(content: Buffer, mac: Tlv | undefined, password: string): void {
  if (!mac) return
  const info = part(mac, 0)
  const hashName = HASHES[readOid(part(part(info, 0), 0).content)]
  if (!hashName) throw unreadable('The PFX is signed in an unknown way.')
  const digest = part(info, 1).content
  const iterations = readAll(mac.content)[2]
  const how = {
    hashName,
    id: 3,
    salt: part(mac, 1).content,
    iterations: iterations ? readCount(iterations) : 1,
  }
  const fits = (given: string | undefined) => {
    const expected = createHmac(hashName, deriveKey(how, given, digest.length)).update(content)
    return timingSafeEqual(expected.digest(), digest)
  }
  // Some tools make nothing at all of the empty password, some two zero bytes.
  if (fits(password) || (password === '' && fits(undefined))) return
  throw new RangeError('The MAC does not fit.')
}

function readCount(value: Tlv): number {
  const count = value.content.readUIntBE(0, Math.min(6, value.content.length))
  if (count < 1 || count > ITERATIONS_LIMIT) throw new RangeError('Too many iterations.')
  return count
}

function decrypt(algorithm: Tlv, text: Buffer, password: string): Buffer {
  const type = readOid(part(algorithm, 0).content)
  const parameters = part(algorithm, 1)
  if (type === ID.pbes2) return decryptPbes2(parameters, text, password)
  if (type !== ID.tripleDes) {
    throw unreadable(
      `The PFX is encrypted with an old cipher (${type}). Write it again with AES-256, for example with openssl pkcs12 -export.`,
    )
  }
  const salt = part(parameters, 0).content
  const iterations = readCount(part(parameters, 1))
  const derive = (id: number, length: number) =>
    deriveKey({ hashName: 'sha1', id, salt, iterations }, password, length)
  const decipher = createDecipheriv('des-ede3-cbc', derive(1, 24), derive(2, 8))
  return Buffer.concat([decipher.update(text), decipher.final()])
}

function decryptPbes2(parameters: Tlv, text: Buffer, password: string): Buffer {
  const kdf = part(parameters, 0)
  const scheme = part(parameters, 1)
  const cipher = CIPHERS[readOid(part(scheme, 0).content)]
  if (readOid(part(kdf, 0).content) !== ID.pbkdf2 || !cipher) {
    throw unreadable('The PFX is encrypted in an unknown way.')
  }
  const [salt, iterations, ...more] = readAll(part(kdf, 1).content)
  const prf = more.find(({ tag }) => tag === TAG.sequence)
  const hashName = prf ? HMACS[readOid(part(prf, 0).content)] : 'sha1'
  if (!salt || !iterations || !hashName) throw unreadable('The PFX is encrypted in an unknown way.')
  const count = readCount(iterations)
  const key = pbkdf2Sync(password, salt.content, count, cipher.keyBytes, hashName)
  const decipher = createDecipheriv(cipher.name, key, part(scheme, 1).content)
  return Buffer.concat([decipher.update(text), decipher.final()])
}

interface Derivation {
  readonly hashName: string
  /** 1: key, 2: IV, 3: MAC key. */
  readonly id: number
  readonly salt: Buffer
  readonly iterations: number
}

/** RFC 7292, B.2; the password is UTF-16 with a closing zero, or nothing when undefined. */
function deriveKey(how: Derivation, password: string | undefined, length: number): Buffer {
  const v = BLOCK_BYTES[how.hashName] ?? 64
  const text =
    password === undefined ? Buffer.alloc(0) : Buffer.from(`${password}\0`, 'utf16le').swap16()
  const input = Buffer.concat([fill(how.salt, v), fill(text, v)])
  const diversifier = Buffer.alloc(v, how.id)
  const parts: Buffer[] = []
  for (let have = 0; have < length; ) {
    let a = hash(how.hashName, Buffer.concat([diversifier, input]), 'buffer')
    for (let n = 1; n < how.iterations; n++) a = hash(how.hashName, a, 'buffer')
    parts.push(a)
    have += a.length
    addToBlocks(input, fill(a, v).subarray(0, v))
  }
  return Buffer.concat(parts).subarray(0, length)
}

/** Repeats to a multiple of v bytes. */
function fill(bytes: Buffer, v: number): Buffer {
  return bytes.length === 0 ? bytes : Buffer.alloc(v * Math.ceil(bytes.length / v), bytes)
}

/** Each block of `input` becomes itself + block + 1. */
function addToBlocks(input: Buffer, block: Buffer): void {
  for (let at = 0; at < input.length; at += block.length) {
    let carry = 1
    for (let n = block.length - 1; n >= 0; n--) {
      carry += (input[at + n] ?? 0) + (block[n] ?? 0)
      input[at + n] = carry & 0xff
      carry >>= 8
    }
  }
}

export function unreadable(message: string): Fault<VaultFaultCode> {
  return new Fault('CertificateUnreadable', message)
}
