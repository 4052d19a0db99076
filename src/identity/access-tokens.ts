import { randomBytes } from 'node:crypto'
import type { SigningKeys } from './signing-keys.ts'

/** How long an access token lives unless told: one hour. */
export const TOKEN_LIFETIME_MS = 3_600_000

/** What an access token says. */
export interface TokenWish {
  readonly tenantId: string
  /** The service principal's or user's object id. */
  readonly objectId: string
  /** The client id; undefined for a caller that is no application. */
  readonly appId: string | undefined
  readonly audience: string
  readonly kind: 'app' | 'user' | 'pipeline'
  /** 1: a secret was shown, 2: a certificate or a federated assertion. */
  readonly credential?: 1 | 2
  /** Display name or user principal name. */
  readonly name?: string | undefined
  readonly lifetimeMs?: number
}

export interface IssuedToken {
  readonly token: string
  readonly issuedAtMs: number
  readonly expiresAtMs: number
}

/** `iss` of the tokens that our services take. */
export function issuerOf(tenantId: string): string {
  return `https://sts.windows.net/${tenantId}/`
}

/** Issues a v1-style access token, RS256. */
export async function issueAccessToken(
  keys: SigningKeys,
  wish: TokenWish,
  nowMs: number,
): Promise<IssuedToken> {
  const issuedAt = Math.floor(nowMs / 1000)
  const expiresAt = issuedAt + Math.floor((wish.lifetimeMs ?? TOKEN_LIFETIME_MS) / 1000)
  const issuer = issuerOf(wish.tenantId)
  const token = await keys.signJwt({
    aud: wish.audience,
    iss: issuer,
    iat: issuedAt,
    nbf: issuedAt,
    exp: expiresAt,
    ...(wish.appId && { appid: wish.appId, appidacr: String(wish.credential ?? 1) }),
    idp: issuer,
    idtyp: wish.kind,
    ...(wish.name && (wish.kind === 'user' ? { upn: wish.name } : { app_displayname: wish.name })),
    oid: wish.objectId,
    sub: wish.objectId,
    tid: wish.tenantId,
    uti: randomBytes(16).toString('base64url'),
    ver: '1.0',
  })
  return { token, issuedAtMs: issuedAt * 1000, expiresAtMs: expiresAt * 1000 }
}

/** A token for an exchange with a federated credential; no service of ours takes it as access. */
export interface FederationWish {
  readonly issuer: string
  readonly subject: string
  readonly audience: string
  readonly lifetimeMs?: number
}

/** Issues an OIDC token, ten minutes valid unless told. */
export async function issueFederationToken(
  keys: SigningKeys,
  wish: FederationWish,
  nowMs: number,
): Promise<IssuedToken> {
  const issuedAt = Math.floor(nowMs / 1000)
  const expiresAt = issuedAt + Math.floor((wish.lifetimeMs ?? 600_000) / 1000)
  const token = await keys.signJwt({
    jti: randomBytes(16).toString('hex'),
    iss: wish.issuer,
    sub: wish.subject,
    aud: wish.audience,
    iat: issuedAt,
    nbf: issuedAt,
    exp: expiresAt,
  })
  return { token, issuedAtMs: issuedAt * 1000, expiresAtMs: expiresAt * 1000 }
}
