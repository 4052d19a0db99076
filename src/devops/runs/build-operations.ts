import { findString, type JsonObject, readArray, readObject, readString } from '../../base/json.ts'
import { json } from '../../http/reply.ts'
import { fault } from '../faults.ts'
import { type Project, readProject } from '../organisation/projects-store.ts'
import { readPipeline } from '../pipelines/pipelines.ts'
import { type DevopsContext, devopsOperation, permissions, requesterOf } from '../wire/context.ts'
import {
  findCount,
  findList,
  listReply,
  memberOf,
  readBodyObject,
  readId,
} from '../wire/wire-values.ts'
import { readLenientParameters } from './lenient-parameters.ts'
import { checkOverrides } from './overrides.ts'
import { cancelRun, queueRun } from './queue.ts'
import { toBuild, toWholeBuild } from './run-wire.ts'
import { listRuns, listTags, readRun } from './runs-store.ts'
import type { GivenVariable } from './variables.ts'

const permission = permissions.member
const BUILDS = '/:org/:project/_apis/build/builds'

async function queueBuild(context: DevopsContext, project: Project, body: JsonObject) {
  const { devops } = context
  const definition = readObject(memberOf(body, 'definition') ?? {}, 'definition')
  const id = readId(String(definition['id'] ?? ''), 'definition id')
  const pipeline = await readPipeline(devops, project, id)
  const parameters = findString(memberOf(body, 'parameters'), 'parameters') ?? ''
  const variables = Object.entries(readLenientParameters(parameters)).map(
    ([name, value]): GivenVariable => ({ name, value, isSecret: false }),
  )
  const sourceBranch = findString(memberOf(body, 'sourceBranch'), 'sourceBranch')
  await checkOverrides(context.devops, pipeline, variables)
  return queueRun(devops, {
    project,
    pipeline,
    requestedBy: requesterOf(context),
    variables,
    parameters: readObject(memberOf(body, 'templateParameters') ?? {}, 'templateParameters'),
    ...(sourceBranch === undefined ? {} : { sourceBranch }),
  })
}

async function listBuilds(context: DevopsContext, project: Project, query: URLSearchParams) {
  const status = query.get('statusFilter')?.toLowerCase()
  const results = findList(query, 'resultFilter')?.map(resultWord)
  const [pipelineIds, runIds] = [findIds(query, 'definitions'), findIds(query, 'buildIds')]
  const rows = await listRuns(context.devops.db.query, project.id, {
    ...(pipelineIds ? { pipelineIds } : {}),
    ...(runIds ? { ids: runIds } : {}),
    ...(status === 'completed' ? { isCompleted: true } : {}),
    ...(status === 'inprogress' || status === 'notstarted' ? { isCompleted: false } : {}),
    ...(results ? { results } : {}),
    ...(query.get('branchName') ? { branch: query.get('branchName') ?? '' } : {}),
    oldestFirst: query.get('queryOrder')?.toLowerCase().endsWith('ascending') === true,
    top: findCount(query, '$top') ?? 1000,
  })
  return listReply(await Promise.all(rows.map((row) => toBuild(context, project, row))))
}

function findIds(query: URLSearchParams, name: string): readonly number[] | undefined {
  return findList(query, name)?.map((id) => readId(id, name))
}

const RESULT_WORDS: Readonly<Record<string, string>> = {
  succeeded: 'Succeeded',
  partiallysucceeded: 'SucceededWithIssues',
  failed: 'Failed',
  canceled: 'Canceled',
}

function resultWord(word: string): string {
  return RESULT_WORDS[word.toLowerCase()] ?? word
}

