import { Fault } from '../base/fault.ts'
import type { Call } from '../http/call.ts'
import { json, type Reply } from '../http/reply.ts'
import { siblingOrigin } from './hosts.ts'

interface WireRow {
  readonly status: number
  /** The code on the wire when it is not the fault's own. */
  readonly code?: string
}

const BAD = { status: 400 } as const
const UNAVAILABLE = { status: 503, code: 'ServiceUnavailable' } as const

/** How the resource manager spells each refusal. */
const WIRE = {
  AuthenticationFailed: { status: 401 },
  ExpiredAuthenticationToken: { status: 401 },
  InvalidAuthenticationToken: { status: 401 },
  InvalidAuthenticationTokenAudience: { status: 401 },
  InvalidAuthenticationTokenTenant: { status: 401 },
  AuthorizationFailed: { status: 403 },
  KeyOperationForbidden: { status: 403, code: 'Forbidden' },
  MissingApiVersionParameter: BAD,
  InvalidApiVersionParameter: BAD,
  InvalidRequestContent: BAD,
  JsonWrong: { status: 400, code: 'InvalidRequestContent' },
  BodyTooLarge: { status: 413, code: 'RequestContentTooLarge' },
  InvalidFilterInQueryString: BAD,
  LocationRequired: BAD,
  LocationNotAvailableForResourceGroup: BAD,
  RegionNotSupported: BAD,
  SkuNotSupported: BAD,
  InvalidResourceGroup: BAD,
  VaultNameNotValid: BAD,
  ManagedHsmNameNotValid: BAD,
  BadRequest: BAD,
  InvalidRoleAssignmentId: BAD,
  InvalidRoleDefinitionId: BAD,
  InvalidPrincipalId: BAD,
  InvalidCreateRoleAssignmentRequest: BAD,
  PrincipalNotFound: BAD,
  UnmatchedPrincipalType: BAD,
  InvalidCondition: BAD,
  RoleDefinitionHasAssignments: BAD,
  SubscriptionNotFound: { status: 404 },
  ResourceGroupNotFound: { status: 404 },
  ResourceNotFound: { status: 404 },
  DeletedVaultNotFound: { status: 404 },
  DeletedManagedHsmNotFound: { status: 404 },
  RoleDefinitionDoesNotExist: { status: 404 },
  RoleAssignmentNotFound: { status: 404 },
  OperationNotFound: { status: 404 },
  InvalidResourceNamespace: { status: 404 },
  InvalidResourceType: { status: 404 },
  Conflict: { status: 409 },
  ConflictError: { status: 409 },
  MethodNotAllowed: { status: 409 },
  InvalidResourceGroupLocation: { status: 409 },
  InvalidResourceLocation: { status: 409 },
  VaultAlreadyExists: { status: 409 },
  ManagedHsmAlreadyExists: { status: 409 },
  RoleAssignmentExists: { status: 409 },
  RoleAssignmentUpdateNotPermitted: { status: 409 },
  RoleDefinitionWithSameNameExists: { status: 409 },
  DataBusy: UNAVAILABLE,
  DatabaseClosed: UNAVAILABLE,
  DatabaseGone: UNAVAILABLE,
  DiskFull: UNAVAILABLE,
} as const satisfies Record<string, WireRow>

/** Why the resource manager refuses. */
export type ArmFaultCode = keyof typeof WIRE

/** A refusal of the resource manager, in the vendor's words. */
export function armFault(
  code: ArmFaultCode,
  message: string,
  detail?: string,
): Fault<ArmFaultCode> {
  return new Fault(code, message, detail)
}

/** The caller lacks a role. */
export function authorizationFailed(
  caller: { readonly appId: string | undefined; readonly objectId: string },
  action: string,
  scope: string,
): Fault<ArmFaultCode> {
  return armFault(
    'AuthorizationFailed',
    `The client '${caller.appId ?? caller.objectId}' with object id '${caller.objectId}' does not have authorization to perform action '${action}' over scope '${scope || '/'}' or the scope is invalid. If access was recently granted, please refresh your credentials.`,
  )
}

/** Spells a fault, or anything else thrown; `tenantId` is where the caller should sign in. */
export function armReply(thrown: unknown, call: Call, tenantId: string): Reply {
  if (!(thrown instanceof Fault) || !Object.hasOwn(WIRE, thrown.code)) {
    const message = 'The server encountered an internal error. Please retry the request.'
    return json(500, { error: { code: 'InternalServerError', message } })
  }
  const wire: WireRow = WIRE[thrown.code as ArmFaultCode]
  const body = { error: { code: wire.code ?? thrown.code, message: thrown.message } }
  if (wire.status === 401) {
    const uri = `${siblingOrigin(call, 'login')}/${tenantId}`
    return json(401, body, {
      'www-authenticate': `Bearer authorization_uri="${uri}", error="invalid_token", error_description="${thrown.message.replaceAll('"', "'")}"`,
    })
  }
  if (wire.status === 403) return json(403, body, { 'x-ms-failure-cause': 'gateway' })
  return json(wire.status, body)
}
