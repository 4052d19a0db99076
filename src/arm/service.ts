import { Fault } from '../base/fault.ts'
import { newGuid } from '../base/ids.ts'
import type { Call } from '../http/call.ts'
import type { Operation } from '../http/operation.ts'
import { findBearer, type Principal, type TokenVerifier } from '../http/principal.ts'
import type { Service } from '../http/service.ts'
import { childKeyOperations } from './child-key-operations.ts'
import { hsmKind, vaultKind } from './containers.ts'
import { type ArmContext, type ArmParts, readSubscription, requireAllowed } from './context.ts'
import { deletedOperations } from './deleted-operations.ts'
import { finishedOperations } from './finished-operations.ts'
import { groupOperations } from './group-operations.ts'
import { managedHsmOperations } from './managed-hsm-operations.ts'
import { METADATA_PATH, metadataOperations } from './metadata-operations.ts'
import { roleDefinitionOperations } from './role-definition-operations.ts'
import { roleAssignmentOperations } from './role-operations.ts'
import { groupScope, hsmScope, subscriptionOf, subscriptionScope, vaultScope } from './scopes.ts'
import { subscriptionOperations } from './subscription-operations.ts'
import { vaultOperations } from './vault-operations.ts'
import { armFault, armReply } from './wire-faults.ts'

const AUDIENCES = [
  'https://management.azure.com',
  'https://management.core.windows.net',
  '797f4846-ba00-4fd7-ba43-dac1f8f63013',
]
const API_VERSION = /^\d{4}-\d{2}-\d{2}(?:-[a-z]+(?:\.\d+)?)?$/i

/** The resource manager: `management.azure.com` and its local name. */
export function createArmService(parts: ArmParts, verifier: TokenVerifier): Service<ArmContext> {
  const tenantOf = (call: Call): string => {
    const subscription = subscriptionOf(call.path)
    const found = subscription && parts.store.subscriptions.find(subscription)
    return found ? found.tenantId : parts.directory.defaultTenantId
  }
  return {
    name: 'arm',
    operations: [
      ...metadataOperations,
      ...subscriptionOperations,
      ...groupOperations,
      ...vaultOperations,
      ...managedHsmOperations,
      ...childKeyOperations(vaultKind, {
        operations: 'Keys',
        path: 'vaults/:vault',
        label: 'vault',
      }),
      ...childKeyOperations(hsmKind, {
        operations: 'ManagedHsmKeys',
        path: 'managedHSMs/:hsm',
        label: 'managedhsm',
      }),
      ...deletedOperations(vaultKind, {
        group: 'Vaults',
        permissionSegment: 'deletedVaults',
        nameCheck: {
          name: 'CheckNameAvailability',
          segment: 'checkNameAvailability',
          permission: 'Microsoft.KeyVault/checkNameAvailability/read',
        },
      }),
      ...deletedOperations(hsmKind, {
        group: 'ManagedHsms',
        permissionSegment: 'deletedManagedHsms',
        nameCheck: { name: 'CheckMhsmNameAvailability', segment: 'checkMhsmNameAvailability' },
      }),
      ...finishedOperations,
      ...roleAssignmentOperations,
      ...roleDefinitionOperations,
    ],
    rewrite: (method, path) => ({ method, path: correctPath(path) }),
    open: async (call, operation) => {
      if (operation.path === METADATA_PATH) return toContext(parts, ANONYMOUS, '')
      const caller = await authenticate(call, verifier)
      const context = toContext(parts, caller, readApiVersion(call))
      checkPath(call, operation, context)
      return context
    },
    toReply: (thrown, call) => armReply(thrown, call, tenantOf(call)),
    notFound: async (call) => {
      await authenticate(call, verifier)
      throw notServed(call)
    },
    headers: toHeaders,
  }
}

/** The caller of what everybody may ask. */
const ANONYMOUS: Principal = {
  kind: 'user',
  objectId: '',
  appId: undefined,
  tenantId: '',
  issuer: '',
  audience: '',
  expiresAtMs: 0,
  groups: [],
  name: undefined,
}

function toContext(parts: ArmParts, caller: Principal, apiVersion: string): ArmContext {
  return { ...parts, caller, apiVersion }
}

const AUTHORIZATION =
  /^(.*)\/providers\/Microsoft\.Authorization\/(roleAssignments|roleDefinitions|denyAssignments|permissions|roleEligibilitySchedules|roleAssignmentSchedules)(?:\/([^/]+))?\/?$/i

/** The scope of a role can be any path, so it is put behind the rest. */
function correctPath(path: string): string {
  const match = AUTHORIZATION.exec(path)
  if (!match) return path
  const [, scope = '', kind = '', id] = match
  const tail = `scope${scope.replace(/\/{2,}/g, '/')}`
  return id === undefined
    ? `/~authorization/${kind}/list/${tail}`
    : `/~authorization/${kind}/item/${id}/${tail}`
}

