import {
  createPublicKey,
  createSecretKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
} from 'node:crypto'
import { newGuid } from '../base/ids.ts'
import { ivSource, openWith, sealWith, toIdBytes } from './aead.ts'
import type { HolderRow, SealingTables } from './data-keys.ts'
import { holderOfId } from './data-keys.ts'
import type { Database, Transaction } from './database.ts'
import { localRootKey, type RootKey } from './root-key.ts'

/** Rows of processes that were killed go after this long; a living one writes its row again. */
const HOLDER_DAYS_MS = 30 * 86_400_000
/** DER of an X25519 public key. */
const PUBLIC_KEY_BYTES = 44

/**
 * One process's way to the root key that follows: whoever changes the root key leaves it, for each
 * process, sealed to a key pair that only this process's memory holds. So a server goes on without the
 * new passphrase, and what lies in the database opens for nobody after the process has ended. Both
 * sides are vouched for by the present root key: a stranger who can write rows is given nothing, and
 * cannot hand over a key of his own.
 */
export class RootKeyHolder {
  readonly #db: Database<SealingTables>
  readonly #id = newGuid()
  #privateKey: KeyObject | undefined

  constructor(db: Database<SealingTables>) {
    this.#db = db
  }

  /** Writes this process's row, or writes it anew for the root key that wraps now. */
  async register(root: RootKey, nowMs: number): Promise<void> {
    const [held] = await this.#db.all(holderOfId, { id: this.#id })
    if (held?.root_key_id === root.id) return
    const { privateKey, publicKey } = generateKeyPairSync('x25519')
    const der = publicKey.export({ type: 'spki', format: 'der' })
    const row: HolderRow = {
      id: this.#id,
      root_key_id: root.id,
      public_key: der,
      proof: await root.wrap(proofPlace(this.#id), der),
      registered_at_ms: nowMs,
      offer: null,
    }
    await this.#db.write(async ({ query }) => {
      await query
        .deleteFrom('root_key_holder')
        .where((where) =>
          where.or([
            where('id', '=', this.#id),
            where('registered_at_ms', '<', nowMs - HOLDER_DAYS_MS),
          ]),
        )
        .execute()
      await query.insertInto('root_key_holder').values(row).execute()
    })
    this.#privateKey = privateKey
  }

  /** The root key of this id when it was left for this process by one who had `root`. */
  async take(
    id: string,
    root: RootKey,
    provider: RootKey['provider'] = 'file',
  ): Promise<RootKey | undefined> {
    const [row] = await this.#db.all(holderOfId, { id: this.#id })
    if (!row?.offer || !this.#privateKey) return undefined
    try {
      const offer = await root.unwrap(offerPlace(this.#id, id), row.offer)
      const publicKey = toPublicKey(offer.subarray(0, PUBLIC_KEY_BYTES))
      const key = agreedKey(this.#privateKey, publicKey)
      const bytes = openWith(key, offerPlace(this.#id, id), offer.subarray(PUBLIC_KEY_BYTES))
      return localRootKey(provider, id, bytes)
    } catch {
      return undefined
    }
  }

  async withdraw(): Promise<void> {
    if (!this.#privateKey) return
    await this.#db.write(({ query }) =>
      query.deleteFrom('root_key_holder').where('id', '=', this.#id).execute(),
    )
  }
}

/** Leaves `next` for every process that holds `root`; part of the commit that changes the key. */
export async function offerRootKey(
  { query }: Transaction<SealingTables>,
  root: RootKey,
  next: RootKey,
): Promise<void> {
  // A key that stays in its token is found there by each process.
  if (!next.material) return
  const holders = await query
    .selectFrom('root_key_holder')
    .selectAll()
    .where('root_key_id', '=', root.id)
    .execute()
  for (const holder of holders) {
    const offer = await sealFor(holder, root, { id: next.id, material: next.material })
    if (!offer) continue
    await query.updateTable('root_key_holder').set({ offer }).where('id', '=', holder.id).execute()
  }
}

async function sealFor(
  holder: HolderRow,
  root: RootKey,
  next: { readonly id: string; readonly material: KeyObject },
): Promise<Buffer | undefined> {
  try {
    const proven = await root.unwrap(proofPlace(holder.id), holder.proof)
    const own = generateKeyPairSync('x25519')
    const key = agreedKey(own.privateKey, toPublicKey(proven))
    const place = offerPlace(holder.id, next.id)
    const sealing = { id: toIdBytes(next.id), key }
    const sealed = sealWith(sealing, ivSource()(), place, next.material.export())
    const der = own.publicKey.export({ type: 'spki', format: 'der' })
    return await root.wrap(place, Buffer.concat([der, sealed]))
  } catch {
    // Not written by a process that had the root key.
    return undefined
  }
}

function agreedKey(privateKey: KeyObject, publicKey: KeyObject): KeyObject {
  const shared = diffieHellman({ privateKey, publicKey })
  return createSecretKey(Buffer.from(hkdfSync('sha256', shared, '', 'sluice root key', 32)))
}

function toPublicKey(der: Buffer): KeyObject {
  return createPublicKey({ key: der, type: 'spki', format: 'der' })
}

function proofPlace(holderId: string): string {
  return `root-key-holder\n${holderId}`
}

function offerPlace(holderId: string, rootKeyId: string): string {
  return `root-key-offer\n${holderId}\n${rootKeyId}`
}
