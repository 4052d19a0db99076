/** Who calls, as a verified token says. */
export interface Principal {
  readonly kind: 'user' | 'servicePrincipal' | 'managedIdentity' | 'pipeline'
  /** The directory object's id (`oid`). */
  readonly objectId: string
  /** The application's (client) id (`appid` or `azp`); undefined for a user without an application. */
  readonly appId: string | undefined
  readonly tenantId: string
  /** `iss` exactly as in the token. */
  readonly issuer: string
  /** `aud` exactly as in the token. */
  readonly audience: string
  readonly expiresAtMs: number
  /** Object ids of the groups the caller belongs to. */
  readonly groups: readonly string[]
  /** Display name or user principal name, for people. */
  readonly name: string | undefined
}

/** Checks who sent a token. Synchronous when the token was verified before. */
export interface TokenVerifier {
  /**
   * Signature, issuer, `nbf` and `exp`; the audience is the service's own matter.
   *
   * @throws Fault `TokenMalformed`, `TokenSignatureWrong`, `TokenExpired`, `TokenNotYetValid` or
   * `IssuerWrong` (its `detail` is the issuer found)
   */
  verify(token: string): Principal | Promise<Principal>
  /** Issuers whose tokens are taken, for messages. */
  readonly issuers: readonly string[]
}

/** The token of `Authorization: Bearer`; undefined when there is none. */
export function findBearer(authorization: string | undefined): string | undefined {
  // What nearly all clients send, without the expression's walk through a long token.
  if (authorization?.startsWith('Bearer ') && !authorization.includes(' ', 7)) {
    return authorization.slice(7) || undefined
  }
  const match = /^Bearer +(\S+) *$/i.exec(authorization ?? '')
  return match?.[1]
}
