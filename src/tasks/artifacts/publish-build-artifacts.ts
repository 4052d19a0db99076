import { rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { failed, succeeded, type Task, type TaskEnd, task } from '../contract.ts'
import { temporaryFolder, textOf } from '../faults.ts'
import { listFiles } from '../files/match-files.ts'

const NO_SHARE =
  'Publishing artifacts from a Linux or macOS agent to a file share is not supported. Change the artifact type to `Azure Pipelines` or use a Windows agent.'

/** Publishes a file or folder as an artifact in the run's file container. */
export const publishBuildArtifacts = task({
  id: '2ff763a7-ce83-4e1f-bc89-0ae63477cebe',
  name: 'PublishBuildArtifacts',
  version: '1.274.0',
  friendlyName: 'Publish build artifacts',
  description: 'Publish build artifacts to Azure Pipelines or a Windows file share',
  author: 'Microsoft Corporation',
  helpUrl:
    'https://docs.microsoft.com/azure/devops/pipelines/tasks/utility/publish-build-artifacts',
  instanceNameFormat: 'Publish Artifact: $(ArtifactName)',
  inputs: {
    PathtoPublish: {
      kind: 'filePath',
      default: '$(Build.ArtifactStagingDirectory)',
      required: true,
    },
    ArtifactName: { kind: 'text', default: 'drop', required: true },
    ArtifactType: { kind: 'text', aliases: ['publishLocation'], default: 'Container' },
    MaxArtifactSize: { kind: 'text', default: '0' },
    TargetPath: { kind: 'text' },
    Parallel: { kind: 'flag', default: 'false' },
    ParallelCount: { kind: 'text', default: '8' },
    StoreAsTar: { kind: 'flag', default: 'false' },
  },

  async run(context) {
    try {
      return await publish(context)
    } catch (error) {
      context.signal.throwIfAborted()
      return failed(`Publishing build artifacts failed with an error: ${textOf(error)}`)
    }
  },
})

type Context = Parameters<Task['run']>[0]

async function publish(context: Context): Promise<TaskEnd> {
  const from = String(context.inputs['PathtoPublish'])
  const name = String(context.inputs['ArtifactName'])
  const type = String(context.inputs['ArtifactType']).toLowerCase()
  if (context.variable('System.HostType')?.toLowerCase() !== 'build') {
    return failed('This task must run in a build to publish artifacts to Azure Pipelines.')
  }
  if (type === 'filepath') return failed(NO_SHARE)
  if (type !== 'container')
    return failed(`ArtifactType must be Container or FilePath, not '${type}'.`)
  const found = await stat(from).catch(() => undefined)
  if (!found) throw new Error(`Not found PathtoPublish: ${from}`)

  const files = found.isDirectory() ? await listFiles(from) : [path.basename(from)]
  if (files.length === 0) {
    context.warning(
      `Directory '${from}' is empty. Nothing will be added to build artifact '${name}'.`,
    )
    return succeeded
  }
  const folder = found.isDirectory() ? from : path.dirname(from)
  await checkSize(folder, files, String(context.inputs['MaxArtifactSize']))
  const archive = context.inputs['StoreAsTar'] === true ? tarFile(context, name) : undefined
  try {
    if (archive) await writeTar(context, archive, folder, found.isDirectory() ? '.' : files[0])
    await context.artifacts.publish(name, 'Container', archive ?? from)
  } finally {
    if (archive) await rm(archive, { force: true })
  }
  context.write(`Associated artifact ${name} with build ${context.variable('Build.BuildId') ?? ''}`)
  return succeeded
}

function tarFile(context: Context, name: string): string {
  return path.join(temporaryFolder(context), `${path.basename(name)}.tar`)
}

async function writeTar(
  context: Context,
  archive: string,
  cwd: string,
  entry = '.',
): Promise<void> {
  const args = ['-cf', archive, '--', entry]
  const { exitCode } = await context.shell.run('tar', args, { cwd })
  if (exitCode !== 0) throw new Error(`tar exited with code '${exitCode}'.`)
}

async function checkSize(folder: string, files: readonly string[], limit: string): Promise<void> {
  if (!/^\d{1,15}$/.test(limit)) {
    throw new Error(`MaxArtifactSize must be a number of bytes, not '${limit}'.`)
  }
  const limitBytes = Number(limit)
  if (limitBytes === 0) return
  let sizeBytes = 0
  for (const file of files) sizeBytes += (await stat(path.join(folder, file))).size
  if (sizeBytes > limitBytes) {
    throw new Error(`The artifact has ${sizeBytes} bytes; MaxArtifactSize allows ${limitBytes}.`)
  }
}
