/**
 * server: composes the rooms into one process. compose.ts is the only place that knows all services;
 * server.ts gives them a listener, a proxy and agents; seed.ts and local.ts make the first principal
 * and speak for it; front.ts answers on localhost; settings.ts says how a server is started;
 * data-place.ts which database it has; maintenance.ts has what is done with a data directory now and
 * then: its keys, its backups; hsm-door.ts opens its HSM token.
 */

export { type CoveredService, listOperations } from './coverage.ts'
export { checkDatabaseAddress } from './data-place.ts'
export type { TokenChoice } from './hsm-door.ts'
export type { FolderRun, QueuedRun, RunEvent, RunRecord } from './local.ts'
export { type AskSecret, type ProcessSecrets, processSecrets } from './secrets.ts'
export { type Server, startServer } from './server.ts'
export { azureRealism, describeRealism, type Realism, type ServerSettings } from './settings.ts'

/** Keys, backup and restore, loaded when they are asked for. */
export const maintenance = () => import('./maintenance.ts')
