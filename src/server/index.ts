/**
 * server: composes the rooms into one process. compose.ts is the only place that knows all services;
 * server.ts gives them a listener, a proxy and agents; seed.ts and local.ts make the first principal
 * and speak for it; front.ts answers on localhost; settings.ts says how a server is started;
 * root-keys.ts works on a data directory's keys, with a server beside it or without; hsm-door.ts opens
 * its HSM token.
 */

export { type BackupView, createBackup } from './backup/create.ts'
export { restoreBackup, verifyBackup } from './backup/restore.ts'
export { type CoveredService, listOperations } from './coverage.ts'
export type { TokenChoice } from './hsm-door.ts'
export type { FolderRun, QueuedRun, RunEvent, RunRecord } from './local.ts'
export {
  initDataDirectory,
  type RootKeyView,
  rootKeyProviders,
  rotateDataKeys,
  rotateRootKey,
  showRootKey,
  toProvider,
} from './root-keys.ts'
export { type AskSecret, type ProcessSecrets, processSecrets } from './secrets.ts'
export { type Server, startServer } from './server.ts'
export { azureRealism, describeRealism, type Realism, type ServerSettings } from './settings.ts'
