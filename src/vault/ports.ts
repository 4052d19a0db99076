import type { KeyObject } from 'node:crypto'
import type { Call } from '../http/call.ts'
import type { Principal } from '../http/principal.ts'
import type { Transaction } from '../storage/database.ts'

/** Permission names of one access policy entry, per kind of object. `all` does not include purge. */
export interface PolicyPermissions {
  readonly keys: readonly string[]
  readonly secrets: readonly string[]
  readonly certificates: readonly string[]
  readonly storage: readonly string[]
}

/** One entry of the access-policy model. With `applicationId` it is a compound identity. */
export interface AccessPolicy {
  readonly tenantId: string
  readonly objectId: string
  readonly applicationId?: string
  readonly permissions: PolicyPermissions
}

/** The vault's firewall as the resource manager keeps it. */
export interface NetworkAcls {
  readonly defaultAction: 'Allow' | 'Deny'
  readonly bypass?: string
  readonly ipRules?: readonly { readonly value: string }[]
  readonly virtualNetworkRules?: readonly { readonly id: string }[]
}

/** What vaults and managed HSMs have in common, as the resource manager describes them. */
export interface DataPlaneResource {
  readonly kind: 'vault' | 'managedHsm'
  /** Its ARM id, in the casing it was made with. */
  readonly id: string
  readonly name: string
  readonly location: string
  readonly tenantId: string
  /** A GUID that stays when it is deleted and recovered: the scope of its stored data. */
  readonly dataId: string
  /** 7 to 90. */
  readonly softDeleteRetentionInDays: number
  readonly enablePurgeProtection: boolean
  readonly publicNetworkAccess: 'Enabled' | 'Disabled' | 'SecuredByPerimeter'
  readonly networkAcls?: NetworkAcls
}

/** A vault. A change gives a new object. */
export interface VaultResource extends DataPlaneResource {
  readonly kind: 'vault'
  readonly sku: 'standard' | 'premium'
  readonly enableRbacAuthorization: boolean
  readonly accessPolicies: readonly AccessPolicy[]
}

/** A managed HSM. A change gives a new object. */
export interface HsmResource extends DataPlaneResource {
  readonly kind: 'managedHsm'
  /** `Standard_B1` and its like. */
  readonly skuName: string
  /** Who is Managed HSM Administrator at `/` from the first request on. */
  readonly initialAdminObjectIds: readonly string[]
}

/** The vaults and managed HSMs that exist and are not deleted, in memory. */
export interface VaultDirectory {
  /** By the first label of the host, compared without case. */
  findVault(name: string): VaultResource | undefined
  /** By its `dataId`: for what the clock does, when no request names the vault. */
  findVaultOf(dataId: string): VaultResource | undefined
  /** As `findVault`; a managed HSM and a vault may share a name. */
  findHsm(name: string): HsmResource | undefined
}

/** Role assignments, evaluated in memory. */
export interface Authorizer {
  /** `dataAction` in full (`Microsoft.KeyVault/vaults/…`); `scope` is an ARM id, compared without case. */
  decide(
    principal: Principal,
    dataAction: string,
    scope: string,
  ): { readonly allowed: true; readonly assignmentId: string } | { readonly allowed: false }
}

/** What the network knows about a caller beyond the address. Absent: nobody is known. */
export interface CallerRoutes {
  /** ARM id of the approved private endpoint of this vault or HSM through which the call came. */
  findPrivateEndpoint(call: Call, resource: DataPlaneResource): string | undefined
  /** ARM id of the subnet the address belongs to, when it reaches the vault by a service endpoint. */
  findSubnet(address: string): string | undefined
  /** True for the services that `bypass: AzureServices` lets in. */
  isTrustedService(principal: Principal): boolean
}

/** One request in the words of the vault's audit log (key-vault.md §14.1). Never holds a value. */
export interface AuditEntry {
  readonly timeMs: number
  /** ARM id of the vault, in upper case. */
  readonly resourceId: string
  /** `SecretGet`, `Authentication` …; key-vault.md §14.3. */
  readonly operationName: string
  /** The request's api-version. */
  readonly operationVersion?: string
  /** `Success` or the error's code. */
  readonly resultType: string
  readonly resultSignature: string
  readonly resultDescription?: string
  readonly durationMs: number
  readonly callerIpAddress: string
  /** `x-ms-client-request-id`. */
  readonly correlationId?: string
  readonly requestId: string
  readonly identity?: {
    readonly objectId: string
    readonly tenantId: string
    readonly appId?: string
    readonly upn?: string
  }
  /** The user agent. */
  readonly clientInfo?: string
  readonly requestUri: string
  /** URI of the object, or of the vault for its collections. */
  readonly id: string
  readonly httpStatusCode: number
  readonly isRbacAuthorized?: boolean
  readonly isAccessPolicyMatch?: boolean
  readonly isAddressAuthorized?: boolean
  readonly appliedAssignmentId?: string
  /** The pipeline run that asked, when the caller is known to be one. */
  readonly run?: {
    readonly runId: string
    readonly stage?: string
    readonly job?: string
    readonly step?: string
  }
}

/** An event in Event Grid's words (key-vault.md §15). Never holds a value. */
export interface VaultEvent {
  /** ARM id of the vault. */
  readonly topic: string
  /** `Microsoft.KeyVault.SecretNewVersionCreated` … */
  readonly type: string
  /** The bare name of the object, or of the vault. */
  readonly subject: string
  readonly timeMs: number
  /** Its last six members are null when the event is the vault's own. Times are in seconds. */
  readonly data: {
    readonly Id: string
    readonly VaultName: string
    readonly ObjectType: 'Certificate' | 'Key' | 'Secret' | null
    readonly ObjectName: string | null
    readonly Version: string | null
    readonly NBF: number | null
    readonly EXP: number | null
  }
}

/** What recording an event needs of a write in progress. */
export type EventWrite = Pick<Transaction<never>, 'run'>

/** Takes events: each is there when the write `tx` is, and only then. */
export interface EventSink {
  record(tx: EventWrite, event: VaultEvent): Promise<void>
}

/** Takes audit entries. Must not throw and must not wait. */
export interface AuditSink {
  record(entry: AuditEntry): void
}

/**
 * Gets a JSON document that an attestation service publishes; the address begins with https. It throws
 * when there is none, and must bound time and size and follow no redirects.
 */
export type FetchDocument = (url: string) => Promise<unknown>

/** Certificates for the host names of vaults: with them a vault signs what it releases. */
export interface HostCertificates {
  /** An RSA key, and base64 of DER: its certificate for `host`, then who signed that. */
  read(host: string): Promise<{ readonly key: KeyObject; readonly x5c: readonly string[] }>
}
