import { Readable } from 'node:stream'
import type { Clock } from '../base/clock.ts'
import { Fault } from '../base/fault.ts'
import { newGuid } from '../base/ids.ts'
import type { Call } from '../http/call.ts'
import type { Principal } from '../http/principal.ts'
import { json, type Reply } from '../http/reply.ts'
import type { Sealer } from '../storage/sealing.ts'
import { toAuditEntry } from './audit.ts'
import type { VaultStore } from './context.ts'
import type { VaultFaultCode } from './faults.ts'
import { notActivated } from './hsm/service.ts'
import { ARM_SETTING } from './hsm/setting-operations.ts'
import type { HsmStates } from './hsm/state.ts'
import { keyOperations } from './keys/operations.ts'
import type { AuditSink, HsmResource, VaultDirectory, VaultResource } from './ports.ts'
import { vaultFaultReply } from './wire-faults.ts'

/** The version whose shapes the resource manager reads. */
const VERSION = '7.6'

/** What the resource manager asks of the keys of a vault or a managed HSM, for a caller it has judged. */
export interface ManagerAsk {
  readonly caller: Principal
  readonly callerAddress: string
  readonly container: { readonly kind: 'vault' | 'managedHsm'; readonly name: string }
  readonly operation: 'CreateKey' | 'GetKey' | 'GetKeys' | 'GetKeyVersions'
  readonly name?: string
  readonly version?: string
  readonly body?: unknown
  /** Of the page to go on with, as a `nextLink` has it. */
  readonly skipToken?: string
}

/** Answers as the data plane does, refusals too. */
export type ManagerKeys = (asked: ManagerAsk) => Promise<Reply>

interface Ports {
  readonly directory: VaultDirectory
  readonly sealer: Sealer
  readonly audit: AuditSink
  readonly clock: Clock
}

type Container = VaultResource | HsmResource

/**
 * Key operations for the resource manager. A managed HSM must be active and must have the setting that
 * lets the resource manager in.
 */
export function createManagerKeys(ports: Ports, store: VaultStore, states: HsmStates): ManagerKeys {
  const { directory, sealer, audit, clock } = ports
  return async (asked) => {
    const { kind, name } = asked.container
    const container = kind === 'vault' ? directory.findVault(name) : directory.findHsm(name)
    if (!container) return noContainer
    const operation = keyOperations.find((one) => one.name === asked.operation)
    if (!operation) throw new Error(`There is no key operation ${asked.operation}.`)
    const nowMs = clock.nowMs()
    const call = toCall(asked, container, operation.method, nowMs)
    const reply = await answer(async () => {
      if (container.kind === 'managedHsm') await checkManager(states, container)
      const scope = await sealer.scope(`vault:${container.dataId}`)
      const { caller: principal } = asked
      const shown = { apiVersion: VERSION, uri: call.origin, nowMs } as const
      return await operation.handle(call, { store, vault: container, scope, principal, ...shown })
    })
    const trace = {
      vault: container,
      operation,
      principal: asked.caller,
      isAddressAuthorized: true,
      isAllowed: true,
      assignmentId: undefined,
      privateEndpoint: undefined,
    }
    audit.record(toAuditEntry(call, trace, reply, clock.nowMs()))
    return reply
  }
}

async function answer(work: () => Promise<Reply>): Promise<Reply> {
  try {
    return await work()
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown
    return vaultFaultReply(thrown)
  }
}

/** @throws Fault `HsmNotActivated` or `ManagerRefused` */
async function checkManager(states: HsmStates, hsm: HsmResource): Promise<void> {
  const { activation, settings } = await states.read(hsm)
  if (!activation) throw notActivated(hsm)
  if (settings.get(ARM_SETTING) !== 'true') throw managerRefused(hsm)
}

/** The text is not documented. */
function managerRefused({ name }: HsmResource): Fault<VaultFaultCode> {
  return new Fault(
    'ManagerRefused',
    `The managed HSM '${name}' does not let the resource manager work with its keys. An administrator of it can, with: az keyvault setting update --hsm-name ${name} --name ${ARM_SETTING} --value true`,
  )
}

/** The call that a client of the data plane would have made. */
function toCall(asked: ManagerAsk, container: Container, method: string, nowMs: number): Call {
  const { name, version } = asked
  const suffix = container.kind === 'vault' ? 'vault.azure.net' : 'managedhsm.azure.net'
  const host = `${container.name.toLowerCase()}.${suffix}`
  const query = new URLSearchParams({ 'api-version': VERSION })
  if (asked.skipToken !== undefined) query.set('$skiptoken', asked.skipToken)
  return {
    method,
    path: ['/keys', name, version].filter((part) => part !== undefined).join('/'),
    params: { ...(name !== undefined && { name }), ...(version !== undefined && { version }) },
    query,
    headers: {},
    host,
    origin: `https://${host}`,
    label: container.name.toLowerCase(),
    suffix,
    callerAddress: asked.callerAddress,
    requestId: newGuid(),
    receivedAtMs: nowMs,
    stream: Readable.from([]),
    readBytes: async () => Buffer.from(JSON.stringify(asked.body ?? null)),
    readJson: async () => asked.body,
  }
}

/** No vault and no managed HSM has this name. */
const noContainer: Reply = json(404, {
  error: { code: 'VaultNotFound', message: 'The vault or managed HSM was not found.' },
})
