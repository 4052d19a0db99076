import { createSecretKey, type KeyObject } from 'node:crypto'
import type { Sealed } from '../base/sealed.ts'
import { ivSource, openWith, sealWith, toIdBytes } from './aead.ts'

/** Where a root key lives: a file, a person's head, a token that never gives it away. */
export type RootKeyProvider = 'file' | 'passphrase' | 'pkcs11'

/** What wraps the data keys of a data directory. */
export interface RootKey {
  readonly provider: RootKeyProvider
  /** A GUID; every wrapped data key names the root key that opens it. */
  readonly id: string
  /** `place` binds the bytes to where they are stored; at most 4 KiB are wrapped. */
  wrap(place: string, bytes: Buffer): Promise<Buffer> | Buffer
  /** @throws Fault `SealBroken` when the bytes were not wrapped by this key for this place */
  unwrap(place: string, wrapped: Uint8Array): Promise<Buffer> | Buffer
  /** The key itself, where this process holds it. A key that stays in a token has none. */
  readonly material?: KeyObject
}

/** How `root-key.json` describes a root key: enough to find it again, nothing that is secret. */
export interface RootKeyRecord {
  readonly id: string
  readonly provider: RootKeyProvider
  readonly createdAtMs: number
  /** A constant that this key wrapped, base64: it tells a wrong key before anything is opened. */
  readonly check: string
  /** What the provider needs to find its key: scrypt's numbers and salt, a token's label. JSON. */
  readonly parameters: Readonly<Record<string, unknown>>
}

/** What people and services are asked for; each is asked only when a provider needs it. */
export interface RootKeySecrets {
  /** `open`: the passphrase of the directory; `new`: the one to be set, asked twice from people. */
  passphrase(use: 'open' | 'new'): Promise<Sealed>
}

/** What a provider works with. */
export interface RootKeyPlace {
  readonly dataDirectory: string
  readonly secrets: RootKeySecrets
}

/** One kind of root key. A new kind is a row in `root-key-ring.ts`. */
export interface RootKeySource {
  readonly provider: RootKeyProvider
  /** Makes a new key that is durable before it is used, beside those that are there. */
  create(
    place: RootKeyPlace,
    id: string,
  ): Promise<{ readonly key: RootKey; readonly parameters: RootKeyRecord['parameters'] }>
  /**
   * Finds the key of a record. Undefined when what is there or what was given does not fit it; it
   * changes nothing.
   */
  open(place: RootKeyPlace, record: RootKeyRecord): Promise<RootKey | undefined>
  /** Removes what `create` left, once nothing is wrapped by it; `kept` are the keys that stay. */
  discard(place: RootKeyPlace, record: RootKeyRecord, kept: readonly RootKey[]): Promise<void>
  /** Says what is wrong when `open` gave nothing, and what to do; no secret. */
  explain(place: RootKeyPlace, record: RootKeyRecord): string
}

const CHECK_PLACE = 'root-key\ncheck'
const CHECK_TEXT = Buffer.from('the root key of this directory')

/** The `check` of a record. */
export async function makeCheck(key: RootKey): Promise<string> {
  return (await key.wrap(CHECK_PLACE, CHECK_TEXT)).toString('base64')
}

/** True when this key made the check of the record. */
export async function fits(key: RootKey, record: RootKeyRecord): Promise<boolean> {
  try {
    const opened = await key.unwrap(CHECK_PLACE, Buffer.from(record.check, 'base64'))
    return opened.equals(CHECK_TEXT)
  } catch {
    return false
  }
}

/** A root key of 32 bytes that this process holds: AES-256-GCM, the same form as sealed values. */
export function localRootKey(
  provider: RootKeyProvider,
  id: string,
  key: KeyObject | Buffer,
): RootKey {
  const material = Buffer.isBuffer(key) ? createSecretKey(key) : key
  const sealing = { id: toIdBytes(id), key: material }
  const nextIv = ivSource()
  return {
    provider,
    id,
    wrap: (place, bytes) => sealWith(sealing, nextIv(), place, bytes),
    unwrap: (place, wrapped) => openWith(material, place, wrapped),
    material,
  }
}
