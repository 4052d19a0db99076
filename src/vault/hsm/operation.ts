import type { Call } from '../../http/call.ts'
import { type Method, type Operation, operation, type PathParams } from '../../http/operation.ts'
import type { Reply } from '../../http/reply.ts'
import type { VaultCall } from '../context.ts'
import type { Writing } from '../objects/store.ts'
import type { VaultOperation } from '../operation.ts'
import type { HsmResource } from '../ports.ts'
import type { HsmState } from './state.ts'

/** What an operation works on: a managed HSM, for a caller who may. */
export interface HsmCall extends VaultCall {
  readonly vault: HsmResource
  readonly hsm: HsmAccess
}

/** The state of the call's managed HSM. */
export interface HsmAccess {
  /** As it was when the call was judged. */
  readonly state: HsmState
  /** Changes it in one durable write; `work` must judge by what it reads in `tx`. */
  change<T>(work: (tx: Writing) => Promise<T>): Promise<T>
}

/** An operation with the data action it needs and its word in the audit log. */
export interface HsmOperation extends Operation<HsmCall> {
  /** After `Microsoft.KeyVault/managedHsm/`. */
  readonly dataAction: string
  readonly audit: string
  /** Which limit counts it; `keys`: the operation itself, once it knows the key. */
  readonly budget: 'keys' | 'other'
  /** False: it is answered before the security domain was downloaded. */
  readonly needsActivation: boolean
}

const plainOperation = operation<HsmCall>()

/**
 * Makes an operation of a managed HSM. It is judged at `/keys/{name}` when its path has a `:name`, at
 * `/keys` when it begins with `/keys` or `/deletedkeys`, else at `/`.
 */
export function hsmOperation<const Path extends string>(
  name: string,
  route: { readonly method: Method; readonly path: Path },
  needs: {
    /** After `Microsoft.KeyVault/managedHsm/`: `keys/read/action`. */
    readonly dataAction: string
    readonly audit: string
    readonly budget?: HsmOperation['budget']
    /** True unless told. */
    readonly needsActivation?: boolean
  },
  handle: (call: Call<PathParams<Path>>, hsm: HsmCall) => Promise<Reply> | Reply,
): HsmOperation {
  return {
    ...plainOperation(name, { ...route, permission: needs.dataAction }, handle),
    dataAction: needs.dataAction,
    audit: needs.audit,
    budget: needs.budget ?? 'other',
    needsActivation: needs.needsActivation ?? true,
  }
}

/** A vault's key operation as a managed HSM has it. */
export function fromVaultOperation(one: VaultOperation, dataAction: string): HsmOperation {
  return {
    name: one.name,
    method: one.method,
    path: one.path,
    permission: dataAction,
    handle: one.handle,
    dataAction,
    audit: one.audit,
    budget: one.budget === 'keys' ? 'keys' : 'other',
    needsActivation: true,
  }
}
