import { hash, type KeyObject } from 'node:crypto'
import type { Curve } from './ecdsa.ts'
import { type NativeEcKey, openNativeEc } from './native-ec.ts'
import { openRsa } from './rsa.ts'

const IDLE_MS = 60_000
const LIMIT = 64

interface Held {
  readonly key: KeyObject | NativeEcKey | undefined
  usedAtMs: number
}

/**
 * Private keys that are in use, in OpenSSL's form, for a minute after their last use. A key that is opened
 * anew makes its first signature cost twice a later one (RSA 2048: 0.69 ms for 0.35 ms); the data keys,
 * which open them all, are in memory anyway. Whether a key may be used is asked each time.
 */
export class KeyObjects {
  readonly #held = new Map<string, Held>()
  readonly #nowMs: () => number

  /** `nowMs` need not be the time of day. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  /** The private key of a stored PKCS#8. */
  rsa(secret: Buffer): KeyObject {
    return this.#open('rsa', secret, () => openRsa(secret)) as KeyObject
  }

  /** The pair of a stored scalar; undefined where this Node shows no OpenSSL to call. */
  ec(curve: Curve, secret: Buffer): NativeEcKey | undefined {
    return this.#open(curve, secret, () => openNativeEc(curve, secret)) as NativeEcKey | undefined
  }

  #open(form: string, secret: Buffer, open: () => Held['key']): Held['key'] {
    const name = `${form} ${hash('sha256', secret, 'base64url')}`
    const held = this.#held.get(name) ?? { key: open(), usedAtMs: 0 }
    held.usedAtMs = this.#nowMs()
    // The last one used stands last.
    this.#held.delete(name)
    this.#held.set(name, held)
    if (this.#held.size > LIMIT) this.#drop(this.#held.keys().next().value)
    return held.key
  }

  /** Lets go of what was not used for a minute; gives how many are left. */
  prune(): number {
    const since = this.#nowMs() - IDLE_MS
    for (const [name, { usedAtMs }] of this.#held) {
      if (usedAtMs <= since) this.#held.delete(name)
    }
    return this.#held.size
  }

  #drop(name: string | undefined): void {
    if (name !== undefined) this.#held.delete(name)
  }
}