async function authenticate(call: Call, verifier: TokenVerifier): Promise<Principal> {
  const token = findBearer(call.headers.authorization)
  if (token === undefined) {
    throw armFault(
      'AuthenticationFailed',
      "Authentication failed. The 'Authorization' header is missing.",
    )
  }
  let caller: Principal
  try {
    caller = await verifier.verify(token)
  } catch (error) {
    throw error instanceof Fault ? tokenFault(error, verifier) : error
  }
  const audience = caller.audience.replace(/\/+$/, '').toLowerCase()
  if (AUDIENCES.includes(audience) || audience === call.origin) return caller
  throw armFault(
    'InvalidAuthenticationTokenAudience',
    `The access token has been obtained for wrong audience or resource '${caller.audience}'. It should exactly match with one of the allowed audiences 'https://management.core.windows.net/','https://management.core.windows.net','https://management.azure.com/','https://management.azure.com'.`,
  )
}

function tokenFault(fault: Fault, verifier: TokenVerifier): Fault {
  if (fault.code === 'TokenExpired') {
    return armFault('ExpiredAuthenticationToken', 'The access token has expired. Sign in again.')
  }
  if (fault.code === 'IssuerWrong') {
    return armFault(
      'InvalidAuthenticationTokenTenant',
      `The access token is from the wrong issuer. It must match one of the tenants '${verifier.issuers.join("', '")}'. Please use the authority (URL) of this tenant to get the token.`,
    )
  }
  return armFault('InvalidAuthenticationToken', 'The access token is invalid.')
}

function readApiVersion(call: Call): string {
  const version = call.query.get('api-version')
  if (!version) {
    throw armFault(
      'MissingApiVersionParameter',
      'The api-version query parameter (?api-version=) is required for all requests.',
    )
  }
  if (API_VERSION.test(version) && !Number.isNaN(Date.parse(version.slice(0, 10)))) return version
  throw armFault(
    'InvalidApiVersionParameter',
    `The api-version '${version.slice(0, 60)}' is invalid. It must be a date, for example '2026-02-01'.`,
  )
}

/** The subscription of the path must exist in the caller's directory and a role must allow the action. */
function checkPath(call: Call, operation: Operation<ArmContext>, context: ArmContext): void {
  const { subscription } = call.params
  const scopeText = call.params['*']?.slice('scope'.length) ?? ''
  const subscriptionId = subscription ?? subscriptionOf(scopeText)
  if (subscriptionId === undefined) return
  const found = readSubscription(context.store, subscriptionId)
  if (found.tenantId !== context.caller.tenantId) {
    throw armFault(
      'InvalidAuthenticationTokenTenant',
      `The access token is from the wrong issuer '${context.caller.issuer}'. It must match the tenant 'https://sts.windows.net/${found.tenantId}/' associated with this subscription. Please use the authority (URL) 'https://login.microsoftonline.com/${found.tenantId}' to get the token.`,
    )
  }
  if (operation.permission === undefined || subscription === undefined) return
  requireAllowed(context, operation.permission, scopeOf(subscription, call.params))
}

function scopeOf(subscription: string, { group, vault, hsm }: Call['params']): string {
  if (group === undefined) return subscriptionScope(subscription)
  if (hsm !== undefined) return hsmScope(subscription, group, hsm)
  return vault === undefined
    ? groupScope(subscription, group)
    : vaultScope(subscription, group, vault)
}

/** No operation has this path: the namespace or the type is not one we have. */
function notServed(call: Call): Error {
  const [, namespace = '', type = ''] = /\/providers\/([^/]+)(?:\/([^/]+))?/i.exec(call.path) ?? []
  const known = ['microsoft.keyvault', 'microsoft.authorization', 'microsoft.resources']
  if (namespace !== '' && !known.includes(namespace.toLowerCase())) {
    return armFault(
      'InvalidResourceNamespace',
      `The resource namespace '${namespace.slice(0, 100)}' is invalid. Sluice has no such service.`,
    )
  }
  return armFault(
    'InvalidResourceType',
    `The resource type '${type.slice(0, 100)}' or the operation ${call.method} on it could not be found in the namespace '${namespace.slice(0, 100)}' for api version '${(call.query.get('api-version') ?? '').slice(0, 40)}'.`,
  )
}

const CORRELATION = /^[\w-]{1,100}$/

function toHeaders(call: Call): Record<string, string> {
  const asked = call.headers['x-ms-correlation-request-id']
  const correlation = typeof asked === 'string' && CORRELATION.test(asked) ? asked : call.requestId
  const time = new Date(call.receivedAtMs).toISOString().replace(/[-:]|\.\d+/g, '')
  const clientId = call.headers['x-ms-client-request-id']
  const wantsIt = call.headers['x-ms-return-client-request-id'] === 'true'
  return {
    'cache-control': 'no-cache',
    pragma: 'no-cache',
    'x-content-type-options': 'nosniff',
    'x-ms-request-id': call.requestId,
    'x-ms-correlation-request-id': correlation,
    'x-ms-routing-request-id': `LOCAL:${time}:${newGuid()}`,
    ...(wantsIt &&
      typeof clientId === 'string' &&
      CORRELATION.test(clientId) && { 'x-ms-client-request-id': clientId }),
  }
}
