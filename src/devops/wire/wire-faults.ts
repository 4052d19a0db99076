import { Fault } from '../../base/fault.ts'
import { json, type Reply } from '../../http/reply.ts'
import { type DevopsFaultCode, PipelineInvalid } from '../faults.ts'

interface Wire {
  readonly status: number
  /** `typeKey`; the type name is built from it. */
  readonly typeKey: string
}

/** How Azure DevOps spells each fault on the wire. A fault without a row does not compile. */
const WIRE: Readonly<Record<DevopsFaultCode, Wire>> = {
  Unauthenticated: { status: 401, typeKey: 'UnauthorizedRequestException' },
  AccessDenied: { status: 403, typeKey: 'AccessDeniedException' },
  ProjectNotFound: { status: 404, typeKey: 'ProjectDoesNotExistWithNameException' },
  GroupExists: { status: 409, typeKey: 'VariableGroupExistsException' },
  GroupNotFound: { status: 404, typeKey: 'VariableGroupNotFoundException' },
  GroupWrong: { status: 400, typeKey: 'ArgumentException' },
  ConnectionNotFound: { status: 404, typeKey: 'ServiceEndpointNotFoundException' },
  ConnectionExists: { status: 409, typeKey: 'DuplicateServiceConnectionException' },
  ConnectionWrong: { status: 400, typeKey: 'ArgumentException' },
  ResourceWrong: { status: 400, typeKey: 'ArgumentException' },
  PipelineNotFound: { status: 404, typeKey: 'DefinitionNotFoundException' },
  PipelineExists: { status: 409, typeKey: 'DefinitionExistsException' },
  PipelineWrong: { status: 400, typeKey: 'InvalidDefinitionException' },
  RunNotFound: { status: 404, typeKey: 'BuildNotFoundException' },
  RunWrong: { status: 400, typeKey: 'InvalidBuildException' },
  LogNotFound: { status: 404, typeKey: 'BuildLogNotFoundException' },
  ArtifactNotFound: { status: 404, typeKey: 'ArtifactNotFoundException' },
  ArtifactExists: { status: 409, typeKey: 'ArtifactExistsException' },
  ExpressionWrong: { status: 400, typeKey: 'ExpressionException' },
  LeaseLost: { status: 409, typeKey: 'TaskAgentJobTokenExpiredException' },
  PipelineInvalid: { status: 400, typeKey: 'PipelineValidationException' },
  RouteNotFound: { status: 404, typeKey: 'VssResourceNotFoundException' },
}

/** Faults of open rooms that a caller can cause. */
const SHARED: Readonly<Record<string, Wire>> = {
  JsonWrong: { status: 400, typeKey: 'ArgumentException' },
  BodyTooLarge: { status: 413, typeKey: 'ArgumentException' },
  BlobTooLarge: { status: 413, typeKey: 'ArgumentException' },
  DiskFull: { status: 507, typeKey: 'DatabaseFullException' },
  DataBusy: { status: 503, typeKey: 'DatabaseOperationTimeoutException' },
  DatabaseClosed: { status: 503, typeKey: 'ServiceUnavailableException' },
  DatabaseGone: { status: 503, typeKey: 'DatabaseConnectionException' },
}

const TOKEN_FAULTS = new Set([
  'TokenMalformed',
  'TokenSignatureWrong',
  'TokenExpired',
  'TokenNotYetValid',
  'IssuerWrong',
])

/** Anything thrown, in Azure DevOps' dialect; a bug shows nothing of itself. */
export function toDevopsReply(thrown: unknown): Reply {
  if (!(thrown instanceof Fault)) {
    return json(
      500,
      envelope('An internal error occurred. The server has logged it.', 'VssServiceException'),
    )
  }
  if (TOKEN_FAULTS.has(thrown.code)) return toDevopsReply(unauthenticated())
  const wire = WIRE[thrown.code as DevopsFaultCode] ?? SHARED[thrown.code]
  if (!wire)
    return json(
      500,
      envelope('An internal error occurred. The server has logged it.', 'VssServiceException'),
    )
  const body = envelope(thrown.message, wire.typeKey)
  if (thrown instanceof PipelineInvalid) {
    return json(wire.status, {
      ...body,
      customProperties: { ValidationErrors: thrown.diagnostics },
    })
  }
  return wire.status === 401 ? json(401, body, CHALLENGE) : json(wire.status, body)
}

/** The service's words for a caller without a good token. */
export function unauthenticated(): Fault<DevopsFaultCode> {
  return new Fault(
    'Unauthenticated',
    "TF400813: The user '' is not authorized to access this resource.",
  )
}

const CHALLENGE = { 'www-authenticate': 'Bearer, Basic realm="https://dev.azure.com/"' }

function envelope(message: string, typeKey: string) {
  return {
    $id: '1',
    innerException: null,
    message,
    typeName: `Microsoft.TeamFoundation.${typeKey}, Microsoft.TeamFoundation`,
    typeKey,
    errorCode: 0,
    eventId: 3000,
  }
}
