import {
  findString,
  isObject,
  type JsonObject,
  readArray,
  readObject,
  readString,
} from '../../base/json.ts'
import { Sealed } from '../../base/sealed.ts'
import { json } from '../../http/reply.ts'
import { fault, PipelineInvalid } from '../faults.ts'
import { type Project, readProject } from '../organisation/projects-store.ts'
import { readPipeline } from '../pipelines/pipelines.ts'
import type { Pipeline } from '../pipelines/pipelines-store.ts'
import { type DevopsContext, devopsOperation, permissions, requesterOf } from '../wire/context.ts'
import { findCount, listReply, memberOf, readBodyObject, readId } from '../wire/wire-values.ts'
import { checkOverrides } from './overrides.ts'
import { prepareRun, type QueueRequest, queueRun } from './queue.ts'
import { toRun } from './run-wire.ts'
import { listRuns, readRun } from './runs-store.ts'
import type { GivenVariable } from './variables.ts'

const permission = permissions.member
const RUNS = '/:org/:project/_apis/pipelines/:pipelineId/runs'

/** Reads the body of a run of the pipelines area. */
async function readRunRequest(
  context: DevopsContext,
  project: Project,
  pipeline: Pipeline,
  body: JsonObject,
): Promise<QueueRequest> {
  const variables = Object.entries(readObject(memberOf(body, 'variables') ?? {}, 'variables')).map(
    ([name, given]): GivenVariable => {
      const members = readObject(given, `variables.${name}`)
      const value = findString(memberOf(members, 'value'), `variables.${name}.value`) ?? ''
      const isSecret = memberOf(members, 'isSecret') === true
      return { name, isSecret, value: isSecret ? new Sealed(value) : value }
    },
  )
  await checkOverrides(context.devops, pipeline, variables)
  const skipped = readArray(memberOf(body, 'stagesToSkip') ?? [], 'stagesToSkip').map((stage) =>
    readString(stage, 'stagesToSkip'),
  )
  const refName = selfRef(body)
  const override = findString(memberOf(body, 'yamlOverride'), 'yamlOverride')
  return {
    project,
    pipeline,
    requestedBy: requesterOf(context),
    variables,
    parameters: readObject(memberOf(body, 'templateParameters') ?? {}, 'templateParameters'),
    ...(skipped.length > 0 ? { selection: { skippedStages: skipped } } : {}),
    ...(refName === undefined ? {} : { sourceBranch: refName }),
    ...(override === undefined || override === '' ? {} : { yamlOverride: override }),
  }
}

function selfRef(body: JsonObject): string | undefined {
  const resources = memberOf(body, 'resources')
  const repositories = isObject(resources) ? memberOf(resources, 'repositories') : undefined
  const self = isObject(repositories) ? repositories['self'] : undefined
  return isObject(self) ? findString(memberOf(self, 'refName'), 'refName') : undefined
}

/** `previewRun`: the expanded document, or the error that a run would give; nothing is queued. */
async function previewRun(context: DevopsContext, project: Project, request: QueueRequest) {
  const { compiled } = await prepareRun(context.devops, request)
  if (compiled.finalYaml === undefined) throw new PipelineInvalid(compiled.diagnostics)
  const { pipeline } = request
  const url = `${context.origin}/${project.id}/_apis/pipelines/${pipeline.id}/runs/-1`
  return json(200, {
    finalYaml: compiled.finalYaml,
    pipeline: { id: pipeline.id, name: pipeline.name, folder: pipeline.folder },
    state: 'unknown',
    url,
    id: -1,
    validationResults: compiled.diagnostics,
  })
}

export const runOperations = [
  devopsOperation(
    'Runs_Run Pipeline',
    { method: 'POST', path: RUNS, permission },
    async (call, context) => {
      const project = await readProject(context.devops, call.params.project)
      const id = readId(call.params.pipelineId, 'pipeline id')
      const pipeline = await readPipeline(context.devops, project, id)
      const body = readBodyObject((await call.readJson()) ?? {}, 'runParameters')
      const request = await readRunRequest(context, project, pipeline, body)
      if (memberOf(body, 'previewRun') === true) return previewRun(context, project, request)
      if (request.yamlOverride !== undefined) {
        throw fault('RunWrong', "'yamlOverride' can only be used together with 'previewRun'.")
      }
      const { runId } = await queueRun(context.devops, request)
      return json(
        200,
        await toRun(context, project, await readRun(context.devops, project.id, runId)),
      )
    },
  ),
  devopsOperation(
    'Preview_Preview',
    { method: 'POST', path: '/:org/:project/_apis/pipelines/:pipelineId/preview', permission },
    async (call, context) => {
      const project = await readProject(context.devops, call.params.project)
      const id = readId(call.params.pipelineId, 'pipeline id')
      const pipeline = await readPipeline(context.devops, project, id)
      const body = readBodyObject((await call.readJson()) ?? {}, 'runParameters')
      return previewRun(context, project, await readRunRequest(context, project, pipeline, body))
    },
  ),
  devopsOperation('Runs_List', { method: 'GET', path: RUNS, permission }, async (call, context) => {
    const project = await readProject(context.devops, call.params.project)
    const pipelineId = readId(call.params.pipelineId, 'pipeline id')
    const top = findCount(call.query, '$top') ?? 1000
    const rows = await listRuns(context.devops.db.query, project.id, {
      pipelineIds: [pipelineId],
      top,
    })
    return listReply(await Promise.all(rows.map((row) => toRun(context, project, row))))
  }),
  devopsOperation(
    'Runs_Get',
    { method: 'GET', path: `${RUNS}/:runId`, permission },
    async ({ params }, context) => {
      const project = await readProject(context.devops, params.project)
      const row = await readRun(context.devops, project.id, readId(params.runId, 'run id'))
      if (String(row.pipeline_id) !== params.pipelineId) {
        throw fault('RunNotFound', `The pipeline ${params.pipelineId} has no run ${row.id}.`)
      }
      return json(200, await toRun(context, project, row))
    },
  ),
]
