import type { Clock } from '../base/clock.ts'
import type { TokenVerifier } from '../http/principal.ts'
import type { Service } from '../http/service.ts'
import type { AgentApi } from '../protocol/index.ts'
import type { BlobStore } from '../storage/blobs.ts'
import type { Database } from '../storage/database.ts'
import type { ScopeSealer } from '../storage/sealing.ts'
import { createAgentApi } from './agents/agent-api.ts'
import { createBus, type WatchEvent } from './agents/bus.ts'
import type { AgentFacts } from './agents/demands.ts'
import { ownCompiler, ownExpressions } from './compiler-wiring.ts'
import type { Devops } from './devops.ts'
import { addMember, type Member } from './organisation/members-store.ts'
import { ensureProject, type Project } from './organisation/projects-store.ts'
import type { Compiler, Expressions, JobTokens, TaskCatalog } from './ports.ts'
import { type FolderRun, queueFolderRun } from './runs/folder-run.ts'
import { createLiveRuns } from './runs/live-runs.ts'
import { cancelRun, type Queued } from './runs/queue.ts'
import { type Recovery, recoverJobs } from './runs/recover.ts'
import { watchRun } from './runs/watch.ts'
import { createService, type DevopsContext } from './service.ts'
import type { DevopsTables } from './tables.ts'

/** What the composer gives this room. */
export interface DevopsParts {
  /** Migrated with `devopsMigrations`. */
  readonly db: Database<unknown>
  /** Of scope `devops`. */
  readonly sealer: ScopeSealer
  readonly blobs: BlobStore
  readonly clock: Clock
  readonly verifier: TokenVerifier
  readonly jobTokens: JobTokens
  readonly tasks: TaskCatalog
  /** `local` unless told. */
  readonly organization?: string
  /** `https://dev.azure.com` unless told; without a slash at its end. */
  readonly origin?: string
  /** The product's own unless told. */
  readonly compiler?: Compiler
  readonly expressions?: Expressions
}

/** The room as the composer sees it. */
export interface OpenDevops {
  readonly service: Service<DevopsContext>
  /** What an agent in this process works through. */
  agentApi(agentName: string, facts?: Partial<Omit<AgentFacts, 'name'>>): AgentApi
  /** Follows a run until it has finished; see `WatchEvent`. */
  watch(runId: number): AsyncGenerator<WatchEvent>
  /**
   * Queues a run of a file in a folder of this machine.
   *
   * @throws Fault `PipelineInvalid` (a `PipelineInvalid` with every diagnostic), `AccessDenied`
   */
  queueFolderRun(run: FolderRun): Promise<Queued>
  /** @throws Fault `RunNotFound` */
  cancelRun(runId: number): Promise<void>
  /** Ends or returns jobs whose agent is gone. Call it at the start and every minute. */
  recover(recovery: Recovery): Promise<void>
  /** The project of this name, made when it is absent. */
  ensureProject(name: string, description?: string): Promise<Project>
  addMember(member: Member): Promise<void>
}

/** Joins the room's parts; `openDevops` puts the door before them. */
export function joinParts(parts: DevopsParts): Devops {
  const organization = parts.organization ?? 'local'
  return {
    db: parts.db as Database<DevopsTables>,
    sealer: parts.sealer,
    blobs: parts.blobs,
    clock: parts.clock,
    verifier: parts.verifier,
    jobTokens: parts.jobTokens,
    tasks: parts.tasks,
    compiler: parts.compiler ?? ownCompiler,
    expressions: parts.expressions ?? ownExpressions,
    organization,
    collectionUri: `${parts.origin ?? 'https://dev.azure.com'}/${organization}`,
    bus: createBus(),
    live: createLiveRuns(parts.sealer),
  }
}

/** Opens the room over a migrated database. */
export function openDevops(parts: DevopsParts): OpenDevops {
  return openRoom(joinParts(parts))
}

/** The door of a room whose parts are joined. */
export function openRoom(devops: Devops): OpenDevops {
  return {
    service: createService(devops),
    agentApi: (name, facts = {}) => createAgentApi(devops, { capabilities: {}, ...facts, name }),
    watch: (runId) => watchRun(devops, runId),
    queueFolderRun: (run) => queueFolderRun(devops, run),
    cancelRun: (runId) => cancelRun(devops, runId),
    recover: (recovery) => recoverJobs(devops, recovery),
    ensureProject: (name, description) => ensureProject(devops, name, description),
    addMember: (member) => addMember(devops, member),
  }
}
