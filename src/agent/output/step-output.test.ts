import fc from 'fast-check'
import { expect, test } from 'vitest'
import { manualClock } from '../../base/clock.ts'
import type { Command } from './command.ts'
import { formatCommand } from './command.ts'
import { Masker } from './masker.ts'
import { openStepOutput, type StepOutput } from './step-output.ts'

const STAMP = '2026-01-05T01:32:01.2690000Z '
const limits = { partBytes: 64, commandBytes: 256 }

interface Recorded {
  readonly output: StepOutput
  readonly masker: Masker
  readonly events: string[]
  /** The lines of the log without their stamps, after the end. */
  lines(): Promise<string[]>
  readonly batches: { text: string; startLine: number }[]
  readonly feed: { lines: readonly string[]; startLine: number }[]
}

function record(
  onCommand?: (command: Command, recorded: Recorded, line: string) => void,
): Recorded {
  const masker = new Masker()
  const [batches, feed, events]: [Recorded['batches'], Recorded['feed'], string[]] = [[], [], []]
  const output = openStepOutput({
    masker,
    clock: manualClock(Date.UTC(2026, 0, 5, 1, 32, 1, 269)),
    limits,
    onCommand(command, line) {
      events.push(`${command.area}.${command.event} ${command.data}`)
      onCommand?.(command, recorded, line)
    },
    onMalformed: (line) => events.push(`malformed ${line}`),
    log: (bytes, startLine) => batches.push({ text: Buffer.from(bytes).toString(), startLine }),
    feed: (lines, startLine) => feed.push({ lines, startLine }),
  })
  const recorded: Recorded = {
    output,
    masker,
    events,
    batches,
    feed,
    async lines() {
      await output.end()
      const text = batches.map((batch) => batch.text).join('')
      expect(text === '' || text.endsWith('\n')).toBe(true)
      return text
        .split('\n')
        .slice(0, -1)
        .map((line) => {
          expect(line.startsWith(STAMP)).toBe(true)
          return line.slice(STAMP.length)
        })
    },
  }
  return recorded
}

function registerSecrets(command: Command, { masker, output }: Recorded, line: string): void {
  if (command.properties.get('issecret') === 'true') masker.add(command.data, 'variable')
  output.writeLine(`##[debug]Processed: ${line}`)
}

test.each([
  ['line feeds', 'one\ntwo\n', ['one', 'two']],
  ['no end on the last line', 'one\ntwo', ['one', 'two']],
  ['carriage return and line feed', 'one\r\ntwo\r\n', ['one', 'two']],
  ['carriage returns of a progress bar', '10%\r20%\rdone\n', ['10%', '20%', 'done']],
  ['empty lines', '\n\r\n\n', ['', '', '']],
  ['nothing', '', []],
])('lines end as the agent ends them: %s', async (_, text, expected) => {
  const whole = record()
  whole.output.write(Buffer.from(text))
  expect(await whole.lines()).toEqual(expected)

  const bytewise = record()
  for (const byte of Buffer.from(text)) bytewise.output.write(Uint8Array.of(byte))
  expect(await bytewise.lines()).toEqual(expected)
})

test('what is not UTF-8 is replaced, and a character split between chunks is not', async () => {
  const recorded = record()
  const euro = Buffer.from('€')
  recorded.output.write(euro.subarray(0, 1))
  recorded.output.write(Buffer.concat([euro.subarray(1), Buffer.from([0x20, 0xff, 0x0a])]))
  expect(await recorded.lines()).toEqual(['€ \ufffd'])
})

test('a secret set by a command is masked from its own echo on, and not before', async () => {
  const recorded = record(registerSecrets)
  recorded.output.write(
    Buffer.from('s3cr3t\n##vso[task.setvariable variable=a;issecret=true]s3cr3t\nnow s3cr3t\n'),
  )
  expect(await recorded.lines()).toEqual([
    's3cr3t',
    '##[debug]Processed: ##vso[task.setvariable variable=a;issecret=true]***',
    'now ***',
  ])
  expect(recorded.events).toEqual(['task.setvariable s3cr3t'])
})

test('a command that comes in pieces is one command', async () => {
  const recorded = record(registerSecrets)
  const text = 'a\n##vso[task.setsecret]x y\nb\n'
  for (const byte of Buffer.from(text)) recorded.output.write(Uint8Array.of(byte))
  expect(await recorded.lines()).toEqual(['a', '##[debug]Processed: ##vso[task.setsecret]x y', 'b'])
})

test('a line that only looks like a command is reported and stays in the log', async () => {
  const recorded = record()
  recorded.output.write(Buffer.from('use ##vso for commands\nnext\n'))
  expect(await recorded.lines()).toEqual(['use ##vso for commands', 'next'])
  expect(recorded.events).toEqual(['malformed use ##vso for commands'])
})

