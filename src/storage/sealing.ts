import { createSecretKey, KeyObject, randomBytes } from 'node:crypto'
import { Fault } from '../base/fault.ts'
import { newGuid } from '../base/ids.ts'
import { Sealed } from '../base/sealed.ts'
import { ivSource, keyIdOf, type SealingKey, sealBroken, sealWith, toIdBytes } from './aead.ts'
import {
  CHECK_SCOPE,
  type DataKeyRow,
  dataKeyPlace,
  keysOfScope,
  lockRootKey,
  newKeysSince,
  type SealingTables,
} from './data-keys.ts'
import type { Database } from './database.ts'
import { OpeningKey } from './opening-key.ts'
import { localRootKey, type RootKey } from './root-key.ts'
import { RootKeyHolder } from './root-key-handover.ts'
import type { RootKeys } from './root-key-ring.ts'

export { sealingMigrations } from './data-keys.ts'

/** Seals and opens values of one scope, for example one vault. Synchronous: 3 us for 1 KiB. */
export interface ScopeSealer {
  /** `place` binds the value to where it is stored: vault, name and version, say. */
  seal(place: string, value: string | Uint8Array): Buffer
  /** @throws Fault `SealBroken` when the bytes were changed or moved from another place */
  open(place: string, sealed: Uint8Array): Sealed
  /** As `open`, for values that are not text. */
  openBytes(place: string, sealed: Uint8Array): Sealed<Buffer>
}

/** A scope whose data keys are loaded; keys that are made later are added to it. */
interface OpenScope {
  readonly sealer: ScopeSealer
  /** Those that seal, the one that does so last at the end. */
  readonly keys: { readonly key: SealingKey; readonly activeFromMs: number }[]
}

/** How often a process looks whether keys have changed. */
const FOLLOW_MS = 1_000
/** A new data key seals nothing before all processes had time to load it. */
export const ACTIVE_AFTER_MS = 5_000
/** A key made by a process whose clock is behind is still seen as new. */
const CLOCK_SKEW_MS = 86_400_000

/**
 * Envelope encryption at rest: data keys for each scope, wrapped by the root key. Scopes are words
 * such as `vault:<id>` or `devops`; a value of one scope does not open in another.
 */
export class Sealer {
  readonly #db: Database<SealingTables>
  readonly #rootKeys: RootKeys
  readonly #nowMs: () => number
  readonly #startedAtMs: number
  /** By the id as it stands in sealed bytes, read as Latin-1. */
  readonly #keys = new Map<string, { readonly scope: string; readonly opening: OpeningKey }>()
  readonly #nextIv = ivSource()
  readonly #scopes = new Map<string, Promise<OpenScope>>()
  /** The root key that wraps now, when it is not the first one any more. */
  #changedRoot: RootKey | undefined
  readonly #formerRoots = new Map<string, RootKey>()
  #mark: number
  readonly #holder: RootKeyHolder

  /** A bare key stands for a directory whose root key never changes. */
  constructor(db: Database<unknown>, rootKeys: RootKeys | KeyObject, nowMs: () => number) {
    this.#db = db as Database<SealingTables>
    this.#rootKeys = rootKeys instanceof KeyObject ? onlyKey(rootKeys) : rootKeys
    this.#nowMs = nowMs
    this.#startedAtMs = nowMs()
    this.#mark = db.changeMark()
    this.#holder = new RootKeyHolder(this.#db)
  }

  /** The sealer of a scope; its data key is made on first use and is durable before it is used. */
  async scope(scope: string): Promise<ScopeSealer> {
    let opened = this.#scopes.get(scope)
    if (!opened) {
      opened = this.#openScope(scope)
      this.#scopes.set(scope, opened)
      opened.catch(() => this.#scopes.delete(scope))
    }
    return (await opened).sealer
  }

  /**
   * Proves that the root key fits the data, before anything is served or changed. True when there
   * was something to prove it with.
   *
   * @throws Fault `RootKeyWrong`
   */
  async prove(): Promise<boolean> {
    const [row] = await this.#db.all(keysOfScope, { scope: CHECK_SCOPE })
    if (row) await this.#unwrap(row)
    return row !== undefined
  }

  /**
   * Proves that the root key fits, and leaves in the data what the next start proves it with. Data keys
   * of the time before root keys had names get the name.
   *
   * @throws Fault `RootKeyWrong`
   */
  async check(): Promise<void> {
    if (!(await this.prove())) await this.scope(CHECK_SCOPE)
    const [row] = await this.#db.all(keysOfScope, { scope: CHECK_SCOPE })
    if (row?.root_key_id) return
    const { id } = this.#rootKeys.first
    await this.#db.write(({ query }) =>
      query
        .updateTable('data_key')
        .set({ root_key_id: id })
        .where('root_key_id', 'is', null)
        .execute(),
    )
  }

