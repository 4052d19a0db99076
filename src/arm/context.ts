import type { Clock } from '../base/clock.ts'
import { isObject, type JsonObject } from '../base/json.ts'
import type { Call } from '../http/call.ts'
import type { Principal } from '../http/principal.ts'
import type { Changes } from '../storage/mirror.ts'
import type { Authorization } from './authorization.ts'
import type { ResourceGroup, StoredVault, Subscription } from './model.ts'
import { groupKey } from './model.ts'
import type { AskKeys, DirectoryPort, HsmStatus } from './ports.ts'
import type { Propagation } from './propagation.ts'
import type { ArmStore } from './store.ts'
import { armFault, authorizationFailed } from './wire-faults.ts'

/** What all operations work on. */
export interface ArmParts {
  readonly store: ArmStore
  readonly clock: Clock
  readonly authorization: Authorization
  readonly directory: DirectoryPort
  readonly hsmStatus: HsmStatus
  readonly askKeys: AskKeys
  readonly propagation: Propagation
  /** Erases what a purged vault held; it may be asked twice. */
  eraseVault(vault: { readonly dataId: string; readonly name: string }): Promise<void>
  /** Tells, in the write that does it, that the access policies or the permission model change. */
  tellPolicies(changes: Changes, vault: StoredVault): Promise<void>
}

/** What one request works on. */
export interface ArmContext extends ArmParts {
  readonly caller: Principal
  /** `yyyy-mm-dd`, perhaps with `-preview`. */
  readonly apiVersion: string
}

/** @throws Fault `AuthorizationFailed` unless a role of the caller allows it */
export function requireAllowed(context: ArmContext, action: string, scope: string): void {
  if (context.authorization.isAllowed(context.caller, action, scope)) return
  throw authorizationFailed(context.caller, action, scope)
}

/** @throws Fault `SubscriptionNotFound` */
export function readSubscription(store: ArmStore, id: string): Subscription {
  const found = store.subscriptions.find(id.toLowerCase())
  if (found) return found
  throw armFault('SubscriptionNotFound', `The subscription '${id}' could not be found.`)
}

/** @throws Fault `ResourceGroupNotFound` */
export function readGroup(store: ArmStore, subscriptionId: string, name: string): ResourceGroup {
  const found = store.groups.find(groupKey(subscriptionId, name))
  if (found) return found
  throw groupNotFound(name)
}

export function groupNotFound(name: string): Error {
  return armFault('ResourceGroupNotFound', `Resource group '${name}' could not be found.`)
}

export function resourceNotFound(type: string, name: string, group: string): Error {
  return armFault(
    'ResourceNotFound',
    `The Resource '${type}/${name}' under resource group '${group}' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix`,
  )
}

/** The body as an object. @throws Fault `InvalidRequestContent` */
export async function readBody(call: Call<unknown>): Promise<JsonObject> {
  const body = await call.readJson()
  if (isObject(body)) return body
  throw armFault(
    'InvalidRequestContent',
    'The request content was invalid and could not be deserialized: a JSON object is expected.',
  )
}

/** Tags as texts; undefined when absent. @throws Fault `InvalidRequestContent` */
export function findTags(body: JsonObject): Readonly<Record<string, string>> | undefined {
  const tags = body['tags']
  if (tags === undefined || tags === null) return undefined
  if (isObject(tags) && Object.values(tags).every((value) => typeof value === 'string')) {
    return tags as Record<string, string>
  }
  throw armFault('InvalidRequestContent', 'The tags must be an object of names and texts.')
}

const PAGE_LIMIT = 1000

/**
 * A page of `$top` items (1000 at most) from `$skiptoken` on, with a link to the next one at the
 * host the client used.
 *
 * @throws Fault `InvalidRequestContent` for numbers that are none
 */
export function toPage(call: Call<unknown>, items: readonly unknown[]): object {
  const top = readCount(call.query.get('$top')) ?? PAGE_LIMIT
  const size = Math.min(Math.max(top, 1), PAGE_LIMIT)
  const start = readCount(call.query.get('$skiptoken')) ?? 0
  const value = items.slice(start, start + size)
  if (start + size >= items.length) return { value }
  const next = new URLSearchParams(call.query)
  next.set('$skiptoken', String(start + size))
  return { value, nextLink: `${call.origin}${call.path}?${next}` }
}

function readCount(text: string | null): number | undefined {
  if (text === null) return undefined
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw armFault('InvalidRequestContent', `'${text}' is not a number.`)
}
