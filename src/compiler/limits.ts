/** What a compilation may cost; beyond a bound it ends with a diagnostic. */
export interface CompileLimits {
  /** Characters of one file. */
  readonly fileCharacters: number
  /** Nested mappings and sequences in one file. */
  readonly depth: number
  /** Scalars, mappings and sequences of one file. */
  readonly nodes: number
  /** YAML files of one pipeline, the root included (facts: 100). */
  readonly files: number
  /** Templates inside templates. */
  readonly includeDepth: number
  /** Tokens that expansion may make and loop rounds it may take. */
  readonly events: number
  /** Characters of text that expansion may make (facts: 20 MB of memory). */
  readonly expandedCharacters: number
  /** Characters of one expression (facts: 21 000). */
  readonly expressionCharacters: number
  /** Diagnostics that are kept; the rest are counted in one closing line. */
  readonly diagnostics: number
}

/** The service's documented limits, and ours where it names none. */
export const defaultLimits: CompileLimits = {
  fileCharacters: 2_000_000,
  depth: 100,
  nodes: 500_000,
  files: 100,
  includeDepth: 100,
  events: 10_000_000,
  expandedCharacters: 50_000_000,
  expressionCharacters: 21_000,
  diagnostics: 1000,
}
