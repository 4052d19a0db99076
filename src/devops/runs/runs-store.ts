import type { Kysely, Selectable } from 'kysely'
import type { Devops } from '../devops.ts'
import { fault } from '../faults.ts'
import type { DevopsTables } from '../tables.ts'
import { inputPlace, type RunInput } from './live-runs.ts'

/** A run's row without what it was queued with, which can be large. */
export type RunRow = Omit<Selectable<DevopsTables['devops_run']>, 'input'>

const COLUMNS = [
  'id',
  'project_id',
  'pipeline_id',
  'number',
  'state',
  'result',
  'reason',
  'requested_by',
  'requested_name',
  'source_branch',
  'source_version',
  'plan_id',
  'timeline_id',
  'queued_at_ms',
  'started_at_ms',
  'finished_at_ms',
  'keep_forever',
] as const

/** A run of a project. @throws Fault `RunNotFound` */
export async function readRun(devops: Devops, projectId: string, id: number): Promise<RunRow> {
  const row = await devops.db.query
    .selectFrom('devops_run')
    .select(COLUMNS)
    .where('project_id', '=', projectId)
    .where('id', '=', id)
    .executeTakeFirst()
  if (row) return row
  throw fault('RunNotFound', `The requested build ${id} could not be found.`)
}

/** What a run was queued with. Its variables may be secret. */
export async function openInput(devops: Devops, { id, plan_id }: RunRow): Promise<RunInput> {
  const { input } = await devops.db.query
    .selectFrom('devops_run')
    .select('input')
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
  return JSON.parse(devops.sealer.open(inputPlace(plan_id), input).open()) as RunInput
}

/** Which runs of a project to list. */
export interface RunFilter {
  readonly pipelineIds?: readonly number[]
  readonly ids?: readonly number[]
  readonly isCompleted?: boolean
  readonly results?: readonly string[]
  readonly branch?: string
  /** By id: newest first unless told. */
  readonly oldestFirst?: boolean
  readonly top?: number
}

/** Runs of a project. */
export async function listRuns(
  query: Kysely<DevopsTables>,
  projectId: string,
  filter: RunFilter,
): Promise<RunRow[]> {
  let select = query.selectFrom('devops_run').select(COLUMNS).where('project_id', '=', projectId)
  if (filter.pipelineIds) select = select.where('pipeline_id', 'in', [0, ...filter.pipelineIds])
  if (filter.ids) select = select.where('id', 'in', [0, ...filter.ids])
  if (filter.isCompleted === true) select = select.where('state', '=', 'completed')
  if (filter.isCompleted === false) select = select.where('state', '!=', 'completed')
  if (filter.results) select = select.where('result', 'in', ['', ...filter.results])
  if (filter.branch !== undefined) select = select.where('source_branch', '=', filter.branch)
  return select
    .orderBy('id', filter.oldestFirst ? 'asc' : 'desc')
    .limit(filter.top ?? 1000)
    .execute()
}

/** Tags of a run by name. */
export async function listTags(query: Kysely<DevopsTables>, runId: number): Promise<string[]> {
  const rows = await query
    .selectFrom('devops_tag')
    .select('tag')
    .where('run_id', '=', runId)
    .orderBy('tag')
    .execute()
  return rows.map(({ tag }) => tag)
}
