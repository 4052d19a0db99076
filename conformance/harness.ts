import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

const launcher = path.resolve(import.meta.dirname, '../bin/sluice.mjs')
const schemaMaker = path.resolve(import.meta.dirname, 'clients/make-schema.mjs')
const terminal = path.resolve(import.meta.dirname, 'clients/terminal.py')

export interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface Given {
  readonly stdin?: string
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
}

/** Runs a program to its end; output is text. */
export function runProgram(
  program: string,
  args: readonly string[],
  given: Given = {},
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: given.cwd,
      env: { ...process.env, ...given.env },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    const out = { stdout: '', stderr: '' }
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      out.stdout += chunk
    })
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      out.stderr += chunk
    })
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({ code: code ?? (signal ? 128 : 1), ...out }))
    child.stdin.on('error', () => undefined)
    child.stdin.end(given.stdin ?? '')
  })
}

/** A program that goes on while the test does other things. */
export interface Started {
  readonly child: ChildProcess
  readonly ended: Promise<Outcome>
  /** Resolves when its stdout holds the text; rejects when it ends without. */
  says(text: string): Promise<void>
}

function startProgram(program: string, args: readonly string[], given: Given): Started {
  const child = spawn(program, args, {
    cwd: given.cwd,
    env: { ...process.env, ...given.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const out = { stdout: '', stderr: '' }
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    out.stderr += chunk
  })
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    out.stdout += chunk
  })
  const ended = new Promise<Outcome>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({ code: code ?? (signal ? 128 : 1), ...out }))
  })
  const says = (text: string) =>
    new Promise<void>((resolve, reject) => {
      const look = () => out.stdout.includes(text) && resolve()
      look()
      child.stdout.on('data', look)
      child.once('close', () => reject(new Error(`${text} was not said: ${out.stderr}`)))
    })
  return { child, ended, says }
}

/** A data directory of its own with the command line bound to it. */
export class Estate {
  readonly home: string
  readonly data: string

  /** `data` undefined: a folder in `home`. */
  constructor(data?: string) {
    this.home = mkdtempSync(path.join(os.tmpdir(), 'sluice-conformance-'))
    this.data = data ?? path.join(this.home, 'data')
    const server = process.env['SLUICE_TEST_POSTGRES']
    if (server && data === undefined) this.#useDatabase(server)
  }

  /** Tables in a schema of their own: every command of this estate finds it in `database.json`. */
  #useDatabase(server: string): void {
    const url = execFileSync(process.execPath, [schemaMaker, server]).toString()
    mkdirSync(this.data, { mode: 0o700 })
    const file = path.join(this.data, 'database.json')
    writeFileSync(file, JSON.stringify({ url }), { mode: 0o600 })
  }

  /** `sluice …` as a person types it. */
  sluice(args: readonly string[], given: Given = {}): Promise<Outcome> {
    return runProgram(process.execPath, [launcher, ...args], {
      ...given,
      env: { SLUICE_DATA: this.data, ...given.env },
    })
  }

  /** `sluice …` as a process of its own, to be waited for, watched or killed. */
  start(args: readonly string[], given: Given = {}): Started {
    return startProgram(process.execPath, [launcher, ...args], {
      ...given,
      env: { SLUICE_DATA: this.data, ...given.env },
    })
  }

  /** `sluice …` in a terminal; stdout is what the terminal was sent. */
  inTerminal(
    args: readonly string[],
    given: Given & {
      readonly interruptAfter?: string
      /** What is typed, a line for each question. */
      readonly answers?: readonly string[]
    } = {},
  ): Promise<Outcome> {
    const when = given.interruptAfter === undefined ? [] : ['--send-after', given.interruptAfter]
    const answer = given.answers === undefined ? [] : ['--answer']
    const words = [terminal, ...when, ...answer, process.execPath, launcher, ...args]
    return runProgram('python3', words, {
      ...given,
      ...(given.answers && { stdin: given.answers.map((line) => `${line}\n`).join('') }),
      env: { SLUICE_DATA: this.data, TERM: 'xterm-256color', ...given.env },
    })
  }

  /** A folder with these files. */
  folder(name: string, files: Readonly<Record<string, string>>): string {
    const folder = path.join(this.home, name)
    for (const [file, text] of Object.entries(files)) {
      const target = path.join(folder, file)
      mkdirSync(path.dirname(target), { recursive: true })
      writeFileSync(target, text)
    }
    return folder
  }

  /** As `sluice`, but a failure is an error and the JSON result is given. */
  async json(args: readonly string[], given: Given = {}): Promise<Record<string, unknown>> {
    const { code, stdout, stderr } = await this.sluice(args, given)
    if (code !== 0) throw new Error(`sluice ${args.join(' ')} ended with ${code}: ${stderr}`)
    return stdout.trim() === '' ? {} : (JSON.parse(stdout) as Record<string, unknown>)
  }

  /** Starts the server on free ports. */
  async up(given: Given = {}): Promise<Record<string, unknown>> {
    return this.json(['up', '--port', '0', '--proxy-port', '0', '--detach'], given)
  }

  async remove(): Promise<void> {
    await this.sluice(['down'])
    rmSync(this.home, { recursive: true, force: true })
  }
}
