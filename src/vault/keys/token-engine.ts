import { createHmac, type KeyObject, randomBytes } from 'node:crypto'
import { Fault } from '../../base/fault.ts'
import {
  CKM,
  CKO,
  cannot,
  cbcMechanism,
  gcmMechanism,
  type HsmFaultCode,
  type HsmToken,
  type ObjectRef,
  oaepMechanism,
} from '../../pkcs11/index.ts'
import { propertyWrong } from '../faults.ts'
import type { CipherParts } from './algorithms.ts'
import { verifyWithPoint } from './ecdsa-public.ts'
import type { EngineKey, KeyEngine } from './engine.ts'
import { familyOf, type PublicPart } from './material.ts'
import { type HashName, oaepDecode, pkcs1Verify, pssVerify, publicRsa, rsaEncrypt } from './rsa.ts'
import { type TokenCipher, tokenCiphers, tokenSigns } from './token-algorithms.ts'
import { readReference, type TokenReference } from './token-reference.ts'

const GCM_IV_BYTES = 12
const GCM_TAG_BYTES = 16
const AES_BLOCK_BYTES = 16

/**
 * Keys that never leave a token. Private and symmetric operations run in it, those of a public key
 * here. What the token does not do is refused (`HsmCannot`), never done in software.
 */
export class TokenEngine implements KeyEngine {
  readonly #token: HsmToken

  constructor(token: HsmToken) {
    this.#token = token
  }

  encrypt: KeyEngine['encrypt'] = (key, { name }, parts) => {
    const cipher = cipherOf(name)
    if (cipher.kind === 'rsa') {
      return orUndefined(() => rsaEncrypt(publicOf(key.shown), cipher.oaepHash, parts.value))
    }
    return this.#doing(name, () => this.#symmetric(key, cipher, parts, 'encrypt'))
  }

