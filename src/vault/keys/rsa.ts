import {
  constants,
  createPrivateKey,
  createPublicKey,
  hash,
  type KeyObject,
  privateDecrypt,
  privateEncrypt,
  publicDecrypt,
  publicEncrypt,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto'

export type HashName = 'sha1' | 'sha256' | 'sha384' | 'sha512'

/** DER of DigestInfo up to the digest (RFC 8017, 9.2 note 1). */
const DIGEST_INFO: Readonly<Record<Exclude<HashName, 'sha1'>, string>> = {
  sha256: '3031300d060960864801650304020105000420',
  sha384: '3041300d060960864801650304020205000430',
  sha512: '3051300d060960864801650304020305000440',
}

/** The private key of a stored PKCS#8. */
export function openRsa(secret: Buffer): KeyObject {
  return createPrivateKey({ key: secret, format: 'der', type: 'pkcs8' })
}

/** The public key of a modulus and an exponent. */
export function publicRsa(n: string, e: string): KeyObject {
  return createPublicKey({ key: { kty: 'RSA', n, e }, format: 'jwk' })
}

function toPublic(key: KeyObject): KeyObject {
  return key.type === 'public' ? key : createPublicKey(key)
}

/** `oaepHash` undefined: PKCS#1 v1.5. The key may be public. */
export function rsaEncrypt(key: KeyObject, oaepHash: HashName | undefined, value: Buffer): Buffer {
  return publicEncrypt({ key: toPublic(key), ...paddingOf(oaepHash) }, value)
}

/**
 * The inverse. A PKCS#1 v1.5 text that is wrong gives random bytes instead of an error (implicit
 * rejection), so that no answer tells whether the padding was right.
 */
export function rsaDecrypt(key: KeyObject, oaepHash: HashName | undefined, value: Buffer): Buffer {
  return privateDecrypt({ key, ...paddingOf(oaepHash) }, value)
}

function paddingOf(oaepHash: HashName | undefined) {
  return oaepHash === undefined
    ? { padding: constants.RSA_PKCS1_PADDING }
    : { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash }
}

/** RSASSA-PKCS1-v1_5 of a digest; without a hash the bytes are padded as they are (RSNULL). */
export function pkcs1Sign(
  key: KeyObject,
  hashName: Exclude<HashName, 'sha1'> | undefined,
  digest: Buffer,
): Buffer {
  return privateEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, digestInfo(hashName, digest))
}

export function pkcs1Verify(
  key: KeyObject,
  hashName: Exclude<HashName, 'sha1'> | undefined,
  digest: Buffer,
  signature: Buffer,
): boolean {
  // RFC 8017, 8.2.2: a signature without its leading zero is none, though OpenSSL would take it.
  if (signature.length !== modulusBytes(key)) return false
  const padding = constants.RSA_PKCS1_PADDING
  const expected = digestInfo(hashName, digest)
  try {
    const found = publicDecrypt({ key: toPublic(key), padding }, signature)
    return found.length === expected.length && timingSafeEqual(found, expected)
  } catch {
    return false
  }
}

/** DER of DigestInfo with the digest; without a hash the bytes as they are (RSNULL). */
export function digestInfo(
  hashName: Exclude<HashName, 'sha1'> | undefined,
  digest: Buffer,
): Buffer {
  if (hashName === undefined) return digest
  return Buffer.concat([Buffer.from(DIGEST_INFO[hashName], 'hex'), digest])
}

/** RSASSA-PSS of a digest; salt as long as the hash, MGF1 of the same hash (RFC 8017, 9.1.1). */
export function pssSign(key: KeyObject, hashName: HashName, digest: Buffer): Buffer {
  const emBytes = modulusBytes(key)
  const salt = randomBytes(digest.length)
  const h = pssHash(hashName, digest, salt)
  const db = Buffer.alloc(emBytes - h.length - 1)
  salt.copy(db, db.length - salt.length)
  db[db.length - salt.length - 1] = 1
  const masked = maskWith(hashName, h, db)
  masked[0] = (masked[0] ?? 0) & 0x7f
  const block = Buffer.concat([masked, h, Buffer.from([0xbc])])
  return privateEncrypt({ key, padding: constants.RSA_NO_PADDING }, block)
}

/** RFC 8017, 9.1.2, for a modulus of whole bytes. */
export function pssVerify(
  key: KeyObject,
  hashName: HashName,
  digest: Buffer,
  signature: Buffer,
): boolean {
  const block = undoSignature(key, signature)
  const hBytes = digest.length
  if (block?.at(-1) !== 0xbc || ((block[0] ?? 0x80) & 0x80) !== 0) return false
  const masked = block.subarray(0, block.length - hBytes - 1)
  const h = block.subarray(masked.length, block.length - 1)
  const db = maskWith(hashName, h, masked)
  db[0] = (db[0] ?? 0) & 0x7f
  const saltAt = db.length - hBytes
  if (db[saltAt - 1] !== 1 || db.subarray(0, saltAt - 1).some((byte) => byte !== 0)) return false
  return timingSafeEqual(pssHash(hashName, digest, db.subarray(saltAt)), h)
}

/**
 * Takes RSAES-OAEP padding off, of a block as long as the modulus (RFC 8017, 7.1.2). Every check is made
 * before one answer is given, so that none of them can be told from another.
 */
export function oaepDecode(hashName: HashName, block: Buffer): Buffer | undefined {
  const empty = hash(hashName, Buffer.alloc(0), 'buffer')
  const maskedSeed = block.subarray(1, 1 + empty.length)
  const maskedText = block.subarray(1 + empty.length)
  const seed = maskWith(hashName, maskedText, maskedSeed)
  const text = maskWith(hashName, seed, maskedText)
  let wrong = (block[0] ?? 1) | Number(!timingSafeEqual(text.subarray(0, empty.length), empty))
  let start = 0
  for (let at = empty.length; at < text.length; at++) {
    const byte = text[at] ?? 0
    const isBefore = Number(start === 0)
    start |= isBefore * Number(byte === 1) * (at + 1)
    wrong |= isBefore * Number(byte > 1)
  }
  wrong |= Number(start === 0)
  return wrong === 0 ? Buffer.from(text.subarray(start)) : undefined
}

function undoSignature(key: KeyObject, signature: Buffer): Buffer | undefined {
  if (signature.length !== modulusBytes(key)) return undefined
  try {
    const padding = constants.RSA_NO_PADDING
    return publicDecrypt({ key: toPublic(key), padding }, signature)
  } catch {
    return undefined
  }
}

function modulusBytes(key: KeyObject): number {
  return (key.asymmetricKeyDetails?.modulusLength ?? 0) / 8
}

function pssHash(hashName: HashName, digest: Buffer, salt: Buffer): Buffer {
  return hash(hashName, Buffer.concat([Buffer.alloc(8), digest, salt]), 'buffer')
}

/** `bytes` xor MGF1(seed). */
function maskWith(hashName: HashName, seed: Buffer, bytes: Buffer): Buffer {
  const masked = Buffer.alloc(bytes.length)
  const block = Buffer.concat([seed, Buffer.alloc(4)])
  for (let at = 0, counter = 0; at < bytes.length; counter++) {
    block.writeUInt32BE(counter, seed.length)
    for (const byte of hash(hashName, block, 'buffer')) {
      if (at >= bytes.length) break
      masked[at] = (bytes[at] ?? 0) ^ byte
      at += 1
    }
  }
  return masked
}
