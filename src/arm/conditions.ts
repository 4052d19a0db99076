import { Fault } from '../base/fault.ts'

/** What a condition looks at. */
export interface ConditionFacts {
  readonly action: string
  /** By lower-case name with its source: `@resource[microsoft.keyvault/vaults:name]`. */
  readonly attributes: ReadonlyMap<string, string>
}

/** True when the assignment holds for this request. */
export type Condition = (facts: ConditionFacts) => boolean

const LENGTH_LIMIT = 8192
const DEPTH_LIMIT = 50
/** Wildcards in one text: each costs time when it is matched. */
const WILDCARD_LIMIT = 5
const TOKEN =
  /\s*(?:('(?:[^']|'')*')|(@[A-Za-z]+\[[^\]]+\])|(&&|\|\||[!(){},])|([A-Za-z0-9][\w:.-]*))/y

/**
 * Compiles a role assignment condition of version 2.0: `ActionMatches{'…'}`, attributes of
 * `@Request`, `@Resource` and `@Principal` with text and GUID operators, `Exists`, AND, OR, NOT.
 *
 * @throws Fault `InvalidCondition` for anything else
 */
export function compileCondition(text: string): Condition {
  if (text.length > LENGTH_LIMIT) throw wrong('it is longer than 8 KiB')
  const parser = new ConditionParser(tokenize(text))
  const condition = parser.readOr(0)
  parser.expectEnd()
  return condition
}

function tokenize(text: string): string[] {
  const tokens: string[] = []
  const pattern = new RegExp(TOKEN)
  const trimmed = text.trimEnd()
  while (pattern.lastIndex < trimmed.length) {
    const at = pattern.lastIndex
    const match = pattern.exec(trimmed)
    if (!match) throw wrong(`near '${trimmed.slice(at, at + 30).trim()}'`)
    tokens.push(match[0].trim())
  }
  return tokens
}

type Compare = (held: string, wanted: string) => boolean

/** Text compares with case, as the vendor says; the names of operators are the vendor's. */
const OPERATORS: Readonly<Record<string, Compare>> = {
  stringequals: (held, wanted) => held === wanted,
  stringequalsignorecase: (held, wanted) => held.toLowerCase() === wanted.toLowerCase(),
  stringstartswith: (held, wanted) => held.startsWith(wanted),
  stringstartswithignorecase: (held, wanted) => held.toLowerCase().startsWith(wanted.toLowerCase()),
  stringlike: (held, wanted) => toPattern(wanted, '').test(held),
  stringlikeignorecase: (held, wanted) => toPattern(wanted, 'i').test(held),
  guidequals: (held, wanted) => held.toLowerCase() === wanted.toLowerCase(),
}

/** `*` is any text, `?` one character. */
function toPattern(like: string, flags: string): RegExp {
  const source = like
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*+/g, '.*')
    .replaceAll('?', '.')
  return new RegExp(`^${source}$`, `s${flags}`)
}

class ConditionParser {
  readonly #tokens: readonly string[]
  #at = 0

  constructor(tokens: readonly string[]) {
    this.#tokens = tokens
  }

