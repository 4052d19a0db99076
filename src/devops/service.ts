import type { Call } from '../http/call.ts'
import type { Operation } from '../http/operation.ts'
import { findBearer, type Principal } from '../http/principal.ts'
import type { Service } from '../http/service.ts'
import type { Devops } from './devops.ts'
import { fault } from './faults.ts'
import { findRole, type Role } from './organisation/members-store.ts'
import { readProject } from './organisation/projects-store.ts'
import { type DevopsContext, permissions } from './wire/context.ts'
import { allOperations } from './wire/operations.ts'
import { toDevopsReply, unauthenticated } from './wire/wire-faults.ts'

export type { DevopsContext } from './wire/context.ts'

/** The audience of tokens for Azure DevOps; `api://` and a slash are also seen. */
const AUDIENCE =
  /^(?:api:\/\/|https:\/\/)?(?:499b84ac-1321-427f-aa17-267ca6975798|app\.vssps\.visualstudio\.com)\/?$/i

/** Azure DevOps' REST, as the network room serves it. */
export function createService(devops: Devops): Service<DevopsContext> {
  return {
    name: 'devops',
    operations: allOperations,
    open: (call, operation) => open(devops, call, operation),
    toReply: toDevopsReply,
    notFound: () => {
      throw fault('RouteNotFound', 'The page you requested does not exist on this server.')
    },
    headers: (call) => ({
      'x-vss-e2eid': call.requestId,
      'x-tfs-session': firstHeader(call.headers['x-tfs-session']) ?? call.requestId,
      'cache-control': 'no-cache',
    }),
  }
}

async function open(
  devops: Devops,
  call: Call,
  operation: Operation<DevopsContext>,
): Promise<DevopsContext> {
  const { org } = call.params
  if (org !== undefined && org.toLowerCase() !== devops.organization.toLowerCase()) {
    throw fault(
      'RouteNotFound',
      `The organization ${org} does not exist on this server. It has: ${devops.organization}.`,
    )
  }
  const origin = `${call.origin}/${org ?? devops.organization}`
  if (operation.permission === permissions.anyone) {
    return { devops, caller: undefined, role: undefined, origin }
  }
  const caller = await authenticate(devops, call)
  const role = await findCallerRole(devops, caller, call, operation)
  if (role === undefined) {
    throw fault(
      'AccessDenied',
      `TF400813: The user '${caller.name ?? caller.objectId}' is not authorized to access this resource.`,
    )
  }
  if (operation.permission === permissions.administrator && role !== 'administrator') {
    throw fault(
      'AccessDenied',
      `Access denied. ${caller.name ?? caller.objectId} needs the role Administrator of ${devops.organization} to perform this action.`,
    )
  }
  return { devops, caller, role, origin }
}

/** What a job's own token may change: builds, their tags and their state. */
const JOB_MAY_CHANGE = /^\/:org\/:project\/_apis\/build\/builds\b/i

/**
 * A member's role. A job's own token counts as a user of its own project while an agent holds the
 * job, and changes builds only.
 */
async function findCallerRole(
  devops: Devops,
  caller: Principal,
  call: Call,
  operation: Operation<DevopsContext>,
): Promise<Role | undefined> {
  if (caller.kind !== 'pipeline') return findRole(devops, caller)
  const job = await devops.db.query
    .selectFrom('devops_job')
    .innerJoin('devops_run', 'devops_run.id', 'devops_job.run_id')
    .select('devops_run.project_id')
    .where('devops_job.job_id', '=', caller.objectId.toLowerCase())
    .where('devops_job.state', '=', 'leased')
    .executeTakeFirst()
  if (!job) throw unauthenticated()
  if (operation.method !== 'GET' && !JOB_MAY_CHANGE.test(operation.path)) return undefined
  const { project } = call.params
  if (project === undefined) return 'user'
  return (await readProject(devops, project)).id === job.project_id ? 'user' : undefined
}

/** Bearer, or Basic with the token as its password (facts: integration §7.5). */
async function authenticate(devops: Devops, call: Call): Promise<Principal> {
  const header = firstHeader(call.headers.authorization)
  const token = findBearer(header) ?? findBasicPassword(header)
  if (token === undefined) throw unauthenticated()
  const caller = await devops.verifier.verify(token)
  if (!AUDIENCE.test(caller.audience)) throw unauthenticated()
  return caller
}

function findBasicPassword(header: string | undefined): string | undefined {
  const match = /^Basic +([A-Za-z0-9+/=_-]+) *$/i.exec(header ?? '')
  if (!match?.[1]) return undefined
  const pair = Buffer.from(match[1], 'base64').toString('utf8')
  const password = pair.slice(pair.indexOf(':') + 1)
  return password === '' ? undefined : password
}

function firstHeader(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : value?.[0]
}
