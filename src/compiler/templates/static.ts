import type { Source } from '../text/source.ts'
import type { Token } from '../text/token.ts'

/**
 * True when expansion would give the token back as it is: no expression and no template reference
 * stands in its stretch of the file. The source remembers where those words are.
 */
export function isStatic(token: Token): boolean {
  const { kind, source, start, end } = token
  if (kind === 'scalar' || end <= start || source.hasAliases) return false
  const offsets = offsetsOf(source)
  let low = 0
  let high = offsets.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((offsets[middle] ?? 0) < start) low = middle + 1
    else high = middle
  }
  return (offsets[low] ?? Number.POSITIVE_INFINITY) >= end
}

const WORDS = /\$\{\{|template/g

function offsetsOf(source: Source): readonly number[] {
  source.dynamicOffsets ??= [...source.text.matchAll(WORDS)].map(({ index }) => index)
  return source.dynamicOffsets
}
