/** A version value such as `1.2.3`: two to four whole numbers. A missing part is less than `0`. */
export class Version {
  readonly parts: readonly number[]

  constructor(parts: readonly number[]) {
    this.parts = parts
  }

  /** The parts joined with dots, as many as were written. */
  toString(): string {
    return this.parts.join('.')
  }

  toJSON(): string {
    return this.toString()
  }
}

const LARGEST_PART = 2_147_483_647

/** Undefined unless the text is two to four whole numbers (each below 2^31) with dots between. */
export function parseVersion(text: string): Version | undefined {
  const pieces = text.split('.', 5)
  if (pieces.length < 2 || pieces.length > 4) return undefined
  const parts: number[] = []
  for (const piece of pieces) {
    const part = /^\s*\d{1,10}\s*$/.test(piece) ? Number(piece) : Number.NaN
    if (!(part <= LARGEST_PART)) return undefined
    parts.push(part)
  }
  return new Version(parts)
}

/** Negative when `left` is older. `1.2` is older than `1.2.0`. */
export function compareVersions(left: Version, right: Version): number {
  for (let i = 0; i < 4; i++) {
    const difference = (left.parts[i] ?? -1) - (right.parts[i] ?? -1)
    if (difference !== 0) return difference
  }
  return 0
}
