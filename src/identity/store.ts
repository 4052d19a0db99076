import type { Database } from '../storage/database.ts'
import { type Mirror, type MirrorIndex, Mirrors } from '../storage/mirror.ts'
import * as model from './model.ts'

/** The directory in memory. Reading is synchronous; `write` is durable when it resolves. */
export interface DirectoryStore {
  readonly mirrors: Mirrors
  readonly tenants: Mirror<model.Tenant>
  readonly applications: Mirror<model.Application>
  readonly servicePrincipals: Mirror<model.ServicePrincipal>
  readonly users: Mirror<model.User>
  readonly groups: Mirror<model.Group>
  readonly memberships: Mirror<model.Membership>
  readonly passwords: Mirror<model.PasswordCredential>
  readonly keys: Mirror<model.KeyCredential>
  readonly federated: Mirror<model.FederatedCredential>
  readonly roles: Mirror<model.RoleMembership>
  readonly signingKeys: Mirror<model.SigningKey>
  /** By client id, lower case. */
  readonly applicationsByAppId: MirrorIndex<model.Application>
  readonly servicePrincipalsByAppId: MirrorIndex<model.ServicePrincipal>
  readonly usersByName: MirrorIndex<model.User>
  readonly groupsOfMember: MirrorIndex<model.Membership>
  readonly membersOfGroup: MirrorIndex<model.Membership>
  readonly passwordsOf: MirrorIndex<model.PasswordCredential>
  readonly keysOf: MirrorIndex<model.KeyCredential>
  readonly federatedOf: MirrorIndex<model.FederatedCredential>
}

/** Loads the directory. */
export async function openStore(db: Database<unknown>): Promise<DirectoryStore> {
  const mirrors = new Mirrors(db)
  const applications = await mirrors.open(model.applicationTable)
  const servicePrincipals = await mirrors.open(model.servicePrincipalTable)
  const users = await mirrors.open(model.userTable)
  const memberships = await mirrors.open(model.membershipTable)
  const passwords = await mirrors.open(model.passwordTable)
  const keys = await mirrors.open(model.keyTable)
  const federated = await mirrors.open(model.federatedTable)
  return {
    mirrors,
    tenants: await mirrors.open(model.tenantTable),
    applications,
    servicePrincipals,
    users,
    groups: await mirrors.open(model.groupTable),
    memberships,
    passwords,
    keys,
    federated,
    roles: await mirrors.open(model.roleMembershipTable),
    signingKeys: await mirrors.open(model.signingKeyTable),
    applicationsByAppId: applications.index((application) => application.appId.toLowerCase()),
    servicePrincipalsByAppId: servicePrincipals.index((found) => found.appId.toLowerCase()),
    usersByName: users.index((user) => user.userPrincipalName.toLowerCase()),
    groupsOfMember: memberships.index((membership) => membership.memberId),
    membersOfGroup: memberships.index((membership) => membership.groupId),
    passwordsOf: passwords.index((credential) => credential.ownerId),
    keysOf: keys.index((credential) => credential.ownerId),
    federatedOf: federated.index((credential) => credential.ownerId),
  }
}

/** Object ids of all groups a member belongs to, also through other groups. */
export function listGroupIds(store: DirectoryStore, memberId: string): readonly string[] {
  const direct = store.groupsOfMember.list(memberId)
  if (direct.length === 0) return []
  const found = new Set<string>()
  const visit = (id: string): void => {
    for (const { groupId } of store.groupsOfMember.list(id)) {
      if (found.has(groupId)) continue
      found.add(groupId)
      visit(groupId)
    }
  }
  visit(memberId)
  return [...found]
}