  readOr(depth: number): Condition {
    const parts = [this.#readAnd(depth)]
    while (this.#take('or', '||')) parts.push(this.#readAnd(depth))
    return (facts) => parts.some((part) => part(facts))
  }

  expectEnd(): void {
    const token = this.#tokens[this.#at]
    if (token !== undefined) throw wrong(`near '${token}'`)
  }

  #readAnd(depth: number): Condition {
    const parts = [this.#readTerm(depth)]
    while (this.#take('and', '&&')) parts.push(this.#readTerm(depth))
    return (facts) => parts.every((part) => part(facts))
  }

  #readTerm(depth: number): Condition {
    if (depth > DEPTH_LIMIT) throw wrong('it is nested too deeply')
    if (this.#take('not', '!')) {
      const part = this.#readTerm(depth + 1)
      return (facts) => !part(facts)
    }
    if (this.#take('(')) {
      const part = this.readOr(depth + 1)
      this.#expect(')')
      return part
    }
    if (this.#take('actionmatches')) return this.#readActionMatches()
    if (this.#take('exists')) {
      const name = this.#readAttribute()
      return ({ attributes }) => attributes.has(name)
    }
    if (this.#take('notexists')) {
      const name = this.#readAttribute()
      return ({ attributes }) => !attributes.has(name)
    }
    return this.#readComparison()
  }

  #readActionMatches(): Condition {
    const patterns = this.#readSet().map((one) => toPattern(one.replaceAll('?', ''), 'i'))
    return ({ action }) => patterns.some((pattern) => pattern.test(action))
  }

  /** An absent attribute makes every comparison false, the negative ones too. */
  #readComparison(): Condition {
    const name = this.#readAttribute()
    const { compare, isNegative, isForAll } = this.#readOperator()
    const wanted = this.#tokens[this.#at] === '{' ? this.#readSet() : [this.#readText()]
    return ({ attributes }) => {
      const held = attributes.get(name)
      if (held === undefined) return false
      const test = (one: string) => compare(held, one) !== isNegative
      return isForAll ? wanted.every(test) : wanted.some(test)
    }
  }

  #readOperator(): { compare: Compare; isNegative: boolean; isForAll: boolean } {
    const token = this.#next().toLowerCase()
    const [, quantifier, word = ''] =
      /^(?:(forany|forall)of(?:any|all)values:)?(\w+)$/.exec(token) ?? []
    const isForAll = /ofallvalues:/.test(token)
    if (quantifier === undefined && token.includes(':')) throw wrong(`operator '${token}'`)
    const positive = word.replace(/^(string|guid)not/, '$1')
    const compare = OPERATORS[positive]
    if (!compare) throw wrong(`operator '${token}'`)
    return {
      compare,
      isNegative: positive !== word,
      isForAll: quantifier === undefined ? positive !== word : isForAll,
    }
  }

  #readSet(): readonly string[] {
    this.#expect('{')
    const values = [this.#readText()]
    while (this.#take(',')) values.push(this.#readText())
    this.#expect('}')
    return values
  }

  #readText(): string {
    const token = this.#next()
    if (token.split('*').length > WILDCARD_LIMIT + 1) throw wrong('it has too many wildcards')
    if (token.startsWith("'")) return token.slice(1, -1).replaceAll("''", "'")
    if (/^[0-9a-f-]{36}$/i.test(token)) return token
    throw wrong(`near '${token}'`)
  }

  #readAttribute(): string {
    const token = this.#next()
    if (/^@(request|resource|principal)\[/i.test(token)) return token.toLowerCase()
    throw wrong(`near '${token}'`)
  }

  #next(): string {
    const token = this.#tokens[this.#at]
    if (token === undefined) throw wrong('it ends too early')
    this.#at += 1
    return token
  }

  #take(...words: readonly string[]): boolean {
    const token = this.#tokens[this.#at]?.toLowerCase()
    if (token === undefined || !words.includes(token)) return false
    this.#at += 1
    return true
  }

  #expect(token: string): void {
    if (!this.#take(token)) throw wrong(`'${token}' is missing`)
  }
}

function wrong(what: string): Fault<'InvalidCondition'> {
  return new Fault('InvalidCondition', `The condition cannot be read: ${what}.`)
}

/** What is known of a vault's object from a scope: `@Resource` and, for new values, `@Request`. */
export function attributesOfScope(scope: string): Map<string, string> {
  const [, vault, kind, name] =
    /\/providers\/Microsoft\.KeyVault\/vaults\/([^/]+)(?:\/([^/]+)\/([^/]+))?/i.exec(scope) ?? []
  const attributes = new Map<string, string>()
  if (vault !== undefined) attributes.set('@resource[microsoft.keyvault/vaults:name]', vault)
  if (kind?.toLowerCase() === 'secrets' && name !== undefined) {
    attributes.set('@resource[microsoft.keyvault/vaults/secrets:name]', name)
    attributes.set('@request[microsoft.keyvault/vaults/secrets:name]', name)
  }
  return attributes
}

/** What is known of a role assignment that is written (`@Request`) or removed (`@Resource`). */
export function attributesOfAssignment(
  verb: 'write' | 'delete',
  assignment: {
    readonly roleId: string
    readonly principalId: string
    readonly principalType: string | undefined
  },
): Map<string, string> {
  const source = verb === 'write' ? '@request' : '@resource'
  const name = (member: string) => `${source}[microsoft.authorization/roleassignments:${member}]`
  const attributes = new Map([
    [name('roledefinitionid'), assignment.roleId],
    [name('principalid'), assignment.principalId],
  ])
  if (assignment.principalType !== undefined) {
    attributes.set(name('principaltype'), assignment.principalType)
  }
  return attributes
}
