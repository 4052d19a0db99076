import type { Principal } from '../http/principal.ts'
import type { HsmToken } from '../pkcs11/index.ts'
import type { Database } from '../storage/database.ts'
import type { ScopeSealer, Sealer } from '../storage/sealing.ts'
import type { ApiVersion } from './api-versions.ts'
import type { HsmJobs } from './hsm/jobs.ts'
import type { AttestationKeys } from './keys/attestation-keys.ts'
import type { KeyObjects } from './keys/key-objects.ts'
import type { LatestCache } from './objects/latest-cache.ts'
import type { ObjectTables } from './objects/tables.ts'
import type { EventSink, HostCertificates, HsmResource, VaultResource } from './ports.ts'
import type { Throttle } from './throttle.ts'

/** What all calls share. */
export interface VaultStore {
  readonly db: Database<ObjectTables>
  readonly sealer: Sealer
  readonly cache: LatestCache
  readonly events: EventSink
  /** Long work of managed HSMs. */
  readonly jobs: HsmJobs
  /** Undefined: no limits. */
  readonly throttle: Throttle | undefined
  /** Where keys of HSM types live; undefined: in software, which `hsmPlatform` says. */
  readonly hsmToken: HsmToken | undefined
  /** RSA keys in use. */
  readonly keyObjects: KeyObjects
  /** Undefined: no key is released. */
  readonly release:
    | { readonly keys: AttestationKeys; readonly certificates: HostCertificates }
    | undefined
}

/** What an operation works on: a vault, or a managed HSM, for a caller who may. */
export interface VaultCall {
  readonly store: VaultStore
  readonly vault: VaultResource | HsmResource
  /** Seals and opens this vault's values. */
  readonly scope: ScopeSealer
  readonly principal: Principal
  readonly apiVersion: ApiVersion
  /** What ids begin with: the origin the client used. */
  readonly uri: string
  readonly nowMs: number
}
