import { createHash, X509Certificate } from 'node:crypto'
import { Fault } from '../base/fault.ts'
import { newGuid } from '../base/ids.ts'
import type { JsonObject } from '../base/json.ts'
import type { Sealed } from '../base/sealed.ts'
import type { Changes } from '../storage/mirror.ts'
import {
  type Application,
  DEFAULT_SLOT,
  type DirectoryRole,
  type FederatedCredential,
  type KeyCredential,
  type PasswordCredential,
  type ServicePrincipal,
  type Tenant,
} from './model.ts'
import { generateSecret, hashChosen, hashGenerated } from './passwords.ts'
import type { DirectoryStore } from './store.ts'

const YEAR_MS = 365 * 86_400_000

/** Makes a directory unless it exists; ids can be those of a real one. */
export async function ensureTenant(
  store: DirectoryStore,
  wanted: { readonly id: string; readonly displayName?: string; readonly defaultDomain?: string },
  nowMs: number,
): Promise<Tenant> {
  const id = wanted.id.toLowerCase()
  return await store.mirrors.write(async (changes) => {
    const found = await changes.find(store.tenants, id)
    if (found) return found
    const tenant = {
      id,
      displayName: wanted.displayName ?? `Directory ${id.slice(0, 8)}`,
      defaultDomain: wanted.defaultDomain ?? `${id.slice(0, 8)}.sluice.localhost`,
      isDefault: false,
      createdAtMs: nowMs,
    }
    await changes.put(store.tenants, tenant)
    return tenant
  })
}

/** The default directory; of two processes that start at once, the first makes it. */
export async function ensureDefaultTenant(
  store: DirectoryStore,
  wantedId: string | undefined,
  nowMs: number,
): Promise<Tenant> {
  const known = store.tenants.list().find((tenant) => tenant.isDefault)
  if (known) return known
  return await store.mirrors.write(async (changes) => {
    const [held] = await changes.list(store.tenants, 'slot', DEFAULT_SLOT)
    if (held) return held
    const tenant: Tenant = {
      id: (wantedId ?? newGuid()).toLowerCase(),
      displayName: 'Default Directory',
      defaultDomain: 'sluice.localhost',
      isDefault: true,
      createdAtMs: nowMs,
    }
    await changes.put(store.tenants, tenant)
    return tenant
  })
}

export interface NewApplication {
  readonly tenantId: string
  readonly displayName: string
  readonly appId?: string
  readonly objectId?: string
  readonly identifierUris?: readonly string[]
  readonly settings?: JsonObject
}

/** Registers an application. @throws Fault `ObjectConflict` when the client id is taken */
export async function createApplication(
  store: DirectoryStore,
  wanted: NewApplication,
  nowMs: number,
): Promise<Application> {
  const application: Application = {
    id: (wanted.objectId ?? newGuid()).toLowerCase(),
    tenantId: wanted.tenantId,
    appId: (wanted.appId ?? newGuid()).toLowerCase(),
    displayName: wanted.displayName,
    createdAtMs: nowMs,
    identifierUris: wanted.identifierUris ?? [],
    settings: wanted.settings ?? {},
  }
  await store.mirrors.write(async (changes) => {
    const twins = await changes.list(store.applications, 'app_id', application.appId)
    if (twins.length > 0 || (await changes.find(store.applications, application.id))) {
      throw conflict(`Another application with the client id ${application.appId} exists.`)
    }
    await changes.put(store.applications, application)
  })
  return application
}

/** Application and service principal with chosen ids, in one step; what exists stays as it is. */
export async function ensureApplication(
  store: DirectoryStore,
  wanted: Required<Pick<NewApplication, 'tenantId' | 'displayName' | 'appId' | 'objectId'>> & {
    readonly principalId: string
  },
  nowMs: number,
): Promise<void> {
  const { tenantId, displayName, appId } = wanted
  const common = { tenantId, displayName, appId, createdAtMs: nowMs }
  await store.mirrors.write(async (changes) => {
    if (!(await changes.find(store.applications, wanted.objectId))) {
      const application = { id: wanted.objectId, identifierUris: [], settings: {} }
      await changes.put(store.applications, { ...common, ...application })
    }
    if (await changes.find(store.servicePrincipals, wanted.principalId)) return
    await changes.put(store.servicePrincipals, {
      ...common,
      id: wanted.principalId,
      kind: 'Application',
      isEnabled: true,
      alternativeNames: [],
      tags: [],
    })
  })
}

export interface NewServicePrincipal {
  readonly tenantId: string
  readonly appId: string
  readonly displayName: string
  readonly objectId?: string
  readonly kind?: ServicePrincipal['kind']
  readonly isEnabled?: boolean
  readonly alternativeNames?: readonly string[]
  readonly tags?: readonly string[]
}

/** @throws Fault `ObjectConflict` when the application has a service principal already */
export async function createServicePrincipal(
  store: DirectoryStore,
  wanted: NewServicePrincipal,
  nowMs: number,
): Promise<ServicePrincipal> {
  const principal: ServicePrincipal = {
    id: (wanted.objectId ?? newGuid()).toLowerCase(),
    tenantId: wanted.tenantId,
    appId: wanted.appId.toLowerCase(),
    displayName: wanted.displayName,
    kind: wanted.kind ?? 'Application',
    isEnabled: wanted.isEnabled ?? true,
    createdAtMs: nowMs,
    alternativeNames: wanted.alternativeNames ?? [],
    tags: wanted.tags ?? [],
  }
  await store.mirrors.write(async (changes) => {
    const twins = await changes.list(store.servicePrincipals, 'app_id', principal.appId)
    if (twins.some((twin) => twin.tenantId === principal.tenantId)) {
      throw conflict(
        `The service principal cannot be created, updated, or restored because the service principal name ${principal.appId} is already in use.`,
      )
    }
    await changes.put(store.servicePrincipals, principal)
  })
  return principal
}

