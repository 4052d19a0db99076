import { expect, test } from 'vitest'
import { toEpochSeconds, toFlag, toPairs } from './az-words.ts'
import { command } from './command.ts'
import { loadCommands } from './commands/index.ts'
import { print, select } from './output.ts'
import { readCommandLine } from './program.ts'
import { readUsage } from './usage.ts'

const show = command(
  'thing secret show --vault-name <vault> --name|-n <name> [--tags <k=v>...] [--yes|-y] [FILE]',
  'Show a thing.',
  async () => undefined,
  { examples: ['sluice thing secret show'] },
)
const program = { nouns: { thing: 'Things.' }, defaultData: '/data' }
const read = (line: string) => readCommandLine(line.split(' '), [show], program)

test('a usage line gives its verbs and its arguments', () => {
  const { verbs, arguments: found } = readUsage(show.usage)
  expect(verbs).toEqual(['thing', 'secret', 'show'])
  expect(
    found.map(({ kind, name, short, required, many }) => [kind, name, short, required, many]),
  ).toEqual([
    ['option', 'vault-name', undefined, true, false],
    ['option', 'name', 'n', true, false],
    ['option', 'tags', undefined, false, true],
    ['flag', 'yes', 'y', false, false],
    ['positional', 'file', undefined, false, false],
  ])
})

test('a command line gives options by their names', async () => {
  const asked = await read(
    'thing secret show --vault-name kv -n db --tags a=1 b=2 -y -o tsv --query id',
  )
  expect(asked?.options).toMatchObject({
    vaultName: 'kv',
    name: 'db',
    tags: ['a=1', 'b=2'],
    yes: true,
  })
  expect(asked?.common).toMatchObject({ output: 'tsv', query: 'id', data: '/data' })
})

test('words behind -- are kept apart', async () => {
  const asked = await read('thing secret show --vault-name kv -n db -- echo -n x')
  expect(asked?.rest).toEqual(['echo', '-n', 'x'])
})

test.each([
  ['thing secret show -n db', /required option '--vault-name <vault>' not specified/],
  ['thing secret shew', /unknown command 'shew'[\s\S]*Did you mean show/],
  [
    'thing secret show --vault-name kv -n db --taggs x',
    /unknown option '--taggs'[\s\S]*Did you mean --tags/,
  ],
  ['thang', /unknown command 'thang'[\s\S]*Did you mean thing/],
])('%s is refused with a way out', async (line, text) => {
  await expect(read(line)).rejects.toMatchObject({
    code: 'UsageWrong',
    message: expect.stringMatching(new RegExp(text, 'i')),
  })
})

const rows = [
  { name: 'db', id: 'https://v/secrets/db', enabled: true, tags: { a: '1' }, note: null },
  { name: 'tls', id: 'https://v/secrets/tls', enabled: false, tags: null, note: 'a\nb' },
]
const options = { color: false, table: undefined, queried: false }

test.each([
  ['json', `${JSON.stringify(rows, undefined, 2)}\n`],
  ['tsv', 'db\thttps://v/secrets/db\ttrue\t\t\ntls\thttps://v/secrets/tls\tfalse\t\ta\nb\n'],
  [
    'table',
    'Name  Id                     Enabled  Note\n----  ---------------------  -------  ----\ndb    https://v/secrets/db   True\ntls   https://v/secrets/tls  False    a b\n',
  ],
  ['none', ''],
] as const)('-o %s prints what az prints', async (format, text) => {
  expect(await print(rows, { ...options, format })).toBe(text)
})

test('-o yaml is YAML, and jsonc on a terminal is coloured JSON', async () => {
  expect(await print({ a: [1, 'x'] }, { ...options, format: 'yaml' })).toBe('a:\n  - 1\n  - x\n')
  const colored = await print({ a: 1 }, { ...options, format: 'jsonc', color: true })
  expect(colored).toContain('\u001b[')
})

test('--query is JMESPath, and a wrong one is the command line to correct', async () => {
  expect(await select(rows, '[?enabled].name')).toEqual(['db'])
  await expect(select(rows, '[?')).rejects.toMatchObject({ code: 'UsageWrong' })
})

test('words of options are read as az reads them', () => {
  expect(toFlag('TRUE', '--x')).toBe(true)
  expect(() => toFlag('maybe', '--x')).toThrow('--x takes true or false')
  expect(toPairs(['a=b=c', 'd'])).toEqual({ a: 'b=c', d: '' })
  expect(toEpochSeconds('2027-01-31T00:00:00Z', '--expires')).toBe(1_801_353_600)
  expect(toEpochSeconds('2027-01-31T00:00:00', '--expires')).toBe(1_801_353_600)
  expect(() => toEpochSeconds('tomorrow', '--expires')).toThrow('UTC time')
})

test('the first word of a command line loads every command that begins with it', async () => {
  const all = await loadCommands()
  const verb = (usage: string) => readUsage(usage).verbs[0] ?? ''
  for (const word of new Set(all.map(({ usage }) => verb(usage)))) {
    const loaded = (await loadCommands(word)).map(({ usage }) => usage)
    expect(loaded).toEqual(
      expect.arrayContaining(all.map(({ usage }) => usage).filter((usage) => verb(usage) === word)),
    )
    expect(loaded.length).toBeLessThan(all.length)
  }
})
