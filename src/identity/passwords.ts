import { createHash, randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { Sealed } from '../base/sealed.ts'

const scryptAsync = promisify<string, Buffer, number, Buffer>(scrypt)
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789~._-'

/**
 * A client secret of 40 characters (about 240 random bits) in the vendor's form: three characters,
 * a digit, `Q~`, then the rest.
 */
export function generateSecret(): Sealed {
  const text = Array.from(randomBytes(128))
    .filter((byte) => byte < ALPHABET.length * 3)
    .map((byte) => ALPHABET[byte % ALPHABET.length])
    .join('')
  return new Sealed(`${text.slice(0, 3)}8Q~${text.slice(3, 37)}`)
}

/** The hash of a secret that `generateSecret` made: it cannot be guessed, so one SHA-256 is enough. */
export function hashGenerated(secret: Sealed): string {
  return `sha256:${createHash('sha256').update(secret.open()).digest('base64')}`
}

/** The hash of a secret somebody chose: salted scrypt, some 50 ms of one thread. */
export async function hashChosen(secret: Sealed): Promise<string> {
  const salt = randomBytes(16)
  const hash = await scryptAsync(secret.open(), salt, 32)
  return `scrypt:${salt.toString('base64')}:${hash.toString('base64')}`
}

/** True when `secret` is the one that was hashed; compares in constant time. */
export async function isSecret(secret: Sealed, hash: string): Promise<boolean> {
  const [kind, first = '', second = ''] = hash.split(':')
  if (kind === 'sha256') return equal(hashGenerated(secret), hash)
  const wanted = Buffer.from(second, 'base64')
  const found = await scryptAsync(secret.open(), Buffer.from(first, 'base64'), wanted.length)
  return timingSafeEqual(found, wanted)
}

function equal(left: string, right: string): boolean {
  const a = Buffer.from(left)
  const b = Buffer.from(right)
  return a.length === b.length && timingSafeEqual(a, b)
}
