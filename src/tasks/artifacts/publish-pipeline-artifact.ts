import { rm, stat } from 'node:fs/promises'
import { failed, succeeded, task } from '../contract.ts'
import { temporaryFolder } from '../faults.ts'
import { filesToPublish, stageFiles } from './artifact-ignore.ts'

// Control characters are among what a name must not hold.
// biome-ignore lint/suspicious/noControlCharactersInRegex: the rule itself names them
const FORBIDDEN = /[\u0000-\u001f\u007f":<>|*?/\\]/

/** `publish:` of a pipeline. */
export const publishPipelineArtifact = task({
  id: 'ecdc45f6-832d-4ad9-b52b-ee49e94659be',
  name: 'PublishPipelineArtifact',
  version: '1.242.0',
  friendlyName: 'Publish Pipeline Artifacts',
  description: 'Publish (upload) a file or directory as a named artifact for the current run',
  author: 'Microsoft Corporation',
  helpUrl:
    'https://docs.microsoft.com/azure/devops/pipelines/tasks/utility/publish-pipeline-artifact',
  instanceNameFormat: 'Publish Pipeline Artifact',
  inputs: {
    path: {
      kind: 'filePath',
      aliases: ['targetPath'],
      default: '$(Pipeline.Workspace)',
      required: true,
    },
    artifactName: { kind: 'text', aliases: ['artifact'] },
    artifactType: { kind: 'text', aliases: ['publishLocation'], default: 'pipeline' },
    fileSharePath: { kind: 'text' },
    parallel: { kind: 'flag', default: 'false' },
    parallelCount: { kind: 'text', default: '8' },
    properties: { kind: 'text' },
  },

  async run(context) {
    const { inputs, artifacts, write } = context
    if (inputs.artifactType.toLowerCase() !== 'pipeline') {
      return failed(
        `Publishing to '${inputs.artifactType}' is not supported. Set publishLocation to pipeline.`,
      )
    }
    if (inputs.properties !== '') {
      return failed('Properties of an artifact are not supported. Remove the input properties.')
    }
    const given = inputs.artifactName
    write(
      given ? `Artifact name input: ${given}` : 'Artifact name was not inserted for publishing.',
    )
    const name = given || nameFromJob(context.variable('System.JobIdentifier') ?? '')
    if (name === '' || FORBIDDEN.test(name)) {
      return failed(
        `Artifact name is not valid: ${name}. It cannot contain '\\', /', "', ':', '<', '>', '|', '*', and '?'`,
      )
    }
    const found = await stat(inputs.path).catch(() => undefined)
    if (!found) return failed(`Path does not exist: ${inputs.path}`)

    const runId = context.variable('Build.BuildId') ?? ''
    write(`Uploading pipeline artifact from ${inputs.path} for build #${runId}`)
    const selected = found.isDirectory() ? await filesToPublish(inputs.path) : undefined
    if (selected?.hasIgnored) {
      const staged = await stageFiles(inputs.path, selected.files, temporaryFolder(context))
      try {
        await artifacts.publish(name, 'PipelineArtifact', staged)
      } finally {
        await rm(staged, { recursive: true, force: true })
      }
    } else await artifacts.publish(name, 'PipelineArtifact', inputs.path)
    write('Uploading pipeline artifact finished.')
    return succeeded
  },
})

/** `Build.Job_1.__default` names the artifact `Build.Job1`. */
function nameFromJob(identifier: string): string {
  return identifier.replace(/[^\p{L}\p{Nd} .-]/gu, '').replaceAll('.default', '')
}
