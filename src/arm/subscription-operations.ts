import { type Operation, operation } from '../http/operation.ts'
import { json } from '../http/reply.ts'
import { type ArmContext, readSubscription, toPage } from './context.ts'
import { listLocationNames, toLocationBodies } from './locations.ts'
import type { Subscription } from './model.ts'
import { subscriptionScope } from './scopes.ts'
import { armFault } from './wire-faults.ts'

const armOperation = operation<ArmContext>()
const SUBSCRIPTION = '/subscriptions/:subscription'
const READ = 'Microsoft.Resources/subscriptions/read'

/** Resource types by namespace; all are registered from the start. */
const PROVIDERS: Readonly<Record<string, readonly string[]>> = {
  'Microsoft.KeyVault': [
    'vaults',
    'vaults/accessPolicies',
    'vaults/keys',
    'vaults/keys/versions',
    'deletedVaults',
    'locations',
    'locations/deletedVaults',
    'locations/operationResults',
    'operations',
    'checkNameAvailability',
    'managedHSMs',
    'managedHSMs/keys',
    'managedHSMs/keys/versions',
    'deletedManagedHSMs',
    'locations/deletedManagedHSMs',
    'checkMhsmNameAvailability',
  ],
  'Microsoft.Authorization': [
    'roleAssignments',
    'roleDefinitions',
    'denyAssignments',
    'permissions',
  ],
  'Microsoft.Resources': ['subscriptions', 'resourceGroups', 'resources', 'tenants', 'providers'],
}

/** Subscriptions, tenants, regions and providers. */
export const subscriptionOperations: readonly Operation<ArmContext>[] = [
  armOperation('Subscriptions_List', { method: 'GET', path: '/subscriptions' }, (call, context) => {
    const { store, authorization, caller } = context
    const found = store.subscriptions
      .list()
      .filter(
        (subscription) =>
          subscription.tenantId === caller.tenantId &&
          authorization.hasAnyWithin(caller, subscriptionScope(subscription.id)),
      )
    const count = { type: 'Total', value: found.length }
    return json(200, { ...toPage(call, found.map(toSubscriptionBody)), count })
  }),
  armOperation(
    'Subscriptions_Get',
    { method: 'GET', path: SUBSCRIPTION, permission: READ },
    (call, { store }) =>
      json(200, toSubscriptionBody(readSubscription(store, call.params.subscription))),
  ),
  armOperation(
    'Subscriptions_ListLocations',
    { method: 'GET', path: `${SUBSCRIPTION}/locations`, permission: READ },
    (call) => json(200, { value: toLocationBodies(call.params.subscription) }),
  ),
  armOperation(
    'Tenants_List',
    { method: 'GET', path: '/tenants' },
    (call, { directory, caller }) => {
      const own = directory.listTenants().filter((tenant) => tenant.id === caller.tenantId)
      const bodies = own.map(({ id, displayName, defaultDomain }) => ({
        id: `/tenants/${id}`,
        tenantId: id,
        displayName,
        defaultDomain,
        domains: [defaultDomain],
        countryCode: 'US',
        tenantCategory: 'Home',
        tenantType: 'AAD',
      }))
      return json(200, toPage(call, bodies))
    },
  ),
  armOperation('Providers_ListAtTenantScope', { method: 'GET', path: '/providers' }, (call) =>
    json(
      200,
      toPage(
        call,
        Object.keys(PROVIDERS).map((name) => toProviderBody('', name)),
      ),
    ),
  ),
  armOperation(
    'Providers_List',
    { method: 'GET', path: `${SUBSCRIPTION}/providers`, permission: READ },
    (call) => {
      const scope = subscriptionScope(call.params.subscription)
      const bodies = Object.keys(PROVIDERS).map((name) => toProviderBody(scope, name))
      return json(200, toPage(call, bodies))
    },
  ),
  armOperation(
    'Providers_Get',
    { method: 'GET', path: `${SUBSCRIPTION}/providers/:provider`, permission: READ },
    (call) =>
      json(
        200,
        toProviderBody(
          subscriptionScope(call.params.subscription),
          readProvider(call.params.provider),
        ),
      ),
  ),
  armOperation(
    'Providers_Register',
    {
      method: 'POST',
      path: `${SUBSCRIPTION}/providers/:provider/register`,
      permission: 'Microsoft.Resources/subscriptions/providers/register/action',
    },
    (call) =>
      json(
        200,
        toProviderBody(
          subscriptionScope(call.params.subscription),
          readProvider(call.params.provider),
        ),
      ),
  ),
]

function toSubscriptionBody(subscription: Subscription): object {
  const { id, tenantId, displayName } = subscription
  return {
    id: subscriptionScope(id),
    authorizationSource: 'RoleBased',
    managedByTenants: [],
    tags: {},
    subscriptionId: id,
    tenantId,
    homeTenantId: tenantId,
    displayName,
    state: 'Enabled',
    subscriptionPolicies: {
      locationPlacementId: 'Public_2014-09-01',
      quotaId: 'PayAsYouGo_2014-09-01',
      spendingLimit: 'Off',
    },
  }
}

/** The name as it is written by the vendor. @throws Fault `InvalidResourceNamespace` */
function readProvider(text: string): string {
  const found = Object.keys(PROVIDERS).find((name) => name.toLowerCase() === text.toLowerCase())
  if (found) return found
  throw armFault(
    'InvalidResourceNamespace',
    `The resource namespace '${text.slice(0, 100)}' is invalid.`,
  )
}

function toProviderBody(scope: string, namespace: string): object {
  return {
    id: `${scope}/providers/${namespace}`,
    namespace,
    registrationPolicy: 'RegistrationRequired',
    registrationState: 'Registered',
    resourceTypes: (PROVIDERS[namespace] ?? []).map((resourceType) => ({
      resourceType,
      locations: namespace === 'Microsoft.KeyVault' ? listLocationNames() : [],
      apiVersions: apiVersionsOf(namespace),
      defaultApiVersion: apiVersionsOf(namespace)[0],
      capabilities: 'None',
    })),
  }
}

function apiVersionsOf(namespace: string): readonly string[] {
  if (namespace === 'Microsoft.KeyVault') {
    return ['2026-02-01', '2025-05-01', '2024-11-01', '2023-07-01', '2023-02-01', '2022-07-01']
  }
  if (namespace === 'Microsoft.Authorization') return ['2022-04-01', '2020-04-01-preview']
  return ['2025-04-01', '2024-11-01', '2022-12-01', '2021-04-01', '2019-11-01']
}
