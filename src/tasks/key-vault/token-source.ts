import { Fault } from '../../base/fault.ts'
import { isObject } from '../../base/json.ts'
import { Sealed } from '../../base/sealed.ts'
import type { Connection, HttpReply } from '../contract.ts'
import { textOf } from '../faults.ts'
import { clientAssertion } from './client-assertion.ts'
import { type Request, type Sender, send } from './requests.ts'
import { findByName, requireParameter, type VaultSettings } from './settings.ts'

/** Not imported: that would load what `node:http` exports for web sockets, 20 ms. */
const { STATUS_CODES } = process.getBuiltinModule('node:http')

/** A fresh token for a resource. @throws Fault `TokenRefused` with the text people see */
export type TokenSource = (resource: string) => Promise<Sealed>

/** What fetching a token needs of a task's context. */
export interface TokenContext extends Sender {
  variable(name: string): string | undefined
  connection(id: string): Connection
}

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
const CANNOT_FETCH = 'Could not fetch access token for Azure.'
const HUNDRED_DAYS_MS = 8_640_000_000
const TEN_MINUTES_MS = 600_000
const V2_WAITS_MS = [2_000, 4_000, 8_000]
const OIDC_WAITS_MS = [2_000, 2_000]

/**
 * How the connection gets its tokens (facts/integration.md §1.6).
 *
 * @throws Fault `SchemeUnsupported` for a scheme that no vault can be read with
 */
export function tokenSource(context: TokenContext, settings: VaultSettings): TokenSource {
  const { scheme, parameters } = settings.connection
  const given = findByName(parameters, 'apitoken')
  switch (scheme.toLowerCase()) {
    case 'serviceprincipal':
      if (context.variable('USE_MSAL')?.toLowerCase() === 'true') {
        return (resource) => servicePrincipalV2(context, settings, resource)
      }
      if (given) return async () => given
      return (resource) => servicePrincipalV1(context, settings, resource)
    case 'workloadidentityfederation':
      return (resource) => federated(context, settings, resource)
    case 'managedserviceidentity':
      return (resource) => managedIdentity(context, settings, resource)
    default:
      throw new Fault('SchemeUnsupported', `Auth Scheme ${scheme} is not supported`)
  }
}

/** The older token endpoint, with a slash at its end and `resource` in place of a scope. */
async function servicePrincipalV1(
  context: TokenContext,
  settings: VaultSettings,
  resource: string,
): Promise<Sealed> {
  const { connection, tenantId } = settings
  const authority = authorityOf(connection, 'environmentAuthorityUrl', 'https://login.windows.net/')
  const credential = credentialOf(connection, {
    audience: `${authority}${tenantId}/oauth2/token`,
    thumbprintEncoding: 'base64',
    validForMs: HUNDRED_DAYS_MS,
  })
  const clientId = requireParameter(connection, 'serviceprincipalid').open()
  const request = formRequest(`${authority}${tenantId}/oauth2/token/`, {
    resource,
    client_id: clientId,
    grant_type: 'client_credentials',
    ...credential,
  })
  const reply = await send(context, request, [400, 403])
  const token = findToken(reply)
  if (token) return token
  const isRefused = [400, 401, 403].includes(reply.status)
  throw refused(
    isRefused
      ? `${CANNOT_FETCH} Verify if the Service Principal used is valid and not expired.`
      : `${CANNOT_FETCH} ${statusText(reply)}`,
  )
}

async function servicePrincipalV2(
  context: TokenContext,
  settings: VaultSettings,
  resource: string,
): Promise<Sealed> {
  const credential = credentialOf(settings.connection, {
    audience: v2Endpoint(settings),
    thumbprintEncoding: 'base64url',
    validForMs: TEN_MINUTES_MS,
  })
  return await requestV2(context, settings, resource, credential)
}

async function federated(
  context: TokenContext,
  settings: VaultSettings,
  resource: string,
): Promise<Sealed> {
  const assertion = await oidcToken(context, settings.connection)
  return await requestV2(context, settings, resource, assertionFields(assertion))
}

/** The v2 endpoint, as the vendor's library calls it: three more tries, then the service's words. */
async function requestV2(
  context: TokenContext,
  settings: VaultSettings,
  resource: string,
  credential: Readonly<Record<string, Sealed | string>>,
): Promise<Sealed> {
  const request = formRequest(v2Endpoint(settings), {
    client_id: requireParameter(settings.connection, 'serviceprincipalid').open(),
    scope: `${resource}/.default`,
    grant_type: 'client_credentials',
    ...credential,
  })
  let reply = await send(context, request)
  for (const waitMs of V2_WAITS_MS) {
    if (findToken(reply)) break
    await context.pause(waitMs, context.signal)
    reply = await send(context, request)
  }
  const token = findToken(reply)
  if (token) return token
  const { code, description } = oauthError(reply)
  if (/^(?:AADSTS)?7000222/.test(description)) throw refused(expired(context, settings.connection))
  throw refused(`${CANNOT_FETCH} Status code: ${code}, status message: ${description}`)
}

