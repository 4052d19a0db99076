import type { Principal } from '../http/principal.ts'
import {
  attributesOfAssignment,
  attributesOfScope,
  type Condition,
  compileCondition,
} from './conditions.ts'
import type { RoleAssignment, RoleDefinition } from './model.ts'
import type { Propagation } from './propagation.ts'
import { isWithin, reachKey, scopeKey } from './scopes.ts'
import { type ArmStore, findRole } from './store.ts'

/** Whether role assignments allow something, and which one does. */
export type Decision =
  | { readonly allowed: true; readonly assignmentId: string }
  | { readonly allowed: false }

/** What asking needs of a caller. */
export type Caller = Pick<Principal, 'objectId' | 'groups'>

/** A role assignment to make or remove, as conditions see it. */
export interface AssignmentFacts {
  readonly roleId: string
  readonly principalId: string
  readonly principalType: string | undefined
  readonly scope: string
}

/** Decides by role assignments; in memory and synchronous. */
export interface Authorization {
  /** Data actions such as `Microsoft.KeyVault/vaults/secrets/getSecret/action`. */
  decide(caller: Caller, dataAction: string, scope: string): Decision
  /** Management actions such as `Microsoft.KeyVault/vaults/write`. */
  isAllowed(caller: Caller, action: string, scope: string): boolean
  /** True when the caller may give or take this role at this scope. */
  mayAssign(caller: Caller, verb: 'write' | 'delete', assignment: AssignmentFacts): boolean
  /** True when any assignment of the caller lies at, above or below the scope. */
  hasAnyWithin(caller: Caller, scope: string): boolean
}

interface CompiledRole {
  readonly definition: RoleDefinition
  readonly actions: (action: string) => boolean
  readonly dataActions: (action: string) => boolean
}

const DENIED: Decision = { allowed: false }
/** Different actions remembered per role; there are some hundred. */
const REMEMBERED_LIMIT = 1000

/** Up to so many assignments of a principal are looked through; of more, the scopes are walked up. */
const SCAN_LIMIT = 16

/** Decides from the assignments in memory that have taken effect; roles and conditions are compiled once. */
export function createAuthorization(store: ArmStore, propagation: Propagation): Authorization {
  const reachOf = createReachCache()
  const find = createFinder(store, propagation, reachOf)
  const isAnyWithin = (assignments: readonly RoleAssignment[], key: string) =>
    assignments.some((assignment) => {
      const at = reachOf(assignment).key
      return isWithin(at, key) || isWithin(key, at)
    })
  return {
    decide: (caller, dataAction, scope) => {
      const found = find(caller, scope, {
        action: dataAction,
        matches: (role) => role.dataActions(dataAction),
      })
      return found ? { allowed: true, assignmentId: found.id } : DENIED
    },
    isAllowed: (caller, action, scope) =>
      find(caller, scope, { action, matches: (role) => role.actions(action) }) !== undefined,
    mayAssign: (caller, verb, assignment) => {
      const action = `Microsoft.Authorization/roleAssignments/${verb}`
      const mayGive = ({ definition }: CompiledRole) =>
        definition.assignableRoleIds?.includes(assignment.roleId.toLowerCase()) ?? true
      const found = find(caller, assignment.scope, {
        action,
        matches: (role) => role.actions(action) && mayGive(role),
        attributes: () => attributesOfAssignment(verb, assignment),
      })
      return found !== undefined
    },
    hasAnyWithin: (caller, scope) => {
      const key = scopeKey(scope)
      return [caller.objectId, ...caller.groups].some(
        (id) =>
          isAnyWithin(store.assignmentsOf.list(id).filter(propagation.isInEffect), key) ||
          isAnyWithin(propagation.listLingering(id), key),
      )
    },
  }
}

/** What is asked of an assignment besides its scope. */
interface Wanted {
  readonly action: string
  matches(role: CompiledRole): boolean
  /** For conditions; by default what the scope says. */
  attributes?(): ReadonlyMap<string, string>
}

type Find = (caller: Caller, scope: string, wanted: Wanted) => RoleAssignment | undefined

