import { Fault } from '../base/fault.ts'
import { newGuid } from '../base/ids.ts'
import type { Call } from '../http/call.ts'
import { json, type Reply } from '../http/reply.ts'

/** Why the token service refuses; `WIRE` gives each its number and its spelling. */
export type OauthFaultCode = keyof typeof WIRE

interface WireRow {
  readonly number: number
  readonly status: 400 | 401
  readonly error: string
}

function row(number: number, status: WireRow['status'], error: string): WireRow {
  return { number, status, error }
}

/** The AADSTS numbers. Texts stand where the fault is thrown; clients match the number. */
const WIRE = {
  ClientNotFound: row(700016, 400, 'unauthorized_client'),
  ClientDisabled: row(7000112, 401, 'unauthorized_client'),
  ClientSecretWrong: row(7000215, 401, 'invalid_client'),
  ClientSecretExpired: row(7000222, 401, 'invalid_client'),
  ClientCredentialMissing: row(7000216, 401, 'invalid_client'),
  AssertionMalformed: row(50027, 401, 'invalid_client'),
  AssertionIssuerWrong: row(700021, 401, 'invalid_client'),
  AssertionAudienceWrong: row(700023, 401, 'invalid_client'),
  AssertionTimeWrong: row(700024, 401, 'invalid_client'),
  AssertionSignatureWrong: row(700027, 401, 'invalid_client'),
  FederatedNone: row(70025, 401, 'invalid_client'),
  FederatedIssuerWrong: row(700211, 401, 'invalid_client'),
  FederatedAudienceWrong: row(700212, 401, 'invalid_client'),
  FederatedSubjectWrong: row(700213, 401, 'invalid_client'),
  FederatedCaseWrong: row(7002138, 401, 'invalid_client'),
  FederatedKeyNotFound: row(7000272, 401, 'invalid_client'),
  FederatedIssuerSilent: row(50166, 400, 'invalid_request'),
  TenantNotFound: row(90002, 400, 'invalid_request'),
  TenantUnknownToDiscovery: row(90002, 400, 'invalid_tenant'),
  TenantNameWrong: row(900023, 400, 'invalid_request'),
  InstanceWrong: row(50049, 400, 'invalid_instance'),
  ResourceNotFound: row(500011, 400, 'invalid_resource'),
  ScopeWrong: row(70011, 400, 'invalid_scope'),
  ScopeNotDefault: row(1002012, 400, 'invalid_scope'),
  ScopeSeveralResources: row(28000, 400, 'invalid_scope'),
  GrantUnsupported: row(70003, 400, 'unsupported_grant_type'),
  ParameterMissing: row(900144, 400, 'invalid_request'),
  RequestMalformed: row(9002313, 400, 'invalid_request'),
} as const

/** A refusal of the token service, in the vendor's words. */
export function oauthFault(code: OauthFaultCode, message: string): Fault<OauthFaultCode> {
  return new Fault(code, message)
}

const CORRELATION = /^[0-9a-f-]{36}$/i

/** Spells a fault, or anything else thrown, in the OAuth dialect. */
export function oauthReply(thrown: unknown, call: Call): Reply {
  const wire = toWire(thrown)
  const asked = call.headers['client-request-id'] ?? call.query.get('client-request-id') ?? ''
  const correlationId = CORRELATION.test(String(asked)) ? String(asked) : newGuid()
  const timestamp = `${new Date(call.receivedAtMs).toISOString().slice(0, 19).replace('T', ' ')}Z`
  const trail = `Trace ID: ${call.requestId} Correlation ID: ${correlationId} Timestamp: ${timestamp}`
  return json(wire.status, {
    error: wire.error,
    error_description: `AADSTS${wire.number}: ${wire.text} ${trail}`,
    error_codes: [wire.number],
    timestamp,
    trace_id: call.requestId,
    correlation_id: correlationId,
    error_uri: `${call.origin}/error?code=${wire.number}`,
  })
}

function toWire(thrown: unknown): {
  readonly status: number
  readonly error: string
  readonly number: number
  readonly text: string
} {
  if (thrown instanceof Fault && Object.hasOwn(WIRE, thrown.code)) {
    return { ...WIRE[thrown.code as OauthFaultCode], text: thrown.message }
  }
  if (thrown instanceof Fault) return { ...WIRE.RequestMalformed, text: thrown.message }
  const text = 'The service is temporarily unavailable. Please retry later.'
  return { status: 500, error: 'temporarily_unavailable', number: 90033, text }
}
