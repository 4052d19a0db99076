import { createHash, createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { joinBytes } from '../base/byte-shares.ts'
import { Fault } from '../base/fault.ts'
import { isObject, type JsonObject } from '../base/json.ts'
import {
  decryptDirect,
  decryptWith,
  deriveContentKey,
  encryptDirect,
  encryptFor,
} from '../base/jwe.ts'
import type { Sealed } from '../base/sealed.ts'

/** How a key for each part is derived from the master key. */
const KDF = 'sp108_kdf'

/** One who holds a share. */
export interface ShareHolder {
  /** SHA-256 of the certificate, base64url. */
  readonly thumbprint: string
  readonly privateKey: KeyObject
}

/** A holder from the texts of a certificate and of its private key. @throws Fault `SecurityDomainWrong` */
export function readHolder(
  certificate: string,
  key: Sealed,
  password: Sealed | undefined,
): ShareHolder {
  const parsed = readCertificate(certificate)
  try {
    const passphrase = password?.open()
    const privateKey = createPrivateKey({
      key: key.open(),
      ...(passphrase !== undefined && { passphrase }),
    })
    return { thumbprint: thumbprintOf(parsed, 'sha256'), privateKey }
  } catch {
    throw wrong('A wrapping key cannot be read. Is it PEM, and is its password the right one?')
  }
}

/** @throws Fault `SecurityDomainWrong` for text that is no PEM certificate */
export function readCertificate(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem)
  } catch {
    throw wrong('A certificate cannot be read. It must be PEM.')
  }
}

/**
 * A certificate as a download of the security domain takes it.
 *
 * @throws Fault `SecurityDomainWrong` for another key than RSA of 2048 bits or more
 */
export function toWrappingKey(pem: string): JsonObject {
  const certificate = readCertificate(pem)
  const { publicKey } = certificate
  if (
    publicKey.asymmetricKeyType !== 'rsa' ||
    (publicKey.asymmetricKeyDetails?.modulusLength ?? 0) < 2048
  ) {
    throw wrong('Only RSA >= 2048 is supported.')
  }
  const { n, e } = publicKey.export({ format: 'jwk' })
  return {
    kid: thumbprintOf(certificate, 'sha256'),
    kty: 'RSA',
    alg: 'RSA-OAEP-256',
    key_ops: ['verify', 'encrypt', 'wrapKey'],
    n,
    e,
    x5c: [certificate.raw.toString('base64')],
    x5t: thumbprintOf(certificate, 'sha1'),
    'x5t#S256': thumbprintOf(certificate, 'sha256'),
  }
}

function thumbprintOf(certificate: X509Certificate, hash: string): string {
  return createHash(hash).update(certificate.raw).digest('base64url')
}

/** The PEM certificate of an exchange key, from the answer that gives it. @throws Fault `SecurityDomainWrong` */
export function exchangeCertificateOf(answer: unknown): string {
  const text = isObject(answer) ? answer['transfer_key'] : undefined
  const jwk = typeof text === 'string' ? parseObject(text) : text
  const [first] = isObject(jwk) && Array.isArray(jwk['x5c']) ? jwk['x5c'] : []
  if (typeof first !== 'string') throw wrong('The exchange key has no certificate.')
  const lines = first.match(/.{1,64}/g) ?? []
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n')
}

/**
 * What a quorum of holders makes of the file of a security domain: its parts opened, and encrypted
 * for the exchange key of the managed HSM that shall have it (`exchange` is its certificate in PEM).
 *
 * @throws Fault `SecurityDomainWrong`, also when too few of the holders have a share
 */
export async function makeRestoreBlob(
  file: string,
  holders: readonly ShareHolder[],
  exchange: string,
): Promise<string> {
  const { shares, required, parts } = readFile(file)
  const own = holders.flatMap(({ thumbprint, privateKey }) => {
    const share = shares.get(thumbprint)
    return share === undefined ? [] : [{ share, privateKey }]
  })
  if (new Set(own.map(({ share }) => share)).size < required) {
    throw wrong(
      `Insufficient shares available: the security domain needs ${required} of its wrapping keys.`,
    )
  }
  const certificate = readCertificate(exchange)
  try {
    const master = await joinShares(own.slice(0, required))
    return await encryptAgain(parts, master, certificate)
  } catch {
    throw wrong('The security domain cannot be opened with these wrapping keys.')
  }
}

async function joinShares(
  own: readonly { readonly share: string; readonly privateKey: KeyObject }[],
): Promise<Uint8Array<ArrayBuffer>> {
  const opened = own.map(({ share, privateKey }) => {
    const der = privateKey.export({ format: 'der', type: 'pkcs8' })
    return decryptWith(Uint8Array.from(der), share)
  })
  return joinBytes(await Promise.all(opened))
}

interface Part {
  readonly tag: string
  readonly jwe: string
}

async function encryptAgain(
  parts: readonly Part[],
  master: Uint8Array<ArrayBuffer>,
  certificate: X509Certificate,
): Promise<string> {
  const again = crypto.getRandomValues(new Uint8Array(32))
  const data = parts.map(async ({ tag, jwe }) => {
    const text = await decryptDirect(await deriveContentKey(master, tag), jwe)
    return { compact_jwe: await encryptDirect(await deriveContentKey(again, tag), tag, text), tag }
  })
  const spki = certificate.publicKey.export({ format: 'der', type: 'spki' })
  return JSON.stringify({
    EncData: { data: await Promise.all(data), kdf: KDF },
    WrappedKey: {
      enc_key: await encryptFor(Uint8Array.from(spki), again),
      x5t_256: thumbprintOf(certificate, 'sha256'),
    },
  })
}

function readFile(text: string): {
  readonly shares: ReadonlyMap<string, string>
  readonly required: number
  readonly parts: readonly Part[]
} {
  const file = parseObject(text)
  const keys = file?.['SharedKeys']
  const data = file?.['EncData']
  if (!isObject(keys) || !isObject(data)) throw wrong('The file holds no security domain.')
  if (keys['key_algorithm'] !== 'shamir_share' || data['kdf'] !== KDF) {
    throw wrong('The security domain uses algorithms that are not known here.')
  }
  const required = keys['required']
  if (
    typeof required !== 'number' ||
    !Number.isInteger(required) ||
    required < 2 ||
    required > 10
  ) {
    throw wrong('Invalid SD file: the value of "required" should be in range [2, 10].')
  }
  const shares = listOf(keys['enc_shares']).map(
    (one) => [String(one['x5t_256']), String(one['enc_key'])] as const,
  )
  const parts = listOf(data['data']).map((one) => ({
    tag: String(one['tag']),
    jwe: String(one['compact_jwe']),
  }))
  return { shares: new Map(shares), required, parts }
}

function listOf(value: unknown): JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : []
}

function parseObject(text: string): JsonObject | undefined {
  try {
    const parsed: unknown = JSON.parse(text)
    return isObject(parsed) ? parsed : undefined
  } catch {
    return undefined
  }
}

function wrong(message: string): Fault<'SecurityDomainWrong'> {
  return new Fault('SecurityDomainWrong', message)
}
