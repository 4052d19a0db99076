/**
 * What is done with a data directory now and then, with servers beside it or without. It is loaded when
 * it is asked for (9 ms): a start of the server needs none of it.
 */
export { createBackup } from './backup/create.ts'
export { restoreBackup, verifyBackup } from './backup/restore.ts'
export {
  initDataDirectory,
  rotateDataKeys,
  rotateRootKey,
  showRootKey,
  toProvider,
} from './root-keys.ts'
