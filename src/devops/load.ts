import type { DevopsParts, OpenDevops } from './open-devops.ts'

/**
 * Opens the room over a migrated database. Its files, and the compiler's, are loaded only now: a
 * server answers for its vaults before that.
 */
export async function openDevops(parts: DevopsParts): Promise<OpenDevops> {
  const room = await import('./open-devops.ts')
  return room.openDevops(parts)
}
