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
  readonly token?: TokenChoice
  /** Writes that share a commit at most; for measuring. */
  readonly writesPerCommit?: number
}
