import type { RoleDefinition } from './model.ts'

const KV = 'Microsoft.KeyVault'
const V = `${KV}/vaults`
const SHARED = [
  'Microsoft.Authorization/*/read',
  'Microsoft.Insights/alertRules/*',
  'Microsoft.Resources/deployments/*',
  'Microsoft.Resources/subscriptions/resourceGroups/read',
  'Microsoft.Support/*',
]
const BASE = [
  ...SHARED,
  `${KV}/checkNameAvailability/read`,
  `${KV}/deletedVaults/read`,
  `${KV}/locations/*/read`,
  `${V}/*/read`,
  `${KV}/operations/read`,
]
const keyActions = (...names: string[]) => names.map((name) => `${V}/keys/${name}/action`)

interface Row {
  readonly id: string
  readonly name: string
  readonly description: string
  readonly actions?: readonly string[]
  readonly notActions?: readonly string[]
  readonly dataActions?: readonly string[]
  readonly assignableRoleIds?: readonly string[]
}

/** The vendor's roles with their real ids; the lists are the vendor's of February 2026. */
const ROWS: readonly Row[] = [
  {
    id: '8e3af657-a8ff-443c-a75c-2fe8c4bcb635',
    name: 'Owner',
    description: 'Full access to all resources, and may give roles.',
    actions: ['*'],
  },
  {
    id: 'b24988ac-6180-42a0-ab88-20f7382dd24c',
    name: 'Contributor',
    description: 'Full access to all resources, but may not give roles.',
    actions: ['*'],
    notActions: [
      'Microsoft.Authorization/*/Delete',
      'Microsoft.Authorization/*/Write',
      'Microsoft.Authorization/elevateAccess/Action',
      'Microsoft.Blueprint/blueprintAssignments/write',
      'Microsoft.Blueprint/blueprintAssignments/delete',
    ],
  },
  {
    id: 'acdd72a7-3385-48ef-bd42-f606fba81ae7',
    name: 'Reader',
    description: 'Sees all resources, changes none.',
    actions: ['*/read'],
  },
  {
    id: '18d7d88d-d35e-4fb5-a5c3-7773c20a72d9',
    name: 'User Access Administrator',
    description: 'Manages who has access.',
    actions: ['*/read', 'Microsoft.Authorization/*', 'Microsoft.Support/*'],
  },
  {
    id: 'f58310d9-a9f6-439a-9e8d-f62e7b41a168',
    name: 'Role Based Access Control Administrator',
    description: 'Gives and takes roles.',
    actions: [
      'Microsoft.Authorization/roleAssignments/write',
      'Microsoft.Authorization/roleAssignments/delete',
      '*/read',
      'Microsoft.Support/*',
    ],
  },
  {
    id: '00482a5a-887f-4fb3-b363-3b7fe8e74483',
    name: 'Key Vault Administrator',
    description: 'All data plane operations on a vault and everything in it.',
    actions: BASE,
    dataActions: [`${V}/*`],
  },
  {
    id: '21090545-7ca7-4776-b22c-e363652d74d2',
    name: 'Key Vault Reader',
    description: 'Metadata of vaults, certificates, keys and secrets; no values.',
    actions: BASE,
    dataActions: [`${V}/*/read`, `${V}/secrets/readMetadata/action`],
  },
  {
    id: 'b86a8fe4-44ce-4948-aee5-eccb2c155cd7',
    name: 'Key Vault Secrets Officer',
    description: 'Any operation on secrets, except managing permissions.',
    actions: BASE,
    dataActions: [`${V}/secrets/*`],
  },
  {
    id: '4633458b-17de-408a-b874-0445c86b69e6',
    name: 'Key Vault Secrets User',
    description: 'Reads the values of secrets.',
    dataActions: [`${V}/secrets/getSecret/action`, `${V}/secrets/readMetadata/action`],
  },
  {
    id: '14b46e9e-c2b7-41b4-b07b-48a6ebf60603',
    name: 'Key Vault Crypto Officer',
    description: 'Any operation on keys, except managing permissions.',
    actions: BASE,
    dataActions: [`${V}/keys/*`, `${V}/keyrotationpolicies/*`],
  },
  {
    id: '12338af0-0e69-4776-bea7-57ae8d297424',
    name: 'Key Vault Crypto User',
    description: 'Cryptographic operations with keys.',
    dataActions: [
      `${V}/keys/read`,
      ...keyActions('update', 'backup', 'encrypt', 'decrypt', 'wrap', 'unwrap', 'sign', 'verify'),
    ],
  },
  {
    id: 'e147488a-f6f5-4113-8e2d-b22465e65bf6',
    name: 'Key Vault Crypto Service Encryption User',
    description: 'Metadata of keys, and wrap and unwrap.',
    actions: ['write', 'read', 'delete'].map(
      (verb) => `Microsoft.EventGrid/eventSubscriptions/${verb}`,
    ),
    dataActions: [`${V}/keys/read`, ...keyActions('wrap', 'unwrap')],
  },
  {
    id: '08bbd89e-9f13-488c-ac41-acfcb10c90ab',
    name: 'Key Vault Crypto Service Release User',
    description: 'Releases keys.',
    dataActions: keyActions('release'),
  },
  {
    id: 'a4417e6f-fecd-4de8-b567-7b0420556985',
    name: 'Key Vault Certificates Officer',
    description: 'Any operation on certificates, except managing permissions.',
    actions: BASE,
    dataActions: [`${V}/certificatecas/*`, `${V}/certificates/*`, `${V}/certificatecontacts/write`],
  },
  {
    id: 'db79e9a7-68ee-4b58-9aeb-b90e7c24fcba',
    name: 'Key Vault Certificate User',
    description: 'Reads certificates with their secret and key part.',
    dataActions: [
      `${V}/certificates/read`,
      `${V}/secrets/getSecret/action`,
      `${V}/secrets/readMetadata/action`,
      `${V}/keys/read`,
    ],
  },
  {
    id: 'f25e0fa2-a7c8-4377-a976-54943a77a395',
    name: 'Key Vault Contributor',
    description: 'Manages vaults, but reads nothing in them and gives no roles.',
    actions: [...SHARED, `${KV}/*`],
    notActions: [
      `${KV}/locations/deletedVaults/purge/action`,
      `${KV}/hsmPools/*`,
      `${KV}/managedHsms/*`,
    ],
  },
  {
    id: '8b54135c-b56d-4d72-a534-26097cfdc8d8',
    name: 'Key Vault Data Access Administrator',
    description: 'Gives and takes the data roles of vaults.',
    actions: [
      'Microsoft.Authorization/roleAssignments/write',
      'Microsoft.Authorization/roleAssignments/delete',
      'Microsoft.Authorization/*/read',
      'Microsoft.Resources/deployments/*',
      'Microsoft.Resources/subscriptions/resourceGroups/read',
      'Microsoft.Resources/subscriptions/read',
      'Microsoft.Management/managementGroups/read',
      'Microsoft.Support/*',
      `${V}/*/read`,
    ],
    assignableRoleIds: [
      '00482a5a-887f-4fb3-b363-3b7fe8e74483',
      'a4417e6f-fecd-4de8-b567-7b0420556985',
      '14b46e9e-c2b7-41b4-b07b-48a6ebf60603',
      'e147488a-f6f5-4113-8e2d-b22465e65bf6',
      '12338af0-0e69-4776-bea7-57ae8d297424',
      '21090545-7ca7-4776-b22c-e363652d74d2',
      'b86a8fe4-44ce-4948-aee5-eccb2c155cd7',
      '4633458b-17de-408a-b874-0445c86b69e6',
    ],
  },
  {
    id: 'a68e7c17-0ab2-4c09-9a58-125dae29748c',
    name: 'Key Vault Purge Operator',
    description: 'Purges deleted vaults.',
    actions: [
      'Microsoft.Authorization/*/read',
      'Microsoft.Insights/alertRules/*',
      'Microsoft.Resources/deployments/*',
      'Microsoft.Resources/subscriptions/resourceGroups/read',
      `${KV}/deletedVaults/read`,
      `${KV}/locations/deletedVaults/read`,
      `${KV}/locations/deletedVaults/purge/action`,
      `${KV}/locations/operationResults/read`,
    ],
  },
  {
    id: '18500a29-7fe2-46b2-a342-b16a415e101d',
    name: 'Managed HSM contributor',
    description: 'Manages managed HSM pools, but reads nothing in them.',
    actions: [
      `${KV}/managedHSMs/*`,
      `${KV}/deletedManagedHsms/read`,
      `${KV}/locations/deletedManagedHsms/read`,
      `${KV}/locations/deletedManagedHsms/purge/action`,
      `${KV}/locations/managedHsmOperationResults/read`,
    ],
  },
]

/** The built-in roles. */
export const builtInRoles: readonly RoleDefinition[] = ROWS.map((row) => ({
  id: row.id,
  name: row.name,
  description: row.description,
  isBuiltIn: true,
  assignableScopes: ['/'],
  permissions: [
    {
      actions: row.actions ?? [],
      notActions: row.notActions ?? [],
      dataActions: row.dataActions ?? [],
      notDataActions: [],
    },
  ],
  ...(row.assignableRoleIds && { assignableRoleIds: row.assignableRoleIds }),
}))
