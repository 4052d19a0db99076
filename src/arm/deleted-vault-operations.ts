import { type Operation, operation } from '../http/operation.ts'
import { json } from '../http/reply.ts'
import { type ArmContext, readBody, toPage } from './context.ts'
import { answerAccepted } from './finished-operations.ts'
import type { StoredVault } from './model.ts'
import { isVaultName } from './vault-properties.ts'
import { isExpired, purgeVault, toDeletedBody } from './vaults.ts'
import { armFault } from './wire-faults.ts'

const armOperation = operation<ArmContext>()
const KV = '/subscriptions/:subscription/providers/Microsoft.KeyVault'
const NAME_WRONG =
  "The vault name is invalid. A vault's name must be between 3-24 alphanumeric characters. The name must begin with a letter, end with a letter or digit, and not contain consecutive hyphens."

/** Deleted vaults, names, and the managed HSM lists that clients ask beside the vaults. */
export const deletedVaultOperations: readonly Operation<ArmContext>[] = [
  armOperation(
    'Vaults_ListDeleted',
    {
      method: 'GET',
      path: `${KV}/deletedVaults`,
      permission: 'Microsoft.KeyVault/deletedVaults/read',
    },
    (call, context) => {
      const found = listDeleted(context, call.params.subscription)
      return json(200, toPage(call, found.map(toDeletedBody)))
    },
  ),
  armOperation(
    'Vaults_GetDeleted',
    {
      method: 'GET',
      path: `${KV}/locations/:location/deletedVaults/:vault`,
      permission: 'Microsoft.KeyVault/locations/deletedVaults/read',
    },
    (call, context) => json(200, toDeletedBody(readDeleted(context, call.params))),
  ),
  armOperation(
    'Vaults_PurgeDeleted',
    {
      method: 'POST',
      path: `${KV}/locations/:location/deletedVaults/:vault/purge`,
      permission: 'Microsoft.KeyVault/locations/deletedVaults/purge/action',
    },
    async (call, context) => {
      const vault = readDeleted(context, call.params)
      if (vault.enablePurgeProtection) {
        throw armFault(
          'MethodNotAllowed',
          `Operation 'DeletedVaultPurge' is not allowed: purge protection is enabled for the vault '${vault.name}'. It is purged by itself after its retention.`,
        )
      }
      await purgeVault(context, vault)
      return await answerAccepted(call, context)
    },
  ),
  armOperation(
    'Vaults_CheckNameAvailability',
    {
      method: 'POST',
      path: `${KV}/checkNameAvailability`,
      permission: 'Microsoft.KeyVault/checkNameAvailability/read',
    },
    async (call, { store, clock }) => {
      const name = String((await readBody(call))['name'] ?? '')
      if (!isVaultName(name)) {
        const reason = 'AccountNameInvalid'
        return json(200, { nameAvailable: false, reason, message: NAME_WRONG })
      }
      const held = store.vaults.find(name.toLowerCase())
      if (!held || isExpired(held, clock.nowMs())) return json(200, { nameAvailable: true })
      return json(200, {
        nameAvailable: false,
        reason: 'AlreadyExists',
        message: `The vault name '${name}' is already in use. Vault names are globally unique so it is possible that the name is already taken. If you are sure that the vault name was not taken then it is possible that a vault with the same name was recently deleted but not purged after being placed in a recoverable state.`,
      })
    },
  ),
  armOperation(
    'ManagedHsms_ListBySubscription',
    {
      method: 'GET',
      path: `${KV}/managedHSMs`,
      permission: 'Microsoft.KeyVault/managedHSMs/read',
    },
    () => json(200, { value: [] }),
  ),
  armOperation(
    'ManagedHsms_ListByResourceGroup',
    {
      method: 'GET',
      path: '/subscriptions/:subscription/resourceGroups/:group/providers/Microsoft.KeyVault/managedHSMs',
      permission: 'Microsoft.KeyVault/managedHSMs/read',
    },
    () => json(200, { value: [] }),
  ),
  armOperation(
    'ManagedHsms_ListDeleted',
    {
      method: 'GET',
      path: `${KV}/deletedManagedHSMs`,
      permission: 'Microsoft.KeyVault/deletedManagedHsms/read',
    },
    () => json(200, { value: [] }),
  ),
  armOperation(
    'ManagedHsms_CheckMhsmNameAvailability',
    { method: 'POST', path: `${KV}/checkMhsmNameAvailability` },
    async (call) => {
      const name = String((await readBody(call))['name'] ?? '')
      if (isVaultName(name)) return json(200, { nameAvailable: true })
      return json(200, {
        nameAvailable: false,
        reason: 'AccountNameInvalid',
        message: NAME_WRONG.replaceAll('vault', 'managed HSM'),
      })
    },
  ),
]

function listDeleted({ store, clock }: ArmContext, subscription: string): StoredVault[] {
  return store.vaults
    .list()
    .filter(
      (vault) =>
        vault.state === 'deleted' &&
        vault.subscriptionId === subscription.toLowerCase() &&
        !isExpired(vault, clock.nowMs()),
    )
}

function readDeleted(
  context: ArmContext,
  params: { readonly subscription: string; readonly location: string; readonly vault: string },
): StoredVault {
  const location = params.location.replaceAll(' ', '').toLowerCase()
  const found = listDeleted(context, params.subscription).find(
    (vault) =>
      vault.name.toLowerCase() === params.vault.toLowerCase() && vault.location === location,
  )
  if (found) return found
  throw armFault(
    'DeletedVaultNotFound',
    `The specified deleted vault '${params.vault}' does not exist in location '${params.location}'.`,
  )
}
