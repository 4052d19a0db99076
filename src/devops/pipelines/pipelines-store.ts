import type { Kysely, Selectable } from 'kysely'
import { Sealed } from '../../base/sealed.ts'
import type { ScopeSealer } from '../../storage/sealing.ts'
import type { DevopsTables, DevopsTransaction } from '../tables.ts'
import type { FolderRepository } from './repository.ts'

export interface Pipeline {
  readonly id: number
  readonly projectId: string
  readonly name: string
  /** `\` or `\team`. */
  readonly folder: string
  readonly yamlPath: string
  readonly repository: FolderRepository
  readonly revision: number
  /** Made by a run in a folder; not listed. */
  readonly isAdHoc: boolean
  readonly createdBy: string
  readonly createdAtMs: number
}

export interface PipelineVariable {
  readonly name: string
  readonly isSecret: boolean
  readonly allowOverride: boolean
  /** Sealed when secret. */
  readonly value: string | Sealed
}

type Query = Kysely<DevopsTables>

/** Pipelines of a project, oldest first, without the ad-hoc ones. */
export async function listPipelines(query: Query, projectId: string): Promise<Pipeline[]> {
  const rows = await query
    .selectFrom('devops_pipeline')
    .selectAll()
    .where('project_id', '=', projectId)
    .where('ad_hoc', '=', 0)
    .orderBy('id')
    .execute()
  return rows.map(toPipeline)
}

/** One pipeline, ad-hoc ones too. */
export async function findPipeline(
  query: Query,
  projectId: string,
  id: number,
): Promise<Pipeline | undefined> {
  const row = await query
    .selectFrom('devops_pipeline')
    .selectAll()
    .where('project_id', '=', projectId)
    .where('id', '=', id)
    .executeTakeFirst()
  return row && toPipeline(row)
}

/** The ad-hoc pipeline of a file in a folder. */
export async function findAdHoc(
  query: Query,
  projectId: string,
  folder: string,
  yamlPath: string,
): Promise<Pipeline | undefined> {
  const rows = await query
    .selectFrom('devops_pipeline')
    .selectAll()
    .where('project_id', '=', projectId)
    .where('ad_hoc', '=', 1)
    .execute()
  return rows
    .map(toPipeline)
    .find((pipeline) => pipeline.repository.path === folder && pipeline.yamlPath === yamlPath)
}

/** Writes a new pipeline and gives its id. */
export async function insertPipeline(
  tx: DevopsTransaction,
  pipeline: Omit<Pipeline, 'id'>,
): Promise<number> {
  const made = await tx.query
    .insertInto('devops_pipeline')
    .values({
      project_id: pipeline.projectId,
      name: pipeline.name,
      folder: pipeline.folder,
      yaml_path: pipeline.yamlPath,
      repository: JSON.stringify(pipeline.repository),
      revision: pipeline.revision,
      ad_hoc: pipeline.isAdHoc ? 1 : 0,
      created_by: pipeline.createdBy,
      created_at_ms: pipeline.createdAtMs,
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  return made.id
}

/** Removes a pipeline with its variables and permissions; its runs stay. True when there was one. */
export async function deletePipeline(
  tx: DevopsTransaction,
  projectId: string,
  id: number,
): Promise<boolean> {
  const found = await tx.query
    .deleteFrom('devops_pipeline')
    .where('project_id', '=', projectId)
    .where('id', '=', id)
    .returning('id')
    .execute()
  if (found.length === 0) return false
  await tx.query.deleteFrom('devops_pipeline_variable').where('pipeline_id', '=', id).execute()
  await tx.query.deleteFrom('devops_permission').where('pipeline_id', '=', id).execute()
  return true
}

/** What a secret of a pipeline is sealed to. */
export function variablePlace(pipelineId: number, name: string): string {
  return `pipeline variable\n${pipelineId}\n${name.toLowerCase()}`
}

/** Variables of a pipeline's settings. */
export async function listPipelineVariables(
  query: Query,
  sealer: ScopeSealer,
  pipelineId: number,
): Promise<PipelineVariable[]> {
  const rows = await query
    .selectFrom('devops_pipeline_variable')
    .selectAll()
    .where('pipeline_id', '=', pipelineId)
    .orderBy('name')
    .execute()
  return rows.map((row) => ({
    name: row.name,
    isSecret: row.is_secret === 1,
    allowOverride: row.allow_override === 1,
    value:
      row.sealed === null
        ? row.is_secret === 1
          ? new Sealed('')
          : (row.value ?? '')
        : sealer.open(variablePlace(pipelineId, row.name), row.sealed),
  }))
}

/** Replaces the variables of a pipeline's settings. */
export async function writePipelineVariables(
  tx: DevopsTransaction,
  sealer: ScopeSealer,
  pipelineId: number,
  variables: readonly PipelineVariable[],
): Promise<void> {
  await tx.query
    .deleteFrom('devops_pipeline_variable')
    .where('pipeline_id', '=', pipelineId)
    .execute()
  for (const { name, isSecret, allowOverride, value } of variables) {
    await tx.query
      .insertInto('devops_pipeline_variable')
      .values({
        pipeline_id: pipelineId,
        name,
        is_secret: isSecret ? 1 : 0,
        allow_override: allowOverride ? 1 : 0,
        value: value instanceof Sealed ? null : value,
        sealed:
          value instanceof Sealed
            ? sealer.seal(variablePlace(pipelineId, name), value.open())
            : null,
      })
      .execute()
  }
}

function toPipeline(row: Selectable<DevopsTables['devops_pipeline']>): Pipeline {
  return {
    id: row.id,
    projectId: row.project_id,
    name: row.name,
    folder: row.folder,
    yamlPath: row.yaml_path,
    repository: JSON.parse(row.repository) as FolderRepository,
    revision: row.revision,
    isAdHoc: row.ad_hoc === 1,
    createdBy: row.created_by,
    createdAtMs: row.created_at_ms,
  }
}
