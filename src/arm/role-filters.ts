import type { RoleAssignment, RoleDefinition } from './model.ts'
import type { DirectoryPort } from './ports.ts'
import { isWithin, reachKey, scopeKey } from './scopes.ts'
import { armFault } from './wire-faults.ts'

/**
 * Compiles `$filter` of role assignments: `atScope()` (this scope and above), `principalId eq '…'`
 * and `assignedTo('…')` (also above and below), joined by `and`; without it all of them.
 *
 * @throws Fault `InvalidFilterInQueryString` for anything else
 */
export function compileAssignmentFilter(
  filter: string | null,
  scope: string,
  directory: DirectoryPort,
): (assignment: RoleAssignment) => boolean {
  const at = scopeKey(scope)
  let below = true
  let principals: readonly string[] | undefined
  for (const clause of clausesOf(filter)) {
    const [, principalId] = /^principalId eq '?\{?([0-9a-f-]{36})\}?'?$/i.exec(clause) ?? []
    const [, assignee] = /^assignedTo\('([^']*)'\)$/i.exec(clause) ?? []
    if (/^atScope\(\)$/i.test(clause)) below = false
    else if (principalId !== undefined) principals = [principalId.toLowerCase()]
    else if (assignee !== undefined) {
      principals = [assignee.toLowerCase(), ...directory.listGroups(assignee)]
    } else throw filterWrong(filter)
  }
  return (assignment) => {
    if (principals && !principals.includes(assignment.principalId)) return false
    const key = reachKey(assignment.scope)
    return isWithin(at, key) || (below && isWithin(key, at))
  }
}

/**
 * Compiles `$filter` of role definitions: `roleName eq '…'`, `type eq '…'`, `atScope()`,
 * `atScopeAndBelow()`, joined by `and`.
 *
 * @throws Fault `InvalidFilterInQueryString` for anything else
 */
export function compileRoleFilter(
  filter: string | null,
  scope: string,
): (role: RoleDefinition) => boolean {
  const at = scopeKey(scope)
  let below = filter === null
  const tests: ((role: RoleDefinition) => boolean)[] = []
  for (const clause of clausesOf(filter)) {
    const [, name, value = ''] = /^(roleName|type) eq '((?:[^']|'')*)'$/i.exec(clause) ?? []
    const wanted = value.replaceAll("''", "'").toLowerCase()
    if (name?.toLowerCase() === 'rolename') {
      tests.push((role) => role.name.toLowerCase() === wanted)
    } else if (name !== undefined) {
      tests.push((role) => (role.isBuiltIn ? 'builtinrole' : 'customrole') === wanted)
    } else if (/^atScopeAndBelow\(\)$/i.test(clause)) below = true
    else if (!/^atScope\(\)$/i.test(clause)) throw filterWrong(filter)
  }
  const isThere = (role: RoleDefinition) =>
    role.assignableScopes.some((assignable) => {
      const key = scopeKey(assignable)
      return isWithin(at, key) || (below && isWithin(key, at))
    })
  return (role) => isThere(role) && tests.every((test) => test(role))
}

function clausesOf(filter: string | null): readonly string[] {
  if (!filter?.trim()) return []
  return filter.split(/ +and +/i).map((clause) => clause.trim().replaceAll(/ +eq +/gi, ' eq '))
}

function filterWrong(filter: string | null): Error {
  return armFault(
    'InvalidFilterInQueryString',
    `Invalid $filter '${(filter ?? '').slice(0, 200)}' specified in the query string.`,
  )
}
