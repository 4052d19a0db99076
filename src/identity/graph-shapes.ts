import type { JsonObject } from '../base/json.ts'
import type {
  Application,
  FederatedCredential,
  Group,
  KeyCredential,
  PasswordCredential,
  ServicePrincipal,
  User,
} from './model.ts'
import type { DirectoryStore } from './store.ts'

/** The wire shape of an application with its credentials; secrets are not in it. */
export function toApplicationBody(store: DirectoryStore, application: Application): JsonObject {
  return {
    id: application.id,
    deletedDateTime: null,
    appId: application.appId,
    createdDateTime: toIso(application.createdAtMs),
    displayName: application.displayName,
    description: null,
    publisherDomain: store.tenants.find(application.tenantId)?.defaultDomain ?? null,
    signInAudience: 'AzureADMyOrg',
    isFallbackPublicClient: null,
    tags: [],
    appRoles: [],
    api: { acceptMappedClaims: null, knownClientApplications: [], oauth2PermissionScopes: [] },
    requiredResourceAccess: [],
    optionalClaims: null,
    web: { redirectUris: [], implicitGrantSettings: {} },
    spa: { redirectUris: [] },
    publicClient: { redirectUris: [] },
    ...application.settings,
    identifierUris: application.identifierUris,
    passwordCredentials: store.passwordsOf.list(application.id).map(toPasswordBody),
    keyCredentials: store.keysOf.list(application.id).map(toKeyBody),
  }
}

/** The wire shape of a client secret; `secretText` is null, it is shown once by `addPassword`. */
export function toPasswordBody(credential: PasswordCredential): JsonObject {
  return {
    customKeyIdentifier: null,
    displayName: credential.displayName ?? null,
    endDateTime: toIso(credential.endsAtMs),
    hint: credential.hint,
    keyId: credential.keyId,
    secretText: null,
    startDateTime: toIso(credential.startsAtMs),
  }
}

function toKeyBody(credential: KeyCredential): JsonObject {
  const thumbprint = Buffer.from(credential.thumbprint, 'base64url').toString('hex').toUpperCase()
  return {
    customKeyIdentifier: thumbprint,
    displayName: credential.displayName ?? null,
    endDateTime: toIso(credential.endsAtMs),
    key: null,
    keyId: credential.keyId,
    startDateTime: toIso(credential.startsAtMs),
    type: 'AsymmetricX509Cert',
    usage: 'Verify',
  }
}

/** The wire shape of a service principal. */
export function toServicePrincipalBody(
  store: DirectoryStore,
  principal: ServicePrincipal,
): JsonObject {
  const [application] = store.applicationsByAppId.list(principal.appId)
  return {
    id: principal.id,
    deletedDateTime: null,
    accountEnabled: principal.isEnabled,
    alternativeNames: principal.alternativeNames,
    appDisplayName: application?.displayName ?? null,
    appId: principal.appId,
    appOwnerOrganizationId: application?.tenantId ?? null,
    appRoleAssignmentRequired: false,
    createdDateTime: toIso(principal.createdAtMs),
    displayName: principal.displayName,
    homepage: null,
    servicePrincipalNames: [principal.appId, ...(application?.identifierUris ?? [])],
    servicePrincipalType: principal.kind,
    signInAudience: application ? 'AzureADMyOrg' : null,
    tags: principal.tags,
    appRoles: [],
    oauth2PermissionScopes: [],
    keyCredentials: [],
    passwordCredentials: [],
  }
}

export function toUserBody(user: User): JsonObject {
  return {
    id: user.id,
    displayName: user.displayName,
    userPrincipalName: user.userPrincipalName,
    mailNickname: user.mailNickname,
    mail: null,
    accountEnabled: user.isEnabled,
    createdDateTime: toIso(user.createdAtMs),
    businessPhones: [],
    givenName: null,
    surname: null,
  }
}

export function toGroupBody(group: Group): JsonObject {
  return {
    id: group.id,
    displayName: group.displayName,
    description: group.description ?? null,
    mailNickname: group.mailNickname,
    mailEnabled: false,
    securityEnabled: true,
    groupTypes: [],
    createdDateTime: toIso(group.createdAtMs),
  }
}

export function toFederatedBody(credential: FederatedCredential): JsonObject {
  return {
    id: credential.id,
    name: credential.name,
    issuer: credential.issuer,
    subject: credential.subject,
    description: credential.description ?? null,
    audiences: [credential.audience],
  }
}

/** Any object of a directory by id, with its `@odata.type`; undefined when there is none. */
export function findObjectBody(
  store: DirectoryStore,
  tenantId: string,
  id: string,
  types?: readonly string[],
): JsonObject | undefined {
  const key = id.toLowerCase()
  const typed = <Item extends { readonly tenantId: string }>(
    type: string,
    item: Item | undefined,
    toBody: (item: Item) => JsonObject,
  ) =>
    item?.tenantId === tenantId && (!types || types.includes(type.toLowerCase()))
      ? { '@odata.type': `#microsoft.graph.${type}`, ...toBody(item) }
      : undefined
  return (
    typed('servicePrincipal', store.servicePrincipals.find(key), (one) =>
      toServicePrincipalBody(store, one),
    ) ??
    typed('user', store.users.find(key), toUserBody) ??
    typed('group', store.groups.find(key), toGroupBody) ??
    typed('application', store.applications.find(key), (one) => toApplicationBody(store, one))
  )
}

function toIso(timeMs: number): string {
  return `${new Date(timeMs).toISOString().slice(0, 19)}Z`
}
