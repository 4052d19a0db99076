import { Ranges } from './ranges.ts'
import { UrlPasswordScanner } from './url-passwords.ts'

const MASK = Buffer.from('***')
const NOTHING = new Uint8Array(0)

/**
 * Masks bytes that come in pieces. It holds back what could be the start of a secret, at most
 * twice the longest one, and gives out the rest at once. `end` closes it.
 */
export class MaskStream {
  readonly #find: (bytes: Buffer) => Ranges
  readonly #longestBytes: () => number
  readonly #urls = new UrlPasswordScanner()
  /** Passwords found in what is held back; positions count from the first byte ever written. */
  #passwords = new Ranges()
  #held: Uint8Array[] = []
  #heldBytes = 0
  /** How many bytes went out, masked or not, before the held ones. */
  #base = 0
  /** The end of the last stretch that was masked; what touches it needs no `***` of its own. */
  #maskedTo = -1

  constructor(find: (bytes: Buffer) => Ranges, longestBytes: () => number) {
    this.#find = find
    this.#longestBytes = longestBytes
  }

  /** Masked bytes that are certain by now; possibly none. */
  write(chunk: Uint8Array): Uint8Array {
    if (chunk.length === 0) return NOTHING
    const owned = Buffer.from(chunk)
    this.#urls.scan(owned, this.#passwords)
    this.#held.push(owned)
    this.#heldBytes += owned.length
    const longest = this.#longestBytes()
    // Searching only when as much is new as is held back keeps small writes linear.
    if (this.#heldBytes < 2 * longest) return NOTHING
    const certain = this.#heldBytes - Math.max(longest - 1, 0)
    return this.#giveOut(Math.min(certain, this.#urls.undecidedFrom - this.#base))
  }

  /** What is left; nothing may be written afterwards. */
  end(): Uint8Array {
    return this.#giveOut(this.#heldBytes)
  }

  /** Every match that starts before `size` lies whole in the held bytes. */
  #giveOut(size: number): Uint8Array {
    if (size <= 0) return NOTHING
    const held = this.#held.length === 1 ? (this.#held[0] as Buffer) : Buffer.concat(this.#held)
    const [base, limit] = [this.#base, this.#base + size]
    const found = this.#shifted(this.#find(held as Buffer)).union(this.#passwords)
    const pieces: Uint8Array[] = []
    let at = Math.max(base, this.#maskedTo)
    for (let i = 0; i < found.bounds.length; i += 2) {
      const [start, end] = [found.bounds[i] as number, found.bounds[i + 1] as number]
      if (start >= limit) break
      if (start > this.#maskedTo) pieces.push(held.subarray(at - base, start - base), MASK)
      this.#maskedTo = Math.max(this.#maskedTo, end)
      at = this.#maskedTo
    }
    if (at < limit) pieces.push(held.subarray(at - base, size))
    this.#drop(held, size, limit)
    return Buffer.concat(pieces)
  }

  #shifted(found: Ranges): Ranges {
    const ranges = new Ranges()
    const { bounds } = found
    for (let i = 0; i < bounds.length; i += 2) {
      ranges.add((bounds[i] as number) + this.#base, (bounds[i + 1] as number) + this.#base)
    }
    return ranges
  }

  #drop(held: Uint8Array, size: number, limit: number): void {
    const rest = held.subarray(size)
    this.#held = rest.length > 0 ? [rest] : []
    this.#heldBytes = rest.length
    this.#base = limit
    const passwords = new Ranges()
    const { bounds } = this.#passwords
    for (let i = 0; i < bounds.length; i += 2) {
      if ((bounds[i + 1] as number) > limit) {
        passwords.add(bounds[i] as number, bounds[i + 1] as number)
      }
    }
    this.#passwords = passwords
  }
}
