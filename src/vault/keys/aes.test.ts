import { expect, test } from 'vitest'
import { unwrap, wrap } from './aes.ts'

const key = Buffer.alloc(32, 7)

test.each([0, 8, 16, 20])('%i bytes are no wrapped key', (length) => {
  expect(unwrap(key, Buffer.alloc(length), false)).toBeUndefined()
})

test.each([0, 8, 12])('%i bytes are no wrapped key with padding', (length) => {
  expect(unwrap(key, Buffer.alloc(length), true)).toBeUndefined()
})

test('nothing cannot be wrapped, one byte only with padding', () => {
  expect(wrap(key, Buffer.alloc(0), false)).toBeUndefined()
  expect(wrap(key, Buffer.alloc(0), true)).toBeUndefined()
  expect(wrap(key, Buffer.alloc(1), false)).toBeUndefined()
  expect(unwrap(key, wrap(key, Buffer.alloc(1, 5), true) ?? Buffer.alloc(0), true)).toEqual(
    Buffer.alloc(1, 5),
  )
})
