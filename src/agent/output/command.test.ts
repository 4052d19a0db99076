import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Command, formatCommand, parseCommand } from './command.ts'

function command(name: string, properties: Record<string, string>, data: string): Command {
  const [area = '', event = ''] = name.split('.')
  return { area, event, properties: new Map(Object.entries(properties)), data }
}

// facts/pipelines.md §4.21; the numbers are its rows.
test.each([
  [
    '34: escapes',
    '##vso[demo.run p=a%3Bb%0Ac%5D%AZP25;]x%3By%0D%AZP253Bz',
    command('demo.run', { p: 'a;b\nc]%' }, 'x;y\r%3Bz'),
  ],
  ['36: a prefix', 'text ##vso[task.debug]x', command('task.debug', {}, 'x')],
  ['37: unknown names parse', '##vso[nosuch.thing]x', command('nosuch.thing', {}, 'x')],
  ['38: empty properties', '##vso[a.b k1=;k2=]', command('a.b', {}, '')],
  [
    'keys ignore case, the last of two counts',
    '##vso[Task.SetVariable Variable=a;VARIABLE=b;isSecret=true]v',
    command('task.setvariable', { variable: 'b', issecret: 'true' }, 'v'),
  ],
  [
    'a value may hold an equals sign and blanks',
    '##vso[a.b k=x=y z]',
    command('a.b', { k: 'x=y z' }, ''),
  ],
  [
    'a blank before a key',
    '##vso[a.b k=1; issecret=true]',
    command('a.b', { k: '1', issecret: 'true' }, ''),
  ],
  ['inside a formatted line', '##[debug]##vso[task.debug]x', command('task.debug', {}, 'x')],
  ['data may hold brackets', '##vso[a.b]x]y', command('a.b', {}, 'x]y')],
])('a command: %s', (_, line, expected) => {
  expect(parseCommand(line)).toEqual({ kind: 'command', command: expected })
})

test('35: with percent decoding off, %AZP25 stays', () => {
  const line = '##vso[demo.run p=a%3Bb%0Ac%5D%AZP25;]x%3By%0D%AZP253Bz'
  expect(parseCommand(line, { decodePercents: false })).toEqual({
    kind: 'command',
    command: command('demo.run', { p: 'a;b\nc]%AZP25' }, 'x;y\r%AZP253Bz'),
  })
})

test.each([
  '##vso',
  '##vso[',
  '##vso[task.debug',
  '##vso[task]x',
  '##vso[a.b.c]x',
  '##vso[]',
  '##vso[ a.b]x',
  '##vso(task.debug)',
])('malformed: %s', (line) => {
  expect(parseCommand(line)).toEqual({ kind: 'malformed' })
})

test.each(['', 'plain', '##[section]x', '#vso[task.debug]x', '##VSO[task.debug]x'])(
  'text: %j',
  (line) => {
    expect(parseCommand(line)).toEqual({ kind: 'text' })
  },
)

test('what is formatted reads back the same', () => {
  const name = fc.stringMatching(/^[a-z]{1,8}$/)
  const key = fc.stringMatching(/^[a-z]{1,8}$/)
  const text = fc.string({
    unit: fc.oneof(
      fc.constantFrom('%', ';', ']', '\r', '\n', '=', ' ', '2', '5', '3', 'B', 'AZP'),
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
    ),
  })
  const commands = fc.record({
    area: name,
    event: name,
    properties: fc.dictionary(
      key,
      text.filter((value) => value !== ''),
    ),
    data: text,
  })
  fc.assert(
    fc.property(commands, ({ area, event, properties, data }) => {
      const expected = { area, event, properties: new Map(Object.entries(properties)), data }
      const line = formatCommand(expected)
      expect(line).not.toMatch(/[\r\n]/)
      expect(parseCommand(line)).toEqual({ kind: 'command', command: expected })
    }),
  )
})
