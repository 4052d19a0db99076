import { statSync } from 'node:fs'
import { Fault } from '../../base/fault.ts'
import type { Shell } from '../../tasks/index.ts'
import type { JobRun } from '../job-run.ts'
import { findProgram } from '../processes/find-program.ts'
import { runProcess } from '../processes/run-process.ts'
import type { StepReport } from '../reporting/step-report.ts'

/** Longer text of a kept standard error is cut; a task shows it as issues, not as a log. */
const MAX_KEPT_BYTES = 4_194_304

export interface StepShell {
  readonly run: JobRun
  readonly report: StepReport
  /** The step's whole environment. */
  readonly env: Readonly<Record<string, string>>
  readonly signal: AbortSignal
}

/**
 * Runs a task's programs: output goes straight to the step's log, nothing is read from stdin.
 * Faults: `ProgramMissing`, `FolderMissing`, `EnvironmentWrong`.
 */
export function stepShell({ run, report, env, signal }: StepShell): Shell {
  return {
    async run(program, args, options) {
      const childEnv = { ...env, ...options.env }
      requireFolder(options.cwd)
      requireNoNul(childEnv)
      const output = report.openPipe()
      const kept: Buffer[] = []
      let keptBytes = 0
      const keep = (chunk: Buffer): undefined => {
        if (keptBytes < MAX_KEPT_BYTES) kept.push(Buffer.from(chunk))
        keptBytes += chunk.length
      }
      const { exitCode, pipesClosed } = await runProcess({
        program: requireProgram(program, childEnv['PATH'] ?? '', options.cwd),
        args,
        cwd: options.cwd,
        env: childEnv,
        signal,
        killSignal: run.cancellation.killed,
        timing: run.timing,
        pipeFolder: run.workspace.temp,
        onOutput: (chunk) => {
          output.write(chunk)
          return report.held
        },
        ...(options.keepStderr && { onError: keep }),
      }).finally(() => output.end())
      if (!pipesClosed) report.warning(pipesKeptOpen(program, run.timing.pipesMs))
      return { exitCode, stderr: Buffer.concat(kept).toString('utf8') }
    },
  }
}

function pipesKeptOpen(program: string, limitMs: number): string {
  return `The STDIO streams did not close within ${limitMs / 1000} seconds of the exit event from process '${program}'. This may indicate a child process inherited the STDIO streams and has not yet exited.`
}

function requireProgram(program: string, searchPath: string, cwd: string): string {
  const found = findProgram(program, searchPath, cwd)
  if (found) return found
  throw new Fault(
    'ProgramMissing',
    `Unable to locate executable file: '${program}'. Please verify either the file path exists or the file can be found within a directory specified by the PATH environment variable. Also check the file mode to verify the file is executable.`,
  )
}

function requireFolder(folder: string): void {
  const found = statSync(folder, { throwIfNoEntry: false })
  if (found?.isDirectory()) return
  throw new Fault('FolderMissing', `The cwd: ${folder} does not exist!`)
}

/** Node names the value in its own error for this, and the value may be secret. */
function requireNoNul(env: Readonly<Record<string, string>>): void {
  const name = Object.keys(env).find((key) => env[key]?.includes('\0') || key.includes('\0'))
  if (name === undefined) return
  throw new Fault(
    'EnvironmentWrong',
    `The environment variable '${name.replaceAll('\0', '')}' has a NUL character, which no program can be given.`,
  )
}
