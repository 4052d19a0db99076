import type { Level } from './locate.ts'

/** A key with the mapping it stands in. */
export interface Holder {
  readonly key: string
  readonly owner: Level
}

/** The key whose value, or item of a list value, the last level is. */
export function keyHolder(levels: readonly Level[]): Holder | undefined {
  for (let i = levels.length - 1; i > 0; i -= 1) {
    const key = levels[i]?.entry?.key.text
    const owner = levels[i - 1]
    if (key !== undefined && owner) return key.startsWith('${{') ? undefined : { key, owner }
    if (owner?.token.kind !== 'sequence') return undefined
  }
  return undefined
}
