import { Sealed } from '../../base/sealed.ts'
import { replaceMacros } from './macros.ts'

const MAX_DEPTH = 50
/** Macros that double each other must not fill the memory. */
const MAX_EXPANDED_LENGTH = 10_000_000

export interface SetOptions {
  readonly isSecret?: boolean
  readonly isReadOnly?: boolean
  /** The job hands it to later jobs. */
  readonly isOutput?: boolean
  /** The environment name keeps the case of the variable's. */
  readonly preserveCase?: boolean
}

interface Entry {
  readonly name: string
  /** Undefined: a secret that nobody has fetched yet. */
  readonly raw: string | Sealed | undefined
  readonly isSecret: boolean
  readonly isReadOnly: boolean
  readonly isOutput: boolean
  readonly preserveCase: boolean
}

/** A variable whose macros are resolved. */
export interface ResolvedVariable {
  readonly name: string
  readonly value: Sealed
  readonly isSecret: boolean
  /** False for a secret that nobody has fetched yet; its value is then empty. */
  readonly hasValue: boolean
  readonly preserveCase: boolean
}

interface Expansion {
  readonly value: string
  readonly isSecret: boolean
  readonly depth: number
}

class Unexpandable extends Error {}

function open(value: string | Sealed | undefined): string {
  return value instanceof Sealed ? value.open() : (value ?? '')
}

/**
 * The variables of one running job. Names compare without case; values may use other variables;
 * what was secret once stays secret, and what uses a secret is one. `onSecret` is told every secret
 * value before anybody can read it.
 */
export class VariableStore {
  readonly #entries = new Map<string, Entry>()
  readonly #onSecret: (value: Sealed) => void
  readonly #expanded = new Map<string, Expansion>()

  constructor(onSecret: (value: Sealed) => void) {
    this.#onSecret = onSecret
  }

  set(name: string, value: string | Sealed | undefined, options: SetOptions = {}): void {
    const key = name.toLowerCase()
    const former = this.#entries.get(key)
    const isSecret = value instanceof Sealed || options.isSecret === true || !!former?.isSecret
    const raw = isSecret && typeof value === 'string' ? new Sealed(value) : value
    if (raw instanceof Sealed) this.#onSecret(raw)
    this.#entries.set(key, {
      name: former?.name ?? name,
      raw,
      isSecret,
      isReadOnly: options.isReadOnly === true || !!former?.isReadOnly,
      isOutput: options.isOutput === true || !!former?.isOutput,
      preserveCase: options.preserveCase ?? former?.preserveCase ?? false,
    })
    this.#expanded.clear()
  }

  isReadOnly(name: string): boolean {
    return this.#entries.get(name.toLowerCase())?.isReadOnly ?? false
  }

  find(name: string): ResolvedVariable | undefined {
    const key = name.toLowerCase()
    const entry = this.#entries.get(key)
    return entry && this.#resolve(key, entry)
  }

  /** The resolved text, or undefined when there is no such variable; it may be a secret. */
  text(name: string): string | undefined {
    return this.find(name)?.value.open()
  }

  isTrue(name: string): boolean {
    return this.text(name)?.trim().toLowerCase() === 'true'
  }

  /** Every variable, resolved. */
  all(): readonly ResolvedVariable[] {
    return [...this.#entries].map(([key, entry]) => this.#resolve(key, entry))
  }

  /** The variables that later jobs may read, as `stepRef.name`. */
  outputs(): { name: string; value: string | Sealed }[] {
    return [...this.#entries.values()]
      .filter((entry) => entry.isOutput)
      .map(({ name, isSecret }) => {
        const text = this.text(name) ?? ''
        return { name, value: isSecret ? new Sealed(text) : text }
      })
  }

  /** Resolves every variable anew and tells what could not be. */
  resolveAll(): readonly string[] {
    const warnings: string[] = []
    for (const [key, entry] of this.#entries) this.#resolve(key, entry, warnings)
    return warnings
  }

  #resolve(key: string, entry: Entry, warnings: string[] = []): ResolvedVariable {
    const expansion = this.#expandRoot(key, entry, warnings)
    const value = new Sealed(expansion.value)
    // The value as given was registered when it was set.
    if (expansion.isSecret && expansion.value !== open(entry.raw)) this.#onSecret(value)
    return {
      name: entry.name,
      value,
      isSecret: expansion.isSecret,
      hasValue: entry.raw !== undefined,
      preserveCase: entry.preserveCase,
    }
  }

  #expandRoot(key: string, entry: Entry, warnings: string[]): Expansion {
    try {
      return this.#expand(key, entry, new Set())
    } catch (error) {
      if (!(error instanceof Unexpandable)) throw error
      warnings.push(`Unable to expand variable '${entry.name}'. ${error.message}`)
      return { value: open(entry.raw), isSecret: entry.isSecret, depth: 0 }
    }
  }

  #expand(key: string, entry: Entry, path: Set<string>): Expansion {
    const known = this.#expanded.get(key)
    if (known) return known
    let isSecret = entry.isSecret
    let depth = 0
    path.add(key)
    const value = replaceMacros(open(entry.raw), (name) => {
      const innerKey = name.toLowerCase()
      const inner = this.#entries.get(innerKey)
      if (!inner) return undefined
      if (path.has(innerKey)) throw new Unexpandable('A cyclical reference was detected.')
      if (path.size > MAX_DEPTH) throw tooDeep()
      const expansion = this.#expand(innerKey, inner, path)
      isSecret ||= expansion.isSecret
      depth = Math.max(depth, expansion.depth + 1)
      return expansion.value
    })
    path.delete(key)
    if (depth > MAX_DEPTH) throw tooDeep()
    if (value.length > MAX_EXPANDED_LENGTH) throw new Unexpandable('The result is too large.')
    const expansion = { value, isSecret, depth }
    this.#expanded.set(key, expansion)
    return expansion
  }
}

function tooDeep(): Unexpandable {
  return new Unexpandable(`The max expansion depth (${MAX_DEPTH}) was exceeded.`)
}
