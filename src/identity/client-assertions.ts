import { createHash, type KeyObject, X509Certificate } from 'node:crypto'
import type { JsonObject } from '../base/json.ts'
import type { Call } from '../http/call.ts'
import { findTenant, isSharedAuthority, type TokenContext } from './context.ts'
import { type DecodedJwt, decodeJwt, isSignedBy } from './jwt.ts'
import type { Application, FederatedCredential, KeyCredential, ServicePrincipal } from './model.ts'
import { oauthFault } from './oauth-faults.ts'

const SKEW_MS = 300_000
const FEDERATION_HELP =
  'Check your federated identity credential Subject, Audience and Issuer against the presented assertion. https://learn.microsoft.com/entra/workload-id/workload-identity-federation'

/** A client assertion and the client that sent it. */
export interface PresentedAssertion {
  readonly call: Call
  readonly assertion: string
  readonly clientId: string
  readonly application: Application | undefined
  readonly principal: ServicePrincipal
}

/**
 * Checks an assertion: one the client signed with its certificate (`iss` is the client), else a
 * token of another issuer that a federated credential trusts.
 *
 * @throws Fault `Assertion…` or `Federated…`
 */
export async function checkAssertion(
  presented: PresentedAssertion,
  context: TokenContext,
): Promise<void> {
  const jwt = decodeAssertion(presented.assertion)
  const issuer = String(jwt.claims['iss'] ?? '')
  if (issuer.toLowerCase() === presented.clientId.toLowerCase()) {
    checkCertificateAssertion(jwt, presented, context)
  } else {
    await checkFederatedAssertion(jwt, presented, context)
  }
}

function decodeAssertion(assertion: string): DecodedJwt {
  try {
    return decodeJwt(assertion)
  } catch {
    throw oauthFault('AssertionMalformed', 'JWT token is invalid or malformed.')
  }
}

function checkCertificateAssertion(
  jwt: DecodedJwt,
  { call, clientId, application }: PresentedAssertion,
  context: TokenContext,
): void {
  if (String(jwt.claims['sub'] ?? '').toLowerCase() !== clientId.toLowerCase()) {
    throw oauthFault(
      'AssertionIssuerWrong',
      `Client assertion application identifier doesn't match 'client_id' parameter.`,
    )
  }
  const nowMs = context.clock.nowMs()
  const held = application ? context.store.keysOf.list(application.id) : []
  const credential = findCertificate(jwt.header, held)
  const key = credential && publicKeyOf(credential)
  const reason = !credential
    ? 'The key was not found.'
    : nowMs >= credential.endsAtMs
      ? 'The key used is expired.'
      : 'The certificate used to sign the assertion does not match.'
  if (!credential || !key || nowMs >= credential.endsAtMs || !isSignedBy(jwt, key)) {
    throw oauthFault(
      'AssertionSignatureWrong',
      `The certificate with identifier used to sign the client assertion is not registered on application. [Reason - ${reason}, Thumbprint of key used by client: '${thumbprintOf(jwt.header)}', Please visit the Azure Portal, Graph Explorer or directly use MS Graph to see configured keys for app Id '${clientId}'.]`,
    )
  }
  if (!audiencesOf(jwt.claims).some((audience) => isOwnAudience(audience, call, context))) {
    throw oauthFault(
      'AssertionAudienceWrong',
      `Client assertion audience claim does not match Realm issuer. Review the documentation at https://learn.microsoft.com/entra/identity-platform/certificate-credentials .`,
    )
  }
  checkAssertionTimes(jwt.claims, nowMs)
}

function thumbprintOf(header: JsonObject): string {
  const thumbprint = header['x5t#S256'] ?? header['x5t'] ?? header['kid']
  return typeof thumbprint === 'string' && /^[\w-]{1,100}$/.test(thumbprint) ? thumbprint : ''
}

function findCertificate(
  header: JsonObject,
  held: readonly KeyCredential[],
): KeyCredential | undefined {
  const chain = header['x5c']
  const leaf = Array.isArray(chain) && typeof chain[0] === 'string' ? chain[0] : undefined
  const leafThumbprint =
    leaf && createHash('sha256').update(Buffer.from(leaf, 'base64')).digest('base64url')
  const kid = typeof header['kid'] === 'string' ? header['kid'] : undefined
  return held.find((credential) => {
    const hex = Buffer.from(credential.thumbprint, 'base64url').toString('hex')
    return (
      credential.thumbprint256 === header['x5t#S256'] ||
      credential.thumbprint === String(header['x5t'] ?? '').replace(/=+$/, '') ||
      credential.thumbprint256 === leafThumbprint ||
      credential.keyId === kid ||
      credential.thumbprint === kid ||
      hex === kid?.toLowerCase()
    )
  })
}

function publicKeyOf(credential: KeyCredential): KeyObject {
  return new X509Certificate(Buffer.from(credential.certificate, 'base64')).publicKey
}

const AUDIENCE_PATH =
  /^\/([^/]+)(?:\/v2\.0|\/oauth2\/token|\/oauth2\/v2\.0\/token|\/oauth2\/v2\.0)?\/?$/i
const AUTHORITY_HOSTS = [
  'login.microsoftonline.com',
  'login.windows.net',
  'login.microsoft.com',
  'sts.windows.net',
]

