import type { Clock } from '../base/clock.ts'
import { Fault } from '../base/fault.ts'
import { findString, type JsonObject } from '../base/json.ts'
import type { Principal, TokenVerifier } from '../http/principal.ts'
import { issuerOf } from './access-tokens.ts'
import { decodeJwt, isSignedBy } from './jwt.ts'
import type { SigningKeys } from './signing-keys.ts'
import { type DirectoryStore, listGroupIds } from './store.ts'

/** Verified tokens remembered at most; the oldest is forgotten first. */
const REMEMBERED_LIMIT = 10_000
/** Clocks of two machines differ; a token may be this young. */
const NOT_BEFORE_SKEW_MS = 300_000

interface Remembered {
  readonly token: string
  readonly principal: Principal
  readonly notBeforeMs: number
  /** The state of the group memberships that `principal.groups` was read from. */
  readonly groupsVersion: number
}

/**
 * Verifies our own access tokens. A token is verified once (some 20 us) and remembered by the end
 * of its signature until it expires; groups are always those of now.
 */
export function createVerifier(
  store: DirectoryStore,
  keys: SigningKeys,
  clock: Clock,
): TokenVerifier {
  const remembered = new Map<string, Remembered>()
  const remember = (place: string, entry: Remembered): Principal => {
    remembered.delete(place)
    remembered.set(place, entry)
    if (remembered.size > REMEMBERED_LIMIT) {
      for (const oldest of remembered.keys()) {
        remembered.delete(oldest)
        break
      }
    }
    return entry.principal
  }
  return {
    get issuers() {
      return store.tenants.list().map((tenant) => issuerOf(tenant.id))
    },
    verify: (token) => {
      const place = token.slice(-43)
      const held = remembered.get(place)
      const known = held?.token === token ? held : undefined
      const fresh = known ?? verifyFresh(token, store, keys)
      try {
        checkTimes(fresh.principal.expiresAtMs, fresh.notBeforeMs, clock.nowMs())
      } catch (error) {
        if (known) remembered.delete(place)
        throw error
      }
      const groupsVersion = store.memberships.version()
      if (known && known.groupsVersion === groupsVersion) return known.principal
      const groups = listGroupIds(store, fresh.principal.objectId)
      return remember(place, {
        token,
        principal: { ...fresh.principal, groups },
        notBeforeMs: fresh.notBeforeMs,
        groupsVersion,
      })
    },
  }
}

function verifyFresh(
  token: string,
  store: DirectoryStore,
  keys: SigningKeys,
): { readonly principal: Principal; readonly notBeforeMs: number } {
  const jwt = decodeJwt(token)
  const { claims } = jwt
  const issuer = textOf(claims, 'iss')
  const tenantId = /^https:\/\/sts\.windows\.net\/([^/]+)\/$/.exec(issuer)?.[1] ?? ''
  if (!store.tenants.find(tenantId) || claims['tid'] !== tenantId) {
    throw new Fault('IssuerWrong', 'The token was issued by somebody else.', issuer)
  }
  const kid = jwt.header['kid']
  const key = typeof kid === 'string' ? keys.findPublicKey(kid) : undefined
  if (jwt.header['alg'] !== 'RS256' || !key || !isSignedBy(jwt, key)) {
    throw new Fault('TokenSignatureWrong', 'The signature of the token is wrong.')
  }
  return {
    principal: toPrincipal(claims, issuer, tenantId, store),
    notBeforeMs: secondsOf(claims, 'nbf') * 1000,
  }
}

function toPrincipal(
  claims: JsonObject,
  issuer: string,
  tenantId: string,
  store: DirectoryStore,
): Principal {
  const objectId = textOf(claims, 'oid')
  const appId = findString(claims['appid'], 'appid')
  return {
    kind: kindOf(claims, store.servicePrincipals.find(objectId)?.kind),
    objectId,
    appId,
    tenantId,
    issuer,
    audience: textOf(claims, 'aud'),
    expiresAtMs: secondsOf(claims, 'exp') * 1000,
    groups: [],
    name: findString(claims['upn'] ?? claims['app_displayname'], 'name'),
  }
}

function kindOf(
  claims: JsonObject,
  directoryKind: 'Application' | 'ManagedIdentity' | undefined,
): Principal['kind'] {
  if (claims['idtyp'] === 'user') return 'user'
  if (claims['idtyp'] === 'pipeline') return 'pipeline'
  return directoryKind === 'ManagedIdentity' ? 'managedIdentity' : 'servicePrincipal'
}

function checkTimes(expiresAtMs: number, notBeforeMs: number, nowMs: number): void {
  if (nowMs >= expiresAtMs) throw new Fault('TokenExpired', 'The token has expired.')
  if (nowMs < notBeforeMs - NOT_BEFORE_SKEW_MS) {
    throw new Fault('TokenNotYetValid', 'The token is not valid yet.')
  }
}

function textOf(claims: JsonObject, name: string): string {
  const value = claims[name]
  if (typeof value !== 'string' || value === '') throw claimWrong(name)
  return value
}

function secondsOf(claims: JsonObject, name: string): number {
  const value = claims[name]
  if (typeof value !== 'number' || !Number.isFinite(value)) throw claimWrong(name)
  return value
}

function claimWrong(name: string): Fault<'TokenMalformed'> {
  return new Fault('TokenMalformed', `The token has no usable claim ${name}.`)
}
