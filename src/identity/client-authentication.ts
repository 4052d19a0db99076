import { Fault } from '../base/fault.ts'
import { Sealed } from '../base/sealed.ts'
import type { Call } from '../http/call.ts'
import { checkAssertion } from './client-assertions.ts'
import type { TokenContext } from './context.ts'
import type { Application, ServicePrincipal, Tenant } from './model.ts'
import { oauthFault } from './oauth-faults.ts'
import { isSecret } from './passwords.ts'

/** A client that proved who it is. */
export interface Client {
  readonly principal: ServicePrincipal
  /** 1: by secret, 2: by assertion; `appidacr` in the token. */
  readonly credential: 1 | 2
}

/**
 * Who the client of a token request is: secret in the form or in `Authorization: Basic`, or an
 * assertion.
 *
 * @throws Fault of the client's, secret's or assertion's kind
 */
export async function authenticateClient(
  call: Call,
  form: URLSearchParams,
  tenant: Tenant | undefined,
  context: TokenContext,
): Promise<Client> {
  const basic = readBasic(call.headers.authorization)
  const clientId = (form.get('client_id') ?? basic?.clientId ?? '').trim()
  if (!clientId) throw missing('client_id')
  try {
    return await proveClient({ call, form, clientId, basic }, tenant, context)
  } catch (error) {
    // Another process may have made the application or its secret a moment ago.
    const isUnknown = error instanceof Fault && LATE.has(error.code)
    if (!isUnknown || !(await context.store.mirrors.catchUp())) throw error
    return await proveClient({ call, form, clientId, basic }, tenant, context)
  }
}

const LATE = new Set(['ClientNotFound', 'ClientSecretWrong'])

interface Claimed {
  readonly call: Call
  readonly form: URLSearchParams
  readonly clientId: string
  readonly basic: ReturnType<typeof readBasic>
}

async function proveClient(
  { call, form, clientId, basic }: Claimed,
  tenant: Tenant | undefined,
  context: TokenContext,
): Promise<Client> {
  const { application, principal } = findClient(clientId, tenant, context)
  const assertion = form.get('client_assertion')
  if (assertion) {
    requireJwtBearer(form.get('client_assertion_type'))
    await checkAssertion({ call, assertion, clientId, application, principal }, context)
    return { principal, credential: 2 }
  }
  const posted = form.get('client_secret')
  const secret = posted ? new Sealed(posted) : basic?.secret
  if (!secret) {
    throw oauthFault(
      'ClientCredentialMissing',
      "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.",
    )
  }
  await checkSecret(secret, clientId, application, context)
  return { principal, credential: 1 }
}

/** The fault for a form without parameter `name`. */
export function missing(name: string): Error {
  return oauthFault(
    'ParameterMissing',
    `The request body must contain the following parameter: '${name}'.`,
  )
}

function requireJwtBearer(type: string | null): void {
  if (type === null) throw missing('client_assertion_type')
  if (type === 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer') return
  throw oauthFault('RequestMalformed', 'Invalid request. The client_assertion_type is not known.')
}

function findClient(
  clientId: string,
  tenant: Tenant | undefined,
  { store }: TokenContext,
): { application: Application | undefined; principal: ServicePrincipal } {
  const [application] = store.applicationsByAppId.list(clientId.toLowerCase())
  const principals = store.servicePrincipalsByAppId.list(clientId.toLowerCase())
  const tenantId = tenant?.id ?? application?.tenantId
  const principal =
    tenantId === undefined
      ? principals[0]
      : principals.find((candidate) => candidate.tenantId === tenantId)
  if (!principal) {
    const directory = tenant?.displayName ?? 'Default Directory'
    throw oauthFault(
      'ClientNotFound',
      `Application with identifier '${clientId}' was not found in the directory '${directory}'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant.`,
    )
  }
  if (!principal.isEnabled) {
    const name = `'${clientId}'(${principal.displayName})`
    throw oauthFault('ClientDisabled', `Application ${name} is disabled.`)
  }
  return { application, principal }
}

async function checkSecret(
  secret: Sealed,
  clientId: string,
  application: Application | undefined,
  { store, clock }: TokenContext,
): Promise<void> {
  const nowMs = clock.nowMs()
  const held = application ? store.passwordsOf.list(application.id) : []
  let isExpired = false
  for (const credential of held) {
    if (!(await isSecret(secret, credential.hash))) continue
    if (credential.startsAtMs <= nowMs && nowMs < credential.endsAtMs) return
    isExpired ||= nowMs >= credential.endsAtMs
  }
  if (isExpired) {
    throw oauthFault(
      'ClientSecretExpired',
      `The provided client secret keys for app '${clientId}' are expired. Visit the Azure portal to create new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: https://aka.ms/certCreds.`,
    )
  }
  throw oauthFault(
    'ClientSecretWrong',
    `Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '${clientId}'.`,
  )
}

/** RFC 6749 §2.3.1: both parts are form-encoded before they are joined. */
function readBasic(
  authorization: string | undefined,
): { readonly clientId: string; readonly secret: Sealed } | undefined {
  const [, encoded] = /^Basic +([\w+/=-]+)$/i.exec(authorization ?? '') ?? []
  if (!encoded) return undefined
  const text = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  if (colon < 0) return undefined
  const decode = (part: string) => new URLSearchParams(`v=${part}`).get('v') ?? ''
  return {
    clientId: decode(text.slice(0, colon)),
    secret: new Sealed(decode(text.slice(colon + 1))),
  }
}
