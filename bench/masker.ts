/**
 * How fast secrets are masked: in memory, and from a child's pipe into the log file. Prints one
 * JSON object a line. Run: `node bench/masker.ts [megabytes]`.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Masker, openStepOutput } from '../src/agent/output/index.ts'
import { systemClock } from '../src/base/clock.ts'

const SECRETS = 1_000
const ROUNDS = 5
const [, , megabytes = '64'] = process.argv
const sizeBytes = Number(megabytes) * 1e6

const folder = mkdtempSync(path.join(tmpdir(), 'masker-bench-'))
const [input, target] = [path.join(folder, 'input'), path.join(folder, 'log')]

const secrets = Array.from({ length: SECRETS }, (_, i) =>
  createHash('sha256')
    .update(`secret ${i}`)
    .digest('base64')
    .slice(0, 16 + (i % 17)),
)
const masker = new Masker()
for (const secret of secrets) masker.add(secret, 'job')

/** Lines as builds print them; one in two hundred holds a secret. */
function buildLog(bytes: number): Buffer {
  const words =
    'Compiling module restored package warning src/components/Button.tsx in 143 ms from'.split(' ')
  const lines: string[] = []
  for (let i = 0, length = 0; length < bytes; i++) {
    const hash = createHash('md5').update(String(i)).digest('hex')
    const text = words
      .map((word, j) => (hash.charCodeAt(j) % 3 ? word : hash.slice(0, 7)))
      .join(' ')
    const line = `${text} ${i % 200 === 0 ? secrets[i % SECRETS] : i}\n`
    lines.push(line)
    length += line.length
  }
  return Buffer.from(
    lines
      .join('')
      .slice(0, bytes - 1)
      .concat('\n'),
  )
}

function print(name: string, value: number, bar?: number, peer?: string): void {
  console.log(JSON.stringify({ name, value: Math.round(value), unit: 'MB/s', bar, peer }))
}

/** The median of some rounds after one to warm up, in MB/s. */
async function measure(bytes: number, run: () => void | Promise<void>): Promise<number> {
  await run()
  const rates: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    // Giving back the former round's file is no part of writing a log.
    rmSync(target, { force: true })
    const start = performance.now()
    await run()
    rates.push(bytes / 1e3 / (performance.now() - start))
  }
  return rates.sort((a, b) => a - b)[ROUNDS >> 1] ?? 0
}

const log = buildLog(sizeBytes)
writeFileSync(input, log)

/** A child writes the log into a pipe; `write` takes its chunks. */
async function fromPipe(write: (chunk: Buffer) => void): Promise<void> {
  const child = spawn('cat', [input], { stdio: ['ignore', 'pipe', 'ignore'] })
  child.stdout.on('data', write)
  await once(child, 'close')
}

async function pipeToFile(open: (fd: number) => { write(chunk: Buffer): void; end(): unknown }) {
  const fd = openSync(target, 'w')
  const output = open(fd)
  await fromPipe((chunk) => output.write(chunk))
  await output.end()
  closeSync(fd)
}

const masked = await measure(log.length, () => {
  for (let at = 0; at < log.length; at += 65_536) masker.maskBytes(log.subarray(at, at + 65_536))
})
print('masker.memory.1000-secrets', masked, 300)

const strongMasker = new Masker({ strength: 'strong' })
for (const secret of secrets) strongMasker.add(secret, 'job')
const strong = await measure(log.length, () => {
  for (let at = 0; at < log.length; at += 65_536) {
    strongMasker.maskBytes(log.subarray(at, at + 65_536))
  }
})
print('masker.memory.1000-secrets.strong', strong, 50)

const stream = await measure(log.length, () => {
  const pieces = masker.stream()
  for (let at = 0; at < log.length; at += 65_536) pieces.write(log.subarray(at, at + 65_536))
  pieces.end()
})
print('masker.stream.1000-secrets', stream, 300)

const sample = log.subarray(0, Math.min(log.length, 4e6)).toString()
const replaced = await measure(sample.length, () => {
  let text = sample
  for (const secret of secrets) text = text.replaceAll(secret, '***')
})
print('masker.memory.replaceAll-per-secret', replaced, undefined, 'one replaceAll per secret')

const copied = await measure(log.length, () => {
  for (let at = 0; at < log.length; at += 65_536) Buffer.from(log.subarray(at, at + 65_536))
})
print('masker.memory.copy', copied, undefined, 'raw copy of the same bytes')

const piped = await measure(log.length, () =>
  pipeToFile((fd) =>
    openStepOutput({
      masker,
      clock: systemClock,
      onCommand: () => {},
      onMalformed: () => {},
      log: (lines) => writeSync(fd, lines),
    }),
  ),
)
print('masker.pipe-to-log.1000-secrets', piped, 200)

const raw = await measure(log.length, () =>
  pipeToFile((fd) => ({ write: (chunk) => writeSync(fd, chunk), end: () => {} })),
)
print('masker.pipe-to-file.raw', raw, undefined, 'raw copy of the same bytes')

const adding = performance.now()
const fresh = new Masker()
for (const secret of secrets) {
  fresh.add(secret, 'variable')
  fresh.mask('a line between two secrets')
}
const addMs = performance.now() - adding
console.log(
  JSON.stringify({ name: 'masker.add-1000-one-by-one', value: Math.round(addMs), unit: 'ms' }),
)
rmSync(folder, { recursive: true })
