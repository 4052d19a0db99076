import type { ColumnDataType, CreateTableBuilder, Kysely } from 'kysely'
import { kysely } from '../storage/kysely.ts'
import type { Migration } from '../storage/migrations.ts'

/** `name: type`; `?` behind the type allows null. */
type Columns = Readonly<
  Record<string, 'text' | 'text?' | 'integer' | 'integer?' | 'blob' | 'blob?'>
>

interface TableShape {
  readonly name: string
  readonly columns: Columns
  /** Columns of the primary key; `id` alone with `counts` is a number the database gives out. */
  readonly key: readonly string[]
  readonly counts?: boolean
  readonly unique?: readonly string[]
  readonly indexes?: readonly (readonly string[])[]
}

const library: readonly TableShape[] = [
  {
    name: 'devops_project',
    columns: {
      id: 'text',
      organization: 'text',
      name: 'text',
      description: 'text',
      created_at_ms: 'integer',
    },
    key: ['id'],
    unique: ['organization', 'name'],
  },
  {
    name: 'devops_member',
    columns: { organization: 'text', principal_id: 'text', role: 'text', name: 'text' },
    key: ['organization', 'principal_id'],
  },
  {
    name: 'devops_group',
    columns: {
      id: 'integer',
      project_id: 'text',
      name: 'text',
      type: 'text',
      description: 'text',
      provider: 'text?',
      created_by: 'text',
      created_at_ms: 'integer',
      modified_by: 'text',
      modified_at_ms: 'integer',
    },
    key: ['id'],
    counts: true,
    unique: ['project_id', 'name'],
  },
  {
    name: 'devops_variable',
    columns: {
      group_id: 'integer',
      position: 'integer',
      name: 'text',
      is_secret: 'integer',
      is_read_only: 'integer',
      value: 'text?',
      sealed: 'blob?',
      vault_facts: 'text?',
    },
    key: ['group_id', 'position'],
  },
  {
    name: 'devops_connection',
    columns: {
      id: 'text',
      project_id: 'text',
      name: 'text',
      type: 'text',
      url: 'text',
      description: 'text',
      scheme: 'text',
      data: 'text',
      parameters: 'text',
      is_shared: 'integer',
      created_by: 'text',
      created_at_ms: 'integer',
    },
    key: ['id'],
    unique: ['project_id', 'name'],
  },
  {
    name: 'devops_connection_secret',
    columns: { connection_id: 'text', name: 'text', sealed: 'blob' },
    key: ['connection_id', 'name'],
  },
  {
    name: 'devops_permission',
    columns: {
      project_id: 'text',
      resource_type: 'text',
      resource_id: 'text',
      pipeline_id: 'integer',
      authorized_by: 'text',
      authorized_at_ms: 'integer',
    },
    key: ['project_id', 'resource_type', 'resource_id', 'pipeline_id'],
  },
  {
    name: 'devops_pool',
    columns: { id: 'integer', name: 'text' },
    key: ['id'],
    counts: true,
    unique: ['name'],
  },
  {
    name: 'devops_environment',
    columns: { id: 'integer', project_id: 'text', name: 'text' },
    key: ['id'],
    counts: true,
    unique: ['project_id', 'name'],
  },
  {
    name: 'devops_pipeline',
    columns: {
      id: 'integer',
      project_id: 'text',
      name: 'text',
      folder: 'text',
      yaml_path: 'text',
      repository: 'text',
      revision: 'integer',
      ad_hoc: 'integer',
      created_by: 'text',
      created_at_ms: 'integer',
    },
    key: ['id'],
    counts: true,
    unique: ['project_id', 'folder', 'name'],
  },
  {
    name: 'devops_pipeline_variable',
    columns: {
      pipeline_id: 'integer',
      name: 'text',
      is_secret: 'integer',
      allow_override: 'integer',
      value: 'text?',
      sealed: 'blob?',
    },
    key: ['pipeline_id', 'name'],
  },
  {
    name: 'devops_counter',
    columns: { pipeline_id: 'integer', prefix: 'text', value: 'integer' },
    key: ['pipeline_id', 'prefix'],
  },
]

