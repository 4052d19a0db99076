import { Sealed } from '../../base/sealed.ts'
import type { JobEndpoint } from '../../protocol/index.ts'
import type { ServiceConnection } from './connections-store.ts'

/** What choosing an environment adds to a connection's data (facts: integration §3.1). */
const environments: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  azurecloud: {
    environmentUrl: 'https://management.azure.com/',
    galleryUrl: 'https://gallery.azure.com/',
    serviceManagementUrl: 'https://management.core.windows.net/',
    resourceManagerUrl: 'https://management.azure.com/',
    activeDirectoryAuthority: 'https://login.microsoftonline.com/',
    environmentAuthorityUrl: 'https://login.windows.net/',
    graphUrl: 'https://graph.windows.net/',
    microsoftGraphUrl: 'https://graph.microsoft.com/',
    managementPortalUrl: 'https://manage.windowsazure.com/',
    armManagementPortalUrl: 'https://portal.azure.com/',
    activeDirectoryServiceEndpointResourceId: 'https://management.core.windows.net/',
    sqlDatabaseDnsSuffix: '.database.windows.net',
    AzureKeyVaultDnsSuffix: 'vault.azure.net',
    AzureKeyVaultServiceEndpointResourceId: 'https://vault.azure.net',
    StorageEndpointSuffix: 'core.windows.net',
    EnableAdfsAuthentication: 'false',
  },
}

/** A connection as an agent gets it: every parameter sealed, the environment's data filled in. */
export function toJobEndpoint(
  connection: ServiceConnection,
  secrets: Readonly<Record<string, Sealed>>,
): JobEndpoint {
  const { id, name, type, url, scheme, data } = connection
  const environment = environments[(data['environment'] ?? 'AzureCloud').toLowerCase()] ?? {}
  const open = Object.entries(connection.parameters).map(
    ([parameter, value]) => [parameter, new Sealed(value)] as const,
  )
  return {
    id,
    name,
    type,
    url,
    scheme,
    parameters: { ...Object.fromEntries(open), ...secrets },
    data: type.toLowerCase() === 'azurerm' ? { ...environment, ...data } : data,
  }
}
