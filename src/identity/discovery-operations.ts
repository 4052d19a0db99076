import type { Call } from '../http/call.ts'
import { type Operation, operation } from '../http/operation.ts'
import { json, type Reply } from '../http/reply.ts'
import { findTenant, isSharedAuthority, type TokenContext } from './context.ts'
import { oauthFault } from './oauth-faults.ts'

const discoveryOperation = operation<TokenContext>()

/** Names of the public authority, which mean the same. */
const PUBLIC_ALIASES = [
  'login.microsoftonline.com',
  'login.windows.net',
  'login.microsoft.com',
  'sts.windows.net',
]

/** What clients ask before they ask for a token. */
export const discoveryOperations: readonly Operation<TokenContext>[] = [
  discoveryOperation(
    'OpenIdConfigurationV2',
    { method: 'GET', path: '/:tenant/v2.0/.well-known/openid-configuration' },
    (call, context) => answerConfiguration(call, call.params.tenant, 'v2', context),
  ),
  discoveryOperation(
    'OpenIdConfigurationV1',
    { method: 'GET', path: '/:tenant/.well-known/openid-configuration' },
    (call, context) => answerConfiguration(call, call.params.tenant, 'v1', context),
  ),
  discoveryOperation(
    'KeysV2',
    { method: 'GET', path: '/:tenant/discovery/v2.0/keys' },
    async (_call, { keys }) => json(200, { keys: await keys.listJwks() }),
  ),
  discoveryOperation(
    'KeysV1',
    { method: 'GET', path: '/:tenant/discovery/keys' },
    async (_call, { keys }) => json(200, { keys: await keys.listJwks() }),
  ),
  discoveryOperation(
    'InstanceDiscovery',
    { method: 'GET', path: '/:tenant/discovery/instance' },
    (call) => answerInstance(call),
  ),
  discoveryOperation('UserRealm', { method: 'GET', path: '/:tenant/userrealm/:name' }, (call) =>
    answerUserRealm(call, call.params.name),
  ),
  discoveryOperation('WebFinger', { method: 'GET', path: '/.well-known/webfinger' }, (call) =>
    json(200, {
      subject: call.query.get('resource') ?? call.origin,
      links: [
        { rel: 'http://schemas.microsoft.com/rel/trusted-realm', href: `${call.origin}/adfs` },
      ],
    }),
  ),
]

function answerConfiguration(
  call: Call,
  segment: string,
  version: 'v1' | 'v2',
  { store }: TokenContext,
): Reply {
  const tenantId = readTenantId(segment, store)
  const isAdfs = segment.toLowerCase() === 'adfs'
  const base = `${call.origin}/${segment}`
  const oauth = version === 'v2' && !isAdfs ? `${base}/oauth2/v2.0` : `${base}/oauth2`
  const issuerBase = `${call.origin}/${tenantId}`
  return json(200, {
    token_endpoint: `${oauth}/token`,
    token_endpoint_auth_methods_supported: [
      'client_secret_post',
      'private_key_jwt',
      'client_secret_basic',
    ],
    jwks_uri: version === 'v2' ? `${base}/discovery/v2.0/keys` : `${base}/discovery/keys`,
    response_modes_supported: ['query', 'fragment', 'form_post'],
    subject_types_supported: ['pairwise'],
    id_token_signing_alg_values_supported: ['RS256'],
    response_types_supported: ['code', 'id_token', 'code id_token', 'id_token token'],
    scopes_supported: ['openid', 'profile', 'email', 'offline_access'],
    issuer: isAdfs ? issuerBase : version === 'v2' ? `${issuerBase}/v2.0` : `${issuerBase}/`,
    request_uri_parameter_supported: false,
    authorization_endpoint: `${oauth}/authorize`,
    device_authorization_endpoint: `${oauth}/devicecode`,
    end_session_endpoint: `${oauth}/logout`,
    claims_supported: ['sub', 'iss', 'aud', 'exp', 'iat', 'tid', 'ver', 'oid', 'appid', 'upn'],
    tenant_region_scope: null,
    cloud_instance_name: 'microsoftonline.com',
    cloud_graph_host_name: 'graph.windows.net',
    msgraph_host: isPublic(call) ? 'graph.microsoft.com' : siblingHost(call, 'graph'),
    rbac_url: 'https://pas.windows.net',
  })
}

/** The id for `issuer`; shared authorities keep the placeholder that clients know. */
function readTenantId(segment: string, store: TokenContext['store']): string {
  if (segment.toLowerCase() === 'adfs') return 'adfs'
  if (isSharedAuthority(segment)) return '{tenantid}'
  try {
    return findTenant(store, segment)?.id ?? '{tenantid}'
  } catch (error) {
    throw oauthFault('TenantUnknownToDiscovery', (error as Error).message)
  }
}

function answerInstance(call: Call): Reply {
  const endpoint = call.query.get('authorization_endpoint')
  let url: URL | undefined
  try {
    url = endpoint === null ? undefined : new URL(endpoint)
  } catch {
    url = undefined
  }
  if (url?.protocol !== 'https:') {
    throw oauthFault('InstanceWrong', `Unknown or invalid instance '${endpoint ?? ''}'.`)
  }
  const isMicrosoft = PUBLIC_ALIASES.includes(url.hostname)
  const authority = `https://${url.host}/${url.pathname.split('/')[1] ?? 'common'}`
  const row = isMicrosoft
    ? {
        preferred_network: 'login.microsoftonline.com',
        preferred_cache: 'login.windows.net',
        aliases: PUBLIC_ALIASES,
      }
    : {
        preferred_network: url.host,
        preferred_cache: url.host,
        aliases: [...new Set([url.host, url.hostname])],
      }
  return json(200, {
    tenant_discovery_endpoint: `${authority}/v2.0/.well-known/openid-configuration`,
    'api-version': call.query.get('api-version') ?? '1.1',
    metadata: [row],
  })
}

function answerUserRealm(call: Call, name: string): Reply {
  const domain = name.split('@')[1] ?? ''
  return json(200, {
    ver: call.query.get('api-version') ?? '1.0',
    account_type: 'Managed',
    domain_name: domain,
    cloud_instance_name: 'microsoftonline.com',
    cloud_audience_urn: 'urn:federation:MicrosoftOnline',
    NameSpaceType: 'Managed',
    Login: name,
    DomainName: domain,
  })
}

function isPublic(call: Call): boolean {
  return PUBLIC_ALIASES.includes(call.host)
}

/** `login.sluice.localhost:8443` -> `graph.sluice.localhost:8443`. */
function siblingHost(call: Call, label: string): string {
  const dot = call.host.indexOf('.')
  return dot < 0 ? call.host : `${label}${call.host.slice(dot)}`
}
