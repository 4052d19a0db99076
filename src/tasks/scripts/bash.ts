import { statSync } from 'node:fs'
import { failed, task } from '../contract.ts'
import { quoteForShell, runScript, showOneLiner } from './script-file.ts'

const KILLED = 137

/** `bash:` of a pipeline, and scripts kept in files. */
export const bash = task({
  id: '6c731c3c-3c68-459a-a5c9-bde6e6595b5b',
  name: 'Bash',
  version: '3.279.0',
  friendlyName: 'Bash',
  description: 'Run a Bash script on macOS, Linux, or Windows',
  author: 'Microsoft Corporation',
  helpUrl: 'https://docs.microsoft.com/azure/devops/pipelines/tasks/utility/bash',
  instanceNameFormat: 'Bash',
  inputs: {
    targetType: { kind: 'text', default: 'filePath' },
    filePath: { kind: 'filePath' },
    arguments: { kind: 'text' },
    script: { kind: 'text' },
    workingDirectory: { kind: 'filePath' },
    failOnStderr: { kind: 'flag', default: 'false' },
    bashEnvValue: { kind: 'text' },
  },

  async run(context) {
    const { inputs } = context
    const isInline = inputs.targetType.toLowerCase() === 'inline'
    if (!isInline && inputs.targetType.toLowerCase() !== 'filepath') {
      return failed(`targetType must be 'inline' or 'filePath', not '${inputs.targetType}'.`)
    }
    if (isInline && inputs.script === '') return failed('Input required: script')
    if (!isInline && !statSync(inputs.filePath, { throwIfNoEntry: false })?.isFile()) {
      return failed(`Invalid file path '${inputs.filePath}'.`)
    }
    const content = isInline
      ? inputs.script.replaceAll('\r\n', '\n')
      : `exec bash ${quoteForShell(inputs.filePath)} ${inputs.arguments}`.trimEnd()
    context.write('Generating script.')
    if (isInline) showOneLiner(context, content)
    else context.write(`Formatted command: ${content}`)
    return await runScript(context, {
      content,
      extension: '.sh',
      cwd: inputs.workingDirectory,
      failOnStderr: inputs.failOnStderr,
      interpreter: 'Bash',
      ...(inputs.bashEnvValue !== '' && { env: { BASH_ENV: inputs.bashEnvValue } }),
      command: (file) => ['bash', file],
      hint: (exitCode) =>
        exitCode === KILLED
          ? 'The system ended it with SIGKILL, most often because memory ran out.'
          : '',
    })
  },
})
