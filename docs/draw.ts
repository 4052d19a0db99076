import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { systemClock } from '../src/base/clock.ts'
import { listOperations } from '../src/server/index.ts'
import { walls } from '../src/walls.ts'

/**
 * Redraws what documents show of the code, between `<!-- NAME:begin -->` and `<!-- NAME:end -->`.
 * With `--check` nothing is written: the exit code is 1 when a document is out of date.
 */
const drawings = [
  { file: 'docs/architecture.md', name: 'rooms', draw: drawRooms },
  { file: 'docs/api-coverage.md', name: 'operations', draw: drawOperations },
]

const onlyCheck = process.argv.includes('--check')
for (const { file, name, draw } of drawings) {
  const place = new URL(`../${file}`, import.meta.url)
  const before = readFileSync(place, 'utf8')
  const after = replaceBetween(before, name, await draw())
  if (after === before) continue
  if (onlyCheck) {
    process.stderr.write(`${file} is out of date: run "npm run docs".\n`)
    process.exitCode = 1
  } else {
    writeFileSync(place, after)
    process.stdout.write(`${file}: ${name} redrawn\n`)
  }
}

function replaceBetween(text: string, name: string, drawing: string): string {
  const [begin, end] = [`<!-- ${name}:begin -->`, `<!-- ${name}:end -->`]
  const [from, to] = [text.indexOf(begin), text.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`The markers of "${name}" are missing.`)
  return `${text.slice(0, from + begin.length)}\n${drawing}\n${text.slice(to)}`
}

/** A table for each service: every operation with its method, path and what the caller must hold. */
async function drawOperations(): Promise<string> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'sluice-docs-'))
  try {
    const services = await listOperations(folder, systemClock)
    const tables = services.map(({ service, operations }) => {
      const rows = operations.map(
        ({ name, method, path: route, permission }) =>
          `| ${name} | \`${method} ${route}\` | ${permission ? `\`${permission}\`` : ''} |`,
      )
      return `## ${service} (${operations.length})\n\n| operation | route | permission |\n| --- | --- | --- |\n${rows.join('\n')}`
    })
    return `\n${tables.join('\n\n')}\n`
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** One line a level, lowest first: a room stands one level above the highest room it imports. */
function drawRooms(): string {
  const levels = new Map<string, number>()
  for (const [room, below] of Object.entries(walls)) {
    levels.set(room, Math.max(-1, ...below.map((other) => levels.get(other) ?? -1)) + 1)
  }
  const height = Math.max(...levels.values()) + 1
  const rows = Array.from({ length: height }, (_, level) =>
    [...levels].filter(([, own]) => own === level).map(([room]) => room),
  )
  const width = Math.max(...Object.keys(walls).map((room) => room.length))
  const table = Object.entries(walls).map(
    ([room, below]) => `${room.padEnd(width)}  ${below.length > 0 ? below.join(' ') : '-'}`,
  )
  const picture = rows.map((rooms) => rooms.join('  ')).join('\n')
  return `\`\`\`\n${picture}\n\`\`\`\n\nWhat each room may import:\n\n\`\`\`\n${table.join('\n')}\n\`\`\``
}
