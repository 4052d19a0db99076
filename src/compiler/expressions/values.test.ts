import { expect, test } from 'vitest'
import { DateTime } from './date-time.ts'
import {
  ArrayValue,
  fromJson,
  type Kind,
  kindOf,
  ObjectValue,
  toJson,
  type Value,
} from './kinds.ts'
import { toLower, toUpper } from './text.ts'
import { castTo, toBoolean, toNumber, toText } from './values.ts'
import { compareVersions, parseVersion, Version } from './version.ts'

const list = new ArrayValue([1])
const map = new ObjectValue({ a: 1 })
const version = new Version([1, 2, 3])
const moment = new DateTime(Date.UTC(2026, 0, 2, 3, 4, 5), 90)
const FAILS = undefined

/** The table of casts (one row a value): Boolean, Number, String, Version, Null. */
const matrix: readonly [Value, ...(Value | undefined)[]][] = [
  [null, false, 0, '', FAILS, null],
  [true, true, 1, 'True', FAILS, FAILS],
  [false, false, 0, 'False', FAILS, FAILS],
  [0, false, 0, '0', FAILS, FAILS],
  [-2, true, -2, '-2', FAILS, FAILS],
  [1.5, true, 1.5, '1.5', new Version([1, 5]), FAILS],
  [-1.5, true, -1.5, '-1.5', FAILS, FAILS],
  ['', false, 0, '', FAILS, null],
  ['False', true, FAILS, 'False', FAILS, FAILS],
  [' 12 ', true, 12, ' 12 ', FAILS, FAILS],
  ['1.2', true, 1.2, '1.2', new Version([1, 2]), FAILS],
  ['1.2.3', true, FAILS, '1.2.3', new Version([1, 2, 3]), FAILS],
  ['1.2.3.4', true, FAILS, '1.2.3.4', new Version([1, 2, 3, 4]), FAILS],
  ['1.2.3.4.5', true, FAILS, '1.2.3.4.5', FAILS, FAILS],
  [version, true, FAILS, '1.2.3', version, FAILS],
  [moment, true, FAILS, '2026-01-02 04:34:05+01:30', FAILS, FAILS],
  [list, true, FAILS, FAILS, FAILS, FAILS],
  [map, true, FAILS, FAILS, FAILS, FAILS],
]
const columns = ['Boolean', 'Number', 'String', 'Version', 'Null'] as const
const casts = matrix.flatMap(([value, ...row]) => {
  return columns.map((to, i) => ({ from: kindOf(value), value, to, expected: row[i] }))
})

test.each(casts)('$from $value as $to', ({ value, to, expected }) => {
  expect(castTo(value, to)).toEqual(expected)
})

test.each(casts)('$from $value as $to by its own function', ({ value, to, expected }) => {
  if (to === 'Boolean') expect(toBoolean(value)).toBe(expected)
  if (to === 'Number') expect(toNumber(value)).toBe(expected)
  if (to === 'String') expect(toText(value)).toBe(expected)
})

test.each<[Kind, Value]>([
  ['DateTime', moment],
  ['Array', list],
  ['Object', map],
])('only a %s has that form', (kind, value) => {
  expect(castTo(value, kind)).toBe(value)
  expect(matrix.filter(([other]) => castTo(other, kind) !== undefined)).toHaveLength(1)
})

test.each([
  ['1,000', 1000],
  ['1,000,000,000,000', 1e12],
  ['1,0,', 10],
  ['+.5', 0.5],
  ['-5.', -5],
  ['-1,234.5', -1234.5],
  ['\t7\n', 7],
  [',1', undefined],
  ['1.0,0', undefined],
  ['1e3', undefined],
  ['0x10', undefined],
  ['- 1', undefined],
  ['.', undefined],
  ['+', undefined],
  ['1-', undefined],
  ['Infinity', undefined],
  ['NaN', undefined],
  ['9'.repeat(400), undefined],
])('the text %j as a Number is %s', (text, expected) => {
  expect(toNumber(text)).toBe(expected)
})

