import type { Sealer } from '../../storage/sealing.ts'
import { recordByClock } from '../audit.ts'
import type { VaultStore } from '../context.ts'
import { type DueObject, eachDue } from '../objects/schedule.ts'
import { findLatest } from '../objects/store.ts'
import type { AuditSink, VaultDirectory } from '../ports.ts'
import { findStoredPolicy } from './certificate.ts'
import { renewCertificate } from './issue.ts'

interface Ports {
  readonly directory: VaultDirectory
  readonly sealer: Sealer
  readonly audit: AuditSink
}

/**
 * Renews the certificates whose policy wants it; gives their number. Of two processes
 * that try at once, one does it. Certificates of deleted vaults wait.
 */
export function renewDue(ports: Ports, store: VaultStore, nowMs: number): Promise<number> {
  return eachDue(store.db, 'certificates', nowMs, (due) => renewOne(ports, store, due, nowMs))
}

async function renewOne(
  ports: Ports,
  store: VaultStore,
  due: DueObject,
  nowMs: number,
): Promise<boolean> {
  const place = { vault: due.vault, kind: 'certificates', name: due.name } as const
  const current = await findLatest(store.db, place)
  const stored = await findStoredPolicy(store.db, place)
  const vault = ports.directory.findVault(stored?.vaultName ?? '')
  if (vault?.dataId !== due.vault || !stored || !current) return false
  if (current.deletedAtMs !== undefined) return false
  const scope = await ports.sealer.scope(`vault:${due.vault}`)
  const made = await renewCertificate({ store, vault, scope, nowMs }, current, stored.policy)
  if (made) recordByClock(ports.audit, vault, { kind: 'certificates', made, nowMs })
  return made !== undefined
}
