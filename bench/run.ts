/**
 * The promised numbers. `npm run bench` measures all of them, `-- --quick` in less than a minute with
 * the same bars. Writes bench/results.json; ends with `bars: N held, M short` and 1 when one is short.
 */
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { type Figure, isHeld, type Measure } from './figure.ts'
import { measureScale } from './scale.ts'
import { measureStart } from './start.ts'
import { measureVault } from './vault.ts'

const run = promisify(execFile)

/** Figures of a script that prints one JSON object a line: `{name, value, unit, bar?, atMost?, peer?}`; `bar` means at least. */
function script(file: string, args: readonly string[]): Measure {
  return async () => {
    const { stdout } = await run(process.execPath, [
      '--disable-warning=ExperimentalWarning',
      path.join(import.meta.dirname, file),
      ...args,
    ])
    return stdout
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => {
        const { name, value, unit, bar, atMost, peer } = JSON.parse(line) as {
          name: string
          value: number
          unit: string
          bar?: number
          atMost?: number
          peer?: string
        }
        return {
          name,
          value,
          unit,
          ...(bar === undefined ? {} : { bar: { atLeast: bar } }),
          ...(atMost === undefined ? {} : { bar: { atMost } }),
          ...(peer === undefined ? {} : { beside: { peer } }),
        }
      })
  }
}

const quick = process.argv.includes('--quick')
const groups: readonly Measure[] = [
  measureVault,
  measureStart,
  measureScale,
  script('sign.ts', quick ? ['--quick'] : []),
  script('masker.ts', quick ? ['24'] : ['64']),
  script('compiler.ts', quick ? ['--quick'] : []),
  script('expressions.ts', quick ? ['--quick'] : []),
  script('key-vault-task.ts', quick ? ['--quick'] : []),
]

const figures: Figure[] = []
for (const measure of groups) {
  for (const figure of await measure(quick)) {
    figures.push(figure)
    process.stdout.write(`${toLine(figure)}\n`)
  }
}
const barred = figures.map(isHeld).filter((held) => held !== undefined)
const held = barred.filter(Boolean).length
const report = {
  measuredAt: new Date().toISOString(),
  quick,
  node: process.version,
  cores: os.availableParallelism(),
  figures,
}
writeFileSync(
  path.join(import.meta.dirname, 'results.json'),
  `${JSON.stringify(report, undefined, 2)}\n`,
)
process.stdout.write(`bars: ${held} held, ${barred.length - held} short\n`)
process.exitCode = held === barred.length ? 0 : 1

function toLine(figure: Figure): string {
  const held = isHeld(figure)
  const mark = held === undefined ? '     ' : held ? 'held ' : 'SHORT'
  const bar = figure.bar
    ? `  (bar ${'atLeast' in figure.bar ? `>= ${figure.bar.atLeast}` : `<= ${figure.bar.atMost}`})`
    : ''
  const beside = Object.entries(figure.beside ?? {}).map(
    ([name, value]) => `${name} ${typeof value === 'number' ? round(value) : value}`,
  )
  return `${mark} ${figure.name}: ${round(figure.value)} ${figure.unit}${bar}${beside.length > 0 ? `  [${beside.join(', ')}]` : ''}`
}

function round(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)
}