  decrypt: KeyEngine['decrypt'] = (key, { name }, parts) => {
    const cipher = cipherOf(name)
    if (cipher.kind !== 'rsa') {
      return this.#doing(name, () => this.#symmetric(key, cipher, parts, 'decrypt'))
    }
    // Shorter or longer is wrong for everybody to see.
    if (parts.value.length !== key.shown.bits / 8) return undefined
    const { oaepHash } = cipher
    return this.#doing(name, () =>
      oaepHash === undefined
        ? this.#decryptPkcs1(key, parts.value)
        : this.#decryptOaep(key, oaepHash, parts.value),
    )
  }

  sign: KeyEngine['sign'] = async (key, { name }, digest) => {
    const asked = signOf(name)
    const data = asked.family === 'RSA' ? asked.toData(digest) : digest
    const { ref } = this.#locate(key)
    return this.#doing(name, () => this.#token.sign(ref, asked.mechanism, data))
  }

  verify: KeyEngine['verify'] = async (key, { name }, { digest, signature }) => {
    const asked = signOf(name)
    if (asked.family === 'oct') {
      const { ref } = this.#locate(key)
      const given = { data: digest, signature }
      return this.#doing(name, () => this.#token.verify(ref, asked.mechanism, given))
    }
    if (asked.family === 'EC') {
      const { x = '', y = '' } = key.shown
      const point = { x: Buffer.from(x, 'base64url'), y: Buffer.from(y, 'base64url') }
      return verifyWithPoint(asked.curve, point, digest, signature)
    }
    const publicKey = publicOf(key.shown)
    if (asked.padding === 'pkcs1') return pkcs1Verify(publicKey, asked.hashName, digest, signature)
    return pssVerify(publicKey, asked.hashName ?? 'sha256', digest, signature)
  }

  /** RSAES-OAEP with any hash; undefined when the bytes do not fit. */
  openOaep(
    key: Pick<EngineKey, 'shown' | 'secret'>,
    hashName: HashName,
    value: Buffer,
  ): Promise<Buffer | undefined> {
    return this.#doing(`RSA-OAEP with ${hashName}`, async () => {
      if (value.length !== key.shown.bits / 8) return undefined
      return (await this.#decryptOaep(key, hashName, value))?.value
    })
  }

  async #symmetric(
    key: EngineKey,
    cipher: Exclude<TokenCipher, { kind: 'rsa' }>,
    parts: CipherParts,
    gives: 'encrypt' | 'decrypt',
  ): Promise<CipherParts | undefined> {
    const { ref } = this.#locate(key)
    if (cipher.kind === 'gcm') {
      return gives === 'encrypt' ? this.#gcmEncrypt(ref, parts) : this.#gcmDecrypt(ref, parts)
    }
    const { value, iv } = parts
    if (cipher.kind === 'cbc') {
      if (iv?.length !== AES_BLOCK_BYTES) throw propertyWrong('iv: 16 bytes')
      const isWhole = value.length % AES_BLOCK_BYTES === 0
      if (!isWhole && (gives === 'decrypt' || !cipher.pads)) return undefined
      const mechanism = cbcMechanism(iv, cipher.pads)
      const result = await this.#fitting(() => this.#token[gives](ref, mechanism, value))
      return result && { value: result, iv }
    }
    const { pads } = cipher
    const fits = pads ? value.length > 0 : value.length >= 16 && value.length % 8 === 0
    if (!fits) return undefined
    const mechanism = { type: pads ? CKM.aesKeyWrapPad : CKM.aesKeyWrap }
    const run = gives === 'encrypt' ? 'wrap' : 'unwrap'
    const result = await this.#fitting(() => this.#token[run](ref, mechanism, value))
    return result && { value: result }
  }

  async #gcmEncrypt(ref: ObjectRef, { value, aad, iv }: CipherParts): Promise<CipherParts> {
    if (iv) throw propertyWrong('iv: GCM makes its own')
    const made = randomBytes(GCM_IV_BYTES)
    const sealed = await this.#token.encrypt(ref, gcmMechanism(made, aad), value)
    const end = sealed.length - GCM_TAG_BYTES
    return { value: sealed.subarray(0, end), tag: sealed.subarray(end), iv: made, aad }
  }

  async #gcmDecrypt(ref: ObjectRef, parts: CipherParts): Promise<CipherParts | undefined> {
    const { value, iv, tag, aad } = parts
    if (!iv || !tag) throw propertyWrong('iv, tag')
    if (iv.length !== GCM_IV_BYTES || tag.length !== GCM_TAG_BYTES) return undefined
    const sealed = Buffer.concat([value, tag])
    const opened = await this.#fitting(() =>
      this.#token.decrypt(ref, gcmMechanism(iv, aad), sealed),
    )
    return opened && { value: opened }
  }

  /** A wrong padding gives random bytes, as in software, so that no answer tells of it. */
  async #decryptPkcs1(key: EngineKey, value: Buffer): Promise<CipherParts> {
    const { ref, reference } = this.#locate(key)
    const instead = implicitText(reference.rejection, value)
    const opened = await this.#fitting(() => this.#token.decrypt(ref, { type: CKM.rsaPkcs }, value))
    return { value: opened ?? instead }
  }

  async #decryptOaep(
    key: Pick<EngineKey, 'shown' | 'secret'>,
    hashName: HashName,
    value: Buffer,
  ): Promise<CipherParts | undefined> {
    const { ref } = this.#locate(key)
    // Then the private operation alone is the token's, and the padding comes off here.
    const lack = `OAEP ${hashName}`
    if (!this.#token.lacks.has(lack)) {
      try {
        const run = () => this.#token.decrypt(ref, oaepMechanism(hashName), value)
        const opened = await this.#fitting(run)
        return opened && { value: opened }
      } catch (thrown) {
        const hasRaw = this.#token.can(CKM.rsaX509, 'decrypt')
        if (!isFault(thrown, 'HsmCannot') || !hasRaw) throw thrown
        this.#token.lacks.add(lack)
      }
    }
    const raw = await this.#fitting(() => this.#token.decrypt(ref, { type: CKM.rsaX509 }, value))
    if (!raw) return undefined
    // Some modules leave leading zeros out.
    const block = Buffer.concat([Buffer.alloc(Math.max(0, value.length - raw.length)), raw])
    const opened = oaepDecode(hashName, block)
    return opened && { value: opened }
  }

  /** Undefined when the token says that the bytes are none of this key. */
  async #fitting(work: () => Promise<Buffer>): Promise<Buffer | undefined> {
    try {
      return await work()
    } catch (thrown) {
      if (isFault(thrown, 'HsmInputWrong')) return undefined
      throw thrown
    }
  }

  /** Names the algorithm in the refusal of what the token does not do. */
  async #doing<T>(name: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (thrown) {
      if (!isFault(thrown, 'HsmCannot') && !isFault(thrown, 'HsmInputWrong')) throw thrown
      throw cannot(this.#token.facts.label, `${name} with this key (${thrown.message})`)
    }
  }

  #locate(key: Pick<EngineKey, 'shown' | 'secret'>): { ref: ObjectRef; reference: TokenReference } {
    const reference = readReference(key.secret)
    const { label, serial } = this.#token.facts
    if (reference.serial !== serial) {
      throw new Fault<HsmFaultCode>(
        'HsmUnavailable',
        `This key lives in the HSM token with the serial number ${reference.serial}; the configured one is "${label}" (${serial}).`,
      )
    }
    const isSecret = familyOf(key.shown.kty) === 'oct'
    return {
      ref: { class: isSecret ? CKO.secretKey : CKO.privateKey, id: reference.id },
      reference,
    }
  }
}

function cipherOf(name: string): TokenCipher {
  const found = tokenCiphers[name]
  if (!found) throw new Error(`${name} has no row for tokens.`)
  return found
}

function signOf(name: string) {
  const found = tokenSigns[name]
  if (!found) throw new Error(`${name} has no row for tokens.`)
  return found
}

function publicOf({ n = '', e = '' }: PublicPart): KeyObject {
  return publicRsa(n, e)
}

/** Bytes that nobody can tell from a text, the same for the same input (RFC 8017, 7.2.2). */
function implicitText(rejection: Buffer, value: Buffer): Buffer {
  const part = (word: string) => createHmac('sha256', rejection).update(word).update(value).digest()
  const longest = value.length - 11
  const length = part('length').readUInt32BE() % (longest + 1)
  const blocks = Array.from({ length: Math.ceil(longest / 32) }, (_none, i) => part(`text ${i}`))
  return Buffer.concat(blocks).subarray(0, length)
}

function isFault(thrown: unknown, code: HsmFaultCode): thrown is Fault<HsmFaultCode> {
  return thrown instanceof Fault && thrown.code === code
}

function orUndefined(work: () => Buffer): CipherParts | undefined {
  try {
    return { value: work() }
  } catch {
    return undefined
  }
}
