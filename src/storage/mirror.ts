import type { Kysely } from 'kysely'
import type { Database, Statement, Transaction } from './database.ts'

/** A row as the database holds it. */
type RawRow = Record<string, unknown>
type AnyTables = Record<string, RawRow>

/** How the items of one small table are stored. The key column is the table's primary key. */
export interface MirrorTable<Item> {
  readonly table: string
  readonly keyColumn: string
  keyOf(item: Item): string
  toRow(item: Item): RawRow
  fromRow(row: never): Item
}

/** Items of a mirror under a second key; kept up to date with it. */
export interface MirrorIndex<Item> {
  /** Empty when no item has this key. The order is the one in which the items came. */
  list(key: string): readonly Item[]
}

/** What work inside `Mirrors.write` may do. Its reads see the database, not the copy. */
export interface Changes {
  /** The write itself, for rows of other rooms that must come with it. */
  readonly tx: Transaction<never>
  find<Item>(mirror: Mirror<Item>, key: string): Promise<Item | undefined>
  /** Items whose column has this value. */
  list<Item>(mirror: Mirror<Item>, column: string, value: string): Promise<Item[]>
  /** Items whose column is `path` or begins with `path` and a slash. */
  listBelow<Item>(mirror: Mirror<Item>, column: string, path: string): Promise<Item[]>
  /** Adds the item, or replaces the one with its key. */
  put<Item>(mirror: Mirror<Item>, item: NoInfer<Item>): Promise<void>
  remove<Item>(mirror: Mirror<Item>, key: string): Promise<void>
  /** Runs `work` when the write is durable, after the mirrors show it. It must not throw. */
  afterwards(work: () => void): void
}

/**
 * The whole of a small table in memory, for answers that cannot wait (who may do what). Reading is
 * synchronous; what another process wrote is seen at the next turn of the event loop (SQLite), or
 * as soon as the rows are read after the database told of it (an engine without `allNow`).
 */
export class Mirror<Item> {
  readonly table: MirrorTable<Item>
  readonly #refresh: () => void
  readonly #items = new Map<string, Item>()
  readonly #indexes: MapIndex<Item>[] = []
  #version = 0

  constructor(table: MirrorTable<Item>, refresh: () => void) {
    this.table = table
    this.#refresh = refresh
  }

  find(key: string): Item | undefined {
    this.#refresh()
    return this.#items.get(key)
  }

