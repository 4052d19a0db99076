import type { AgentApi, JobLease, JobRequest, TaskResult } from '../protocol/index.ts'
import type { JobCancellation } from './cancellation.ts'
import type { Connections } from './connections.ts'
import type { Masker } from './output/index.ts'
import type { LogUploads } from './reporting/log-upload.ts'
import type { RecordQueue } from './reporting/record-queue.ts'
import type { AgentSettings, AgentTiming } from './settings.ts'
import type { VariableStore } from './variables/variable-store.ts'
import type { Workspace } from './workspace/workspace.ts'

/** One job while it runs: what its steps share. */
export interface JobRun {
  readonly api: AgentApi
  readonly job: JobRequest
  readonly lease: JobLease
  readonly settings: AgentSettings
  readonly timing: AgentTiming
  readonly masker: Masker
  readonly variables: VariableStore
  readonly connections: Connections
  readonly records: RecordQueue
  readonly logs: LogUploads
  readonly cancellation: JobCancellation
  readonly workspace: Workspace
  /** `Build.SourcesDirectory`: where the (single) checkout goes. */
  readonly sources: string
  /** Marks every process of the job. */
  readonly trackingValue: string
  /** Folders of `task.prependpath`, the latest first. */
  readonly pathPrefixes: string[]
  /** Values of `task.settaskvariable` by step id. */
  readonly taskVariables: Map<string, Map<string, string>>
  /** Names of the records of `task.logdetail`, by id. */
  readonly details: Map<string, string>
  /** Warnings of the preparation, shown by Initialize job. */
  readonly warnings: readonly string[]
  /** The job's result so far; grows worse only. */
  result: TaskResult
}

/** The status that conditions see: `Canceled` from the moment somebody cancels. */
export function jobStatus(run: JobRun): TaskResult {
  return run.cancellation.cancelled.aborted ? 'Canceled' : run.result
}
