import { expect, test } from 'vitest'
import { Masker } from './masker.ts'

const SECRET = `p4$$ w'o"r&d/<\\>+é`

function masked(value: string, line: string, strength: 'parity' | 'strong' = 'strong'): string {
  const masker = new Masker({ strength })
  masker.add(value, 'variable')
  return masker.mask(line)
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}

test.each([
  ['base64', base64(SECRET)],
  ['base64 without padding', base64(SECRET).replaceAll('=', '')],
  ['base64url', Buffer.from(SECRET).toString('base64url')],
  ['hex', Buffer.from(SECRET).toString('hex')],
  ['hex in capitals', Buffer.from(SECRET).toString('hex').toUpperCase()],
  ['percent-encoded in small letters', encodeURIComponent(SECRET).toLowerCase()],
  ['percent-encoded as browsers do', encodeURIComponent(SECRET)],
  ['form-encoded', new URLSearchParams({ a: SECRET }).toString().slice(2).replaceAll('%27', '%27')],
  [
    'percent-encoded twice',
    encodeURIComponent(encodeURIComponent(SECRET)).replaceAll("'", '%2527'),
  ],
  ['JSON', JSON.stringify(SECRET).slice(1, -1)],
  ['JSON with escaped slashes', SECRET.replaceAll('/', '\\/')],
  [
    'XML',
    SECRET.replaceAll('&', '&amp;')
      .replaceAll('<', '&lt;')
      .replaceAll('>', '&gt;')
      .replaceAll('"', '&quot;')
      .replaceAll("'", '&#39;'),
  ],
  ['a shell’s single quotes', SECRET.replaceAll("'", "'\\''")],
  ['a shell’s double quotes', SECRET.replace(/["$`\\!]/g, '\\$&')],
  ['PowerShell’s single quotes', SECRET.replaceAll("'", "''")],
  ['PowerShell’s double quotes', SECRET.replace(/[`$"]/g, '`$&')],
  ['reversed', [...SECRET].reverse().join('')],
])('strong masking hides %s', (_, line) => {
  expect(masked(SECRET, `[${line}]`)).toMatch(/^\[\*\*\*=*\]$/)
})

test.each([0, 1, 2, 3, 4, 5])('base64 of a longer text, %i bytes before the secret', (before) => {
  const secret = 'correct-horse-battery'
  const line = base64(`${'u'.repeat(before)}${secret}:tail`)
  const rest = masked(secret, line)
  expect(rest).toContain('***')
  // At most the characters that the secret shares with its neighbours stay.
  const left = Buffer.from(rest.split('***')[0] ?? '', 'base64').toString()
  expect(left.replaceAll('u', '').length).toBeLessThanOrEqual(1)
})

test.each([
  [
    'a text in a JSON value',
    '{"user":"admin-1","nested":[{"key":"deep-value-1"}]}',
    'x deep-value-1',
  ],
  ['its base64', '{"key":"deep-value-1"}', `x ${base64('deep-value-1').replaceAll('=', '')}`],
])('strong masking hides %s, parity does not', (_, value, line) => {
  expect(masked(value, line)).toBe('x ***')
  expect(masked(value, line, 'parity')).not.toBe('x ***')
})

test('short values get no transformations, so that logs stay readable', () => {
  expect(masked('abc', 'cba 616263 YWJj')).toBe('cba 616263 ***')
})

test('innocent text stays as it is', () => {
  const text =
    'Compiling module 1 of 20 in src/components/Button.tsx: 143 ms (YWJjZGVm, 0xdeadbeef)'
  expect(masked(SECRET, text)).toBe(text)
})
