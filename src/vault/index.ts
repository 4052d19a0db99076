// The vault room: Key Vault's data plane. service.ts judges each call in Key Vault's order and
// answers it; access/ has the checks (token, network, permission); objects/ what secrets, keys and
// certificates share (versions, soft delete, lists, backup, rows and their cache); secrets/, keys/ and
// certificates/ the operations; hsm/ what managed HSMs do otherwise. ports.ts says what the room needs from others; faults.ts names
// every refusal and wire-faults.ts spells it.
export type { HsmCall } from './hsm/operation.ts'
export { vaultMigrations } from './objects/tables.ts'
export type {
  AccessPolicy,
  AuditEntry,
  AuditSink,
  Authorizer,
  CallerRoutes,
  EventSink,
  FetchDocument,
  HostCertificates,
  HsmResource,
  NetworkAcls,
  PolicyPermissions,
  VaultDirectory,
  VaultEvent,
  VaultResource,
} from './ports.ts'
export { vaultSealedColumns } from './sealed-columns.ts'
export { openVault, type Vault, type VaultPorts } from './service.ts'
export { azureLimits, type ThrottleLimits } from './throttle.ts'
