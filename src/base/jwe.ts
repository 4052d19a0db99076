import { Fault } from './fault.ts'

/** The one content encryption of this file: AES-256-CBC, then HMAC-SHA-512 cut to 32 bytes (RFC 7518, 5.2.5). */
const CONTENT = 'A256CBC-HS512'
const KEY_BYTES = 64
const TAG_BYTES = 32
const IV_BYTES = 16

type Bytes = Uint8Array<ArrayBuffer>

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** A new content key of 64 bytes. */
export function newContentKey(): Bytes {
  return crypto.getRandomValues(new Uint8Array(KEY_BYTES))
}

/** A compact JWE for the holder of the content key (`dir`); `kid` is shown in its header. */
export function encryptDirect(key: Bytes, kid: string, text: Bytes): Promise<string> {
  return assemble({ alg: 'dir', enc: CONTENT, kid }, { key, wrapped: new Uint8Array(), text })
}

/** A compact JWE for the holder of the private key; `publicKey` is RSA in SPKI form. */
export async function encryptFor(publicKey: Bytes, text: Bytes): Promise<string> {
  const algorithm = { name: 'RSA-OAEP', hash: 'SHA-256' }
  const wrapper = await crypto.subtle.importKey('spki', publicKey, algorithm, false, ['encrypt'])
  const key = newContentKey()
  const wrapped = new Uint8Array(await crypto.subtle.encrypt('RSA-OAEP', wrapper, key))
  return assemble({ alg: 'RSA-OAEP-256', enc: CONTENT, kid: 'not used' }, { key, wrapped, text })
}

/** @throws Fault `JweBroken` when the key is another one or the text was changed */
export async function decryptDirect(key: Bytes, jwe: string): Promise<Bytes> {
  const parts = disassemble(jwe)
  if (parts.alg !== 'dir') throw broken()
  return openContent(key, parts)
}

/**
 * Decrypts with an RSA private key in PKCS#8 form.
 *
 * @throws Fault `JweBroken` when the key is another one, or the text was changed
 */
export async function decryptWith(privateKey: Bytes, jwe: string): Promise<Bytes> {
  const parts = disassemble(jwe)
  const hash = { 'RSA-OAEP-256': 'SHA-256', 'RSA-OAEP': 'SHA-1' }[parts.alg]
  if (hash === undefined) throw broken()
  const key = await orBroken(async () => {
    const algorithm = { name: 'RSA-OAEP', hash }
    const opener = await crypto.subtle.importKey('pkcs8', privateKey, algorithm, false, ['decrypt'])
    return crypto.subtle.decrypt('RSA-OAEP', opener, parts.wrapped)
  })
  return openContent(new Uint8Array(key), parts)
}

interface Parts {
  readonly alg: string
  /** As written: it is authenticated. */
  readonly header: string
  readonly wrapped: Bytes
  readonly iv: Bytes
  readonly content: Bytes
  readonly tag: Bytes
}

async function assemble(
  header: { readonly alg: string; readonly enc: string; readonly kid: string },
  { key, wrapped, text }: { readonly key: Bytes; readonly wrapped: Bytes; readonly text: Bytes },
): Promise<string> {
  const head = toBase64Url(encoder.encode(JSON.stringify(header)))
  const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES))
  const cipher = await importCipher(key, 'encrypt')
  const content = new Uint8Array(await crypto.subtle.encrypt({ name: 'AES-CBC', iv }, cipher, text))
  const tag = await tagOf(key, head, iv, content)
  return [head, ...[wrapped, iv, content, tag].map(toBase64Url)].join('.')
}

function disassemble(jwe: string): Parts {
  const [header = '', ...rest] = jwe.split('.')
  const [wrapped, iv, content, tag] = rest.map(fromBase64Url)
  if (rest.length !== 4 || !wrapped || !iv || !content || !tag) throw broken()
  try {
    const { alg, enc } = JSON.parse(decoder.decode(fromBase64Url(header))) as Record<
      string,
      unknown
    >
    if (enc !== CONTENT || typeof alg !== 'string') throw broken()
    return { alg, header, wrapped, iv, content, tag }
  } catch {
    throw broken()
  }
}

/** The tag is judged before anything is decrypted. */
async function openContent(key: Bytes, { header, iv, content, tag }: Parts): Promise<Bytes> {
  if (key.length !== KEY_BYTES || iv.length !== IV_BYTES) throw broken()
  if (!isEqual(await tagOf(key, header, iv, content), tag)) throw broken()
  const cipher = await importCipher(key, 'decrypt')
  const opened = orBroken(() => crypto.subtle.decrypt({ name: 'AES-CBC', iv }, cipher, content))
  return new Uint8Array(await opened)
}

async function orBroken<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch {
    throw broken()
  }
}

function importCipher(key: Bytes, use: 'encrypt' | 'decrypt') {
  return crypto.subtle.importKey('raw', key.slice(KEY_BYTES / 2), 'AES-CBC', false, [use])
}

async function tagOf(key: Bytes, header: string, iv: Bytes, content: Bytes): Promise<Bytes> {
  const head = encoder.encode(header)
  const signed = new Uint8Array(head.length + iv.length + content.length + 8)
  signed.set(head)
  signed.set(iv, head.length)
  signed.set(content, head.length + iv.length)
  new DataView(signed.buffer).setBigUint64(signed.length - 8, BigInt(head.length) * 8n)
  return (await hmacSha512(key.slice(0, KEY_BYTES / 2), signed)).slice(0, TAG_BYTES)
}

async function hmacSha512(key: Bytes, signed: Bytes): Promise<Bytes> {
  const algorithm = { name: 'HMAC', hash: 'SHA-512' }
  const signer = await crypto.subtle.importKey('raw', key, algorithm, false, ['sign'])
  return new Uint8Array(await crypto.subtle.sign('HMAC', signer, signed))
}

function isEqual(one: Bytes, other: Bytes): boolean {
  let difference = one.length ^ other.length
  for (const [i, byte] of one.entries()) difference |= byte ^ (other[i] ?? 0)
  return difference === 0
}

/**
 * A content key of 64 bytes from a master key: SP 800-108 in counter mode over HMAC-SHA-512, whose
 * one block is exactly as long; the context is empty.
 */
export function deriveContentKey(master: Bytes, label: string): Promise<Bytes> {
  const name = encoder.encode(label)
  const fixed = new Uint8Array(4 + name.length + 1 + 4)
  const view = new DataView(fixed.buffer)
  view.setUint32(0, 1)
  fixed.set(name, 4)
  view.setUint32(fixed.length - 4, KEY_BYTES * 8)
  return hmacSha512(master, fixed)
}

function toBase64Url(bytes: Bytes): string {
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return btoa(text).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

function fromBase64Url(text: string): Bytes {
  try {
    const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'))
    return Uint8Array.from(binary, (character) => character.charCodeAt(0))
  } catch {
    throw broken()
  }
}

/** One text, whatever was wrong. */
function broken(): Fault<'JweBroken'> {
  return new Fault('JweBroken', 'An encrypted part does not open with this key, or was changed.')
}
