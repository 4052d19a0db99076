import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  type KeyObject,
  sign,
} from 'node:crypto'
import { promisify } from 'node:util'
import type { ScopeSealer } from '../storage/sealing.ts'
import type { SigningKey } from './model.ts'
import type { DirectoryStore } from './store.ts'

const generate = promisify(generateKeyPair)
const signAsync = promisify(sign)

/** The keys tokens are signed with. */
export interface SigningKeys {
  /** Signs with the newest key; waits for the first one to be made. */
  signJwt(claims: object): Promise<string>
  /** The public key of a `kid`, of any process. */
  findPublicKey(kid: string): KeyObject | undefined
  /** JSON Web Key Set of all keys; waits for the first one to be made. */
  listJwks(): Promise<readonly object[]>
}

/**
 * The keys of one purpose. When there is none, one is made (RSA 2048): at once, without being waited
 * for, to sign access tokens; for another purpose when it is needed.
 */
export function openSigningKeys(
  store: DirectoryStore,
  sealer: ScopeSealer,
  nowMs: () => number,
  purpose?: SigningKey['purpose'],
): SigningKeys {
  const list = () => store.signingKeys.list().filter((key) => key.purpose === purpose)
  const publicKeys = new Map<string, KeyObject>()
  const privateKeys = new Map<string, KeyObject>()
  let newest: Promise<SigningKey> | undefined
  const ready = (): Promise<SigningKey> => {
    newest ??= findNewest(list()) ?? createKey(store, sealer, { nowMs, purpose })
    newest.catch(() => {
      newest = undefined
    })
    return newest
  }
  if (purpose === undefined && list().length === 0) ready().catch(() => undefined)
  const privateKeyOf = (key: SigningKey): KeyObject => {
    const held = privateKeys.get(key.kid)
    if (held) return held
    const der = sealer.openBytes(
      signingKeyPlace(key.kid),
      Buffer.from(key.sealedPrivateKey, 'base64'),
    )
    const opened = createPrivateKey({ key: der.open(), format: 'der', type: 'pkcs8' })
    privateKeys.set(key.kid, opened)
    return opened
  }
  return {
    signJwt: async (claims) => {
      const key = await ready()
      const header = { typ: 'JWT', alg: 'RS256', kid: key.kid, x5t: key.kid }
      const input = `${encode(header)}.${encode(claims)}`
      const signature = await signAsync('sha256', Buffer.from(input), privateKeyOf(key))
      return `${input}.${signature.toString('base64url')}`
    },
    findPublicKey: (kid) => {
      const held = publicKeys.get(kid)
      if (held) return held
      const key = store.signingKeys.find(kid)
      if (!key || key.purpose !== purpose) return undefined
      const opened = createPublicKey({ key: { kty: 'RSA', n: key.n, e: key.e }, format: 'jwk' })
      publicKeys.set(kid, opened)
      return opened
    },
    listJwks: async () => {
      await ready()
      return list().map(({ kid, n, e }) => ({
        kty: 'RSA',
        use: 'sig',
        alg: 'RS256',
        kid,
        n,
        e,
      }))
    },
  }
}

function findNewest(keys: readonly SigningKey[]): Promise<SigningKey> | undefined {
  const [newest] = [...keys].sort((a, b) => b.createdAtMs - a.createdAtMs)
  return newest && Promise.resolve(newest)
}

async function createKey(
  store: DirectoryStore,
  sealer: ScopeSealer,
  { nowMs, purpose }: { nowMs(): number; readonly purpose: SigningKey['purpose'] },
): Promise<SigningKey> {
  const { publicKey, privateKey } = await generate('rsa', { modulusLength: 2048 })
  const { n = '', e = '' } = publicKey.export({ format: 'jwk' })
  // RFC 7638 §3: the thumbprint of the key's required members, in this order.
  const kid = createHash('sha256')
    .update(JSON.stringify({ e, kty: 'RSA', n }))
    .digest('base64url')
  const der = privateKey.export({ format: 'der', type: 'pkcs8' })
  const key: SigningKey = {
    kid,
    n,
    e,
    sealedPrivateKey: sealer.seal(signingKeyPlace(kid), der).toString('base64'),
    createdAtMs: nowMs(),
    ...(purpose && { purpose }),
  }
  await store.mirrors.write((changes) => changes.put(store.signingKeys, key))
  return key
}

/** What a private key is sealed to. */
export function signingKeyPlace(kid: string): string {
  return `signing-key/${kid}`
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
