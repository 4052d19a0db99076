/** What a row seals of a key in a token: where it is, and nothing of the key. */
export interface TokenReference {
  /** CKA_ID: the 16 bytes of the version. */
  readonly id: Buffer
  /** The token's. */
  readonly serial: string
  /** 32 random bytes that answer a wrong RSA1_5 text; of no use for anything else. */
  readonly rejection: Buffer
}

/** CKA_ID of a version. */
export function objectIdOf(version: string): Buffer {
  return Buffer.from(version, 'hex')
}

export function writeReference({ id, serial, rejection }: TokenReference): Buffer {
  const text = { id: id.toString('hex'), serial, rejection: rejection.toString('hex') }
  return Buffer.from(JSON.stringify(text))
}

/** The row was written by `writeReference`, and its seal holds. */
export function readReference(bytes: Buffer): TokenReference {
  const { id, serial, rejection } = JSON.parse(bytes.toString()) as Record<string, string>
  return {
    id: Buffer.from(id ?? '', 'hex'),
    serial: serial ?? '',
    rejection: Buffer.from(rejection ?? '', 'hex'),
  }
}
