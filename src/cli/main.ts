import { readFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { Fault } from '../base/fault.ts'
import type { Asked, CommandContext } from './command.ts'
import { loadCommands, nouns } from './commands/index.ts'
import { ExitCode } from './exit-code.ts'
import { print, select, toFormat } from './output.ts'
import type { Session } from './session.ts'
import { processTerminal, type Terminal } from './terminal.ts'

/** The version of the package this file belongs to, in `src/` and in `dist/` alike. */
function packageVersion(): string {
  const manifest: unknown = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
  )
  return (manifest as { version: string }).version
}

async function main(words: readonly string[], terminal: Terminal): Promise<number> {
  const defaultData = process.env['SLUICE_DATA'] ?? path.join(os.homedir(), '.sluice')
  const program = { version: packageVersion(), nouns, defaultData }
  const parse: CommandContext['parse'] = async (line) => {
    const { readCommandLine } = await import('./program.ts')
    return readCommandLine(line, await loadCommands(line[0]), program)
  }
  let asked: Asked | undefined
  try {
    if (words.length === 1 && ['--version', '-v'].includes(words[0] ?? '')) {
      terminal.out(`${program.version}\n`)
      return 0
    }
    asked = await parse(words)
    if (asked) await runCommand(asked, terminal, parse)
    return 0
  } catch (thrown) {
    return await explain(thrown, terminal, asked?.common.debug ?? words.includes('--debug'))
  }
}

async function runCommand(
  asked: Asked,
  terminal: Terminal,
  parse: CommandContext['parse'],
): Promise<void> {
  const format = toFormat(asked.common.output)
  const data = path.resolve(asked.common.data)
  let session: Promise<Session> | undefined
  try {
    const result = await asked.command.run(asked.options as never, {
      terminal,
      common: { data },
      rest: asked.rest,
      parse,
      session: () => {
        session ??= import('./session.ts').then(({ openSession }) => openSession(data, terminal))
        return session
      },
    })
    const { query } = asked.common
    const picked = await select(result, query)
    terminal.out(
      await print(picked, {
        format,
        color: terminal.color,
        table: asked.command.details.table,
        queried: query !== undefined,
      }),
    )
  } finally {
    await (await session)?.close()
  }
}

/** az's exit codes: 1 refused or failed, 2 the command line, 3 not found; 70 is a bug of ours. */
async function explain(thrown: unknown, terminal: Terminal, debug: boolean): Promise<number> {
  if (thrown instanceof ExitCode) return thrown.code
  const { ServiceError } = await import('../client/index.ts')
  if (thrown instanceof ServiceError) {
    terminal.note(`ERROR: (${thrown.code}) ${thrown.message}\n`)
    for (const finding of thrown.findings) terminal.note(`${finding}\n`)
    if (thrown.inner) terminal.note(`Inner error: {"code": "${thrown.inner}"}\n`)
    return thrown.status === 404 ? 3 : 1
  }
  if (thrown instanceof Fault) {
    terminal.note(`ERROR: ${thrown.message}\n`)
    return thrown.code === 'UsageWrong' ? 2 : 1
  }
  const stack = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)
  terminal.note(
    `ERROR: Sluice met a defect of its own. ${debug ? stack : 'Run again with --debug to see where.'}\n`,
  )
  return 70
}

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
})
// A server whose log cannot be written, because its disk is full, still answers.
process.stderr.on('error', () => undefined)
process.exitCode = await main(process.argv.slice(2), processTerminal())
