import { randomBytes } from 'node:crypto'
import { Fault } from '../../base/fault.ts'
import type { JsonObject } from '../../base/json.ts'
import type { Call } from '../../http/call.ts'
import { json, type Reply } from '../../http/reply.ts'
import type { VaultCall, VaultStore } from '../context.ts'
import { cipherWrong, propertyWrong, type VaultFaultCode } from '../faults.ts'
import { readBody, readName } from '../objects/attributes.ts'
import { type VaultOperation, vaultOperation } from '../operation.ts'
import {
  type CipherParts,
  cipherAlgorithms,
  readAlgorithm,
  type SignAlgorithm,
  signAlgorithms,
} from './algorithms.ts'
import { requireToken } from './custody.ts'
import { type EngineKey, type KeyEngine, type Later, type Named, softwareEngine } from './engine.ts'
import { type KeyDetails, type KeyUse, openKey } from './key.ts'
import type { PublicPart } from './material.ts'
import { kidOf } from './wire.ts'

const RNG_LIMIT_BYTES = 128

interface Opened {
  readonly details: KeyDetails
  readonly key: EngineKey
  readonly engine: KeyEngine
  readonly body: JsonObject
  readonly kid: string
}

type CryptoCall = Call<{ readonly name: string; readonly version?: string }>

/** One operation on two paths: with and without the version. */
function cryptoOperation(
  words: { readonly name: string; readonly path: string; readonly use: KeyUse },
  needs: { readonly dataAction: string; readonly audit: string },
  answer: (opened: Opened) => Later<object>,
): VaultOperation[] {
  const handle = async (call: CryptoCall, vault: VaultCall): Promise<Reply> => {
    const target = { name: readName(call.params.name), version: call.params.version }
    const body = readBody(await call.readJson())
    const key = await openKey(vault, target, words.use)
    const kid = kidOf(vault, key.facts)
    const found = engineOf(vault.store, key.details)
    const engine = found instanceof Promise ? await found : found
    const { secret, details: shown } = key
    const { keyObjects } = vault.store
    const used: EngineKey = {
      shown,
      secret,
      rsa: () => keyObjects.rsa(secret),
      ec: (curve) => keyObjects.ec(curve, secret),
    }
    const answered = answer({ details: shown, key: used, body, kid, engine })
    return json(200, answered instanceof Promise ? await answered : answered)
  }
  const rights = { ...needs, policy: words.use, budget: 'keys' } as const
  return [
    vaultOperation(
      words.name,
      { method: 'POST', path: `/keys/:name/:version/${words.path}` },
      rights,
      handle as Parameters<typeof vaultOperation>[3],
    ),
    vaultOperation(
      words.name,
      { method: 'POST', path: `/keys/:name/${words.path}` },
      rights,
      handle as Parameters<typeof vaultOperation>[3],
    ),
  ]
}

/** Who works with a key. @throws Fault `HsmUnavailable` for a key in a token when none is configured */
function engineOf(store: VaultStore, { protection }: PublicPart): Later<KeyEngine> {
  if (protection !== 'token') return softwareEngine
  const token = requireToken(store)
  // Loaded when a key of a token is used: who has none pays nothing at start.
  return import('./token-engine.ts').then((room) => new room.TokenEngine(token))
}

/** base64url or base64, with or without padding. @throws Fault `PropertyWrong` */
function readBytes(body: JsonObject, name: string): Buffer {
  const text = body[name]
  // One character behind whole groups of four holds no byte.
  const form = /^(?:[\w+/-]{4})*(?:[\w+/-]{2}(?:==)?|[\w+/-]{3}=?)?$/
  if (typeof text !== 'string' || !form.test(text)) throw propertyWrong(name)
  return Buffer.from(text, 'base64url')
}

function findBytes(body: JsonObject, name: string): Buffer | undefined {
  return (body[name] ?? null) === null ? undefined : readBytes(body, name)
}

function cipher(use: KeyUse): (opened: Opened) => Later<object> {
  const isWrap = use === 'wrapKey' || use === 'unwrapKey'
  const gives = use === 'encrypt' || use === 'wrapKey' ? 'encrypt' : 'decrypt'
  return ({ body, kid, details, key, engine }) => {
    const verb = isWrap ? 'wrap' : 'encryption'
    const algorithm = readAlgorithm(cipherAlgorithms, body['alg'], { kid, shown: details, verb })
    if (algorithm.uses !== 'both' && (algorithm.uses === 'wrapKey') !== isWrap) {
      throw propertyWrong('alg')
    }
    const parts: CipherParts = {
      value: readBytes(body, 'value'),
      iv: findBytes(body, 'iv'),
      tag: findBytes(body, 'tag'),
      aad: findBytes(body, 'aad'),
    }
    const asked = { name: String(body['alg']), algorithm }
    const result = engine[gives](key, asked, parts)
    return then(result, (found) => {
      if (!found) throw cipherWrong()
      return toAnswer(kid, found)
    })
  }
}