/** Removes a service principal with what hangs on it; true when it existed. */
export async function deleteServicePrincipal(store: DirectoryStore, id: string): Promise<boolean> {
  return await store.mirrors.write(async (changes) => {
    if (!(await changes.find(store.servicePrincipals, id))) return false
    await removePrincipal(store, changes, id)
    return true
  })
}

/** Removes an application, its credentials and its service principal; true when it existed. */
export async function deleteApplication(store: DirectoryStore, id: string): Promise<boolean> {
  return await store.mirrors.write(async (changes) => {
    const application = await changes.find(store.applications, id)
    if (!application) return false
    await changes.remove(store.applications, id)
    for (const { keyId } of await changes.list(store.passwords, 'owner_id', id)) {
      await changes.remove(store.passwords, keyId)
    }
    for (const { keyId } of await changes.list(store.keys, 'owner_id', id)) {
      await changes.remove(store.keys, keyId)
    }
    await removeFederated(store, changes, id)
    const principals = await changes.list(store.servicePrincipals, 'app_id', application.appId)
    for (const principal of principals) await removePrincipal(store, changes, principal.id)
    return true
  })
}

async function removePrincipal(store: DirectoryStore, changes: Changes, id: string): Promise<void> {
  await changes.remove(store.servicePrincipals, id)
  await removeFederated(store, changes, id)
  for (const membership of await changes.list(store.memberships, 'member_id', id)) {
    await changes.remove(store.memberships, store.memberships.table.keyOf(membership))
  }
  for (const role of await changes.list(store.roles, 'principal_id', id)) {
    await changes.remove(store.roles, store.roles.table.keyOf(role))
  }
}

async function removeFederated(
  store: DirectoryStore,
  changes: Changes,
  ownerId: string,
): Promise<void> {
  for (const { id } of await changes.list(store.federated, 'owner_id', ownerId)) {
    await changes.remove(store.federated, id)
  }
}

export interface NewPassword {
  readonly ownerId: string
  readonly displayName?: string | undefined
  readonly startsAtMs?: number | undefined
  readonly endsAtMs?: number | undefined
  /** A secret to take over; one is generated when absent. */
  readonly secret?: Sealed
}

/** Adds a client secret, valid for two years unless told. The secret is not kept and shown only here. */
export async function addPassword(
  store: DirectoryStore,
  wanted: NewPassword,
  nowMs: number,
): Promise<{ readonly secret: Sealed; readonly credential: PasswordCredential }> {
  const secret = wanted.secret ?? generateSecret()
  const credential: PasswordCredential = {
    keyId: newGuid(),
    ownerId: wanted.ownerId,
    displayName: wanted.displayName,
    hint: secret.open().slice(0, 3),
    hash: wanted.secret ? await hashChosen(secret) : hashGenerated(secret),
    startsAtMs: wanted.startsAtMs ?? nowMs,
    endsAtMs: wanted.endsAtMs ?? nowMs + 2 * YEAR_MS,
  }
  await store.mirrors.write((changes) => changes.put(store.passwords, credential))
  return { secret, credential }
}

/**
 * Reads a certificate (DER) into a credential.
 *
 * @throws Fault `CertificateWrong` when the bytes hold no certificate
 */
export function toKeyCredential(
  ownerId: string,
  certificate: Buffer,
  wanted: { readonly keyId?: string | undefined; readonly displayName?: string | undefined },
): KeyCredential {
  let parsed: X509Certificate
  try {
    parsed = new X509Certificate(certificate)
  } catch {
    throw new Fault('CertificateWrong', 'Key credential value is not a valid X.509 certificate.')
  }
  const thumbprint = (algorithm: string) =>
    createHash(algorithm).update(parsed.raw).digest('base64url')
  return {
    keyId: wanted.keyId ?? newGuid(),
    ownerId,
    displayName: wanted.displayName ?? parsed.subject,
    certificate: parsed.raw.toString('base64'),
    thumbprint: thumbprint('sha1'),
    thumbprint256: thumbprint('sha256'),
    startsAtMs: parsed.validFromDate.getTime(),
    endsAtMs: parsed.validToDate.getTime(),
  }
}

/** Most federated credentials one identity may have. */
const FEDERATED_LIMIT = 20

/** @throws Fault `ObjectConflict` for a second name or issuer with subject, or past 20 */
export async function addFederatedCredential(
  store: DirectoryStore,
  wanted: Omit<FederatedCredential, 'id'>,
): Promise<FederatedCredential> {
  const credential = { ...wanted, id: newGuid() }
  await store.mirrors.write(async (changes) => {
    const others = await changes.list(store.federated, 'owner_id', wanted.ownerId)
    if (others.some((other) => other.name === wanted.name)) {
      throw conflict(`FederatedIdentityCredential with name ${wanted.name} already exists.`)
    }
    if (
      others.some(({ issuer, subject }) => issuer === wanted.issuer && subject === wanted.subject)
    ) {
      throw conflict('FederatedIdentityCredential with the same issuer and subject already exists.')
    }
    if (others.length >= FEDERATED_LIMIT) {
      throw conflict(`No more than ${FEDERATED_LIMIT} federated identity credentials are allowed.`)
    }
    await changes.put(store.federated, credential)
  })
  return credential
}

/** Gives somebody a directory role; doing so twice is the same as once. */
export async function addRoleMember(
  store: DirectoryStore,
  principalId: string,
  role: DirectoryRole,
): Promise<void> {
  await store.mirrors.write((changes) => changes.put(store.roles, { principalId, role }))
}

function conflict(message: string): Fault<'ObjectConflict'> {
  return new Fault('ObjectConflict', message)
}
