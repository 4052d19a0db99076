import { constants, createPrivateKey, privateDecrypt } from 'node:crypto'
import { Fault } from '../../base/fault.ts'
import { type JsonObject, parseJson, readObject, readString } from '../../base/json.ts'
import { Sealed } from '../../base/sealed.ts'
import type { VaultCall } from '../context.ts'
import { keyRefused, propertyWrong, type VaultFaultCode } from '../faults.ts'
import { orPropertyWrong } from '../objects/attributes.ts'
import { openValue, readObjectVersion } from '../objects/objects.ts'
import { unwrap } from './aes.ts'
import { requireToken } from './custody.ts'
import { detailsOf } from './key.ts'
import {
  familyOf,
  type KeyMaterial,
  materialOf,
  type PublicPart,
  readKeyType,
  toPrivateKeyObject,
} from './material.ts'
import type { HashName } from './rsa.ts'

/** How a key is wrapped for a transfer or a release: AES key under OAEP of this hash, key under that. */
export const OAEP_HASHES: Readonly<Record<string, HashName>> = {
  CKM_RSA_AES_KEY_WRAP: 'sha1',
  RSA_AES_KEY_WRAP_256: 'sha256',
  RSA_AES_KEY_WRAP_384: 'sha384',
}

const OCT_BITS = [128, 192, 256]
const BLOB_LIMIT_CHARACTERS = 64 * 1024

interface Blob {
  /** Of the key exchange key. */
  readonly name: string
  readonly version: string | undefined
  readonly oaepHash: HashName
  readonly ciphertext: Buffer
}

/**
 * The key in an import's `key.key_hsm`: a transfer blob (`.byok`), wrapped to a key of this vault that
 * is for imports. The key that comes out is of an HSM type.
 *
 * @throws Fault `ParameterWrong`, `KeyNotFound`, `KeyDisabled` or `KeyOperationForbidden`
 */
export async function openTransferBlob(call: VaultCall, jwk: JsonObject): Promise<KeyMaterial> {
  const blob = readBlob(
    call,
    orPropertyWrong('key_hsm', () => readString(jwk['key_hsm'], 'key_hsm')),
  )
  const exchange = await readObjectVersion(call, 'keys', blob.name, blob.version)
  const details = detailsOf(exchange)
  if (!exchange.enabled) throw keyRefused('KeyDisabled', 'import')
  if (!details.key_ops.includes('import')) throw keyRefused('KeyOperationForbidden', 'import')
  if (details.kty !== 'RSA-HSM') throw wrong('the key exchange key must be of type RSA-HSM')
  const secret = openValue(call.scope, 'keys', exchange)
  const head = blob.ciphertext.subarray(0, details.bits / 8)
  const aesKey = await openHead(call, { shown: details, secret }, { head, oaepHash: blob.oaepHash })
  const plain = unwrapTail(aesKey, blob.ciphertext.subarray(head.length))
  const family = familyOf(readKeyType(jwk['kty']))
  const material = family === 'oct' ? toOct(plain) : toPair(plain)
  if (!material || familyOf(material.shown.kty) !== family) {
    throw wrong(`what is wrapped is no ${family} key of a size that vaults have`)
  }
  return material
}

function readBlob(call: VaultCall, text: string): Blob {
  if (text.length > BLOB_LIMIT_CHARACTERS) throw propertyWrong('key_hsm')
  try {
    const json = Buffer.from(text, 'base64url').toString('utf8')
    const blob = readObject(parseJson(json, 'The blob'), 'The blob')
    const header = readObject(blob['header'], 'header')
    const oaepHash = OAEP_HASHES[readString(header['enc'], 'enc')]
    if (header['alg'] !== 'dir' || oaepHash === undefined) throw wrong('its header is not known')
    const url = URL.parse(readString(header['kid'], 'kid'))
    const [, kind, name, version] = url?.pathname.split('/') ?? []
    // The host may be any of the vault's names; another vault's key is not found in this one.
    if (kind !== 'keys' || !name || !isOfVault(call, url)) {
      throw wrong('its key exchange key is none of this vault')
    }
    const ciphertext = Buffer.from(readString(blob['ciphertext'], 'ciphertext'), 'base64url')
    return { name: name.toLowerCase(), version: version || undefined, oaepHash, ciphertext }
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.code === 'JsonWrong') throw wrong(thrown.message)
    throw thrown
  }
}

function isOfVault({ vault }: VaultCall, url: URL | null): boolean {
  return url?.hostname.split('.')[0]?.toLowerCase() === vault.name.toLowerCase()
}

/** The AES key, opened where the key exchange key is. */
async function openHead(
  call: VaultCall,
  exchange: { readonly shown: PublicPart; readonly secret: Buffer },
  { head, oaepHash }: { readonly head: Buffer; readonly oaepHash: HashName },
): Promise<Buffer | undefined> {
  const { shown, secret } = exchange
  if (shown.protection === 'token') {
    const { TokenEngine } = await import('./token-engine.ts')
    return new TokenEngine(requireToken(call.store)).openOaep(exchange, oaepHash, head)
  }
  const padding = constants.RSA_PKCS1_OAEP_PADDING
  try {
    return privateDecrypt({ key: toPrivateKeyObject(shown, secret), padding, oaepHash }, head)
  } catch {
    return undefined
  }
}

/** One refusal whatever is wrong with the ciphertext. */
function unwrapTail(aesKey: Buffer | undefined, tail: Buffer): Buffer {
  const isKey = aesKey && [16, 24, 32].includes(aesKey.length)
  const plain = isKey ? unwrap(aesKey, tail, true) : undefined
  if (plain) return plain
  throw wrong('it cannot be unwrapped with its key exchange key')
}

function toPair(pkcs8: Buffer): KeyMaterial | undefined {
  try {
    return materialOf(createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }), true)
  } catch {
    return undefined
  }
}

function toOct(secret: Buffer): KeyMaterial | undefined {
  const bits = secret.length * 8
  if (!OCT_BITS.includes(bits)) return undefined
  return { shown: { kty: 'oct-HSM', bits }, secret: new Sealed(secret) }
}

function wrong(cause: string): Fault<VaultFaultCode> {
  return new Fault('ParameterWrong', `The key transfer blob (key_hsm) is wrong: ${cause}.`)
}
