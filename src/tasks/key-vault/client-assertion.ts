import { createPrivateKey, randomUUID, sign, X509Certificate } from 'node:crypto'
import { Fault } from '../../base/fault.ts'
import { Sealed } from '../../base/sealed.ts'

/** What differs between the two generations of the token service. */
export interface AssertionStyle {
  readonly audience: string
  readonly thumbprintEncoding: 'base64' | 'base64url'
  readonly validForMs: number
}

/**
 * A JWT that proves to hold a certificate's key (RFC 7523 §3), signed with RS256.
 *
 * @throws Fault `ConnectionWrong` when the PEM text has no certificate or no RSA key
 */
export function clientAssertion(
  pem: Sealed,
  clientId: string,
  style: AssertionStyle,
  nowMs: number,
): Sealed {
  const { key, thumbprint } = readPem(pem)
  const nowSeconds = Math.floor(nowMs / 1000)
  const header = { alg: 'RS256', typ: 'JWT', x5t: thumbprint.toString(style.thumbprintEncoding) }
  const claims = {
    aud: style.audience,
    iss: clientId,
    sub: clientId,
    jti: randomUUID(),
    nbf: nowSeconds - 1_000,
    exp: nowSeconds + Math.floor(style.validForMs / 1000),
  }
  const signed = [header, claims].map((part) => toBase64Url(JSON.stringify(part))).join('.')
  const signature = sign('sha256', Buffer.from(signed), key).toString('base64url')
  return new Sealed(`${signed}.${signature}`)
}

function readPem(pem: Sealed) {
  try {
    const text = pem.open()
    const key = createPrivateKey(text)
    if (key.asymmetricKeyType !== 'rsa') throw new Error('no RSA key')
    const { fingerprint } = new X509Certificate(text)
    return { key, thumbprint: Buffer.from(fingerprint.replaceAll(':', ''), 'hex') }
  } catch {
    // The engine's own error may quote the text, hence no detail.
    throw new Fault(
      'ConnectionWrong',
      "The service connection's certificate must be PEM text with a certificate and its RSA key.",
    )
  }
}

function toBase64Url(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64url')
}