async function updateBuild(context: DevopsContext, project: Project, id: number, body: JsonObject) {
  const { devops } = context
  const row = await readRun(devops, project.id, id)
  const status = findString(memberOf(body, 'status'), 'status')
  const keepForever = memberOf(body, 'keepForever')
  if (status !== undefined && status.toLowerCase() !== 'cancelling') {
    throw fault('RunWrong', `A build can be set to 'cancelling' only, not to '${status}'.`)
  }
  if (status === undefined && typeof keepForever !== 'boolean') {
    throw fault('RunWrong', "Only 'status' and 'keepForever' of a build can be changed.")
  }
  if (status !== undefined) await cancelRun(devops, row.id)
  if (typeof keepForever === 'boolean') {
    await devops.db.write(async ({ query }) => {
      const update = query.updateTable('devops_run').set({ keep_forever: keepForever ? 1 : 0 })
      await update.where('id', '=', row.id).execute()
    })
  }
  return json(200, await toBuild(context, project, await readRun(devops, project.id, id)))
}

async function changeTags(
  context: DevopsContext,
  project: Project,
  id: number,
  change: { readonly add?: readonly string[]; readonly remove?: string },
) {
  const { devops } = context
  const row = await readRun(devops, project.id, id)
  await devops.db.write(async ({ query }) => {
    for (const tag of change.add ?? []) {
      const insert = query.insertInto('devops_tag').values({ run_id: row.id, tag })
      await insert.onConflict((conflict) => conflict.doNothing()).execute()
    }
    if (change.remove === undefined) return
    const remove = query.deleteFrom('devops_tag').where('run_id', '=', row.id)
    await remove.where('tag', '=', change.remove).execute()
  })
  return listReply(await listTags(devops.db.query, row.id))
}

const buildId = (text: string) => readId(text, 'build id')

export const buildOperations = [
  devopsOperation(
    'Builds_Queue',
    { method: 'POST', path: BUILDS, permission },
    async (call, context) => {
      const project = await readProject(context.devops, call.params.project)
      const { runId: id } = await queueBuild(
        context,
        project,
        readBodyObject(await call.readJson(), 'build'),
      )
      const row = await readRun(context.devops, project.id, id)
      return json(200, await toWholeBuild(context, project, row))
    },
  ),
  devopsOperation(
    'Builds_List',
    { method: 'GET', path: BUILDS, permission },
    async ({ params, query }, context) =>
      listBuilds(context, await readProject(context.devops, params.project), query),
  ),
  devopsOperation(
    'Builds_Get',
    { method: 'GET', path: `${BUILDS}/:buildId`, permission },
    async ({ params }, context) => {
      const project = await readProject(context.devops, params.project)
      const row = await readRun(context.devops, project.id, buildId(params.buildId))
      return json(200, await toWholeBuild(context, project, row))
    },
  ),
  devopsOperation(
    'Builds_Update Build',
    { method: 'PATCH', path: `${BUILDS}/:buildId`, permission },
    async (call, context) => {
      const project = await readProject(context.devops, call.params.project)
      const body = readBodyObject(await call.readJson(), 'build')
      return updateBuild(context, project, buildId(call.params.buildId), body)
    },
  ),
  devopsOperation(
    'Tags_Get Build Tags',
    { method: 'GET', path: `${BUILDS}/:buildId/tags`, permission },
    async ({ params }, context) => {
      const project = await readProject(context.devops, params.project)
      return changeTags(context, project, buildId(params.buildId), {})
    },
  ),
  devopsOperation(
    'Tags_Add Build Tag',
    { method: 'PUT', path: `${BUILDS}/:buildId/tags/:tag`, permission },
    async ({ params }, context) => {
      const project = await readProject(context.devops, params.project)
      return changeTags(context, project, buildId(params.buildId), { add: [params.tag] })
    },
  ),
  devopsOperation(
    'Tags_Add Build Tags',
    { method: 'POST', path: `${BUILDS}/:buildId/tags`, permission },
    async (call, context) => {
      const project = await readProject(context.devops, call.params.project)
      const tags = readArray(await call.readJson(), 'tags').map((tag) => readString(tag, 'tags'))
      return changeTags(context, project, buildId(call.params.buildId), { add: tags })
    },
  ),
  devopsOperation(
    'Tags_Delete Build Tag',
    { method: 'DELETE', path: `${BUILDS}/:buildId/tags/:tag`, permission },
    async ({ params }, context) => {
      const project = await readProject(context.devops, params.project)
      return changeTags(context, project, buildId(params.buildId), { remove: params.tag })
    },
  ),
]
