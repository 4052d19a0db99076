/** Arithmetic is done modulo the smallest prime above every byte. */
const PRIME = 257

/** Seven bits of a share's word hold its number. */
const NUMBER_LIMIT = 127

export interface Quorum {
  /** How many shares are made, `required` to 127. */
  readonly shares: number
  /** How many of them give the secret back, at least 2. */
  readonly required: number
}

/**
 * Shamir's sharing of every byte by a polynomial of its own. A share is one little-endian word of 16
 * bits for each byte: the number of the share in the upper 7 bits, the value in the lower 9.
 *
 * @throws RangeError for a quorum that cannot be
 */
export function splitBytes(
  secret: Uint8Array,
  { shares, required }: Quorum,
  random: (bytes: Uint16Array<ArrayBuffer>) => void = (words) => crypto.getRandomValues(words),
): Uint8Array<ArrayBuffer>[] {
  if (required < 2 || required > shares || shares > NUMBER_LIMIT) {
    throw new RangeError(`${required} of ${shares} is not a quorum.`)
  }
  const made = Array.from({ length: shares }, () => new Uint8Array(secret.length * 2))
  const next = numbersBelowPrime(random)
  for (const [at, byte] of secret.entries()) {
    const coefficients = Array.from({ length: required - 1 }, next)
    for (const [i, share] of made.entries()) {
      const x = i + 1
      const y = coefficients.reduce((sum, factor) => ((sum + factor) * x) % PRIME, 0)
      new DataView(share.buffer).setUint16(at * 2, (x << 9) | ((y + byte) % PRIME), true)
    }
  }
  return made
}

/** Whole words are drawn and those of the last, incomplete round thrown away, so that all are equally likely. */
function numbersBelowPrime(random: (words: Uint16Array<ArrayBuffer>) => void): () => number {
  const words = new Uint16Array(64)
  let used = words.length
  const limit = 65_536 - (65_536 % PRIME)
  return () => {
    for (;;) {
      if (used === words.length) {
        random(words)
        used = 0
      }
      const word = words[used] ?? limit
      used += 1
      if (word < limit) return word % PRIME
    }
  }
}

/**
 * The secret from exactly as many shares as it requires; fewer give bytes that say nothing of it, or
 * none.
 *
 * @throws RangeError when the shares are of different lengths, the same share twice, or do not fit together
 */
export function joinBytes(shares: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const length = shares[0]?.length ?? 0
  if (length % 2 !== 0 || shares.some((share) => share.length !== length)) throw unfit()
  const secret = new Uint8Array(length / 2)
  for (let at = 0; at < secret.length; at += 1) {
    const points = shares.map((share) => pointAt(share, at))
    const byte = valueAtZero(points)
    if (byte > 255) throw unfit()
    secret[at] = byte
  }
  return secret
}

interface Point {
  readonly x: number
  readonly y: number
}

function pointAt(share: Uint8Array, at: number): Point {
  const word = (share[at * 2] ?? 0) | ((share[at * 2 + 1] ?? 0) << 8)
  const point = { x: word >> 9, y: word & 0x1ff }
  if (point.x === 0 || point.y >= PRIME) throw unfit()
  return point
}

/** Lagrange's interpolation at 0. */
function valueAtZero(points: readonly Point[]): number {
  let sum = 0
  for (const point of points) {
    let above = point.y
    let below = 1
    for (const other of points) {
      if (other === point) continue
      if (other.x === point.x) throw unfit()
      above = (above * other.x) % PRIME
      below = (below * (other.x - point.x + PRIME)) % PRIME
    }
    sum = (sum + above * inverseOf(below)) % PRIME
  }
  return sum
}

/** By Fermat: a to the power of p - 2. */
function inverseOf(value: number): number {
  let result = 1
  for (let i = 0; i < PRIME - 2; i += 1) result = (result * value) % PRIME
  return result
}

function unfit(): RangeError {
  return new RangeError('The shares do not fit together.')
}
