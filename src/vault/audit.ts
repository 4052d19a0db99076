import { newGuid } from '../base/ids.ts'
import { isObject } from '../base/json.ts'
import type { Call } from '../http/call.ts'
import { http } from '../http/node-http.ts'
import type { Principal } from '../http/principal.ts'
import type { Reply } from '../http/reply.ts'
import { type EventSource, type Moment, objectTypes, publicId } from './events.ts'
import type { Kind } from './faults.ts'
import type { VersionFacts } from './objects/version.ts'
import type {
  AuditEntry,
  AuditSink,
  DataPlaneResource,
  HsmResource,
  VaultResource,
} from './ports.ts'

/** Client texts are cut to this many characters before they are kept. */
const TEXT_LIMIT = 512

/** What became known of a request while it was judged. */
export interface Trace {
  readonly vault: VaultResource | HsmResource
  readonly operation: { readonly audit: string }
  principal: Principal | undefined
  isAddressAuthorized: boolean
  isAllowed: boolean
  assignmentId: string | undefined
  privateEndpoint: string | undefined
}

type Draft = { -readonly [Member in keyof AuditEntry]: AuditEntry[Member] }

/**
 * The audit record of an answered request. Bodies are never looked into, except an error's code.
 * Members are set one by one: on this path spread objects cost more than all the checks together.
 */
export function toAuditEntry(call: Call, trace: Trace, reply: Reply, nowMs: number): AuditEntry {
  const { vault, operation, principal } = trace
  const error = reply.status < 400 ? undefined : errorOf(reply)
  const version = call.query.get('api-version')
  const id = call.origin + call.path
  const entry: Draft = {
    timeMs: call.receivedAtMs,
    resourceId: upperIdOf(vault),
    operationName: principal ? operation.audit : 'Authentication',
    resultType: error ? error.code : 'Success',
    resultSignature: signatureOf(reply.status),
    durationMs: nowMs - call.receivedAtMs,
    callerIpAddress: call.callerAddress,
    requestId: call.requestId,
    requestUri: id,
    id,
    httpStatusCode: reply.status,
  }
  if (version !== null) {
    entry.operationVersion = version.slice(0, TEXT_LIMIT)
    entry.requestUri = `${id}?api-version=${entry.operationVersion}`
  }
  if (error) entry.resultDescription = error.message
  const correlationId = cut(call.headers['x-ms-client-request-id'])
  if (correlationId !== undefined) entry.correlationId = correlationId
  const clientInfo = cut(call.headers['user-agent'])
  if (clientInfo !== undefined) entry.clientInfo = clientInfo
  if (principal) addCaller(entry, trace, principal)
  return entry
}

function addCaller(entry: Draft, trace: Trace, principal: Principal): void {
  entry.identity = identityOf(principal)
  if (usesRoles(trace.vault)) entry.isRbacAuthorized = trace.isAllowed
  else entry.isAccessPolicyMatch = trace.isAllowed
  entry.isAddressAuthorized = trace.isAddressAuthorized
  if (trace.assignmentId !== undefined) entry.appliedAssignmentId = trace.assignmentId
}

/** A managed HSM has no other model. */
function usesRoles(vault: VaultResource | HsmResource): boolean {
  return vault.kind === 'managedHsm' || vault.enableRbacAuthorization
}

const upperIds = new WeakMap<DataPlaneResource, string>()

function upperIdOf(vault: DataPlaneResource): string {
  let id = upperIds.get(vault)
  if (id === undefined) {
    id = vault.id.toUpperCase()
    upperIds.set(vault, id)
  }
  return id
}

function signatureOf(status: number): string {
  return status === 200 ? 'OK' : (http.STATUS_CODES[status] ?? String(status)).replaceAll(' ', '')
}

function errorOf(reply: Reply): { code: string; message: string } {
  const error = isObject(reply.body) ? reply.body['error'] : undefined
  // The 401 of a managed HSM has no envelope.
  if (!isObject(error)) return { code: signatureOf(reply.status), message: '' }
  const inner = error['innererror']
  const code = isObject(inner) ? inner['code'] : error['code']
  return { code: String(code), message: String(error['message']) }
}

type Identity = NonNullable<AuditEntry['identity']>

/** A verified token is remembered, and so is who it stands for. */
const identities = new WeakMap<Principal, Identity>()

function identityOf(principal: Principal): Identity {
  let identity = identities.get(principal)
  if (identity === undefined) {
    identity = toIdentity(principal)
    identities.set(principal, identity)
  }
  return identity
}

function toIdentity(principal: Principal): Identity {
  const { objectId, tenantId, appId, name } = principal
  const upn = principal.kind === 'user' ? name : undefined
  if (appId === undefined)
    return upn === undefined ? { objectId, tenantId } : { objectId, tenantId, upn }
  return upn === undefined ? { objectId, tenantId, appId } : { objectId, tenantId, appId, upn }
}

function cut(header: string | readonly string[] | undefined): string | undefined {
  return header === undefined ? undefined : header.toString().slice(0, TEXT_LIMIT)
}

/** Records a version that a policy made: nobody called, and the vault's public name is the origin. */
export function recordByClock(
  audit: AuditSink,
  vault: EventSource,
  done: {
    readonly kind: 'keys' | 'certificates'
    readonly made: VersionFacts
    readonly nowMs: number
  },
): void {
  const { kind, made, nowMs } = done
  audit.record(
    entryOfOurs(vault, {
      operationName: kind === 'keys' ? 'KeyRotateIfDue' : 'CertificateRenew',
      path: `${kind}/${made.name}/${made.version}`,
      nowMs,
    }),
  )
}

/** Records that an event was published which has a word of its own in the audit log (key-vault.md §14.3). */
export function recordNotice(
  audit: AuditSink,
  vault: EventSource,
  told: {
    readonly what: 'VaultAccessPolicyChanged' | { readonly kind: Kind; readonly moment: Moment }
    /** Of the object, empty for the vault. */
    readonly path: string
    readonly nowMs: number
  },
): void {
  const { what, path, nowMs } = told
  const word = typeof what === 'string' ? what : `${objectTypes[what.kind]}${what.moment}`
  const operationName = `${word}EventGridNotification`
  audit.record(entryOfOurs(vault, { operationName, path, nowMs }))
}

/** What the vault did by itself. */
function entryOfOurs(
  vault: EventSource,
  done: { readonly operationName: string; readonly path: string; readonly nowMs: number },
): AuditEntry {
  const id = publicId(vault, done.path)
  return {
    timeMs: done.nowMs,
    resourceId: vault.id.toUpperCase(),
    operationName: done.operationName,
    resultType: 'Success',
    resultSignature: 'OK',
    durationMs: 0,
    callerIpAddress: '',
    requestId: newGuid(),
    requestUri: id,
    id,
    httpStatusCode: 200,
  }
}
