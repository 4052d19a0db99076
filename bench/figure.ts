/** One measured number, beside what it is compared with. */
export interface Figure {
  readonly name: string
  readonly value: number
  readonly unit: string
  /** The promise; undefined: shown, not promised. */
  readonly bar?: { readonly atLeast: number } | { readonly atMost: number }
  /** What else was measured in the same run, for people. */
  readonly beside?: Readonly<Record<string, number | string>>
}

/** A group of figures; `quick` asks for a short run with the same bars. */
export type Measure = (quick: boolean) => Promise<readonly Figure[]>

export function isHeld({ bar, value }: Figure): boolean | undefined {
  if (!bar) return undefined
  return 'atLeast' in bar ? value >= bar.atLeast : value <= bar.atMost
}

/** The middle value; the lower of the two middle ones for an even count. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN
}

/** The value below which `share` (0..1) of the values lie. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
