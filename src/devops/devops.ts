import type { Clock } from '../base/clock.ts'
import type { TokenVerifier } from '../http/principal.ts'
import type { BlobStore } from '../storage/blobs.ts'
import type { ScopeSealer } from '../storage/sealing.ts'
import type { Bus } from './agents/bus.ts'
import type { Compiler, Expressions, JobTokens, TaskCatalog } from './ports.ts'
import type { LiveRuns } from './runs/live-runs.ts'
import type { DevopsDatabase } from './tables.ts'

/** What the parts of this room share. */
export interface Devops {
  readonly db: DevopsDatabase
  readonly sealer: ScopeSealer
  readonly blobs: BlobStore
  readonly clock: Clock
  readonly verifier: TokenVerifier
  readonly jobTokens: JobTokens
  readonly tasks: TaskCatalog
  readonly compiler: Compiler
  readonly expressions: Expressions
  readonly organization: string
  /** The organisation's address without a slash at its end: `https://dev.azure.com/local`. */
  readonly collectionUri: string
  readonly bus: Bus
  readonly live: LiveRuns
}