/** Goes on at once with what is there. */
function then<T>(value: Later<T>, next: (value: T) => object): Later<object> {
  return value instanceof Promise ? value.then(next) : next(value)
}

function toAnswer(kid: string, result: CipherParts): object {
  const text = (bytes: Buffer) => bytes.toString('base64url')
  return {
    kid,
    value: text(result.value),
    ...(result.iv && { iv: text(result.iv) }),
    ...(result.tag && { tag: text(result.tag) }),
    ...(result.aad && { aad: text(result.aad) }),
  }
}

/** The algorithm and a digest of its length. @throws Fault `AlgorithmWrong` or `PropertyWrong` */
function readDigest(
  { body, kid, details }: Opened,
  name: 'value' | 'digest',
): { asked: Named<SignAlgorithm>; digest: Buffer } {
  const fitting = { kid, shown: details, verb: 'signing' }
  const algorithm = readAlgorithm(signAlgorithms, body['alg'], fitting)
  const digest = readBytes(body, name)
  const longest = details.bits / 8 - 11
  const fits =
    algorithm.digestBytes === undefined
      ? digest.length <= longest
      : digest.length === algorithm.digestBytes
  const asked = { name: String(body['alg']), algorithm }
  if (fits) return { asked, digest }
  const expected = algorithm.digestBytes ?? `at most ${longest}`
  throw new Fault<VaultFaultCode>(
    'AlgorithmWrong',
    `Invalid length of '${name}': ${digest.length} bytes. Algorithm '${body['alg']}' requires ${expected} bytes.`,
  )
}

const cryptoOperations = [
  ...cryptoOperation(
    { name: 'encrypt', path: 'encrypt', use: 'encrypt' },
    { dataAction: 'keys/encrypt/action', audit: 'KeyEncrypt' },
    cipher('encrypt'),
  ),
  ...cryptoOperation(
    { name: 'decrypt', path: 'decrypt', use: 'decrypt' },
    { dataAction: 'keys/decrypt/action', audit: 'KeyDecrypt' },
    cipher('decrypt'),
  ),
  ...cryptoOperation(
    { name: 'wrapKey', path: 'wrapkey', use: 'wrapKey' },
    { dataAction: 'keys/wrap/action', audit: 'KeyWrap' },
    cipher('wrapKey'),
  ),
  ...cryptoOperation(
    { name: 'unwrapKey', path: 'unwrapkey', use: 'unwrapKey' },
    { dataAction: 'keys/unwrap/action', audit: 'KeyUnwrap' },
    cipher('unwrapKey'),
  ),
  ...cryptoOperation(
    { name: 'sign', path: 'sign', use: 'sign' },
    { dataAction: 'keys/sign/action', audit: 'KeySign' },
    (opened) => {
      const { asked, digest } = readDigest(opened, 'value')
      return then(opened.engine.sign(opened.key, asked, digest), (signature) => ({
        kid: opened.kid,
        value: signature.toString('base64url'),
      }))
    },
  ),
  ...cryptoOperation(
    { name: 'verify', path: 'verify', use: 'verify' },
    { dataAction: 'keys/verify/action', audit: 'KeyVerify' },
    (opened) => {
      const { asked, digest } = readDigest(opened, 'digest')
      const signature = readBytes(opened.body, 'value')
      const verified = opened.engine.verify(opened.key, asked, { digest, signature })
      return then(verified, (value) => ({ value }))
    },
  ),
]

/** Azure has it on managed HSM only; here whoever may read a key's public part may have it. */
const getRandomBytes = vaultOperation(
  'GetRandomBytes',
  { method: 'POST', path: '/rng' },
  { policy: 'get', dataAction: 'keys/read', audit: 'RandomBytesGet' },
  async (call, { store }) => {
    const { count } = readBody(await call.readJson()) as { count?: unknown }
    if (typeof count !== 'number' || !Number.isInteger(count)) throw propertyWrong('count')
    if (count < 1 || count > RNG_LIMIT_BYTES) throw propertyWrong('count')
    const bytes = store.hsmToken ? await store.hsmToken.random(count) : randomBytes(count)
    return json(200, { value: bytes.toString('base64url') })
  },
)

/** What a key is used for (key-vault.md §7.1, §8). */
export const keyUseOperations = [...cryptoOperations, getRandomBytes]