/** Token endpoint, issuer or authority, by any host name of this service. */
function isOwnAudience(audience: string, call: Call, context: TokenContext): boolean {
  let url: URL
  try {
    url = new URL(audience)
  } catch {
    return false
  }
  const ownName = call.host.replace(/:\d+$/, '')
  if (url.hostname !== ownName && !AUTHORITY_HOSTS.includes(url.hostname)) return false
  const segment = AUDIENCE_PATH.exec(url.pathname)?.[1]
  if (segment === undefined) return false
  try {
    return isSharedAuthority(segment) || findTenant(context.store, segment) !== undefined
  } catch {
    return false
  }
}

async function checkFederatedAssertion(
  jwt: DecodedJwt,
  { application, principal }: PresentedAssertion,
  context: TokenContext,
): Promise<void> {
  const held = [application?.id, principal.id].flatMap((id) =>
    id === undefined ? [] : [...context.store.federatedOf.list(id)],
  )
  if (held.length === 0) {
    throw oauthFault(
      'FederatedNone',
      `The client '${principal.appId}'(${principal.displayName}) has no configured federated identity credentials. ${FEDERATION_HELP}`,
    )
  }
  const { issuer } = matchFederated(jwt.claims, held)
  await checkFederatedSignature(jwt, issuer, context)
  checkAssertionTimes(jwt.claims, context.clock.nowMs())
}

/** Issuer, then audience, then subject; each compared exactly. */
function matchFederated(
  claims: JsonObject,
  held: readonly FederatedCredential[],
): FederatedCredential {
  const issuer = String(claims['iss'] ?? '')
  const subject = String(claims['sub'] ?? '')
  const audiences = audiencesOf(claims)
  const ofIssuer = held.filter((credential) => credential.issuer === issuer)
  if (ofIssuer.length === 0) throw noMatch('FederatedIssuerWrong', 'issuer', issuer)
  const ofAudience = ofIssuer.filter(({ audience }) => audiences.includes(audience))
  if (ofAudience.length === 0) {
    throw noMatch('FederatedAudienceWrong', 'audience', audiences.join(' '))
  }
  const match = ofAudience.find((credential) => credential.subject === subject)
  if (match) return match
  const differsInCase = ofAudience.some(
    (credential) => credential.subject.toLowerCase() === subject.toLowerCase(),
  )
  throw noMatch(differsInCase ? 'FederatedCaseWrong' : 'FederatedSubjectWrong', 'subject', subject)
}

function noMatch(
  code:
    | 'FederatedIssuerWrong'
    | 'FederatedAudienceWrong'
    | 'FederatedSubjectWrong'
    | 'FederatedCaseWrong',
  part: string,
  found: string,
): Error {
  const note = code === 'FederatedCaseWrong' ? ' It differs in case only; case counts.' : ''
  return oauthFault(
    code,
    `No matching federated identity record found for presented assertion ${part} '${found.slice(0, 600)}'.${note} ${FEDERATION_HELP}`,
  )
}

async function checkFederatedSignature(
  jwt: DecodedJwt,
  issuer: string,
  { keys, federatedKeys }: TokenContext,
): Promise<void> {
  const kid = typeof jwt.header['kid'] === 'string' ? jwt.header['kid'] : ''
  // A key of our own signs only what this service issued, with the issuer it says.
  const key = keys.findPublicKey(kid) ?? (await federatedKeys.find(issuer, kid))
  if (!key) {
    throw oauthFault(
      'FederatedKeyNotFound',
      `The key with the identifier '${thumbprintOf(jwt.header)}' that signed the assertion is not published by the issuer '${issuer}'.`,
    )
  }
  if (jwt.header['alg'] === 'RS256' && isSignedBy(jwt, key)) return
  throw oauthFault(
    'AssertionSignatureWrong',
    'Client assertion failed signature validation. The assertion must be signed with RS256.',
  )
}

function audiencesOf(claims: JsonObject): readonly string[] {
  const audience = claims['aud']
  const list: readonly unknown[] = Array.isArray(audience) ? audience : [audience]
  return list.filter((one) => typeof one === 'string')
}

function checkAssertionTimes(claims: JsonObject, nowMs: number): void {
  const fromMs = toMs(claims['nbf']) ?? toMs(claims['iat']) ?? 0
  const untilMs = toMs(claims['exp'])
  if (untilMs !== undefined && fromMs - SKEW_MS <= nowMs && nowMs < untilMs + SKEW_MS) return
  const show = (timeMs: number) => {
    const time = new Date(timeMs)
    return Number.isNaN(time.getTime()) ? 'unreadable' : time.toISOString().slice(0, 23)
  }
  throw oauthFault(
    'AssertionTimeWrong',
    `Client assertion is not within its valid time range. Current time: ${show(nowMs)}Z, assertion valid from ${show(fromMs)}Z, expiry time of assertion ${show(untilMs ?? 0)}Z. Review the documentation at https://learn.microsoft.com/entra/identity-platform/certificate-credentials .`,
  )
}

function toMs(seconds: unknown): number | undefined {
  return typeof seconds === 'number' && Number.isFinite(seconds) ? seconds * 1000 : undefined
}
