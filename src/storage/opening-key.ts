import type { KeyObject } from 'node:crypto'
import { openWith, partsOf, sealBroken } from './aead.ts'
import { NativeGcm } from './native-gcm.ts'
import { findOpenSsl } from './openssl.ts'

/** A process that opens fewer values does not load what opens them faster. */
const NATIVE_AFTER = 500

/**
 * A data key that opens values. On a busy server node:crypto's object for each value costs 10 us with
 * what the garbage collector does for it; OpenSSL called directly costs 2 us.
 */
export class OpeningKey {
  readonly #key: KeyObject
  #opened = 0
  #native: NativeGcm | undefined

  constructor(key: KeyObject) {
    this.#key = key
  }

  /** @throws Fault `SealBroken` */
  open(place: string, sealed: Uint8Array): Buffer {
    const native = this.#findNative()
    if (!native) return openWith(this.#key, place, sealed)
    const opened = native.open(partsOf(sealed, place))
    if (opened === undefined) throw sealBroken()
    return opened
  }

  /** As `open`, for UTF-8. @throws Fault `SealBroken` */
  openText(place: string, sealed: Uint8Array): string {
    const native = this.#findNative()
    if (!native) return openWith(this.#key, place, sealed).toString('utf8')
    const opened = native.openText(partsOf(sealed, place))
    if (opened === undefined) throw sealBroken()
    return opened
  }

  #findNative(): NativeGcm | undefined {
    this.#opened += 1
    if (this.#opened === NATIVE_AFTER) {
      const openSsl = findOpenSsl()
      if (openSsl) {
        const bytes = this.#key.export()
        this.#native = new NativeGcm(openSsl, bytes)
        bytes.fill(0)
      }
    }
    return this.#native
  }
}
