import type { Call } from '../http/call.ts'
import { type Operation, operation } from '../http/operation.ts'
import { json } from '../http/reply.ts'
import type { ArmContext } from './context.ts'
import { isPublic, siblingHost, siblingOrigin } from './hosts.ts'

const armOperation = operation<ArmContext>()
/** What needs neither a token nor a known api-version. */
export const METADATA_PATH = '/metadata/endpoints'

/**
 * Where everything is, in the three shapes that clients of different age want: 2015-01-01 a flat
 * object, up to 2021 a list of clouds, since 2022-09-01 one cloud.
 */
export const metadataOperations: readonly Operation<ArmContext>[] = [
  armOperation('MetadataEndpoints', { method: 'GET', path: METADATA_PATH }, (call) => {
    const version = call.query.get('api-version') ?? ''
    if (version < '2018-01-01') return json(200, toOldestShape(call))
    return json(200, version < '2022-01-01' ? [toCloud(call)] : toCloud(call))
  }),
]

/** The token audience; the public one is what the tools of Azure ask tokens for. */
function audiencesOf(call: Call<unknown>): readonly string[] {
  return isPublic(call)
    ? ['https://management.core.windows.net/', 'https://management.azure.com/']
    : [`${call.origin}/`]
}

function toOldestShape(call: Call<unknown>): object {
  return {
    galleryEndpoint: `${siblingOrigin(call, 'gallery')}/`,
    graphEndpoint: `${siblingOrigin(call, 'graph')}/`,
    portalEndpoint: `${siblingOrigin(call, 'portal')}/`,
    authentication: {
      loginEndpoint: `${siblingOrigin(call, 'login')}/`,
      audiences: audiencesOf(call),
    },
  }
}

function toCloud(call: Call<unknown>): object {
  const graph = `${siblingOrigin(call, 'graph')}/`
  return {
    name: isPublic(call) ? 'AzureCloud' : 'Sluice',
    portal: siblingOrigin(call, 'portal'),
    gallery: `${siblingOrigin(call, 'gallery')}/`,
    authentication: {
      loginEndpoint: siblingOrigin(call, 'login'),
      audiences: audiencesOf(call),
      tenant: 'common',
      identityProvider: 'AAD',
    },
    resourceManager: isPublic(call) ? 'https://management.azure.com/' : call.origin,
    graph,
    graphAudience: graph,
    microsoftGraphResourceId: graph,
    batch: 'https://batch.core.windows.net/',
    media: 'https://rest.media.azure.net',
    sqlManagement: 'https://management.core.windows.net:8443/',
    vmImageAliasDoc:
      'https://raw.githubusercontent.com/Azure/azure-rest-api-specs/master/arm-compute/quickstart-templates/aliases.json',
    activeDirectoryDataLake: 'https://datalake.azure.net/',
    suffixes: {
      keyVaultDns: siblingHost(call, 'vault'),
      mhsmDns: siblingHost(call, 'managedhsm'),
      storage: 'core.windows.net',
      sqlServerHostname: 'database.windows.net',
      acrLoginServer: 'azurecr.io',
    },
  }
}
