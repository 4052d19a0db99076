import { keyUseOperations } from '../keys/crypto-operations.ts'
import { keyOperations } from '../keys/operations.ts'
import { releaseOperations } from '../keys/release.ts'
import { rotationOperations } from '../keys/rotation.ts'
import { fromVaultOperation, type HsmOperation } from './operation.ts'

/**
 * The data action of each key operation (key-vault.md §19.6). Which ones the rotation policy and the
 * lists of deleted keys take is inferred from the names.
 */
const DATA_ACTIONS: Readonly<Record<string, string>> = {
  CreateKey: 'keys/create',
  ImportKey: 'keys/import/action',
  GetKey: 'keys/read/action',
  UpdateKey: 'keys/write/action',
  DeleteKey: 'keys/delete',
  GetKeys: 'keys/read/action',
  GetKeyVersions: 'keys/read/action',
  GetDeletedKeys: 'keys/deletedKeys/read/action',
  GetDeletedKey: 'keys/deletedKeys/read/action',
  RecoverDeletedKey: 'keys/deletedKeys/recover/action',
  PurgeDeletedKey: 'keys/deletedKeys/delete',
  BackupKey: 'keys/backup/action',
  RestoreKey: 'keys/restore/action',
  RotateKey: 'keys/rotate/action',
  GetKeyRotationPolicy: 'keys/read/action',
  UpdateKeyRotationPolicy: 'keys/write/action',
  release: 'keys/release/action',
  GetKeyAttestation: 'keys/read/action',
  encrypt: 'keys/encrypt/action',
  decrypt: 'keys/decrypt/action',
  wrapKey: 'keys/wrap/action',
  unwrapKey: 'keys/unwrap/action',
  sign: 'keys/sign/action',
  verify: 'keys/verify/action',
  GetRandomBytes: 'rng/action',
}

/** Keys and random bytes: a vault's operations, judged by local roles. */
export const hsmKeyOperations: readonly HsmOperation[] = [
  ...keyOperations,
  ...rotationOperations,
  ...keyUseOperations,
  ...releaseOperations,
].map((one) => {
  const dataAction = DATA_ACTIONS[one.name]
  if (dataAction === undefined) throw new Error(`${one.name} has no data action of managed HSMs.`)
  return fromVaultOperation(one, dataAction)
})
