import type { Clock } from '../base/clock.ts'
import { newGuid } from '../base/ids.ts'
import { Sealed } from '../base/sealed.ts'
import type { Principal, TokenVerifier } from '../http/principal.ts'
import type { Service } from '../http/service.ts'
import type { Database } from '../storage/database.ts'
import type { Sealer } from '../storage/sealing.ts'
import {
  type FederationWish,
  type IssuedToken,
  issueAccessToken,
  issueFederationToken,
  type TokenWish,
} from './access-tokens.ts'
import {
  type AttestationContext,
  createAttestationService,
  readPublished,
} from './attestation-service.ts'
import type { TokenContext } from './context.ts'
import {
  addFederatedCredential,
  addPassword,
  addRoleMember,
  createApplication,
  createServicePrincipal,
  ensureApplication,
  ensureDefaultTenant,
  ensureTenant,
} from './directory.ts'
import { type FetchJson, openFederatedKeys } from './federated-keys.ts'
import type { GraphContext } from './graph-context.ts'
import { createGraphService, type GraphAuthorizer } from './graph-service.ts'
import type { DirectoryRole, FederatedCredential, ServicePrincipal, Tenant } from './model.ts'
import { openSigningKeys } from './signing-keys.ts'
import { type DirectoryStore, listGroupIds, openStore } from './store.ts'
import { createTokenService } from './token-service.ts'
import { createVerifier } from './verifier.ts'

/** What the program itself may do with the directory, without a token. */
export interface IdentityDirectory {
  /** The directory that is meant when none is named. */
  readonly defaultTenantId: string
  listTenants(): readonly Tenant[]
  /** Makes a directory unless it exists. */
  ensureTenant(wanted: {
    readonly id: string
    readonly displayName?: string
    readonly defaultDomain?: string
  }): Promise<Tenant>
  /**
   * Registers an application with its service principal. Ids can be those of a real directory.
   *
   * @throws Fault `ObjectConflict` when the client id is taken
   */
  createApplication(wanted: {
    readonly displayName: string
    readonly tenantId?: string
    readonly appId?: string
    readonly objectId?: string
    readonly principalId?: string
  }): Promise<{
    /** The application's own id, not the one roles are given to. */
    readonly objectId: string
    readonly appId: string
    /** The service principal's object id: the one roles are given to. */
    readonly principalId: string
  }>
  /** As `createApplication` with lower-case ids of the caller's choice; may be repeated. */
  ensureApplication(wanted: {
    readonly displayName: string
    readonly tenantId: string
    readonly appId: string
    readonly objectId: string
    readonly principalId: string
  }): Promise<void>
  /** A managed identity's principal; `resourceId` is the identity's or the machine's id. */
  createManagedIdentity(wanted: {
    readonly displayName: string
    readonly resourceId: string
    readonly tenantId?: string
  }): Promise<ServicePrincipal>
  /** Adds a client secret (generated unless `secret` is given); valid for two years. */
  addPassword(
    applicationObjectId: string,
    wanted?: {
      readonly displayName?: string
      readonly secret?: Sealed
      readonly endsAtMs?: number
    },
  ): Promise<{ readonly secret: Sealed; readonly keyId: string }>
  /** Trusts another issuer's tokens. `ownerId`: an application or a managed identity's principal. */
  addFederatedCredential(wanted: Omit<FederatedCredential, 'id'>): Promise<FederatedCredential>
  addRoleMember(principalId: string, role: DirectoryRole): Promise<void>
  findPrincipal(objectId: string): DirectoryObject | undefined
  /** The service principal of a client id, in the tenant named or in any. */
  findByAppId(appId: string, tenantId?: string): ServicePrincipal | undefined
  /** Object ids of all groups a principal belongs to. */
  listGroups(objectId: string): readonly string[]
  /** An access token without a credential, for principals inside the program such as a job. */
  issueToken(wish: TokenWish): Promise<SealedToken>
  /** An OIDC token for an exchange with a federated credential. */
  issueFederationToken(wish: FederationWish): Promise<SealedToken>
}

/** A token and when it ends. */
export interface SealedToken {
  readonly token: Sealed
  readonly expiresAtMs: number
}

/** Somebody roles can be given to. */
export interface DirectoryObject {
  readonly id: string
  readonly kind: 'User' | 'Group' | 'ServicePrincipal'
  readonly tenantId: string
  readonly displayName: string
}

export interface Identity {
  readonly service: Service<TokenContext>
  readonly graph: Service<GraphContext>
  /** The attestation service for tests. */
  readonly attestation: Service<AttestationContext>
  /** What that service publishes, without a request; undefined when there is nothing at the address. */
  readAttestationDocument(url: URL): Promise<unknown>
  readonly verifier: TokenVerifier
  readonly directory: IdentityDirectory
}

