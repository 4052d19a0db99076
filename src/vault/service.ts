import type { Clock } from '../base/clock.ts'
import { Fault } from '../base/fault.ts'
import type { Call } from '../http/call.ts'
import type { Operation } from '../http/operation.ts'
import type { Principal, TokenVerifier } from '../http/principal.ts'
import type { Reply, ReplyHeaders } from '../http/reply.ts'
import type { Service } from '../http/service.ts'
import type { HsmToken } from '../pkcs11/index.ts'
import type { Database } from '../storage/database.ts'
import type { ScopeSealer, Sealer } from '../storage/sealing.ts'
import { authenticate } from './access/authenticate.ts'
import { challengeOf } from './access/challenge.ts'
import { checkNetwork } from './access/firewall.ts'
import { checkPermission } from './access/permission.ts'
import { readApiVersion } from './api-versions.ts'
import { recordNotice, type Trace, toAuditEntry } from './audit.ts'
import { authorityOperations } from './certificates/authority-operations.ts'
import { readAuthorityPem } from './certificates/chain-authority.ts'
import { certificateOperations } from './certificates/operations.ts'
import { settleDue } from './certificates/order.ts'
import { pendingOperations } from './certificates/pending-operations.ts'
import { renewDue } from './certificates/renew-due.ts'
import type { VaultCall, VaultStore } from './context.ts'
import { policiesEvent } from './events.ts'
import type { VaultFaultCode } from './faults.ts'
import { HsmJobs } from './hsm/jobs.ts'
import type { HsmCall } from './hsm/operation.ts'
import { HsmService } from './hsm/service.ts'
import { eraseState, findActivation, HsmStates } from './hsm/state.ts'
import { AttestationKeys } from './keys/attestation-keys.ts'
import { keyUseOperations } from './keys/crypto-operations.ts'
import { sweepToken } from './keys/custody.ts'
import { KeyObjects } from './keys/key-objects.ts'
import { keyOperations } from './keys/operations.ts'
import { releaseOperations } from './keys/release.ts'
import { rotateDue } from './keys/rotate-due.ts'
import { rotationOperations } from './keys/rotation.ts'
import { createManagerKeys, type ManagerKeys } from './manager-keys.ts'
import { LatestCache } from './objects/latest-cache.ts'
import { purgeOverdue, purgeVault } from './objects/retention.ts'
import type { ObjectTables } from './objects/tables.ts'
import type { VaultOperation } from './operation.ts'
import { meantMethod, plainPath } from './paths.ts'
import type {
  AuditSink,
  Authorizer,
  CallerRoutes,
  EventSink,
  EventWrite,
  FetchDocument,
  HostCertificates,
  VaultDirectory,
  VaultResource,
} from './ports.ts'
import { secretOperations } from './secrets/operations.ts'
import { tellDue } from './tell-due.ts'
import { retryAfterSeconds, Throttle, type ThrottleLimits } from './throttle.ts'
import { vaultFaultReply } from './wire-faults.ts'
import { commonHeaders } from './wire-headers.ts'

const CACHE_BYTES = 64 * 1024 * 1024

export interface VaultPorts {
  /** A database that has `vaultMigrations` and the sealer's. */
  readonly db: Database<unknown>
  readonly sealer: Sealer
  readonly clock: Clock
  readonly verifier: TokenVerifier
  readonly directory: VaultDirectory
  readonly authorizer: Authorizer
  readonly audit: AuditSink
  readonly events: EventSink
  /** Absent: no private endpoints, no subnets, no trusted services. */
  readonly routes?: CallerRoutes
  /** Absent: no limits. `azureLimits` are Azure's. */
  readonly limits?: ThrottleLimits
  /** Absent: no key is released. */
  readonly release?: {
    readonly fetchDocument: FetchDocument
    readonly certificates: HostCertificates
  }
  /** What `/healthstatus` says beside the documented headers. */
  readonly healthHeaders?: ReplyHeaders
  /** The token in which keys of HSM types live. Absent: they are kept in software. */
  readonly hsmToken?: HsmToken
  /** Bytes of sealed rows kept in memory, 64 MiB unless told. */
  readonly cacheBytes?: number
}

/** How many objects a sweep worked on. */
export interface Swept {
  readonly purged: number
  readonly rotated: number
  readonly renewed: number
  /** Events of versions whose end is near or has come. */
  readonly told: number
  /** Objects that the HSM token was made to forget. */
  readonly forgotten: number
}

