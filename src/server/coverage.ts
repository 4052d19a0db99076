import type { Clock } from '../base/clock.ts'
import type { Operation } from '../http/operation.ts'
import { openEstate } from './compose.ts'

/** The operations of one service, for the coverage list. */
export interface CoveredService {
  readonly service: string
  readonly operations: readonly Pick<Operation<never>, 'name' | 'method' | 'path' | 'permission'>[]
}

/** Every operation of every service; `dataDirectory` is an empty folder to open them on. */
export async function listOperations(
  dataDirectory: string,
  clock: Clock,
): Promise<readonly CoveredService[]> {
  const { identity, arm, vault, devops, close } = await openEstate(dataDirectory, clock, {})
  const services = {
    'Token service': identity.service,
    'Microsoft Graph': identity.graph,
    'Attestation for tests': identity.attestation,
    'Resource manager': arm.service,
    'Key Vault': vault.service,
    'Managed HSM': vault.hsmService,
    'Azure DevOps': (await devops()).service,
  }
  const listed = Object.entries(services).map(([service, { operations }]) => ({
    service,
    operations,
  }))
  await close()
  return listed
}
