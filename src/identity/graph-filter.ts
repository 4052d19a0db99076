import { Fault } from '../base/fault.ts'
import { isObject, type JsonObject } from '../base/json.ts'

type Test = (item: JsonObject) => boolean
type Literal = string | number | boolean | null

/** Longer filters are refused, deeper ones too: both bound the time a filter takes. */
const LENGTH_LIMIT = 8192
const DEPTH_LIMIT = 50
const TOKEN = /\s*(?:('(?:[^']|'')*')|([A-Za-z_][\w.]*)|(-?\d+)|([(),:/]))/y

/**
 * Compiles an OData `$filter`: `eq`, `ne`, `in`, `startswith()`, `any(x:x eq …)`, `and`, `or`,
 * `not` and parentheses. Text compares without case, as the directory does.
 *
 * @throws Fault `GraphQueryWrong` for anything else
 */
export function compileFilter(filter: string): Test {
  if (filter.length > LENGTH_LIMIT) throw unsupported()
  const parser = new FilterParser(tokenize(filter))
  const test = parser.readOr(0)
  parser.expectEnd()
  return test
}

function tokenize(filter: string): string[] {
  const tokens: string[] = []
  const pattern = new RegExp(TOKEN)
  const text = filter.trimEnd()
  while (pattern.lastIndex < text.length) {
    const match = pattern.exec(text)
    if (!match) throw unsupported()
    tokens.push(match[1] ?? match[2] ?? match[3] ?? match[4] ?? '')
  }
  return tokens
}

class FilterParser {
  readonly #tokens: readonly string[]
  #at = 0

  constructor(tokens: readonly string[]) {
    this.#tokens = tokens
  }

  readOr(depth: number): Test {
    const parts = [this.#readAnd(depth)]
    while (this.#takeWord('or')) parts.push(this.#readAnd(depth))
    return (item) => parts.some((part) => part(item))
  }

  expectEnd(): void {
    if (this.#at < this.#tokens.length) throw unsupported()
  }

  #readAnd(depth: number): Test {
    const parts = [this.#readTerm(depth)]
    while (this.#takeWord('and')) parts.push(this.#readTerm(depth))
    return (item) => parts.every((part) => part(item))
  }

  #readTerm(depth: number): Test {
    if (depth > DEPTH_LIMIT) throw unsupported()
    if (this.#takeWord('not')) {
      const test = this.#readTerm(depth + 1)
      return (item) => !test(item)
    }
    if (this.#take('(')) {
      const test = this.readOr(depth + 1)
      this.#expect(')')
      return test
    }
    if (this.#takeWord('startswith')) return this.#readStartsWith()
    return this.#readComparison()
  }

  #readStartsWith(): Test {
    this.#expect('(')
    const read = this.#readPath()
    this.#expect(',')
    const prefix = String(this.#readLiteral()).toLowerCase()
    this.#expect(')')
    return (item) => {
      const value = read(item)
      return typeof value === 'string' && value.toLowerCase().startsWith(prefix)
    }
  }

  #readComparison(): Test {
    const read = this.#readPath()
    if (this.#takeWord('any')) return this.#readAny(read)
    if (this.#takeWord('in')) return this.#readIn(read)
    if (this.#takeWord('eq')) {
      const wanted = this.#readLiteral()
      return (item) => isSame(read(item), wanted)
    }
    if (this.#takeWord('ne')) {
      const wanted = this.#readLiteral()
      return (item) => !isSame(read(item), wanted)
    }
    throw unsupported()
  }

  #readAny(read: (item: JsonObject) => unknown): Test {
    this.#expect('(')
    const name = this.#next()
    this.#expect(':')
    if (this.#next() !== name || !this.#takeWord('eq')) throw unsupported()
    const wanted = this.#readLiteral()
    this.#expect(')')
    return (item) => {
      const list = read(item)
      return Array.isArray(list) && list.some((value) => isSame(value, wanted))
    }
  }

  #readIn(read: (item: JsonObject) => unknown): Test {
    this.#expect('(')
    const wanted = [this.#readLiteral()]
    while (this.#take(',')) wanted.push(this.#readLiteral())
    this.#expect(')')
    return (item) => wanted.some((one) => isSame(read(item), one))
  }

  /** `a/b`; a last `/any` is left for the caller. */
  #readPath(): (item: JsonObject) => unknown {
    const names = [this.#readName()]
    while (this.#take('/')) {
      if (this.#tokens[this.#at]?.toLowerCase() === 'any') break
      names.push(this.#readName())
    }
    return (item) =>
      names.reduce<unknown>((at, name) => (isObject(at) ? at[name] : undefined), item)
  }

  #readName(): string {
    const name = this.#next()
    if (!/^[A-Za-z_]/.test(name)) throw unsupported()
    return name
  }

  #readLiteral(): Literal {
    const token = this.#next()
    if (token.startsWith("'")) return token.slice(1, -1).replaceAll("''", "'")
    if (/^-?\d+$/.test(token)) return Number(token)
    const word = token.toLowerCase()
    if (word === 'null') return null
    if (word === 'true' || word === 'false') return word === 'true'
    throw unsupported()
  }

  #next(): string {
    const token = this.#tokens[this.#at]
    if (token === undefined) throw unsupported()
    this.#at += 1
    return token
  }

  #take(token: string): boolean {
    if (this.#tokens[this.#at] !== token) return false
    this.#at += 1
    return true
  }

  #takeWord(word: string): boolean {
    if (this.#tokens[this.#at]?.toLowerCase() !== word) return false
    this.#at += 1
    return true
  }

  #expect(token: string): void {
    if (!this.#take(token)) throw unsupported()
  }
}

function isSame(value: unknown, wanted: Literal): boolean {
  if (typeof value === 'string' && typeof wanted === 'string') {
    return value.toLowerCase() === wanted.toLowerCase()
  }
  return (value ?? null) === wanted
}

function unsupported(): Fault<'GraphQueryWrong'> {
  return new Fault('GraphQueryWrong', 'Unsupported or invalid query filter clause specified.')
}
