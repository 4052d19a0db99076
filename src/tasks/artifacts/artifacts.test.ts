import { execFileSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { afterAll, expect, test } from 'vitest'
import type { ArtifactPort } from '../contract.ts'
import { removeFolders, workbench } from '../testing/task-bench.ts'
import { downloadPipelineArtifact } from './download-pipeline-artifact.ts'
import { publishBuildArtifacts } from './publish-build-artifacts.ts'
import { publishPipelineArtifact } from './publish-pipeline-artifact.ts'

afterAll(removeFolders)

/** Artifacts in a folder: `store/<run>/<name>/…`; published ones belong to run 12. */
function artifactFolder(): ArtifactPort & { store: string; published: string[] } {
  const store = workbench().folder
  const published: string[] = []
  const filesOf = (runId: number, name: string) => listFiles(path.join(store, String(runId), name))
  return {
    store,
    published,
    async publish(name, type, from) {
      published.push(`${type} ${name}`)
      const to = path.join(store, '12', name)
      const isFolder = statSync(from).isDirectory()
      cpSync(from, isFolder ? to : path.join(to, path.basename(from)), { recursive: true })
      return filesOf(12, name).length
    },
    async list(runId, name) {
      const run = path.join(store, String(runId))
      const names = name ? [name] : existsSync(run) ? readdirSync(run) : []
      return names.flatMap((artifact) =>
        filesOf(runId, artifact).map((file) => ({ artifact, path: file })),
      )
    },
    async download(runId, artifact, file, to) {
      mkdirSync(path.dirname(to), { recursive: true })
      cpSync(path.join(store, String(runId), artifact, file), to)
    },
  }
}

function listFiles(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .sort()
}

function write(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true })
    writeFileSync(path.join(folder, name), text)
  }
}

test('a build artifact holds the files of its folder', async () => {
  const artifacts = artifactFolder()
  const bench = workbench({ artifacts })
  write(bench.sources, { 'out/a.txt': 'a', 'out/b/c.txt': 'c' })
  expect(await bench.run(publishBuildArtifacts, { PathtoPublish: 'out' })).toEqual({
    result: 'Succeeded',
  })
  expect(artifacts.published).toEqual(['Container drop'])
  expect(await artifacts.list(12, 'drop')).toHaveLength(2)
  expect(bench.lines).toEqual(['Associated artifact drop with build 12'])
})

test('a build artifact can be one archive', async () => {
  const artifacts = artifactFolder()
  const bench = workbench({ artifacts })
  write(bench.sources, { 'out/a.txt': 'a' })
  await bench.run(publishBuildArtifacts, { PathtoPublish: 'out', StoreAsTar: 'true' })
  const archive = path.join(artifacts.store, '12', 'drop', 'drop.tar')
  expect(execFileSync('tar', ['-tf', archive], { encoding: 'utf8' })).toContain('./a.txt')
  expect(readdirSync(bench.temp)).toEqual([])
})

test('an empty folder warns and publishes nothing', async () => {
  const artifacts = artifactFolder()
  const bench = workbench({ artifacts })
  expect(await bench.run(publishBuildArtifacts, { PathtoPublish: '' })).toEqual({
    result: 'Succeeded',
  })
  expect(bench.issues).toEqual([
    `warning Directory '${bench.sources}' is empty. Nothing will be added to build artifact 'drop'.`,
  ])
  expect(artifacts.published).toEqual([])
})

test.each([
  [
    'a file share',
    { publishLocation: 'FilePath' },
    'Publishing artifacts from a Linux or macOS agent to a file share is not supported. Change the artifact type to `Azure Pipelines` or use a Windows agent.',
  ],
  [
    'a missing path',
    { PathtoPublish: '/nowhere' },
    'Publishing build artifacts failed with an error: Not found PathtoPublish: /nowhere',
  ],
  [
    'too much',
    { PathtoPublish: 'a.txt', MaxArtifactSize: '1' },
    'Publishing build artifacts failed with an error: The artifact has 3 bytes; MaxArtifactSize allows 1.',
  ],
])('PublishBuildArtifacts refuses %s', async (_, inputs, message) => {
  const bench = workbench({ artifacts: artifactFolder() })
  write(bench.sources, { 'a.txt': 'abc' })
  expect(await bench.run(publishBuildArtifacts, inputs)).toEqual({ result: 'Failed', message })
})

