import {
  constants,
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  type JsonWebKeyInput,
  type KeyObject,
  privateEncrypt,
  publicDecrypt,
  randomBytes,
} from 'node:crypto'
import { promisify } from 'node:util'
import { findString, type JsonObject } from '../../base/json.ts'
import { Sealed } from '../../base/sealed.ts'
import { propertyWrong } from '../faults.ts'
import { orPropertyWrong } from '../objects/attributes.ts'
import { type Curve, curves, pointOf } from './ecdsa.ts'

const generate = promisify(generateKeyPair)

const keyTypes = ['RSA', 'RSA-HSM', 'EC', 'EC-HSM', 'oct', 'oct-HSM'] as const
export type KeyType = (typeof keyTypes)[number]
export type KeyFamily = 'RSA' | 'EC' | 'oct'

/** The public part: what a bundle shows, and the size that algorithms ask for. */
export interface PublicPart {
  readonly kty: KeyType
  /** Modulus or key bits; of no use for EC. */
  readonly bits: number
  readonly crv?: Curve
  /** base64url, as in a JSON web key. */
  readonly n?: string
  readonly e?: string
  readonly x?: string
  readonly y?: string
  /** Where it was made or put; absent: in software. Answers show it as `hsmPlatform`. */
  readonly protection?: 'token'
}

/**
 * A key about to be stored: RSA as PKCS#8, EC as its scalar, oct as its bytes; of a key in a token where
 * it is, and the version that it was made for.
 */
export interface KeyMaterial {
  readonly shown: PublicPart
  readonly secret: Sealed<Buffer>
  readonly version?: string
}

/** What Create asks for. Rotation asks for the same again. */
export type KeySpec =
  | { readonly kty: 'RSA' | 'RSA-HSM'; readonly bits: number; readonly exponent: number }
  | { readonly kty: 'EC' | 'EC-HSM'; readonly crv: Curve }
  | { readonly kty: 'oct' | 'oct-HSM'; readonly bits: number }

const RSA_BITS = [2048, 3072, 4096]
const OCT_BITS = [128, 192, 256]
const DEFAULT_EXPONENT = 65_537

export function familyOf(kty: KeyType): KeyFamily {
  return kty.replace('-HSM', '') as KeyFamily
}

/** @throws Fault `PropertyWrong` for a type that does not exist */
export function readKeyType(value: unknown): KeyType {
  const found = keyTypes.find((type) => type === value)
  if (!found) throw propertyWrong('kty')
  return found
}

/** `kty`, `key_size`, `crv` and `public_exponent` of a body. @throws Fault `PropertyWrong` */
export function readKeySpec(body: JsonObject): KeySpec {
  const kty = readKeyType(body['kty'])
  const size = body['key_size'] ?? undefined
  if (kty === 'EC' || kty === 'EC-HSM') return { kty, crv: readCurve(body['crv'] ?? 'P-256') }
  if (kty === 'RSA' || kty === 'RSA-HSM') {
    const asked = body['public_exponent'] ?? 0
    // The Java client sends 0 when its caller names none.
    const exponent = asked === 0 ? DEFAULT_EXPONENT : asked
    return { kty, bits: readSize(size ?? 2048, RSA_BITS), exponent: readExponent(exponent) }
  }
  return { kty, bits: readSize(size ?? 256, OCT_BITS) }
}

function readSize(value: unknown, allowed: readonly number[]): number {
  if (typeof value !== 'number' || !allowed.includes(value)) throw propertyWrong('key_size')
  return value
}

function readExponent(value: unknown): number {
  if (typeof value !== 'number' || !Number.isInteger(value)) throw propertyWrong('public_exponent')
  if (value < 3 || value > 0xffffffff || value % 2 === 0) throw propertyWrong('public_exponent')
  return value
}

function readCurve(value: unknown): Curve {
  if (typeof value !== 'string' || !Object.hasOwn(curves, value)) throw propertyWrong('crv')
  return value as Curve
}

/** What must be asked for to get another key of the same make. */
export function specOf(shown: PublicPart): KeySpec {
  const { kty, bits, crv } = shown
  if (kty === 'EC' || kty === 'EC-HSM') return { kty, crv: readCurve(crv) }
  if (kty === 'oct' || kty === 'oct-HSM') return { kty, bits }
  const exponent = Buffer.from(shown.e ?? 'AQAB', 'base64url')
  return { kty, bits, exponent: exponent.readUIntBE(0, exponent.length) }
}

/** Makes a key. RSA takes 40 to 300 ms of another thread, at worst 2 s. */
export async function generateMaterial(spec: KeySpec): Promise<KeyMaterial> {
  if ('crv' in spec) {
    const pair = await generate('ec', { namedCurve: curves[spec.crv].name })
    return ecMaterial(spec.kty, spec.crv, pair.privateKey)
  }
  if ('exponent' in spec) {
    const { bits, exponent } = spec
    const pair = await generate('rsa', { modulusLength: bits, publicExponent: exponent })
    return rsaMaterial(spec.kty, pair.privateKey)
  }
  const secret = new Sealed(randomBytes(spec.bits / 8))
  return { shown: { kty: spec.kty, bits: spec.bits }, secret }
}

function rsaMaterial(kty: KeyType, key: KeyObject): KeyMaterial {
  const { n = '', e = '' } = createPublicKey(key).export({ format: 'jwk' })
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0
  const secret = new Sealed(key.export({ format: 'der', type: 'pkcs8' }))
  return { shown: { kty, bits, n, e }, secret }
}

