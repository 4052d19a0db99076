import { statSync } from 'node:fs'
import path from 'node:path'
import { task } from '../contract.ts'
import { quoteForShell, runScript, showOneLiner } from './script-file.ts'

const GREETING = 'echo Write your commands here\n\necho Hello world\n'

/** `script:` of a pipeline. */
export const cmdLine = task({
  id: 'd9bafed4-0b18-4f58-968d-86655b4d2ce9',
  name: 'CmdLine',
  version: '2.279.1',
  friendlyName: 'Command line',
  description: 'Run a command line script using Bash on Linux and macOS and cmd.exe on Windows',
  author: 'Microsoft Corporation',
  helpUrl: 'https://docs.microsoft.com/azure/devops/pipelines/tasks/utility/command-line',
  instanceNameFormat: 'CmdLine',
  inputs: {
    script: { kind: 'text', required: true, default: GREETING },
    workingDirectory: { kind: 'filePath' },
    failOnStderr: { kind: 'flag', default: 'false' },
  },

  async run(context) {
    const { script, workingDirectory: cwd, failOnStderr } = context.inputs
    const content = namesFile(script, cwd) ? `exec ${quoteForShell(script)}` : script
    context.write('Generating script.')
    showOneLiner(context, content)
    const common = { cwd, failOnStderr }
    if (process.platform === 'win32')
      return await runScript(context, { ...common, ...cmd(content) })
    return await runScript(context, { ...common, ...bash(content) })
  },
})

function namesFile(script: string, cwd: string): boolean {
  if (script.includes('\n') || script.includes('\0')) return false
  return statSync(path.resolve(cwd, script), { throwIfNoEntry: false })?.isFile() ?? false
}

function bash(content: string) {
  return {
    content: content.replaceAll('\r\n', '\n'),
    extension: '.sh',
    interpreter: 'Bash',
    command: (file: string) => ['bash', '--noprofile', '--norc', file] as const,
  }
}

function cmd(content: string) {
  return {
    content: `@echo off\r\n${content.replace(/\r?\n/g, '\r\n')}`,
    extension: '.cmd',
    interpreter: 'Cmd.exe',
    command: (file: string) => ['cmd.exe', '/D', '/E:ON', '/V:OFF', '/S', '/C', file] as const,
  }
}
