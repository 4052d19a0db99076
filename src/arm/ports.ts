import type { Principal } from '../http/principal.ts'
import type { Reply } from '../http/reply.ts'

/** What the resource manager asks the data plane of managed HSMs. */
export interface HsmStatus {
  /** False until the security domain was downloaded, or one was uploaded. */
  isActivated(dataId: string): Promise<boolean>
}

/** A key operation of the data plane, for a caller whom the resource manager has judged. */
export interface KeyAsk {
  readonly caller: Principal
  readonly callerAddress: string
  readonly container: { readonly kind: 'vault' | 'managedHsm'; readonly name: string }
  readonly operation: 'CreateKey' | 'GetKey' | 'GetKeys' | 'GetKeyVersions'
  readonly name?: string
  readonly version?: string
  /** In the data plane's words. */
  readonly body?: unknown
  /** Of the page to go on with, as a `nextLink` has it. */
  readonly skipToken?: string
}

/** Answers as the data plane does: `KeyBundle`, a page of `KeyItem`, or its error with its status. */
export type AskKeys = (asked: KeyAsk) => Promise<Reply>

/** What the resource manager asks the directory. */
export interface DirectoryPort {
  readonly defaultTenantId: string
  listTenants(): readonly {
    readonly id: string
    readonly displayName: string
    readonly defaultDomain: string
  }[]
  /** Anybody a role can be given to; undefined when no object has this id. */
  findPrincipal(
    objectId: string,
  ): { readonly kind: 'User' | 'Group' | 'ServicePrincipal' } | undefined
  /** Object ids of the groups a principal belongs to. */
  listGroups(objectId: string): readonly string[]
}
