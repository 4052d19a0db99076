/**
 * devops: organisations, projects, the library, service connections, pipelines and their runs.
 * runs/ is the heart: queue.ts (text to run), advance.ts (the pure state machine), conduct.ts (its
 * events and effects), job-body.ts (what an agent gets); agents/ is the AgentApi in process.
 * library/, connections/, permissions/, pipelines/, organisation/ hold what runs use; wire/ is the REST.
 */

export type { WatchEvent } from './agents/bus.ts'
export { PipelineInvalid } from './faults.ts'
export { loadDevopsSealedColumns, openDevops } from './load.ts'
export { devopsMigrations } from './migrations.ts'
export type { DevopsParts, OpenDevops } from './open-devops.ts'
export type { Member } from './organisation/members-store.ts'
export type { Project } from './organisation/projects-store.ts'
export type {
  Compiler,
  ConnectionInput,
  Expressions,
  JobTokens,
  TaskCatalog,
  TaskFacts,
} from './ports.ts'
export type { FolderRun } from './runs/folder-run.ts'
export type { Queued } from './runs/queue.ts'
