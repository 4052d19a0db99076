import { documentTable } from '../storage/mirror.ts'
import { scopeKey } from './scopes.ts'

/** Who made and who last changed a resource. */
export interface SystemNote {
  readonly createdBy: string
  readonly createdAtMs: number
  readonly changedBy: string
  readonly changedAtMs: number
}

export interface Subscription {
  readonly id: string
  readonly tenantId: string
  readonly displayName: string
  readonly createdAtMs: number
}

export interface ResourceGroup {
  readonly subscriptionId: string
  readonly name: string
  readonly location: string
  readonly tags: Readonly<Record<string, string>>
}

/** Permissions of one access policy, in lower case. */
export interface PolicyPermissions {
  readonly keys: readonly string[]
  readonly secrets: readonly string[]
  readonly certificates: readonly string[]
  readonly storage: readonly string[]
}

export interface AccessPolicy {
  readonly tenantId: string
  readonly objectId: string
  readonly applicationId?: string
  readonly permissions: PolicyPermissions
}

/** The firewall of a vault, as it was sent. */
export interface NetworkAcls {
  readonly bypass: 'AzureServices' | 'None'
  readonly defaultAction: 'Allow' | 'Deny'
  readonly ipRules: readonly { readonly value: string }[]
  readonly virtualNetworkRules: readonly {
    readonly id: string
    readonly ignoreMissingVnetServiceEndpoint?: boolean
  }[]
}

/** Access policies that were replaced. */
export interface FormerPolicies {
  readonly accessPolicies: readonly AccessPolicy[]
  readonly endedAtMs: number
}

/** What vaults and managed HSMs keep alike; a deleted one keeps its name until it is purged. */
export interface StoredResource {
  /** Random and lasting: the scope under which its objects are sealed and stored. */
  readonly dataId: string
  readonly name: string
  readonly subscriptionId: string
  readonly resourceGroup: string
  readonly location: string
  readonly tags: Readonly<Record<string, string>>
  readonly tenantId: string
  readonly softDeleteRetentionInDays: number
  readonly enablePurgeProtection: boolean
  readonly publicNetworkAccess: string
  readonly networkAcls?: NetworkAcls
  readonly note: SystemNote
  /** `purging`: the name is held while its objects are erased. */
  readonly state: 'active' | 'deleted' | 'purging'
  readonly deletedAtMs?: number
}

/** A vault as it is stored. */
export interface StoredVault extends StoredResource {
  readonly sku: 'standard' | 'premium'
  readonly enableRbacAuthorization: boolean
  readonly accessPolicies: readonly AccessPolicy[]
  /** What they were before their last changes, oldest first; only while changes take time. */
  readonly formerPolicies?: readonly FormerPolicies[]
  readonly enabledForDeployment: boolean
  readonly enabledForDiskEncryption: boolean
  readonly enabledForTemplateDeployment: boolean
}

/** A managed HSM as it is stored. */
export interface StoredHsm extends StoredResource {
  readonly skuFamily: 'B' | 'C'
  /** `Standard_B1` and its like. */
  readonly skuName: string
  /** In lower case; fixed when the managed HSM is made. */
  readonly initialAdminObjectIds: readonly string[]
}

/** What a role allows; wildcards match across slashes, case does not count. */
export interface RolePermission {
  readonly actions: readonly string[]
  readonly notActions: readonly string[]
  readonly dataActions: readonly string[]
  readonly notDataActions: readonly string[]
}

export interface RoleDefinition {
  /** A GUID. */
  readonly id: string
  readonly name: string
  readonly description: string
  readonly isBuiltIn: boolean
  readonly assignableScopes: readonly string[]
  readonly permissions: readonly RolePermission[]
  /** Restricts a built-in role to giving and taking these roles. */
  readonly assignableRoleIds?: readonly string[]
}

export interface RoleAssignment {
  /** A GUID, lower case. */
  readonly id: string
  /** As it was given; compares without case. */
  readonly scope: string
  readonly roleId: string
  readonly principalId: string
  readonly principalType: string
  readonly description: string | undefined
  /** When it holds, in the vendor's language of version 2.0; always when undefined. */
  readonly condition?: string | undefined
  readonly createdAtMs: number
  readonly createdBy: string
  readonly updatedAtMs: number
  readonly updatedBy: string
  /** True for what the installation gave by itself: it never has to wait to take effect. */
  readonly isImmediate?: boolean
}

/** An assignment that was taken away or changed and still lingers. */
export interface FormerAssignment {
  /** The assignment's id and when it ended. */
  readonly key: string
  readonly assignment: RoleAssignment
  readonly endedAtMs: number
}

/** A finished long-running operation that a client may still poll. */
export interface FinishedOperation {
  readonly id: string
  readonly subscriptionId: string
  readonly finishedAtMs: number
}

export const subscriptionTable = documentTable<Subscription>({
  table: 'subscription',
  keyColumn: 'id',
  keyOf: (subscription) => subscription.id,
})

/** The key of a group: names compare without case. */
export function groupKey(subscriptionId: string, name: string): string {
  return `${subscriptionId}/${name}`.toLowerCase()
}

export const resourceGroupTable = documentTable<ResourceGroup>({
  table: 'resource_group',
  keyColumn: 'key',
  keyOf: (group) => groupKey(group.subscriptionId, group.name),
})
export const vaultTable = documentTable<StoredVault>({
  table: 'arm_vault',
  keyColumn: 'name_key',
  keyOf: (vault) => vault.name.toLowerCase(),
  columns: (vault) => ({ group_key: groupKey(vault.subscriptionId, vault.resourceGroup) }),
})
export const hsmTable = documentTable<StoredHsm>({
  table: 'arm_managed_hsm',
  keyColumn: 'name_key',
  keyOf: (hsm) => hsm.name.toLowerCase(),
  columns: (hsm) => ({ group_key: groupKey(hsm.subscriptionId, hsm.resourceGroup) }),
})
export const roleDefinitionTable = documentTable<RoleDefinition>({
  table: 'role_definition',
  keyColumn: 'id',
  keyOf: (role) => role.id,
})
export const roleAssignmentTable = documentTable<RoleAssignment>({
  table: 'role_assignment',
  keyColumn: 'id',
  keyOf: (assignment) => assignment.id,
  columns: (assignment) => ({
    scope_key: scopeKey(assignment.scope),
    role_id: assignment.roleId,
    principal_id: assignment.principalId,
  }),
})
export const formerAssignmentTable = documentTable<FormerAssignment>({
  table: 'role_assignment_former',
  keyColumn: 'key',
  keyOf: (former) => former.key,
})
export const operationTable = documentTable<FinishedOperation>({
  table: 'arm_operation',
  keyColumn: 'id',
  keyOf: (operation) => operation.id,
})
