import type { Kysely, Selectable } from 'kysely'
import { isObject } from '../../base/json.ts'
import type { DevopsTables, DevopsTransaction } from '../tables.ts'

export type GroupType = 'Vsts' | 'AzureKeyVault'

/** Where a linked group's values come from; they are never stored here. */
export interface VaultLink {
  readonly serviceEndpointId: string
  readonly vault: string
  readonly lastRefreshedOn?: string
}

/** What a linked name says about its secret. */
interface VaultFacts {
  readonly enabled: boolean
  readonly contentType: string
  readonly expires?: string
}

export interface GroupVariable {
  readonly name: string
  readonly isSecret: boolean
  readonly isReadOnly: boolean
  /** A public value. */
  readonly value?: string
  /** A secret of a plain group, as stored. */
  readonly sealed?: Uint8Array
  readonly vaultFacts?: VaultFacts
}

export interface VariableGroup {
  readonly id: number
  readonly projectId: string
  readonly name: string
  readonly type: GroupType
  readonly description: string
  readonly link?: VaultLink
  readonly variables: readonly GroupVariable[]
  readonly createdBy: string
  readonly createdAtMs: number
  readonly modifiedBy: string
  readonly modifiedAtMs: number
}

type Query = Kysely<DevopsTables>

/** What a secret of a group is sealed to. */
export function groupValuePlace(groupId: number, name: string): string {
  return `group\n${groupId}\n${name.toLowerCase()}`
}

/** Groups of a project, oldest first; all of them unless `ids` are given. */
export async function listGroups(
  query: Query,
  projectId: string,
  ids?: readonly number[],
): Promise<VariableGroup[]> {
  let select = query.selectFrom('devops_group').selectAll().where('project_id', '=', projectId)
  if (ids) select = select.where('id', 'in', ids.length > 0 ? [...ids] : [-1])
  const groups = await select.orderBy('id').execute()
  if (groups.length === 0) return []
  const variables = await query
    .selectFrom('devops_variable')
    .selectAll()
    .where(
      'group_id',
      'in',
      groups.map(({ id }) => id),
    )
    .orderBy('group_id')
    .orderBy('position')
    .execute()
  const byGroup = Map.groupBy(variables, ({ group_id }) => group_id)
  return groups.map((row) => toGroup(row, byGroup.get(row.id) ?? []))
}

/** One group; undefined when the project has none with this id. */
export async function findGroup(
  query: Query,
  projectId: string,
  id: number,
): Promise<VariableGroup | undefined> {
  return (await listGroups(query, projectId, [id]))[0]
}

/** Groups of a project by name; names compare without case. */
export async function listGroupsByName(
  query: Query,
  projectId: string,
  names: readonly string[],
): Promise<VariableGroup[]> {
  const wanted = new Set(names.map((name) => name.toLowerCase()))
  if (wanted.size === 0) return []
  const rows = await query
    .selectFrom('devops_group')
    .select(['id', 'name'])
    .where('project_id', '=', projectId)
    .execute()
  const ids = rows.filter(({ name }) => wanted.has(name.toLowerCase())).map(({ id }) => id)
  return ids.length === 0 ? [] : listGroups(query, projectId, ids)
}

/** Writes a group's own row; its id is given out when it is new. */
export async function writeGroup(
  tx: DevopsTransaction,
  group: Omit<VariableGroup, 'id' | 'variables'> & { readonly id?: number },
): Promise<number> {
  const row = {
    project_id: group.projectId,
    name: group.name,
    type: group.type,
    description: group.description,
    provider: group.link ? JSON.stringify(group.link) : null,
    created_by: group.createdBy,
    created_at_ms: group.createdAtMs,
    modified_by: group.modifiedBy,
    modified_at_ms: group.modifiedAtMs,
  }
  if (group.id !== undefined) {
    await tx.query.updateTable('devops_group').set(row).where('id', '=', group.id).execute()
    return group.id
  }
  const made = await tx.query
    .insertInto('devops_group')
    .values(row)
    .returning('id')
    .executeTakeFirstOrThrow()
  return made.id
}

/** Replaces all variables of a group. */
export async function writeVariables(
  tx: DevopsTransaction,
  groupId: number,
  variables: readonly GroupVariable[],
): Promise<void> {
  await tx.query.deleteFrom('devops_variable').where('group_id', '=', groupId).execute()
  for (const [position, variable] of variables.entries()) {
    await tx.query
      .insertInto('devops_variable')
      .values({
        group_id: groupId,
        position,
        name: variable.name,
        is_secret: variable.isSecret ? 1 : 0,
        is_read_only: variable.isReadOnly ? 1 : 0,
        value: variable.value ?? null,
        sealed: variable.sealed ?? null,
        vault_facts: variable.vaultFacts ? JSON.stringify(variable.vaultFacts) : null,
      })
      .execute()
  }
}

/** True when there was one. */
export async function deleteGroup(
  tx: DevopsTransaction,
  projectId: string,
  id: number,
): Promise<boolean> {
  const found = await tx.query
    .deleteFrom('devops_group')
    .where('project_id', '=', projectId)
    .where('id', '=', id)
    .returning('id')
    .execute()
  if (found.length === 0) return false
  await tx.query.deleteFrom('devops_variable').where('group_id', '=', id).execute()
  await tx.query
    .deleteFrom('devops_permission')
    .where('project_id', '=', projectId)
    .where('resource_type', '=', 'variablegroup')
    .where('resource_id', '=', String(id))
    .execute()
  return true
}

function toGroup(
  row: Selectable<DevopsTables['devops_group']>,
  variables: readonly Selectable<DevopsTables['devops_variable']>[],
): VariableGroup {
  return {
    id: row.id,
    projectId: row.project_id,
    name: row.name,
    type: row.type === 'AzureKeyVault' ? 'AzureKeyVault' : 'Vsts',
    description: row.description,
    ...(row.provider === null ? {} : { link: toLink(JSON.parse(row.provider)) }),
    variables: variables.map(toVariable),
    createdBy: row.created_by,
    createdAtMs: row.created_at_ms,
    modifiedBy: row.modified_by,
    modifiedAtMs: row.modified_at_ms,
  }
}

function toLink(stored: unknown): VaultLink {
  const link = isObject(stored) ? stored : {}
  return {
    serviceEndpointId: String(link['serviceEndpointId'] ?? ''),
    vault: String(link['vault'] ?? ''),
    ...(typeof link['lastRefreshedOn'] === 'string'
      ? { lastRefreshedOn: link['lastRefreshedOn'] }
      : {}),
  }
}

function toVariable(row: Selectable<DevopsTables['devops_variable']>): GroupVariable {
  return {
    name: row.name,
    isSecret: row.is_secret === 1,
    isReadOnly: row.is_read_only === 1,
    ...(row.value === null ? {} : { value: row.value }),
    ...(row.sealed === null ? {} : { sealed: row.sealed }),
    ...(row.vault_facts === null ? {} : { vaultFacts: toFacts(JSON.parse(row.vault_facts)) }),
  }
}

function toFacts(stored: unknown): VaultFacts {
  const facts = isObject(stored) ? stored : {}
  return {
    enabled: facts['enabled'] !== false,
    contentType: String(facts['contentType'] ?? ''),
    ...(typeof facts['expires'] === 'string' ? { expires: facts['expires'] } : {}),
  }
}