function ecMaterial(kty: KeyType, crv: Curve, key: KeyObject): KeyMaterial {
  const { d = '', x = '', y = '' } = key.export({ format: 'jwk' })
  const secret = new Sealed(Buffer.from(d, 'base64url'))
  return { shown: { kty, bits: curves[crv].sizeBytes * 8, crv, x, y }, secret }
}

/**
 * The key of an import's `key`.
 *
 * @throws Fault `PropertyWrong` when a part is missing, out of range or does not fit the others
 */
export function importMaterial(jwk: JsonObject, hsm: boolean): KeyMaterial {
  const given = readKeyType(jwk['kty'])
  const kty = hsm && !given.endsWith('-HSM') ? (`${given}-HSM` as KeyType) : given
  const family = familyOf(kty)
  if (family === 'oct') return importOct(kty, jwk)
  return family === 'RSA' ? importRsa(kty, jwk) : importEc(kty, jwk)
}

function importOct(kty: KeyType, jwk: JsonObject): KeyMaterial {
  const secret = Buffer.from(readPart(jwk, 'k'), 'base64url')
  const bits = secret.length * 8
  if (!OCT_BITS.includes(bits)) throw propertyWrong('k')
  return { shown: { kty, bits }, secret: new Sealed(secret) }
}

function importRsa(kty: KeyType, jwk: JsonObject): KeyMaterial {
  const parts: JsonWebKeyInput['key'] = { kty: 'RSA' }
  for (const name of ['n', 'e', 'd', 'p', 'q', 'dp', 'dq', 'qi'] as const) {
    parts[name] = withoutLeadingZeros(readPart(jwk, name))
  }
  const key = toPrivateKey(parts)
  const made = rsaMaterial(kty, key)
  if (!RSA_BITS.includes(made.shown.bits) || !isRsaPair(key)) throw propertyWrong('key')
  return made
}

function importEc(kty: KeyType, jwk: JsonObject): KeyMaterial {
  const crv = readCurve(jwk['crv'])
  const { sizeBytes } = curves[crv]
  const part = (name: string) => padTo(sizeBytes, readPart(jwk, name))
  const named = crv === 'P-256K' ? 'secp256k1' : crv
  const given = { kty: 'EC', crv: named, x: part('x'), y: part('y'), d: part('d') }
  const key = toPrivateKey(given)
  const made = ecMaterial(kty, crv, key)
  // A point given beside a scalar it does not belong to would be believed: compute it again.
  const point = pointOf(crv, made.secret.open())
  const shown = `${made.shown.x}.${made.shown.y}`
  if (point !== shown) throw propertyWrong('key: the point is not that of the scalar')
  return made
}

function toPrivateKey(jwk: JsonWebKeyInput['key']): KeyObject {
  try {
    return createPrivateKey({ key: jwk, format: 'jwk' })
  } catch {
    throw propertyWrong('key: its parts are no key')
  }
}

function readPart(jwk: JsonObject, name: string): string {
  const text = orPropertyWrong(name, () => findString(jwk[name], name))
  if (!text || !/^[\w-]+=*$/.test(text)) throw propertyWrong(name)
  return text
}

function withoutLeadingZeros(text: string): string {
  const bytes = Buffer.from(text, 'base64url')
  const start = bytes.findIndex((byte) => byte !== 0)
  return bytes.subarray(Math.max(0, start)).toString('base64url')
}

function padTo(sizeBytes: number, text: string): string {
  const bytes = Buffer.from(withoutLeadingZeros(text), 'base64url')
  if (bytes.length > sizeBytes) throw propertyWrong('key: longer than its curve')
  return Buffer.concat([Buffer.alloc(sizeBytes - bytes.length), bytes]).toString('base64url')
}

/** The private part undoes the public one. */
function isRsaPair(key: KeyObject): boolean {
  const probe = Buffer.alloc((key.asymmetricKeyDetails?.modulusLength ?? 0) / 8, 1)
  probe[0] = 0
  const padding = constants.RSA_NO_PADDING
  try {
    const signed = privateEncrypt({ key, padding }, probe)
    return publicDecrypt({ key: createPublicKey(key), padding }, signed).equals(probe)
  } catch {
    return false
  }
}

/** A certificate's key as this room stores keys; undefined for a type or size that it has not. */
export function materialOf(key: KeyObject, isHsm: boolean): KeyMaterial | undefined {
  const details = key.asymmetricKeyDetails
  if (key.asymmetricKeyType === 'rsa' && RSA_BITS.includes(details?.modulusLength ?? 0)) {
    return rsaMaterial(isHsm ? 'RSA-HSM' : 'RSA', key)
  }
  const names = Object.keys(curves) as Curve[]
  const crv = names.find((name) => curves[name].name === details?.namedCurve)
  return crv && ecMaterial(isHsm ? 'EC-HSM' : 'EC', crv, key)
}

/** The private key of stored material, for certificates. */
export function toPrivateKeyObject(shown: PublicPart, secret: Buffer): KeyObject {
  if (shown.crv === undefined) {
    return createPrivateKey({ key: secret, format: 'der', type: 'pkcs8' })
  }
  const crv = shown.crv === 'P-256K' ? 'secp256k1' : shown.crv
  const { x = '', y = '' } = shown
  const jwk = { kty: 'EC', crv, x, y, d: secret.toString('base64url') }
  return createPrivateKey({ key: jwk, format: 'jwk' })
}
