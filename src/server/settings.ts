import type { TokenChoice } from './hsm-door.ts'
import type { ProcessSecrets } from './secrets.ts'

/** How a server is started. */
export interface ServerSettings {
  /** Everything it keeps; made when absent. */
  readonly dataDirectory: string
  /** The TLS listener on 127.0.0.1; 0 takes a free port. */
  readonly port: number
  /** The CONNECT proxy on 127.0.0.1; undefined: none, 0 takes a free port. */
  readonly proxyPort?: number
  /** How many jobs run at a time in this process; 0: jobs are only queued. */
  readonly agents: number
  /** Its agents take only what `queueFolderRun` of this process queues; nobody else takes that. */
  readonly ownRunsOnly?: boolean
  /** Writes `server.json`, by which commands find the server. */
  readonly announce?: boolean
  /** Absent: a passphrase comes from where the environment says. */
  readonly secrets?: ProcessSecrets
  /** The HSM token of this data directory from now on; absent: the one it has, if any. */
  readonly token?: TokenChoice | undefined
  /** How much of Azure's slowness it shows; absent: none. */
  readonly realism?: Realism
  /** The address of the PostgreSQL a new data directory has its tables in; absent: in a file of its own. */
  readonly database?: string
  /** Writes that share a commit at most; for measuring. */
  readonly writesPerCommit?: number
}

/** What makes a local server as slow and as strict as Azure. */
export interface Realism {
  /** Azure's limits on transactions per vault and subscription; past them 429 with Retry-After. */
  readonly throttling: boolean
  /** Until a change of a role assignment takes effect, on the server's clock. */
  readonly roleDelaySeconds: number
  /** Until a change of a vault's access policies takes effect. */
  readonly policyDelaySeconds: number
}

/**
 * What `--realistic` means. Azure says that both kinds of change take up to ten minutes; these are what
 * is seen there day by day.
 */
export const azureRealism: Realism = {
  throttling: true,
  roleDelaySeconds: 300,
  policyDelaySeconds: 30,
}

/** Realism in a few words, for people and headers. */
export function describeRealism(realism: Realism): string {
  const { throttling, roleDelaySeconds, policyDelaySeconds } = realism
  return [
    throttling ? 'throttling' : 'no throttling',
    `roles after ${roleDelaySeconds} s`,
    `access policies after ${policyDelaySeconds} s`,
  ].join(', ')
}
