import { ObjectValue, type Value } from '../expressions/index.ts'

/**
 * The variables that template expressions see at one level: root, stage or job. Names compare
 * without case; an inner level shadows an outer one; entries become visible as they are set.
 */
export class VariableScope extends ObjectValue {
  readonly #own = new Map<string, { readonly name: string; readonly value: string }>()
  readonly #outer: VariableScope | undefined
  #group: string | undefined

  constructor(outer?: VariableScope) {
    super(new Map())
    this.#outer = outer
  }

  /** Sets a variable of this level. */
  set(name: string, value: string): void {
    this.#own.set(name.toLowerCase(), { name, value })
  }

  /** Notes that a variable group is listed here; its variables are not known at compile time. */
  addGroup(name: string): void {
    this.#group ??= name
  }

  /** A variable group of this level or an outer one; undefined when there is none. */
  get group(): string | undefined {
    return this.#group ?? this.#outer?.group
  }

  override get size(): number {
    return this.keys().length
  }

  override find(key: string): string | undefined {
    return this.#own.get(key.toLowerCase())?.name ?? this.#outer?.find(key)
  }

  override member(key: string): Value | undefined {
    return this.#own.get(key.toLowerCase())?.value ?? this.#outer?.member(key)
  }

  override keys(): string[] {
    const outer = (this.#outer?.keys() ?? []).filter((name) => !this.#own.has(name.toLowerCase()))
    return [...outer, ...[...this.#own.values()].map(({ name }) => name)]
  }
}