test('PublishBuildArtifacts runs in builds only', async () => {
  const bench = workbench({ variables: { 'System.HostType': 'release' } })
  expect(await bench.run(publishBuildArtifacts, {})).toEqual({
    result: 'Failed',
    message: 'This task must run in a build to publish artifacts to Azure Pipelines.',
  })
})

test('a pipeline artifact has a name or takes the job’s', async () => {
  const artifacts = artifactFolder()
  const bench = workbench({
    artifacts,
    variables: { 'System.JobIdentifier': 'Build.Job_1.__default' },
  })
  write(bench.sources, { 'a.txt': 'a' })
  await bench.run(publishPipelineArtifact, { targetPath: '', artifact: 'drop' })
  await bench.run(publishPipelineArtifact, { path: '' })
  expect(artifacts.published).toEqual(['PipelineArtifact drop', 'PipelineArtifact Build.Job1'])
  expect(bench.lines).toEqual([
    'Artifact name input: drop',
    `Uploading pipeline artifact from ${bench.sources} for build #12`,
    'Uploading pipeline artifact finished.',
    'Artifact name was not inserted for publishing.',
    `Uploading pipeline artifact from ${bench.sources} for build #12`,
    'Uploading pipeline artifact finished.',
  ])
})

test.each([
  ['no rules: .git stays behind', undefined, ['a.txt', 'src/b.js', 'src/deep/c.js']],
  [
    'empty rules: all goes',
    '',
    ['.artifactignore', '.git/config', 'a.txt', 'src/b.js', 'src/deep/c.js'],
  ],
  ['a folder', '.*\nsrc/', ['a.txt']],
  ['a folder of any depth', '.*\ndeep', ['a.txt', 'src/b.js']],
  ['all but one kind', '**/*\n!*.js', ['src/b.js', 'src/deep/c.js']],
  ['tied to the top', '.*\n/b.js\n/a.txt', ['src/b.js', 'src/deep/c.js']],
])('.artifactignore with %s', async (_, rules, expected) => {
  const artifacts = artifactFolder()
  const bench = workbench({ artifacts })
  write(bench.sources, { 'a.txt': 'a', 'src/b.js': 'b', 'src/deep/c.js': 'c', '.git/config': 'g' })
  if (rules !== undefined) write(bench.sources, { '.artifactignore': rules })
  await bench.run(publishPipelineArtifact, { path: '', artifact: 'drop' })
  expect(listFiles(path.join(artifacts.store, '12', 'drop'))).toEqual(expected)
  expect(readdirSync(bench.temp)).toEqual([])
})

test.each([
  [
    'a name with a slash',
    { path: '', artifact: 'a/b' },
    "Artifact name is not valid: a/b. It cannot contain '\\', /', \"', ':', '<', '>', '|', '*', and '?'",
  ],
  ['a missing path', { path: '/nowhere', artifact: 'a' }, 'Path does not exist: /nowhere'],
  [
    'a file share',
    { path: '', artifact: 'a', publishLocation: 'filepath' },
    "Publishing to 'filepath' is not supported. Set publishLocation to pipeline.",
  ],
  [
    'properties',
    { path: '', artifact: 'a', properties: '{"user-a":"b"}' },
    'Properties of an artifact are not supported. Remove the input properties.',
  ],
])('PublishPipelineArtifact refuses %s', async (_, inputs, message) => {
  const bench = workbench({ artifacts: artifactFolder() })
  expect(await bench.run(publishPipelineArtifact, inputs)).toEqual({ result: 'Failed', message })
})

