import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  type KeyObject,
  randomBytes,
  randomFillSync,
} from 'node:crypto'
import { Fault } from '../base/fault.ts'
import { newGuid } from '../base/ids.ts'
import { Sealed } from '../base/sealed.ts'
import type { Database, Statement } from './database.ts'
import type { Migration } from './migrations.ts'

/** Sealed bytes: format (1), data key id (16), IV (12), ciphertext, tag (16). AES-256-GCM. */
const FORMAT = 1
const HEADER_BYTES = 29
const TAG_BYTES = 16
const IV_BYTES = 12
/** IVs drawn from the system at once: one alone costs 4 us. */
const IVS_AT_ONCE = 256

interface DataKeyRow {
  id: string
  scope: string
  wrapped: Uint8Array
  created_at_ms: number
}

interface SealingTables {
  data_key: DataKeyRow
}

/** Every start asks it, so it is written as SQL and does not load the query builder. */
const keysOfScope: Statement<{ readonly scope: string }, DataKeyRow> = {
  sql: 'select * from data_key where scope = ? order by created_at_ms, id',
  bind: ({ scope }) => [scope],
}

export const sealingMigrations: readonly Migration[] = [
  {
    name: 'storage-0001-data-keys',
    up: async (query) => {
      await query.schema
        .createTable('data_key')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('scope', 'text', (column) => column.notNull())
        .addColumn('wrapped', 'blob', (column) => column.notNull())
        .addColumn('created_at_ms', 'integer', (column) => column.notNull())
        .execute()
      await query.schema
        .createIndex('data_key_scope')
        .on('data_key')
        .columns(['scope', 'created_at_ms'])
        .execute()
    },
  },
]

/** Seals and opens values of one scope, for example one vault. Synchronous: 3 us for 1 KiB. */
export interface ScopeSealer {
  /** `place` binds the value to where it is stored: vault, name and version, say. */
  seal(place: string, value: string | Uint8Array): Buffer
  /** @throws Fault `SealBroken` when the bytes were changed or moved from another place */
  open(place: string, sealed: Uint8Array): Sealed
  /** As `open`, for values that are not text. */
  openBytes(place: string, sealed: Uint8Array): Sealed<Buffer>
}

/**
 * Envelope encryption at rest: a data key for each scope, wrapped by the root key. Scopes are words
 * such as `vault:<id>` or `devops`; a value of one scope does not open in another.
 */
export class Sealer {
  readonly #db: Database<SealingTables>
  readonly #rootKey: KeyObject
  readonly #nowMs: () => number
  /** By the id as it stands in sealed bytes, read as Latin-1. */
  readonly #keys = new Map<string, { readonly scope: string; readonly key: DataKey }>()
  readonly #nextIv = ivSource()
  readonly #scopes = new Map<string, Promise<ScopeSealer>>()

  constructor(db: Database<unknown>, rootKey: KeyObject, nowMs: () => number) {
    this.#db = db as Database<SealingTables>
    this.#rootKey = rootKey
    this.#nowMs = nowMs
  }

