import { Fault } from '../../base/fault.ts'
import { explainValue } from '../../compiler/explain/index.ts'
import { finalDocument } from '../../compiler/index.ts'
import { ExitCode } from '../exit-code.ts'
import { findPipelineFiles } from './pipeline-files.ts'
import { picture, printable, reportOf } from './report.ts'
import { check, type Given, type Surroundings, toChoice } from './request.ts'

/**
 * Prints what a file becomes, or explains one value of it; warnings go to stderr.
 *
 * @throws ExitCode 1 after the diagnostics of a wrong file; Fault `NotExplained`, `UsageWrong`
 */
export async function printCompiled(
  options: Given & { readonly file?: string; readonly trace?: string },
  around: Surroundings,
): Promise<undefined> {
  const { terminal, folder } = around
  const format = toChoice(options.format, ['yaml', 'json'])
  const asked = options.file === undefined ? [] : [options.file]
  const [found] = findPipelineFiles(asked, folder)
  if (!found) return undefined
  const checked = check(found, options)
  const { compilation, request } = checked
  const { plan } = compilation
  if (!plan) {
    terminal.note(reportOf(checked, around))
    throw new ExitCode(1)
  }
  for (const one of compilation.diagnostics) terminal.note(`${picture(one, checked, around)}\n`)
  if (options.trace !== undefined) {
    const explanation = explainValue(options.trace, plan, request)
    if (!explanation.ok) throw new Fault('NotExplained', sentence(explanation))
    terminal.out(`${printable(explanation.lines.join('\n'))}\n`)
  } else {
    const text = format === 'json' ? `${JSON.stringify(plan, undefined, 2)}\n` : finalDocument(plan)
    terminal.out(text)
  }
  return undefined
}

function sentence({ message, hint }: { readonly message: string; readonly hint?: string }): string {
  return hint === undefined ? message : `${message}\n${hint}`
}