export interface Vault {
  readonly service: Service<VaultCall>
  /** The data plane of managed HSMs. */
  readonly hsmService: Service<HsmCall>
  /** A key operation in the name of the resource manager, which has judged the caller. */
  readonly askForManager: ManagerKeys
  /** False until the security domain of that managed HSM was downloaded. */
  isHsmActivated(dataId: string): Promise<boolean>
  /** Does what is due: purges, key rotation, certificate orders and renewal, events of what expires. */
  sweep(nowMs: number): Promise<Swept>
  /**
   * Tells, within the write `tx` that does it, that the access policies or the permission model of a
   * vault change. What it gives is to be called when the change is durable.
   */
  policiesChanged(tx: EventWrite, vault: VaultResource): Promise<() => void>
  /** Destroys everything of a vault or a managed HSM that was purged. */
  eraseVault(dataId: string): Promise<void>
  /** PEM of the authority behind the named issuers of all vaults; it is made when there is none. */
  certificateAuthority(): Promise<{ readonly root: string; readonly intermediate: string }>
}

/** Opens the data plane of all vaults. */
export function openVault(ports: VaultPorts): Vault {
  const store: VaultStore = {
    db: ports.db as Database<ObjectTables>,
    sealer: ports.sealer,
    cache: new LatestCache(ports.cacheBytes ?? CACHE_BYTES),
    jobs: new HsmJobs(ports.db as Database<ObjectTables>, ports.clock),
    events: ports.events,
    throttle: ports.limits && new Throttle(ports.limits),
    hsmToken: ports.hsmToken,
    keyObjects: new KeyObjects(() => performance.now()),
    release: ports.release && {
      keys: new AttestationKeys(ports.release.fetchDocument, ports.clock),
      certificates: ports.release.certificates,
    },
  }
  const states = new HsmStates(store.db)
  return {
    service: new VaultService(ports, store),
    hsmService: new HsmService(ports, store, states),
    askForManager: createManagerKeys(ports, store, states),
    isHsmActivated: async (dataId) => (await findActivation(store.db, dataId)) !== undefined,
    sweep: async (nowMs) => {
      store.keyObjects.prune()
      await store.jobs.endDeadOnes()
      const purged = await repeat(() => store.db.write((tx) => purgeOverdue(tx, nowMs)))
      const forgotten = await sweepToken(store, nowMs)
      const rotated = await rotateDue(ports, store, nowMs)
      await settleDue(ports, store, nowMs)
      const renewed = await renewDue(ports, store, nowMs)
      const told = await tellDue(ports, store, nowMs)
      return { purged, rotated, renewed, told, forgotten }
    },
    certificateAuthority: () => readAuthorityPem(store, ports.clock.nowMs()),
    policiesChanged: async (tx, vault) => {
      const nowMs = ports.clock.nowMs()
      await ports.events.record(tx, policiesEvent(vault, nowMs))
      const what = 'VaultAccessPolicyChanged'
      return () => recordNotice(ports.audit, vault, { what, path: '', nowMs })
    },
    eraseVault: async (dataId) => {
      await repeat(() => store.db.write((tx) => purgeVault(tx, dataId)))
      await states.change(dataId, (tx) => eraseState(tx, dataId))
      store.cache.clear()
      await sweepToken(store, ports.clock.nowMs())
    },
  }
}

async function repeat(purgeBatch: () => Promise<number>): Promise<number> {
  let total = 0
  for (;;) {
    const count = await purgeBatch()
    if (count === 0) return total
    total += count
  }
}

const healthStatus: VaultOperation = {
  name: 'HealthStatus',
  method: 'GET',
  path: '/healthstatus',
  permission: undefined,
  right: undefined,
  audit: '',
  budget: 'other',
  // Four bytes, as documented; which ones is not (key-vault.md U17).
  handle: () => ({
    status: 200,
    bytes: 'null',
    headers: { 'content-type': 'application/json; charset=utf-8' },
  }),
}

interface VaultTrace extends Trace {
  readonly vault: VaultResource
  readonly operation: VaultOperation
}

/** What became known of the call so far; undefined before its vault was found. */
function traceOf(call: Call): VaultTrace | undefined {
  return call.memo as VaultTrace | undefined
}

