import {
  findBoolean,
  isObject,
  type JsonObject,
  readArray,
  readBoolean,
  readNumber,
  readObject,
  readString,
} from '../../base/json.ts'
import { json } from '../../http/reply.ts'
import { findConnection } from '../connections/connections-store.ts'
import type { Devops } from '../devops.ts'
import { fault } from '../faults.ts'
import { findGroup } from '../library/groups-store.ts'
import { listMembers, type Member } from '../organisation/members-store.ts'
import { type Project, readProject } from '../organisation/projects-store.ts'
import { findPipeline } from '../pipelines/pipelines-store.ts'
import {
  type DevopsContext,
  devopsOperation,
  permissions,
  requesterOf,
  requireOwner,
} from '../wire/context.ts'
import { findList, identityRef, listReply, toDate } from '../wire/wire-values.ts'
import {
  ALL_PIPELINES,
  grant,
  listPermissions,
  type Permission,
  type ResourceType,
  resourceTypes,
  revoke,
} from './permissions-store.ts'

const permission = permissions.member

/** A resource that exists. */
interface Resource {
  readonly type: ResourceType
  readonly id: string
  readonly name: string
  readonly ownerId: string
}

function readType(text: string): ResourceType {
  const found = resourceTypes.find((type) => type === text.toLowerCase())
  if (found) return found
  throw fault(
    'ResourceWrong',
    `'${text}' is not a resource type. Types are: ${resourceTypes.join(', ')}.`,
  )
}

async function readResource(
  devops: Devops,
  project: Project,
  typeText: string,
  id: string,
): Promise<Resource> {
  const type = readType(typeText)
  const { query } = devops.db
  if (type === 'variablegroup') {
    const group = await findGroup(query, project.id, Number(id))
    if (group) return { type, id: String(group.id), name: group.name, ownerId: group.createdBy }
  }
  if (type === 'endpoint') {
    const connection = await findConnection(query, project.id, id)
    if (connection?.id === id.toLowerCase()) {
      return { type, id: connection.id, name: connection.name, ownerId: connection.createdBy }
    }
  }
  if (type === 'environment') {
    const rows = await query
      .selectFrom('devops_environment')
      .selectAll()
      .where('project_id', '=', project.id)
      .execute()
    const row = rows.find((environment) => String(environment.id) === id)
    if (row) return { type, id, name: row.name, ownerId: '' }
  }
  if (type === 'queue') {
    const rows = await query.selectFrom('devops_pool').selectAll().execute()
    const row = rows.find((pool) => String(pool.id) === id)
    if (row) return { type, id, name: row.name, ownerId: '' }
  }
  throw fault('ResourceWrong', `The ${type} ${id} does not exist in project ${project.name}.`)
}

/** Gives or takes back one permission; open access and other people's resources need an owner. */
async function change(
  context: DevopsContext,
  project: Project,
  resource: Resource,
  wish: { readonly pipelineId: number; readonly authorized: boolean },
): Promise<void> {
  requireOwner(context, resource.ownerId, `${resource.type} ${resource.name}`)
  const { devops } = context
  const { type: resourceType, id: resourceId } = resource
  const { pipelineId, authorized } = wish
  const place = { projectId: project.id, resourceType, resourceId, pipelineId }
  if (
    pipelineId !== ALL_PIPELINES &&
    !(await findPipeline(devops.db.query, project.id, pipelineId))
  ) {
    throw fault('PipelineNotFound', `The pipeline ${pipelineId} does not exist.`)
  }
  const authorizedAtMs = devops.clock.nowMs()
  const authorizedBy = requesterOf(context).id
  await devops.db.write((tx) =>
    authorized ? grant(tx, { ...place, authorizedBy, authorizedAtMs }) : revoke(tx, place),
  )
}

function grantToWire({ authorizedBy, authorizedAtMs }: Permission, members: readonly Member[]) {
  return {
    authorized: true,
    authorizedBy: identityRef(authorizedBy, members),
    authorizedOn: toDate(authorizedAtMs),
  }
}

async function toWire({ devops }: DevopsContext, project: Project, { type, id, name }: Resource) {
  const members = await listMembers(devops.db.query, devops.organization)
  const held = await listPermissions(devops.db.query, project.id, { type, id })
  const all = held.find(({ pipelineId }) => pipelineId === ALL_PIPELINES)
  return {
    resource: { type, id, name },
    ...(all ? { allPipelines: grantToWire(all, members) } : {}),
    pipelines: held
      .filter(({ pipelineId }) => pipelineId !== ALL_PIPELINES)
      .map((item) => ({ id: item.pipelineId, ...grantToWire(item, members) })),
  }
}

