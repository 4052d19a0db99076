const MASK = Buffer.from('***')

/**
 * Stretches of a text to hide, in order, as `start, end` pairs; stretches that overlap or touch
 * are one.
 */
export class Ranges {
  readonly bounds: number[] = []

  /** `start` must not lie before the start of the range added last. */
  add(start: number, end: number): void {
    const { bounds } = this
    const last = bounds.length - 1
    const lastEnd = last > 0 ? (bounds[last] as number) : -1
    if (start > lastEnd) bounds.push(start, end)
    else if (end > lastEnd) bounds[last] = end
  }

  get isEmpty(): boolean {
    return this.bounds.length === 0
  }

  /** Every stretch of either. */
  union(other: Ranges): Ranges {
    if (other.isEmpty) return this
    if (this.isEmpty) return other
    const merged = new Ranges()
    const [a, b] = [this.bounds, other.bounds]
    let [i, j] = [0, 0]
    while (i < a.length || j < b.length) {
      const fromA = j >= b.length || (i < a.length && (a[i] as number) <= (b[j] as number))
      if (fromA) {
        merged.add(a[i] as number, a[i + 1] as number)
        i += 2
      } else {
        merged.add(b[j] as number, b[j + 1] as number)
        j += 2
      }
    }
    return merged
  }
}

/** `bytes` with `***` in place of every range; `bytes` itself when there is none. */
export function redact(bytes: Uint8Array, ranges: Ranges): Uint8Array {
  const { bounds } = ranges
  if (bounds.length === 0) return bytes
  let sizeBytes = bytes.length
  for (let i = 0; i < bounds.length; i += 2) {
    sizeBytes += MASK.length - ((bounds[i + 1] as number) - (bounds[i] as number))
  }
  const masked = Buffer.allocUnsafe(sizeBytes)
  let [from, to] = [0, 0]
  for (let i = 0; i < bounds.length; i += 2) {
    const start = bounds[i] as number
    masked.set(bytes.subarray(from, start), to)
    to += start - from
    masked.set(MASK, to)
    to += MASK.length
    from = bounds[i + 1] as number
  }
  masked.set(bytes.subarray(from), to)
  return masked
}
