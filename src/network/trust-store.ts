import { createHash, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { findBytes, replaceFile } from './files.ts'

const MAGIC = 0xfeedfeed
const VERSION = 2
const TRUSTED_CERTIFICATE = 2
/** Protects nothing: the certificates are public, and Java asks for a password. */
const PASSWORD = 'changeit'
const WHITENER = 'Mighty Aphrodite'

/**
 * Writes the certificates of a PEM bundle as `trust.jks` beside it, the form in which Java reads
 * what it trusts; the password is `changeit`. Gives back its path. An unchanged file stays.
 */
export function writeTrustStore(bundleFile: string): string {
  const file = path.join(path.dirname(bundleFile), 'trust.jks')
  const pattern = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g
  const all = readFileSync(bundleFile, 'utf8').match(pattern) ?? []
  const store = toTrustStore(all.map((pem) => new X509Certificate(pem).raw))
  if (!findBytes(file)?.equals(store)) replaceFile(file, store, 0o644)
  return file
}

/** A Java KeyStore of the type JKS: entries, then the SHA-1 of password, a fixed word and entries. */
function toTrustStore(certificates: readonly Uint8Array[]): Buffer {
  const entries = certificates.flatMap((der, i) => [
    words(TRUSTED_CERTIFICATE),
    text(`sluice-${i}`),
    // When it was added, in milliseconds: a fixed time, so that equal bundles give equal files.
    words(0, 0),
    text('X.509'),
    words(der.length),
    der,
  ])
  const body = Buffer.concat([words(MAGIC, VERSION, certificates.length), ...entries])
  const password = Buffer.from(PASSWORD, 'utf16le').swap16()
  const seal = createHash('sha1').update(password).update(WHITENER).update(body).digest()
  return Buffer.concat([body, seal])
}

function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length)
  values.forEach((value, i) => {
    bytes.writeUInt32BE(value, 4 * i)
  })
  return bytes
}

/** Java's form of a text: its length in two bytes, then itself. */
function text(value: string): Buffer {
  const bytes = Buffer.from(value)
  const length = Buffer.alloc(2)
  length.writeUInt16BE(bytes.length)
  return Buffer.concat([length, bytes])
}