test.each([
  [0.1 + 0.2, '0.3'],
  [1 / 3, '0.3333333'],
  [2 / 3, '0.6666667'],
  [0.00000005, '0.0000001'],
  [0.00000004, '0'],
  [-0.00000004, '0'],
  [-0, '0'],
  [0.99999999, '1'],
  [-0.99999999, '-1'],
  [123456.789, '123456.789'],
  [1e20, '100000000000000000000'],
  [1.5e21, '1500000000000000000000'],
  [123456789012345680, '123456789012346000'],
  [99999999.99999999, '100000000'],
])('the number %d as text is %s', (number, expected) => {
  expect(toText(number)).toBe(expected)
})

test.each([
  ['1', undefined],
  ['1.', undefined],
  ['1.-2', undefined],
  ['1.2147483648', undefined],
  ['1.2147483647', '1.2147483647'],
  ['01.002', '1.2'],
  [' 1 . 2 ', '1.2'],
])('the text %j as a Version is %s', (text, expected) => {
  expect(parseVersion(text)?.toString()).toBe(expected)
})

test('a version with fewer parts is older', () => {
  const [short, long] = [new Version([1, 2]), new Version([1, 2, 0])]
  expect(compareVersions(short, long)).toBeLessThan(0)
  expect(compareVersions(new Version([1, 10]), new Version([1, 9, 9]))).toBeGreaterThan(0)
})

test('JSON goes in and comes out unchanged, however it is named', () => {
  const json = { a: [1, 'x', null, { B: true }], ['__proto__']: 'own', constructor: 2 }
  expect(toJson(fromJson(json))).toEqual(json)
  expect(toJson(fromJson(JSON.parse('{"__proto__":{"x":1}}')))).toEqual(
    JSON.parse('{"__proto__":{"x":1}}'),
  )
})

test('values inside JSON stay values, and become text in JSON', () => {
  const value = fromJson({ v: version, at: moment, inner: new ObjectValue({ list }) })
  expect(toJson(value)).toEqual({
    v: '1.2.3',
    at: '2026-01-02 04:34:05+01:30',
    inner: { list: [1] },
  })
})

test('names of members compare without case and keep their spelling', () => {
  const value = new ObjectValue({ Größe: 1, İ: 2, a: 3, A: 4 })
  expect(value.keys()).toEqual(['Größe', 'İ', 'a', 'A'])
  expect(value.member('GRÖßE')).toBe(1)
  expect(value.member('A')).toBe(4)
  expect(value.member('i')).toBe(undefined)
  expect(value.member('toString')).toBe(undefined)
  expect(value.member('__proto__')).toBe(undefined)
})

test('what JSON cannot hold is Null', () => {
  expect([undefined, Symbol('s'), () => 1].map(fromJson)).toEqual([null, null, null])
  expect(fromJson(12n)).toBe(12)
})

test('a Map is a mapping that keeps the order of names that are whole numbers', () => {
  const value = new ObjectValue(
    new Map<string, unknown>([
      ['b', [1]],
      ['10', null],
      ['2', 'x'],
    ]),
  )
  expect(value.entries().map(([name, member]) => [name, toJson(member)])).toEqual([
    ['b', [1]],
    ['10', null],
    ['2', 'x'],
  ])
  expect([value.size, value.member('B') === value.member('b'), value.member('3')]).toEqual([
    3,
    true,
    undefined,
  ])
})

test.each([
  ['ΑΣ', 'ΑΣ', 'ασ'],
  ['ß', 'ß', 'ß'],
  ['ıſ', 'ıſ', 'ıſ'],
  ['\u212a', '\u212a', '\u212a'],
  ['İ', 'İ', 'İ'],
  ['ﬁä', 'ﬁÄ', 'ﬁä'],
  ['\u{10428}', '\u{10400}', '\u{10428}'],
  ['\ud801', '\ud801', '\ud801'],
])('%j in upper case is %j, in lower case %j', (text, upper, lower) => {
  expect([toUpper(text), toLower(text)]).toEqual([upper, lower])
})

test('every character maps alone as it does inside text', () => {
  const chars = Array.from({ length: 0x500 }, (_, code) => String.fromCharCode(code))
  expect(toUpper(chars.join(''))).toBe(chars.map(toUpper).join(''))
  expect(toLower(chars.join(''))).toBe(chars.map(toLower).join(''))
})
