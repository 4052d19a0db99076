import type { Call } from '../../http/call.ts'
import { empty, json } from '../../http/reply.ts'
import { findConnection } from '../connections/connections-store.ts'
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
import {
  findCount,
  findList,
  identityRef,
  listReply,
  projectRef,
  readId,
  toDate,
} from '../wire/wire-values.ts'
import {
  createGroup,
  type GroupWish,
  groupNotFound,
  readGroupWish,
  readProjectReference,
  updateGroup,
} from './groups.ts'
import {
  deleteGroup,
  findGroup,
  type GroupVariable,
  listGroups,
  type VariableGroup,
  type VaultLink,
} from './groups-store.ts'

const permission = permissions.member
const PROJECT = '/:org/:project/_apis/distributedtask/variablegroups'
const ORGANIZATION = '/:org/_apis/distributedtask/variablegroups'

async function add(context: DevopsContext, project: Project, body: unknown) {
  const { devops } = context
  const nowMs = devops.clock.nowMs()
  const wish = readGroupWish(body, nowMs)
  await requireLinkable(context, project, wish, undefined)
  const author = { id: requesterOf(context).id, nowMs }
  const group = await createGroup(devops, project.id, wish, author)
  return json(200, toWire(group, project, []))
}

async function update(context: DevopsContext, project: Project, idText: string, body: unknown) {
  const { devops } = context
  const former = await readGroup(context, project, idText)
  requireOwner(context, former.createdBy, `variable group ${former.name}`)
  const nowMs = devops.clock.nowMs()
  const wish = readGroupWish(body, nowMs)
  await requireLinkable(context, project, wish, former.link)
  const author = { id: requesterOf(context).id, nowMs }
  const group = await updateGroup(devops, former, wish, author)
  const members = await listMembers(devops.db.query, devops.organization)
  return json(200, toWire(group, project, members))
}

/**
 * A linked group reads with its connection's credential, so only who may hand that out may link with
 * it, or point the link at another vault.
 *
 * @throws Fault `AccessDenied`
 */
async function requireLinkable(
  context: DevopsContext,
  project: Project,
  { link }: GroupWish,
  former: VaultLink | undefined,
): Promise<void> {
  if (!link) return
  if (former?.serviceEndpointId === link.serviceEndpointId && former.vault === link.vault) return
  const { query } = context.devops.db
  const connection = await findConnection(query, project.id, link.serviceEndpointId)
  if (!connection) return
  requireOwner(context, connection.createdBy, `service connection ${connection.name}`)
}

async function remove(context: DevopsContext, project: Project, idText: string) {
  const group = await readGroup(context, project, idText)
  requireOwner(context, group.createdBy, `variable group ${group.name}`)
  await context.devops.db.write((tx) => deleteGroup(tx, project.id, group.id))
  return empty(204)
}

async function readGroup({ devops }: DevopsContext, project: Project, idText: string) {
  const id = readId(idText, 'variable group id')
  const group = await findGroup(devops.db.query, project.id, id)
  if (!group) throw groupNotFound(id)
  return group
}

async function list(context: DevopsContext, project: Project, query: URLSearchParams) {
  const { devops } = context
  const ids = findList(query, 'groupIds')?.map((id) => readId(id, 'variable group id'))
  const pattern = query.get('groupName')
  const all = await listGroups(devops.db.query, project.id, ids)
  const matching = all.filter(({ name }) => pattern === null || matches(name, pattern))
  const isAscending = query.get('queryOrder')?.toLowerCase() === 'idascending'
  if (!isAscending) matching.reverse()
  const after = findCount(query, 'continuationToken')
  const rest =
    after === undefined
      ? matching
      : matching.filter(({ id }) => (isAscending ? id >= after : id <= after))
  const top = findCount(query, '$top') ?? rest.length
  const members = await listMembers(devops.db.query, devops.organization)
  const page = rest.slice(0, top).map((group) => ({
    ...toWire(group, project, members),
    variableGroupProjectReferences: null,
  }))
  const next = rest[top]
  return listReply(page, next ? { 'x-ms-continuationtoken': String(next.id) } : undefined)
}

