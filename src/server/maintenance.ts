import type * as Create from './backup/create.ts'
import type * as Restore from './backup/restore.ts'
import type * as RootKeys from './root-keys.ts'

/**
 * What is done with a data directory now and then, with servers beside it or without. Each is loaded when
 * it is asked for: a start of the server needs none of it.
 */
const rootKeys = () => import('./root-keys.ts')

export const initDataDirectory: typeof RootKeys.initDataDirectory = async (...given) =>
  (await rootKeys()).initDataDirectory(...given)

export const rotateRootKey: typeof RootKeys.rotateRootKey = async (...given) =>
  (await rootKeys()).rotateRootKey(...given)

export const rotateDataKeys: typeof RootKeys.rotateDataKeys = async (...given) =>
  (await rootKeys()).rotateDataKeys(...given)

export const showRootKey = async (dataDirectory: string): Promise<RootKeys.RootKeyView> =>
  (await rootKeys()).showRootKey(dataDirectory)

export const createBackup: typeof Create.createBackup = async (...given) =>
  (await import('./backup/create.ts')).createBackup(...given)

export const verifyBackup: typeof Restore.verifyBackup = async (...given) =>
  (await import('./backup/restore.ts')).verifyBackup(...given)

export const restoreBackup: typeof Restore.restoreBackup = async (...given) =>
  (await import('./backup/restore.ts')).restoreBackup(...given)
