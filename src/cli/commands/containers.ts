import { Fault } from '../../base/fault.ts'
import { isObject, type JsonObject, readObject, readString } from '../../base/json.ts'
import type { Client } from '../../client/index.ts'
import { dig } from '../az-words.ts'

/** The resource manager's version for vaults and managed HSMs. */
export const KEYVAULT_VERSION = '2026-02-01'
const LOOKUP_VERSION = '2015-11-01'

/** How az names a vault or a managed HSM. */
export interface Named {
  readonly name?: string
  readonly hsmName?: string
  readonly resourceGroup?: string
}

/** One of the two kinds of key container, in az's and in the resource manager's words. */
export interface ContainerWords {
  readonly type: 'vaults' | 'managedHSMs'
  readonly deletedType: 'deletedVaults' | 'deletedManagedHSMs'
  readonly word: string
}

export const vaultWords: ContainerWords = {
  type: 'vaults',
  deletedType: 'deletedVaults',
  word: 'vault',
}
export const hsmWords: ContainerWords = {
  type: 'managedHSMs',
  deletedType: 'deletedManagedHSMs',
  word: 'managed HSM',
}

/** What `--name` or `--hsm-name` means. @throws Fault `UsageWrong` unless one of them is given */
export function readNamed({ name, hsmName }: Named): { words: ContainerWords; name: string } {
  if (name !== undefined && hsmName === undefined) return { words: vaultWords, name }
  if (hsmName !== undefined && name === undefined) return { words: hsmWords, name: hsmName }
  throw new Fault('UsageWrong', 'Name a vault with --name or a managed HSM with --hsm-name.')
}

/** The kinds that `--resource-type` selects, both when it is absent. @throws Fault `UsageWrong` */
export function readKinds(resourceType: string | undefined): readonly ContainerWords[] {
  if (resourceType === undefined) return [vaultWords, hsmWords]
  if (resourceType === 'vault') return [vaultWords]
  if (resourceType === 'hsm') return [hsmWords]
  throw new Fault('UsageWrong', `--resource-type takes vault or hsm, not '${resourceType}'.`)
}

/** The resource id, found by the name when no group is given. @throws Fault `VaultNotFound` */
export async function findContainerId(client: Client, named: Named): Promise<string> {
  const { words, name } = readNamed(named)
  const { subscriptionId } = client.settings
  if (named.resourceGroup) {
    return `/subscriptions/${subscriptionId}/resourceGroups/${named.resourceGroup}/providers/Microsoft.KeyVault/${words.type}/${name}`
  }
  const filter = `resourceType eq 'Microsoft.KeyVault/${words.type}' and name eq '${name.replaceAll("'", "''")}'`
  const path = `/subscriptions/${subscriptionId}/resources?$filter=${encodeURIComponent(filter)}`
  const page = readObject(await client.arm(path, LOOKUP_VERSION), 'The page')
  const [found] = Array.isArray(page['value']) ? page['value'] : []
  if (isObject(found)) return readString(found['id'], 'id')
  throw new Fault(
    'VaultNotFound',
    `The ${words.word} '${name}' was not found in the subscription. List them with: sluice keyvault list`,
  )
}

/** All of one kind in the subscription, or in a group. */
export function listContainers(
  client: Client,
  words: ContainerWords,
  resourceGroup?: string,
): Promise<JsonObject[]> {
  const group = resourceGroup ? `/resourceGroups/${resourceGroup}` : ''
  const { subscriptionId } = client.settings
  return listArm(
    client,
    `/subscriptions/${subscriptionId}${group}/providers/Microsoft.KeyVault/${words.type}`,
  )
}

/** The deleted ones of one kind that can still be recovered. */
export function listDeletedContainers(
  client: Client,
  words: ContainerWords,
): Promise<JsonObject[]> {
  const { subscriptionId } = client.settings
  return listArm(
    client,
    `/subscriptions/${subscriptionId}/providers/Microsoft.KeyVault/${words.deletedType}`,
  )
}

/** The deleted one of that name. @throws Fault `VaultNotFound` */
export async function findDeletedContainer(
  client: Client,
  named: Named & { readonly location?: string },
): Promise<JsonObject> {
  const { words, name } = readNamed(named)
  const location = named.location?.replaceAll(' ', '').toLowerCase()
  const found = (await listDeletedContainers(client, words)).find(
    (one) =>
      String(one['name']).toLowerCase() === name.toLowerCase() &&
      (location === undefined || dig(one, 'properties', 'location') === location),
  )
  if (found) return found
  throw new Fault(
    'VaultNotFound',
    `There is no deleted ${words.word} named '${name}'. List them with: sluice keyvault list-deleted`,
  )
}

function listArm(client: Client, path: string): Promise<JsonObject[]> {
  const { management } = client.settings.hosts
  return client.list((next) =>
    next ? client.request(management, next) : client.arm(path, KEYVAULT_VERSION),
  )
}
