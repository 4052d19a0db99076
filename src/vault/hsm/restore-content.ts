import { Fault } from '../../base/fault.ts'
import { statement } from '../../storage/database.ts'
import type { VaultFaultCode } from '../faults.ts'
import { adoptPolicy } from '../keys/rotation-store.ts'
import { putBack, toNewVersions } from '../objects/backup.ts'
import { type NewVersion, purgeObject, softDelete } from '../objects/changes.ts'
import { change, placeOf } from '../objects/objects.ts'
import type { Writing } from '../objects/store.ts'
import type { ObjectTables } from '../objects/tables.ts'
import type { BackedUpKey, FullBackup } from './backup-content.ts'
import type { HsmCall } from './operation.ts'
import { clearState, putAssignment, putRole, putSetting } from './state.ts'

const allObjects = statement<ObjectTables, { vault: string }, { id: number }>((query, parameter) =>
  query.selectFrom('vault_object').select('id').where('vault', '=', parameter<string>('vault')),
)

/**
 * Makes the managed HSM what it was when the backup was made: what it holds now is destroyed, in the
 * same write.
 */
export async function restoreAll(call: HsmCall, { keys, state }: FullBackup): Promise<void> {
  const { dataId } = call.vault
  // Sealed before the write begins, which keeps all others waiting.
  const made = keys.map((key) => ({ key, versions: toNewVersions(call.scope, 'keys', key) }))
  await call.hsm.change(async (tx) => {
    for (const { id } of await tx.all(allObjects, { vault: dataId })) await purgeObject(tx, id)
    for (const { key, versions } of made) await putKey(tx, call, key, versions)
    await clearState(tx, dataId)
    for (const role of state.customRoles) await putRole(tx, dataId, role)
    for (const assignment of state.assignments) await putAssignment(tx, dataId, assignment)
    for (const [name, value] of state.settings) await putSetting(tx, dataId, { name, value })
  })
  call.store.cache.clear()
}

/**
 * Brings one key back with all its versions, beside what is there.
 *
 * @throws Fault `KeyNotFound` when the backup does not hold it, `NameTaken` or `DeletedNameHeld` when
 * the managed HSM has one of that name
 */
export async function restoreOne(call: HsmCall, { keys }: FullBackup, name: string): Promise<void> {
  const key = keys.find((one) => one.name.toLowerCase() === name)
  if (!key) {
    throw new Fault<VaultFaultCode>('KeyNotFound', `The backup holds no key with the name ${name}.`)
  }
  const versions = toNewVersions(call.scope, 'keys', key)
  await change(call, placeOf(call, 'keys', name), (tx) =>
    putKey(tx, call, { ...key, deletedAtMs: null, purgeAtMs: null }, versions),
  )
}

async function putKey(
  tx: Writing,
  call: HsmCall,
  key: BackedUpKey,
  versions: readonly NewVersion[],
): Promise<void> {
  const place = placeOf(call, 'keys', key.name.toLowerCase())
  const made = { content: key, place, managed: false, versions }
  const object = await putBack(tx, made, call.nowMs)
  await adoptPolicy(tx, place, call.vault.name)
  const { deletedAtMs, purgeAtMs } = key
  if (deletedAtMs !== null && purgeAtMs !== null) {
    await softDelete(tx, object.id, deletedAtMs, purgeAtMs)
  }
}
