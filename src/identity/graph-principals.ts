import { newGuid } from '../base/ids.ts'
import { type Operation, operation } from '../http/operation.ts'
import { empty, json } from '../http/reply.ts'
import { createServicePrincipal, deleteServicePrincipal } from './directory.ts'
import {
  bodyWrong,
  findTexts,
  type GraphContext,
  listOwn,
  readBody,
  readServicePrincipal,
  requireText,
} from './graph-context.ts'
import { objectNotFound } from './graph-faults.ts'
import { answerCollection, answerObject } from './graph-lists.ts'
import { findObjectBody, toGroupBody, toServicePrincipalBody, toUserBody } from './graph-shapes.ts'
import { listGroupIds } from './store.ts'

const graphOperation = operation<GraphContext>()
/** Ids `getByIds` takes at most. */
const IDS_LIMIT = 1000

/** Service principals. */
export const servicePrincipalOperations: readonly Operation<GraphContext>[] = [
  graphOperation(
    'ListServicePrincipals',
    { method: 'GET', path: '/servicePrincipals' },
    (call, { store, caller }) =>
      answerCollection(
        call,
        'servicePrincipals',
        listOwn(caller, store.servicePrincipals.list()).map((one) =>
          toServicePrincipalBody(store, one),
        ),
      ),
  ),
  graphOperation(
    'GetServicePrincipal',
    { method: 'GET', path: '/servicePrincipals/:id' },
    (call, context) => {
      const { store } = context
      const found = readServicePrincipal(context, call.params.id)
      return answerObject(call, 'servicePrincipals', toServicePrincipalBody(store, found))
    },
  ),
  graphOperation(
    'CreateServicePrincipal',
    { method: 'POST', path: '/servicePrincipals', permission: 'write' },
    async (call, { store, clock, caller }) => {
      const body = await readBody(call)
      const appId = requireText(body, 'appId')
      const [application] = store.applicationsByAppId.list(appId.toLowerCase())
      if (application?.tenantId !== caller.tenantId) {
        throw bodyWrong(
          `The appId '${appId}' of the service principal does not reference a valid application object.`,
        )
      }
      const enabled = String(body['accountEnabled'] ?? true).toLowerCase()
      const created = await createServicePrincipal(
        store,
        {
          tenantId: caller.tenantId,
          appId,
          displayName: application.displayName,
          isEnabled: enabled !== 'false',
          tags: findTexts(body, 'tags') ?? [],
        },
        clock.nowMs(),
      )
      return answerObject(call, 'servicePrincipals', toServicePrincipalBody(store, created), 201)
    },
  ),
  graphOperation(
    'UpdateServicePrincipal',
    { method: 'PATCH', path: '/servicePrincipals/:id', permission: 'write' },
    async (call, context) => {
      const { store } = context
      const found = readServicePrincipal(context, call.params.id)
      const body = await readBody(call)
      const enabled = body['accountEnabled']
      await store.mirrors.write((changes) =>
        changes.put(store.servicePrincipals, {
          ...found,
          isEnabled:
            enabled === undefined ? found.isEnabled : String(enabled).toLowerCase() !== 'false',
          tags: findTexts(body, 'tags') ?? found.tags,
        }),
      )
      return empty(204)
    },
  ),
  graphOperation(
    'DeleteServicePrincipal',
    { method: 'DELETE', path: '/servicePrincipals/:id', permission: 'write' },
    async (call, context) => {
      const { id } = readServicePrincipal(context, call.params.id)
      await deleteServicePrincipal(context.store, id)
      return empty(204)
    },
  ),
]

/** Users and groups, and objects of any kind. */
export const objectOperations: readonly Operation<GraphContext>[] = [
  graphOperation('GetMe', { method: 'GET', path: '/me' }, (call, { store, caller }) => {
    const user = caller.kind === 'user' ? store.users.find(caller.objectId) : undefined
    if (user) return answerObject(call, 'users', toUserBody(user))
    return json(403, meWithoutUser(call.requestId))
  }),
  graphOperation(
    'GetByIds',
    { method: 'POST', path: '/directoryObjects/getByIds' },
    async (call, { store, caller }) => {
      const body = await readBody(call)
      const ids = findTexts(body, 'ids') ?? []
      if (ids.length > IDS_LIMIT) throw bodyWrong(`At most ${IDS_LIMIT} ids are allowed.`)
      const types = findTexts(body, 'types')?.map((type) => type.toLowerCase())
      const value = ids.flatMap((id) => findObjectBody(store, caller.tenantId, id, types) ?? [])
      return json(200, {
        '@odata.context': `${call.origin}/v1.0/$metadata#directoryObjects`,
        value,
      })
    },
  ),
  graphOperation(
    'GetDirectoryObject',
    { method: 'GET', path: '/directoryObjects/:id' },
    (call, { store, caller }) => {
      const found = findObjectBody(store, caller.tenantId, call.params.id)
      if (!found) throw objectNotFound(call.params.id)
      return answerObject(call, 'directoryObjects', found)
    },
  ),
  graphOperation('ListUsers', { method: 'GET', path: '/users' }, (call, { store, caller }) =>
    answerCollection(call, 'users', listOwn(caller, store.users.list()).map(toUserBody)),
  ),
  graphOperation('GetUser', { method: 'GET', path: '/users/:id' }, (call, { store, caller }) => {
    const key = call.params.id.toLowerCase()
    const user = store.users.find(key) ?? store.usersByName.list(key)[0]
    if (user?.tenantId !== caller.tenantId) throw objectNotFound(call.params.id)
    return answerObject(call, 'users', toUserBody(user))
  }),
  graphOperation(
    'GetMemberGroups',
    { method: 'POST', path: '/users/:id/getMemberGroups' },
    (call, { store, caller }) => {
      const context = `${call.origin}/v1.0/$metadata#Collection(Edm.String)`
      const groups = listGroupIds(store, call.params.id.toLowerCase())
      const value = groups.filter((id) => store.groups.find(id)?.tenantId === caller.tenantId)
      return json(200, { '@odata.context': context, value })
    },
  ),
]

