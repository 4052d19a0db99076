import { Fault } from '../../base/fault.ts'
import {
  findBoolean,
  findString,
  isObject,
  type JsonObject,
  parseJson,
  readArray,
  readObject,
  readString,
} from '../../base/json.ts'
import { propertyWrong, type VaultFaultCode } from '../faults.ts'
import { orPropertyWrong } from '../objects/attributes.ts'

const DEFAULT_TYPE = 'application/json; charset=utf-8'
const DATA_LIMIT_CHARACTERS = 40_000
const DEPTH_LIMIT = 16
const VERSIONS = ['1.0.0', '1.0']

/** Under which condition a key may leave, as the wire has it. */
export interface ReleasePolicy {
  readonly contentType: string
  /** base64url of JSON. */
  readonly data: string
  readonly immutable: boolean
}

/** Who must attest, and what. */
interface AuthorityRule {
  /** Without a trailing slash. */
  readonly authority: string
  readonly condition: Condition
}

type Condition =
  | { readonly allOf: readonly Condition[] }
  | { readonly anyOf: readonly Condition[] }
  | { readonly claim: string; readonly operator: Operator; readonly value: Scalar }

type Scalar = string | number | boolean
type Compare = (found: Scalar | undefined, value: Scalar) => boolean

const numeric =
  (compare: (a: number, b: number) => boolean): Compare =>
  (found, value) =>
    found !== undefined &&
    typeof found !== 'boolean' &&
    `${found}`.trim() !== '' &&
    compare(Number(found), Number(value))

/** A claim `true` equals the text "true", as policies are written. An absent claim meets nothing. */
const OPERATORS = {
  equals: (found, value) => found !== undefined && String(found) === String(value),
  notEquals: (found, value) => found !== undefined && String(found) !== String(value),
  less: numeric((a, b) => a < b),
  lessOrEquals: numeric((a, b) => a <= b),
  greater: numeric((a, b) => a > b),
  greaterOrEquals: numeric((a, b) => a >= b),
  exists: (found, value) => (found !== undefined) === (String(value) === 'true'),
} as const satisfies Record<string, Compare>
type Operator = keyof typeof OPERATORS
const operators = Object.keys(OPERATORS) as Operator[]

/** `release_policy` of a body. @throws Fault `PropertyWrong`, or `ParameterWrong` naming what is wrong in its data */
export function readReleasePolicy(value: unknown): ReleasePolicy | undefined {
  if (value === undefined || value === null) return undefined
  const policy = orPropertyWrong('release_policy', () => {
    const given = readObject(value, 'release_policy')
    return {
      contentType: findString(given['contentType'], 'contentType') ?? DEFAULT_TYPE,
      data: readString(given['data'], 'data').replace(/=+$/, ''),
      immutable: findBoolean(given['immutable'], 'immutable') ?? false,
    }
  })
  if (policy.data.length > DATA_LIMIT_CHARACTERS || !/^[\w-]+$/.test(policy.data)) {
    throw propertyWrong('release_policy.data')
  }
  readRules(policy)
  return policy
}

/** The rules in a policy (key-vault.md §7.3). @throws Fault `ParameterWrong` */
export function readRules({ data }: ReleasePolicy): readonly AuthorityRule[] {
  try {
    const text = Buffer.from(data, 'base64url').toString('utf8')
    const policy = readObject(parseJson(text, 'The policy'), 'The policy')
    if (!VERSIONS.includes(String(policy['version']))) throw wrong('version must be "1.0.0"')
    const rules = readArray(policy['anyOf'], 'anyOf').map(readRule)
    if (rules.length === 0) throw wrong('anyOf is empty')
    return rules
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.code === 'JsonWrong') throw wrong(thrown.message)
    throw thrown
  }
}

function readRule(value: unknown): AuthorityRule {
  const rule = readObject(value, 'anyOf')
  const authority = readString(rule['authority'], 'authority')
  const url = URL.parse(authority)
  if (url?.protocol !== 'https:' || url.username !== '' || url.search !== '' || url.hash !== '') {
    throw wrong(`the authority ${authority} is no https address`)
  }
  return { authority: toAuthority(authority), condition: readList(rule, ['authority'], 0) }
}

/** Authorities compare without a trailing slash. */
export function toAuthority(text: string): string {
  return text.replace(/\/+$/, '')
}

function readCondition(value: unknown, depth: number): Condition {
  const given = readObject(value, 'A condition')
  if (depth > DEPTH_LIMIT) throw wrong(`conditions are nested deeper than ${DEPTH_LIMIT}`)
  if (given['claim'] === undefined) return readList(given, [], depth)
  const claim = readString(given['claim'], 'claim')
  const named = Object.keys(given).filter((name) => name !== 'claim')
  const operator = operators.find((known) => known === named[0])
  if (!operator || named.length !== 1) {
    throw wrong(`the condition for ${claim} must have one of ${operators.join(', ')}`)
  }
  const expected = given[operator]
  if (!isScalar(expected)) throw wrong(`${operator} of ${claim} must be a text, number or boolean`)
  return { claim, operator, value: expected }
}

function readList(given: JsonObject, others: readonly string[], depth: number): Condition {
  const [name, ...more] = Object.keys(given).filter((member) => !others.includes(member))
  if ((name !== 'anyOf' && name !== 'allOf') || more.length > 0) {
    throw wrong('beside an authority there must be anyOf or allOf, and nothing else')
  }
  const list = readArray(given[name], name).map((item) => readCondition(item, depth + 1))
  if (list.length === 0) throw wrong(`${name} is empty`)
  return name === 'anyOf' ? { anyOf: list } : { allOf: list }
}

function isScalar(value: unknown): value is Scalar {
  return ['string', 'number', 'boolean'].includes(typeof value)
}

/** True when the claims meet a rule of that authority. */
export function meetsPolicy(
  rules: readonly AuthorityRule[],
  authority: string,
  claims: JsonObject,
): boolean {
  return rules.some((rule) => rule.authority === authority && isMet(rule.condition, claims))
}

function isMet(condition: Condition, claims: JsonObject): boolean {
  if ('allOf' in condition) return condition.allOf.every((one) => isMet(one, claims))
  if ('anyOf' in condition) return condition.anyOf.some((one) => isMet(one, claims))
  const compare: Compare = OPERATORS[condition.operator]
  return compare(findClaim(claims, condition.claim), condition.value)
}

/** `a.b` is the member `b` of the claim `a`; lists cannot be looked into. */
function findClaim(claims: JsonObject, path: string): Scalar | undefined {
  let found: unknown = claims
  for (const name of path.split('.')) {
    if (!isObject(found) || !Object.hasOwn(found, name)) return undefined
    found = found[name]
  }
  return isScalar(found) ? found : undefined
}

function wrong(cause: string): Fault<VaultFaultCode> {
  return new Fault('ParameterWrong', `The release policy is wrong: ${cause}.`)
}
