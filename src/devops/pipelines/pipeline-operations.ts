import { empty, json } from '../../http/reply.ts'
import { fault } from '../faults.ts'
import { listMembers } from '../organisation/members-store.ts'
import { type Project, readProject } from '../organisation/projects-store.ts'
import {
  type DevopsContext,
  devopsOperation,
  permissions,
  requesterOf,
  requireOwner,
} from '../wire/context.ts'
import {
  findCount,
  findList,
  identityRef,
  listReply,
  projectRef,
  readId,
  toDate,
} from '../wire/wire-values.ts'
import { createPipeline, readDefinitionWish, readPipeline, readPipelineWish } from './pipelines.ts'
import {
  deletePipeline,
  listPipelines,
  listPipelineVariables,
  type Pipeline,
} from './pipelines-store.ts'
import { readFolderState } from './repository.ts'

const permission = permissions.member
const DEFINITIONS = '/:org/:project/_apis/build/definitions'
const PIPELINES = '/:org/:project/_apis/pipelines'

/** The folder's name and branch; a folder that is gone still has its pipeline. */
function folderFacts(pipeline: Pipeline): { name: string; branch: string } {
  try {
    return readFolderState(pipeline.repository)
  } catch {
    return { name: pipeline.repository.path, branch: '' }
  }
}

/** How a build names its definition. */
export function definitionRef(pipeline: Pipeline, project: Project, origin: string) {
  const { id, name, revision, folder } = pipeline
  return {
    id,
    name,
    url: `${origin}/${project.id}/_apis/build/Definitions/${id}?revision=${revision}`,
    uri: `vstfs:///Build/Definition/${id}`,
    path: folder,
    type: 'build',
    queueStatus: 'enabled',
    revision,
    project: projectRef(project),
  }
}

/** The default queue; any agent of this server takes its jobs. */
export const DEFAULT_QUEUE = { id: 1, name: 'Default', pool: { id: 1, name: 'Default' } }

async function toDefinition(
  { devops, origin }: DevopsContext,
  project: Project,
  pipeline: Pipeline,
) {
  const members = await listMembers(devops.db.query, devops.organization)
  const variables = await listPipelineVariables(devops.db.query, devops.sealer, pipeline.id)
  const { name, branch } = folderFacts(pipeline)
  return {
    ...definitionRef(pipeline, project, origin),
    _links: {
      self: { href: `${origin}/${project.id}/_apis/build/Definitions/${pipeline.id}` },
      web: { href: `${origin}/${project.id}/_build/definition?definitionId=${pipeline.id}` },
    },
    quality: 'definition',
    authoredBy: identityRef(pipeline.createdBy, members),
    createdDate: toDate(pipeline.createdAtMs),
    process: { type: 2, yamlFilename: pipeline.yamlPath },
    repository: {
      id: name,
      type: 'Folder',
      name,
      url: pipeline.repository.path,
      defaultBranch: branch,
      ...(pipeline.repository.commit ? { commit: pipeline.repository.commit } : {}),
    },
    queue: DEFAULT_QUEUE,
    triggers: [],
    tags: [],
    variables: Object.fromEntries(
      variables.map((item) => [
        item.name,
        {
          value: typeof item.value === 'string' ? item.value : null,
          ...(item.isSecret ? { isSecret: true } : {}),
          ...(item.allowOverride ? { allowOverride: true } : {}),
        },
      ]),
    ),
  }
}

/** How a run names its pipeline. */
export function pipelineRef(pipeline: Pipeline, project: Project, origin: string) {
  const { id, revision, name, folder } = pipeline
  const url = `${origin}/${project.id}/_apis/pipelines/${id}?revision=${revision}`
  return { url, id, revision, name, folder }
}

function toPipelineWire(pipeline: Pipeline, project: Project, origin: string) {
  return {
    ...pipelineRef(pipeline, project, origin),
    _links: {
      self: { href: `${origin}/${project.id}/_apis/pipelines/${pipeline.id}` },
      web: { href: `${origin}/${project.id}/_build/definition?definitionId=${pipeline.id}` },
    },
    configuration: {
      type: 'yaml',
      path: pipeline.yamlPath,
      repository: { type: 'folder', url: pipeline.repository.path },
    },
  }
}

