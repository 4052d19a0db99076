import type { ObjectVersion } from './version.ts'

/** What a row costs beside its sealed bytes: a full cache of short secrets was 1.6 KB a row. */
const ROW_BYTES = 1500

/**
 * The newest versions read last, sealed as they are stored; opened values are never kept. Bounded
 * by bytes: two generations, so that a hit costs one look-up and nothing is moved on the way. Once it
 * was full, a row is kept when it is read a second time: a walk through very many does not push out
 * those in use, nor fill memory with rows that nobody asks for again.
 */
export class LatestCache {
  readonly #halfBytes: number
  #young = new Map<string, ObjectVersion>()
  #old = new Map<string, ObjectVersion>()
  #youngBytes = 0
  #mark = 0
  readonly #recent = new RecentKeys()
  /** Reads under way whose rows may be kept; shared by all who want the same row. */
  readonly #reads = new Map<string, Promise<ObjectVersion | undefined>>()

  constructor(limitBytes: number) {
    this.#halfBytes = limitBytes / 2
  }

  /** `mark` is the database's change mark: when it moved, another process has written. */
  find(key: string, mark: number): ObjectVersion | undefined {
    if (mark !== this.#mark) this.#forgetAll(mark)
    const young = this.#young.get(key)
    if (young) return young
    const old = this.#old.get(key)
    if (old) {
      this.#old.delete(key)
      this.#keep(key, old)
    }
    return old
  }

  /**
   * Reads what `find` did not have, once for all who ask meanwhile, and keeps it, unless the key was
   * forgotten since: the read may have begun before the write that made it forgotten.
   */
  load(
    key: string,
    read: () => Promise<ObjectVersion | undefined>,
  ): Promise<ObjectVersion | undefined> {
    const running = this.#reads.get(key)
    if (running !== undefined) return running
    const reading = read().then(
      (found) => {
        if (this.#end(key, reading) && found && this.#admits(key)) this.#keep(key, found)
        return found
      },
      (error: unknown) => {
        this.#end(key, reading)
        throw error
      },
    )
    this.#reads.set(key, reading)
    return reading
  }

  /** True when what was read may be kept. */
  #end(key: string, reading: Promise<ObjectVersion | undefined>): boolean {
    return this.#reads.get(key) === reading && this.#reads.delete(key)
  }

  #admits(key: string): boolean {
    return this.#old.size === 0 || this.#recent.meet(key)
  }

  #keep(key: string, version: ObjectVersion): void {
    const bytes = version.sealed.byteLength + ROW_BYTES
    if (this.#youngBytes + bytes > this.#halfBytes) {
      this.#old = this.#young
      this.#young = new Map()
      this.#youngBytes = 0
    }
    this.#young.set(key, version)
    this.#youngBytes += bytes
  }

  forget(key: string): void {
    this.#young.delete(key)
    this.#old.delete(key)
    this.#reads.delete(key)
  }

  clear(): void {
    this.#forgetAll(this.#mark)
  }

  #forgetAll(mark: number): void {
    this.#mark = mark
    this.#young.clear()
    this.#old.clear()
    this.#reads.clear()
    this.#youngBytes = 0
  }
}

const KEY_BITS = 512 * 1024

/** Keys met lately, by their hashes; all are forgotten when an eighth of the bits is set. */
class RecentKeys {
  readonly #bits = new Uint8Array(KEY_BITS / 8)
  #count = 0

  /** True when the key, or rarely another of the same hash, was met before; it is from now on. */
  meet(key: string): boolean {
    const bit = hashOf(key) % KEY_BITS
    const mask = 1 << (bit & 7)
    const byte = this.#bits[bit >> 3] ?? 0
    if ((byte & mask) !== 0) return true
    this.#bits[bit >> 3] = byte | mask
    this.#count += 1
    if (this.#count > KEY_BITS / 8) {
      this.#bits.fill(0)
      this.#count = 0
    }
    return false
  }
}

/** FNV-1a, 32 bits. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  }
  return hash >>> 0
}
