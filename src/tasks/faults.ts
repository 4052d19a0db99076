import { Fault } from '../base/fault.ts'

/** The text of an error for a message; a fault's own words, the engine's words for the rest. */
export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** The engine's code of a file or network error (`ENOENT`, `ECONNRESET`); empty when it has none. */
export function codeOf(error: unknown): string {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : ''
}

/** The job has no folder for what a task writes and forgets. */
export function temporaryFolder(context: { variable(name: string): string | undefined }): string {
  const folder = context.variable('Agent.TempDirectory')
  if (folder) return folder
  throw new Fault('FolderMissing', 'The variable Agent.TempDirectory is not set.')
}
