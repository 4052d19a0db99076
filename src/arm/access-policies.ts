import { isGuid } from '../base/ids.ts'
import { isObject, type JsonObject } from '../base/json.ts'
import type { AccessPolicy, PolicyPermissions } from './model.ts'
import { armFault } from './wire-faults.ts'

const POLICY_LIMIT = 1024

const words = (text: string): ReadonlySet<string> => new Set(text.toLowerCase().split(' '))

/** The permission names of each kind of object. */
const NAMES: Readonly<Record<keyof PolicyPermissions, ReadonlySet<string>>> = {
  keys: words(
    'all encrypt decrypt wrapKey unwrapKey sign verify get list create update import delete backup restore recover purge release rotate getrotationpolicy setrotationpolicy',
  ),
  secrets: words('all get list set delete backup restore recover purge'),
  certificates: words(
    'all get list delete create import update managecontacts getissuers listissuers setissuers deleteissuers manageissuers recover purge backup restore',
  ),
  storage: words(
    'all get list delete set update regeneratekey recover purge backup restore setsas listsas getsas deletesas',
  ),
}
const KINDS = ['keys', 'secrets', 'certificates', 'storage'] as const

/**
 * Reads `accessPolicies`; permission names become lower case.
 *
 * @throws Fault `BadRequest` that names the entry and what is wrong with it
 */
export function readPolicies(value: unknown): readonly AccessPolicy[] {
  if (!Array.isArray(value)) throw wrong('accessPolicies must be a list.')
  if (value.length > POLICY_LIMIT) {
    throw wrong(`accessPolicies has ${value.length} entries; at most ${POLICY_LIMIT} are allowed.`)
  }
  return value.map((entry, index) => readPolicy(entry, `accessPolicies[${index}]`))
}

function readPolicy(entry: unknown, path: string): AccessPolicy {
  if (!isObject(entry)) throw wrong(`${path} must be an object.`)
  const applicationId = entry['applicationId']
  return {
    tenantId: readId(entry['tenantId'], `${path}.tenantId`, 'tenant id'),
    objectId: readId(entry['objectId'], `${path}.objectId`, 'object id'),
    ...(applicationId !== undefined &&
      applicationId !== null && {
        applicationId: readId(applicationId, `${path}.applicationId`, 'application id'),
      }),
    permissions: readPermissions(entry['permissions'], `${path}.permissions`),
  }
}

/** People paste the whole answer of a command; the message says which mistake it is. */
function readId(value: unknown, path: string, what: string): string {
  if (typeof value === 'string' && isGuid(value)) return value.toLowerCase()
  throw wrong(`${path}: ${what} must be a GUID, got ${describe(value)}.`)
}

function describe(value: unknown): string {
  const text = typeof value === 'string' ? value.trim() : value
  const hint = '; add `--query id -o tsv`'
  if (isObject(text) || (typeof text === 'string' && text.startsWith('{'))) {
    return `a JSON object${hint}`
  }
  if (Array.isArray(text) || (typeof text === 'string' && text.startsWith('['))) {
    return `a JSON list${hint}`
  }
  if (text === undefined || text === null || text === '') return 'nothing'
  if (typeof text !== 'string') return `a ${typeof text}`
  if (text.startsWith('"')) return 'text in quotes; add `-o tsv`'
  return 'other text'
}

function readPermissions(value: unknown, path: string): PolicyPermissions {
  const given: JsonObject = isObject(value) ? value : {}
  if (!isObject(value)) throw wrong(`${path} must be an object.`)
  const read = (kind: keyof PolicyPermissions): readonly string[] => {
    const list = given[kind]
    if (list === undefined || list === null) return []
    if (!Array.isArray(list)) throw wrong(`${path}.${kind} must be a list.`)
    const names = list.map((name) => String(name).toLowerCase())
    const unknown = names.find((name) => !NAMES[kind].has(name))
    if (unknown !== undefined) {
      throw wrong(`${path}.${kind}: '${unknown.slice(0, 40)}' is no permission of ${kind}.`)
    }
    return [...new Set(names)]
  }
  return {
    keys: read('keys'),
    secrets: read('secrets'),
    certificates: read('certificates'),
    storage: read('storage'),
  }
}

export type PolicyChange = 'add' | 'replace' | 'remove'

/**
 * `add` merges into the entry of the same identity, `replace` substitutes it, `remove` takes the
 * listed permissions away, and the entry with the last of them.
 */
export function changePolicies(
  policies: readonly AccessPolicy[],
  change: PolicyChange,
  listed: readonly AccessPolicy[],
): readonly AccessPolicy[] {
  const result = new Map(policies.map((policy) => [identityOf(policy), policy]))
  for (const policy of listed) {
    const key = identityOf(policy)
    const held = result.get(key)
    if (change === 'remove') {
      if (!held) continue
      const permissions = combine(held.permissions, (kind, names) =>
        names.filter((name) => !policy.permissions[kind].includes(name)),
      )
      if (KINDS.every((kind) => permissions[kind].length === 0)) result.delete(key)
      else result.set(key, { ...held, permissions })
    } else if (change === 'add' && held) {
      const permissions = combine(held.permissions, (kind, names) => [
        ...new Set([...names, ...policy.permissions[kind]]),
      ])
      result.set(key, { ...held, permissions })
    } else {
      result.set(key, policy)
    }
  }
  if (result.size > POLICY_LIMIT)
    throw wrong(`At most ${POLICY_LIMIT} access policies are allowed.`)
  return [...result.values()]
}

function identityOf({ objectId, applicationId }: AccessPolicy): string {
  return `${objectId}/${applicationId ?? ''}`
}

function combine(
  permissions: PolicyPermissions,
  change: (kind: keyof PolicyPermissions, names: readonly string[]) => readonly string[],
): PolicyPermissions {
  return {
    keys: change('keys', permissions.keys),
    secrets: change('secrets', permissions.secrets),
    certificates: change('certificates', permissions.certificates),
    storage: change('storage', permissions.storage),
  }
}

function wrong(message: string): Error {
  return armFault('BadRequest', message)
}
