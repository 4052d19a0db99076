import type { Kysely, Selectable } from 'kysely'
import type { Sealed } from '../../base/sealed.ts'
import type { ScopeSealer } from '../../storage/sealing.ts'
import type { DevopsTables, DevopsTransaction } from '../tables.ts'

export interface ServiceConnection {
  /** A GUID. */
  readonly id: string
  readonly projectId: string
  readonly name: string
  readonly type: string
  readonly url: string
  readonly description: string
  readonly scheme: string
  readonly data: Readonly<Record<string, string>>
  /** Parameters that are not secret, as spelled by the caller. */
  readonly parameters: Readonly<Record<string, string>>
  /** Names of the parameters that are secret and have a value. */
  readonly secretNames: readonly string[]
  readonly isShared: boolean
  readonly createdBy: string
  readonly createdAtMs: number
}

type Query = Kysely<DevopsTables>

/** What a secret of a connection is sealed to. */
export function secretPlace(connectionId: string, name: string): string {
  return `connection\n${connectionId}\n${name.toLowerCase()}`
}

/** Connections of a project, oldest first. */
export async function listConnections(
  query: Query,
  projectId: string,
): Promise<ServiceConnection[]> {
  const rows = await query
    .selectFrom('devops_connection')
    .selectAll()
    .where('project_id', '=', projectId)
    .orderBy('created_at_ms')
    .orderBy('id')
    .execute()
  if (rows.length === 0) return []
  const secrets = await query
    .selectFrom('devops_connection_secret')
    .select(['connection_id', 'name'])
    .where(
      'connection_id',
      'in',
      rows.map(({ id }) => id),
    )
    .execute()
  return rows.map((row) => toConnection(row, secrets))
}

/** By id or, without case, by name. */
export async function findConnection(
  query: Query,
  projectId: string,
  idOrName: string,
): Promise<ServiceConnection | undefined> {
  const wanted = idOrName.toLowerCase()
  const all = await listConnections(query, projectId)
  return (
    all.find(({ id }) => id === wanted) ?? all.find(({ name }) => name.toLowerCase() === wanted)
  )
}

/** Opens the secret parameters of a connection. */
export async function openSecrets(
  query: Query,
  sealer: ScopeSealer,
  connectionId: string,
): Promise<Record<string, Sealed>> {
  const rows = await query
    .selectFrom('devops_connection_secret')
    .selectAll()
    .where('connection_id', '=', connectionId)
    .execute()
  return Object.fromEntries(
    rows.map(({ name, sealed }) => [name, sealer.open(secretPlace(connectionId, name), sealed)]),
  )
}

/** Writes a connection; secrets given replace stored ones of the same name, the rest stay. */
export async function writeConnection(
  tx: DevopsTransaction,
  sealer: ScopeSealer,
  connection: ServiceConnection,
  secrets: Readonly<Record<string, Sealed>>,
): Promise<void> {
  const row = {
    project_id: connection.projectId,
    name: connection.name,
    type: connection.type,
    url: connection.url,
    description: connection.description,
    scheme: connection.scheme,
    data: JSON.stringify(connection.data),
    parameters: JSON.stringify(connection.parameters),
    is_shared: connection.isShared ? 1 : 0,
    created_by: connection.createdBy,
    created_at_ms: connection.createdAtMs,
  }
  await tx.query
    .insertInto('devops_connection')
    .values({ id: connection.id, ...row })
    .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
    .execute()
  for (const [name, secret] of Object.entries(secrets)) {
    const sealed = sealer.seal(secretPlace(connection.id, name), secret.open())
    await tx.query
      .insertInto('devops_connection_secret')
      .values({ connection_id: connection.id, name: name.toLowerCase(), sealed })
      .onConflict((conflict) => conflict.columns(['connection_id', 'name']).doUpdateSet({ sealed }))
      .execute()
  }
  await tx.query
    .deleteFrom('devops_connection_secret')
    .where('connection_id', '=', connection.id)
    .where('name', 'not in', ['', ...connection.secretNames.map((name) => name.toLowerCase())])
    .execute()
}

/** True when there was one. */
export async function deleteConnection(
  tx: DevopsTransaction,
  projectId: string,
  id: string,
): Promise<boolean> {
  const found = await tx.query
    .deleteFrom('devops_connection')
    .where('project_id', '=', projectId)
    .where('id', '=', id)
    .returning('id')
    .execute()
  if (found.length === 0) return false
  await tx.query.deleteFrom('devops_connection_secret').where('connection_id', '=', id).execute()
  await tx.query
    .deleteFrom('devops_permission')
    .where('project_id', '=', projectId)
    .where('resource_type', '=', 'endpoint')
    .where('resource_id', '=', id)
    .execute()
  return true
}

function toConnection(
  row: Selectable<DevopsTables['devops_connection']>,
  secrets: readonly { connection_id: string; name: string }[],
): ServiceConnection {
  return {
    id: row.id,
    projectId: row.project_id,
    name: row.name,
    type: row.type,
    url: row.url,
    description: row.description,
    scheme: row.scheme,
    data: JSON.parse(row.data) as Record<string, string>,
    parameters: JSON.parse(row.parameters) as Record<string, string>,
    secretNames: secrets.filter((s) => s.connection_id === row.id).map(({ name }) => name),
    isShared: row.is_shared === 1,
    createdBy: row.created_by,
    createdAtMs: row.created_at_ms,
  }
}
