import type { Call } from '../http/call.ts'
import { type Operation, operation } from '../http/operation.ts'
import { empty, json } from '../http/reply.ts'
import { removeAssignmentsWithin, softDelete } from './container-changes.ts'
import { type ContainerKind, hsmKind, vaultKind } from './containers.ts'
import { type ArmContext, findTags, groupNotFound, readBody, readGroup, toPage } from './context.ts'
import { answerAccepted } from './finished-operations.ts'
import { findLocation, listLocationNames } from './locations.ts'
import { groupKey, type ResourceGroup, type StoredResource } from './model.ts'
import { listReadable } from './readable.ts'
import { compileResourceFilter } from './resource-filter.ts'
import { groupScope } from './scopes.ts'
import { armFault } from './wire-faults.ts'

const armOperation = operation<ArmContext>()
const GROUP = '/subscriptions/:subscription/resourceGroups/:group'
const GROUPS = 'Microsoft.Resources/subscriptions/resourceGroups'
const READ = `${GROUPS}/read`

/** Resource groups and the lists of what is in them. */
export const groupOperations: readonly Operation<ArmContext>[] = [
  armOperation(
    'ResourceGroups_CreateOrUpdate',
    { method: 'PUT', path: GROUP, permission: `${GROUPS}/write` },
    async (call, { store }) => {
      const body = await readBody(call)
      const { subscription, group: name } = call.params
      requireGroupName(name)
      const location = readLocation(body['location'])
      const tags = findTags(body) ?? {}
      const { group, isNew } = await store.mirrors.write(async (changes) => {
        const existing = await changes.find(store.groups, groupKey(subscription, name))
        if (existing && existing.location !== location) {
          throw armFault(
            'InvalidResourceGroupLocation',
            `Invalid resource group location '${location}'. The Resource group already exists in location '${existing.location}'.`,
          )
        }
        const made: ResourceGroup = {
          subscriptionId: subscription.toLowerCase(),
          name: existing?.name ?? name,
          location,
          tags,
        }
        await changes.put(store.groups, made)
        return { group: made, isNew: !existing }
      })
      return json(isNew ? 201 : 200, toGroupBody(group))
    },
  ),
  armOperation(
    'ResourceGroups_Get',
    { method: 'GET', path: GROUP, permission: READ },
    (call, { store }) =>
      json(200, toGroupBody(readGroup(store, call.params.subscription, call.params.group))),
  ),
  armOperation(
    'ResourceGroups_CheckExistence',
    { method: 'HEAD', path: GROUP, permission: READ },
    (call, { store }) =>
      empty(store.groups.find(groupKey(call.params.subscription, call.params.group)) ? 204 : 404),
  ),
  armOperation(
    'ResourceGroups_Update',
    { method: 'PATCH', path: GROUP, permission: `${GROUPS}/write` },
    async (call, { store }) => {
      const tags = findTags(await readBody(call))
      const key = groupKey(call.params.subscription, call.params.group)
      const group = await store.mirrors.write(async (changes) => {
        const existing = await changes.find(store.groups, key)
        if (!existing) throw groupNotFound(call.params.group)
        const changed = { ...existing, tags: tags ?? existing.tags }
        await changes.put(store.groups, changed)
        return changed
      })
      return json(200, toGroupBody(group))
    },
  ),
  armOperation(
    'ResourceGroups_Delete',
    { method: 'DELETE', path: GROUP, permission: `${GROUPS}/delete` },
    async (call, context) => {
      const { store, clock } = context
      const { subscription, group: name } = call.params
      const key = groupKey(subscription, name)
      await store.mirrors.write(async (changes) => {
        const group = await changes.find(store.groups, key)
        if (!group) throw groupNotFound(name)
        const nowMs = clock.nowMs()
        for (const item of await changes.list(store.vaults, 'group_key', key)) {
          if (item.state === 'active') {
            await softDelete(vaultKind, store, changes, { item, nowMs })
          }
        }
        for (const item of await changes.list(store.hsms, 'group_key', key)) {
          if (item.state === 'active') await softDelete(hsmKind, store, changes, { item, nowMs })
        }
        await removeAssignmentsWithin(store, changes, groupScope(subscription, name))
        await changes.remove(store.groups, key)
      })
      return await answerAccepted(call, context)
    },
  ),
  armOperation(
    'ResourceGroups_List',
    { method: 'GET', path: '/subscriptions/:subscription/resourceGroups' },
    (call, context) => {
      const subscription = call.params.subscription.toLowerCase()
      const filter = compileResourceFilter(call.query.get('$filter'))
      const groups = context.store.groups
        .list()
        .filter((group) => group.subscriptionId === subscription)
        .filter((group) => filter({ ...group, type: GROUPS, group: group.name }))
      const readable = listReadable(call, context, {
        action: READ,
        items: groups,
        scopeOf: (group) => groupScope(group.subscriptionId, group.name),
      })
      return json(200, toPage(call, readable.map(toGroupBody)))
    },
  ),
  armOperation(
    'Resources_List',
    { method: 'GET', path: '/subscriptions/:subscription/resources' },
    (call, context) => answerResources(call, context),
  ),
  armOperation(
    'Resources_ListByResourceGroup',
    { method: 'GET', path: `${GROUP}/resources` },
    (call, context) => {
      readGroup(context.store, call.params.subscription, call.params.group)
      return answerResources(call, context)
    },
  ),
]

function answerResources(
  call: Call<{ readonly subscription: string; readonly group?: string }>,
  context: ArmContext,
) {
  const { subscription, group } = call.params
  const filter = compileResourceFilter(call.query.get('$filter'))
  const select = <Item extends StoredResource>(kind: ContainerKind<Item>) => {
    const items = kind
      .mirrorOf(context.store)
      .list()
      .filter(
        (item) =>
          item.state === 'active' &&
          item.subscriptionId === subscription.toLowerCase() &&
          (group === undefined || item.resourceGroup.toLowerCase() === group.toLowerCase()),
      )
      .filter((item) => filter({ ...item, type: kind.type, group: item.resourceGroup }))
    const { scopeOf } = kind
    return listReadable(call, context, { action: `${kind.type}/read`, items, scopeOf }).map(
      (item) => ({
        id: kind.scopeOf(item),
        name: item.name,
        type: kind.type,
        location: item.location,
        tags: item.tags,
      }),
    )
  }
  return json(200, toPage(call, [...select(vaultKind), ...select(hsmKind)]))
}

function toGroupBody(group: ResourceGroup): object {
  return {
    id: groupScope(group.subscriptionId, group.name),
    name: group.name,
    type: 'Microsoft.Resources/resourceGroups',
    location: group.location,
    tags: group.tags,
    properties: { provisioningState: 'Succeeded' },
  }
}

function requireGroupName(name: string): void {
  if (/^[\p{L}\p{N}_.()-]{1,90}$/u.test(name) && !name.endsWith('.')) return
  throw armFault(
    'InvalidResourceGroup',
    `The provided resource group name '${name.slice(0, 100)}' is not valid. It may have 1 to 90 letters, digits, underscores, dots, dashes and parentheses, and must not end with a dot.`,
  )
}

function readLocation(value: unknown): string {
  if (typeof value !== 'string' || value.trim() === '') {
    throw armFault('LocationRequired', 'The location property is required for this definition.')
  }
  const location = findLocation(value)
  if (location) return location
  throw armFault(
    'LocationNotAvailableForResourceGroup',
    `The provided location '${value.slice(0, 60)}' is not available for resource group. List of available regions is '${listLocationNames().join(',')}'.`,
  )
}
