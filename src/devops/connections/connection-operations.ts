import { isGuid } from '../../base/ids.ts'
import { isObject } from '../../base/json.ts'
import { empty, json } from '../../http/reply.ts'
import { fault } from '../faults.ts'
import { listMembers, type Member } from '../organisation/members-store.ts'
import { type Project, readProject } from '../organisation/projects-store.ts'
import {
  type DevopsContext,
  devopsOperation,
  permissions,
  requesterOf,
  requireOwner,
} from '../wire/context.ts'
import { findList, identityRef, listReply, memberOf, projectRef } from '../wire/wire-values.ts'
import { putConnection, readConnectionWish, readiness } from './connections.ts'
import {
  deleteConnection,
  findConnection,
  listConnections,
  type ServiceConnection,
} from './connections-store.ts'

const permission = permissions.member
const PROJECT = '/:org/:project/_apis/serviceendpoint/endpoints'
const ORGANIZATION = '/:org/_apis/serviceendpoint/endpoints'

/** The service's `ServiceEndpoint`; secret parameters are null. */
function toWire(connection: ServiceConnection, project: Project, members: readonly Member[]) {
  const { id, name, type, url, description, data, scheme, parameters, secretNames } = connection
  const { isReady, message } = readiness(connection)
  return {
    data,
    id,
    name,
    type,
    url,
    createdBy: identityRef(connection.createdBy, members),
    description,
    authorization: {
      parameters: {
        ...parameters,
        ...Object.fromEntries(secretNames.map((secret) => [secret, null])),
      },
      scheme,
    },
    isShared: connection.isShared,
    isOutdated: false,
    isReady,
    operationStatus: { state: isReady ? 'Ready' : 'Failed', statusMessage: message },
    owner: 'library',
    serviceEndpointProjectReferences: [
      { projectReference: projectRef(project), name, description },
    ],
  }
}

async function answer(context: DevopsContext, project: Project, connection: ServiceConnection) {
  const members = await listMembers(context.devops.db.query, context.devops.organization)
  return json(200, toWire(connection, project, members))
}

async function readConnection({ devops }: DevopsContext, project: Project, id: string) {
  const found = isGuid(id) ? await findConnection(devops.db.query, project.id, id) : undefined
  if (found) return found
  throw fault('ConnectionNotFound', `Service connection with id ${id} could not be found.`)
}

async function add(context: DevopsContext, project: Project, body: unknown) {
  const place = { projectId: project.id, authorId: requesterOf(context).id }
  const wish = readConnectionWish(body)
  return answer(context, project, await putConnection(context.devops, wish, place))
}

async function update(context: DevopsContext, project: Project, id: string, body: unknown) {
  const former = await readConnection(context, project, id)
  requireOwner(context, former.createdBy, `service connection ${former.name}`)
  const place = { projectId: project.id, authorId: requesterOf(context).id }
  const wish = readConnectionWish(body)
  return answer(context, project, await putConnection(context.devops, wish, place, former))
}

async function remove(context: DevopsContext, project: Project, id: string) {
  const connection = await readConnection(context, project, id)
  requireOwner(context, connection.createdBy, `service connection ${connection.name}`)
  await context.devops.db.write((tx) => deleteConnection(tx, project.id, connection.id))
  return empty(204)
}

/** The one project that a body of the organisation's route names. */
async function projectOfBody({ devops }: DevopsContext, body: unknown): Promise<Project> {
  const references = isObject(body) ? memberOf(body, 'serviceEndpointProjectReferences') : undefined
  const list: readonly unknown[] = Array.isArray(references) ? references : []
  if (list.length > 1) {
    throw fault(
      'ConnectionWrong',
      'A service connection of more than one project is not supported yet. Name one project in serviceEndpointProjectReferences.',
    )
  }
  const [first] = list
  const project =
    isObject(first) && isObject(first['projectReference']) ? first['projectReference'] : {}
  const named = project['id'] ?? project['name']
  if (typeof named !== 'string' || named === '') {
    throw fault(
      'ConnectionWrong',
      'Value cannot be null.\r\nParameter name: serviceEndpointProjectReferences',
    )
  }
  return readProject(devops, named)
}

export const connectionOperations = [
  devopsOperation(
    'Endpoints_Create (project)',
    { method: 'POST', path: PROJECT, permission },
    async (call, context) =>
      add(context, await readProject(context.devops, call.params.project), await call.readJson()),
  ),
  devopsOperation(
    'Endpoints_Create',
    { method: 'POST', path: ORGANIZATION, permission },
    async (call, context) => {
      const body = await call.readJson()
      readConnectionWish(body)
      return add(context, await projectOfBody(context, body), body)
    },
  ),
  devopsOperation(
    'Endpoints_Update (project)',
    { method: 'PUT', path: `${PROJECT}/:endpointId`, permission },
    async (call, context) => {
      const project = await readProject(context.devops, call.params.project)
      return update(context, project, call.params.endpointId, await call.readJson())
    },
  ),
  devopsOperation(
    'Endpoints_Update',
    { method: 'PUT', path: `${ORGANIZATION}/:endpointId`, permission },
    async (call, context) => {
      const body = await call.readJson()
      const project = await projectOfBody(context, body)
      return update(context, project, call.params.endpointId, body)
    },
  ),
  devopsOperation(
    'Endpoints_Get Service Endpoints',
    { method: 'GET', path: PROJECT, permission },
    async ({ params, query }, context) => {
      const project = await readProject(context.devops, params.project)
      const { db, organization } = context.devops
      const members = await listMembers(db.query, organization)
      const all = await listConnections(db.query, project.id)
      const chosen = all.filter((connection) => isChosen(connection, query))
      return listReply(chosen.map((connection) => toWire(connection, project, members)))
    },
  ),
  devopsOperation(
    'Endpoints_Get',
    { method: 'GET', path: `${PROJECT}/:endpointId`, permission },
    async ({ params }, context) => {
      const project = await readProject(context.devops, params.project)
      return answer(context, project, await readConnection(context, project, params.endpointId))
    },
  ),
  devopsOperation(
    'Endpoints_Delete (project)',
    { method: 'DELETE', path: `${PROJECT}/:endpointId`, permission },
    async ({ params }, context) =>
      remove(context, await readProject(context.devops, params.project), params.endpointId),
  ),
  devopsOperation(
    'Endpoints_Delete',
    { method: 'DELETE', path: `${ORGANIZATION}/:endpointId`, permission },
    async ({ params, query }, context) => {
      const [project] = findList(query, 'projectIds') ?? []
      if (project === undefined) {
        throw fault('ConnectionWrong', 'Value cannot be null.\r\nParameter name: projectIds')
      }
      return remove(context, await readProject(context.devops, project), params.endpointId)
    },
  ),
]

function isChosen({ id, name, type, scheme }: ServiceConnection, query: URLSearchParams): boolean {
  const allows = (parameter: string, value: string) => {
    const wanted = findList(query, parameter)?.map((item) => item.toLowerCase())
    return wanted === undefined || wanted.includes(value.toLowerCase())
  }
  return (
    allows('endpointNames', name) &&
    allows('endpointIds', id) &&
    allows('type', type) &&
    allows('authSchemes', scheme)
  )
}
