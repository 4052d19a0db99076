import type { Kysely } from 'kysely'
import type { Principal } from '../../http/principal.ts'
import type { Devops } from '../devops.ts'
import type { DevopsTables } from '../tables.ts'

export type Role = 'administrator' | 'user'

/** Someone who may use an organisation. */
export interface Member {
  /** A directory object's id: a user, a service principal, or a group. */
  readonly principalId: string
  readonly role: Role
  readonly name: string
}

/** Members of an organisation. */
export async function listMembers(
  query: Kysely<DevopsTables>,
  organization: string,
): Promise<Member[]> {
  const rows = await query
    .selectFrom('devops_member')
    .selectAll()
    .where('organization', '=', organization)
    .orderBy('principal_id')
    .execute()
  return rows.map((row) => ({ principalId: row.principal_id, role: row.role, name: row.name }))
}

/** Adds a member, or changes the role and name of one. */
export async function addMember(devops: Devops, member: Member): Promise<void> {
  const row = { role: member.role, name: member.name }
  await devops.db.write(async (tx) => {
    await tx.query
      .insertInto('devops_member')
      .values({
        organization: devops.organization,
        principal_id: member.principalId.toLowerCase(),
        ...row,
      })
      .onConflict((conflict) => conflict.columns(['organization', 'principal_id']).doUpdateSet(row))
      .execute()
  })
}

/** The caller's role, by itself or through a group; undefined for a stranger. */
export async function findRole(
  devops: Devops,
  caller: Pick<Principal, 'objectId' | 'groups'>,
): Promise<Role | undefined> {
  const rows = await devops.db.query
    .selectFrom('devops_member')
    .select('role')
    .where('organization', '=', devops.organization)
    .where(
      'principal_id',
      'in',
      [caller.objectId, ...caller.groups].map((id) => id.toLowerCase()),
    )
    .execute()
  if (rows.some(({ role }) => role === 'administrator')) return 'administrator'
  return rows.length > 0 ? 'user' : undefined
}
