import { Fault } from '../../base/fault.ts'
import type { Sealed } from '../../base/sealed.ts'
import type { Connection } from '../contract.ts'

/** Where the vault and the tokens for it are, from the connection and the task's inputs. */
export interface VaultSettings {
  readonly vaultName: string
  /** `https://name.suffix`, without a slash at the end. */
  readonly vaultUrl: string
  readonly subscriptionId: string
  readonly tenantId: string
  /** The audience of tokens until the vault names another. */
  readonly resource: string
  readonly connection: Connection
}

const PUBLIC_SUFFIX = 'vault.azure.net'

/**
 * What the task reads of its connection (facts/integration.md §1.3).
 *
 * @throws Fault `ConnectionWrong` when something is missing that every scheme needs
 */
export function vaultSettings(connection: Connection, vaultName: string): VaultSettings {
  const data = (name: string) => findByName(connection.data, name)
  if (data('environment')?.toLowerCase() === 'azurestack') {
    throw new Fault('ConnectionWrong', 'Service connections to Azure Stack are not supported.')
  }
  const subscriptionId = data('SubscriptionId')
  if (!subscriptionId) throw new Fault('ConnectionWrong', "'subscriptionId' cannot be null.")
  const tenantId = findByName(connection.parameters, 'tenantid')?.open()
  if (!tenantId) {
    throw new Fault('ConnectionWrong', `Endpoint auth data not present: ${connection.id}`)
  }
  return {
    vaultName,
    vaultUrl: `https://${vaultName}.${data('AzureKeyVaultDnsSuffix') || PUBLIC_SUFFIX}`,
    subscriptionId,
    tenantId,
    resource: data('AzureKeyVaultServiceEndpointResourceId') || `https://${PUBLIC_SUFFIX}`,
    connection,
  }
}

/** A member by its name without case: connections spell their keys in several ways. */
export function findByName<Value>(
  values: Readonly<Record<string, Value>>,
  name: string,
): Value | undefined {
  const wanted = name.toLowerCase()
  return Object.entries(values).find(([key]) => key.toLowerCase() === wanted)?.[1]
}

/** A parameter that the connection's scheme cannot do without. @throws Fault `ConnectionWrong` */
export function requireParameter(connection: Connection, name: string): Sealed {
  const value = findByName(connection.parameters, name)
  if (value) return value
  throw new Fault('ConnectionWrong', `Endpoint auth data not present: ${connection.id}`)
}
