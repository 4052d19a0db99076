import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  type KeyObject,
  randomBytes,
} from 'node:crypto'
import { Fault } from '../base/fault.ts'
import { newGuid } from '../base/ids.ts'
import { Sealed } from '../base/sealed.ts'
import type { Database } from './database.ts'
import type { Migration } from './migrations.ts'

/** Sealed bytes: format (1), data key id (16), IV (12), ciphertext, tag (16). AES-256-GCM. */
const FORMAT = 1
const HEADER_BYTES = 29
const TAG_BYTES = 16

interface SealingTables {
  data_key: { id: string; scope: string; wrapped: Uint8Array; created_at_ms: number }
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
  readonly #keys = new Map<string, { scope: string; key: KeyObject }>()
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
    const rows = await this.#db.write(async ({ query }) => {
      const find = () =>
        query
          .selectFrom('data_key')
          .selectAll()
          .where('scope', '=', scope)
          .orderBy('created_at_ms')
          .orderBy('id')
          .execute()
      const found = await find()
      if (found.length > 0) return found
      const id = newGuid()
      const wrapped = sealWith(this.#rootKey, id, keyPlace(scope, id), randomBytes(32))
      await query
        .insertInto('data_key')
        .values({ id, scope, wrapped, created_at_ms: this.#nowMs() })
        .execute()
      return find()
    })
    for (const row of rows) this.#keys.set(row.id, { scope, key: this.#unwrap(row) })
    const current = rows.at(-1)
    if (!current) throw new Error('A scope has no data key after one was made.')
    return this.#sealerOf(scope, current.id)
  }

  #sealerOf(scope: string, currentId: string): ScopeSealer {
    const current = this.#keys.get(currentId)
    if (!current) throw new Error('The current data key is not loaded.')
    const openBytes = (place: string, sealed: Uint8Array): Sealed<Buffer> => {
      const held = this.#keys.get(keyIdOf(sealed))
      if (held?.scope !== scope) throw sealBroken()
      return new Sealed(openWith(held.key, `${scope}\n${place}`, sealed))
    }
    return {
      seal: (place, value) => sealWith(current.key, currentId, `${scope}\n${place}`, value),
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

function keyIdOf(sealed: Uint8Array): string {
  const hex = Buffer.from(sealed.buffer, sealed.byteOffset + 1, 16).toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

function sealWith(
  key: KeyObject,
  keyId: string,
  place: string,
  value: string | Uint8Array,
): Buffer {
  const iv = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', key, iv)
  cipher.setAAD(Buffer.from(place))
  const text = typeof value === 'string' ? cipher.update(value, 'utf8') : cipher.update(value)
  const last = cipher.final()
  const head = Buffer.alloc(HEADER_BYTES)
  head[0] = FORMAT
  head.write(keyId.replaceAll('-', ''), 1, 16, 'hex')
  iv.copy(head, 17)
  return Buffer.concat([head, text, last, cipher.getAuthTag()])
}

function openWith(key: KeyObject, place: string, sealed: Uint8Array): Buffer {
  const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength)
  if (bytes.length < HEADER_BYTES + TAG_BYTES || bytes[0] !== FORMAT) throw sealBroken()
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(17, HEADER_BYTES))
    decipher.setAAD(Buffer.from(place))
    decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES))
    const text = decipher.update(bytes.subarray(HEADER_BYTES, bytes.length - TAG_BYTES))
    return Buffer.concat([text, decipher.final()])
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
