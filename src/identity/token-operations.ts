import type { Call } from '../http/call.ts'
import { type Operation, operation } from '../http/operation.ts'
import { json, type Reply } from '../http/reply.ts'
import { issueAccessToken, TOKEN_LIFETIME_MS } from './access-tokens.ts'
import { authenticateClient, missing } from './client-authentication.ts'
import { findTenant, type TokenContext } from './context.ts'
import { oauthFault } from './oauth-faults.ts'
import { isKnownResource } from './resources.ts'

const tokenOperation = operation<TokenContext>()
const FORM_LIMIT_BYTES = 256 * 1024

/** Each endpoint of the token service that issues tokens. */
export const tokenOperations: readonly Operation<TokenContext>[] = [
  tokenOperation(
    'TokenV2',
    { method: 'POST', path: '/:tenant/oauth2/v2.0/token' },
    (call, context) => answerToken(call, call.params.tenant, 'v2', context),
  ),
  tokenOperation('TokenV1', { method: 'POST', path: '/:tenant/oauth2/token' }, (call, context) => {
    const { tenant } = call.params
    // AD FS answers numbers, as v2 does; the older endpoint answers text.
    return answerToken(call, tenant, tenant.toLowerCase() === 'adfs' ? 'v2' : 'v1', context)
  }),
]

async function answerToken(
  call: Call,
  segment: string,
  version: 'v1' | 'v2',
  context: TokenContext,
): Promise<Reply> {
  const tenant = findTenant(context.store, segment)
  const form = new URLSearchParams((await call.readBytes(FORM_LIMIT_BYTES)).toString('utf8'))
  const grant = form.get('grant_type')
  if (!grant) throw missing('grant_type')
  if (grant !== 'client_credentials') {
    throw oauthFault(
      'GrantUnsupported',
      `The app requested an unsupported grant type '${grant.slice(0, 100)}'.`,
    )
  }
  const client = await authenticateClient(call, form, tenant, context)
  const audience = readAudience(form, tenant?.displayName ?? 'Default Directory', context)
  const { principal, credential } = client
  const issued = await issueAccessToken(
    context.keys,
    {
      tenantId: principal.tenantId,
      objectId: principal.id,
      appId: principal.appId,
      audience,
      kind: 'app',
      credential,
      name: principal.displayName,
    },
    context.clock.nowMs(),
  )
  const expiresIn = TOKEN_LIFETIME_MS / 1000 - 1
  const shared = { token_type: 'Bearer', access_token: issued.token }
  const body =
    version === 'v2'
      ? { ...shared, expires_in: expiresIn, ext_expires_in: expiresIn }
      : {
          ...shared,
          expires_in: String(expiresIn),
          ext_expires_in: String(expiresIn),
          expires_on: String(issued.expiresAtMs / 1000),
          not_before: String(issued.issuedAtMs / 1000),
          resource: audience,
        }
  return json(200, body)
}

/** Scopes that concern sign-in, not a resource. */
const SIGN_IN_SCOPES = ['openid', 'profile', 'email', 'offline_access']
const DEFAULT_SUFFIX = '/.default'

/** The `aud` of the token: `resource`, or the scope without `/.default`, otherwise as it was sent. */
function readAudience(form: URLSearchParams, directory: string, context: TokenContext): string {
  const resource = form.get('resource')
  const audience = resource || readScope(form.get('scope'))
  if (isKnownResource(audience, context.store)) return audience
  throw oauthFault(
    'ResourceNotFound',
    `The resource principal named ${audience.slice(0, 300)} was not found in the tenant named ${directory}. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You might have sent your authentication request to the wrong tenant.`,
  )
}

function readScope(scope: string | null): string {
  const wanted = (scope ?? '')
    .split(' ')
    .filter((one) => one !== '' && !SIGN_IN_SCOPES.includes(one.toLowerCase()))
  const [first, ...others] = wanted
  if (first === undefined) {
    throw oauthFault(
      'ScopeWrong',
      `The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid. The scope ${scope ?? ''} is not valid.`,
    )
  }
  if (others.length > 0) {
    throw oauthFault(
      'ScopeSeveralResources',
      "Provided value for the input parameter scope is not valid because it contains more than one resource. Scope must contain one resource's '/.default'.",
    )
  }
  if (!first.toLowerCase().endsWith(DEFAULT_SUFFIX) || first.length === DEFAULT_SUFFIX.length) {
    throw oauthFault(
      'ScopeNotDefault',
      `The provided value for scope ${first.slice(0, 300)} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).`,
    )
  }
  return first.slice(0, -DEFAULT_SUFFIX.length)
}
