import { isGuid } from '../../base/ids.ts'
import { findBoolean, findString, isObject, type JsonObject, readObject } from '../../base/json.ts'
import { Sealed } from '../../base/sealed.ts'
import { findConnection } from '../connections/connections-store.ts'
import type { Devops } from '../devops.ts'
import { connectionOfGroupGone, fault } from '../faults.ts'
import type { DevopsTransaction } from '../tables.ts'
import { memberOf, toDate } from '../wire/wire-values.ts'
import {
  findGroup,
  type GroupType,
  type GroupVariable,
  groupValuePlace,
  listGroupsByName,
  type VariableGroup,
  type VaultLink,
  writeGroup,
  writeVariables,
} from './groups-store.ts'

/** A group as a caller describes it. */
export interface GroupWish {
  readonly name: string
  readonly type: GroupType
  readonly description: string
  readonly link?: VaultLink
  readonly variables: readonly VariableWish[]
}

interface VariableWish {
  readonly name: string
  readonly isSecret: boolean
  readonly isReadOnly: boolean
  /** Undefined: keep what is stored. Sealed when secret. */
  readonly value: string | Sealed | undefined
  readonly vaultFacts?: NonNullable<GroupVariable['vaultFacts']>
}

/**
 * Reads a body of POST or PUT (facts: integration §2.1); fields that only the server sets are ignored.
 *
 * @throws Fault `GroupWrong` with the service's texts, `JsonWrong`
 */
export function readGroupWish(body: unknown, nowMs: number): GroupWish {
  if (!isObject(body)) {
    throw fault('GroupWrong', 'Value cannot be null.\r\nParameter name: variableGroupParameters')
  }
  const reference = firstReference(body)
  const name =
    findString(memberOf(body, 'name'), 'name') ?? findString(reference?.['name'], 'name') ?? ''
  if (name.trim() === '') {
    throw fault('GroupWrong', 'Value cannot be null.\r\nParameter name: variableGroup.Name')
  }
  const type = readType(findString(memberOf(body, 'type'), 'type') ?? 'Vsts')
  const description =
    findString(memberOf(body, 'description'), 'description') ??
    findString(reference?.['description'], 'description') ??
    ''
  const variables = readVariables(memberOf(body, 'variables'), type)
  if (type === 'Vsts') return { name, type, description, variables }
  return {
    name,
    type,
    description,
    variables,
    link: readLink(memberOf(body, 'providerData'), nowMs),
  }
}

/** The project that a body of the organisation's route names. @throws Fault `GroupWrong` */
export function readProjectReference(body: unknown): string {
  const references = isObject(body) ? memberOf(body, 'variableGroupProjectReferences') : undefined
  if (Array.isArray(references) && references.length > 1) {
    throw fault(
      'GroupWrong',
      'A variable group of more than one project is not supported yet. Name one project in variableGroupProjectReferences.',
    )
  }
  const reference = isObject(body) ? firstReference(body) : undefined
  const project = isObject(reference?.['projectReference']) ? reference['projectReference'] : {}
  const named = findString(project['id'], 'projectReference.id') ?? project['name']
  if (typeof named === 'string' && named !== '') return named
  throw fault(
    'GroupWrong',
    'Value cannot be null.\r\nParameter name: variableGroupProjectReferences',
  )
}

function firstReference(body: JsonObject): JsonObject | undefined {
  const references = memberOf(body, 'variableGroupProjectReferences')
  const [first] = Array.isArray(references) ? references : []
  return isObject(first) ? first : undefined
}

function readType(type: string): GroupType {
  const known = (['Vsts', 'AzureKeyVault'] as const).find(
    (name) => name.toLowerCase() === type.toLowerCase(),
  )
  if (known) return known
  throw fault('GroupWrong', `Variable group type ${type} is not supported.`)
}

function readLink(providerData: unknown, nowMs: number): VaultLink {
  if (!isObject(providerData)) {
    throw fault(
      'GroupWrong',
      'Either variable group is not an azure key vault variable group or invalid provider data in azure key vault variable group.',
    )
  }
  const id = memberOf(providerData, 'serviceEndpointId')
  if (typeof id !== 'string' || !isGuid(id) || /^[0-]+$/.test(id)) {
    throw fault(
      'GroupWrong',
      "Azure Key Vault provider's service endpoint id must be non empty and a valid guid.",
    )
  }
  const vault = memberOf(providerData, 'vault')
  if (typeof vault !== 'string' || vault.trim() === '') {
    throw fault('GroupWrong', "Azure Key Vault provider's vault name must be non empty.")
  }
  const refreshed = memberOf(providerData, 'lastRefreshedOn') ?? toDate(nowMs)
  if (typeof refreshed !== 'string' || Number.isNaN(Date.parse(refreshed))) {
    throw fault(
      'GroupWrong',
      "Azure Key Vault provider's last refreshed on must be valid datetime.",
    )
  }
  return { serviceEndpointId: id.toLowerCase(), vault, lastRefreshedOn: refreshed }
}