const runs: readonly TableShape[] = [
  {
    name: 'devops_run',
    columns: {
      id: 'integer',
      project_id: 'text',
      pipeline_id: 'integer',
      number: 'text',
      state: 'text',
      result: 'text?',
      reason: 'text',
      requested_by: 'text',
      requested_name: 'text',
      source_branch: 'text',
      source_version: 'text',
      plan_id: 'text',
      timeline_id: 'text',
      queued_at_ms: 'integer',
      started_at_ms: 'integer?',
      finished_at_ms: 'integer?',
      keep_forever: 'integer',
      input: 'blob',
    },
    key: ['id'],
    counts: true,
    indexes: [['project_id', 'pipeline_id', 'id']],
  },
  {
    name: 'devops_run_event',
    columns: { run_id: 'integer', seq: 'integer', body: 'text' },
    key: ['run_id', 'seq'],
  },
  {
    name: 'devops_job',
    columns: {
      request_id: 'integer',
      job_id: 'text',
      run_id: 'integer',
      stage: 'integer',
      job: 'integer',
      leg: 'integer',
      leg_name: 'text',
      state: 'text',
      result: 'text?',
      fence: 'integer',
      agent: 'text?',
      lease_expires_at_ms: 'integer',
      has_reported: 'integer',
      cancel_requested_at_ms: 'integer?',
      cancel_reason: 'text?',
      timeout_ms: 'integer',
      cancel_timeout_ms: 'integer',
      queued_at_ms: 'integer',
      started_at_ms: 'integer?',
      finished_at_ms: 'integer?',
      demands: 'text',
      body: 'blob',
    },
    key: ['request_id'],
    counts: true,
    unique: ['run_id', 'stage', 'job', 'leg'],
    indexes: [['state', 'request_id'], ['job_id']],
  },
  {
    name: 'devops_record',
    columns: { run_id: 'integer', id: 'text', changed_at_ms: 'integer', body: 'text' },
    key: ['run_id', 'id'],
  },
  {
    name: 'devops_output',
    columns: {
      run_id: 'integer',
      stage: 'integer',
      job: 'integer',
      leg: 'integer',
      name: 'text',
      is_secret: 'integer',
      sealed: 'blob',
    },
    key: ['run_id', 'stage', 'job', 'leg', 'name'],
  },
  {
    name: 'devops_log',
    columns: { run_id: 'integer', id: 'integer', created_at_ms: 'integer', line_count: 'integer' },
    key: ['run_id', 'id'],
  },
  {
    name: 'devops_log_part',
    columns: {
      run_id: 'integer',
      log_id: 'integer',
      start_line: 'integer',
      line_count: 'integer',
      sealed: 'blob',
    },
    key: ['run_id', 'log_id', 'start_line'],
  },
  {
    name: 'devops_artifact',
    columns: { run_id: 'integer', id: 'integer', name: 'text', type: 'text', folder: 'text' },
    key: ['run_id', 'id'],
    unique: ['run_id', 'name'],
  },
  {
    name: 'devops_artifact_file',
    columns: {
      run_id: 'integer',
      folder: 'text',
      path: 'text',
      size_bytes: 'integer',
      sha256: 'text',
    },
    key: ['run_id', 'folder', 'path'],
  },
  {
    name: 'devops_attachment',
    columns: { run_id: 'integer', record_id: 'text', type: 'text', name: 'text', sealed: 'blob' },
    key: ['run_id', 'record_id', 'type', 'name'],
  },
  { name: 'devops_tag', columns: { run_id: 'integer', tag: 'text' }, key: ['run_id', 'tag'] },
]

/** Names are unique without case, as the service compares them. */
const CASELESS = new Set(['name', 'folder'])

async function createTable(query: Kysely<unknown>, shape: TableShape): Promise<void> {
  let table: CreateTableBuilder<string> = query.schema.createTable(shape.name)
  for (const [name, type] of Object.entries(shape.columns)) {
    const counts = shape.counts === true && name === shape.key[0]
    table = table.addColumn(name, type.replace('?', '') as ColumnDataType, (column) => {
      if (counts) return column.primaryKey().autoIncrement()
      return type.endsWith('?') ? column : column.notNull()
    })
  }
  if (shape.counts !== true) {
    table = table.addPrimaryKeyConstraint(`${shape.name}_key`, [...shape.key] as never[])
  }
  await table.execute()
  if (shape.unique) {
    const { sql } = kysely()
    const columns = shape.unique.map((name) =>
      CASELESS.has(name) ? sql`lower(${sql.ref(name)})` : sql`${sql.ref(name)}`,
    )
    const index = query.schema.createIndex(`${shape.name}_unique`).on(shape.name).unique()
    await index.expression(sql.join(columns)).execute()
  }
  for (const columns of shape.indexes ?? []) {
    await query.schema
      .createIndex(`${shape.name}_by_${columns[0]}`)
      .on(shape.name)
      .columns([...columns])
      .execute()
  }
}

function createAll(name: string, shapes: readonly TableShape[]): Migration {
  return {
    name,
    up: async (query) => {
      for (const shape of shapes) await createTable(query, shape)
    },
  }
}

/** Tables of the devops room, in order. */
export const devopsMigrations: readonly Migration[] = [
  createAll('devops-0001-library', library),
  createAll('devops-0002-runs', runs),
]
