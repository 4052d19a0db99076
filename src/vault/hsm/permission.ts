import { Fault } from '../../base/fault.ts'
import type { Principal } from '../../http/principal.ts'
import { callerOf, vaultOf } from '../access/caller.ts'
import type { VaultFaultCode } from '../faults.ts'
import type { HsmResource } from '../ports.ts'
import { DATA_ACTION_PREFIX, findLocalRole, type LocalRole } from './roles.ts'
import type { HsmState } from './state.ts'

/** What is asked: a data action after `Microsoft.KeyVault/managedHsm`, at a scope in lower case. */
export interface LocalAsk {
  readonly dataAction: string
  readonly scope: string
}

/** The scope a request concerns: `/keys/{name}`, `/keys` for the collections of keys, else `/`. */
export function scopeOfPath(path: string, name: string | undefined): string {
  if (name !== undefined) return `/keys/${name.toLowerCase()}`
  return /^\/(?:deleted)?keys(?:\/|$)/i.test(path) ? '/keys' : '/'
}

/** True when what is given at `outer` holds at `inner`; both are scopes in lower case. */
export function isWithinScope(inner: string, outer: string): boolean {
  return outer === '/' || inner === outer || inner.startsWith(`${outer}/`)
}

/**
 * The role assignment that allows it: one of the caller or of a group of theirs, at or above the scope.
 *
 * @throws Fault `ForbiddenByRbac`; the text for managed HSMs is not documented, a vault's is used
 */
export function checkLocalRole(
  principal: Principal,
  hsm: HsmResource,
  asked: LocalAsk,
  state: Pick<HsmState, 'assignments' | 'customRoles'>,
): string {
  const own = new Set([principal.objectId, ...principal.groups].map((id) => id.toLowerCase()))
  const action = `${DATA_ACTION_PREFIX}/${asked.dataAction}`
  const found = state.assignments.find(({ principalId, scope, roleId }) => {
    if (!own.has(principalId) || !isWithinScope(asked.scope, scope)) return false
    const role = findLocalRole(roleId, state.customRoles)
    return role !== undefined && allows(role, action)
  })
  if (found) return found.id
  throw forbidden(principal, hsm, action, asked.scope)
}

/** Wildcards match across slashes, case does not count; what is taken away stays in its permission. */
function allows(role: LocalRole, action: string): boolean {
  if (role.unlisted?.some((one) => isMatch(one, action))) return true
  return role.permissions.some(
    ({ dataActions, notDataActions }) =>
      dataActions.some((one) => isMatch(one, action)) &&
      !notDataActions.some((one) => isMatch(one, action)),
  )
}

function isMatch(pattern: string, action: string): boolean {
  const text = action.toLowerCase()
  const [first = '', ...rest] = pattern.toLowerCase().split('*')
  if (rest.length === 0) return text === first
  if (!text.startsWith(first)) return false
  let at = first.length
  for (const part of rest.slice(0, -1)) {
    const found = text.indexOf(part, at)
    if (found < 0) return false
    at = found + part.length
  }
  const last = rest.at(-1) ?? ''
  return text.length - last.length >= at && text.endsWith(last)
}

function forbidden(
  principal: Principal,
  hsm: HsmResource,
  action: string,
  scope: string,
): Fault<VaultFaultCode> {
  const lines = [
    'Caller is not authorized to perform action on resource.',
    'If role assignments, deny assignments or role definitions were changed recently, please observe propagation time.',
    `Caller: ${callerOf(principal)}`,
    `Action: '${action}'`,
    `Resource: '${scope}'`,
    'Assignment: (not found)',
    'DecisionReason: null ',
    `Vault: ${vaultOf(hsm)}`,
    '',
  ]
  return new Fault('ForbiddenByRbac', lines.join('\r\n'))
}
