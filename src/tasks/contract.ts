import type { Sealed } from '../base/sealed.ts'

/** How a task ends. A task never throws for what it can explain; it returns `failed(message)`. */
export type TaskEnd =
  | { readonly result: 'Succeeded' }
  | { readonly result: 'SucceededWithIssues' }
  | { readonly result: 'Failed'; readonly message: string }
  | { readonly result: 'Skipped'; readonly message: string }

export const succeeded: TaskEnd = { result: 'Succeeded' }

export function failed(message: string): TaskEnd {
  return { result: 'Failed', message }
}

export function skipped(message: string): TaskEnd {
  return { result: 'Skipped', message }
}

/** `flag`: boolean; `filePath`: rooted at the default working directory; `text`: as given. */
export type InputKind = 'text' | 'flag' | 'filePath'

export interface InputDeclaration {
  readonly kind: InputKind
  /** Other names the YAML may use, for example `azureSubscription`. */
  readonly aliases?: readonly string[]
  readonly default?: string
  readonly required?: boolean
  /** The input names a service connection of this type, which the job must be authorised for. */
  readonly connection?: { readonly type: string; readonly schemes?: readonly string[] }
}

export type Inputs<Declared extends Readonly<Record<string, InputDeclaration>>> = {
  readonly [Name in keyof Declared]: Declared[Name]['kind'] extends 'flag' ? boolean : string
}

/** Runs programs. The child gets only the step's environment; cancellation ends its whole group. */
export interface Shell {
  run(
    program: string,
    args: readonly string[],
    options: {
      readonly cwd: string
      readonly env?: Readonly<Record<string, string>>
      /** True: stderr is kept apart and given back; false: it joins the log in order. */
      readonly keepStderr?: boolean
    },
  ): Promise<{ readonly exitCode: number; readonly stderr: string }>
}

/** What the service connection of an input holds. */
export interface Connection {
  readonly id: string
  readonly name: string
  readonly url: string
  readonly scheme: string
  readonly parameters: Readonly<Record<string, Sealed>>
  readonly data: Readonly<Record<string, string>>
}

export interface HttpReply {
  readonly status: number
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  /** Sealed because a reply of a vault is a secret as a whole. */
  readonly body: Sealed
}

/** HTTPS from where the agent stands: its own proxy, trust and name resolution. */
export interface HttpPort {
  /** @throws Error with a Node `code` (`ECONNREFUSED`, …) when no reply came */
  request(
    method: string,
    url: string,
    headers: Readonly<Record<string, string>>,
    body: Sealed | string | undefined,
    signal: AbortSignal,
  ): Promise<HttpReply>
}

/** Artifacts of the current run and, by id, of others. */
export interface ArtifactPort {
  /** Uploads a file or folder; paths below a folder become paths of the artifact. */
  publish(name: string, type: 'Container' | 'PipelineArtifact', fromPath: string): Promise<number>
  list(runId: number, name?: string): Promise<readonly { artifact: string; path: string }[]>
  /** Writes one file of an artifact to `toPath`, making folders. */
  download(runId: number, artifact: string, path: string, toPath: string): Promise<void>
}

/** Everything a task may touch. Output passes the agent's commands and masker before it is a log. */
export interface TaskContext<Values> {
  readonly stage: 'prejob' | 'execution'
  readonly inputs: Values
  readonly signal: AbortSignal
  readonly shell: Shell
  readonly http: HttpPort
  readonly artifacts: ArtifactPort
  /** The value of a job variable, macros resolved; undefined when there is none. */
  variable(name: string): string | undefined
  /** The connection that an input names. @throws Fault `EndpointMissing` */
  connection(id: string): Connection
  /** One line of output. */
  write(line: string): void
  /** `##[debug]`, shown only with System.Debug. */
  debug(line: string): void
  warning(message: string): void
  /** An issue; `code` is optional data. An empty message counts but shows no line. */
  error(message: string, code?: string): void
  setVariable(name: string, value: string | Sealed, options?: { readonly isOutput?: boolean }): void
  /** Registers text with the masker. */
  setSecret(value: Sealed): void
  /** Queues a file as a log attachment of the step (`task.uploadfile`). */
  uploadFile(path: string): void
}

export interface Task {
  /** The vendor's GUID, lower case. */
  readonly id: string
  readonly name: string
  /** Full version, for example `2.279.1`; a pipeline names its major part. */
  readonly version: string
  readonly friendlyName: string
  readonly description: string
  readonly author: string
  readonly helpUrl: string
  /** `Azure Key Vault: $(KeyVaultName)`: the display name when the step gives none. */
  readonly instanceNameFormat: string
  readonly inputs: Readonly<Record<string, InputDeclaration>>
  /** In which stages of a job the task has work. */
  readonly stages: readonly ('prejob' | 'execution')[]
  run(context: TaskContext<Readonly<Record<string, string | boolean>>>): Promise<TaskEnd>
}

/** Declares a task; `run` sees its inputs typed from the declaration. */
export function task<const Declared extends Readonly<Record<string, InputDeclaration>>>(
  declared: Omit<Task, 'run' | 'inputs' | 'stages'> & {
    readonly inputs: Declared
    readonly stages?: Task['stages']
    run(context: TaskContext<Inputs<Declared>>): Promise<TaskEnd>
  },
): Task {
  return {
    ...declared,
    stages: declared.stages ?? ['execution'],
    run: (context) => declared.run(context as TaskContext<Inputs<Declared>>),
  }
}
