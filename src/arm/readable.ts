import type { Call } from '../http/call.ts'
import { type ArmContext, requireAllowed } from './context.ts'
import { groupScope, subscriptionScope } from './scopes.ts'

/**
 * The items of a list that the caller may see: all when a role at the list's own scope says so, else
 * those with a role of their own.
 *
 * @throws Fault `AuthorizationFailed` when the caller has no role anywhere in the list's scope
 */
export function listReadable<Item>(
  call: Call<{ readonly subscription: string; readonly group?: string }>,
  context: ArmContext,
  list: {
    readonly action: string
    readonly items: readonly Item[]
    scopeOf(item: Item): string
  },
): readonly Item[] {
  const { action, items } = list
  const { authorization, caller } = context
  const { subscription, group } = call.params
  const scope =
    group === undefined ? subscriptionScope(subscription) : groupScope(subscription, group)
  if (authorization.isAllowed(caller, action, scope)) return items
  if (!authorization.hasAnyWithin(caller, scope)) requireAllowed(context, action, scope)
  return items.filter((item) => authorization.isAllowed(caller, action, list.scopeOf(item)))
}
