import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Fault } from '../../base/fault.ts'
import type { Sealed } from '../../base/sealed.ts'
import type { ArtifactPort, Connection, HttpPort, Shell, Task, TaskEnd } from '../contract.ts'

/** What a task did, in order, as one line each. */
export interface Workbench {
  readonly folder: string
  readonly temp: string
  readonly sources: string
  readonly lines: string[]
  /** Warnings and errors, as `error text` or `error CODE text`. */
  readonly issues: string[]
  /** In the order of the calls; values opened. */
  readonly variables: [name: string, value: string, isOutput: boolean][]
  readonly secrets: string[]
  readonly uploads: string[]
  /** Programs with their arguments. */
  readonly commands: string[][]
  run(
    task: Task,
    inputs: Readonly<Record<string, string>>,
    more?: { readonly stage?: 'prejob' | 'execution'; readonly signal?: AbortSignal },
  ): Promise<TaskEnd>
}

/** What the job of a task has; anything left out refuses to be used. */
export interface WorkbenchParts {
  readonly variables?: Readonly<Record<string, string>>
  readonly connections?: readonly Connection[]
  readonly http?: HttpPort
  readonly artifacts?: ArtifactPort
  /** Where programs are looked for; the test's own PATH unless given. */
  readonly searchPath?: string
}

const folders: string[] = []

/** Real folders and real programs for a task; call `removeFolders` after the tests. */
export function workbench(parts: WorkbenchParts = {}): Workbench {
  const folder = mkdtempSync(path.join(tmpdir(), 'sluice-task-'))
  folders.push(folder)
  const [temp, sources] = [path.join(folder, '_temp'), path.join(folder, 's')]
  for (const part of [temp, sources]) mkdirSync(part)
  const variables = new Map(
    Object.entries({
      'Agent.TempDirectory': temp,
      'Agent.BuildDirectory': folder,
      'System.HostType': 'build',
      'Build.BuildId': '12',
      ...parts.variables,
    }).map(([name, value]) => [name.toLowerCase(), value]),
  )
  const bench: Omit<Workbench, 'run'> = {
    folder,
    temp,
    sources,
    lines: [],
    issues: [],
    variables: [],
    secrets: [],
    uploads: [],
    commands: [],
  }
  const context = contextOf(bench, parts, (name) => variables.get(name.toLowerCase()))
  return {
    ...bench,
    run: (task, inputs, { stage = 'execution', signal } = {}) =>
      task.run({
        ...context,
        stage,
        signal: signal ?? new AbortController().signal,
        inputs: readInputs(task, inputs, sources),
      }),
  }
}

/** Removes the folders of every workbench. */
export function removeFolders(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
}

type Context = Parameters<Task['run']>[0]

function contextOf(
  bench: Omit<Workbench, 'run'>,
  parts: WorkbenchParts,
  variable: (name: string) => string | undefined,
): Omit<Context, 'inputs' | 'stage' | 'signal'> {
  const open = (value: string | Sealed) => (typeof value === 'string' ? value : value.open())
  return {
    shell: shellOf(bench, parts.searchPath ?? process.env['PATH']),
    http: parts.http ?? { request: () => Promise.reject(new Error('No HTTP here.')) },
    artifacts: parts.artifacts ?? noArtifacts,
    variable,
    connection(id) {
      const found = parts.connections?.find((one) => one.id === id || one.name === id)
      if (found) return found
      throw new Fault('EndpointMissing', `There is no service connection '${id}'.`)
    },
    write: (line) => void bench.lines.push(line),
    debug: () => {},
    warning: (message) => void bench.issues.push(`warning ${message}`),
    error: (message, code) =>
      void bench.issues.push(['error', code, message].filter(Boolean).join(' ')),
    setVariable: (name, value, options) =>
      void bench.variables.push([name, open(value), options?.isOutput === true]),
    setSecret: (value) => void bench.secrets.push(value.open()),
    uploadFile: (file) => void bench.uploads.push(file),
  }
}

const noArtifacts: ArtifactPort = {
  publish: () => Promise.reject(new Error('No artifacts here.')),
  list: () => Promise.reject(new Error('No artifacts here.')),
  download: () => Promise.reject(new Error('No artifacts here.')),
}

/** Inputs as the agent gives them: defaults, aliases, flags, file paths below the sources. */
function readInputs(
  task: Task,
  given: Readonly<Record<string, string>>,
  sources: string,
): Record<string, string | boolean> {
  const byName = new Map(Object.entries(given).map(([name, text]) => [name.toLowerCase(), text]))
  const values: Record<string, string | boolean> = {}
  for (const [name, { kind, aliases = [], default: standard = '' }] of Object.entries(
    task.inputs,
  )) {
    const names = [name, ...aliases].map((one) => one.toLowerCase())
    const text = names.map((one) => byName.get(one)).find((one) => one !== undefined) ?? standard
    if (kind === 'flag') values[name] = text.toLowerCase() === 'true'
    else values[name] = kind === 'filePath' ? path.resolve(sources, text) : text
  }
  return values
}

function shellOf(bench: Omit<Workbench, 'run'>, PATH: string | undefined): Shell {
  return {
    run: async (program, args, { cwd, env, keepStderr = false }) => {
      bench.commands.push([program, ...args])
      const child = spawn(program, args, { cwd, env: { PATH, ...env } })
      const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)]
      const exitCode = await exitOf(child, program)
      const printed = keepStderr ? stdout.text : stdout.text + stderr.text
      bench.lines.push(...printed.split('\n').filter((line) => line !== ''))
      return { exitCode, stderr: keepStderr ? stderr.text : '' }
    },
  }
}

function collect(pipe: NodeJS.ReadableStream): { text: string } {
  const collected = { text: '' }
  pipe.on('data', (chunk: Buffer) => {
    collected.text += chunk.toString()
  })
  return collected
}

function exitOf(child: ChildProcess, program: string): Promise<number> {
  return new Promise((resolve, reject) => {
    child.on('error', () => reject(new Fault('ProgramMissing', `There is no '${program}'.`)))
    child.on('close', (code, signal) => resolve(code ?? (signal === 'SIGKILL' ? 137 : 1)))
  })
}
