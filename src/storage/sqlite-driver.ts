import { DatabaseSync, type StatementSync } from 'node:sqlite'
import type { CompiledQuery, DatabaseConnection, Dialect, Driver, QueryResult } from 'kysely'
import { kysely } from './kysely.ts'

type Bound = null | number | bigint | string | Uint8Array

/** One open SQLite file. Statements are prepared once and kept. */
export class SqliteConnection implements DatabaseConnection {
  readonly raw: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()

  constructor(file: string, busyTimeoutMs: number) {
    this.raw = new DatabaseSync(file, { timeout: busyTimeoutMs })
    this.raw.exec('pragma foreign_keys = on')
  }

  /** Runs SQL with bound values; `rows` is empty for a statement that returns none. */
  run(sql: string, parameters: readonly unknown[]): { rows: unknown[]; changes: bigint } {
    const statement = this.#prepare(sql)
    const bound = parameters.map(toBound)
    if (statement.columns().length > 0) return { rows: statement.all(...bound), changes: 0n }
    const { changes } = statement.run(...bound)
    return { rows: [], changes: BigInt(changes) }
  }

  /** Runs SQL whose kind is known, without asking for its columns: the hot paths' way. */
  all(sql: string, parameters: readonly unknown[]): unknown[] {
    return this.#prepare(sql).all(...parameters.map(toBound))
  }

  change(sql: string, parameters: readonly unknown[]): void {
    this.#prepare(sql).run(...parameters.map(toBound))
  }

  executeQuery<Row>(query: CompiledQuery): Promise<QueryResult<Row>> {
    try {
      const { rows, changes } = this.run(query.sql, query.parameters)
      return Promise.resolve({ rows: rows as Row[], numAffectedRows: changes })
    } catch (error) {
      return Promise.reject(error)
    }
  }

  // biome-ignore lint/correctness/useYield: SQLite rows are never streamed; Kysely asks for the method.
  async *streamQuery<Row>(): AsyncIterableIterator<QueryResult<Row>> {
    throw new Error('Rows are read page by page, not streamed.')
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

/** A Kysely dialect over one connection; transactions are the database's own matter. */
export function sqliteDialect(connection: SqliteConnection): Dialect {
  const { SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } = kysely()
  return {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new SingleConnectionDriver(connection),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  }
}

class SingleConnectionDriver implements Driver {
  readonly #connection: SqliteConnection

  constructor(connection: SqliteConnection) {
    this.#connection = connection
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<DatabaseConnection> {
    return this.#connection
  }

  async beginTransaction(): Promise<void> {
    throw new Error('Use Database.write: it groups commits.')
  }

  async commitTransaction(): Promise<void> {}

  async rollbackTransaction(): Promise<void> {}

  async releaseConnection(): Promise<void> {}

  async destroy(): Promise<void> {}
}
