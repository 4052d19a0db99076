import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { KeyObjects } from './key-objects.ts'
import { openRsa, pkcs1Sign } from './rsa.ts'

const secrets = Array.from({ length: 3 }, () =>
  generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({
    format: 'der',
    type: 'pkcs8',
  }),
)
const [first = Buffer.alloc(0), second = Buffer.alloc(0)] = secrets

test('a key in use is opened once, and each secret has its own', () => {
  const keys = new KeyObjects(() => 0)
  expect(keys.rsa(first)).toBe(keys.rsa(Buffer.from(first)))
  expect(keys.rsa(second)).not.toBe(keys.rsa(first))
  const digest = randomBytes(32)
  expect(pkcs1Sign(keys.rsa(second), 'sha256', digest)).toEqual(
    pkcs1Sign(openRsa(second), 'sha256', digest),
  )
})

test('what was not used for a minute is let go', () => {
  let nowMs = 0
  const keys = new KeyObjects(() => nowMs)
  const held = keys.rsa(first)
  keys.rsa(second)
  nowMs = 59_999
  expect(keys.rsa(first)).toBe(held)
  nowMs = 60_000
  expect(keys.prune()).toBe(1)
  nowMs = 119_999
  expect(keys.prune()).toBe(0)
  expect(keys.rsa(first)).not.toBe(held)
})

test('the one that was not used for the longest time gives way to a 65th', () => {
  const keys = new KeyObjects(() => 0)
  const held = keys.rsa(first)
  // PKCS#8 may carry attributes, so that one key has many encodings here.
  for (let i = 0; i < 63; i++) keys.rsa(withAttribute(second, i))
  expect(keys.prune()).toBe(64)
  expect(keys.rsa(first)).toBe(held)
  keys.rsa(withAttribute(second, 64))
  keys.rsa(withAttribute(second, 65))
  expect(keys.prune()).toBe(64)
  expect(keys.rsa(first)).toBe(held)
})

/** The same key with an attribute of one byte: `[0] { SEQUENCE { 1.2.3.4, SET { OCTET STRING } } }`. */
function withAttribute(pkcs8: Buffer, byte: number): Buffer {
  const attribute = Buffer.from([
    ...[0xa0, 12, 0x30, 10, 0x06, 3, 0x2a, 0x03, 0x04],
    ...[0x31, 3, 0x04, 1, byte],
  ])
  const body = Buffer.concat([pkcs8.subarray(4), attribute])
  const head = Buffer.from([0x30, 0x82, body.length >> 8, body.length & 0xff])
  return Buffer.concat([head, body])
}
