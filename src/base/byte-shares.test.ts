import fc from 'fast-check'
import { expect, test } from 'vitest'
import { joinBytes, splitBytes } from './byte-shares.ts'

const quorum = fc
  .tuple(fc.integer({ min: 2, max: 12 }), fc.integer({ min: 0, max: 115 }))
  .map(([required, more]) => ({ required, shares: required + more }))
const secret = fc.uint8Array({ minLength: 1, maxLength: 64 })

test('any shares that reach the quorum give the secret back, in any order', () => {
  fc.assert(
    fc.property(
      secret,
      quorum,
      fc.infiniteStream(fc.nat()),
      (bytes, { required, shares }, picks) => {
        const left = splitBytes(bytes, { required, shares })
        const chosen = Array.from({ length: required }, () => {
          const at = (picks.next().value ?? 0) % left.length
          return left.splice(at, 1)[0] as Uint8Array
        })
        expect([...joinBytes(chosen)]).toEqual([...bytes])
      },
    ),
  )
})

test('one share less than the quorum fits every secret equally well', () => {
  // For one byte and 2 of 3: whatever the share, each of the 256 bytes has exactly one polynomial
  // through it, so the values of one share are spread evenly over all 257 numbers for any secret.
  const counts = (byte: number) => {
    const seen = new Array<number>(257).fill(0)
    const bytes = new Uint8Array(20_000).fill(byte)
    const [share = new Uint8Array()] = splitBytes(bytes, { required: 2, shares: 3 })
    const words = new DataView(share.buffer)
    for (let at = 0; at < bytes.length; at += 1) {
      const y = words.getUint16(at * 2, true) & 0x1ff
      seen[y] = (seen[y] ?? 0) + 1
    }
    return seen
  }
  for (const byte of [0, 1, 255]) {
    // 78 are expected of each; fewer than 25 or more than 160 happen less than once in 10^6 runs.
    expect(Math.min(...counts(byte))).toBeGreaterThan(20)
    expect(Math.max(...counts(byte))).toBeLessThan(180)
  }
})

test('one share less than the quorum does not give the secret', () => {
  const bytes = crypto.getRandomValues(new Uint8Array(32))
  for (const required of [3, 5, 10]) {
    const shares = splitBytes(bytes, { required, shares: 10 }).slice(0, required - 1)
    const guess = (() => {
      try {
        return joinBytes(shares)
      } catch {
        return new Uint8Array()
      }
    })()
    expect([...guess]).not.toEqual([...bytes])
  }
})

test('each byte has a polynomial of its own: equal bytes have different shares', () => {
  const [share = new Uint8Array()] = splitBytes(new Uint8Array(64), { required: 2, shares: 2 })
  const words = new Set(new Uint16Array(share.buffer))
  expect(words.size).toBeGreaterThan(20)
})

test.each([
  { case: 'a quorum of one', required: 1, shares: 3 },
  { case: 'more required than made', required: 4, shares: 3 },
  { case: 'more shares than numbers', required: 2, shares: 128 },
])('$case is refused', ({ required, shares }) => {
  expect(() => splitBytes(new Uint8Array(4), { required, shares })).toThrow(RangeError)
})

test('shares of different lengths, and one share twice, are refused', () => {
  const [one, two] = splitBytes(new Uint8Array(4), { required: 2, shares: 2 }) as [
    Uint8Array,
    Uint8Array,
  ]
  expect(() => joinBytes([one, two.subarray(2)])).toThrow(RangeError)
  expect(() => joinBytes([one, one])).toThrow(RangeError)
})

test('a share has the number in the upper seven bits of each word and the value below', () => {
  // y = 7 + 3x: with the random words fixed at 3, the shares of 7 are 10, 13, 16.
  const fixed = (words: Uint16Array) => words.fill(3)
  const shares = splitBytes(new Uint8Array([7]), { required: 2, shares: 3 }, fixed)
  expect(shares.map((share) => [...share])).toEqual([
    [10, 1 << 1],
    [13, 2 << 1],
    [16, 3 << 1],
  ])
})
