import type { DirectoryStore } from './store.ts'

/** The services tokens can be asked for: host names without a scheme, and client ids. */
const HOSTS: readonly string[] = [
  'management.azure.com',
  'management.core.windows.net',
  'vault.azure.net',
  'vault.azure.cn',
  'vault.usgovcloudapi.net',
  'managedhsm.azure.net',
  'managedhsm.azure.cn',
  'managedhsm.usgovcloudapi.net',
  'graph.microsoft.com',
  'graph.windows.net',
  'api.loganalytics.io',
  'attest.azure.net',
  'app.vssps.visualstudio.com',
]
const CLIENT_IDS: readonly string[] = [
  '499b84ac-1321-427f-aa17-267ca6975798',
  '797f4846-ba00-4fd7-ba43-dac1f8f63013',
  'cfa8b339-82a2-471a-a3c9-0fc0be7a4093',
  '00000003-0000-0000-c000-000000000000',
  '00000002-0000-0000-c000-000000000000',
]
const LOCAL_HOST =
  /^(?:vault|managedhsm|management|arm|graph|dev|devops|monitor|attest)\.sluice\.localhost(?::\d{1,5})?$/

/**
 * True when tokens may be issued for `resource`: one of our services by any of its names, or an
 * application of the directory by its client id or identifier URI. Trailing slashes do not count.
 */
export function isKnownResource(resource: string, store: DirectoryStore): boolean {
  const name = resource.replace(/\/+$/, '').toLowerCase()
  if (CLIENT_IDS.includes(name)) return true
  const host = name.startsWith('https://') ? name.slice('https://'.length) : undefined
  if (host !== undefined && (HOSTS.includes(host) || LOCAL_HOST.test(host))) return true
  const appId = name.startsWith('api://') ? name.slice('api://'.length) : name
  if (store.applicationsByAppId.list(appId).length > 0) return true
  return store.applications
    .list()
    .some(({ identifierUris }) => identifierUris.some((uri) => uri.toLowerCase() === name))
}
