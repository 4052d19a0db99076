import { createWriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { Fault } from '../../base/fault.ts'
import { isObject, readArray, readNumber } from '../../base/json.ts'
import type { Client } from '../../client/index.ts'
import { dig, toNumber, toPairs } from '../az-words.ts'
import { type CommandContext, command } from '../command.ts'
import { ExitCode } from '../exit-code.ts'
import { projectPath } from './devops.ts'
import { followRun } from './follow.ts'

const runTable = (result: unknown) =>
  (Array.isArray(result) ? result : [result]).filter(isObject).map((run) => ({
    'Run ID': run['id'],
    Number: run['buildNumber'],
    Status: run['status'],
    Result: run['result'],
    'Pipeline ID': dig(run, 'definition', 'id'),
    'Pipeline Name': dig(run, 'definition', 'name'),
    'Source Branch': String(run['sourceBranch'] ?? '').replace('refs/heads/', ''),
    'Queued Time': run['queueTime'],
    Reason: run['reason'],
  }))

const pipelineTable = (result: unknown) =>
  (Array.isArray(result) ? result : [result]).filter(isObject).map((definition) => ({
    ID: definition['id'],
    Name: definition['name'],
    Path: definition['path'],
    Status: definition['queueStatus'] ?? 'enabled',
  }))

export const pipelinesCommands = [
  command(
    'pipelines create --name <name> [--repository <folder>] [--branch <branch>] [--yml-path <path>] [--description <text>] [--skip-first-run] [--organization <name>] [--project|-p <project>]',
    'Create a pipeline from a YAML file in a folder of this machine.',
    createPipeline,
    {
      table: pipelineTable,
      examples: [
        'sluice pipelines create --name app --repository . --yml-path azure-pipelines.yml --skip-first-run',
      ],
    },
  ),
  command(
    'pipelines list [--organization <name>] [--project|-p <project>]',
    'List pipelines.',
    async (place, { session }) => {
      const { client } = await session()
      return dig(
        await client.devops(`${projectPath(place)}/_apis/build/definitions`, '7.1'),
        'value',
      )
    },
    { table: pipelineTable },
  ),
  command(
    'pipelines show [--id <id>] [--name <name>] [--organization <name>] [--project|-p <project>]',
    'Show a pipeline.',
    async ({ id, name, ...place }, { session }) => {
      const { client } = await session()
      const found = await findPipeline(client, projectPath(place), { id, name })
      return client.devops(`${projectPath(place)}/_apis/build/definitions/${found}`, '7.1')
    },
    { table: pipelineTable },
  ),
  command(
    'pipelines run [--id <id>] [--name <name>] [--branch <branch>] [--variables <k=v>...] [--parameters <k=v>...] [--follow|-f] [--organization <name>] [--project|-p <project>]',
    'Queue a run of a pipeline; with --follow show its log until it ends.',
    runPipeline,
    { table: runTable, examples: ['sluice pipelines run --name app --follow'] },
  ),
  command(
    'pipelines runs list [--pipeline-ids <id>...] [--top <n>] [--organization <name>] [--project|-p <project>]',
    'List runs, the newest first.',
    async ({ pipelineIds, top, ...place }, { session }) => {
      const { client } = await session()
      const filter = pipelineIds ? `&definitions=${pipelineIds.join(',')}` : ''
      const most = toNumber(top, '--top') ?? 100
      return dig(
        await client.devops(
          `${projectPath(place)}/_apis/build/builds?$top=${most}${filter}`,
          '7.1',
        ),
        'value',
      )
    },
    { table: runTable },
  ),
  command(
    'pipelines runs show --id <id> [--organization <name>] [--project|-p <project>]',
    'Show a run.',
    async ({ id, ...place }, { session }) => {
      const { client } = await session()
      return client.devops(`${projectPath(place)}/_apis/build/builds/${id}`, '7.1')
    },
    { table: runTable },
  ),
  command(
    'pipelines runs cancel --id <id> [--organization <name>] [--project|-p <project>]',
    'Cancel a run.',
    async ({ id, ...place }, { session }) => {
      const { client } = await session()
      const body = { status: 'cancelling' }
      return client.devops(`${projectPath(place)}/_apis/build/builds/${id}`, '7.1', {
        method: 'PATCH',
        body,
      })
    },
    { table: runTable },
  ),
  command(
    'pipelines runs artifact list --run-id <id> [--organization <name>] [--project|-p <project>]',
    'List the artifacts of a run.',
    async ({ runId, ...place }, { session }) => {
      const { client } = await session()
      return dig(
        await client.devops(`${projectPath(place)}/_apis/build/builds/${runId}/artifacts`, '7.1'),
        'value',
      )
    },
  ),
  command(
    'pipelines runs artifact download --run-id <id> --artifact-name <name> --path <folder> [--organization <name>] [--project|-p <project>]',
    'Download an artifact of a run into a folder.',
    async ({ runId, artifactName, path: folder, ...place }, { session }) => {
      const { client } = await session()
      await downloadArtifact(client, { project: projectPath(place), runId, artifactName, folder })
      return undefined
    },
  ),
]

interface CreateOptions {
  readonly name: string
  readonly repository?: string
  readonly branch?: string
  readonly ymlPath?: string
  readonly description?: string
  readonly skipFirstRun?: boolean
  readonly organization?: string
  readonly project?: string
}

async function createPipeline(
  options: CreateOptions,
  { session }: CommandContext,
): Promise<unknown> {
  const { client } = await session()
  const folder = path.resolve(options.repository ?? '.')
  const body = {
    name: options.name,
    description: options.description ?? '',
    process: { type: 2, yamlFilename: options.ymlPath ?? 'azure-pipelines.yml' },
    repository: {
      id: folder,
      name: path.basename(folder),
      type: 'Folder',
      url: folder,
      ...(options.branch ? { defaultBranch: options.branch } : {}),
    },
  }
  const project = projectPath(options)
  const definition = await client.devops(`${project}/_apis/build/definitions`, '7.1', {
    method: 'POST',
    body,
  })
  if (options.skipFirstRun) return definition
  return queueRun(client, project, readNumber(dig(definition, 'id'), 'id'), {})
}

interface RunOptions {
  readonly id?: string
  readonly name?: string
  readonly branch?: string
  readonly variables?: readonly string[]
  readonly parameters?: readonly string[]
  readonly follow?: boolean
  readonly organization?: string
  readonly project?: string
}

async function runPipeline(
  options: RunOptions,
  { session, terminal }: CommandContext,
): Promise<unknown> {
  const { client, isPrivate } = await session()
  const project = projectPath(options)
  const id = await findPipeline(client, project, options)
  const run = await queueRun(client, project, id, options)
  if (isPrivate) {
    terminal.note(
      'WARNING: No server is running, so the run waits. Start one with: sluice up --detach\n',
    )
    return run
  }
  if (!options.follow) return run
  const finished = await followRun(client, project, readNumber(dig(run, 'id'), 'id'), (text) =>
    terminal.out(text),
  )
  if (finished !== 'succeeded' && finished !== 'partiallySucceeded') throw new ExitCode(1)
  return undefined
}

function queueRun(
  client: Client,
  project: string,
  definitionId: number,
  options: Pick<RunOptions, 'branch' | 'variables' | 'parameters'>,
): Promise<unknown> {
  const parameters = toPairs(options.parameters)
  const variables = toPairs(options.variables)
  const body = {
    definition: { id: definitionId },
    ...(options.branch ? { sourceBranch: toRef(options.branch) } : {}),
    ...(variables ? { parameters: JSON.stringify(variables) } : {}),
    ...(parameters ? { templateParameters: parameters } : {}),
  }
  return client.devops(`${project}/_apis/build/builds`, '7.1', { method: 'POST', body })
}

function toRef(branch: string): string {
  return branch.startsWith('refs/') ? branch : `refs/heads/${branch}`
}

async function findPipeline(
  client: Client,
  project: string,
  wanted: { readonly id?: string | undefined; readonly name?: string | undefined },
): Promise<number> {
  const id = toNumber(wanted.id, '--id')
  if (id !== undefined) return id
  if (!wanted.name) throw new Fault('UsageWrong', 'Say which pipeline with --id or --name.')
  const path = `${project}/_apis/build/definitions?name=${encodeURIComponent(wanted.name)}`
  const [found] = readArray(dig(await client.devops(path, '7.1'), 'value'), 'value')
  if (found) return readNumber(dig(found, 'id'), 'id')
  throw new Fault(
    'PipelineNotFound',
    `There were no pipelines matching the name '${wanted.name}'. List them with: sluice pipelines list`,
  )
}

/** Unpacks an artifact's files into `folder`; file names that leave the folder are refused. */
export async function downloadArtifact(
  client: Client,
  wanted: {
    readonly project: string
    readonly runId: string
    readonly artifactName: string
    readonly folder: string
  },
): Promise<number> {
  const name = encodeURIComponent(wanted.artifactName)
  const url = `${wanted.project}/_apis/build/builds/${wanted.runId}/artifacts?artifactName=${name}&$format=zip`
  const zip = await buffer(await client.devopsStream(url, '7.1', 'application/zip'))
  const { fromBufferPromise } = await import('yauzl')
  const archive = await fromBufferPromise(zip, { lazyEntries: true })
  let files = 0
  const prefix = `${wanted.artifactName}/`
  for await (const entry of archive.eachEntry()) {
    if (entry.fileName.endsWith('/')) continue
    const own = entry.fileName.startsWith(prefix)
      ? entry.fileName.slice(prefix.length)
      : entry.fileName
    const target = path.resolve(wanted.folder, own)
    if (!target.startsWith(path.resolve(wanted.folder) + path.sep)) {
      throw new Fault(
        'ArtifactWrong',
        `The artifact holds a file outside its folder: ${entry.fileName}`,
      )
    }
    await mkdir(path.dirname(target), { recursive: true })
    await pipeline(await archive.openReadStreamPromise(entry), createWriteStream(target))
    files += 1
  }
  return files
}
