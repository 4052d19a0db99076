import type { Sealed } from '../base/sealed.ts'
import { keyIdOf } from './aead.ts'
import type { Database } from './database.ts'
import { kysely } from './kysely.ts'
import type { ScopeSealer } from './sealing.ts'

/** A row as the database holds it. */
export type SealedRow = Readonly<Record<string, unknown>>

/**
 * A column whose values are sealed. Each room lists its own in `sealedColumns`, so that a new data key
 * reaches every value; a test looks for columns that were forgotten.
 */
export interface SealedColumn {
  readonly table: string
  readonly column: string
  /** The columns that name a row. */
  readonly key: readonly string[]
  /** Other columns that `place` reads; those of `owner` are read beside them. */
  readonly reads?: readonly string[]
  /** The row of another table that this one belongs to: `column` here holds its `key`. */
  readonly owner?: {
    readonly table: string
    readonly column: string
    readonly key: string
    readonly reads: readonly string[]
  }
  /** The scope of all values, or `prefix` before what a column says. */
  readonly scope: string | { readonly prefix: string; readonly column: string }
  /** What a value is sealed to, as whoever seals it says it. */
  place(row: SealedRow): string
  /** Where the value is not the column itself: how it is read from it, and put into it. */
  readonly inside?: {
    get(value: unknown): Uint8Array
    put(value: unknown, sealed: Uint8Array): unknown
  }
}

/** A stored value and all that it takes to seal it anew. */
export interface StoredValue {
  readonly column: SealedColumn
  readonly row: SealedRow
  readonly scope: string
  readonly sealed: Uint8Array
}

/** Rows read at once: some hundred KiB, and some ms of the reader. */
const BATCH = 200

/** Every sealed value of a column, or of one scope, in batches; what is written meanwhile may be missed. */
export async function* storedValues(
  database: Database<unknown>,
  column: SealedColumn,
  onlyScope?: string,
): AsyncGenerator<readonly StoredValue[]> {
  if (!mayHold(column, onlyScope)) return
  let after: readonly unknown[] | undefined
  for (;;) {
    const rows = await readBatch(database, column, { onlyScope, after })
    const last = rows.at(-1)
    if (!last) return
    yield rows.flatMap((row) => {
      const value = row[column.column]
      const sealed = column.inside ? column.inside.get(value) : (value as Uint8Array)
      // A value may be none any more: a job that has ended keeps an empty body.
      return sealed.length === 0 ? [] : [{ column, row, scope: scopeOf(column, row), sealed }]
    })
    if (rows.length < BATCH) return
    after = column.key.map((name) => last[name])
  }
}

/** The value sealed with the scope's present key; undefined when it is already. @throws Fault `SealBroken` */
export function sealAnew(
  sealer: ScopeSealer,
  keyId: string,
  { column, row, sealed }: StoredValue,
): Uint8Array | undefined {
  if (keyIdOf(sealed) === keyId) return undefined
  const place = column.place(row)
  const value: Sealed<Buffer> = sealer.openBytes(place, sealed)
  return sealer.seal(place, value.open())
}

/** Puts newly sealed bytes in the place of the old ones, where these still stand. Gives how many. */
export async function replaceValues(
  db: Database<unknown>,
  values: readonly { readonly stored: StoredValue; readonly sealed: Uint8Array }[],
): Promise<number> {
  if (values.length === 0) return 0
  const { sql } = kysely()
  return db.write(async ({ query }) => {
    let replaced = 0
    for (const { stored, sealed } of values) {
      const { column, row } = stored
      const old = row[column.column]
      const next = column.inside ? column.inside.put(old, sealed) : sealed
      const where = [...column.key.map((name) => [name, row[name]]), [column.column, old]].map(
        ([name, value]) => sql`${sql.ref(String(name))} = ${value}`,
      )
      const result = await sql`
        update ${sql.table(column.table)} set ${sql.ref(column.column)} = ${next}
        where ${sql.join(where, sql` and `)}`.execute(query)
      replaced += Number(result.numAffectedRows ?? 0n)
    }
    return replaced
  })
}

async function readBatch(
  database: Database<unknown>,
  column: SealedColumn,
  which: { readonly onlyScope: string | undefined; readonly after: readonly unknown[] | undefined },
): Promise<SealedRow[]> {
  const { sql } = kysely()
  const { owner, scope } = column
  const own = new Set([...column.key, ...(column.reads ?? []), column.column])
  if (owner) own.add(owner.column)
  const columns = [
    ...[...own].map((name) => sql`t.${sql.ref(name)}`),
    ...(owner?.reads ?? []).map((name) => sql`o.${sql.ref(name)}`),
  ]
  const keys = sql.join(column.key.map((name) => sql`t.${sql.ref(name)}`))
  const where = [sql`t.${sql.ref(column.column)} is not null`]
  if (which.after) where.push(sql`(${keys}) > (${sql.join([...which.after])})`)
  if (typeof scope !== 'string' && which.onlyScope !== undefined) {
    const side = owner?.reads.includes(scope.column) ? sql`o` : sql`t`
    const id = which.onlyScope.slice(scope.prefix.length)
    where.push(sql`${side}.${sql.ref(scope.column)} = ${id}`)
  }
  const join = owner
    ? sql`join ${sql.table(owner.table)} as o on o.${sql.ref(owner.key)} = t.${sql.ref(owner.column)}`
    : sql``
  const { rows } = await sql<SealedRow>`
    select ${sql.join(columns)} from ${sql.table(column.table)} as t ${join}
    where ${sql.join(where, sql` and `)} order by ${keys} limit ${sql.lit(BATCH)}`.execute(
    database.query,
  )
  return rows
}

function mayHold({ scope }: SealedColumn, onlyScope: string | undefined): boolean {
  if (onlyScope === undefined) return true
  return typeof scope === 'string' ? scope === onlyScope : onlyScope.startsWith(scope.prefix)
}

function scopeOf({ scope }: SealedColumn, row: SealedRow): string {
  return typeof scope === 'string' ? scope : `${scope.prefix}${String(row[scope.column])}`
}
