import type { Generated } from 'kysely'
import type { Database, Transaction } from '../storage/database.ts'

/** Rows of the devops room. Times are milliseconds since the epoch; flags are 0 or 1. */
export interface DevopsTables {
  devops_project: {
    id: string
    organization: string
    name: string
    description: string
    created_at_ms: number
  }
  devops_member: {
    organization: string
    principal_id: string
    role: 'administrator' | 'user'
    name: string
  }
  devops_group: {
    id: Generated<number>
    project_id: string
    name: string
    type: string
    description: string
    /** JSON of `providerData`; null for plain groups. */
    provider: string | null
    created_by: string
    created_at_ms: number
    modified_by: string
    modified_at_ms: number
  }
  devops_variable: {
    group_id: number
    position: number
    name: string
    is_secret: number
    is_read_only: number
    /** Plain text of a public value; null for secrets and linked names. */
    value: string | null
    /** The sealed value of a secret; null when it has none. */
    sealed: Uint8Array | null
    /** Linked names only: `enabled`, `contentType`, `expires` as JSON. */
    vault_facts: string | null
  }
  devops_connection: {
    id: string
    project_id: string
    name: string
    type: string
    url: string
    description: string
    scheme: string
    data: string
    /** JSON of the parameters that are not secret. */
    parameters: string
    is_shared: number
    created_by: string
    created_at_ms: number
  }
  devops_connection_secret: { connection_id: string; name: string; sealed: Uint8Array }
  devops_permission: {
    project_id: string
    resource_type: string
    resource_id: string
    /** 0 means all pipelines. */
    pipeline_id: number
    authorized_by: string
    authorized_at_ms: number
  }
  devops_pool: { id: Generated<number>; name: string }
  devops_environment: { id: Generated<number>; project_id: string; name: string }
  devops_pipeline: {
    id: Generated<number>
    project_id: string
    name: string
    folder: string
    yaml_path: string
    /** JSON: type, path, commit. */
    repository: string
    revision: number
    ad_hoc: number
    created_by: string
    created_at_ms: number
  }
  devops_pipeline_variable: {
    pipeline_id: number
    name: string
    is_secret: number
    allow_override: number
    value: string | null
    sealed: Uint8Array | null
  }
  devops_counter: { pipeline_id: number; prefix: string; value: number }
  devops_run: {
    id: Generated<number>
    project_id: string
    pipeline_id: number
    number: string
    state: 'inProgress' | 'cancelling' | 'completed'
    result: string | null
    reason: string
    requested_by: string
    requested_name: string
    source_branch: string
    source_version: string
    plan_id: string
    timeline_id: string
    queued_at_ms: number
    started_at_ms: number | null
    finished_at_ms: number | null
    keep_forever: number
    /** Sealed JSON of `RunInput`: plan, variables, parameters. */
    input: Uint8Array
  }
  devops_run_event: { run_id: number; seq: number; body: string }
  devops_job: {
    request_id: Generated<number>
    job_id: string
    run_id: number
    stage: number
    job: number
    leg: number
    leg_name: string
    state: 'queued' | 'leased' | 'completed'
    result: string | null
    fence: number
    agent: string | null
    lease_expires_at_ms: number
    /** The agent has written at least once under the present lease. */
    has_reported: number
    cancel_requested_at_ms: number | null
    cancel_reason: string | null
    timeout_ms: number
    cancel_timeout_ms: number
    queued_at_ms: number
    started_at_ms: number | null
    finished_at_ms: number | null
    /** JSON array of demand texts. */
    demands: string
    /** Sealed JSON of `JobBody`. */
    body: Uint8Array
  }
  devops_record: {
    run_id: number
    id: string
    changed_at_ms: number
    /** JSON of a `TimelineRecord`; its text has passed the agent's masker. */
    body: string
  }
  devops_output: {
    run_id: number
    stage: number
    job: number
    leg: number
    name: string
    is_secret: number
    sealed: Uint8Array
  }
  devops_log: { run_id: number; id: number; created_at_ms: number; line_count: number }
  devops_log_part: {
    run_id: number
    log_id: number
    start_line: number
    line_count: number
    sealed: Uint8Array
  }
  devops_artifact: { run_id: number; id: number; name: string; type: string; folder: string }
  devops_artifact_file: {
    run_id: number
    folder: string
    path: string
    size_bytes: number
    sha256: string
  }
  devops_attachment: {
    run_id: number
    record_id: string
    type: string
    name: string
    sealed: Uint8Array
  }
  devops_tag: { run_id: number; tag: string }
}

export type DevopsDatabase = Database<DevopsTables>
export type DevopsTransaction = Transaction<DevopsTables>
