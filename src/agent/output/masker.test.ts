import { expect, test } from 'vitest'
import { Sealed } from '../../base/sealed.ts'
import type { SecretOrigin } from './encodings.ts'
import { Masker } from './masker.ts'

type Row = readonly [number, SecretOrigin, readonly string[], string, string]

function maskerWith(origin: SecretOrigin, values: readonly string[]): Masker {
  const masker = new Masker()
  for (const value of values) masker.add(new Sealed(value), origin)
  return masker
}

const U10437 = '\u{10437}'
const PEM = '-----BEGIN KEY-----\nAAAA\nBBBB\n-----END KEY-----\n'

/** facts/integration.md §4.6; rows 45-47, 54-56 and 60 are tests of their own below. */
const vectors: readonly Row[] = [
  [1, 'job', ['hunter2'], 'pwd is hunter2', 'pwd is ***'],
  [2, 'job', ['hunter2'], 'pwd is HUNTER2', 'pwd is HUNTER2'],
  [3, 'job', ['hunter2'], 'hunter2hunter2!', '***!'],
  [4, 'job', ['abcabc'], 'abcabcabc', '***'],
  [5, 'job', ['abc123'], 'abc then 123', 'abc then 123'],
  [6, 'job', ['p w'], 'x=p%20w&y=p w', 'x=***&y=***'],
  [7, 'job', ['a/b+c='], 'q=a%2Fb%2Bc%3D', 'q=***'],
  [8, 'job', ["it's(1)!*"], 'it%27s%281%29%21%2A', '***'],
  [8, 'job', ["it's(1)!*"], "it's%281%29%21%2A", "it's%281%29%21%2A"],
  [8, 'job', ["it's(1)!*"], "it's(1)!*", '***'],
  [9, 'job', ['he said "hi"\\x'], '{"v":"he said \\"hi\\"\\\\x"}', '{"v":"***"}'],
  [10, 'job', ['tab\there'], 'tab\\there', '***'],
  [11, 'job', ['a\\nb'], 'a\nb', '***'],
  [12, 'job', ['100%sure'], '100%AZP25sure', '***'],
  [13, 'job', ['s3cr3t'], 'czNjcjN0', '***'],
  [14, 'job', ['s3cr3t'], 'dXNlcjpzM2NyM3Q=', 'dXNlcjpzM2NyM3Q='],
  [15, 'job', ['s3cr3t!!'], 'czNjcjN0ISE', 'czNjcjN0ISE'],
  [16, 'job', ['s3cr3t'], '733363723374', '733363723374'],
  [17, 'job', ['s3cr3t'], 't3rc3s', 't3rc3s'],
  [18, 'job', ['s3cr3t'], 's 3 c r 3 t', 's 3 c r 3 t'],
  [19, 'job', ['"quoted"'], 'echo quoted', 'echo ***'],
  [20, 'job', ["'quoted'"], 'echo quoted', 'echo ***'],
  [21, 'job', ['"mixed\''], 'mixed', 'mixed'],
  [22, 'job', ['  padded  '], '[padded]', '[***]'],
  [23, 'job', ['\tpadded\t'], '[padded]', '[padded]'],
  [24, 'job', ['   '], 'a   b', 'a   b'],
  // The agent lets a single line of a value of several lines through; every line is masked here.
  [25, 'job', ['line1\nline2'], 'line1', '***'],
  [26, 'job', ['line1\nline2'], 'line1%0Aline2', '***'],
  [27, 'job', ['line1\nline2'], '{"k":"line1\\nline2"}', '{"k":"***"}'],
  [28, 'job', ['1'], 'version 1.21.1', 'version ***.2***.***'],
  [29, 'job', ['{"a":"zz","b":1}'], 'zz', 'zz'],
  [30, 'job', ['{"a":"zz","b":1}'], '{ "a": "zz", "b": 1 }', '{ "a": "zz", "b": 1 }'],
  [31, 'variable', ['a;b]c%d'], 'a;b]c%d | a%3Bb%5Dc%AZP25d', '*** | ***'],
  [32, 'variable', ['s3cr3t'], 'czNjcjN0', 'czNjcjN0'],
  [33, 'variable', ['"quoted"'], 'quoted', 'quoted'],
  [34, 'variable', ['x y'], 'x%20y', '***'],
  [35, 'secret', ['tok-12345'], 'Bearer tok-12345', 'Bearer ***'],
  [36, 'secret', [''], 'nothing', 'nothing'],
  [37, 'raw', ['bcd', 'def'], 'abcdefg', 'a***g'],
  [38, 'raw', ['bcd', 'efg'], 'abcdefgh', 'a***h'],
  [39, 'raw', ['bcd', 'fgh'], 'abcdefghi', 'a***e***i'],
  [
    40,
    'raw',
    [],
    'git clone https://user:pass@example.com/x',
    'git clone https://user:***@example.com/x',
  ],
  [41, 'raw', [], 'https://simpledomain@example.com', 'https://simpledomain@example.com'],
  [
    42,
    'raw',
    [],
    'https://url.com:443/~user/foo=bar+42-18?what=this.is.an.example....~~many@&param=value',
    'https://url.com:443/~user/foo=bar+42-18?what=this.is.an.example....~~many@&param=value',
  ],
  [43, 'raw', [], "https://user:pass4';.!&*()=,$-+~@example.com", 'https://user:***@example.com'],
  [
    44,
    'raw',
    [],
    'https://username%AZP2510%AZP25A3:password123@example.com',
    'https://username%AZP2510%AZP25A3:***@example.com',
  ],
  [48, 'variable', [PEM], 'AAAA', '***'],
  [49, 'variable', [PEM], 'CCCCAAAACCCC', 'CCCC***CCCC'],
  [
    50,
    'variable',
    ['{"a":1,"b":"x\\ny"}'],
    '{"a":1,"b":"x\\ny"} {\\"a\\":1,\\"b\\":\\"x\\\\ny\\"}',
    '*** ***',
  ],
  [51, 'variable', ['café'], 'caf%C3%A9 café', '*** ***'],
  [52, 'variable', [U10437.repeat(2)], '%F0%90%90%B7%F0%90%90%B7', '***'],
  [53, 'job', ['abcdef'], 'abc\u001b[0mdef', 'abc\u001b[0mdef'],
  [
    57,
    'raw',
    ['0f7b6a52-4a10-4a6e-8f0e-7a8f1d2c3b4a'],
    'appid=0f7b6a52-4a10-4a6e-8f0e-7a8f1d2c3b4a',
    'appid=***',
  ],
  [58, 'raw', [], 'tid=0f7b6a52', 'tid=0f7b6a52'],
  [59, 'variable', ['oldval', 'newval'], 'newval', '***'],
]