  /**
   * Loads the data keys that other processes made for scopes that are open here. A new key seals
   * nothing until every process had time to do this (`ACTIVE_AFTER_MS`).
   */
  async refresh(): Promise<void> {
    const mark = this.#db.changeMark()
    if (mark === this.#mark) return
    const [check] = await this.#db.all(keysOfScope, { scope: CHECK_SCOPE })
    if (check?.root_key_id) await this.#rootOf(check.root_key_id)
    const rows = await this.#db.all(newKeysSince, { since: this.#startedAtMs - CLOCK_SKEW_MS })
    for (const row of rows) {
      const opened = await this.#scopes.get(row.scope)
      if (opened) await this.#add(opened, row)
    }
    this.#mark = mark
  }

  /**
   * Follows what other processes change, for as long as this one serves: new data keys, and a new root
   * key, which is handed over in memory. The function that it gives ends that.
   */
  follow(): () => Promise<void> {
    let isStopped = false
    let last: Promise<void> = Promise.resolve()
    const look = async () => {
      await this.refresh()
      if (!isStopped) await this.#holder.register(this.rootKey, this.#nowMs())
    }
    // A try that fails is made again; what is missing then is said by whoever needs it.
    const timer = setInterval(() => {
      last = last.then(look).catch(() => undefined)
    }, FOLLOW_MS)
    timer.unref()
    return async () => {
      isStopped = true
      clearInterval(timer)
      await last
      await this.#holder.withdraw()
    }
  }

  async #openScope(scope: string): Promise<OpenScope> {
    const known = await this.#db.all(keysOfScope, { scope })
    const rows = known.length > 0 ? known : await this.#makeKey(scope)
    const opened: OpenScope = {
      keys: [],
      sealer: this.#sealerOf(scope, () => this.#current(opened)),
    }
    for (const row of rows) await this.#add(opened, row)
    return opened
  }

  async #add({ keys }: OpenScope, row: DataKeyRow): Promise<void> {
    const id = toIdBytes(row.id)
    const name = id.toString('latin1')
    if (this.#keys.has(name)) return
    const key = await this.#unwrap(row)
    this.#keys.set(name, { scope: row.scope, opening: new OpeningKey(key) })
    if (row.retired_at_ms) return
    keys.push({ key: { id, key }, activeFromMs: row.active_from_ms ?? 0 })
    keys.sort((a, b) => a.activeFromMs - b.activeFromMs)
  }

  /** Keys that a younger one has followed are let go; they open, but seal no more. */
  #current({ keys }: OpenScope): SealingKey {
    while (keys[1] && keys[1].activeFromMs <= this.#nowMs()) keys.shift()
    const [current] = keys
    if (!current) throw new Error('A scope has no data key after one was made.')
    return current.key
  }

