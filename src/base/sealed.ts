const inspectCustom = Symbol.for('nodejs.util.inspect.custom')

/**
 * The only carrier of a secret in memory. It prints `***`, JSON-serialises to `***`, and must be
 * opened explicitly, so that a value cannot reach a log or a message by accident.
 */
export class Sealed<T = string> {
  readonly #value: T

  constructor(value: T) {
    this.#value = value
  }

  /** The secret itself. Call it as late as possible and never store what it returns. */
  open(): T {
    return this.#value
  }

  toString(): string {
    return '***'
  }

  toJSON(): string {
    return '***'
  }

  [inspectCustom](): string {
    return '***'
  }
}
