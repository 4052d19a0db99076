import { expect, test } from 'vitest'
import { type Layout, pack, packAll, readUlong, ulongBytes } from './layout.ts'

const UNIX: Layout = { ulongBytes: 8, isPacked: false }
const WINDOWS: Layout = { ulongBytes: 4, isPacked: true }
const address = 0x0102030405060708n
const addressOf = () => address
const at = { at: Buffer.from('abc') }

test.each([
  [
    'an attribute on Unix',
    UNIX,
    [0x102, at, 3],
    '0201000000000000 0807060504030201 0300000000000000',
  ],
  ['an attribute on Windows', WINDOWS, [0x102, at, 3], '02010000 0807060504030201 03000000'],
  [
    'a null pointer',
    UNIX,
    [1, { at: undefined }, 0],
    '0100000000000000 0000000000000000 0000000000000000',
  ],
  [
    'padding at the end',
    { ulongBytes: 4, isPacked: false } as Layout,
    [at, 1],
    '0807060504030201 01000000 00000000',
  ],
])('%s is laid out as a compiler does', (_case, layout, members, hex) => {
  expect(pack(layout, addressOf, members).bytes.toString('hex')).toBe(hex.replaceAll(' ', ''))
})

test('a template is its attributes in a row, with all that they point to', () => {
  const { bytes, holds } = packAll(WINDOWS, addressOf, [
    [1, at, 3],
    [2, at, 3],
  ])
  expect(bytes.length).toBe(32)
  expect(holds).toHaveLength(2)
})

test.each([UNIX, WINDOWS])('numbers are read as they are written, %o', (layout) => {
  expect(readUlong(layout, ulongBytes(layout, 0x8000_0001), 0)).toBe(0x8000_0001)
  expect(readUlong(layout, Buffer.alloc(8, 0xff), 0)).toBe(-1)
})
