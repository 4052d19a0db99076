import { recordNotice } from './audit.ts'
import type { VaultStore } from './context.ts'
import { type Moment, objectEvent, publishesEvents } from './events.ts'
import { claimNotice, type DueNotice, listDueNotices } from './objects/notices.ts'
import type { AuditSink, VaultDirectory, VaultResource } from './ports.ts'

interface Ports {
  readonly directory: VaultDirectory
  readonly audit: AuditSink
}

interface Told {
  readonly vault: VaultResource
  readonly due: DueNotice
  readonly moment: Moment
}

/**
 * Tells of newest versions whose end is near or has come; gives how many events that were. Each is
 * recorded in the write that plans the next, so it is told once, also by many processes. Objects of
 * deleted vaults wait.
 */
export async function tellDue(ports: Ports, store: VaultStore, nowMs: number): Promise<number> {
  let told = 0
  let batch = await listDueNotices(store.db, nowMs)
  for (let last = batch.at(-1); last; last = batch.at(-1)) {
    told += await tellBatch(ports, store, batch, nowMs)
    batch = await listDueNotices(store.db, nowMs, last)
  }
  return told
}

async function tellBatch(
  ports: Ports,
  store: VaultStore,
  batch: readonly DueNotice[],
  nowMs: number,
): Promise<number> {
  const known = batch.flatMap((due): Told[] => {
    const vault = ports.directory.findVaultOf(due.vault)
    if (!vault || !publishesEvents(vault)) return []
    // An end that came before anybody was told that it is near is told as what it is now.
    const isOver = due.notice === 'expired' || due.expires_at_ms <= nowMs
    return [{ vault, due, moment: isOver ? 'Expired' : 'NearExpiry' }]
  })
  if (known.length === 0) return 0
  const told = await store.db.write(async (tx) => {
    const mine: Told[] = []
    for (const one of known) {
      const { vault, due, moment } = one
      const next =
        moment === 'NearExpiry'
          ? ({ notice: 'expired', atMs: due.expires_at_ms } as const)
          : undefined
      if (!(await claimNotice(tx, due, next))) continue
      const version = {
        name: due.display_name,
        version: due.version,
        notBeforeMs: due.not_before_ms ?? undefined,
        expiresAtMs: due.expires_at_ms,
      }
      await store.events.record(tx, objectEvent(vault, due.kind, { moment, version, nowMs }))
      mine.push(one)
    }
    return mine
  })
  for (const { vault, due, moment } of told) {
    recordNotice(ports.audit, vault, {
      what: { kind: due.kind, moment },
      path: `${due.kind}/${due.display_name}/${due.version}`,
      nowMs,
    })
  }
  return told.length
}
