import type { Kysely, Selectable } from 'kysely'
import { isGuid, newGuid } from '../../base/ids.ts'
import type { Devops } from '../devops.ts'
import { fault } from '../faults.ts'
import type { DevopsTables } from '../tables.ts'

export interface Project {
  /** A GUID. */
  readonly id: string
  readonly name: string
  readonly description: string
  readonly createdAtMs: number
}

function toProject(row: Selectable<DevopsTables['devops_project']>): Project {
  return {
    id: row.id,
    name: row.name,
    description: row.description,
    createdAtMs: row.created_at_ms,
  }
}

/** Projects of an organisation by name. */
export async function listProjects(
  query: Kysely<DevopsTables>,
  organization: string,
): Promise<Project[]> {
  const rows = await query
    .selectFrom('devops_project')
    .selectAll()
    .where('organization', '=', organization)
    .orderBy('name')
    .execute()
  return rows.map(toProject)
}

/** By id or, without case, by name. @throws Fault `ProjectNotFound` */
export async function readProject(devops: Devops, idOrName: string): Promise<Project> {
  const wanted = idOrName.toLowerCase()
  const all = await listProjects(devops.db.query, devops.organization)
  const found = isGuid(wanted)
    ? all.find(({ id }) => id === wanted)
    : all.find(({ name }) => name.toLowerCase() === wanted)
  if (found) return found
  throw fault(
    'ProjectNotFound',
    `TF200016: The following project does not exist: ${idOrName}. Verify that the name of the project is correct and that the project exists on the specified Azure DevOps Server.`,
  )
}

/** The pools every organisation has. */
const POOLS = ['Default', 'Azure Pipelines']

/** The project of this name, made when it is absent, together with the standing agent pools. */
export async function ensureProject(
  devops: Devops,
  name: string,
  description = '',
): Promise<Project> {
  return devops.db.write(async ({ query }) => {
    for (const pool of POOLS) {
      const held = await query.selectFrom('devops_pool').select('name').execute()
      if (held.some((row) => row.name === pool)) continue
      await query.insertInto('devops_pool').values({ name: pool }).execute()
    }
    const all = await listProjects(query, devops.organization)
    const found = all.find((project) => project.name.toLowerCase() === name.toLowerCase())
    if (found) return found
    const made = { id: newGuid(), name, description, createdAtMs: devops.clock.nowMs() }
    await query
      .insertInto('devops_project')
      .values({
        id: made.id,
        organization: devops.organization,
        name,
        description,
        created_at_ms: made.createdAtMs,
      })
      .execute()
    return made
  })
}
