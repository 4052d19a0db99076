import { DateTime } from './date-time.ts'
import { foldCase } from './text.ts'
import { Version } from './version.ts'

/** What an expression can be: the kinds are Null, Boolean, Number, String and four classes. */
export type Value = null | boolean | number | string | Version | DateTime | ArrayValue | ObjectValue

/** The kinds by the names that messages and traces use. */
export type Kind =
  | 'Null'
  | 'Boolean'
  | 'Number'
  | 'String'
  | 'Version'
  | 'DateTime'
  | 'Array'
  | 'Object'

/** The kind of a value. */
export function kindOf(value: Value): Kind {
  if (value === null) return 'Null'
  if (typeof value === 'string') return 'String'
  if (typeof value === 'boolean') return 'Boolean'
  if (typeof value === 'number') return 'Number'
  if (value instanceof ArrayValue) return 'Array'
  if (value instanceof ObjectValue) return 'Object'
  return value instanceof Version ? 'Version' : 'DateTime'
}

/** A list. `source` may hold plain JSON, which becomes values when it is read; it must not change. */
export class ArrayValue {
  readonly source: readonly unknown[]
  /** True for what `.*` gave: the next step then applies to every item instead of the list. */
  readonly filtered: boolean
  readonly #children = new Map<number, Value>()

  constructor(source: readonly unknown[], filtered = false) {
    this.source = source
    this.filtered = filtered
  }

  get length(): number {
    return this.source.length
  }

  /** The item at `index`, a whole number; Null outside the list. */
  item(index: number): Value {
    return readChild(this.#children, index, this.source[index])
  }

  items(): Value[] {
    return this.source.map((_, index) => this.item(index))
  }
}

/**
 * A mapping. Names compare without case and keep their spelling and, in a Map, their order (an object
 * puts whole numbers first). `source` may hold plain JSON, as in a list; it must not change.
 */
export class ObjectValue {
  readonly source: Readonly<Record<string, unknown>> | ReadonlyMap<string, unknown>
  readonly #children = new Map<string, Value>()
  #spellings: Map<string, string> | undefined

  constructor(source: Readonly<Record<string, unknown>> | ReadonlyMap<string, unknown>) {
    this.source = source
  }

  get size(): number {
    return this.source instanceof Map ? this.source.size : this.keys().length
  }

  /** The names as they were written, in order. */
  keys(): string[] {
    return this.source instanceof Map ? [...this.source.keys()] : Object.keys(this.source)
  }

  /** The spelling of a member's name: the exact one first, else the first that differs in case. */
  find(key: string): string | undefined {
    if (this.source instanceof Map ? this.source.has(key) : Object.hasOwn(this.source, key)) {
      return key
    }
    if (!this.#spellings) {
      this.#spellings = new Map()
      for (const name of this.keys()) {
        const folded = foldCase(name)
        if (!this.#spellings.has(folded)) this.#spellings.set(folded, name)
      }
    }
    return this.#spellings.get(foldCase(key))
  }

  /** The member named `key` in any case; undefined when there is none. */
  member(key: string): Value | undefined {
    const name = this.find(key)
    if (name === undefined) return undefined
    const { source } = this
    const json = source instanceof Map ? source.get(name) : Reflect.get(source, name)
    return readChild(this.#children, name, json)
  }

  /** Names and values in order. */
  entries(): [string, Value][] {
    return this.keys().map((key) => [key, this.member(key) ?? null])
  }
}

/** Lists and mappings are wrapped once, so that what they have learnt of their names is kept. */
function readChild<Key>(children: Map<Key, Value>, key: Key, json: unknown): Value {
  const known = children.get(key)
  if (known !== undefined) return known
  const value = fromJson(json)
  if (value instanceof ArrayValue || value instanceof ObjectValue) children.set(key, value)
  return value
}

/**
 * Wraps JSON without copying: members become values when they are read. Values, also inside arrays
 * and objects, pass as they are; a Map is a mapping; `undefined` and what JSON cannot hold is Null.
 */
export function fromJson(json: unknown): Value {
  if (typeof json === 'string' || typeof json === 'number' || typeof json === 'boolean') return json
  if (typeof json === 'bigint') return Number(json)
  if (typeof json !== 'object' || json === null) return null
  if (json instanceof ArrayValue || json instanceof ObjectValue) return json
  if (json instanceof Version || json instanceof DateTime) return json
  if (Array.isArray(json)) return new ArrayValue(json)
  return new ObjectValue(json as Readonly<Record<string, unknown>> | ReadonlyMap<string, unknown>)
}

/** Plain JSON of a value: a deep copy; versions and moments become their text. */
export function toJson(value: Value): unknown {
  if (value instanceof ArrayValue) return value.items().map(toJson)
  if (value instanceof ObjectValue) {
    return Object.fromEntries(value.entries().map(([name, member]) => [name, toJson(member)]))
  }
  return value instanceof Version || value instanceof DateTime ? value.toString() : value
}

/** How many items or members a list or mapping has; undefined for any other kind. */
export function sizeOf(value: Value): number | undefined {
  if (value instanceof ArrayValue) return value.length
  return value instanceof ObjectValue ? value.size : undefined
}

/** The items of a list or the values of a mapping; undefined for any other kind. */
export function childrenOf(value: Value): Value[] | undefined {
  if (value instanceof ArrayValue) return value.items()
  return value instanceof ObjectValue ? value.entries().map(([, member]) => member) : undefined
}
