import type { JsonObject } from '../base/json.ts'
import { readObject } from '../base/json.ts'
import type { Call } from '../http/call.ts'
import { type Operation, operation } from '../http/operation.ts'
import { empty, json, type Reply } from '../http/reply.ts'
import { changeActive, deleteActive, putContainer } from './container-changes.ts'
import { type ContainerPath, hsmKind, readActive } from './containers.ts'
import {
  type ArmContext,
  findTags,
  readBody,
  readGroup,
  readSubscription,
  toPage,
} from './context.ts'
import { readHsmProperties, requireHsmName } from './managed-hsm-properties.ts'
import { toHsmBody, toHsmPropertiesBody } from './managed-hsms.ts'
import { groupKey, type StoredHsm } from './model.ts'
import { listReadable } from './readable.ts'

const armOperation = operation<ArmContext>()
const GROUP = '/subscriptions/:subscription/resourceGroups/:group/providers/Microsoft.KeyVault'
const HSM =
  '/subscriptions/:subscription/resourceGroups/:group/providers/Microsoft.KeyVault/managedHSMs/:hsm'
const READ = 'Microsoft.KeyVault/managedHSMs/read'
const WRITE = 'Microsoft.KeyVault/managedHSMs/write'

type HsmCall = Call<{ readonly subscription: string; readonly group: string; readonly hsm: string }>

/** Managed HSMs: create, change, read, delete, list (key-vault.md §18.10). */
export const managedHsmOperations: readonly Operation<ArmContext>[] = [
  armOperation(
    'ManagedHsms_CreateOrUpdate',
    { method: 'PUT', path: HSM, permission: WRITE },
    async (call, context) => answerPut(call, context, await readBody(call)),
  ),
  armOperation(
    'ManagedHsms_Update',
    { method: 'PATCH', path: HSM, permission: WRITE },
    async (call, context) => answerPatch(call, context, await readBody(call)),
  ),
  armOperation(
    'ManagedHsms_Get',
    { method: 'GET', path: HSM, permission: READ },
    async (call, context) => {
      const { subscription, group } = call.params
      readGroup(context.store, subscription, group)
      return answerOne(call, context, readActive(hsmKind, context.store, toPath(call)))
    },
  ),
  armOperation(
    'ManagedHsms_Delete',
    { method: 'DELETE', path: HSM, permission: 'Microsoft.KeyVault/managedHSMs/delete' },
    async (call, context) =>
      empty((await deleteActive(hsmKind, context, toPath(call))) ? 200 : 204),
  ),
  armOperation(
    'ManagedHsms_ListByResourceGroup',
    { method: 'GET', path: `${GROUP}/managedHSMs` },
    async (call, context) => {
      const { subscription, group } = call.params
      readGroup(context.store, subscription, group)
      const found = context.store.hsmsOfGroup.list(groupKey(subscription, group))
      return await answerList(call, context, found)
    },
  ),
  armOperation(
    'ManagedHsms_ListBySubscription',
    {
      method: 'GET',
      path: '/subscriptions/:subscription/providers/Microsoft.KeyVault/managedHSMs',
    },
    async (call, context) => {
      const subscription = call.params.subscription.toLowerCase()
      const found = context.store.hsms.list().filter((hsm) => hsm.subscriptionId === subscription)
      return await answerList(call, context, found)
    },
  ),
  armOperation(
    'MhsmRegions_ListByResource',
    { method: 'GET', path: `${HSM}/regions`, permission: READ },
    (call, { store }) => {
      const { location } = readActive(hsmKind, store, toPath(call))
      return json(200, {
        value: [{ name: location, provisioningState: 'Succeeded', isPrimary: true }],
      })
    },
  ),
  armOperation(
    'MhsmPrivateLinkResources_ListByMhsmResource',
    { method: 'GET', path: `${HSM}/privateLinkResources`, permission: READ },
    (call, { store }) => {
      const id = hsmKind.scopeOf(readActive(hsmKind, store, toPath(call)))
      const properties = {
        groupId: 'managedhsm',
        requiredMembers: ['default'],
        requiredZoneNames: ['privatelink.managedhsm.azure.net'],
      }
      const type = `${hsmKind.type}/privateLinkResources`
      const one = { id: `${id}/privateLinkResources/managedhsm`, name: 'managedhsm', type }
      return json(200, { value: [{ ...one, properties }] })
    },
  ),
  armOperation(
    'MhsmPrivateEndpointConnections_ListByResource',
    {
      method: 'GET',
      path: `${HSM}/privateEndpointConnections`,
      permission: 'Microsoft.KeyVault/managedHSMs/privateEndpointConnections/read',
    },
    (call, { store }) => {
      readActive(hsmKind, store, toPath(call))
      return json(200, { value: [] })
    },
  ),
]

async function answerOne(call: HsmCall, context: ArmContext, hsm: StoredHsm): Promise<Reply> {
  return json(200, toHsmBody(call, hsm, await context.hsmStatus.isActivated(hsm.dataId)))
}

async function answerList(
  call: Call<{ readonly subscription: string; readonly group?: string }>,
  context: ArmContext,
  found: readonly StoredHsm[],
): Promise<Reply> {
  const readable = listReadable(call, context, {
    action: READ,
    items: found.filter((hsm) => hsm.state === 'active'),
    scopeOf: hsmKind.scopeOf,
  })
  const bodies: JsonObject[] = []
  for (const hsm of readable) {
    bodies.push(toHsmBody(call, hsm, await context.hsmStatus.isActivated(hsm.dataId)))
  }
  return json(200, toPage(call, bodies))
}

async function answerPut(call: HsmCall, context: ArmContext, body: JsonObject): Promise<Reply> {
  const asked = { ...toPath(call), body }
  requireHsmName(asked.name)
  const { tenantId } = readSubscription(context.store, asked.subscription)
  const { item } = await putContainer(hsmKind, context, asked, (base, properties, existing) => ({
    ...base,
    ...readHsmProperties(
      { sku: body['sku'], properties, location: base.location },
      tenantId,
      existing,
    ),
  }))
  return await answerOne(call, context, item)
}

async function answerPatch(call: HsmCall, context: ArmContext, body: JsonObject): Promise<Reply> {
  const patch = readObject(body['properties'] ?? {}, 'properties')
  const tags = findTags(body)
  const changed = await changeActive(hsmKind, context, toPath(call), (existing) => ({
    ...existing,
    ...(tags && { tags }),
    ...readHsmProperties(
      {
        sku: body['sku'],
        properties: { ...toHsmPropertiesBody(existing), ...patch },
        location: existing.location,
      },
      existing.tenantId,
      existing,
    ),
  }))
  return await answerOne(call, context, changed)
}

function toPath({ params }: HsmCall): ContainerPath {
  return { subscription: params.subscription, group: params.group, name: params.hsm }
}
