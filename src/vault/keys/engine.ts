import type { CipherAlgorithm, CipherParts, OpenedKey, SignAlgorithm } from './algorithms.ts'
import type { PublicPart } from './material.ts'

/** What is there at once, or later: keys in a token answer later. */
export type Later<T> = T | Promise<T>

/** A key with what its row seals: the key itself, or where the token has it. */
export interface EngineKey extends OpenedKey {
  readonly shown: PublicPart
}

/** An algorithm with the name it was asked for by. */
export interface Named<Algorithm> {
  readonly name: string
  readonly algorithm: Algorithm
}

/** Works with keys where they are. Undefined from a cipher: the bytes given do not fit. */
export interface KeyEngine {
  encrypt(
    key: EngineKey,
    asked: Named<CipherAlgorithm>,
    parts: CipherParts,
  ): Later<CipherParts | undefined>
  decrypt(
    key: EngineKey,
    asked: Named<CipherAlgorithm>,
    parts: CipherParts,
  ): Later<CipherParts | undefined>
  sign(key: EngineKey, asked: Named<SignAlgorithm>, digest: Buffer): Later<Buffer>
  verify(
    key: EngineKey,
    asked: Named<SignAlgorithm>,
    given: { readonly digest: Buffer; readonly signature: Buffer },
  ): Later<boolean>
}

/** Keys that this process opens; every answer is there at once. */
export const softwareEngine: KeyEngine = {
  encrypt: (key, { algorithm }, parts) => algorithm.encrypt(key, parts),
  decrypt: (key, { algorithm }, parts) => algorithm.decrypt(key, parts),
  sign: (key, { algorithm }, digest) => algorithm.sign(key, digest),
  verify: (key, { algorithm }, { digest, signature }) => algorithm.verify(key, digest, signature),
}
