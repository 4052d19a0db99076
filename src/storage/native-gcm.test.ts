import { createCipheriv, randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type GcmParts, NativeGcm } from './native-gcm.ts'
import { findOpenSsl } from './openssl.ts'

function gcmOf(key: Uint8Array): NativeGcm {
  const openSsl = findOpenSsl()
  if (!openSsl) throw new Error('This Node shows no OpenSSL.')
  return new NativeGcm(openSsl, key)
}

function seal(key: Uint8Array, plain: Uint8Array, aad: string): GcmParts {
  const iv = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', key, iv)
  cipher.setAAD(Buffer.from(aad))
  const text = Buffer.concat([cipher.update(plain), cipher.final()])
  return { iv, aad, text, tag: cipher.getAuthTag() }
}

test('what node:crypto sealed is opened natively, whatever its length', () => {
  const key = randomBytes(32)
  const gcm = gcmOf(key)
  const bytes = fc.uint8Array({ maxLength: 300 })
  fc.assert(
    fc.property(bytes, fc.string({ unit: 'grapheme', maxLength: 2000 }), (plain, aad) => {
      const opened = gcm.open(seal(key, plain, aad))
      expect(opened?.equals(plain)).toBe(true)
    }),
  )
})

test.each([0, 1, 25_600, 32_768, 32_769, 100_000])('a text of %d bytes is opened', (size) => {
  const key = randomBytes(32)
  const text = 'ä'.repeat(size / 2) + 'x'.repeat(size % 2)
  const sealed = seal(key, Buffer.from(text), 'place')
  expect(gcmOf(key).openText(sealed)).toBe(text)
})

test('a changed bit anywhere is refused, and the next text is opened all the same', () => {
  const key = randomBytes(32)
  const gcm = gcmOf(key)
  const whole = seal(key, Buffer.from('secret'), 'here')
  expect(gcm.openText({ ...whole, aad: 'there' })).toBeUndefined()
  for (const part of ['iv', 'text', 'tag'] as const) {
    const changed = Buffer.from(whole[part])
    changed[0] = (changed[0] ?? 0) ^ 1
    expect(gcm.open({ ...whole, [part]: changed })).toBeUndefined()
    expect(gcm.openText({ ...whole, [part]: changed })).toBeUndefined()
    expect(gcm.openText(whole)).toBe('secret')
  }
  expect(gcmOf(randomBytes(32)).open(whole)).toBeUndefined()
})
