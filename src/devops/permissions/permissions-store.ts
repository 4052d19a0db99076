import type { Kysely } from 'kysely'
import type { DevopsTables, DevopsTransaction } from '../tables.ts'

/** Resource types of pipeline permissions, as the service spells them. */
export const resourceTypes = [
  'variablegroup',
  'endpoint',
  'queue',
  'environment',
  'securefile',
  'repository',
] as const
export type ResourceType = (typeof resourceTypes)[number]

/** Stands for all pipelines. */
export const ALL_PIPELINES = 0

export interface Permission {
  readonly projectId: string
  readonly resourceType: ResourceType
  readonly resourceId: string
  /** `ALL_PIPELINES` or a pipeline's id. */
  readonly pipelineId: number
  readonly authorizedBy: string
  readonly authorizedAtMs: number
}

/** Permissions of a project, or only those of one resource. */
export async function listPermissions(
  query: Kysely<DevopsTables>,
  projectId: string,
  resource?: { readonly type: ResourceType; readonly id?: string },
): Promise<Permission[]> {
  let select = query.selectFrom('devops_permission').selectAll().where('project_id', '=', projectId)
  if (resource) select = select.where('resource_type', '=', resource.type)
  if (resource?.id !== undefined) select = select.where('resource_id', '=', resource.id)
  const rows = await select.orderBy('resource_id').orderBy('pipeline_id').execute()
  return rows.map((row) => ({
    projectId: row.project_id,
    resourceType: row.resource_type as ResourceType,
    resourceId: row.resource_id,
    pipelineId: row.pipeline_id,
    authorizedBy: row.authorized_by,
    authorizedAtMs: row.authorized_at_ms,
  }))
}

/** Gives a permission; one that is there keeps its date. */
export async function grant(tx: DevopsTransaction, permission: Permission): Promise<void> {
  await tx.query
    .insertInto('devops_permission')
    .values({
      project_id: permission.projectId,
      resource_type: permission.resourceType,
      resource_id: permission.resourceId,
      pipeline_id: permission.pipelineId,
      authorized_by: permission.authorizedBy,
      authorized_at_ms: permission.authorizedAtMs,
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

export async function revoke(
  tx: DevopsTransaction,
  permission: Pick<Permission, 'projectId' | 'resourceType' | 'resourceId' | 'pipelineId'>,
): Promise<void> {
  await tx.query
    .deleteFrom('devops_permission')
    .where('project_id', '=', permission.projectId)
    .where('resource_type', '=', permission.resourceType)
    .where('resource_id', '=', permission.resourceId)
    .where('pipeline_id', '=', permission.pipelineId)
    .execute()
}

/** Answers whether a pipeline may use a resource, from one reading of a project's permissions. */
export function permissionsOf(
  permissions: readonly Permission[],
  pipelineId: number,
): (type: ResourceType, id: string) => boolean {
  const held = new Set(
    permissions
      .filter((p) => p.pipelineId === ALL_PIPELINES || p.pipelineId === pipelineId)
      .map((p) => `${p.resourceType} ${p.resourceId.toLowerCase()}`),
  )
  return (type, id) => held.has(`${type} ${id.toLowerCase()}`)
}