  list(): Item[] {
    this.#refresh()
    return [...this.#items.values()]
  }

  /** Grows with every change; what was derived from the items compares it. */
  version(): number {
    this.#refresh()
    return this.#version
  }

  /** Lists items by another key; an item whose `keyOf` is undefined is not in the index. */
  index(keyOf: (item: Item) => string | undefined): MirrorIndex<Item> {
    const index = new MapIndex(keyOf)
    for (const [key, item] of this.#items) index.put(key, item)
    this.#indexes.push(index)
    return {
      list: (key) => {
        this.#refresh()
        return index.list(key)
      },
    }
  }

  /** Replaces all items; only `Mirrors` calls it. */
  reload(rows: readonly RawRow[]): void {
    this.#items.clear()
    for (const index of this.#indexes) index.clear()
    for (const row of rows) this.apply(this.table.fromRow(row as never))
    this.#version += 1
  }

  /** Takes over a committed item; only `Mirrors` calls it. */
  apply(item: Item): void {
    const key = this.table.keyOf(item)
    this.drop(key)
    this.#items.set(key, item)
    for (const index of this.#indexes) index.put(key, item)
    this.#version += 1
  }

  /** Forgets a removed item; only `Mirrors` calls it. */
  drop(key: string): void {
    const item = this.#items.get(key)
    if (item === undefined) return
    this.#items.delete(key)
    for (const index of this.#indexes) index.remove(key, item)
    this.#version += 1
  }
}

class MapIndex<Item> {
  readonly #keyOf: (item: Item) => string | undefined
  readonly #buckets = new Map<string, Map<string, Item>>()
  readonly #lists = new Map<string, readonly Item[]>()

  constructor(keyOf: (item: Item) => string | undefined) {
    this.#keyOf = keyOf
  }

  list(key: string): readonly Item[] {
    const held = this.#lists.get(key)
    if (held) return held
    const bucket = this.#buckets.get(key)
    if (!bucket) return []
    const list = [...bucket.values()]
    this.#lists.set(key, list)
    return list
  }

  put(itemKey: string, item: Item): void {
    const key = this.#keyOf(item)
    if (key === undefined) return
    const bucket = this.#buckets.get(key) ?? new Map<string, Item>()
    this.#buckets.set(key, bucket.set(itemKey, item))
    this.#lists.delete(key)
  }

  remove(itemKey: string, item: Item): void {
    const key = this.#keyOf(item)
    if (key === undefined) return
    const bucket = this.#buckets.get(key)
    bucket?.delete(itemKey)
    if (bucket?.size === 0) this.#buckets.delete(key)
    this.#lists.delete(key)
  }

  clear(): void {
    this.#buckets.clear()
    this.#lists.clear()
  }
}

/** The mark of rows that must be read again: no database has it. */
const STALE = -1

/** The mirrors of one room: they are loaded, written and refreshed together. */
export class Mirrors {
  readonly #db: Database<AnyTables>
  readonly #mirrors: Mirror<unknown>[] = []
  #mark: number
  /** How many own writes were taken over. */
  #writes = 0
  #reloading: Promise<void> | undefined

  constructor(db: Database<unknown>) {
    this.#db = db as Database<AnyTables>
    this.#mark = db.changeMark()
    db.onForeignChange?.(() => this.#refresh())
  }

  /** Loads a table. Its rows stay in memory. */
  async open<Item>(table: MirrorTable<Item>): Promise<Mirror<Item>> {
    const mirror = new Mirror<Item>(table, () => this.#refresh())
    const mark = this.#db.changeMark()
    mirror.reload(await this.#db.all(allRows(table), undefined))
    this.#mirrors.push(mirror as Mirror<unknown>)
    // The other mirrors were read again meanwhile, and this one was not.
    if (mark < this.#mark) this.#mark = STALE
    return mirror
  }

  /**
   * As `Database.write`; the mirrors show the changes when the promise resolves, never
   * before, and with them all that others committed before this write.
   */
  async write<Result>(work: (changes: Changes) => Promise<Result> | Result): Promise<Result> {
    const done: (() => void)[] = []
    const later: (() => void)[] = []
    const mark = this.#mark
    const result = await this.#db.write(async (tx) => {
      done.length = 0
      later.length = 0
      return await work(changesOn(tx, done, later))
    })
    for (const apply of done) apply()
    this.#writes += 1
    // Rows that were read meanwhile may be newer than what was just put over them.
    if (mark !== this.#mark) {
      this.#mark = STALE
      this.#refresh()
    }
    if (!this.#db.allNow) {
      this.#refresh()
      // The first may have begun before this write.
      for (let pass = 0; pass < 2; pass += 1) await this.#reloading
    }
    for (const tell of later) tell()
    return result
  }

  /**
   * Shows all that other processes have committed; false when nothing was new. For what must not be
   * refused for want of news: PostgreSQL tells of a commit about a millisecond late.
   */
  async catchUp(): Promise<boolean> {
    const mark = this.#mark
    await this.#db.catchUp?.()
    this.#refresh()
    for (let pass = 0; pass < 2; pass += 1) await this.#reloading
    return mark !== this.#mark
  }

  #refresh(): void {
    const mark = this.#db.changeMark()
    if (mark === this.#mark) return
    if (!this.#db.allNow) {
      this.#reloading ??= this.#reloadOnce().then((isRead) => {
        this.#reloading = undefined
        // Others may commit without end: what was read shows, and the rest is read anew.
        if (isRead) this.#refresh()
      })
      return
    }
    this.#mark = mark
    for (const mirror of this.#mirrors) {
      mirror.reload(this.#db.allNow(allRows(mirror.table), undefined))
    }
  }

  /** Reads all rows once; false when that failed, and whoever reads next tries again. */
  async #reloadOnce(): Promise<boolean> {
    const [mark, writes] = [this.#db.changeMark(), this.#writes]
    const mirrors = [...this.#mirrors]
    const tables: RawRow[][] = []
    try {
      for (const { table } of mirrors) tables.push(await this.#db.all(allRows(table), undefined))
    } catch {
      return false
    }
    // Rows older than a write of this process must not undo it.
    if (writes !== this.#writes) return true
    this.#mark = mark
    for (const [at, mirror] of mirrors.entries()) mirror.reload(tables[at] ?? [])
    return true
  }
}

/** SQL by hand: a start loads every mirror, and needs no query builder for it. */
function allRows<Item>({ table, keyColumn }: MirrorTable<Item>): Statement<undefined, RawRow> {
  return { sql: `select * from "${table}" order by "${keyColumn}"`, bind: () => [] }
}

function changesOn(
  tx: Transaction<AnyTables>,
  done: (() => void)[],
  later: (() => void)[],
): Changes {
  const { query } = tx
  const select = (table: MirrorTable<unknown>, column: string, value: string) =>
    query.selectFrom(table.table).selectAll().where(column, '=', value).execute()
  return {
    tx: tx as Transaction<never>,
    afterwards: (work) => {
      later.push(work)
    },
    find: async ({ table }, key) => {
      const [row] = await select(table as never, table.keyColumn, key)
      return row && table.fromRow(row as never)
    },
    list: async ({ table }, column, value) =>
      (await select(table as never, column, value)).map((row) => table.fromRow(row as never)),
    listBelow: async ({ table }, column, path) => {
      // '0' is the character after '/', so that the index finds the range.
      const rows = await query
        .selectFrom(table.table)
        .selectAll()
        .where((where) =>
          where.or([
            where(column, '=', path),
            where.and([where(column, '>=', `${path}/`), where(column, '<', `${path}0`)]),
          ]),
        )
        .execute()
      return rows.map((row) => table.fromRow(row as never))
    },
    put: async (mirror, item) => {
      const { table } = mirror
      const row = table.toRow(item)
      await query
        .insertInto(table.table)
        .values(row)
        .onConflict((conflict) => conflict.column(table.keyColumn).doUpdateSet(row))
        .execute()
      done.push(() => mirror.apply(item))
    },
    remove: async (mirror, key) => {
      const { table } = mirror
      await query.deleteFrom(table.table).where(table.keyColumn, '=', key).execute()
      done.push(() => mirror.drop(key))
    },
  }
}

/**
 * A table whose rows are a key, the columns that SQL looks for, and the item as JSON. `columns`
 * names them with their values; they must exist in the table.
 */
export function documentTable<Item extends object>(layout: {
  readonly table: string
  readonly keyColumn: string
  keyOf(item: Item): string
  columns?(item: Item): Readonly<Record<string, string | number | null>>
}): MirrorTable<Item> {
  return {
    table: layout.table,
    keyColumn: layout.keyColumn,
    keyOf: layout.keyOf,
    toRow: (item) => ({
      [layout.keyColumn]: layout.keyOf(item),
      ...layout.columns?.(item),
      body: JSON.stringify(item),
    }),
    fromRow: (row: never) => JSON.parse((row as { body: string }).body) as Item,
  }
}

/** Creates the table of a `documentTable`; columns are indexed, entries of `unique` uniquely. */
export async function createDocumentTable(
  query: Kysely<unknown>,
  table: string,
  layout: {
    readonly key: string
    readonly columns?: readonly string[]
    readonly unique?: readonly (readonly string[])[]
  },
): Promise<void> {
  let create = query.schema
    .createTable(table)
    .addColumn(layout.key, 'text', (column) => column.primaryKey())
    .addColumn('body', 'text', (column) => column.notNull())
  for (const name of layout.columns ?? []) create = create.addColumn(name, 'text')
  await create.execute()
  for (const name of layout.columns ?? []) {
    await query.schema.createIndex(`${table}_by_${name}`).on(table).column(name).execute()
  }
  for (const columns of layout.unique ?? []) {
    await query.schema
      .createIndex(`${table}_${columns.join('_')}`)
      .on(table)
      .columns([...columns])
      .unique()
      .execute()
  }
}
