import { expect, test } from 'vitest'
import { readLenientParameters } from './lenient-parameters.ts'
import { openRunNumber } from './run-number.ts'

const facts = {
  nowMs: Date.UTC(2026, 1, 3, 4, 5, 6),
  runId: 42,
  pipelineName: 'Pipe',
  projectName: 'Proj',
  sourceBranchName: 'x',
  variable: (name: string) => (name === 'color' ? 'red/blue' : undefined),
}

test.each([
  ['$(Date:yyyyMMdd).$(Rev:r)', '20260203.7'],
  ['$(Build.SourceBranchName)_$(Rev:rr)', 'x_07'],
  ['$(BuildDefinitionName)-$(TeamProject)-$(BuildID)', 'Pipe-Proj-42'],
  ['$(DayOfMonth).$(DayOfYear).$(Hours).$(Minutes).$(Seconds).$(Month)', '3.34.04.05.06.02'],
  ['$(Year:yy) $(Year:yyyy) $(Date:MMM d)', '26 2026 Feb 3'],
  ['$(color) $(unknown)', 'red_blue $(unknown)'],
  ['$(SourceBranchName)$(Rev:.rrr)', 'x.007'],
])('the run number format %s', (format, expected) => {
  const text = openRunNumber(format, facts).complete(7)
  expect(text).toBe(expected)
})

test('runs with the same rest of the number share a counter', () => {
  expect(openRunNumber('$(Date:yyyyMMdd).$(Rev:r)', facts)).toMatchObject({
    prefix: '20260203.$(Rev)',
    hasRevision: true,
  })
})

test.each([
  ['a:b', 'contain'],
  ['ends.', 'end with'],
  ['x'.repeat(256), '255'],
])('the run number %s is refused', (format, words) => {
  expect(() => openRunNumber(format, facts).complete(1)).toThrow(words)
})

test.each([
  ['', {}],
  ['{"a":"b"}', { a: 'b' }],
  ["{'a': 'b', 'c': 'd'}", { a: 'b', c: 'd' }],
  [`{'a': "it's", 'b': 'say "hi"'}`, { a: "it's", b: 'say "hi"' }],
  ["{'a': 'it\\'s \\n \\x41 \\u0042'}", { a: "it's \n A B" }],
  ["{'t': True, 'f': False, 'n': None, 'i': 3,}", { t: 'true', f: 'false', n: '', i: '3' }],
  ["{'a': 'True, None', 'b': '{x: [1]}'}", { a: 'True, None', b: '{x: [1]}' }],
])('build parameters %s are read', (text, expected) => {
  expect(readLenientParameters(text)).toEqual(expected)
})

test.each(['nonsense', '[1]', "{'a': b}", "{'a': 'b'"])(
  'build parameters %s are refused without being shown',
  (text) => {
    expect(() => readLenientParameters(text)).toThrow("'parameters' must be the text")
  },
)