test('lines of the agent are masked and hold no commands unless it says so', async () => {
  const recorded = record()
  recorded.masker.add('2.276.0', 'job')
  recorded.output.writeLine('Version      : 2.276.0', { isHeader: true })
  recorded.output.writeLine('Version      : 2.276.0')
  recorded.output.writeLine('##vso[task.debug]a')
  recorded.output.writeLine('##vso[task.debug]b\ntext', { hasCommands: true })
  expect(await recorded.lines()).toEqual([
    'Version      : 2.276.0',
    'Version      : ***',
    '##vso[task.debug]a',
    'text',
  ])
  expect(recorded.events).toEqual(['task.debug b'])
})

test('two pipes keep their unfinished lines apart', async () => {
  const recorded = record()
  const errors = recorded.output.openPipe()
  recorded.output.write(Buffer.from('out'))
  errors.write(Buffer.from('err'))
  recorded.output.write(Buffer.from('put\n'))
  errors.write(Buffer.from('or\n'))
  expect(await recorded.lines()).toEqual(['output', 'error'])
})

test('a very long line goes out in parts, masked across them', async () => {
  const recorded = record()
  recorded.masker.add('s3cr3t-value', 'job')
  const text = `${'é'.repeat(26)}s3cr3t-value${'y'.repeat(300)}s3cr3t-value//u:pw@h`
  for (const piece of text.match(/.{1,7}/gu) ?? []) recorded.output.write(Buffer.from(piece))
  recorded.output.write(Buffer.from('\r\nnext\n'))
  const lines = await recorded.lines()
  expect(lines.at(-1)).toBe('next')
  expect(lines.length).toBeGreaterThan(3)
  expect(lines.slice(0, -1).join('')).toBe(`${'é'.repeat(26)}***${'y'.repeat(300)}***//u:***@h`)
})

test('a command far into a long line, or longer than a part, is still a command', async () => {
  const recorded = record()
  recorded.output.write(Buffer.from('x'.repeat(100)))
  recorded.output.write(Buffer.from('##vso[task.debug]late\n'))
  for (let i = 0; i < 10; i++) recorded.output.write(Buffer.from(i ? 'y'.repeat(10) : '##vso[a.b]'))
  recorded.output.write(Buffer.from('\n'))
  // What stands before a command on its line is not printed; the part that went out already is.
  expect((await recorded.lines()).join('')).toMatch(/^x{90,99}$/)
  expect(recorded.events).toEqual(['task.debug late', `a.b ${'y'.repeat(90)}`])
})

test('a command too long to be kept is dropped, never printed', async () => {
  const recorded = record()
  for (let i = 0; i < 20; i++) {
    recorded.output.write(Buffer.from(i ? 'secret'.repeat(10) : '##vso[task.setsecret]'))
  }
  recorded.output.write(Buffer.from('\nafter\n'))
  expect(await recorded.lines()).toEqual(['after'])
  expect(recorded.events).toEqual(['malformed (a line too long for a logging command, not shown)'])
})

test('batches count lines from 1, and the feed cuts lines at 1,024 characters', async () => {
  const recorded = record()
  recorded.output.write(Buffer.from('a\nb\n'))
  recorded.output.flush()
  recorded.output.writeLine('z'.repeat(2_000))
  await recorded.output.end()
  expect(recorded.batches.map((batch) => batch.startLine)).toEqual([1, 3])
  expect(recorded.feed).toEqual([
    { lines: ['a', 'b'], startLine: 1 },
    { lines: ['z'.repeat(1_024)], startLine: 3 },
  ])
})

test('the log does not depend on where the pipe cut the bytes', async () => {
  const line = fc.oneof(
    fc.constantFrom('s3cr3t', 'x s3cr3t y', '##vso', 'https://u:pw@h/', '', 'é€', '\r'),
    fc.string({ unit: 'grapheme', maxLength: 30 }),
    fc.constant(formatCommand({ area: 'task', event: 'debug', properties: new Map(), data: 'd' })),
  )
  const splits = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 30 })
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 12 }), splits, async (texts, sizes) => {
      const bytes = Buffer.from(texts.join('\n'))
      const [whole, cut] = [record(), record()]
      for (const { masker } of [whole, cut]) masker.add('s3cr3t', 'job')
      whole.output.write(bytes)
      for (let at = 0, i = 0; at < bytes.length; i++) {
        const size = sizes[i % sizes.length] ?? 1
        cut.output.write(bytes.subarray(at, at + size))
        at += size
      }
      const lines = await cut.lines()
      expect(lines).toEqual(await whole.lines())
      expect(lines.join('')).not.toContain('s3cr3t')
      expect(cut.events).toEqual(whole.events)
    }),
    { numRuns: 200 },
  )
})
