import { Fault } from '../../base/fault.ts'
import type { Sealer } from '../../storage/sealing.ts'
import { recordByClock } from '../audit.ts'
import type { VaultStore } from '../context.ts'
import type { VaultFaultCode } from '../faults.ts'
import { type DueObject, eachDue } from '../objects/schedule.ts'
import { findLatest } from '../objects/store.ts'
import type { AuditSink, VaultDirectory } from '../ports.ts'
import { rotateKey } from './rotation.ts'
import { findPolicy } from './rotation-store.ts'

interface Ports {
  readonly directory: VaultDirectory
  readonly sealer: Sealer
  readonly audit: AuditSink
}

/**
 * Makes new versions of the keys whose policy wants one; gives their number. Of two processes that
 * try at once, one makes it. Keys of deleted vaults wait.
 */
export function rotateDue(ports: Ports, store: VaultStore, nowMs: number): Promise<number> {
  return eachDue(store.db, 'keys', nowMs, (due) => rotateOne(ports, store, due, nowMs))
}

/** A token that is away, or cannot make the key, waits for the next sweep: others go on. */
function orLater(error: unknown): undefined {
  const code = error instanceof Fault ? (error.code as VaultFaultCode) : undefined
  if (code === 'HsmUnavailable' || code === 'HsmCannot' || code === 'HsmPinWrong') return undefined
  throw error
}

async function rotateOne(
  ports: Ports,
  store: VaultStore,
  due: DueObject,
  nowMs: number,
): Promise<boolean> {
  const place = { vault: due.vault, kind: 'keys', name: due.name } as const
  const current = await findLatest(store.db, place)
  const name = (await findPolicy(store.db, place))?.vaultName ?? ''
  // A vault and a managed HSM may share a name, and another may have taken that of a purged one.
  const vault = [ports.directory.findVault(name), ports.directory.findHsm(name)].find(
    (one) => one?.dataId === due.vault,
  )
  if (!vault || !current || current.deletedAtMs !== undefined) return false
  const scope = await ports.sealer.scope(`vault:${due.vault}`)
  const made = await rotateKey(
    { store, vault, scope, nowMs },
    place,
    current,
    current.version,
  ).catch(orLater)
  if (made) recordByClock(ports.audit, vault, { kind: 'keys', made, nowMs })
  return made !== undefined
}