class VaultService implements Service<VaultCall> {
  readonly name = 'vault'
  readonly operations: readonly VaultOperation[] = [
    healthStatus,
    ...secretOperations,
    ...keyOperations,
    ...rotationOperations,
    ...keyUseOperations,
    ...releaseOperations,
    ...certificateOperations,
    ...pendingOperations,
    ...authorityOperations,
  ]
  readonly #ports: VaultPorts
  readonly #store: VaultStore
  readonly #scopes = new Map<string, ScopeSealer>()

  constructor(ports: VaultPorts, store: VaultStore) {
    this.#ports = ports
    this.#store = store
  }

  rewrite: NonNullable<Service<VaultCall>['rewrite']> = (method, path, request) => ({
    method: meantMethod(method, request.headers),
    path: plainPath(path),
  })

  /** The order is Key Vault's (key-vault.md §3.6): token, network, permission, version, the rest. */
  open(call: Call, operation: Operation<VaultCall>): VaultCall | Promise<VaultCall> {
    const { right } = operation as VaultOperation
    // A health check has no vault and no caller; its handler looks at neither.
    if (!right) return undefined as unknown as VaultCall
    const vault = this.#readVault(call)
    const trace: VaultTrace = {
      vault,
      operation: operation as VaultOperation,
      principal: undefined,
      isAddressAuthorized: false,
      isAllowed: false,
      assignmentId: undefined,
      privateEndpoint: undefined,
    }
    call.memo = trace
    const verified = authenticate(call, vault, this.#ports.verifier)
    if (verified instanceof Promise) {
      return verified.then((principal) => this.#admit(call, trace, principal))
    }
    return this.#admit(call, trace, verified)
  }

  toReply(thrown: unknown, call: Call): Reply {
    const reply = vaultFaultReply(thrown)
    if (reply.status === 429) {
      return { ...reply, headers: { 'retry-after': String(retryAfterSeconds(call.receivedAtMs)) } }
    }
    if (reply.status !== 401) return reply
    const tenantId = traceOf(call)?.vault.tenantId ?? ''
    return { ...reply, headers: { 'www-authenticate': challengeOf(tenantId, call.suffix) } }
  }

  notFound(call: Call): Reply {
    this.#readVault(call)
    const message = `${call.method} ${call.path} is not an operation of this vault.`
    throw new Fault<VaultFaultCode>('PathUnknown', message)
  }

  headers(call: Call): ReplyHeaders {
    const headers = commonHeaders(call, traceOf(call))
    if (call.path !== healthStatus.path) return headers
    return { ...headers, ...this.#ports.healthHeaders }
  }

  answered(call: Call, _operation: Operation<VaultCall> | undefined, reply: Reply): void {
    const trace = traceOf(call)
    if (!trace) return
    this.#ports.audit.record(toAuditEntry(call, trace, reply, this.#ports.clock.nowMs()))
  }

  #readVault(call: Call): VaultResource {
    const found = call.label === undefined ? undefined : this.#ports.directory.findVault(call.label)
    if (found) return found
    throw new Fault<VaultFaultCode>('VaultNotFound', `There is no key vault at ${call.host}.`)
  }

  #admit(call: Call, trace: VaultTrace, principal: Principal): VaultCall | Promise<VaultCall> {
    const { vault, operation } = trace
    trace.principal = principal
    trace.privateEndpoint = checkNetwork(call, principal, vault, this.#ports.routes)
    trace.isAddressAuthorized = true
    const { right } = operation
    if (right) {
      const asked = { right, name: call.params['name'] }
      trace.assignmentId = checkPermission(principal, vault, asked, this.#ports.authorizer)
    }
    trace.isAllowed = true
    const apiVersion = readApiVersion(call.query)
    if (operation.budget !== 'keys') {
      this.#store.throttle?.take(vault, operation.budget, call.receivedAtMs)
    }
    const toCall = (scope: ScopeSealer): VaultCall => ({
      store: this.#store,
      vault,
      scope,
      principal,
      apiVersion,
      uri: call.origin,
      nowMs: call.receivedAtMs,
    })
    const scope = this.#scopes.get(vault.dataId)
    return scope ? toCall(scope) : this.#openScope(vault.dataId).then(toCall)
  }

  /** The first use writes the vault's data key, so it comes after all checks. */
  async #openScope(dataId: string): Promise<ScopeSealer> {
    const scope = await this.#ports.sealer.scope(`vault:${dataId}`)
    this.#scopes.set(dataId, scope)
    return scope
  }
}
