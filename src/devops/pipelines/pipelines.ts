import { fileURLToPath } from 'node:url'
import { findString, isObject, type JsonObject, readObject } from '../../base/json.ts'
import { Sealed } from '../../base/sealed.ts'
import type { Devops } from '../devops.ts'
import { fault } from '../faults.ts'
import type { Project } from '../organisation/projects-store.ts'
import { conduct } from '../runs/conduct.ts'
import { permitAll, prepareRun, type Requester } from '../runs/queue.ts'
import { memberOf } from '../wire/wire-values.ts'
import {
  findPipeline,
  insertPipeline,
  listPipelines,
  type Pipeline,
  type PipelineVariable,
  writePipelineVariables,
} from './pipelines-store.ts'
import { checkFolder, type FolderRepository, readFolderState } from './repository.ts'

/** A pipeline as a caller describes it. */
export interface PipelineWish {
  readonly name: string
  readonly folder: string
  readonly yamlPath: string
  readonly repository: FolderRepository
  readonly variables: readonly PipelineVariable[]
}

/** Reads a body of `build/definitions`. @throws Fault `PipelineWrong`, `JsonWrong` */
export function readDefinitionWish(body: unknown): PipelineWish {
  const definition = readDefinition(body, 'definition')
  const process = readObject(memberOf(definition, 'process') ?? {}, 'process')
  return {
    ...readNames(definition, 'path'),
    yamlPath: readYamlPath(memberOf(process, 'yamlFilename'), 'process.yamlFilename'),
    repository: readRepository(memberOf(definition, 'repository')),
    variables: readVariables(memberOf(definition, 'variables')),
  }
}

/** Reads a body of `pipelines`. @throws Fault `PipelineWrong`, `JsonWrong` */
export function readPipelineWish(body: unknown): PipelineWish {
  const pipeline = readDefinition(body, 'inputParameters')
  const configuration = readObject(memberOf(pipeline, 'configuration') ?? {}, 'configuration')
  return {
    ...readNames(pipeline, 'folder'),
    yamlPath: readYamlPath(memberOf(configuration, 'path'), 'configuration.path'),
    repository: readRepository(memberOf(configuration, 'repository')),
    variables: readVariables(memberOf(configuration, 'variables')),
  }
}

function readDefinition(body: unknown, parameter: string): JsonObject {
  if (isObject(body)) return body
  throw fault('PipelineWrong', `Value cannot be null.\r\nParameter name: ${parameter}`)
}

function readNames(body: JsonObject, folderMember: string) {
  const name = findString(memberOf(body, 'name'), 'name') ?? ''
  if (name.trim() === '')
    throw fault('PipelineWrong', 'Value cannot be null.\r\nParameter name: name')
  const folder = (findString(memberOf(body, folderMember), folderMember) ?? '').replaceAll(
    '/',
    '\\',
  )
  return { name, folder: folder.startsWith('\\') ? folder : `\\${folder}` }
}

function readYamlPath(value: unknown, path: string): string {
  const file = (findString(value, path) ?? '').replace(/^[/\\]+/, '').replaceAll('\\', '/')
  if (file !== '') return file
  throw fault('PipelineWrong', `Value cannot be null.\r\nParameter name: ${path}`)
}

/** A directory on this machine: `url` (a path or `file:` address), else `path`, else `id`. */
function readRepository(value: unknown): FolderRepository {
  const repository = readObject(value ?? {}, 'repository')
  const type = findString(memberOf(repository, 'type'), 'repository.type') ?? ''
  if (type.toLowerCase() !== 'folder') {
    throw fault(
      'PipelineWrong',
      `The repository type '${type}' is not supported yet. Use 'Folder' with the absolute path of a directory on the server in repository.url.`,
    )
  }
  const named = ['url', 'path', 'id']
    .map((member) => findString(memberOf(repository, member), `repository.${member}`))
    .find((text) => text !== undefined && text !== '')
  if (named === undefined) {
    throw fault('PipelineWrong', 'Value cannot be null.\r\nParameter name: repository.url')
  }
  const commit = findString(memberOf(repository, 'commit'), 'repository.commit')
  const path = checkFolder(named.startsWith('file:') ? toPath(named) : named)
  return { type: 'Folder', path, ...(commit ? { commit } : {}) }
}

function toPath(url: string): string {
  try {
    return fileURLToPath(url)
  } catch {
    throw fault('PipelineWrong', `The address ${url} does not name a directory of this machine.`)
  }
}

function readVariables(value: unknown): PipelineVariable[] {
  return Object.entries(readObject(value ?? {}, 'variables')).map(([name, given]) => {
    const members = readObject(given, `variables.${name}`)
    const text = findString(memberOf(members, 'value'), `variables.${name}.value`) ?? ''
    const isSecret = memberOf(members, 'isSecret') === true
    const allowOverride = memberOf(members, 'allowOverride') === true
    return { name, isSecret, allowOverride, value: isSecret ? new Sealed(text) : text }
  })
}

/**
 * Makes a pipeline; the resources its YAML names are permitted when the creator may permit them.
 * Naming a directory of this machine is for administrators.
 *
 * @throws Fault `AccessDenied`, `PipelineExists`, `PipelineWrong`
 */
export async function createPipeline(
  devops: Devops,
  project: Project,
  wish: PipelineWish,
  creator: Requester,
): Promise<Pipeline> {
  if (!creator.isAdministrator) {
    throw fault(
      'AccessDenied',
      `${creator.name} may not name a directory of this machine: that is for administrators of ${devops.organization}.`,
    )
  }
  readFolderState(wish.repository)
  const pipeline = await devops.db.write(async (tx): Promise<Pipeline> => {
    const all = await listPipelines(tx.query, project.id)
    const key = `${wish.folder}\\${wish.name}`.toLowerCase()
    if (all.some(({ folder, name }) => `${folder}\\${name}`.toLowerCase() === key)) {
      throw fault(
        'PipelineExists',
        `Build pipeline ${wish.name} already exists in folder ${wish.folder}.`,
      )
    }
    const { variables, ...rest } = wish
    const row = {
      ...rest,
      projectId: project.id,
      revision: 1,
      isAdHoc: false,
      createdBy: creator.id,
      createdAtMs: devops.clock.nowMs(),
    }
    const id = await insertPipeline(tx, row)
    await writePipelineVariables(tx, devops.sealer, id, variables)
    return { ...row, id }
  })
  const request = { project, pipeline, requestedBy: creator, authorizes: true }
  const { checked } = await prepareRun(devops, request)
  if (checked) await conduct(devops, (conductor) => permitAll(devops, conductor, request, checked))
  return pipeline
}

/** A pipeline of a project. @throws Fault `PipelineNotFound` */
export async function readPipeline(
  devops: Devops,
  project: Project,
  id: number,
): Promise<Pipeline> {
  const found = await findPipeline(devops.db.query, project.id, id)
  if (found) return found
  throw fault(
    'PipelineNotFound',
    `The pipeline (definition) with id ${id} does not exist in project ${project.name}.`,
  )
}
