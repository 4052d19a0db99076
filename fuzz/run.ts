/**
 * Random expressions and random documents against the compiler's promises; the same ones for the
 * same seed. Run: `npm run fuzz -- [--seed N] [--count N]`; `--count` counts expressions, and one
 * document is tried for each 20 of them. Writes fuzz/last-result.json; ends with 1 on a violation.
 */
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { fuzzExpressions } from '../src/compiler/expressions/fuzz.ts'
import { fuzzDocuments } from './documents.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
    count: { type: 'string', default: '1000000' },
  },
})
const seed = Number(values.seed)
const count = Number(values.count)
if (!Number.isSafeInteger(seed) || !Number.isSafeInteger(count) || count < 1) {
  throw new Error('--seed and --count take whole numbers.')
}

process.stdout.write(`seed ${seed}\n`)
const startedAtMs = Date.now()
const expressions = runExpressions()
const documents = fuzzDocuments(seed, Math.ceil(count / 20), (done) => {
  if (done % 1_000 === 0) process.stderr.write(`${done} documents\n`)
})
const violations = [...expressions.violations, ...documents.violations]
const result = {
  date: new Date(startedAtMs).toISOString(),
  seed,
  tookSeconds: Math.round((Date.now() - startedAtMs) / 1000),
  node: process.version,
  expressions,
  documents,
}
writeFileSync(
  path.join(import.meta.dirname, 'last-result.json'),
  `${JSON.stringify(result, undefined, 2)}\n`,
)
process.stdout.write(
  `${expressions.count} expressions (${expressions.parsed} parsed, slowest ${expressions.slowestMs.toFixed(1)} ms), ` +
    `${documents.count} documents (${documents.compiled} without errors, slowest ${documents.slowestMs.toFixed(1)} ms): ` +
    `${violations.length} violations\n`,
)
for (const violation of violations) process.stdout.write(`${JSON.stringify(violation)}\n`)
process.exitCode = violations.length > 0 ? 1 : 0

/** In parts, so that progress shows; the parts have seeds of their own. */
function runExpressions(): ReturnType<typeof fuzzExpressions> {
  const part = 50_000
  let sum: ReturnType<typeof fuzzExpressions> | undefined
  for (let done = 0; done < count; done += part) {
    const next = fuzzExpressions(seed + done, Math.min(part, count - done))
    const slower = sum && sum.slowestMs > next.slowestMs ? sum : next
    sum = {
      count: next.count + (sum?.count ?? 0),
      parsed: next.parsed + (sum?.parsed ?? 0),
      evaluated: next.evaluated + (sum?.evaluated ?? 0),
      slowestMs: slower.slowestMs,
      slowest: slower.slowest,
      violations: [...(sum?.violations ?? []), ...next.violations].slice(0, 20),
    }
    process.stderr.write(`${sum.count} expressions\n`)
  }
  return sum ?? fuzzExpressions(seed, 0)
}