  /** The sealer of a scope; its data key is made on first use and is durable before it is used. */
  scope(scope: string): Promise<ScopeSealer> {
    let sealer = this.#scopes.get(scope)
    if (!sealer) {
      sealer = this.#openScope(scope)
      this.#scopes.set(scope, sealer)
      sealer.catch(() => this.#scopes.delete(scope))
    }
    return sealer
  }

  /**
   * Proves that the root key fits the data before anything is served or changed.
   *
   * @throws Fault `RootKeyWrong`
   */
  async check(): Promise<void> {
    await this.scope('root-key-check')
  }

  async #openScope(scope: string): Promise<ScopeSealer> {
    const known = await this.#db.all(keysOfScope, { scope })
    const rows = known.length > 0 ? known : await this.#makeKey(scope)
    const keys = rows.map((row) => ({ id: toIdBytes(row.id), key: this.#unwrap(row) }))
    for (const key of keys) this.#keys.set(key.id.toString('latin1'), { scope, key })
    const current = keys.at(-1)
    if (!current) throw new Error('A scope has no data key after one was made.')
    return this.#sealerOf(scope, current)
  }

  /** Another process may have made one meanwhile; then there is one already. */
  #makeKey(scope: string): Promise<DataKeyRow[]> {
    return this.#db.write(async ({ all, query }) => {
      const found = await all(keysOfScope, { scope })
      if (found.length > 0) return found
      const id = newGuid()
      const rootKey = { id: toIdBytes(id), key: this.#rootKey }
      const wrapped = sealWith(rootKey, this.#nextIv(), keyPlace(scope, id), randomBytes(32))
      await query
        .insertInto('data_key')
        .values({ id, scope, wrapped, created_at_ms: this.#nowMs() })
        .execute()
      return await all(keysOfScope, { scope })
    })
  }

  #sealerOf(scope: string, current: DataKey): ScopeSealer {
    const openBytes = (place: string, sealed: Uint8Array): Sealed<Buffer> => {
      const held = this.#keys.get(asBuffer(sealed).toString('latin1', 1, 17))
      if (held?.scope !== scope) throw sealBroken()
      return new Sealed(openWith(held.key.key, `${scope}\n${place}`, sealed))
    }
    return {
      seal: (place, value) => sealWith(current, this.#nextIv(), `${scope}\n${place}`, value),
      openBytes,
      open: (place, sealed) => new Sealed(openBytes(place, sealed).open().toString('utf8')),
    }
  }

  #unwrap(row: { id: string; scope: string; wrapped: Uint8Array }): KeyObject {
    try {
      return createSecretKey(openWith(this.#rootKey, keyPlace(row.scope, row.id), row.wrapped))
    } catch {
      throw new Fault(
        'RootKeyWrong',
        'The root key does not fit this data directory: its data keys cannot be opened. Put the root.key that belongs to it back. Nothing was changed.',
      )
    }
  }
}

function keyPlace(scope: string, id: string): string {
  return `data-key\n${scope}\n${id}`
}

interface DataKey {
  /** The 16 bytes of its GUID. */
  readonly id: Buffer
  readonly key: KeyObject
}

function toIdBytes(id: string): Buffer {
  return Buffer.from(id.replaceAll('-', ''), 'hex')
}

/** Random IVs, each given out once. */
function ivSource(): () => Buffer {
  let pool = Buffer.alloc(0)
  let used = 0
  return () => {
    if (used === pool.length) {
      // A new one each time: those given out still point into the old one.
      pool = randomFillSync(Buffer.alloc(IV_BYTES * IVS_AT_ONCE))
      used = 0
    }
    used += IV_BYTES
    return pool.subarray(used - IV_BYTES, used)
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function sealWith(
  { id, key }: DataKey,
  iv: Buffer,
  place: string,
  value: string | Uint8Array,
): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, iv)
  cipher.setAAD(Buffer.from(place))
  const text = typeof value === 'string' ? cipher.update(value, 'utf8') : cipher.update(value)
  const last = cipher.final()
  return Buffer.concat([Buffer.of(FORMAT), id, iv, text, last, cipher.getAuthTag()])
}

function openWith(key: KeyObject, place: string, sealed: Uint8Array): Buffer {
  const bytes = asBuffer(sealed)
  if (bytes.length < HEADER_BYTES + TAG_BYTES || bytes[0] !== FORMAT) throw sealBroken()
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(17, HEADER_BYTES))
    decipher.setAAD(Buffer.from(place))
    decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES))
    const text = decipher.update(bytes.subarray(HEADER_BYTES, bytes.length - TAG_BYTES))
    // Checks the tag; GCM has no text left to give.
    decipher.final()
    return text
  } catch {
    throw sealBroken()
  }
}

function sealBroken(): Fault<'SealBroken'> {
  return new Fault(
    'SealBroken',
    'A stored value cannot be opened: it was changed, or moved from another place.',
  )
}
