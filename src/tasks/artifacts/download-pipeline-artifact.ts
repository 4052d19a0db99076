import path from 'node:path'
import { Fault } from '../../base/fault.ts'
import { failed, succeeded, task } from '../contract.ts'
import { matchFiles } from '../files/match-files.ts'
import { inParallel } from '../in-parallel.ts'

const PARALLEL_DOWNLOADS = 8

const inputs = {
  source: { kind: 'text', aliases: ['buildType'], default: 'current' },
  project: { kind: 'text' },
  pipeline: { kind: 'text', aliases: ['definition'] },
  preferTriggeringPipeline: {
    kind: 'flag',
    aliases: ['specificBuildWithTriggering'],
    default: 'false',
  },
  runVersion: { kind: 'text', aliases: ['buildVersionToDownload'], default: 'latest' },
  runBranch: { kind: 'text', aliases: ['branchName'], default: 'refs/heads/master' },
  runId: { kind: 'text', aliases: ['pipelineId', 'buildId'] },
  tags: { kind: 'text' },
  allowPartiallySucceededBuilds: { kind: 'flag', default: 'false' },
  allowFailedBuilds: { kind: 'flag', default: 'false' },
  artifact: { kind: 'text', aliases: ['artifactName'] },
  patterns: { kind: 'text', aliases: ['itemPattern'], default: '**' },
  path: {
    kind: 'filePath',
    aliases: ['targetPath', 'downloadPath'],
    default: '$(Pipeline.Workspace)',
  },
} as const

/** `download:` of a pipeline. */
export const downloadPipelineArtifact = task({
  id: '61f2a582-95ae-4948-b34d-a1b3c4f6a737',
  name: 'DownloadPipelineArtifact',
  version: '2.198.0',
  friendlyName: 'Download Pipeline Artifacts',
  description: 'Download build and pipeline artifacts',
  author: 'Microsoft Corporation',
  helpUrl:
    'https://docs.microsoft.com/azure/devops/pipelines/tasks/utility/download-pipeline-artifact',
  instanceNameFormat: 'Download Pipeline Artifact',
  inputs,

  async run(context) {
    const { inputs: given, artifacts, signal, write } = context
    const runId = runToReadFrom(given, (name) => context.variable(name))
    if (typeof runId === 'string') return failed(runId)

    write(`Download from the specified build: #${runId}`)
    write(`Download artifact to: ${given.path}`)
    const name = given.artifact
    const files = await artifacts.list(runId, name || undefined)
    if (name && files.length === 0) {
      return failed(`Artifact ${name} was not found for build ${runId}.`)
    }
    // A pattern's first segment is the artifact, named or not.
    const byKey = new Map(files.map((file) => [`${file.artifact}/${file.path}`, file]))
    const selected = new Set(matchFiles([...byKey.keys()], given.patterns || '**', '/'))
    await inParallel(byKey, PARALLEL_DOWNLOADS, async ([key, file]) => {
      if (!selected.has(key)) return
      signal.throwIfAborted()
      const folder = name ? given.path : path.join(given.path, file.artifact)
      const to = inside(given.path, path.join(folder, file.path))
      await artifacts.download(runId, file.artifact, file.path, to)
    })
    context.setVariable('BuildNumber', String(runId), { isOutput: true })
    write('Downloading artifact finished.')
    return succeeded
  },
})

interface Choice {
  readonly source: string
  readonly project: string
  readonly pipeline: string
  readonly preferTriggeringPipeline: boolean
  readonly runVersion: string
  readonly runId: string
}

/** The run's id, or why there is none. */
function runToReadFrom(
  given: Choice,
  variable: (name: string) => string | undefined,
): number | string {
  const source = given.source.toLowerCase()
  if (source === 'current') return toRunId(variable('Build.BuildId') ?? '', 'Build.BuildId')
  if (source !== 'specific') return `source must be current or specific, not '${given.source}'.`
  const own = [variable('System.TeamProject'), variable('System.TeamProjectId')]
  if (given.project !== '' && !own.some((name) => isSame(name, given.project))) {
    return `Artifacts of another project ('${given.project}') are not supported.`
  }
  if (given.preferTriggeringPipeline) {
    const triggering = variable('Build.TriggeredBy.BuildId')
    if (triggering && isSame(variable('Build.TriggeredBy.DefinitionId'), given.pipeline)) {
      return toRunId(triggering, 'Build.TriggeredBy.BuildId')
    }
  }
  if (given.runVersion.toLowerCase() !== 'specific') {
    return `runVersion '${given.runVersion}' is not supported. Set runVersion to specific and name a runId.`
  }
  return toRunId(given.runId, 'runId')
}

function toRunId(text: string, from: string): number | string {
  return /^[1-9]\d{0,14}$/.test(text) ? Number(text) : `${from} is no run's id: '${text}'.`
}

function isSame(one: string | undefined, other: string): boolean {
  return one !== undefined && one.toLowerCase() === other.toLowerCase()
}

function inside(folder: string, file: string): string {
  const relative = path.relative(folder, file)
  const [first] = relative.split(path.sep)
  if (first !== '' && first !== '..' && !path.isAbsolute(relative)) return file
  throw new Fault('PathOutside', `The artifact has a file outside of its folder: ${relative}`)
}
