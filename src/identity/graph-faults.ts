import { Fault } from '../base/fault.ts'
import { newGuid } from '../base/ids.ts'
import type { Call } from '../http/call.ts'
import { json, type Reply } from '../http/reply.ts'

/** How the directory's REST spells each refusal. */
const WIRE: Readonly<Record<string, { readonly status: number; readonly code: string }>> = {
  GraphTokenWrong: { status: 401, code: 'InvalidAuthenticationToken' },
  GraphDenied: { status: 403, code: 'Authorization_RequestDenied' },
  GraphObjectNotFound: { status: 404, code: 'Request_ResourceNotFound' },
  GraphPathWrong: { status: 400, code: 'BadRequest' },
  GraphQueryWrong: { status: 400, code: 'Request_UnsupportedQuery' },
  GraphMeWithoutUser: { status: 403, code: 'BadRequest' },
  ObjectConflict: { status: 400, code: 'Request_MultipleObjectsWithSameKeyValue' },
  CertificateWrong: { status: 400, code: 'KeyCredentialsInvalidFormat' },
  JsonWrong: { status: 400, code: 'Request_BadRequest' },
  GraphBodyWrong: { status: 400, code: 'Request_BadRequest' },
  BodyTooLarge: { status: 413, code: 'Request_BadRequest' },
  DataBusy: { status: 503, code: 'ServiceUnavailable' },
  DatabaseClosed: { status: 503, code: 'ServiceUnavailable' },
  DatabaseGone: { status: 503, code: 'ServiceUnavailable' },
  DiskFull: { status: 503, code: 'ServiceUnavailable' },
}

/** No object has this id. */
export function objectNotFound(id: string): Fault<'GraphObjectNotFound'> {
  return new Fault(
    'GraphObjectNotFound',
    `Resource '${id}' does not exist or one of its queried reference-property objects are not present.`,
  )
}

/** Spells a fault, or anything else thrown, for the directory's clients. */
export function graphReply(thrown: unknown, call: Call): Reply {
  const wire = thrown instanceof Fault ? WIRE[thrown.code] : undefined
  const message = wire ? (thrown as Fault).message : 'An internal server error occurred.'
  const asked = call.headers['client-request-id']
  const innerError = {
    date: new Date(call.receivedAtMs).toISOString().slice(0, 19),
    'request-id': call.requestId,
    'client-request-id': typeof asked === 'string' ? asked : newGuid(),
  }
  const status = wire?.status ?? 500
  const body = { error: { code: wire?.code ?? 'InternalServerError', message, innerError } }
  return status === 401
    ? json(status, body, {
        'www-authenticate': `Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize"`,
      })
    : json(status, body)
}
