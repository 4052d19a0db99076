import type { Database } from '../storage/database.ts'
import { type Mirror, type MirrorIndex, Mirrors } from '../storage/mirror.ts'
import { builtInRoles } from './built-in-roles.ts'
import * as model from './model.ts'
import { reachKey } from './scopes.ts'

/** The resource manager's resources in memory. */
export interface ArmStore {
  readonly mirrors: Mirrors
  readonly subscriptions: Mirror<model.Subscription>
  readonly groups: Mirror<model.ResourceGroup>
  /** By name in lower case: names are unique in the installation, deleted vaults included. */
  readonly vaults: Mirror<model.StoredVault>
  /** As `vaults`; a managed HSM and a vault may share a name. */
  readonly hsms: Mirror<model.StoredHsm>
  readonly customRoles: Mirror<model.RoleDefinition>
  readonly assignments: Mirror<model.RoleAssignment>
  /** Few: those that linger (`propagation.ts`). */
  readonly formerAssignments: Mirror<model.FormerAssignment>
  readonly operations: Mirror<model.FinishedOperation>
  readonly assignmentsOf: MirrorIndex<model.RoleAssignment>
  /** By principal and scope key, without anything between: for principals with many roles. */
  readonly assignmentsAt: MirrorIndex<model.RoleAssignment>
  readonly formerOf: MirrorIndex<model.FormerAssignment>
  readonly vaultsOfGroup: MirrorIndex<model.StoredVault>
  readonly hsmsOfGroup: MirrorIndex<model.StoredHsm>
  readonly vaultsOfData: MirrorIndex<model.StoredVault>
}

/** Loads the resources. */
export async function openStore(db: Database<unknown>): Promise<ArmStore> {
  const mirrors = new Mirrors(db)
  const vaults = await mirrors.open(model.vaultTable)
  const hsms = await mirrors.open(model.hsmTable)
  const assignments = await mirrors.open(model.roleAssignmentTable)
  const formerAssignments = await mirrors.open(model.formerAssignmentTable)
  return {
    mirrors,
    vaults,
    hsms,
    assignments,
    formerAssignments,
    subscriptions: await mirrors.open(model.subscriptionTable),
    groups: await mirrors.open(model.resourceGroupTable),
    customRoles: await mirrors.open(model.roleDefinitionTable),
    operations: await mirrors.open(model.operationTable),
    assignmentsOf: assignments.index((assignment) => assignment.principalId),
    assignmentsAt: assignments.index(({ principalId, scope }) => principalId + reachKey(scope)),
    formerOf: formerAssignments.index(({ assignment }) => assignment.principalId),
    vaultsOfData: vaults.index(({ dataId }) => dataId),
    vaultsOfGroup: vaults.index((vault) =>
      model.groupKey(vault.subscriptionId, vault.resourceGroup),
    ),
    hsmsOfGroup: hsms.index((hsm) => model.groupKey(hsm.subscriptionId, hsm.resourceGroup)),
  }
}

const builtIn = new Map(builtInRoles.map((role) => [role.id, role]))

/** A role by its GUID in any case. */
export function findRole(store: ArmStore, id: string): model.RoleDefinition | undefined {
  const key = id.toLowerCase()
  return builtIn.get(key) ?? store.customRoles.find(key)
}

export function listRoles(store: ArmStore): readonly model.RoleDefinition[] {
  return [...builtInRoles, ...store.customRoles.list()]
}
