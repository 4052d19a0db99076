import type { SealedColumn } from '../storage/sealed-columns.ts'
import { passwordPlace } from './certificates/authority-operations.ts'
import { AUTHORITY_KEY_PLACE, AUTHORITY_SCOPE } from './certificates/chain-authority.ts'
import { pendingSealPlace } from './certificates/order.ts'
import type { PendingState } from './certificates/pending-store.ts'
import type { Kind } from './faults.ts'
import { atRest } from './hsm/domain-store.ts'
import { sealPlace } from './objects/objects.ts'

const scope = { prefix: 'vault:', column: 'vault' }
const hsmScope = { prefix: 'vault:', column: 'hsm' }

/** Everything that this room seals in the database. */
export const vaultSealedColumns: readonly SealedColumn[] = [
  {
    table: 'vault_object_version',
    column: 'sealed',
    key: ['id'],
    reads: ['version'],
    owner: {
      table: 'vault_object',
      column: 'object_id',
      key: 'id',
      reads: ['vault', 'kind', 'name'],
    },
    scope,
    place: ({ kind, name, version }) => sealPlace(kind as Kind, String(name), String(version)),
  },
  {
    table: 'vault_certificate_pending',
    column: 'sealed',
    key: ['vault', 'name'],
    reads: ['state'],
    scope,
    place: ({ name, state }) =>
      pendingSealPlace(String(name), (JSON.parse(String(state)) as PendingState).requestId),
  },
  {
    table: 'vault_certificate_setting',
    column: 'sealed',
    key: ['vault', 'name'],
    scope,
    // Only issuers have a password; their rows are named as the place is.
    place: ({ name }) => passwordPlace(String(name).replace(/^issuers\//, '')),
  },
  {
    table: 'vault_certificate_authority',
    column: 'sealed',
    key: ['id'],
    scope: AUTHORITY_SCOPE,
    place: () => AUTHORITY_KEY_PLACE,
  },
  {
    table: 'vault_hsm_domain',
    column: 'sealed',
    key: ['hsm'],
    scope: hsmScope,
    place: () => atRest.domainPlace,
  },
  {
    table: 'vault_hsm_transfer_key',
    column: 'sealed',
    key: ['hsm'],
    scope: hsmScope,
    place: () => atRest.transferPlace,
  },
]