function readVariables(variables: unknown, type: GroupType): VariableWish[] {
  const wishes = new Map<string, VariableWish>()
  for (const [name, given] of Object.entries(readObject(variables ?? {}, 'variables'))) {
    const members = readObject(given ?? {}, `variables.${name}`)
    const path = (member: string) => `variables.${name}.${member}`
    const isReadOnly = findBoolean(memberOf(members, 'isReadOnly'), path('isReadOnly')) ?? false
    if (type === 'AzureKeyVault') {
      const expires = findString(memberOf(members, 'expires'), path('expires'))
      const vaultFacts = {
        enabled: findBoolean(memberOf(members, 'enabled'), path('enabled')) ?? true,
        contentType: findString(memberOf(members, 'contentType'), path('contentType')) ?? '',
        ...(expires === undefined ? {} : { expires }),
      }
      wishes.set(name.toLowerCase(), {
        name,
        isSecret: true,
        isReadOnly,
        value: undefined,
        vaultFacts,
      })
      continue
    }
    const isSecret = findBoolean(memberOf(members, 'isSecret'), path('isSecret')) ?? false
    const value = findString(memberOf(members, 'value'), path('value'))
    const carried = isSecret && value !== undefined ? new Sealed(value) : value
    wishes.set(name.toLowerCase(), { name, isSecret, isReadOnly, value: carried })
  }
  return [...wishes.values()]
}

/** Who writes a group, and when. */
export interface Author {
  readonly id: string
  readonly nowMs: number
}

/**
 * Writes a new group.
 *
 * @throws Fault `GroupExists` when the project has the name, `GroupWrong` for an unknown connection
 */
export async function createGroup(
  devops: Devops,
  projectId: string,
  wish: GroupWish,
  { id: authorId, nowMs }: Author,
): Promise<VariableGroup> {
  return devops.db.write(async (tx) => {
    await checkWish(tx, projectId, wish, undefined)
    const row = {
      projectId,
      ...withoutVariables(wish),
      createdBy: authorId,
      createdAtMs: nowMs,
      modifiedBy: authorId,
      modifiedAtMs: nowMs,
    }
    const id = await writeGroup(tx, row)
    const variables = wish.variables.map((variable) => toStored(devops, id, variable, undefined))
    await writeVariables(tx, id, variables)
    return { ...row, id, variables }
  })
}

/**
 * Replaces a group; a secret without value keeps the one that is stored.
 *
 * @throws Fault `GroupNotFound`, `GroupExists`, `GroupWrong`
 */
export async function updateGroup(
  devops: Devops,
  former: VariableGroup,
  wish: GroupWish,
  { id: authorId, nowMs }: Author,
): Promise<VariableGroup> {
  return devops.db.write(async (tx) => {
    const stored = await findGroup(tx.query, former.projectId, former.id)
    if (!stored) throw groupNotFound(former.id)
    await checkWish(tx, stored.projectId, wish, stored.id)
    const { createdBy, createdAtMs, id, projectId } = stored
    const row = {
      id,
      projectId,
      createdBy,
      createdAtMs,
      ...withoutVariables(wish),
      modifiedBy: authorId,
      modifiedAtMs: nowMs,
    }
    await writeGroup(tx, row)
    const held = new Map(stored.variables.map((item) => [item.name.toLowerCase(), item]))
    const variables = wish.variables.map((variable) =>
      toStored(devops, id, variable, held.get(variable.name.toLowerCase())),
    )
    await writeVariables(tx, id, variables)
    return { ...row, variables }
  })
}

function withoutVariables({ name, type, description, link }: GroupWish) {
  return { name, type, description, ...(link ? { link } : {}) }
}

async function checkWish(
  tx: DevopsTransaction,
  projectId: string,
  { name, link }: GroupWish,
  ownId: number | undefined,
): Promise<void> {
  const same = await listGroupsByName(tx.query, projectId, [name])
  if (same.some(({ id }) => id !== ownId)) {
    throw fault(
      'GroupExists',
      `Variable group with name ${name} already exists. Choose another name.`,
    )
  }
  if (link && !(await findConnection(tx.query, projectId, link.serviceEndpointId))) {
    throw fault('GroupWrong', connectionOfGroupGone(link.serviceEndpointId, name).message)
  }
}

/** @throws nothing; the words for an unknown id */
export function groupNotFound(id: number) {
  return fault('GroupNotFound', `Variable group with id ${id} could not be found.`)
}

function toStored(
  devops: Devops,
  groupId: number,
  wish: VariableWish,
  former: GroupVariable | undefined,
): GroupVariable {
  const { name, isSecret, isReadOnly, value, vaultFacts } = wish
  if (vaultFacts) return { name, isSecret: true, isReadOnly, vaultFacts }
  if (!isSecret)
    return { name, isSecret, isReadOnly, value: typeof value === 'string' ? value : '' }
  const place = groupValuePlace(groupId, name)
  if (value instanceof Sealed) {
    return { name, isSecret, isReadOnly, sealed: devops.sealer.seal(place, value.open()) }
  }
  if (former?.sealed) return { name, isSecret, isReadOnly, sealed: former.sealed }
  if (former?.value === undefined) return { name, isSecret, isReadOnly }
  return { name, isSecret, isReadOnly, sealed: devops.sealer.seal(place, former.value) }
}
