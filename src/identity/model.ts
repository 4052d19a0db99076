import type { JsonObject } from '../base/json.ts'
import { documentTable } from '../storage/mirror.ts'

/** A directory. */
export interface Tenant {
  readonly id: string
  readonly displayName: string
  readonly defaultDomain: string
  /** True for one: the directory that is meant when none is named. */
  readonly isDefault: boolean
  readonly createdAtMs: number
}

/** An application registration; `appId` is the client id. */
export interface Application {
  readonly id: string
  readonly tenantId: string
  readonly appId: string
  readonly displayName: string
  readonly createdAtMs: number
  readonly identifierUris: readonly string[]
  /** Further members of the wire shape that are kept and given back, for example `web`. */
  readonly settings: JsonObject
}

/** What an application or a managed identity is in a directory; `id` is what roles are given to. */
export interface ServicePrincipal {
  readonly id: string
  readonly tenantId: string
  readonly appId: string
  readonly displayName: string
  readonly kind: 'Application' | 'ManagedIdentity'
  readonly isEnabled: boolean
  readonly createdAtMs: number
  /** Names besides the client id and the application's identifier URIs. */
  readonly alternativeNames: readonly string[]
  readonly tags: readonly string[]
}

export interface User {
  readonly id: string
  readonly tenantId: string
  readonly userPrincipalName: string
  readonly displayName: string
  readonly mailNickname: string
  readonly isEnabled: boolean
  readonly createdAtMs: number
}

export interface Group {
  readonly id: string
  readonly tenantId: string
  readonly displayName: string
  readonly mailNickname: string
  readonly description: string | undefined
  readonly createdAtMs: number
}

export interface Membership {
  readonly groupId: string
  readonly memberId: string
}

/** A client secret; only its hash is kept. */
export interface PasswordCredential {
  readonly keyId: string
  /** The application's object id. */
  readonly ownerId: string
  readonly displayName: string | undefined
  /** The first three characters. */
  readonly hint: string
  readonly hash: string
  readonly startsAtMs: number
  readonly endsAtMs: number
}

/** A certificate a client may sign its assertions with. */
export interface KeyCredential {
  readonly keyId: string
  readonly ownerId: string
  readonly displayName: string | undefined
  /** DER, base64. */
  readonly certificate: string
  /** SHA-1 and SHA-256 of the DER, base64url. */
  readonly thumbprint: string
  readonly thumbprint256: string
  readonly startsAtMs: number
  readonly endsAtMs: number
}

/** Trust in another issuer's tokens, instead of a secret. */
export interface FederatedCredential {
  readonly id: string
  /** The object id of an application, or of a managed identity's service principal. */
  readonly ownerId: string
  readonly name: string
  readonly issuer: string
  readonly subject: string
  readonly audience: string
  readonly description: string | undefined
}

/** A directory role somebody has, for example `Global Administrator`. */
export interface RoleMembership {
  readonly principalId: string
  readonly role: DirectoryRole
}

/** Roles that may write in the directory. */
export type DirectoryRole = 'Global Administrator' | 'Application Administrator'

/** A key that signs tokens. */
export interface SigningKey {
  readonly kid: string
  /** The public key as JWK members `n` and `e`. */
  readonly n: string
  readonly e: string
  /** The private key as PKCS#8 DER, sealed, base64. */
  readonly sealedPrivateKey: string
  readonly createdAtMs: number
  /** Absent: access tokens. Keys of one purpose are unknown to the other. */
  readonly purpose?: 'attestation'
}

/** The value of the tenant table's `slot` that one row at most has. */
export const DEFAULT_SLOT = 'default'

export const tenantTable = documentTable<Tenant>({
  table: 'tenant',
  keyColumn: 'id',
  keyOf: (tenant) => tenant.id,
  columns: (tenant) => ({ slot: tenant.isDefault ? DEFAULT_SLOT : null }),
})
export const applicationTable = documentTable<Application>({
  table: 'application',
  keyColumn: 'id',
  keyOf: (application) => application.id,
  columns: (application) => ({ app_id: application.appId }),
})
export const servicePrincipalTable = documentTable<ServicePrincipal>({
  table: 'service_principal',
  keyColumn: 'id',
  keyOf: (principal) => principal.id,
  columns: (principal) => ({ tenant_id: principal.tenantId, app_id: principal.appId }),
})
export const userTable = documentTable<User>({
  table: 'directory_user',
  keyColumn: 'id',
  keyOf: (user) => user.id,
  columns: (user) => ({ name_key: user.userPrincipalName.toLowerCase() }),
})
export const groupTable = documentTable<Group>({
  table: 'directory_group',
  keyColumn: 'id',
  keyOf: (group) => group.id,
})
export const membershipTable = documentTable<Membership>({
  table: 'group_member',
  keyColumn: 'id',
  keyOf: ({ groupId, memberId }) => `${groupId}/${memberId}`,
  columns: ({ groupId, memberId }) => ({ group_id: groupId, member_id: memberId }),
})
export const passwordTable = documentTable<PasswordCredential>({
  table: 'password_credential',
  keyColumn: 'key_id',
  keyOf: (credential) => credential.keyId,
  columns: (credential) => ({ owner_id: credential.ownerId }),
})
export const keyTable = documentTable<KeyCredential>({
  table: 'key_credential',
  keyColumn: 'key_id',
  keyOf: (credential) => credential.keyId,
  columns: (credential) => ({ owner_id: credential.ownerId }),
})
export const federatedTable = documentTable<FederatedCredential>({
  table: 'federated_credential',
  keyColumn: 'id',
  keyOf: (credential) => credential.id,
  columns: (credential) => ({ owner_id: credential.ownerId }),
})
export const roleMembershipTable = documentTable<RoleMembership>({
  table: 'directory_role_member',
  keyColumn: 'id',
  keyOf: ({ principalId, role }) => `${principalId}/${role}`,
  columns: ({ principalId }) => ({ principal_id: principalId }),
})
export const signingKeyTable = documentTable<SigningKey>({
  table: 'signing_key',
  keyColumn: 'kid',
  keyOf: (key) => key.kid,
})
