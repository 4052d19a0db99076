import { createHash, X509Certificate } from 'node:crypto'
import { Fault } from '../../base/fault.ts'
import { isObject, type JsonObject } from '../../base/json.ts'
import type { VaultFaultCode } from '../faults.ts'

/** How many certificates may wrap a security domain, and how many of them it may take to open it. */
const CERTIFICATES = { least: 3, most: 10 } as const
const REQUIRED = { least: 2, most: 10 } as const
const BITS = { least: 2048, most: 8192 } as const
/** With smaller ones a share may be read without the private key. */
const LEAST_EXPONENT = 65_537n

/** One holder of a share. */
export interface WrappingCertificate {
  /** SHA-256 of the certificate, base64url: how its holder finds the share. */
  readonly thumbprint: string
  /** Its RSA public key, SPKI in DER. */
  readonly publicKey: Uint8Array<ArrayBuffer>
}

/** Whom a security domain is wrapped for. */
export interface Wrapping {
  readonly certificates: readonly WrappingCertificate[]
  /** How many of them must come together. */
  readonly required: number
}

/**
 * The body of a download: `{certificates: [JWK], required}`. `required` is 2 when absent, as the
 * client libraries may leave it out.
 *
 * @throws Fault `ParameterWrong` that says which certificate is wrong and why
 */
export function readWrapping(body: unknown): Wrapping {
  const { certificates: given, required = REQUIRED.least } = isObject(body) ? body : {}
  if (!Array.isArray(given)) throw wrong('certificates must be a list of JSON Web Keys with x5c.')
  if (given.length < CERTIFICATES.least || given.length > CERTIFICATES.most) {
    throw wrong(
      `A security domain is wrapped for ${CERTIFICATES.least} to ${CERTIFICATES.most} certificates, not ${given.length}.`,
    )
  }
  const certificates = given.map(readCertificate)
  refuseTwice(certificates)
  if (typeof required !== 'number' || !Number.isInteger(required)) {
    throw wrong('required must be a whole number.')
  }
  const most = Math.min(REQUIRED.most, certificates.length)
  if (required < REQUIRED.least || required > most) {
    throw wrong(`required must be from ${REQUIRED.least} to ${most}, not ${required}.`)
  }
  return { certificates, required }
}

function readCertificate(given: unknown, index: number): WrappingCertificate {
  const name = `certificates[${index}]`
  if (!isObject(given)) throw wrong(`${name} must be a JSON Web Key.`)
  const certificate = parse(given, name)
  const key = certificate.publicKey
  const { modulusLength: bits = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {}
  const isRsa = given['kty'] === 'RSA' && key.asymmetricKeyType === 'rsa'
  if (!isRsa || bits < BITS.least || bits > BITS.most || publicExponent < LEAST_EXPONENT) {
    throw wrong(
      `${name} must hold an RSA key of ${BITS.least} to ${BITS.most} bits with the exponent ${LEAST_EXPONENT} or more.`,
    )
  }
  const { n, e } = key.export({ format: 'jwk' })
  if (!isSame(given, 'n', n) || !isSame(given, 'e', e)) {
    throw wrong(`The key of ${name} is not the key of its x5c.`)
  }
  const thumbprint = createHash('sha256').update(certificate.raw).digest('base64url')
  if (!isSame(given, 'x5t#S256', thumbprint)) {
    throw wrong(`x5t#S256 of ${name} is not the thumbprint of its x5c.`)
  }
  const publicKey = Uint8Array.from(key.export({ format: 'der', type: 'spki' }))
  return { thumbprint, publicKey }
}

function parse(given: JsonObject, name: string): X509Certificate {
  const [first] = Array.isArray(given['x5c']) ? given['x5c'] : []
  try {
    if (typeof first === 'string') return new X509Certificate(Buffer.from(first, 'base64'))
  } catch {
    // Said below: the parser's own text tells a caller nothing.
  }
  throw wrong(`x5c of ${name} must hold a certificate in base64.`)
}

/** True for a member that is absent, or the same number or bytes in base64url. */
function isSame(given: JsonObject, member: string, expected: string | undefined): boolean {
  const value = given[member]
  if (value === undefined || value === null) return true
  if (typeof value !== 'string' || expected === undefined) return false
  const bytes = (text: string) =>
    Buffer.from(text, 'base64url')
      .toString('hex')
      .replace(/^(00)+/, '')
  return bytes(value) === bytes(expected)
}

/** Whoever holds a key twice would hold two shares. */
function refuseTwice(certificates: readonly WrappingCertificate[]): void {
  const keys = new Set(certificates.map(({ publicKey }) => Buffer.from(publicKey).toString('hex')))
  if (keys.size < certificates.length) throw wrong('Each certificate must have a key of its own.')
}

function wrong(message: string): Fault<VaultFaultCode> {
  return new Fault('ParameterWrong', message)
}
