import { Fault } from '../../base/fault.ts'
import type { ScopeSealer } from '../../storage/sealing.ts'
import type { VaultFaultCode } from '../faults.ts'
import type { Rows } from '../objects/store.ts'
import { type DomainSealer, domainSealer } from './domain-sealer.ts'
import { atRest, findDomain } from './domain-store.ts'

/**
 * What seals the backups of a managed HSM: the key of its security domain.
 *
 * @throws Fault `HsmNotActivated` while it has none
 */
export async function domainSealerOf(
  rows: Rows,
  hsm: { readonly dataId: string; readonly name: string },
  scope: ScopeSealer,
): Promise<DomainSealer> {
  const domain = await findDomain(rows, hsm.dataId)
  if (domain) return domainSealer(atRest.openDomainKey(scope, domain))
  throw new Fault<VaultFaultCode>(
    'HsmNotActivated',
    `The managed HSM '${hsm.name}' has no security domain. Download it first.`,
  )
}
