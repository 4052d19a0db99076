import type { Session } from './session.ts'
import type { Terminal } from './terminal.ts'
import type { Options } from './usage.ts'

/** Options that every command takes beside its own. */
export interface CommonOptions {
  readonly data: string
}

/** What a command works with. */
export interface CommandContext {
  readonly terminal: Terminal
  readonly common: CommonOptions
  /** Connects to the running server of the data directory, or starts a private one for this command. */
  session(): Promise<Session>
  /** Words behind `--`. */
  readonly rest: readonly string[]
  /** Reads another command line, for commands that show commands. */
  parse(words: readonly string[]): Promise<Asked | undefined>
}

/** What a command line asked for. */
export interface Asked {
  readonly command: Command
  readonly options: Readonly<Record<string, unknown>>
  readonly common: CommonOptions & {
    readonly output: string
    readonly query?: string
    readonly debug: boolean
  }
  readonly rest: readonly string[]
}

/** Turns a result into rows of a table; az's own column names. */
export type TableView = (result: unknown) => readonly Record<string, unknown>[]

export interface Command {
  /** Verbs and arguments in one line: the help, the parser and the types. */
  readonly usage: string
  readonly summary: string
  readonly details: CommandDetails
  /** The result is printed in the chosen format; undefined prints nothing. */
  run(options: never, context: CommandContext): Promise<unknown>
}

export interface CommandDetails {
  readonly examples?: readonly string[]
  readonly table?: TableView
  /** Says what each option means, by its long name. */
  readonly help?: Readonly<Record<string, string>>
  /** Everything behind the verbs belongs to the command: `exec -- CMD`. */
  readonly passThrough?: boolean
}

/** Declares a command; `run` sees its options typed from the usage line. */
export function command<const Line extends string>(
  usage: Line,
  summary: string,
  run: (options: Options<Line>, context: CommandContext) => Promise<unknown>,
  details: CommandDetails = {},
): Command {
  return { usage, summary, details, run: run as Command['run'] }
}
