import { DatabaseSync, type StatementSync } from 'node:sqlite'
import type { Runner } from './dialect.ts'

type Bound = null | number | bigint | string | Uint8Array

/** One open SQLite file. Statements are prepared once and kept. */
export class SqliteConnection implements Runner {
  readonly raw: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()

  constructor(file: string, busyTimeoutMs: number) {
    this.raw = new DatabaseSync(file, { timeout: busyTimeoutMs })
    this.raw.exec('pragma foreign_keys = on')
  }

  /** Runs SQL with bound values; `rows` is empty for a statement that returns none. */
  async query(
    sql: string,
    parameters: readonly unknown[],
  ): Promise<{ rows: unknown[]; changes: number }> {
    const statement = this.#prepare(sql)
    const bound = parameters.map(toBound)
    if (statement.columns().length > 0) return { rows: statement.all(...bound), changes: 0 }
    return { rows: [], changes: Number(statement.run(...bound).changes) }
  }

  /** Runs SQL whose kind is known, without asking for its columns: the hot paths' way. */
  all(sql: string, parameters: readonly unknown[]): unknown[] {
    return this.#prepare(sql).all(...parameters.map(toBound))
  }

  change(sql: string, parameters: readonly unknown[]): void {
    this.#prepare(sql).run(...parameters.map(toBound))
  }

  close(): void {
    this.#statements.clear()
    if (this.raw.isOpen) this.raw.close()
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql)
    if (!statement) {
      statement = this.raw.prepare(sql)
      if (this.#statements.size >= 500) this.#statements.clear()
      this.#statements.set(sql, statement)
    }
    return statement
  }
}

function toBound(value: unknown): Bound {
  if (typeof value === 'boolean') return value ? 1 : 0
  return (value ?? null) as Bound
}
