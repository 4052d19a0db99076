/**
 * Identity: who somebody is. The token service (`login`), the directory and its REST (`graph`), and
 * the verifier that every other service asks.
 * model.ts, store.ts: the directory; it lives in memory, the database is behind it.
 * directory.ts: what changes it. access-tokens.ts, verifier.ts: tokens out and in.
 * attestation-service.ts: signs test attestations, with keys of its own.
 * token-service.ts with *-operations.ts: OAuth. graph-service.ts with graph-*.ts: the directory's REST.
 */
export type { FederationWish, TokenWish } from './access-tokens.ts'
export type { AttestationContext } from './attestation-service.ts'
export type { TokenContext } from './context.ts'
export type { FetchJson } from './federated-keys.ts'
export type { GraphContext } from './graph-context.ts'
export type { GraphAuthorizer } from './graph-service.ts'
export {
  type DirectoryObject,
  type Identity,
  type IdentityDirectory,
  openIdentity,
  type SealedToken,
} from './identity.ts'
export { identityMigrations } from './migrations.ts'
export type { DirectoryRole, ServicePrincipal, Tenant } from './model.ts'
export { identitySealedColumns } from './sealed-columns.ts'
