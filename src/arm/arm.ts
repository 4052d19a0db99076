import type { Clock } from '../base/clock.ts'
import { Fault } from '../base/fault.ts'
import { isGuid, newGuid } from '../base/ids.ts'
import type { TokenVerifier } from '../http/principal.ts'
import type { Service } from '../http/service.ts'
import type { Database, Transaction } from '../storage/database.ts'
import { type Caller, createAuthorization, type Decision } from './authorization.ts'
import { purgeExpired } from './container-changes.ts'
import { isExpired } from './containers.ts'
import type { ArmContext, ArmParts } from './context.ts'
import { createHsmFinder, type HsmResource } from './managed-hsms.ts'
import type { RoleAssignment, StoredVault, Subscription } from './model.ts'
import type { AskKeys, DirectoryPort, HsmStatus } from './ports.ts'
import { NO_DELAYS, openPropagation, type PropagationDelays } from './propagation.ts'
import { createAssignment, readRoleId } from './role-assignments.ts'
import { scopeKey } from './scopes.ts'
import { createArmService } from './service.ts'
import { openStore } from './store.ts'
import { toVaultResource, type VaultResource } from './vaults.ts'
import { armFault } from './wire-faults.ts'

/** Erases the objects of a purged vault or managed HSM. Asked again after a crash, so asking twice must do no harm. */
export type VaultEraser = (vault: {
  readonly dataId: string
  readonly name: string
}) => Promise<void>

/**
 * Is told, within the write `tx`, that the access policies or the permission model of a vault change;
 * what it throws undoes the change. What it gives is run when the change is durable.
 */
export type PoliciesWatcher = (
  tx: Pick<Transaction<never>, 'run'>,
  vault: VaultResource,
) => Promise<() => void>

export interface Arm {
  readonly service: Service<ArmContext>
  /** By name in any case; undefined when no vault, not even a deleted one, has it. In memory. */
  findVault(name: string): VaultResource | undefined
  /** As `findVault`, but undefined for a deleted vault: what the data plane serves. In memory. */
  findActiveVault(name: string): VaultResource | undefined
  /** As `findActiveVault`, by the vault's `dataId`. */
  findActiveVaultOf(dataId: string): VaultResource | undefined
  /** The managed HSM of that name, in any case; undefined for a deleted one. In memory. */
  findActiveHsm(name: string): HsmResource | undefined
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
   * Gives a role, by name or id; doing so twice is the same as once. It takes effect at once, whatever
   * the delays are: nobody asked for it over the wire.
   *
   * @throws Fault `RoleDefinitionDoesNotExist` or `PrincipalNotFound`
   */
  assignRole(wanted: {
    readonly scope: string
    readonly role: string
    readonly principalId: string
  }): Promise<RoleAssignment>
  /** Registers who erases the objects of a purged vault or managed HSM; the name is free only after it resolves. */
  onVaultPurged(erase: VaultEraser): void
  /** Registers who is told of changed access policies; making a vault changes none. */
  onPoliciesChanged(watch: PoliciesWatcher): void
  /** Purges vaults and managed HSMs past their retention, finishes purges that a crash cut short, forgets former roles. */
  purgeExpired(): Promise<void>
}

/** Opens the resource manager; its tables must be migrated. */
export async function openArm(wiring: {
  readonly db: Database<unknown>
  readonly clock: Clock
  readonly verifier: TokenVerifier
  readonly directory: DirectoryPort
  readonly hsmStatus: HsmStatus
  readonly askKeys: AskKeys
  /** Absent: changes of rights take effect at once. */
  readonly delays?: PropagationDelays | undefined
}): Promise<Arm> {
  const { clock, directory } = wiring
  const store = await openStore(wiring.db)
  const propagation = openPropagation(store, clock, wiring.delays ?? NO_DELAYS)
  const authorization = createAuthorization(store, propagation)
  const erasers: VaultEraser[] = []
  const watchers: PoliciesWatcher[] = []
  const parts: ArmParts = {
    store,
    clock,
    directory,
    authorization,
    hsmStatus: wiring.hsmStatus,
    askKeys: wiring.askKeys,
    propagation,
    eraseVault: async (vault) => {
      for (const erase of erasers) await erase(vault)
    },
    tellPolicies: async (changes, vault) => {
      for (const watch of watchers) changes.afterwards(await watch(changes.tx, resourceOf(vault)))
    },
  }
  const resources = new WeakMap<StoredVault, VaultResource>()
  const resourceOf = (vault: StoredVault): VaultResource => {
    const held = resources.get(vault) ?? toVaultResource(vault)
    resources.set(vault, held)
    return held
  }
  /** As the data plane judges it: its access policies may lag behind. */
  const servedOf = (vault: StoredVault): VaultResource => {
    const accessPolicies = propagation.policiesOf(vault)
    const resource = resourceOf(vault)
    return accessPolicies === vault.accessPolicies ? resource : { ...resource, accessPolicies }
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
      return vault?.state === 'active' ? servedOf(vault) : undefined
    },
    findActiveVaultOf: (dataId) => {
      const vault = store.vaultsOfData.list(dataId).find(({ state }) => state === 'active')
      return vault && servedOf(vault)
    },
    findActiveHsm: createHsmFinder(store),
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
    onPoliciesChanged: (watch) => {
      watchers.push(watch)
    },
    purgeExpired: async () => {
      await propagation.sweep()
      await purgeExpired(parts)
    },
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
  const wish = { scope, roleId, principalId, principalType, actor: principalId, isImmediate: true }
  try {
    return (await createAssignment(parts, wish)).assignment
  } catch (error) {
    // Another process has given it, and this one has not heard of it yet.
    if (!(error instanceof Fault) || error.code !== 'RoleAssignmentExists') throw error
    const { assignments, mirrors } = parts.store
    const all = await mirrors.write((changes) =>
      changes.list(assignments, 'scope_key', scopeKey(scope)),
    )
    const given = all.find((one) => one.roleId === roleId && one.principalId === principalId)
    if (!given) throw error
    return given
  }
}