test.each(vectors)('vector %i: %s %j', (_, origin, values, line, expected) => {
  const masker = maskerWith(origin, values)
  expect(masker.mask(line)).toBe(expected)
  expect(Buffer.from(masker.maskBytes(Buffer.from(line))).toString()).toBe(expected)
})

test.each([
  [45, 6, '12345', '1234567'],
  [46, 6, '123456', '***7'],
  [47, 7, '123456', '***7'],
])('vector %i: a minimum length of %i', (_, ignoreShorterThan, value, expected) => {
  const masker = new Masker({ ignoreShorterThan })
  masker.add(value, 'raw')
  expect(masker.mask('1234567')).toBe(expected)
})

test('vector 47: a minimum above 6 is capped with a warning, a negative one counts as 0', () => {
  expect(new Masker().ignoreShorterThan(7)).toBe(
    'The value of the minimum length of the secrets is too high. Maximum value is set: 6',
  )
  const masker = new Masker()
  expect(masker.ignoreShorterThan(-1)).toBeUndefined()
  masker.add('1', 'raw')
  expect(masker.mask('1')).toBe('***')
})

test('vector 54: an encoder added later applies to values that are known already', () => {
  const masker = maskerWith('raw', ['value'])
  masker.addEncoder((value) => `${value}-encoded`)
  expect(masker.mask('test value-encoded test')).toBe('test *** test')
})

test('vectors 55 and 56: a minimum set later forgets what is shorter', () => {
  const one = maskerWith('raw', ['1'])
  one.ignoreShorterThan(4)
  expect(one.mask('123')).toBe('123')

  const several = maskerWith('raw', ['bc', 'defg', 'h12'])
  expect(several.mask('abcdefgh123')).toBe('a***3')
  several.ignoreShorterThan(3)
  expect(several.mask('abcdefgh123')).toBe('abc***3')
})

test.each([1, 2, 3, 4, 5, 6, 7])('a value with %i spaces is masked percent-encoded', (count) => {
  const masker = maskerWith('variable', [`a${' '.repeat(count)}b`])
  expect(masker.mask(`a${'%20'.repeat(count)}b`)).toBe('***')
})

test.each([
  ['a lone brace', '{\n  "k": "value-one"\n}', '{ }', '{ }'],
  ['an indented line', '{\n  "k": "value-one"\n}', 'x "k": "value-one" y', 'x *** y'],
  ['a line with a carriage return', 'first line\r\nsecond line', 'first line', '***'],
  ['a line of a key kept with \\n in it', '-----BEGIN\\nMIIEvQIBADAN\\n', 'MIIEvQIBADAN', '***'],
  ['a short word after \\n', 'corp\\nadmin', 'admin', 'admin'],
])('of a value of several lines: %s', (_, value, line, expected) => {
  expect(maskerWith('variable', [value]).mask(line)).toBe(expected)
})

test('white space and the empty text are never secret, and no text is the empty text', () => {
  const masker = maskerWith('raw', ['', ' ', '\n'])
  expect(masker.mask('a b\nc')).toBe('a b\nc')
  expect(masker.mask('')).toBe('')
})

test('bytes without a secret come back as they are, not copied', () => {
  const bytes = Buffer.from('nothing to see')
  expect(maskerWith('raw', ['hidden']).maskBytes(bytes)).toBe(bytes)
})

test('masking lines never joins two of them', () => {
  const masker = maskerWith('variable', ['first\nsecond'])
  const lines = Buffer.from('a first\nsecond b\n')
  expect(Buffer.from(masker.maskLines(lines)).toString()).toBe('a ***\n*** b\n')
  expect(Buffer.from(masker.maskBytes(lines)).toString()).toBe('a *** b\n')
})
