import { randomUUID } from 'node:crypto'
import { rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Shell } from '../contract.ts'
import { failed, succeeded, type TaskEnd } from '../contract.ts'
import { temporaryFolder } from '../faults.ts'

/** What the script tasks need of a task's context. */
export interface ScriptContext {
  readonly shell: Shell
  variable(name: string): string | undefined
  write(line: string): void
  error(message: string): void
}

/** A script, and how to run the file that holds it. */
export interface Script {
  readonly content: string
  /** With the dot. */
  readonly extension: string
  readonly cwd: string
  readonly failOnStderr: boolean
  readonly env?: Readonly<Record<string, string>>
  /** `Bash` or `PowerShell`, for messages. */
  readonly interpreter: string
  /** The program and its arguments for a script file. */
  command(file: string): readonly [program: string, ...args: string[]]
  /** More to say about an exit code. */
  hint?(exitCode: number): string
}

const STARTING = '========================== Starting Command Output ==========================='

/**
 * Runs a script from a file that only this user may read and that is gone afterwards: macros have
 * put secrets into the text, and a process list shows arguments to everyone.
 */
export async function runScript(context: ScriptContext, script: Script): Promise<TaskEnd> {
  const folder = temporaryFolder(context)
  const file = path.join(folder, `${randomUUID()}${script.extension}`)
  try {
    await writeFile(file, script.content, { mode: 0o600, flag: 'wx' })
    context.write(STARTING)
    const [program, ...args] = script.command(file)
    const { exitCode, stderr } = await context.shell.run(program, args, {
      cwd: script.cwd,
      keepStderr: script.failOnStderr,
      ...(script.env && { env: script.env }),
    })
    return endOf(context, script, exitCode, stderr)
  } finally {
    await rm(file, { force: true })
  }
}

function endOf(context: ScriptContext, script: Script, exitCode: number, stderr: string): TaskEnd {
  const hasStderr = script.failOnStderr && stderr.trim() !== ''
  if (hasStderr) context.error(stderr.trimEnd())
  const wrote = `${script.interpreter} wrote one or more lines to the standard error stream.`
  if (exitCode === 0) return hasStderr ? failed(wrote) : succeeded
  if (hasStderr) context.error(wrote)
  const hint = script.hint?.(exitCode) ?? ''
  return failed(`${script.interpreter} exited with code '${exitCode}'.${hint && ` ${hint}`}`)
}

/** Shows a script of one line, which people read to see what macros became; secrets are masked. */
export function showOneLiner(context: ScriptContext, content: string): void {
  if (content.includes('\n') || content.toLowerCase().includes('##vso[')) return
  context.write('Script contents:')
  context.write(content)
}

/** `text` as one word of a POSIX shell. */
export function quoteForShell(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
