import { Fault } from '../../base/fault.ts'
import { type Compilation, type CompileRequest, compile } from '../../compiler/index.ts'
import { toPairs } from '../az-words.ts'
import type { Terminal } from '../terminal.ts'
import { type PipelineFile, readerOf } from './pipeline-files.ts'

/** Options that validate and compile share. */
export interface Given {
  readonly format?: string
  readonly parameters?: readonly string[]
  readonly variables?: readonly string[]
}

/** Where a command speaks, and the folder it was started in. */
export interface Surroundings {
  readonly terminal: Terminal
  readonly folder: string
}

/** A word of `choices`, the first one unless told. @throws Fault `UsageWrong` */
export function toChoice(
  word: string | undefined,
  choices: readonly [string, ...string[]],
): string {
  if (word === undefined) return choices[0]
  if (choices.includes(word)) return word
  throw new Fault('UsageWrong', `--format takes ${choices.join(', ')}, not '${word}'.`)
}

/** A compiled file; files of several folders may belong to several repositories. */
export interface Checked {
  readonly found: PipelineFile
  readonly request: CompileRequest
  readonly compilation: Compilation
}

/** Compiles a file with what was given on the command line. */
export function check(found: PipelineFile, { parameters, variables }: Given): Checked {
  const request: CompileRequest = {
    file: found.file,
    readFile: readerOf(found),
    parameters: toPairs(parameters) ?? {},
    variables: toPairs(variables) ?? {},
  }
  return { found, request, compilation: compile(request) }
}
