import type { Clock } from '../../base/clock.ts'
import { Fault } from '../../base/fault.ts'
import { isObject } from '../../base/json.ts'
import type { Call } from '../../http/call.ts'
import type { Operation } from '../../http/operation.ts'
import type { TokenVerifier } from '../../http/principal.ts'
import type { Reply, ReplyHeaders } from '../../http/reply.ts'
import type { Service } from '../../http/service.ts'
import type { Sealer } from '../../storage/sealing.ts'
import { authenticate } from '../access/authenticate.ts'
import { challengeOf } from '../access/challenge.ts'
import { checkNetwork } from '../access/firewall.ts'
import { readApiVersion } from '../api-versions.ts'
import { type Trace, toAuditEntry } from '../audit.ts'
import type { VaultStore } from '../context.ts'
import type { VaultFaultCode } from '../faults.ts'
import { meantMethod, plainPath } from '../paths.ts'
import type { AuditSink, CallerRoutes, HsmResource, VaultDirectory } from '../ports.ts'
import { retryAfterSeconds } from '../throttle.ts'
import { vaultFaultReply } from '../wire-faults.ts'
import { hsmHeaders } from '../wire-headers.ts'
import { backupOperations } from './backup-operations.ts'
import { domainOperations } from './domain-operations.ts'
import { hsmKeyOperations } from './key-operations.ts'
import type { HsmCall, HsmOperation } from './operation.ts'
import { checkLocalRole, scopeOfPath } from './permission.ts'
import { roleOperations } from './role-operations.ts'
import { settingOperations } from './setting-operations.ts'
import type { HsmStates } from './state.ts'

/** What the data plane of managed HSMs needs; as `VaultPorts`. */
export interface HsmPorts {
  readonly sealer: Sealer
  readonly clock: Clock
  readonly verifier: TokenVerifier
  readonly directory: VaultDirectory
  readonly audit: AuditSink
  readonly routes?: CallerRoutes
}

interface HsmTrace extends Trace {
  readonly vault: HsmResource
}

/** What became known of the call so far; undefined before its managed HSM was found. */
function traceOf(call: Call): HsmTrace | undefined {
  return call.memo as HsmTrace | undefined
}

/** The data plane of all managed HSMs: keys, random bytes, roles and settings, no secrets, no certificates. */
export class HsmService implements Service<HsmCall> {
  readonly name = 'managedHsm'
  readonly operations: readonly HsmOperation[] = [
    ...hsmKeyOperations,
    ...domainOperations,
    ...backupOperations,
    ...roleOperations,
    ...settingOperations,
  ]
  readonly #ports: HsmPorts
  readonly #store: VaultStore
  readonly #states: HsmStates

  constructor(ports: HsmPorts, store: VaultStore, states: HsmStates) {
    this.#ports = ports
    this.#store = store
    this.#states = states
  }

  rewrite: NonNullable<Service<HsmCall>['rewrite']> = (method, path, request) => ({
    method: meantMethod(method, request.headers),
    path: plainPath(path),
  })

  /** As a vault judges (key-vault.md §3.6), with activation between network and permission. */
  async open(call: Call, operation: Operation<HsmCall>): Promise<HsmCall> {
    const asked = operation as HsmOperation
    const vault = this.#readHsm(call)
    const trace: HsmTrace = {
      vault,
      operation: asked,
      principal: undefined,
      isAddressAuthorized: false,
      isAllowed: false,
      assignmentId: undefined,
      privateEndpoint: undefined,
    }
    call.memo = trace
    const principal = await authenticate(call, vault, this.#ports.verifier)
    trace.principal = principal
    trace.privateEndpoint = checkNetwork(call, principal, vault, this.#ports.routes)
    trace.isAddressAuthorized = true
    const state = await this.#states.read(vault)
    if (asked.needsActivation && !state.activation) throw notActivated(vault)
    const scope = scopeOfPath(call.path, call.params['name'])
    const { dataAction } = asked
    trace.assignmentId = checkLocalRole(principal, vault, { dataAction, scope }, state)
    trace.isAllowed = true
    const apiVersion = readApiVersion(call.query)
    if (asked.budget !== 'keys') this.#store.throttle?.take(vault, 'other', call.receivedAtMs)
    return {
      store: this.#store,
      vault,
      scope: await this.#ports.sealer.scope(`vault:${vault.dataId}`),
      principal,
      apiVersion,
      uri: call.origin,
      nowMs: call.receivedAtMs,
      hsm: { state, change: (work) => this.#states.change(vault.dataId, work) },
    }
  }

  toReply(thrown: unknown, call: Call): Reply {
    const reply = withActivityId(vaultFaultReply(thrown), call.requestId)
    if (reply.status === 429) {
      return { ...reply, headers: { 'retry-after': String(retryAfterSeconds(call.receivedAtMs)) } }
    }
    if (reply.status !== 401) return reply
    return {
      status: 401,
      // Recorded: two characters for a read, nothing for the rest, and JSON in name only.
      bytes: call.method === 'GET' ? 'OK' : '',
      headers: {
        'content-type': 'application/json; charset=utf-8',
        'www-authenticate': challengeOf(traceOf(call)?.vault.tenantId ?? '', call.suffix),
      },
    }
  }

  notFound(call: Call): Reply {
    this.#readHsm(call)
    const isVaults = /^\/(?:deleted)?(?:secrets|certificates)(?:\/|$)/i.test(call.path)
    throw new Fault<VaultFaultCode>(
      'PathUnknown',
      isVaults
        ? 'A managed HSM holds keys only: secrets and certificates are kept in a key vault.'
        : `${call.method} ${call.path} is not an operation of this managed HSM.`,
    )
  }

  headers(call: Call): ReplyHeaders {
    return hsmHeaders(call, traceOf(call), this.#ports.clock.nowMs())
  }

  answered(call: Call, _operation: Operation<HsmCall> | undefined, reply: Reply): void {
    const trace = traceOf(call)
    if (!trace) return
    this.#ports.audit.record(toAuditEntry(call, trace, reply, this.#ports.clock.nowMs()))
  }

  #readHsm(call: Call): HsmResource {
    const found = call.label === undefined ? undefined : this.#ports.directory.findHsm(call.label)
    if (found) return found
    throw new Fault<VaultFaultCode>('VaultNotFound', `There is no managed HSM at ${call.host}.`)
  }
}

/** Every error text of a managed HSM ends with the request's id. */
function withActivityId(reply: Reply, requestId: string): Reply {
  const error = isObject(reply.body) ? reply.body['error'] : undefined
  if (!isObject(error)) return reply
  const message = `${String(error['message']).trimEnd()} (Activity ID: ${requestId})`
  return { ...reply, body: { error: { ...error, message } } }
}

/** The text is not documented. */
export function notActivated(hsm: HsmResource): Fault<VaultFaultCode> {
  return new Fault(
    'HsmNotActivated',
    `The managed HSM '${hsm.name}' is not activated. Download its security domain to activate it.`,
  )
}
