import { statSync } from 'node:fs'
import { Fault } from '../../base/fault.ts'
import { failed, task } from '../contract.ts'
import { runScript, showOneLiner } from './script-file.ts'

const BYTE_ORDER_MARK = '\ufeff'
const PREFERENCES = new Set(['stop', 'continue', 'silentlycontinue'])
const EXIT_WITH_LAST_CODE = `if (!(Test-Path -LiteralPath variable:\\LASTEXITCODE)) {
} else {
  exit $LASTEXITCODE
}`

/** `pwsh:` and `powershell:` of a pipeline; needs PowerShell on the agent's machine. */
export const powerShell = task({
  id: 'e213ff0f-5d5c-4791-802d-52ea3e7be1f1',
  name: 'PowerShell',
  version: '2.279.0',
  friendlyName: 'PowerShell',
  description: 'Run a PowerShell script on Linux, macOS, or Windows',
  author: 'Microsoft Corporation',
  helpUrl: 'https://docs.microsoft.com/azure/devops/pipelines/tasks/utility/powershell',
  instanceNameFormat: 'PowerShell',
  inputs: {
    targetType: { kind: 'text', default: 'filePath' },
    filePath: { kind: 'filePath' },
    arguments: { kind: 'text' },
    script: { kind: 'text' },
    errorActionPreference: { kind: 'text', default: 'stop' },
    warningPreference: { kind: 'text', default: 'default' },
    informationPreference: { kind: 'text', default: 'default' },
    verbosePreference: { kind: 'text', default: 'default' },
    debugPreference: { kind: 'text', default: 'default' },
    progressPreference: { kind: 'text', default: 'silentlyContinue' },
    failOnStderr: { kind: 'flag', default: 'false' },
    ignoreLASTEXITCODE: { kind: 'flag', default: 'false' },
    pwsh: { kind: 'flag', default: 'false' },
    workingDirectory: { kind: 'filePath' },
  },

  async run(context) {
    const { inputs } = context
    const isInline = inputs.targetType.toLowerCase() === 'inline'
    if (!isInline && inputs.targetType.toLowerCase() !== 'filepath') {
      return failed(`targetType must be 'inline' or 'filePath', not '${inputs.targetType}'.`)
    }
    if (!isInline && !isScript(inputs.filePath)) {
      return failed(`Invalid file path '${inputs.filePath}'. A path to a .ps1 file is required.`)
    }
    const settings = preferences(inputs)
    if (typeof settings === 'string') return failed(settings)

    const body = isInline ? inputs.script : `. ${quote(inputs.filePath)} ${inputs.arguments}`.trim()
    context.write('Generating script.')
    if (isInline) showOneLiner(context, body)
    else context.write(`Formatted command: ${body}`)
    const lines = [...settings, body, ...(inputs.ignoreLASTEXITCODE ? [] : [EXIT_WITH_LAST_CODE])]
    const program = inputs.pwsh || process.platform !== 'win32' ? 'pwsh' : 'powershell'
    try {
      return await runScript(context, {
        content: `${BYTE_ORDER_MARK}${lines.join('\n')}\n`,
        extension: '.ps1',
        cwd: inputs.workingDirectory,
        failOnStderr: inputs.failOnStderr,
        interpreter: 'PowerShell',
        command: (file) => [program, ...OPTIONS, '-Command', `. ${quote(file)}`],
      })
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== 'ProgramMissing') throw error
      return failed(`PowerShell is not installed on this agent ('${program}' was not found).`)
    }
  },
})

const OPTIONS = ['-NoLogo', '-NoProfile', '-NonInteractive']

function isScript(file: string): boolean {
  const found = statSync(file, { throwIfNoEntry: false })
  return file.toLowerCase().endsWith('.ps1') && (found?.isFile() ?? false)
}

/** The lines that set preferences, or what is wrong with one. `default` leaves it alone. */
function preferences(inputs: Readonly<Record<string, string | boolean>>): string[] | string {
  const lines: string[] = []
  for (const name of ['error', 'warning', 'information', 'verbose', 'debug', 'progress']) {
    const input = name === 'error' ? 'errorActionPreference' : `${name}Preference`
    const value = String(inputs[input])
    if (value.toLowerCase() === 'default' || value === '') continue
    if (!PREFERENCES.has(value.toLowerCase())) {
      return `Invalid ${input} '${value}'. Choose default, stop, continue or silentlyContinue.`
    }
    lines.push(`$${input[0]?.toUpperCase()}${input.slice(1)} = '${value}'`)
  }
  return lines
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