test('a named artifact lands in the path, all of them in folders of their names', async () => {
  const artifacts = artifactFolder()
  write(artifacts.store, { '12/drop/a.txt': 'a', '12/drop/b/c.txt': 'c', '12/web/d.txt': 'd' })
  const bench = workbench({ artifacts })
  await bench.run(downloadPipelineArtifact, { artifact: 'drop', path: 'one' })
  expect(listFiles(path.join(bench.sources, 'one'))).toEqual(['a.txt', 'b/c.txt'])
  await bench.run(downloadPipelineArtifact, { targetPath: 'all' })
  expect(listFiles(path.join(bench.sources, 'all'))).toEqual([
    'drop/a.txt',
    'drop/b/c.txt',
    'web/d.txt',
  ])
  expect(bench.lines.slice(0, 3)).toEqual([
    'Download from the specified build: #12',
    `Download artifact to: ${path.join(bench.sources, 'one')}`,
    'Downloading artifact finished.',
  ])
  expect(bench.variables[0]).toEqual(['BuildNumber', '12', true])
  expect(readFileSync(path.join(bench.sources, 'one', 'a.txt'), 'utf8')).toBe('a')
})

test.each([
  ['**/*.txt', ['a.txt', 'b/c.txt']],
  ['drop/*', ['a.txt', 'e.md']],
  ['**\n!drop/b/**', ['a.txt', 'e.md']],
  ['a.txt', []],
])('patterns %j have the artifact as their first segment', async (patterns, expected) => {
  const artifacts = artifactFolder()
  write(artifacts.store, { '12/drop/a.txt': 'a', '12/drop/b/c.txt': 'c', '12/drop/e.md': 'e' })
  const bench = workbench({ artifacts })
  await bench.run(downloadPipelineArtifact, { artifact: 'drop', patterns, path: 'to' })
  expect(listFiles(path.join(bench.sources, 'to'))).toEqual(expected)
})

test('another run is read by its id, or as the run that triggered this one', async () => {
  const artifacts = artifactFolder()
  write(artifacts.store, { '7/drop/a.txt': 'a' })
  const variables = { 'Build.TriggeredBy.BuildId': '7', 'Build.TriggeredBy.DefinitionId': '3' }
  const bench = workbench({ artifacts, variables })
  const byId = {
    buildType: 'specific',
    buildVersionToDownload: 'specific',
    buildId: '7',
    path: 'x',
  }
  await bench.run(downloadPipelineArtifact, byId)
  const triggering = {
    source: 'specific',
    definition: '3',
    preferTriggeringPipeline: 'true',
    path: 'y',
  }
  await bench.run(downloadPipelineArtifact, triggering)
  expect(listFiles(bench.sources)).toEqual(['x/drop/a.txt', 'y/drop/a.txt'])
})

test.each([
  ['an unknown artifact', { artifact: 'none' }, 'Artifact none was not found for build 12.'],
  [
    'the latest run',
    { source: 'specific', pipeline: '3' },
    "runVersion 'latest' is not supported. Set runVersion to specific and name a runId.",
  ],
  [
    'another project',
    { source: 'specific', project: 'other' },
    "Artifacts of another project ('other') are not supported.",
  ],
  [
    'an id that is none',
    { source: 'specific', runVersion: 'specific', runId: '../1' },
    "runId is no run's id: '../1'.",
  ],
])('DownloadPipelineArtifact refuses %s', async (_, inputs, message) => {
  const bench = workbench({ artifacts: artifactFolder() })
  expect(await bench.run(downloadPipelineArtifact, { path: 'to', ...inputs })).toEqual({
    result: 'Failed',
    message,
  })
})

test('a file of an artifact never lands outside the path', async () => {
  const artifacts = artifactFolder()
  const hostile = { ...artifacts, list: async () => [{ artifact: 'drop', path: '../../evil' }] }
  const bench = workbench({ artifacts: hostile })
  await bench.run(downloadPipelineArtifact, { artifact: 'drop', patterns: '**\n../**', path: 'to' })
  expect(existsSync(path.join(bench.folder, 'evil'))).toBe(false)
  expect(listFiles(bench.folder)).toEqual([])
})