/** Groups and their members. */
export const groupOperations: readonly Operation<GraphContext>[] = [
  graphOperation('ListGroups', { method: 'GET', path: '/groups' }, (call, { store, caller }) =>
    answerCollection(call, 'groups', listOwn(caller, store.groups.list()).map(toGroupBody)),
  ),
  graphOperation('GetGroup', { method: 'GET', path: '/groups/:id' }, (call, context) =>
    answerObject(call, 'groups', toGroupBody(readGroup(context, call.params.id))),
  ),
  graphOperation(
    'CreateGroup',
    { method: 'POST', path: '/groups', permission: 'write' },
    async (call, { store, clock, caller }) => {
      const body = await readBody(call)
      const description = body['description']
      const group = {
        id: newGuid(),
        tenantId: caller.tenantId,
        displayName: requireText(body, 'displayName'),
        mailNickname: requireText(body, 'mailNickname'),
        description: typeof description === 'string' ? description : undefined,
        createdAtMs: clock.nowMs(),
      }
      await store.mirrors.write((changes) => changes.put(store.groups, group))
      return answerObject(call, 'groups', toGroupBody(group), 201)
    },
  ),
  graphOperation(
    'DeleteGroup',
    { method: 'DELETE', path: '/groups/:id', permission: 'write' },
    async (call, context) => {
      const { store } = context
      const { id } = readGroup(context, call.params.id)
      await store.mirrors.write(async (changes) => {
        await changes.remove(store.groups, id)
        const rows = [
          ...(await changes.list(store.memberships, 'group_id', id)),
          ...(await changes.list(store.memberships, 'member_id', id)),
        ]
        for (const row of rows) {
          await changes.remove(store.memberships, store.memberships.table.keyOf(row))
        }
      })
      return empty(204)
    },
  ),
  graphOperation('ListMembers', { method: 'GET', path: '/groups/:id/members' }, (call, context) => {
    const { id } = readGroup(context, call.params.id)
    const rows = context.store.membersOfGroup.list(id)
    const members = rows
      .map((row) => findObjectBody(context.store, context.caller.tenantId, row.memberId))
      .filter((body) => body !== undefined)
    return answerCollection(call, `groups/${id}/members`, members)
  }),
  graphOperation(
    'AddMember',
    { method: 'POST', path: '/groups/:id/members/$ref', permission: 'write' },
    async (call, context) => {
      const { store } = context
      const { id } = readGroup(context, call.params.id)
      const reference = requireText(await readBody(call), '@odata.id')
      const memberId = (/([0-9a-f-]{36})\/?$/i.exec(reference)?.[1] ?? '').toLowerCase()
      if (!findObjectBody(store, context.caller.tenantId, memberId)) {
        throw objectNotFound(memberId || reference)
      }
      if (store.memberships.find(`${id}/${memberId}`)) {
        throw bodyWrong(
          "One or more added object references already exist for the following modified properties: 'members'.",
        )
      }
      await store.mirrors.write((changes) =>
        changes.put(store.memberships, { groupId: id, memberId }),
      )
      return empty(204)
    },
  ),
  graphOperation(
    'RemoveMember',
    { method: 'DELETE', path: '/groups/:id/members/:member/$ref', permission: 'write' },
    async (call, context) => {
      const { store } = context
      const { id } = readGroup(context, call.params.id)
      const key = `${id}/${call.params.member.toLowerCase()}`
      if (!store.memberships.find(key)) throw objectNotFound(call.params.member)
      await store.mirrors.write((changes) => changes.remove(store.memberships, key))
      return empty(204)
    },
  ),
]

function readGroup({ store, caller }: GraphContext, id: string) {
  const group = store.groups.find(id.toLowerCase())
  if (group?.tenantId !== caller.tenantId) throw objectNotFound(id)
  return group
}

function meWithoutUser(requestId: string): object {
  return {
    error: {
      code: 'BadRequest',
      message: '/me request is only valid with delegated authentication flow.',
      innerError: { 'request-id': requestId },
    },
  }
}
