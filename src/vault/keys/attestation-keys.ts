import { createPublicKey, type JsonWebKeyInput, type KeyObject, X509Certificate } from 'node:crypto'
import type { Clock } from '../../base/clock.ts'
import { isObject, type JsonObject } from '../../base/json.ts'
import type { FetchDocument } from '../ports.ts'

const REMEMBERED_MS = 300_000
/** An unknown key asks again, but not more often than this. */
const ASK_AGAIN_MS = 10_000
/** Authorities are named by whoever may create keys, so their number is bounded. */
const KEPT_AUTHORITIES = 100

interface Held {
  readonly atMs: number
  readonly keys: ReadonlyMap<string, KeyObject>
}

/** The keys with which attestation services sign. */
export class AttestationKeys {
  readonly #fetch: FetchDocument
  readonly #clock: Clock
  readonly #held = new Map<string, Held>()

  constructor(fetch: FetchDocument, clock: Clock) {
    this.#fetch = fetch
    this.#clock = clock
  }

  /**
   * The key `kid` of an authority; without a `kid` its only key. Undefined when the authority does
   * not list it, or nothing can be had from it.
   */
  async find(authority: string, kid: string | undefined): Promise<KeyObject | undefined> {
    const nowMs = this.#clock.nowMs()
    let held = this.#held.get(authority)
    const ageMs = held ? nowMs - held.atMs : Number.POSITIVE_INFINITY
    const isFresh = ageMs < (pick(held, kid) ? REMEMBERED_MS : ASK_AGAIN_MS)
    if (!isFresh) {
      const keys = await this.#load(authority)
      held = { atMs: nowMs, keys }
      this.#held.delete(authority)
      this.#held.set(authority, held)
      const [oldest] = this.#held.keys()
      if (this.#held.size > KEPT_AUTHORITIES && oldest !== undefined) this.#held.delete(oldest)
    }
    return pick(held, kid)
  }

  /** By discovery (OpenID Connect Discovery 1.0 §4), else at the address all attestation services have. */
  async #load(authority: string): Promise<ReadonlyMap<string, KeyObject>> {
    const found = await this.#try(`${authority}/.well-known/openid-configuration`)
    const address = String(found?.['jwks_uri'] ?? '')
    const isOwn = URL.parse(address)?.origin === new URL(authority).origin
    const set = await this.#try(isOwn ? address : `${authority}/certs`)
    return readKeys(set)
  }

  async #try(url: string): Promise<JsonObject | undefined> {
    try {
      const document = await this.#fetch(url)
      return isObject(document) ? document : undefined
    } catch {
      return undefined
    }
  }
}

function pick(held: Held | undefined, kid: string | undefined): KeyObject | undefined {
  if (kid !== undefined) return held?.keys.get(kid)
  const [only, ...more] = held?.keys.values() ?? []
  return more.length === 0 ? only : undefined
}

/** Of a key that has only a certificate, the certificate's. */
function readKeys(set: JsonObject | undefined): ReadonlyMap<string, KeyObject> {
  const found = new Map<string, KeyObject>()
  const keys = Array.isArray(set?.['keys']) ? set['keys'] : []
  for (const [index, key] of keys.entries()) {
    const read = isObject(key) ? readKey(key) : undefined
    if (read) found.set(String((key as JsonObject)['kid'] ?? `#${index}`), read)
  }
  return found
}

function readKey(key: JsonObject): KeyObject | undefined {
  try {
    const { kty, n, e, crv, x, y, x5c } = key
    const parts = kty === 'RSA' ? { kty, n, e } : { kty, crv, x, y }
    if (n !== undefined || x !== undefined) {
      return createPublicKey({ key: parts as JsonWebKeyInput['key'], format: 'jwk' })
    }
    const [leaf] = Array.isArray(x5c) ? x5c : []
    return new X509Certificate(Buffer.from(String(leaf), 'base64')).publicKey
  } catch {
    return undefined
  }
}
