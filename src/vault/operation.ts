import type { Call } from '../http/call.ts'
import { type Method, type Operation, operation, type PathParams } from '../http/operation.ts'
import type { Reply } from '../http/reply.ts'
import type { Right } from './access/permission.ts'
import type { VaultCall } from './context.ts'
import type { Kind } from './faults.ts'

/** An operation with the rights it needs and its word in the audit log. */
export interface VaultOperation extends Operation<VaultCall> {
  /** Undefined: anybody may, without a token. */
  readonly right: Right | undefined
  /** key-vault.md §14.3 */
  readonly audit: string
  /** Which limit counts it; `keys`: the operation itself, once it knows the key. */
  readonly budget: 'keys' | 'other' | 'secretSet'
}

const plainOperation = operation<VaultCall>()

/** Makes an operation; `kind` is read from the data action, whose first segment it is. */
export function vaultOperation<const Path extends string>(
  name: string,
  route: { readonly method: Method; readonly path: Path },
  needs: {
    readonly policy: string
    readonly alsoPolicy?: string
    readonly dataAction: string
    readonly audit: string
    readonly budget?: VaultOperation['budget']
  },
  handle: (call: Call<PathParams<Path>>, vault: VaultCall) => Promise<Reply> | Reply,
): VaultOperation {
  const kind = kindOf(needs.dataAction)
  return {
    ...plainOperation(name, { ...route, permission: `${kind}/${needs.policy}` }, handle),
    right: {
      kind,
      policy: needs.policy,
      dataAction: needs.dataAction,
      ...(needs.alsoPolicy !== undefined && { alsoPolicy: needs.alsoPolicy }),
    },
    audit: needs.audit,
    budget: needs.budget ?? 'other',
  }
}

function kindOf(dataAction: string): Kind {
  if (dataAction.startsWith('secrets/')) return 'secrets'
  return dataAction.startsWith('key') ? 'keys' : 'certificates'
}
