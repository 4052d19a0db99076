import { createPublicKey, type KeyObject } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import { isObject } from '../base/json.ts'
import { oauthFault } from './oauth-faults.ts'

/** Gets a JSON document from another issuer. It throws when there is none. */
export type FetchJson = (url: string) => Promise<unknown>

/** The public keys of other issuers, by their published documents. */
export interface FederatedKeys {
  /**
   * The key `kid` of `issuer`, or undefined when the issuer does not list it.
   *
   * @throws Fault `FederatedIssuerSilent` when its documents cannot be had or name another issuer
   */
  find(issuer: string, kid: string): Promise<KeyObject | undefined>
}

const REMEMBERED_MS = 300_000
/** An unknown key asks again, but not more often than this. */
const ASK_AGAIN_MS = 10_000
const ANSWER_LIMIT_BYTES = 1024 * 1024

/** Remembers keys for five minutes; an unknown `kid` asks the issuer again. */
export function openFederatedKeys(
  clock: Clock,
  fetchJson: FetchJson = fetchDocument,
): FederatedKeys {
  const held = new Map<string, { readonly atMs: number; readonly keys: Map<string, KeyObject> }>()
  return {
    find: async (issuer, kid) => {
      const nowMs = clock.nowMs()
      const known = held.get(issuer)
      const ageMs = known ? nowMs - known.atMs : Number.POSITIVE_INFINITY
      if (known && ageMs < (known.keys.has(kid) ? REMEMBERED_MS : ASK_AGAIN_MS)) {
        return known.keys.get(kid)
      }
      const keys = await loadKeys(issuer, fetchJson)
      held.set(issuer, { atMs: nowMs, keys })
      return keys.get(kid)
    },
  }
}

async function loadKeys(issuer: string, fetchJson: FetchJson): Promise<Map<string, KeyObject>> {
  try {
    const base = issuer.replace(/\/$/, '')
    const document = await fetchJson(`${base}/.well-known/openid-configuration`)
    if (!isObject(document) || document['issuer'] !== issuer) throw new Error('another issuer')
    const set = await fetchJson(String(document['jwks_uri']))
    const keys = isObject(set) && Array.isArray(set['keys']) ? set['keys'] : []
    const found = new Map<string, KeyObject>()
    for (const key of keys) {
      if (!isObject(key) || key['kty'] !== 'RSA' || typeof key['kid'] !== 'string') continue
      const { n, e } = key
      if (typeof n !== 'string' || typeof e !== 'string') continue
      found.set(key['kid'], createPublicKey({ key: { kty: 'RSA', n, e }, format: 'jwk' }))
    }
    return found
  } catch {
    throw oauthFault(
      'FederatedIssuerSilent',
      `Request to External OIDC endpoint failed. Issuer: '${issuer}'. It must be reachable, name itself as the issuer and list its keys.`,
    )
  }
}

async function fetchDocument(url: string): Promise<unknown> {
  const { protocol, hostname } = new URL(url)
  const isLoopback = ['localhost', '127.0.0.1', '[::1]'].includes(hostname)
  if (protocol !== 'https:' && !(protocol === 'http:' && isLoopback)) throw new Error('not https')
  const answer = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(5000) })
  if (!answer.ok) throw new Error(`status ${answer.status}`)
  const text = await answer.text()
  if (text.length > ANSWER_LIMIT_BYTES) throw new Error('too large')
  return JSON.parse(text)
}
