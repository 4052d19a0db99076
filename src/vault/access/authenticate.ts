import { Fault } from '../../base/fault.ts'
import type { Principal, TokenVerifier } from '../../http/principal.ts'
import type { VaultFaultCode } from '../faults.ts'
import type { VaultResource } from '../ports.ts'
import { isVaultAudience, resourceOf } from './challenge.ts'

/** Texts of key-vault.md §3.5; the last three are not documented (U16). */
const TEXTS: Readonly<Record<string, string>> = {
  TokenExpired: "[TokenExpired] Error validating token: 'S2S12086'.",
  TokenNotYetValid: "[TokenNotYetValid] Error validating token: 'S2S12087'.",
  TokenMalformed: "[BearerReadAccessTokenFailed] Error validating token: 'S2S12005'.",
  TokenSignatureWrong: "[BearerReadAccessTokenFailed] Error validating token: 'S2S12005'.",
}

export function tokenMissing(): Fault<VaultFaultCode> {
  return new Fault('TokenMissing', 'AKV10000: Request is missing a Bearer or PoP token.')
}

/** What the verifier refused, in the vault's words; anything else is handed on as it is. */
export function toTokenRefusal(
  thrown: unknown,
  vault: VaultResource,
  verifier: TokenVerifier,
): unknown {
  if (!(thrown instanceof Fault)) return thrown
  if (thrown.code === 'IssuerWrong') return issuerWrong(vault, verifier, thrown.detail ?? '')
  const text = TEXTS[thrown.code]
  return text ? new Fault<VaultFaultCode>('TokenRefused', text, thrown.message) : thrown
}

/**
 * The token is meant for vaults, and comes from the vault's own tenant.
 *
 * @throws Fault `TokenRefused` with AKV10022 or AKV10032
 */
export function checkToken(
  principal: Principal,
  vault: VaultResource,
  suffix: string,
  verifier: TokenVerifier,
): void {
  if (!isVaultAudience(principal.audience, suffix)) {
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
  vault: VaultResource,
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