async function remove(context: DevopsContext, projectName: string, idText: string) {
  const { devops } = context
  const project = await readProject(devops, projectName)
  const pipeline = await readPipeline(devops, project, readId(idText, 'pipeline id'))
  requireOwner(context, pipeline.createdBy, `pipeline ${pipeline.name}`)
  const active = await devops.db.query
    .selectFrom('devops_run')
    .select('id')
    .where('pipeline_id', '=', pipeline.id)
    .where('state', '!=', 'completed')
    .executeTakeFirst()
  if (active) {
    throw fault(
      'PipelineWrong',
      `The pipeline ${pipeline.name} has the run ${active.id}, which is not finished. Cancel it first.`,
    )
  }
  await devops.db.write((tx) => deletePipeline(tx, project.id, pipeline.id))
  return empty(204)
}

async function listChosen({ devops }: DevopsContext, project: Project, query: URLSearchParams) {
  const all = await listPipelines(devops.db.query, project.id)
  const name = query.get('name')?.toLowerCase()
  const ids = findList(query, 'definitionIds')
  const path = query.get('path')?.toLowerCase()
  const chosen = all.filter(
    (pipeline) =>
      (name === undefined || name === '' || matches(pipeline.name.toLowerCase(), name)) &&
      (ids === undefined || ids.includes(String(pipeline.id))) &&
      (path === undefined || path === '' || pipeline.folder.toLowerCase() === path),
  )
  return chosen.slice(0, findCount(query, '$top') ?? chosen.length)
}

/** The service allows `*` at the ends of a name. */
function matches(name: string, pattern: string): boolean {
  const text = pattern.replace(/^\*|\*$/g, '')
  if (pattern.startsWith('*'))
    return pattern.endsWith('*') ? name.includes(text) : name.endsWith(text)
  return pattern.endsWith('*') ? name.startsWith(text) : name === text
}

export const pipelineOperations = [
  devopsOperation(
    'Definitions_Create',
    { method: 'POST', path: DEFINITIONS, permission },
    async (call, context) => {
      const project = await readProject(context.devops, call.params.project)
      const wish = readDefinitionWish(await call.readJson())
      const made = await createPipeline(context.devops, project, wish, requesterOf(context))
      return json(200, await toDefinition(context, project, made))
    },
  ),
  devopsOperation(
    'Definitions_List',
    { method: 'GET', path: DEFINITIONS, permission },
    async ({ params, query }, context) => {
      const project = await readProject(context.devops, params.project)
      const chosen = await listChosen(context, project, query)
      return listReply(
        await Promise.all(chosen.map((pipeline) => toDefinition(context, project, pipeline))),
      )
    },
  ),
  devopsOperation(
    'Definitions_Get',
    { method: 'GET', path: `${DEFINITIONS}/:definitionId`, permission },
    async ({ params }, context) => {
      const project = await readProject(context.devops, params.project)
      const id = readId(params.definitionId, 'definition id')
      const pipeline = await readPipeline(context.devops, project, id)
      return json(200, await toDefinition(context, project, pipeline))
    },
  ),
  devopsOperation(
    'Definitions_Delete',
    { method: 'DELETE', path: `${DEFINITIONS}/:definitionId`, permission },
    ({ params }, context) => remove(context, params.project, params.definitionId),
  ),
  devopsOperation(
    'Pipelines_Create',
    { method: 'POST', path: PIPELINES, permission },
    async (call, context) => {
      const project = await readProject(context.devops, call.params.project)
      const wish = readPipelineWish(await call.readJson())
      const made = await createPipeline(context.devops, project, wish, requesterOf(context))
      return json(200, toPipelineWire(made, project, context.origin))
    },
  ),
  devopsOperation(
    'Pipelines_List',
    { method: 'GET', path: PIPELINES, permission },
    async ({ params, query }, context) => {
      const project = await readProject(context.devops, params.project)
      const chosen = await listChosen(context, project, query)
      return listReply(chosen.map((item) => toPipelineWire(item, project, context.origin)))
    },
  ),
  devopsOperation(
    'Pipelines_Get',
    { method: 'GET', path: `${PIPELINES}/:pipelineId`, permission },
    async ({ params }, context) => {
      const project = await readProject(context.devops, params.project)
      const id = readId(params.pipelineId, 'pipeline id')
      const pipeline = await readPipeline(context.devops, project, id)
      return json(200, toPipelineWire(pipeline, project, context.origin))
    },
  ),
]