/** `Test*` matches by its beginning; anything else as a whole, without case. */
function matches(name: string, pattern: string): boolean {
  const wanted = pattern.toLowerCase()
  if (!wanted.endsWith('*')) return name.toLowerCase() === wanted
  return name.toLowerCase().startsWith(wanted.slice(0, -1))
}

/** The service's `VariableGroup`; secrets are null. */
function toWire(group: VariableGroup, project: Project, members: readonly Member[]) {
  const { id, name, type, description, link } = group
  return {
    variables: Object.fromEntries(group.variables.map((item) => [item.name, variableToWire(item)])),
    id,
    type,
    name,
    description,
    ...(link ? { providerData: link } : {}),
    createdBy: identityRef(group.createdBy, members),
    createdOn: toDate(group.createdAtMs),
    modifiedBy: identityRef(group.modifiedBy, members),
    modifiedOn: toDate(group.modifiedAtMs),
    isShared: false,
    variableGroupProjectReferences: [{ projectReference: projectRef(project), name, description }],
  }
}

function variableToWire({ isSecret, isReadOnly, value, vaultFacts }: GroupVariable) {
  return {
    ...(vaultFacts ?? {}),
    ...(isSecret ? { value: null, isSecret: true } : { value: value ?? '' }),
    ...(isReadOnly ? { isReadOnly: true } : {}),
  }
}

/** The project of the organisation's DELETE, which must name one. */
async function projectOfQuery(call: Call, { devops }: DevopsContext): Promise<Project> {
  const [first] = findList(call.query, 'projectIds') ?? []
  if (first === undefined) {
    throw fault('GroupWrong', 'Value cannot be null.\r\nParameter name: projectIds')
  }
  return readProject(devops, first)
}

export const groupOperations = [
  devopsOperation(
    'Variablegroups_Add (project)',
    { method: 'POST', path: PROJECT, permission },
    async (call, context) =>
      add(context, await readProject(context.devops, call.params.project), await call.readJson()),
  ),
  devopsOperation(
    'Variablegroups_Add',
    { method: 'POST', path: ORGANIZATION, permission },
    async (call, context) => {
      const body = await call.readJson()
      readGroupWish(body, context.devops.clock.nowMs())
      return add(context, await readProject(context.devops, readProjectReference(body)), body)
    },
  ),
  devopsOperation(
    'Variablegroups_Update (project)',
    { method: 'PUT', path: `${PROJECT}/:groupId`, permission },
    async (call, context) => {
      const project = await readProject(context.devops, call.params.project)
      return update(context, project, call.params.groupId, await call.readJson())
    },
  ),
  devopsOperation(
    'Variablegroups_Update',
    { method: 'PUT', path: `${ORGANIZATION}/:groupId`, permission },
    async (call, context) => {
      const body = await call.readJson()
      const project = await readProject(context.devops, readProjectReference(body))
      return update(context, project, call.params.groupId, body)
    },
  ),
  devopsOperation(
    'Variablegroups_Get',
    { method: 'GET', path: `${PROJECT}/:groupId`, permission },
    async ({ params }, context) => {
      const project = await readProject(context.devops, params.project)
      const group = await readGroup(context, project, params.groupId)
      const { query } = context.devops.db
      const members = await listMembers(query, context.devops.organization)
      return json(200, toWire(group, project, members))
    },
  ),
  devopsOperation(
    'Variablegroups_Get Variable Groups',
    { method: 'GET', path: PROJECT, permission },
    async (call, context) =>
      list(context, await readProject(context.devops, call.params.project), call.query),
  ),
  devopsOperation(
    'Variablegroups_Delete (project)',
    { method: 'DELETE', path: `${PROJECT}/:groupId`, permission },
    async ({ params }, context) =>
      remove(context, await readProject(context.devops, params.project), params.groupId),
  ),
  devopsOperation(
    'Variablegroups_Delete',
    { method: 'DELETE', path: `${ORGANIZATION}/:groupId`, permission },
    async (call, context) =>
      remove(context, await projectOfQuery(call, context), call.params.groupId),
  ),
]
