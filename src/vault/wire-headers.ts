import type { Call } from '../http/call.ts'
import type { ReplyHeaders } from '../http/reply.ts'
import type { Trace } from './audit.ts'

/** The form is `1.9.<build>.<revision>`; clients only log it. */
const SERVICE_VERSION = '1.9.3500.1'
const RBAC_CACHE = 'ra_age=0;da_age=0;rd_age=0;brd_age=0;ra_notif_age=0;dec_lev=1;'
const CLIENT_ID_LIMIT = 256

/** The headers of every answer (key-vault.md §1.5); `Date` and the content type come from below. */
export function commonHeaders(call: Call, trace: Trace | undefined): ReplyHeaders {
  const headers: Record<string, string> = {
    'cache-control': 'no-cache',
    pragma: 'no-cache',
    expires: '-1',
    'strict-transport-security': 'max-age=31536000;includeSubDomains',
    'x-content-type-options': 'nosniff',
    'x-ms-request-id': call.requestId,
    'x-ms-keyvault-service-version': SERVICE_VERSION,
    'x-ms-keyvault-network-info': networkInfo(call.callerAddress, trace?.privateEndpoint),
  }
  const clientId = call.headers['x-ms-client-request-id']
  if (typeof clientId === 'string' && clientId.length <= CLIENT_ID_LIMIT) {
    headers['x-ms-client-request-id'] = clientId
  }
  if (!trace) return headers
  headers['x-ms-keyvault-region'] = trace.vault.location
  if (trace.assignmentId !== undefined) {
    headers['x-ms-keyvault-rbac-assignment-id'] = trace.assignmentId
    headers['x-ms-keyvault-rbac-cache'] = RBAC_CACHE
  }
  return headers
}

function networkInfo(address: string, privateEndpoint: string | undefined): string {
  const isV6 = address.includes(':')
  const family = isV6 ? 'InterNetworkV6' : 'InterNetwork'
  const type = privateEndpoint === undefined ? (isV6 ? 'Ipv6' : 'Ipv4') : 'PrivateLink'
  return `conn_type=${type};addr=${address};act_addr_fam=${family};`
}
