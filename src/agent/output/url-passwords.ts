import type { Ranges } from './ranges.ts'

const SLASHES = Buffer.from('//')
const [SLASH, COLON, AT] = [0x2f, 0x3a, 0x40]

/** A password in a URL longer than this is hidden before its `@` has been seen. */
const LONGEST_UNDECIDED = 8_192

/** Letters, digits, `_ . ~ - %`, the sub-delimiters, `:` and everything outside ASCII. */
const IS_PASSWORD = byteSet("_.~-%!$&'()*+,;=:", (byte) => byte >= 0x80 || isAlphanumeric(byte))
/** What ends the user's name without a password: `/ ? #` and the line's end. */
const ENDS_USER = byteSet('/?#\n', () => false)

type Phase = 'outside' | 'slash' | 'userStart' | 'user' | 'password'

/**
 * Finds the password of `//user:password@` wherever it stands. It reads each byte once and keeps
 * its place between calls, so that a URL may come in pieces.
 */
export class UrlPasswordScanner {
  #phase: Phase = 'outside'
  /** Where the password began, counted from the first byte ever scanned. */
  #start = 0
  #overlong = false
  #scanned = 0

  /** Where a password began of which it is not yet known whether it is one; Infinity when none. */
  get undecidedFrom(): number {
    return this.#phase === 'password' ? this.#start : Number.POSITIVE_INFINITY
  }

  /** Adds passwords that are certain by the end of `bytes`; positions count from the first call. */
  scan(bytes: Buffer, found: Ranges): void {
    const base = this.#scanned
    let at = 0
    while (at < bytes.length) {
      if (this.#phase === 'outside') at = this.#seek(bytes, at)
      else if (this.#phase === 'password') at = this.#readPassword(bytes, at, base, found)
      else at = this.#readUser(bytes, at, base)
    }
    this.#scanned = base + bytes.length
    if (this.#phase === 'password') this.#hideOverlong(this.#scanned, found)
  }

  #seek(bytes: Buffer, from: number): number {
    const at = bytes.indexOf(SLASHES, from)
    if (at !== -1) {
      this.#phase = 'userStart'
      return at + SLASHES.length
    }
    if (bytes.at(-1) === SLASH) this.#phase = 'slash'
    return bytes.length
  }

  #readUser(bytes: Buffer, from: number, base: number): number {
    let at = from
    while (at < bytes.length) {
      const byte = bytes[at] as number
      at++
      if (this.#phase === 'slash') {
        this.#phase = byte === SLASH ? 'userStart' : 'outside'
        // The byte after a lone slash is looked at again: it may matter to nobody, or be a letter.
        if (this.#phase === 'outside') return at
      } else if (byte === COLON && this.#phase === 'user') {
        this.#phase = 'password'
        this.#start = base + at
        this.#overlong = false
        return at
      } else if (byte === SLASH) {
        // `///user:` is `//user:` as well, but `//user/` needs two more slashes.
        if (this.#phase === 'user') this.#phase = 'slash'
      } else if (byte === COLON || ENDS_USER[byte] === 1) {
        this.#phase = 'outside'
        return at
      } else this.#phase = 'user'
    }
    return at
  }

  #readPassword(bytes: Buffer, from: number, base: number, found: Ranges): number {
    let at = from
    while (at < bytes.length && IS_PASSWORD[bytes[at] as number] === 1) at++
    if (at === bytes.length) return at
    const end = base + at
    this.#hideOverlong(end, found)
    if (bytes[at] === AT && end > this.#start) found.add(this.#start, end)
    this.#phase = bytes[at] === SLASH ? 'slash' : 'outside'
    return at + 1
  }

  #hideOverlong(end: number, found: Ranges): void {
    if (!this.#overlong && end - this.#start < LONGEST_UNDECIDED) return
    this.#overlong = true
    if (end > this.#start) found.add(this.#start, end)
    this.#start = end
  }
}

function byteSet(characters: string, more: (byte: number) => boolean): Uint8Array {
  const isIn = (byte: number) => more(byte) || characters.includes(String.fromCharCode(byte))
  return Uint8Array.from({ length: 256 }, (_, byte) => (isIn(byte) ? 1 : 0))
}

function isAlphanumeric(byte: number): boolean {
  return /[0-9A-Za-z]/.test(String.fromCharCode(byte))
}
