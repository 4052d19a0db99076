import { expect, test } from 'vitest'
import { runtimeExpression, splitTemplate, toFormatExpression } from './template-text.ts'
import { run } from './testing.ts'

const open = '$' + '{{'

test.each<[string, readonly [string, string, number][]]>([
  ['', []],
  ['plain }} text', [['text', 'plain }} text', 0]]],
  [`${open} a }}`, [['expression', 'a', 4]]],
  [`${open}a}}`, [['expression', 'a', 3]]],
  [
    `x${open} a }}y${open} b }}`,
    [
      ['text', 'x', 0],
      ['expression', 'a', 5],
      ['text', 'y', 9],
      ['expression', 'b', 14],
    ],
  ],
  [`${open} '}}' }}`, [['expression', "'}}'", 4]]],
  [`${open} 'it''s }}' }}`, [['expression', "'it''s }}'", 4]]],
  [`${open} '${open}' }}`, [['expression', `'${open}'`, 4]]],
  [`${open} }}`, [['expression', '', 4]]],
  ['$' + '{ {a}}', [['text', '$' + '{ {a}}', 0]]],
  [
    `it's ${open} a }} isn't`,
    [
      ['text', "it's ", 0],
      ['expression', 'a', 9],
      ['text', " isn't", 13],
    ],
  ],
])('%j has the pieces %j', (text, expected) => {
  const split = splitTemplate(text)
  const pieces = split.ok ? split.pieces : []
  expect(pieces.map((piece) => [piece.kind, piece.text, piece.start])).toEqual(expected)
  for (const piece of pieces) expect(text.slice(piece.start, piece.end)).toBe(piece.text)
})

test.each([
  [`ab${open} x`, 2],
  [`${open} '}}`, 0],
  [`${open} a }} ${open}`, 9],
])('%j is not closed at %d', (text, position) => {
  expect(splitTemplate(text)).toMatchObject({
    ok: false,
    error: { position, message: expect.stringContaining('The expression is not closed.') },
  })
})

test.each([
  [`a${open} 'x' }}{b}'${open} 1 }}`, "ax{b}'1"],
  ['only text', 'only text'],
])('%j stands for one format expression that gives %j', (text, expected) => {
  const split = splitTemplate(text)
  expect(run(toFormatExpression(split.ok ? split.pieces : []))).toBe(expected)
})

test('the built expression is what the length limit is about', () => {
  const text = (filler: number) => 'x'.repeat(filler) + `${open} 'a' }}`.repeat(40)
  const built = (filler: number) => {
    const split = splitTemplate(text(filler))
    return toFormatExpression(split.ok ? split.pieces : [])
  }
  expect(run(built(2_500))).toBe('x'.repeat(2_500) + 'a'.repeat(40))
  expect(run(built(21_000))).toEqual({ error: 'Exceeded max expression length 21000' })
})

test.each([
  ['$[ variables.a ]', 'variables.a'],
  ['  $[a]  ', 'a'],
  ["$[ a['b'] ]", "a['b']"],
  ['$[]', ''],
  ['x $[ a ]', undefined],
  ['$[ a ] x', undefined],
  ['$[', undefined],
  ['$(a)', undefined],
  ['', undefined],
])('%j as a runtime expression is %j', (text, expected) => {
  expect(runtimeExpression(text)).toBe(expected)
})
