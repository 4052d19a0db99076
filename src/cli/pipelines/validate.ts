import { ExitCode } from '../exit-code.ts'
import { findPipelineFiles } from './pipeline-files.ts'
import { reportOf } from './report.ts'
import { check, type Given, type Surroundings, toChoice } from './request.ts'
import { toSarif } from './sarif.ts'

/**
 * Prints the diagnostics of every file.
 *
 * @throws ExitCode 1 when there is an error; Fault `UsageWrong` for a file that does not exist
 */
export async function validate(
  options: Given & { readonly file?: readonly string[] },
  around: Surroundings,
): Promise<undefined> {
  const format = toChoice(options.format, ['text', 'json', 'sarif'])
  const checked = findPipelineFiles(options.file ?? [], around.folder).map((found) =>
    check(found, options),
  )
  const all = checked.flatMap(({ compilation }) => compilation.diagnostics)
  if (format === 'text') {
    for (const one of checked) around.terminal.out(reportOf(one, around))
  } else {
    const result = format === 'json' ? all : toSarif(all)
    around.terminal.out(`${JSON.stringify(result, undefined, 2)}\n`)
  }
  if (all.some(({ severity }) => severity === 'error')) throw new ExitCode(1)
  return undefined
}
