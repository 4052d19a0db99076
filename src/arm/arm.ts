import type { Clock } from '../base/clock.ts'
import { isGuid, newGuid } from '../base/ids.ts'
import type { TokenVerifier } from '../http/principal.ts'
import type { Service } from '../http/service.ts'
import type { Database } from '../storage/database.ts'
import { type Caller, createAuthorization, type Decision } from './authorization.ts'
import type { ArmContext, ArmParts } from './context.ts'
import type { RoleAssignment, StoredVault, Subscription } from './model.ts'
import type { DirectoryPort } from './ports.ts'
import { createAssignment, readRoleId } from './role-assignments.ts'
import { createArmService } from './service.ts'
import { openStore } from './store.ts'
import { isExpired, purgeExpiredVaults, toVaultResource, type VaultResource } from './vaults.ts'
import { armFault } from './wire-faults.ts'

/** Erases a purged vault's objects. Asked again after a crash, so asking twice must do no harm. */
export type VaultEraser = (vault: {
  readonly dataId: string
  readonly name: string
}) => Promise<void>

export interface Arm {
  readonly service: Service<ArmContext>
  /** By name in any case; undefined when no vault, not even a deleted one, has it. In memory. */
  findVault(name: string): VaultResource | undefined
  /** As `findVault`, but undefined for a deleted vault: what the data plane serves. In memory. */
  findActiveVault(name: string): VaultResource | undefined
  /** Vaults that are not deleted. */
  listVaults(): readonly VaultResource[]
  /** Data actions by role assignments; scopes nest down to one object. In memory. */
  decide(caller: Caller, dataAction: string, scope: string): Decision
  /** Management actions by role assignments. In memory. */
  isAllowed(caller: Caller, action: string, scope: string): boolean
  listSubscriptions(): readonly Subscription[]
  /** Makes a subscription unless it exists. @throws Fault `BadRequest` when the id is no GUID */
  createSubscription(wanted: {
    readonly displayName: string
    readonly id?: string
    readonly tenantId?: string
  }): Promise<Subscription>
  /**
   * Gives a role, by name or id; doing so twice is the same as once.
   *
   * @throws Fault `RoleDefinitionDoesNotExist` or `PrincipalNotFound`
   */
  assignRole(wanted: {
    readonly scope: string
    readonly role: string
    readonly principalId: string
  }): Promise<RoleAssignment>
  /** Registers who erases the objects of a purged vault; the name is free only after it resolves. */
  onVaultPurged(erase: VaultEraser): void
  /** Purges vaults past their retention and finishes purges that a crash cut short. */
  purgeExpired(): Promise<void>
}

/** Opens the resource manager; its tables must be migrated. */
export async function openArm(wiring: {
  readonly db: Database<unknown>
  readonly clock: Clock
  readonly verifier: TokenVerifier
  readonly directory: DirectoryPort
}): Promise<Arm> {
  const { clock, directory } = wiring
  const store = await openStore(wiring.db)
  const authorization = createAuthorization(store)
  const erasers: VaultEraser[] = []
  const parts: ArmParts = {
    store,
    clock,
    directory,
    authorization,
    eraseVault: async (vault) => {
      for (const erase of erasers) await erase(vault)
    },
  }
  const resources = new WeakMap<StoredVault, VaultResource>()
  const resourceOf = (vault: StoredVault): VaultResource => {
    const held = resources.get(vault) ?? toVaultResource(vault)
    resources.set(vault, held)
    return held
  }
  return {
    service: createArmService(parts, wiring.verifier),
    findVault: (name) => {
      const vault = store.vaults.find(name.toLowerCase())
      if (!vault || vault.state === 'purging' || isExpired(vault, clock.nowMs())) return undefined
      return resourceOf(vault)
    },
    findActiveVault: (name) => {
      const vault = store.vaults.find(name.toLowerCase())
      return vault?.state === 'active' ? resourceOf(vault) : undefined
    },
    listVaults: () =>
      store.vaults
        .list()
        .filter((vault) => vault.state === 'active')
        .map(resourceOf),
    decide: authorization.decide,
    isAllowed: authorization.isAllowed,
    listSubscriptions: () => store.subscriptions.list(),
    createSubscription: (wanted) => createSubscription(parts, wanted),
    assignRole: (wanted) => assignRole(parts, wanted),
    onVaultPurged: (erase) => {
      erasers.push(erase)
    },
    purgeExpired: () => purgeExpiredVaults(parts),
  }
}

async function createSubscription(
  { store, clock, directory }: ArmParts,
  wanted: { readonly displayName: string; readonly id?: string; readonly tenantId?: string },
): Promise<Subscription> {
  const id = (wanted.id ?? newGuid()).toLowerCase()
  if (!isGuid(id)) throw armFault('BadRequest', `The subscription id '${id}' is not a GUID.`)
  return await store.mirrors.write(async (changes) => {
    const found = await changes.find(store.subscriptions, id)
    if (found) return found
    const subscription: Subscription = {
      id,
      tenantId: wanted.tenantId ?? directory.defaultTenantId,
      displayName: wanted.displayName,
      createdAtMs: clock.nowMs(),
    }
    await changes.put(store.subscriptions, subscription)
    return subscription
  })
}

async function assignRole(
  parts: ArmParts,
  wanted: { readonly scope: string; readonly role: string; readonly principalId: string },
): Promise<RoleAssignment> {
  const roleId = readRoleId(parts, wanted.role)
  const principalId = wanted.principalId.toLowerCase()
  const scope = wanted.scope.replace(/\/+$/, '')
  const held = parts.store.assignmentsOf
    .list(principalId)
    .find((one) => one.roleId === roleId && one.scope.toLowerCase() === scope.toLowerCase())
  if (held) return held
  const principalType = parts.directory.findPrincipal(principalId)?.kind
  const wish = { scope, roleId, principalId, principalType, actor: principalId }
  return (await createAssignment(parts, wish)).assignment
}
