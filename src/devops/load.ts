import type { SealedColumn } from '../storage/sealed-columns.ts'
import type { DevopsParts, OpenDevops } from './open-devops.ts'

/**
 * Opens the room over a migrated database. Its files, and the compiler's, are loaded only now: a
 * server answers for its vaults before that.
 */
export async function openDevops(parts: DevopsParts): Promise<OpenDevops> {
  const room = await import('./open-devops.ts')
  return room.openDevops(parts)
}

/** What the room seals in the database; loaded when data keys are changed, like the room itself. */
export async function loadDevopsSealedColumns(): Promise<readonly SealedColumn[]> {
  return (await import('./sealed-columns.ts')).devopsSealedColumns
}
