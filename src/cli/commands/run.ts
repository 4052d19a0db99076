import { existsSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { Fault } from '../../base/fault.ts'
import { isObject } from '../../base/json.ts'
import type { Diagnostic } from '../../compiler/index.ts'
import type { RunEvent, Server } from '../../server/index.ts'
import { dig, toPairs } from '../az-words.ts'
import { type CommandContext, command } from '../command.ts'
import { ExitCode } from '../exit-code.ts'
import { secretsOf } from '../secrets.ts'
import type { Terminal } from '../terminal.ts'
import { liveView, plainView, type RunView } from './run-view.ts'

export const runCommands = [
  command(
    'run [FILE] [--var <k=v>...] [--parameter <k=v>...] [--stage <name>...] [--job <name>...] [--output-dir <folder>]',
    'Run the pipeline of this folder here and now, with the working tree as its source.',
    runFolder,
    {
      help: {
        file: 'The YAML file (default azure-pipelines.yml in this folder).',
        var: 'Variables for this run, as set when queueing.',
        parameter: 'Values of the template parameters.',
        stage: 'Run only these stages.',
        job: 'Run only these jobs.',
        'output-dir': 'Put the artifacts of the run into this folder.',
      },
      examples: ['sluice run', 'sluice run ci/build.yml --var configuration=Debug --stage Build'],
    },
  ),
]

interface RunOptions {
  readonly file?: string
  readonly var?: readonly string[]
  readonly parameter?: readonly string[]
  readonly stage?: readonly string[]
  readonly job?: readonly string[]
  readonly outputDir?: string
}

async function runFolder(
  options: RunOptions,
  { common, terminal }: CommandContext,
): Promise<undefined> {
  const source = findSource(options.file)
  const { startServer } = await import('../../server/index.ts')
  const server = await startServer({
    dataDirectory: common.data,
    secrets: await secretsOf(terminal),
    port: 0,
    proxyPort: 0,
    agents: 4,
    ownRunsOnly: true,
  })
  try {
    const queued = await server.queueFolderRun({
      folder: source.folder,
      file: source.file,
      variables: toPairs(options.var) ?? {},
      parameters: toPairs(options.parameter) ?? {},
      ...(options.stage ? { stages: options.stage } : {}),
      ...(options.job ? { jobs: options.job } : {}),
    })
    for (const diagnostic of queued.diagnostics)
      terminal.note(await picture(diagnostic, source.folder))
    if (queued.runId === undefined) {
      const errors = queued.diagnostics.filter(({ severity }) => severity === 'error').length
      terminal.note(`The pipeline is not valid: ${errors} ${errors === 1 ? 'error' : 'errors'}.\n`)
      throw new ExitCode(1)
    }
    const result = await follow(server, queued.runId, terminal)
    if (options.outputDir)
      await saveArtifacts(server, {
        data: common.data,
        runId: queued.runId,
        folder: options.outputDir,
        terminal,
      })
    if (result !== 'Succeeded' && result !== 'SucceededWithIssues')
      throw new ExitCode(result === 'Canceled' ? 130 : 1)
    return undefined
  } finally {
    await server.close()
  }
}

/** The folder whose content is the source, and the file's path inside it. */
function findSource(asked: string | undefined): { folder: string; file: string } {
  if (asked !== undefined) {
    const file = path.resolve(asked)
    if (!existsSync(file) || !statSync(file).isFile())
      throw new Fault('UsageWrong', `There is no file ${asked}.`)
    const folder = file.startsWith(process.cwd() + path.sep) ? process.cwd() : path.dirname(file)
    return { folder, file: path.relative(folder, file).split(path.sep).join('/') }
  }
  const folder = process.cwd()
  const file = ['azure-pipelines.yml', 'azure-pipelines.yaml'].find((name) =>
    existsSync(path.join(folder, name)),
  )
  if (file) return { folder, file }
  throw new Fault(
    'UsageWrong',
    `There is no azure-pipelines.yml or azure-pipelines.yaml in ${folder}. Name the file: sluice run FILE`,
  )
}

async function picture(diagnostic: Diagnostic, folder: string): Promise<string> {
  const { renderDiagnostic } = await import('../../compiler/index.ts')
  return `${renderDiagnostic(diagnostic, (file) => {
    try {
      return readFileSync(path.join(folder, file), 'utf8')
    } catch {
      return undefined
    }
  })}\n`
}

/** Shows the run until it ends. The first Ctrl-C cancels it, the second one ends at once. */
async function follow(server: Server, runId: number, terminal: Terminal): Promise<string> {
  const view: RunView = terminal.isInteractive ? liveView(terminal) : plainView(terminal)
  let interrupts = 0
  const onInterrupt = () => {
    interrupts += 1
    if (interrupts > 1) process.exit(130)
    terminal.note('Cancelling the run; press Ctrl-C again to stop at once.\n')
    server.cancelRun(runId).catch((error: Error) => terminal.note(`ERROR: ${error.message}\n`))
  }
  process.on('SIGINT', onInterrupt)
  process.on('SIGTERM', onInterrupt)
  let result = 'Failed'
  try {
    for await (const event of server.watchRun(runId) as AsyncIterable<RunEvent>) {
      view.show(event)
      if (event.kind === 'finished') result = event.result
    }
  } finally {
    process.off('SIGINT', onInterrupt)
    process.off('SIGTERM', onInterrupt)
  }
  view.end(result)
  return interrupts > 0 ? 'Canceled' : result
}

async function saveArtifacts(
  server: Server,
  to: {
    readonly data: string
    readonly runId: number
    readonly folder: string
    readonly terminal: Terminal
  },
): Promise<void> {
  const { clientOf } = await import('../session.ts')
  const { projectPath } = await import('./devops.ts')
  const { downloadArtifact } = await import('./pipelines.ts')
  const client = clientOf(to.data, server.port)
  const project = projectPath({})
  const runId = String(to.runId)
  const listed = dig(
    await client.devops(`${project}/_apis/build/builds/${runId}/artifacts`, '7.1'),
    'value',
  )
  for (const artifact of (Array.isArray(listed) ? listed : []).filter(isObject)) {
    const artifactName = String(artifact['name'])
    const folder = path.resolve(to.folder, artifactName)
    const files = await downloadArtifact(client, { project, runId, artifactName, folder })
    to.terminal.note(
      `Saved ${artifactName}: ${files} ${files === 1 ? 'file' : 'files'} in ${folder}\n`,
    )
  }
}
