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

/** What a managed HSM says otherwise (key-vault.md §1.7); `BUILD_VERSION` is only logged. */
const BUILD_VERSION = '1.0.20260101-1-00000000-sluice'

/** The headers of every answer of a managed HSM. */
export function hsmHeaders(call: Call, trace: Trace | undefined, nowMs: number): ReplyHeaders {
  const {
    pragma: _pragma,
    expires: _expires,
    'x-ms-keyvault-service-version': _version,
    ...shared
  } = commonHeaders(call, trace)
  return {
    ...shared,
    'strict-transport-security': 'max-age=31536000; includeSubDomains',
    'content-security-policy': "default-src 'self'",
    'x-frame-options': 'SAMEORIGIN',
    'x-ms-build-version': BUILD_VERSION,
    'x-ms-server-latency': String(nowMs - call.receivedAtMs),
  }
}

function networkInfo(address: string, privateEndpoint: string | undefined): string {
  const isV6 = address.includes(':')
  const family = isV6 ? 'InterNetworkV6' : 'InterNetwork'
  const type = privateEndpoint === undefined ? (isV6 ? 'Ipv6' : 'Ipv4') : 'PrivateLink'
  return `conn_type=${type};addr=${address};act_addr_fam=${family};`
}
