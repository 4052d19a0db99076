/** A place in a pipeline file: offsets into its text, made human once, at the end. */
export interface Span {
  /** The file's path inside its repository, for example `azure-pipelines.yml`; `@alias` when not self. */
  readonly file: string
  /** Offset of the first character, counted in UTF-16 units from 0. */
  readonly start: number
  /** Offset behind the last character. */
  readonly end: number
}

/** The human form of a span: lines and columns count from 1. */
export interface Place {
  readonly file: string
  readonly line: number
  readonly column: number
  readonly endLine: number
  readonly endColumn: number
}

export type Severity = 'error' | 'warning'

/** What is wrong with pipeline text. Collected, never thrown. */
export interface Diagnostic {
  /** A stable kebab-case word, for example `unexpected-key`, that tools can match on. */
  readonly code: string
  readonly severity: Severity
  /** The service's own text first, where it is known. */
  readonly message: string
  /** What to do next: a near name, the phase in which a name exists, the right path. */
  readonly hint?: string
  readonly place: Place
}
