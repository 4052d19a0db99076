import { type KeyObject, randomBytes } from 'node:crypto'
import { Fault } from '../../base/fault.ts'
import { Sealed } from '../../base/sealed.ts'
import {
  CKA,
  CKK,
  CKM,
  CKO,
  cannot,
  type HsmFaultCode,
  type HsmToken,
  template,
} from '../../pkcs11/index.ts'
import { type Curve, curves } from './ecdsa.ts'
import { familyOf, type KeyMaterial, type KeySpec, type PublicPart } from './material.ts'
import { objectIdOf, writeReference } from './token-reference.ts'

/** DER of the curves' object identifiers: CKA_EC_PARAMS. */
const CURVE_PARAMETERS: Readonly<Record<Curve, string>> = {
  'P-256': '06082a8648ce3d030107',
  'P-256K': '06052b8104000a',
  'P-384': '06052b81040022',
  'P-521': '06052b81040023',
}

/** What a key in a token is made for. */
export interface TokenAsk {
  readonly version: string
  /** Shown by the token's own tools. */
  readonly label: string
  readonly keyOps: readonly string[] | undefined
}

/** Every secret part is sensitive, never extractable, and shown to nobody who is not logged in. */
function hidden({ version, label }: TokenAsk) {
  return {
    token: true,
    private: true,
    sensitive: true,
    extractable: false,
    id: objectIdOf(version),
    label: Buffer.from(label),
  }
}

const RSA_USES = { sign: true, decrypt: true }
const EC_USES = { sign: true }
const AES_USES = { encrypt: true, decrypt: true, wrap: true, unwrap: true }
const MAC_USES = { sign: true, verify: true }

/**
 * Makes a key in the token, where it stays.
 *
 * @throws Fault `HsmCannot` for a type, size or curve that the token does not make, or when it would give
 * the key away; `HsmUnavailable`
 */
export async function generateInToken(
  token: HsmToken,
  spec: KeySpec,
  ask: TokenAsk,
): Promise<KeyMaterial> {
  const what = 'crv' in spec ? `${spec.kty} on ${spec.crv}` : `${spec.kty} of ${spec.bits} bits`
  const shown = await naming(token, `make a key ${what}`, () => generate(token, spec, ask))
  await checkHidden(token, shown, ask)
  return toMaterial(token, shown, ask)
}

/** Puts a key from outside into the token. @throws as `generateInToken` */
export async function importIntoToken(
  token: HsmToken,
  given: { readonly shown: PublicPart; readonly key: KeyObject | Buffer },
  ask: TokenAsk,
): Promise<KeyMaterial> {
  const { shown, key } = given
  const made = Buffer.isBuffer(key)
    ? template({ ...hidden(ask), ...octKind(token, ask), value: key })
    : template({ ...hidden(ask), ...privateParts(shown, key) })
  await naming(token, `take a key of type ${shown.kty}`, () => token.createObject(made))
  await checkHidden(token, shown, ask)
  return toMaterial(token, shown, ask)
}

function generate(token: HsmToken, spec: KeySpec, ask: TokenAsk): Promise<PublicPart> {
  if ('crv' in spec) return generateEc(token, spec, ask)
  return 'exponent' in spec ? generateRsa(token, spec, ask) : generateOct(token, spec, ask)
}

async function generateRsa(
  token: HsmToken,
  spec: Extract<KeySpec, { exponent: number }>,
  ask: TokenAsk,
): Promise<PublicPart> {
  const { kty, bits } = spec
  const hex = spec.exponent.toString(16)
  const publicExponent = Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex')
  const pair = {
    public: template({
      token: false,
      modulusBits: bits,
      publicExponent,
      encrypt: true,
      verify: true,
    }),
    private: template({ ...hidden(ask), ...RSA_USES }),
  }
  const read = [CKA.modulus, CKA.publicExponent]
  const [n, e] = await token.generatePair({ type: CKM.rsaKeyPairGen }, pair, read)
  return { kty, bits, n: toText(n), e: toText(e) }
}