/** The job's own identity token for this connection, which the directory accepts in a secret's place. */
async function oidcToken(context: TokenContext, connection: Connection): Promise<Sealed> {
  const system = context.connection('SystemVssConnection')
  const variable = (name: string) => context.variable(name) ?? ''
  const plan = `hubs/${variable('System.HostType')}/plans/${variable('System.PlanId')}`
  const request: Request = {
    method: 'POST',
    url: `${variable('System.CollectionUri')}${variable('System.TeamProjectId')}/_apis/distributedtask/${plan}/jobs/${variable('System.JobId')}/oidctoken?serviceConnectionId=${connection.id}`,
    headers: {
      Accept: 'application/json;api-version=7.2-preview.1',
      'Content-Type': 'application/json',
      'X-TFS-FedAuthRedirect': 'Suppress',
      Authorization: `Bearer ${requireParameter(system, 'AccessToken').open()}`,
    },
    body: '{}',
  }
  let cause = ''
  for (const waitMs of [...OIDC_WAITS_MS, undefined]) {
    try {
      const { method, url, headers, body } = request
      const reply = await context.http.request(method, url, headers, body, context.signal)
      const token = readBody(reply)['oidcToken']
      if (reply.status === 200 && typeof token === 'string') return new Sealed(token)
      cause = statusText(reply)
    } catch (error) {
      context.signal.throwIfAborted()
      cause = textOf(error)
    }
    if (waitMs !== undefined) await context.pause(waitMs, context.signal)
  }
  throw refused(`Could not fetch access token for AAD. ${cause}`)
}

async function managedIdentity(
  context: TokenContext,
  settings: VaultSettings,
  resource: string,
): Promise<Sealed> {
  const clientId = findByName(settings.connection.data, 'msiclientId')
  const query = `api-version=2018-02-01&resource=${resource}${clientId ? `&client_id=${clientId}` : ''}`
  const request = {
    method: 'GET',
    url: `http://169.254.169.254/metadata/identity/oauth2/token?${query}`,
    headers: { Metadata: 'true' },
  }
  const reply = await send(context, request, [429])
  const token = findToken(reply)
  if (token) return token
  throw refused(
    `Could not fetch access token for Managed Service Principal. Please configure Managed Service Identity (MSI) for virtual machine 'https://aka.ms/azure-msi-docs'. ${statusText(reply)}`,
  )
}

function credentialOf(
  connection: Connection,
  style: Parameters<typeof clientAssertion>[2],
): Readonly<Record<string, Sealed | string>> {
  const type = findByName(connection.parameters, 'authenticationType')?.open().toLowerCase()
  if (type !== 'spncertificate') {
    return { client_secret: requireParameter(connection, 'serviceprincipalkey') }
  }
  const pem = requireParameter(connection, 'servicePrincipalCertificate')
  const clientId = requireParameter(connection, 'serviceprincipalid').open()
  return assertionFields(clientAssertion(pem, clientId, style, Date.now()))
}

function assertionFields(assertion: Sealed): Readonly<Record<string, Sealed | string>> {
  return { client_assertion_type: ASSERTION_TYPE, client_assertion: assertion }
}

function formRequest(url: string, fields: Readonly<Record<string, Sealed | string>>): Request {
  const form = new URLSearchParams()
  for (const [name, value] of Object.entries(fields)) {
    form.set(name, value instanceof Sealed ? value.open() : value)
  }
  return {
    method: 'POST',
    url,
    headers: { 'Content-Type': 'application/x-www-form-urlencoded; charset=utf-8' },
    body: new Sealed(form.toString()),
  }
}

function v2Endpoint({ connection, tenantId }: VaultSettings): string {
  const standard = 'https://login.microsoftonline.com/'
  return `${authorityOf(connection, 'activeDirectoryAuthority', standard)}${tenantId}/oauth2/v2.0/token`
}

function authorityOf(connection: Connection, key: string, standard: string): string {
  const authority = findByName(connection.data, key) || standard
  return authority.endsWith('/') ? authority : `${authority}/`
}

function findToken(reply: HttpReply): Sealed | undefined {
  const token = reply.status === 200 ? readBody(reply)['access_token'] : undefined
  return typeof token === 'string' && token !== '' ? new Sealed(token) : undefined
}

function oauthError(reply: HttpReply): { readonly code: string; readonly description: string } {
  const { error, error_description: description } = readBody(reply)
  return {
    code: typeof error === 'string' ? error : String(reply.status),
    description: typeof description === 'string' ? description : (STATUS_CODES[reply.status] ?? ''),
  }
}

function readBody(reply: HttpReply): Readonly<Record<string, unknown>> {
  try {
    const body: unknown = JSON.parse(reply.body.open())
    return isObject(body) ? body : {}
  } catch {
    return {}
  }
}

function statusText({ status }: HttpReply): string {
  return `Status code: ${status}, status message: ${STATUS_CODES[status] ?? ''}`
}

function expired(context: TokenContext, connection: Connection): string {
  const project = `${context.variable('System.CollectionUri') ?? ''}${context.variable('System.TeamProject') ?? ''}`
  return `Secret expired, update service connection at ${project}/_settings/adminservices?resourceId=${connection.id} See https://aka.ms/azdo-rm-workload-identity-conversion to learn more about conversion to secret-less service connections.`
}

function refused(message: string): Fault<'TokenRefused'> {
  return new Fault('TokenRefused', message)
}