  /** Another process may have made one meanwhile; then there is one already. */
  #makeKey(scope: string): Promise<readonly DataKeyRow[]> {
    return this.#storeKey(scope, (known) => (known.length > 0 ? undefined : 0))
  }

  /**
   * Gives a scope another data key, which seals from a time on (ms), and no other one after it; give
   * every process `ACTIVE_AFTER_MS` to load it. Its id.
   */
  async addKey(scope: string, activeFromMs: number): Promise<string> {
    await this.scope(scope)
    const opened = await this.#scopes.get(scope)
    const rows = await this.#storeKey(scope, (known) =>
      Math.max(activeFromMs, ...known.map((row) => row.active_from_ms + 1)),
    )
    for (const row of rows) if (opened) await this.#add(opened, row)
    const [newest] = [...rows].sort((a, b) => b.active_from_ms - a.active_from_ms)
    if (!newest) throw new Error('A data key is missing after it was made.')
    return newest.id
  }

  /**
   * Stores a new key that seals from the time that `activeFrom` gives for those that are there; none when
   * it gives none. All keys of the scope.
   */
  async #storeKey(
    scope: string,
    activeFrom: (known: readonly DataKeyRow[]) => number | undefined,
  ): Promise<readonly DataKeyRow[]> {
    for (;;) {
      const root = this.rootKey
      const made = await newDataKey({ scope, root, nowMs: this.#nowMs() })
      const answer = await this.#db.write(async ({ run, all, query }) => {
        await run(lockRootKey, undefined)
        const known = await all(keysOfScope, { scope })
        const active_from_ms = activeFrom(known)
        if (active_from_ms === undefined) return known
        const [check] = await all(keysOfScope, { scope: CHECK_SCOPE })
        if (check?.root_key_id && check.root_key_id !== root.id) return check.root_key_id
        const row: DataKeyRow = { ...made, active_from_ms }
        await query.insertInto('data_key').values(row).execute()
        return [...known, row]
      })
      if (typeof answer !== 'string') return answer
      await this.#rootOf(answer)
    }
  }

  #sealerOf(scope: string, current: () => SealingKey): ScopeSealer {
    const keyOf = (sealed: Uint8Array): OpeningKey => {
      const held = this.#keys.get(keyIdOf(sealed))
      if (held?.scope === scope) return held.opening
      // A process that was held up for long may not know the newest keys yet; then the next try succeeds.
      if (!held) this.refresh().catch(() => undefined)
      throw sealBroken()
    }
    return {
      seal: (place, value) => sealWith(current(), this.#nextIv(), `${scope}\n${place}`, value),
      openBytes: (place, sealed) => new Sealed(keyOf(sealed).open(`${scope}\n${place}`, sealed)),
      open: (place, sealed) => new Sealed(keyOf(sealed).openText(`${scope}\n${place}`, sealed)),
    }
  }

  async #unwrap(row: DataKeyRow): Promise<KeyObject> {
    const root = row.root_key_id ? await this.#rootOf(row.root_key_id) : this.rootKey
    try {
      return createSecretKey(await root.unwrap(dataKeyPlace(row.scope, row.id), row.wrapped))
    } catch {
      throw rootKeyWrong()
    }
  }

  /** The root key that wraps the data keys, as far as this process knows. */
  get rootKey(): RootKey {
    return this.#changedRoot ?? this.#rootKeys.first
  }

  /** The root key of this id; when it is a new one, it wraps from now on. */
  async #rootOf(id: string): Promise<RootKey> {
    if (this.rootKey.id === id) return this.rootKey
    // A row that was read before a change names the key of before.
    const former = this.#formerRoots.get(id)
    if (former) return former
    const taken = await this.#holder.take(id, this.rootKey, this.#rootKeys.providerOf(id))
    const found = taken ?? (await this.#rootKeys.find(id))
    if (!found) throw rootKeyWrong()
    this.#formerRoots.set(this.rootKey.id, this.rootKey)
    this.#changedRoot = found
    return found
  }
}

/** A data key that is not stored yet, and seals from the beginning on. */
async function newDataKey(made: {
  readonly scope: string
  readonly root: RootKey
  readonly nowMs: number
}): Promise<DataKeyRow> {
  const { scope, root, nowMs } = made
  const id = newGuid()
  return {
    id,
    scope,
    wrapped: await root.wrap(dataKeyPlace(scope, id), randomBytes(32)),
    created_at_ms: nowMs,
    root_key_id: root.id,
    active_from_ms: 0,
    retired_at_ms: null,
  }
}

/** What a start answers whose root key does not open the data keys. */
export function rootKeyWrong(): Fault<'RootKeyWrong'> {
  return new Fault(
    'RootKeyWrong',
    'The root key does not fit this data directory: its data keys cannot be opened. Put the root key that belongs to it back (root.key and root-key.json, or its passphrase). Nothing was changed.',
  )
}

function onlyKey(key: KeyObject): RootKeys {
  const first = localRootKey('file', '00000000-0000-0000-0000-000000000000', key)
  return { first, find: async () => undefined, providerOf: () => 'file' }
}
