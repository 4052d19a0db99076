import { constants, type KeyObject, verify } from 'node:crypto'
import { Fault } from '../base/fault.ts'
import { type JsonObject, parseJson, readObject } from '../base/json.ts'

/** A signed token taken apart; nothing of it is to be believed before `isSignedBy`. */
export interface DecodedJwt {
  readonly header: JsonObject
  readonly claims: JsonObject
  readonly input: string
  readonly signature: Buffer
}

const COMPACT = /^([\w-]{2,8192})\.([\w-]{2,65536})\.([\w-]{2,8192})$/

/** @throws Fault `TokenMalformed` when it is not a JWS in compact form (RFC 7515 §7.1) */
export function decodeJwt(token: string): DecodedJwt {
  const [, head, body, signature] = COMPACT.exec(token) ?? []
  if (head === undefined || body === undefined || signature === undefined) throw malformed()
  try {
    return {
      header: readObject(decodePart(head), 'header'),
      claims: readObject(decodePart(body), 'claims'),
      input: `${head}.${body}`,
      signature: Buffer.from(signature, 'base64url'),
    }
  } catch {
    throw malformed()
  }
}

/** True when `key` made the signature with the algorithm of the header: RS256 or PS256 only. */
export function isSignedBy(jwt: DecodedJwt, key: KeyObject): boolean {
  // RFC 7515 §4.1.11: extensions that are not understood make the token invalid.
  if (key.asymmetricKeyType !== 'rsa' || jwt.header['crit'] !== undefined) return false
  const input = Buffer.from(jwt.input)
  if (jwt.header['alg'] === 'RS256') return verify('sha256', input, key, jwt.signature)
  if (jwt.header['alg'] !== 'PS256') return false
  // RFC 7518 §3.5: the salt is as long as the hash.
  const padding = { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }
  return verify('sha256', input, padding, jwt.signature)
}

function decodePart(part: string): unknown {
  return parseJson(Buffer.from(part, 'base64url').toString('utf8'), 'The token')
}

function malformed(): Fault<'TokenMalformed'> {
  return new Fault('TokenMalformed', 'The token is not a signed JSON Web Token.')
}
