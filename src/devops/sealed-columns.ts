import type { SealedColumn, SealedRow } from '../storage/sealed-columns.ts'
import { secretPlace } from './connections/connections-store.ts'
import { groupValuePlace } from './library/groups-store.ts'
import { variablePlace } from './pipelines/pipelines-store.ts'
import { attachmentPlace } from './runs/attachments.ts'
import { bodyPlace } from './runs/conduct.ts'
import { inputPlace } from './runs/live-runs.ts'
import { partPlace } from './runs/logs.ts'
import { outputPlace } from './runs/run-scope.ts'

const scope = 'devops'

const number = (row: SealedRow, name: string) => Number(row[name])
const text = (row: SealedRow, name: string) => String(row[name])

/** Everything that this room seals in the database; artifacts are files, and keep their data key. */
export const devopsSealedColumns: readonly SealedColumn[] = [
  {
    table: 'devops_variable',
    column: 'sealed',
    key: ['group_id', 'position'],
    reads: ['name'],
    scope,
    place: (row) => groupValuePlace(number(row, 'group_id'), text(row, 'name')),
  },
  {
    table: 'devops_connection_secret',
    column: 'sealed',
    key: ['connection_id', 'name'],
    scope,
    place: (row) => secretPlace(text(row, 'connection_id'), text(row, 'name')),
  },
  {
    table: 'devops_pipeline_variable',
    column: 'sealed',
    key: ['pipeline_id', 'name'],
    scope,
    place: (row) => variablePlace(number(row, 'pipeline_id'), text(row, 'name')),
  },
  {
    table: 'devops_run',
    column: 'input',
    key: ['id'],
    reads: ['plan_id'],
    scope,
    place: (row) => inputPlace(text(row, 'plan_id')),
  },
  {
    table: 'devops_job',
    column: 'body',
    key: ['request_id'],
    reads: ['job_id'],
    scope,
    place: (row) => bodyPlace(text(row, 'job_id')),
  },
  {
    table: 'devops_output',
    column: 'sealed',
    key: ['run_id', 'stage', 'job', 'leg', 'name'],
    scope,
    place: (row) =>
      outputPlace(
        number(row, 'run_id'),
        { stage: number(row, 'stage'), job: number(row, 'job'), leg: number(row, 'leg') },
        text(row, 'name'),
      ),
  },
  {
    table: 'devops_log_part',
    column: 'sealed',
    key: ['run_id', 'log_id', 'start_line'],
    scope,
    place: (row) =>
      partPlace({
        runId: number(row, 'run_id'),
        logId: number(row, 'log_id'),
        startLine: number(row, 'start_line'),
      }),
  },
  {
    table: 'devops_attachment',
    column: 'sealed',
    key: ['run_id', 'record_id', 'type', 'name'],
    scope,
    place: (row) =>
      attachmentPlace(
        number(row, 'run_id'),
        text(row, 'record_id'),
        text(row, 'type'),
        text(row, 'name'),
      ),
  },
]
