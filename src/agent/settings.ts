import type { Clock } from '../base/clock.ts'
import type { JobRequest } from '../protocol/index.ts'
import type { HttpPort, Task } from '../tasks/index.ts'

/** What an agent needs from its composer; nothing else of the machine is read. */
export interface AgentSettings {
  readonly name: string
  /**
   * Absolute. A job gets `<workFolder>/<n>` (with s, a, b, TestResults) and `<workFolder>/_temp/<n>`,
   * both of mode 0700 and both removed when the job ends; `<workFolder>/_tool` stays.
   */
  readonly workFolder: string
  /** A folder whose files no job may see, wherever its sources are: the data directory. */
  readonly privateFolder?: string
  readonly tasks: readonly Task[]
  readonly http: HttpPort
  readonly clock: Clock
  /** What child processes inherit: PATH, HOME, proxy and CA variables. Never `process.env` unasked. */
  readonly environment: Readonly<Record<string, string>>
  /** Jobs at a time; 1 unless told. */
  readonly maxParallel?: number
  /**
   * Told of a job whose end could not be told to the server, and, without a job, of the first of
   * several failures to get one; the agent goes on.
   */
  readonly onFailure?: (error: unknown, job: JobRequest | undefined) => void
  /** Real-time intervals; the defaults are the service's. Tests make them short. */
  readonly timing?: Partial<AgentTiming>
}

/** The agent's intervals, in milliseconds of real time (never of the movable clock). */
export interface AgentTiming {
  /** Timeline records are sent this often. */
  readonly recordsMs: number
  /** The length of a "minute" of the time-outs of steps and jobs. */
  readonly minuteMs: number
  /** The length of a "second" of the back-off between attempts of a step. */
  readonly retrySecondMs: number
  /** From SIGINT to SIGTERM. */
  readonly interruptMs: number
  /** From SIGTERM to SIGKILL. */
  readonly terminateMs: number
  /** How long output pipes may stay open after a process has ended. */
  readonly pipesMs: number
  /** Between two renewals of the job's lease. */
  readonly renewMs: number
  /** How long after its end a lease is still hoped for. */
  readonly leaseGraceMs: number
  /** The first wait after a call of the server failed; it doubles with every failure. */
  readonly callRetryMs: number
}

const DEFAULT_TIMING: AgentTiming = {
  recordsMs: 500,
  minuteMs: 60_000,
  retrySecondMs: 1000,
  interruptMs: 7500,
  terminateMs: 2500,
  pipesMs: 10_000,
  renewMs: 60_000,
  leaseGraceMs: 300_000,
  callRetryMs: 1000,
}

/** The intervals of `settings`, with the defaults filled in. */
export function timingOf(settings: AgentSettings): AgentTiming {
  return { ...DEFAULT_TIMING, ...settings.timing }
}

/** The agent generation whose behaviour we follow; tasks compare their minimum with it. */
export const AGENT_VERSION = '4.261.0'
