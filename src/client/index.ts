/**
 * client: a client of the public REST (resource manager, Graph, vault data plane, DevOps), used by
 * the command line against a local server or real Azure, and by tests. It knows no room of the
 * server. Start at client.ts; transport.ts is how requests travel; service-error.ts reads refusals;
 * security-domain.ts is what the holders of a managed HSM's security domain do.
 */
export * from './client.ts'
export * from './security-domain.ts'
export * from './service-error.ts'
export * from './transport.ts'
