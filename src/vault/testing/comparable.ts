import type { Answer } from './test-vault.ts'

/** Members whose values are random, or made from random ones. */
const RANDOM = new Set(['n', 'x', 'y', 'k', 'cer', 'csr', 'x5t', 'request_id', 'serial'])

/**
 * Makes the answers of two vaults comparable: versions become numbers in the order in which they
 * appeared, and random content becomes a word.
 */
export class Comparable {
  readonly #versions = new Map<string, string>()

  of({ status, body }: Answer): unknown {
    return { status, body: this.#strip(body, '') }
  }

  #strip(value: unknown, name: string): unknown {
    if (Array.isArray(value)) return value.map((item) => this.#strip(item, name))
    if (typeof value === 'object' && value !== null) {
      return Object.fromEntries(
        Object.entries(value).map(([key, member]) => [key, this.#strip(member, key)]),
      )
    }
    if (typeof value !== 'string') return value
    if (RANDOM.has(name)) return `(${name})`
    // Backups, signatures and the private halves of certificates.
    if (name === 'value' && value.length > 80) return '(value)'
    return value
      .replace(/skiptoken=[\w-]+/, 'skiptoken=')
      .replace(/[0-9a-f]{32}/g, (version) => this.#numberOf(version))
  }

  #numberOf(version: string): string {
    const known = this.#versions.get(version) ?? `#${this.#versions.size + 1}`
    this.#versions.set(version, known)
    return known
  }
}
