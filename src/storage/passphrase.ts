import { createSecretKey, type KeyObject, randomBytes, scrypt } from 'node:crypto'
import { Fault } from '../base/fault.ts'
import { type JsonObject, readNumber, readString } from '../base/json.ts'
import type { Sealed } from '../base/sealed.ts'

/** How a key is made from a passphrase (RFC 7914); written beside what it seals. */
export interface ScryptParameters {
  /** N: 128 MiB of memory and half a second at 2^17, for those who guess as well. */
  readonly cost: number
  /** r. */
  readonly blockSize: number
  /** p. */
  readonly parallelization: number
  /** Base64. */
  readonly salt: string
}

/** A passphrase shorter than this is refused when it is set. */
const LEAST_CHARACTERS = 12
/** What a stranger's file may ask for at most: 1 GiB for some seconds. */
const MOST_COST = 2 ** 20
const MOST_BLOCK_SIZE = 8
const MOST_PARALLELIZATION = 4

/** N of a new passphrase. */
export const SCRYPT_COST = 2 ** 17

/** The parameters of a new passphrase: r 8, p 1, a salt of its own. */
export function newScryptParameters(cost = SCRYPT_COST): ScryptParameters {
  return {
    cost,
    blockSize: 8,
    parallelization: 1,
    salt: randomBytes(16).toString('base64'),
  }
}

/** @throws Fault `PassphraseWrong` when the parameters are none, or ask for too much */
export function readScryptParameters(value: JsonObject): ScryptParameters {
  const cost = readNumber(value['cost'], 'cost')
  const blockSize = readNumber(value['blockSize'], 'blockSize')
  const parallelization = readNumber(value['parallelization'], 'parallelization')
  const salt = readString(value['salt'], 'salt')
  const within = (number: number, most: number) =>
    Number.isInteger(number) && number >= 1 && number <= most
  const isSane =
    within(cost, MOST_COST) &&
    cost >= 2 &&
    Number.isInteger(Math.log2(cost)) &&
    within(blockSize, MOST_BLOCK_SIZE) &&
    within(parallelization, MOST_PARALLELIZATION) &&
    within(Buffer.from(salt, 'base64').length, 64)
  if (isSane) return { cost, blockSize, parallelization, salt }
  throw new Fault('PassphraseWrong', 'The numbers of scrypt are out of bounds.')
}

/** The key of a passphrase: 256 bits, off the event loop. */
export function deriveKey(passphrase: Sealed, parameters: ScryptParameters): Promise<KeyObject> {
  const { cost, blockSize, parallelization } = parameters
  const salt = Buffer.from(parameters.salt, 'base64')
  // Node counts a little more than 128 N r.
  const maxmem = 128 * blockSize * (cost + parallelization) + 2 ** 20
  const options = { cost, blockSize, parallelization, maxmem }
  return new Promise((resolve, reject) => {
    // The same characters in another Unicode form are the same passphrase.
    scrypt(passphrase.open().normalize('NFKC'), salt, 32, options, (error, key) => {
      if (error) reject(error)
      else resolve(createSecretKey(key))
    })
  })
}

/** @throws Fault `PassphraseWeak` for a new passphrase that is too short */
export function refuseWeak(passphrase: Sealed): void {
  if ([...passphrase.open()].length >= LEAST_CHARACTERS) return
  throw new Fault(
    'PassphraseWeak',
    `The passphrase is too short: take at least ${LEAST_CHARACTERS} characters, several words for example.`,
  )
}