async function generateEc(
  token: HsmToken,
  { kty, crv }: Extract<KeySpec, { crv: Curve }>,
  ask: TokenAsk,
): Promise<PublicPart> {
  const ecParams = Buffer.from(CURVE_PARAMETERS[crv], 'hex')
  const pair = {
    public: template({ token: false, ecParams, verify: true }),
    private: template({ ...hidden(ask), ...EC_USES }),
  }
  const [point] = await token.generatePair({ type: CKM.ecKeyPairGen }, pair, [CKA.ecPoint])
  const { sizeBytes } = curves[crv]
  // An OCTET STRING around the point (PKCS#11 v2.40, 2.3.3); some modules give the point alone.
  const plain = point?.subarray(-(1 + 2 * sizeBytes)) ?? Buffer.alloc(0)
  if (plain.length !== 1 + 2 * sizeBytes || plain[0] !== 4) {
    throw cannot(token.facts.label, 'its public points are not uncompressed')
  }
  const x = toText(plain.subarray(1, 1 + sizeBytes))
  return { kty, bits: sizeBytes * 8, crv, x, y: toText(plain.subarray(1 + sizeBytes)) }
}

async function generateOct(
  token: HsmToken,
  { kty, bits }: Extract<KeySpec, { kty: 'oct' | 'oct-HSM' }>,
  ask: TokenAsk,
): Promise<PublicPart> {
  const kind = octKind(token, ask)
  const type = kind.keyType === CKK.aes ? CKM.aesKeyGen : CKM.genericSecretKeyGen
  await token.generateKey({ type }, template({ ...hidden(ask), ...kind, valueLen: bits / 8 }))
  return { kty, bits }
}

/** A token keeps a key either for AES or for HMAC. @throws Fault `HsmCannot` when both are asked */
function octKind(token: HsmToken, { keyOps = [] }: TokenAsk) {
  const signs = keyOps.some((use) => use === 'sign' || use === 'verify')
  const isMac = signs && !keyOps.some((use) => use !== 'sign' && use !== 'verify')
  if (signs && !isMac) {
    throw cannot(
      token.facts.label,
      'a token keeps a symmetric key either for AES or for HMAC, so that key_ops cannot have sign or verify beside the others',
    )
  }
  const kind = { class: CKO.secretKey, keyType: isMac ? CKK.genericSecret : CKK.aes }
  return { ...kind, ...(isMac ? MAC_USES : AES_USES) }
}

function privateParts(shown: PublicPart, key: KeyObject) {
  const jwk = key.export({ format: 'jwk' })
  const part = (name: 'n' | 'e' | 'd' | 'p' | 'q' | 'dp' | 'dq' | 'qi') =>
    Buffer.from(String(jwk[name] ?? ''), 'base64url')
  if (shown.crv !== undefined) {
    const ecParams = Buffer.from(CURVE_PARAMETERS[shown.crv], 'hex')
    return { class: CKO.privateKey, keyType: CKK.ec, ...EC_USES, ecParams, value: part('d') }
  }
  return {
    ...{ class: CKO.privateKey, keyType: CKK.rsa, ...RSA_USES },
    ...{ modulus: part('n'), publicExponent: part('e'), privateExponent: part('d') },
    ...{ prime1: part('p'), prime2: part('q'), exponent1: part('dp'), exponent2: part('dq') },
    coefficient: part('qi'),
  }
}

/** A token that would give the key away must not have it. */
async function checkHidden(token: HsmToken, shown: PublicPart, ask: TokenAsk): Promise<void> {
  const isSecret = familyOf(shown.kty) === 'oct'
  const ref = { class: isSecret ? CKO.secretKey : CKO.privateKey, id: objectIdOf(ask.version) }
  const [sensitive, extractable] = await token.read(ref, [CKA.sensitive, CKA.extractable])
  if (sensitive?.[0] === 1 && extractable?.[0] === 0) return
  throw cannot(token.facts.label, 'it does not keep a key from being read')
}

function toMaterial(token: HsmToken, shown: PublicPart, { version }: TokenAsk): KeyMaterial {
  const { serial } = token.facts
  const rejection = randomBytes(32)
  const reference = writeReference({ id: objectIdOf(version), serial, rejection })
  return {
    shown: { ...shown, protection: 'token' },
    secret: new Sealed(reference),
    version,
  }
}

async function naming<T>(token: HsmToken, what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (thrown) {
    const code = thrown instanceof Fault ? (thrown.code as HsmFaultCode) : undefined
    if (code !== 'HsmCannot' && code !== 'HsmInputWrong') throw thrown
    throw cannot(token.facts.label, `${what} (${(thrown as Fault).message})`)
  }
}

/** A number or coordinate as JSON web keys have it, without leading zeros that are not its own. */
function toText(bytes: Buffer | undefined): string {
  return (bytes ?? Buffer.alloc(0)).toString('base64url')
}
