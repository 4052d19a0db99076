import { Fault } from '../../base/fault.ts'
import type { Call } from '../../http/call.ts'
import { findBearer, type Principal, type TokenVerifier } from '../../http/principal.ts'
import type { VaultFaultCode } from '../faults.ts'
import type { DataPlaneResource } from '../ports.ts'
import { isAudienceOf, resourceOf } from './challenge.ts'

/** Texts of key-vault.md §3.5; the last three are not documented (U16). */
const TEXTS: Readonly<Record<string, string>> = {
  TokenExpired: "[TokenExpired] Error validating token: 'S2S12086'.",
  TokenNotYetValid: "[TokenNotYetValid] Error validating token: 'S2S12087'.",
  TokenMalformed: "[BearerReadAccessTokenFailed] Error validating token: 'S2S12005'.",
  TokenSignatureWrong: "[BearerReadAccessTokenFailed] Error validating token: 'S2S12005'.",
}

/**
 * Who calls, by a token that is meant for this resource; at once when the token is known.
 *
 * @throws Fault `TokenMissing` or `TokenRefused`
 */
export function authenticate(
  call: Call,
  resource: DataPlaneResource,
  verifier: TokenVerifier,
): Principal | Promise<Principal> {
  const token = findBearer(call.headers.authorization)
  if (token === undefined) {
    throw new Fault<VaultFaultCode>(
      'TokenMissing',
      'AKV10000: Request is missing a Bearer or PoP token.',
    )
  }
  const check = (principal: Principal): Principal => {
    checkToken(principal, resource, call.suffix, verifier)
    return principal
  }
  const refuse = (thrown: unknown): never => {
    throw toTokenRefusal(thrown, resource, verifier)
  }
  let verified: Principal | Promise<Principal>
  try {
    verified = verifier.verify(token)
  } catch (thrown) {
    return refuse(thrown)
  }
  return verified instanceof Promise ? verified.catch(refuse).then(check) : check(verified)
}

/** What the verifier refused, in the vault's words; anything else is handed on as it is. */
function toTokenRefusal(
  thrown: unknown,
  vault: DataPlaneResource,
  verifier: TokenVerifier,
): unknown {
  if (!(thrown instanceof Fault)) return thrown
  if (thrown.code === 'IssuerWrong') return issuerWrong(vault, verifier, thrown.detail ?? '')
  const text = TEXTS[thrown.code]
  return text ? new Fault<VaultFaultCode>('TokenRefused', text, thrown.message) : thrown
}

/**
 * The token is meant for resources of this kind, and comes from the resource's own tenant.
 *
 * @throws Fault `TokenRefused` with AKV10022 or AKV10032
 */
function checkToken(
  principal: Principal,
  vault: DataPlaneResource,
  suffix: string,
  verifier: TokenVerifier,
): void {
  if (!isAudienceOf(vault.kind, principal.audience, suffix)) {
    throw new Fault<VaultFaultCode>(
      'TokenRefused',
      `AKV10022: Invalid audience. Expected ${resourceOf(suffix)}, found: ${principal.audience}.`,
    )
  }
  if (principal.tenantId !== vault.tenantId && !sameText(principal.tenantId, vault.tenantId)) {
    throw issuerWrong(vault, verifier, principal.issuer)
  }
}

function issuerWrong(
  vault: DataPlaneResource,
  verifier: TokenVerifier,
  found: string,
): Fault<VaultFaultCode> {
  const ofTenant = verifier.issuers.filter((issuer) =>
    issuer.toLowerCase().includes(vault.tenantId.toLowerCase()),
  )
  const own = `https://sts.windows.net/${vault.tenantId}/`
  const expected = ofTenant.includes(own) ? ofTenant : [own, ...ofTenant]
  return new Fault(
    'TokenRefused',
    `AKV10032: Invalid issuer. Expected one of ${expected.join(', ')}, found ${found}.`,
  )
}

function sameText(left: string, right: string): boolean {
  return left.toLowerCase() === right.toLowerCase()
}