async function patch(
  context: DevopsContext,
  project: Project,
  resource: Resource,
  body: JsonObject,
): Promise<void> {
  const { allPipelines, pipelines } = body
  if (isObject(allPipelines)) {
    const authorized = readBoolean(allPipelines['authorized'], 'allPipelines.authorized')
    await change(context, project, resource, { pipelineId: ALL_PIPELINES, authorized })
  }
  for (const item of readArray(pipelines ?? [], 'pipelines')) {
    const entry = readObject(item, 'pipelines')
    const pipelineId = readNumber(entry['id'], 'pipelines.id')
    const authorized = readBoolean(entry['authorized'], 'pipelines.authorized')
    await change(context, project, resource, { pipelineId, authorized })
  }
}

/** Open access in the older form: one row a resource. */
async function listAuthorized(devops: Devops, project: Project, query: URLSearchParams) {
  const type = query.get('type')
  const ids = findList(query, 'id')
  const held = await listPermissions(
    devops.db.query,
    project.id,
    type === null || type === '' ? undefined : { type: readType(type) },
  )
  const open = held.filter(({ pipelineId }) => pipelineId === ALL_PIPELINES)
  const chosen = open.filter(({ resourceId }) => ids === undefined || ids.includes(resourceId))
  return Promise.all(
    chosen.map(async ({ resourceType, resourceId }) => {
      const { name } = await readResource(devops, project, resourceType, resourceId)
      return { authorized: true, id: resourceId, name, type: resourceType }
    }),
  )
}

const AUTHORIZED = '/:org/:project/_apis/build/authorizedresources'
const PERMISSIONS = '/:org/:project/_apis/pipelines/pipelinepermissions'

export const permissionOperations = [
  devopsOperation(
    'Authorizedresources_List',
    { method: 'GET', path: AUTHORIZED, permission },
    async ({ params, query }, { devops }) =>
      listReply(await listAuthorized(devops, await readProject(devops, params.project), query)),
  ),
  devopsOperation(
    'Authorizedresources_Authorize Project Resources',
    { method: 'PATCH', path: AUTHORIZED, permission },
    async (call, context) => {
      const project = await readProject(context.devops, call.params.project)
      const answers: unknown[] = []
      for (const item of readArray(await call.readJson(), 'resources')) {
        const entry = readObject(item, 'resources')
        const id = String(entry['id'] ?? '')
        const type = readString(entry['type'], 'type')
        const resource = await readResource(context.devops, project, type, id)
        const authorized = findBoolean(entry['authorized'], 'authorized') ?? false
        await change(context, project, resource, { pipelineId: ALL_PIPELINES, authorized })
        answers.push({ authorized, id, name: resource.name, type: resource.type })
      }
      return listReply(answers)
    },
  ),
  devopsOperation(
    'Pipeline Permissions_Get',
    { method: 'GET', path: `${PERMISSIONS}/:type/:id`, permission },
    async ({ params }, context) => {
      const project = await readProject(context.devops, params.project)
      const resource = await readResource(context.devops, project, params.type, params.id)
      return json(200, await toWire(context, project, resource))
    },
  ),
  devopsOperation(
    'Pipeline Permissions_Update Pipeline Permisions For Resource',
    { method: 'PATCH', path: `${PERMISSIONS}/:type/:id`, permission },
    async (call, context) => {
      const project = await readProject(context.devops, call.params.project)
      const { type, id } = call.params
      const resource = await readResource(context.devops, project, type, id)
      await patch(context, project, resource, readObject(await call.readJson(), ''))
      return json(200, await toWire(context, project, resource))
    },
  ),
  devopsOperation(
    'Pipeline Permissions_Update Pipeline Permisions For Resources',
    { method: 'PATCH', path: PERMISSIONS, permission },
    async (call, context) => {
      const project = await readProject(context.devops, call.params.project)
      const answers: unknown[] = []
      for (const item of readArray(await call.readJson(), '')) {
        const entry = readObject(item, '')
        const named = readObject(entry['resource'], 'resource')
        const type = readString(named['type'], 'resource.type')
        const resource = await readResource(
          context.devops,
          project,
          type,
          String(named['id'] ?? ''),
        )
        await patch(context, project, resource, entry)
        answers.push(await toWire(context, project, resource))
      }
      return listReply(answers)
    },
  ),
]
