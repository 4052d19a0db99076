import path from 'node:path'
import { Fault } from '../../base/fault.ts'
import type { Command } from '../output/index.ts'
import { filesToUpload, uploadFiles } from '../steps/artifacts.ts'
import type { RunningStep } from '../steps/step-attempt.ts'
import { queueAttachment } from './attachments.ts'
import { type CommandArea, requireData, requireProperty } from './command-row.ts'

/** The commands `##vso[artifact.…]` (facts §4.16, §5.8). */
export const artifactCommands: CommandArea = {
  upload: { act: uploadArtifact },
  associate: { act: associate },
}

/** The commands `##vso[build.…]`. */
export const buildCommands: CommandArea = {
  updatebuildnumber: {
    act: ({ run, late }, command) => {
      const number = requireData(command, 'a run number')
      run.variables.set('Build.BuildNumber', number)
      late.push(() => run.api.updateRunNumber(run.lease, run.masker.mask(number)))
    },
  },
  addbuildtag: {
    act: ({ run, late }, command) => {
      const tag = requireData(command, 'a tag')
      late.push(() => run.api.addTag(run.lease, run.masker.mask(tag)))
    },
  },
  uploadlog: {
    act: (running, command) =>
      queueAttachment(running, 'DistributedTask.Core.Log', requireData(command, 'a file')),
  },
  uploadsummary: {
    act: (running, command) =>
      queueAttachment(running, 'Distributedtask.Core.Summary', requireData(command, 'a file')),
  },
}

/** Telemetry goes nowhere. */
export const telemetryCommands: CommandArea = {
  publish: { allowedWhenRestricted: true, act: () => undefined },
}

function uploadArtifact({ run, report, late }: RunningStep, command: Command): void {
  const name = requireProperty(command, 'artifactname')
  requireContainer(command.properties.get('artifacttype'))
  const folder = command.properties.get('containerfolder') ?? name
  const root = run.variables.text('System.DefaultWorkingDirectory') ?? run.sources
  const source = path.resolve(root, requireData(command, 'a path'))
  late.push(async () => {
    const files = await filesToUpload(source)
    if (files.length === 0) {
      report.warning(
        `Directory '${source}' is empty. Nothing will be added to build artifact '${name}'.`,
      )
      return
    }
    report.write('##[section]Async Command Start: Upload Artifact')
    report.write(`Uploading ${files.length} files`)
    await uploadFiles(run, folder, files)
    await run.api.associateArtifact(run.lease, { name, type: 'Container', folder })
    const build = run.variables.text('Build.BuildId') ?? ''
    report.write(`Associated artifact ${name} with build ${build}`)
    report.write('##[section]Async Command End: Upload Artifact')
  })
}

function associate({ run, report, late }: RunningStep, command: Command): void {
  const name = requireProperty(command, 'artifactname')
  const data = requireData(command, 'a location')
  const location = /^#\/?\d+\/(.+)$/.exec(data)
  requireContainer(command.properties.get('artifacttype') ?? (location ? undefined : data))
  const folder = location?.[1] ?? data
  late.push(async () => {
    await run.api.associateArtifact(run.lease, { name, type: 'Container', folder })
    const build = run.variables.text('Build.BuildId') ?? ''
    report.write(`Associated artifact ${name} with build ${build}`)
  })
}

function requireContainer(type: string | undefined): void {
  if (type === undefined || type.toLowerCase() === 'container') return
  throw new Fault(
    'ArtifactTypeUnknown',
    `Only artifacts of type 'container' can be kept here, not '${type}'.`,
  )
}