function createFinder(
  store: ArmStore,
  propagation: Propagation,
  reachOf: (assignment: RoleAssignment) => Reach,
): Find {
  const roleOf = createRoleCache(store)
  const isMatch = (assignment: RoleAssignment, scope: string, wanted: Wanted): boolean => {
    const role = roleOf(assignment.roleId)
    if (role === undefined || !wanted.matches(role)) return false
    if (!propagation.isInEffect(assignment)) return false
    const { condition } = reachOf(assignment)
    if (condition === undefined) return true
    const attributes = wanted.attributes?.() ?? attributesOfScope(scope)
    return condition({ action: wanted.action, attributes })
  }
  const findAmong = (all: readonly RoleAssignment[], scope: string, wanted: Wanted) => {
    const key = scopeKey(scope)
    return all.find((one) => isWithin(key, reachOf(one).key) && isMatch(one, scope, wanted))
  }
  const findHeld = (principalId: string, scope: string, wanted: Wanted) => {
    const all = store.assignmentsOf.list(principalId)
    if (all.length <= SCAN_LIMIT) return findAmong(all, scope, wanted)
    const key = scopeKey(scope)
    for (const at of scopesUp(key)) {
      const there = store.assignmentsAt.list(principalId + at)
      const found = there.find((one) => isMatch(one, scope, wanted))
      if (found) return found
    }
    return undefined
  }
  const findOf = (principalId: string, scope: string, wanted: Wanted) =>
    findHeld(principalId, scope, wanted) ??
    findAmong(propagation.listLingering(principalId), scope, wanted)
  return (caller, scope, wanted) => {
    let found = findOf(caller.objectId, scope, wanted)
    for (const group of caller.groups) found ??= findOf(group, scope, wanted)
    return found
  }
}

/** Where an assignment reaches from and when it holds. */
interface Reach {
  readonly key: string
  readonly condition: Condition | undefined
}

/** Assignments are asked for on every request; they are compiled once. */
function createReachCache(): (assignment: RoleAssignment) => Reach {
  const held = new WeakMap<RoleAssignment, Reach>()
  return (assignment) => {
    let reach = held.get(assignment)
    if (reach === undefined) {
      const { scope, condition } = assignment
      reach = {
        key: reachKey(scope),
        condition: condition ? compileCondition(condition) : undefined,
      }
      held.set(assignment, reach)
    }
    return reach
  }
}

function createRoleCache(store: ArmStore): (id: string) => CompiledRole | undefined {
  let compiled = new Map<string, CompiledRole | undefined>()
  let version = -1
  return (id) => {
    const now = store.customRoles.version()
    if (now !== version) {
      compiled = new Map()
      version = now
    }
    if (compiled.has(id)) return compiled.get(id)
    const definition = findRole(store, id)
    const role = definition && compileRole(definition)
    compiled.set(id, role)
    return role
  }
}

/** The scope and each one above it, the root last. */
function scopesUp(key: string): readonly string[] {
  const scopes = [key]
  for (let end = key.lastIndexOf('/'); end > 0; end = key.lastIndexOf('/', end - 1)) {
    scopes.push(key.slice(0, end))
  }
  return key === '' ? scopes : [...scopes, '']
}

function compileRole(definition: RoleDefinition): CompiledRole {
  const { permissions } = definition
  return {
    definition,
    actions: remember(
      permissions.map(({ actions, notActions }) => compileRow(actions, notActions)),
    ),
    dataActions: remember(
      permissions.map(({ dataActions, notDataActions }) => compileRow(dataActions, notDataActions)),
    ),
  }
}

/** Exclusions subtract inside one permission only. */
function compileRow(allowed: readonly string[], excluded: readonly string[]) {
  const include = allowed.map(compilePattern)
  const exclude = excluded.map(compilePattern)
  return (action: string): boolean =>
    include.some((pattern) => pattern.test(action)) &&
    !exclude.some((pattern) => pattern.test(action))
}

function remember(rows: readonly ((action: string) => boolean)[]): (action: string) => boolean {
  const known = new Map<string, boolean>()
  return (action) => {
    const held = known.get(action)
    if (held !== undefined) return held
    const allowed = rows.some((row) => row(action))
    if (known.size >= REMEMBERED_LIMIT) known.clear()
    known.set(action, allowed)
    return allowed
  }
}

/** `*` stands for any text, slashes included; runs of it count once. */
function compilePattern(pattern: string): RegExp {
  const source = pattern
    .split(/\*+/)
    .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
    .join('.*')
  return new RegExp(`^${source}$`, 'i')
}
