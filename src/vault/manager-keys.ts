import { Readable } from 'node:stream'
import { Fault } from '../base/fault.ts'
import { newGuid } from '../base/ids.ts'
import type { Call } from '../http/call.ts'
import type { Principal } from '../http/principal.ts'
import { json, type Reply } from '../http/reply.ts'
import type { ScopeSealer } from '../storage/sealing.ts'
import { toAuditEntry } from './audit.ts'
import type { VaultCall, VaultStore } from './context.ts'
import type { VaultFaultCode } from './faults.ts'
import { notActivated } from './hsm/service.ts'
import { ARM_SETTING } from './hsm/setting-operations.ts'
import type { HsmStates } from './hsm/state.ts'
import { keyOperations } from './keys/operations.ts'
import type { AuditSink, HsmResource, VaultResource } from './ports.ts'
import { vaultFaultReply } from './wire-faults.ts'

/** The version whose shapes the resource manager reads. */
const VERSION = '7.6'

/** What the resource manager asks of the keys of a vault or a managed HSM, for a caller it has judged. */
export interface ManagerAsk {
  readonly caller: Principal
  readonly callerAddress: string
  readonly container: VaultResource | HsmResource
  readonly operation: 'CreateKey' | 'GetKey' | 'GetKeys' | 'GetKeyVersions'
  readonly name?: string
  readonly version?: string
  readonly body?: unknown
  /** Of the page to go on with, as a `nextLink` has it. */
  readonly skipToken?: string
}

interface Parts {
  readonly store: VaultStore
  readonly states: HsmStates
  readonly audit: AuditSink
  openScope(dataId: string): Promise<ScopeSealer>
  nowMs(): number
}

/**
 * Does a key operation for the resource manager and answers as the data plane does, refusals too.
 * A managed HSM must be active and must have the setting that lets the resource manager in.
 */
export async function askForManager(parts: Parts, asked: ManagerAsk): Promise<Reply> {
  const { container, caller } = asked
  const operation = keyOperations.find(({ name }) => name === asked.operation)
  if (!operation) throw new Error(`There is no key operation ${asked.operation}.`)
  const nowMs = parts.nowMs()
  const call = toCall(asked, operation.method, nowMs)
  const reply = await answer(parts, asked, async () => {
    const context: VaultCall = {
      store: parts.store,
      vault: container,
      scope: await parts.openScope(container.dataId),
      principal: caller,
      apiVersion: VERSION,
      uri: call.origin,
      nowMs,
    }
    return await operation.handle(call, context)
  })
  const trace = {
    vault: container,
    operation,
    principal: caller,
    isAddressAuthorized: true,
    isAllowed: true,
    assignmentId: undefined,
    privateEndpoint: undefined,
  }
  parts.audit.record(toAuditEntry(call, trace, reply, parts.nowMs()))
  return reply
}

async function answer(
  { states }: Parts,
  { container }: ManagerAsk,
  work: () => Promise<Reply>,
): Promise<Reply> {
  try {
    if (container.kind === 'managedHsm') {
      const { activation, settings } = await states.read(container)
      if (!activation) throw notActivated(container)
      if (settings.get(ARM_SETTING) !== 'true') throw managerRefused(container)
    }
    return await work()
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown
    return vaultFaultReply(thrown)
  }
}

/** The text is not documented. */
function managerRefused({ name }: HsmResource): Fault<VaultFaultCode> {
  return new Fault(
    'ManagerRefused',
    `The managed HSM '${name}' does not let the resource manager work with its keys. An administrator of it can, with: az keyvault setting update --hsm-name ${name} --name ${ARM_SETTING} --value true`,
  )
}

/** The call that a client of the data plane would have made. */
function toCall(asked: ManagerAsk, method: string, nowMs: number): Call {
  const { container, name, version } = asked
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
export const noContainer: Reply = json(404, {
  error: { code: 'VaultNotFound', message: 'The vault or managed HSM was not found.' },
})
