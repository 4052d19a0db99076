import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Masker } from './masker.ts'

/** Few letters, so that values overlap, touch, contain and repeat one another. */
const small = fc.string({ unit: fc.constantFrom('a', 'b', 'é', ' '), minLength: 1, maxLength: 9 })
const ordinary = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
const withUrl = fc.string({
  unit: fc.constantFrom('/', '/', '/', ':', '@', 'u', '%', '\n', '?'),
  maxLength: 30,
})
const secrets = fc.array(fc.oneof(small, ordinary), { maxLength: 8 })
const origins = fc.constantFrom('job', 'variable', 'secret', 'raw' as const)

const cases = fc
  .record({ values: secrets, origin: origins, noise: fc.array(fc.oneof(small, ordinary, withUrl)) })
  .chain(({ values, origin, noise }) =>
    fc.record({
      values: fc.constant(values),
      origin: fc.constant(origin),
      text: fc
        .array(fc.constantFrom('a', ...values, ...noise), { maxLength: 30 })
        .map((parts) => parts.join('')),
    }),
  )

function maskerOf(values: readonly string[], origin: 'job' | 'variable' | 'secret' | 'raw') {
  const masker = new Masker()
  for (const value of values) masker.add(value, origin)
  return masker
}

/** All hits of all values, merged where they overlap or touch: the rule, word for word. */
function naiveMask(text: string, values: readonly string[]): string {
  const hidden = new Array<boolean>(text.length).fill(false)
  for (const value of values) {
    for (let at = text.indexOf(value); at !== -1; at = text.indexOf(value, at + 1)) {
      hidden.fill(true, at, at + value.length)
    }
  }
  return [...text.split('')]
    .map((character, i) => (!hidden[i] ? character : hidden[i - 1] ? '' : '***'))
    .join('')
}

test('a masked text holds no value that was registered', () => {
  fc.assert(
    fc.property(cases, ({ values, origin, text }) => {
      const masked = maskerOf(values, origin).mask(text)
      const leaked = values.filter(
        (value) => value.trim() !== '' && !value.includes('*') && masked.includes(value),
      )
      expect(leaked).toEqual([])
    }),
    { numRuns: 400 },
  )
})

test('plain values are masked exactly as by looking for each of them at every place', () => {
  const plain = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 7 })
  const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'd'), maxLength: 60 })
  fc.assert(
    fc.property(fc.array(plain, { maxLength: 12 }), text, (values, line) => {
      expect(maskerOf(values, 'raw').mask(line)).toBe(naiveMask(line, values))
    }),
    { numRuns: 1_000 },
  )
})

test('text and bytes get the same answer', () => {
  fc.assert(
    fc.property(cases, ({ values, origin, text }) => {
      const masker = maskerOf(values, origin)
      expect(Buffer.from(masker.maskBytes(Buffer.from(text))).toString()).toBe(
        masker.mask(text).toWellFormed(),
      )
    }),
    { numRuns: 300 },
  )
})

test('a text that comes in pieces is masked as the whole, wherever it is cut', () => {
  const cuts = fc.array(fc.nat({ max: 400 }), { maxLength: 20 })
  fc.assert(
    fc.property(cases, cuts, ({ values, origin, text }, places) => {
      const masker = maskerOf(values, origin)
      const bytes = Buffer.from(text)
      const stream = masker.stream()
      const pieces: Uint8Array[] = []
      let from = 0
      for (const cut of [...places.sort((a, b) => a - b), bytes.length]) {
        pieces.push(stream.write(bytes.subarray(from, Math.max(from, cut))))
        from = Math.max(from, Math.min(cut, bytes.length))
      }
      pieces.push(stream.end())
      expect(Buffer.concat(pieces).toString()).toBe(Buffer.from(masker.maskBytes(bytes)).toString())
    }),
    { numRuns: 600 },
  )
})

test.each([8_191, 8_192, 20_000])('a URL password of %i characters is masked in pieces', (size) => {
  const text = `x https://user:${'p'.repeat(size)}@host`
  const stream = new Masker().stream()
  const pieces = (text.match(/.{1,1000}/g) ?? []).map((piece) => stream.write(Buffer.from(piece)))
  expect(Buffer.concat([...pieces, stream.end()]).toString()).toBe('x https://user:***@host')
})

test('values added one by one are found like values added at once, whatever their lengths', () => {
  const lengths = fc.array(fc.integer({ min: 1, max: 80 }), { minLength: 1, maxLength: 40 })
  fc.assert(
    fc.property(lengths, (sizes) => {
      const values = sizes.map(
        (size, i) => `${String.fromCharCode(97 + (i % 26))}${'x'.repeat(size)}!`,
      )
      const masker = new Masker()
      for (const value of values) {
        masker.add(value, 'raw')
        expect(masker.mask(`[${value}]`)).toBe('[***]')
      }
      expect(masker.mask(values.join(' '))).toBe(values.map(() => '***').join(' '))
    }),
    { numRuns: 50 },
  )
})
