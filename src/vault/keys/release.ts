import { constants, publicEncrypt, randomBytes, sign } from 'node:crypto'
import { Fault } from '../../base/fault.ts'
import { findString, readString } from '../../base/json.ts'
import type { Call } from '../../http/call.ts'
import { json, type Reply } from '../../http/reply.ts'
import type { VaultCall } from '../context.ts'
import { keyRefused, notOffered, propertyWrong, type VaultFaultCode } from '../faults.ts'
import { orPropertyWrong, readBody, readName } from '../objects/attributes.ts'
import { openValue, readObjectVersion } from '../objects/objects.ts'
import type { ObjectVersion } from '../objects/version.ts'
import { type VaultOperation, vaultOperation } from '../operation.ts'
import { wrap } from './aes.ts'
import { type EncryptionKey, readAttestation, readEncryptionKey } from './attestation-token.ts'
import { detailsOf } from './key.ts'
import { familyOf, toPrivateKeyObject } from './material.ts'
import { meetsPolicy, type ReleasePolicy, readRules } from './release-policy.ts'
import { OAEP_HASHES } from './transfer-blob.ts'
import { kidOf, toKeyBundle } from './wire.ts'

const NONCE_LIMIT_CHARACTERS = 1024

interface Asked {
  readonly target: string
  readonly nonce: string | undefined
  readonly enc: string
}

type KeyCall = Call<{ readonly name: string; readonly version?: string }>

async function release(call: KeyCall, vault: VaultCall): Promise<Reply> {
  const name = readName(call.params.name)
  const asked = readAsked(readBody(await call.readJson()))
  const found = await readObjectVersion(vault, 'keys', name, call.params.version)
  vault.store.throttle?.takeKey(vault.vault, detailsOf(found), 'create', vault.nowMs)
  const policy = readPolicy(found)
  const { release: ports } = vault.store
  if (!ports) throw notOffered('This server releases no keys.')
  const rules = readRules(policy)
  const authorities = rules.map(({ authority }) => authority)
  const attested = await readAttestation(asked.target, authorities, ports.keys, vault.nowMs)
  if (!meetsPolicy(rules, attested.authority, attested.claims)) {
    throw new Fault<VaultFaultCode>(
      'AttestationRefused',
      'Target environment attestation does not meet key release policy requirements.',
    )
  }
  const wrapped = wrapFor(readEncryptionKey(attested.claims), vault, found, asked.enc)
  const payload = toPayload(vault, found, asked, wrapped)
  const { host } = new URL(vault.uri)
  const { key, x5c } = await ports.certificates.read(host.replace(/:\d+$/, ''))
  const input = `${encode({ alg: 'RS256', typ: 'JWT', x5c })}.${encode(payload)}`
  const signature = sign('sha256', Buffer.from(input), key).toString('base64url')
  return json(200, { value: `${input}.${signature}` })
}

function readAsked(body: Record<string, unknown>): Asked {
  return orPropertyWrong('release', () => {
    const enc = findString(body['enc'], 'enc') ?? 'CKM_RSA_AES_KEY_WRAP'
    const nonce = findString(body['nonce'], 'nonce')
    const target = readString(body['target'], 'target')
    if (!Object.hasOwn(OAEP_HASHES, enc)) throw propertyWrong('enc')
    if (nonce !== undefined && nonce.length > NONCE_LIMIT_CHARACTERS) throw propertyWrong('nonce')
    return { target, nonce, enc }
  })
}

/**
 * Release is allowed outside nbf and exp (key-vault.md §7.4), and needs no word in `key_ops`: keys are
 * made without one.
 */
function readPolicy(found: ObjectVersion): ReleasePolicy {
  if (!found.enabled) throw keyRefused('KeyDisabled', 'release')
  const { exportable, release_policy: policy } = detailsOf(found)
  if (exportable === true && policy) return policy
  throw new Fault<VaultFaultCode>(
    'ReleaseForbidden',
    `The key ${found.name} is not exportable. Only a key made exportable, with a release policy, can be released.`,
  )
}

/** What `key_hsm` holds: the key encrypted to the attested environment. */
function wrapFor(to: EncryptionKey, vault: VaultCall, found: ObjectVersion, enc: string): string {
  const details = detailsOf(found)
  const secret = openValue(vault.scope, 'keys', found)
  const isBytes = familyOf(details.kty) === 'oct'
  const plain = isBytes
    ? secret
    : toPrivateKeyObject(details, secret).export({ format: 'der', type: 'pkcs8' })
  const aesKey = randomBytes(32)
  const padding = constants.RSA_PKCS1_OAEP_PADDING
  const oaepHash = OAEP_HASHES[enc] ?? ''
  const head = publicEncrypt({ key: to.key, padding, oaepHash }, aesKey)
  const tail = wrap(aesKey, plain, true)
  if (!tail) throw new Error('A key could not be wrapped.')
  return encode({
    schema_version: '1.0',
    header: { kid: to.kid, alg: 'dir', enc },
    ciphertext: Buffer.concat([head, tail]).toString('base64url'),
  })
}

function toPayload(vault: VaultCall, found: ObjectVersion, asked: Asked, wrapped: string): object {
  const bundle = toKeyBundle(vault, found) as { readonly key: object }
  return {
    request: {
      'api-version': vault.apiVersion,
      enc: asked.enc,
      kid: kidOf(vault, found),
      ...(asked.nonce !== undefined && { nonce: asked.nonce }),
    },
    response: { key: { ...bundle, key: { ...bundle.key, key_hsm: wrapped } } },
  }
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

/** Keys in software have no hardware that could vouch for them, and tokens each have a form of their own (key-vault.md U14). */
async function attest(call: KeyCall, vault: VaultCall): Promise<Reply> {
  const name = readName(call.params.name)
  const found = await readObjectVersion(vault, 'keys', name, call.params.version)
  throw notOffered(
    detailsOf(found).protection === 'token'
      ? `The key ${found.name} lives in an HSM token, which attests nothing that Key Vault's clients know.`
      : `The key ${found.name} is kept in software, so there is nothing that could be attested.`,
  )
}

const releaseRight = {
  policy: 'release',
  dataAction: 'keys/release/action',
  audit: 'KeyRelease',
  budget: 'keys',
} as const
const attestRight = { policy: 'get', dataAction: 'keys/read', audit: 'KeyGet' } as const

/** Each on two paths: with and without the version. */
function onBoth(
  name: string,
  route: { readonly method: 'GET' | 'POST'; readonly word: string },
  right: typeof releaseRight | typeof attestRight,
  handle: (call: KeyCall, vault: VaultCall) => Promise<Reply>,
): VaultOperation[] {
  return [`/keys/:name/:version/${route.word}`, `/keys/:name/${route.word}`].map((path) =>
    vaultOperation(
      name,
      { method: route.method, path },
      right,
      handle as Parameters<typeof vaultOperation>[3],
    ),
  )
}

/** Secure key release, and attestation of keys (key-vault.md §7.1). */
export const releaseOperations = [
  ...onBoth('release', { method: 'POST', word: 'release' }, releaseRight, release),
  ...onBoth('GetKeyAttestation', { method: 'GET', word: 'attestation' }, attestRight, attest),
]