/**
 * Opens the directory; its tables must be migrated. Without any tenant the default one is made, with
 * `tenantId` or a new id. The first signing key is made without being waited for.
 */
export async function openIdentity(parts: {
  readonly db: Database<unknown>
  readonly sealer: Sealer
  readonly clock: Clock
  readonly tenantId?: string
  /** Who may change the directory by REST; by default those with a directory role. */
  readonly graphAuthorizer?: GraphAuthorizer
  /** Asks other issuers for their documents; by default over HTTPS. */
  readonly fetchJson?: FetchJson
}): Promise<Identity> {
  const { clock } = parts
  const store = await openStore(parts.db)
  const scope = await parts.sealer.scope('identity')
  const keys = openSigningKeys(store, scope, () => clock.nowMs())
  const testKeys = openSigningKeys(store, scope, () => clock.nowMs(), 'attestation')
  const tenant = await ensureDefaultTenant(store, parts.tenantId, clock.nowMs())
  const verifier = createVerifier(store, keys, clock)
  const federatedKeys = openFederatedKeys(clock, parts.fetchJson)
  const authorizer = parts.graphAuthorizer ?? directoryRoles(store)
  return {
    service: createTokenService({ store, keys, federatedKeys, clock }),
    graph: createGraphService({ store, clock, verifier, authorizer }),
    attestation: createAttestationService({ keys: testKeys, clock, verifier }),
    readAttestationDocument: (url) => readPublished({ keys: testKeys }, url),
    verifier,
    directory: {
      ...openDirectory(store, clock, tenant.id),
      issueToken: async (wish) => seal(await issueAccessToken(keys, wish, clock.nowMs())),
      issueFederationToken: async (wish) =>
        seal(await issueFederationToken(keys, wish, clock.nowMs())),
    },
  }
}

function seal({ token, expiresAtMs }: IssuedToken): SealedToken {
  return { token: new Sealed(token), expiresAtMs }
}

function openDirectory(
  store: DirectoryStore,
  clock: Clock,
  defaultTenantId: string,
): Omit<IdentityDirectory, 'issueToken' | 'issueFederationToken'> {
  return {
    defaultTenantId,
    listTenants: () => store.tenants.list(),
    ensureTenant: (wanted) => ensureTenant(store, wanted, clock.nowMs()),
    createApplication: async ({ principalId, ...wanted }) => {
      const tenantId = wanted.tenantId ?? defaultTenantId
      const made = await createApplication(store, { ...wanted, tenantId }, clock.nowMs())
      const { appId, displayName } = made
      const principal = await createServicePrincipal(
        store,
        { tenantId, appId, displayName, ...(principalId && { objectId: principalId }) },
        clock.nowMs(),
      )
      return { objectId: made.id, appId, principalId: principal.id }
    },
    ensureApplication: (wanted) => ensureApplication(store, wanted, clock.nowMs()),
    createManagedIdentity: ({ displayName, resourceId, tenantId = defaultTenantId }) =>
      createServicePrincipal(
        store,
        {
          tenantId,
          appId: newGuid(),
          displayName,
          kind: 'ManagedIdentity',
          alternativeNames: ['isExplicit=True', resourceId],
        },
        clock.nowMs(),
      ),
    addPassword: async (ownerId, wanted = {}) => {
      const { secret, credential } = await addPassword(store, { ...wanted, ownerId }, clock.nowMs())
      return { secret, keyId: credential.keyId }
    },
    addFederatedCredential: (wanted) => addFederatedCredential(store, wanted),
    addRoleMember: (principalId, role) => addRoleMember(store, principalId, role),
    findPrincipal: (objectId) => findDirectoryObject(store, objectId.toLowerCase()),
    findByAppId: (appId, tenantId) =>
      store.servicePrincipalsByAppId
        .list(appId.toLowerCase())
        .find((one) => tenantId === undefined || one.tenantId === tenantId),
    listGroups: (objectId) => listGroupIds(store, objectId.toLowerCase()),
  }
}

function findDirectoryObject(store: DirectoryStore, id: string): DirectoryObject | undefined {
  const rows = [
    { kind: 'ServicePrincipal', found: store.servicePrincipals.find(id) },
    { kind: 'User', found: store.users.find(id) },
    { kind: 'Group', found: store.groups.find(id) },
  ] as const
  for (const { kind, found } of rows) {
    if (found) return { id, kind, tenantId: found.tenantId, displayName: found.displayName }
  }
  return undefined
}

/** Writing needs a directory role, of the caller or of one of its groups. */
function directoryRoles(store: DirectoryStore): GraphAuthorizer {
  const roles: readonly DirectoryRole[] = ['Global Administrator', 'Application Administrator']
  const has = (id: string) => roles.some((role) => store.roles.find(`${id}/${role}`) !== undefined)
  return {
    mayWrite: (caller: Principal) => [caller.objectId, ...caller.groups].some(has),
  }
}
