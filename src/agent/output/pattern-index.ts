import { PatternTrie } from './pattern-trie.ts'
import { Ranges } from './ranges.ts'

/** Patterns of up to this many bytes are found by looking at every pair of bytes. */
const SHORT = 3
/** The bytes at the window's end that decide how far it moves, and the bits of their hash. */
const BLOCK = 3
const HASH_BITS = 16
/** A longer window skips further, but the table of skips holds one byte each. */
const WIDEST_WINDOW = 32

const ONE = 1
const TWO = 2
const THREE = 4

/**
 * Finds every place of many patterns at once. Long patterns by Wu-Manber: the last bytes of a
 * window say how far the window may move, so that most bytes are never looked at. Three bytes, not
 * two: with the encodings of 1,000 values nearly every pair of letters ends some window, and three
 * bring 850 MB/s in place of 530. Short patterns would shrink the window to nothing and have a
 * table of pairs of their own. Patterns can be added at any time; the tables grow with them.
 *
 * Array reads below are within bounds by construction, hence the casts.
 */
export class PatternIndex {
  /** The length of the longest pattern in bytes. */
  longestBytes = 0
  #window = WIDEST_WINDOW
  #long: Uint8Array[] = []
  #trie = new PatternTrie()
  #skips = new Uint8Array(0)
  /** Marks what the first two bytes of a window and its last block may be together. */
  #edges = new Uint8Array(0)
  #pairs: Uint8Array | undefined
  readonly #triples = new Set<number>()

  add(pattern: Uint8Array): void {
    if (pattern.length === 0) return
    this.longestBytes = Math.max(this.longestBytes, pattern.length)
    if (pattern.length <= SHORT) {
      this.#addShort(pattern)
      return
    }
    if (!this.#trie.add(pattern)) return
    this.#long.push(pattern)
    if (this.#long.length > 1 && pattern.length >= this.#window) this.#enter(pattern)
    else this.#enterAll(Math.min(this.#window, pattern.length))
  }

  find(bytes: Buffer): Ranges {
    const found = this.#long.length > 0 ? this.#findLong(bytes) : new Ranges()
    return this.#pairs ? found.union(this.#findShort(bytes, this.#pairs)) : found
  }

  #enterAll(window: number): void {
    this.#window = window
    this.#skips = new Uint8Array(1 << HASH_BITS).fill(window - BLOCK + 1)
    this.#edges = new Uint8Array(1 << HASH_BITS)
    for (const pattern of this.#long) this.#enter(pattern)
  }

  #enter(pattern: Uint8Array): void {
    const window = this.#window
    for (let end = BLOCK - 1; end < window; end++) {
      const block = blockHash(pattern, end)
      this.#skips[block] = Math.min(this.#skips[block] as number, window - 1 - end)
    }
    this.#edges[edgeHash(pair(pattern, 0), blockHash(pattern, window - 1))] = 1
  }

  #findLong(bytes: Buffer): Ranges {
    const ranges = new Ranges()
    const window = this.#window
    const skips = this.#skips
    const edges = this.#edges
    const trie = this.#trie
    const size = bytes.length
    let end = window - 1
    while (end < size) {
      const block = blockHash(bytes, end)
      const skip = skips[block] as number
      if (skip !== 0) {
        end += skip
        continue
      }
      const start = end - window + 1
      if (edges[edgeHash(pair(bytes, start), block)] === 1) {
        const length = trie.longestAt(bytes, start)
        if (length !== 0) ranges.add(start, start + length)
      }
      end++
    }
    return ranges
  }

  #addShort(pattern: Uint8Array): void {
    this.#pairs ??= new Uint8Array(1 << HASH_BITS)
    const pairs = this.#pairs
    const [first = 0, second = 0, third = 0] = pattern
    if (pattern.length === 1) {
      for (let next = 0; next < 256; next++) mark(pairs, first | (next << 8), ONE)
    } else mark(pairs, first | (second << 8), pattern.length === 2 ? TWO : THREE)
    if (pattern.length === SHORT) this.#triples.add(first | (second << 8) | (third << 16))
  }

  #findShort(bytes: Buffer, pairs: Uint8Array): Ranges {
    const ranges = new Ranges()
    const last = bytes.length - 1
    let next = last < 0 ? 0 : (bytes[0] as number)
    for (let at = 0; at < last; at++) {
      const first = next
      next = bytes[at + 1] as number
      const marks = pairs[first | (next << 8)] as number
      if (marks === 0) continue
      const length = this.#shortLength(marks, first | (next << 8), bytes[at + 2])
      if (length !== 0) ranges.add(at, at + length)
    }
    // The last byte has no pair; only a pattern of one byte can stand there.
    if (last >= 0 && ((pairs[next] as number) & ONE) !== 0) ranges.add(last, last + 1)
    return ranges
  }

  /** The length of the longest short pattern that begins with the pair `block`; 0 when none does. */
  #shortLength(marks: number, block: number, third: number | undefined): number {
    const isTriple = (marks & THREE) !== 0 && third !== undefined
    if (isTriple && this.#triples.has(block | (third << 16))) return 3
    if ((marks & TWO) !== 0) return 2
    return (marks & ONE) !== 0 ? 1 : 0
  }
}

function pair(bytes: Uint8Array, at: number): number {
  return (bytes[at] as number) | ((bytes[at + 1] as number) << 8)
}

/** Hash of the block that ends at `end`. */
function blockHash(bytes: Uint8Array, end: number): number {
  const block =
    (bytes[end - 2] as number) | ((bytes[end - 1] as number) << 8) | ((bytes[end] as number) << 16)
  return Math.imul(block, 0x9e3779b1) >>> (32 - HASH_BITS)
}

function edgeHash(head: number, tail: number): number {
  return ((head * 31) ^ tail) & 0xffff
}

function mark(pairs: Uint8Array, block: number, bit: number): void {
  pairs[block] = (pairs[block] as number) | bit
}
