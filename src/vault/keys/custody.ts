import type { KeyObject } from 'node:crypto'
import { Fault } from '../../base/fault.ts'
import { newVersionId } from '../../base/ids.ts'
import type { HsmToken } from '../../pkcs11/index.ts'
import type { VaultCall, VaultStore } from '../context.ts'
import { notOffered, type VaultFaultCode } from '../faults.ts'
import type { Writing } from '../objects/store.ts'
import {
  familyOf,
  generateMaterial,
  type KeyMaterial,
  type KeySpec,
  toPrivateKeyObject,
} from './material.ts'
import type { TokenAsk } from './token-keys.ts'
import { listDueObjects, noteObject, strikeObject } from './token-objects.ts'
import { objectIdOf } from './token-reference.ts'

/** A key that was not stored so long after it was begun is an orphan: generating takes minutes at most. */
const ORPHAN_MS = 30 * 60_000

/** What making a key needs of a call; a sweep has no caller. */
export type MakingCall = Pick<VaultCall, 'store' | 'vault' | 'nowMs'>

interface Asked {
  /** Lower case. */
  readonly name: string
  readonly keyOps: readonly string[] | undefined
  /** A key that can be released is refused where keys never leave. */
  readonly exportable?: boolean | undefined
}

/**
 * Makes a key: one of an HSM type in the token when there is one, every other in software.
 *
 * @throws Fault `HsmCannot` or `HsmUnavailable`: never made in software instead
 */
export async function makeMaterial(
  call: MakingCall,
  spec: KeySpec,
  asked: Asked,
): Promise<KeyMaterial> {
  const token = tokenFor(call.store, spec.kty)
  if (!token) return generateMaterial(spec)
  const { generateInToken } = await import('./token-keys.ts')
  return keepInToken(call, token, asked, (ask) => generateInToken(token, spec, ask))
}

/** Where a key that was brought is kept: as `makeMaterial`. */
export async function adoptMaterial(
  call: MakingCall,
  given: KeyMaterial,
  asked: Asked,
): Promise<KeyMaterial> {
  const { shown, secret } = given
  const token = tokenFor(call.store, shown.kty)
  if (!token) return given
  const key = toTokenForm(given)
  const { importIntoToken } = await import('./token-keys.ts')
  const kept = await keepInToken(call, token, asked, (ask) =>
    importIntoToken(token, { shown, key }, ask),
  )
  secret.open().fill(0)
  return kept
}

/** As a token takes it: an object of its parts, or the bytes of a symmetric key. */
function toTokenForm({ shown, secret }: KeyMaterial): KeyObject | Buffer {
  const bytes = secret.open()
  return familyOf(shown.kty) === 'oct' ? bytes : toPrivateKeyObject(shown, bytes)
}

/** The token that has a key. @throws Fault `HsmUnavailable` when none is configured */
export function requireToken({ hsmToken }: Pick<VaultStore, 'hsmToken'>): HsmToken {
  if (hsmToken) return hsmToken
  throw new Fault<VaultFaultCode>(
    'HsmUnavailable',
    'This key lives in an HSM token, and this server has none configured. Start it with --pkcs11-module and --pkcs11-token.',
  )
}

function tokenFor(store: VaultStore, kty: string): HsmToken | undefined {
  return kty.endsWith('-HSM') ? store.hsmToken : undefined
}

/**
 * A certificate's key is made in software, so that one of an HSM type is refused where such keys live in
 * a token.
 *
 * @throws Fault `NotOffered`
 */
export function refuseTokenKey(store: VaultStore, kty: string): void {
  const token = tokenFor(store, kty)
  if (!token) return
  throw notOffered(
    `Keys of HSM types live in the HSM token "${token.facts.label}", and certificates are not made with those. Ask for a certificate with a key of type ${kty.replace('-HSM', '')}, or sign a request of your own with a key of the token.`,
  )
}

async function keepInToken(
  { store, vault, nowMs }: MakingCall,
  token: HsmToken,
  { name, keyOps, exportable }: Asked,
  make: (ask: TokenAsk) => Promise<KeyMaterial>,
): Promise<KeyMaterial> {
  if (exportable) {
    throw notOffered(
      `Keys of HSM types live in the HSM token "${token.facts.label}" and cannot leave it, so that none of them can be exportable.`,
    )
  }
  const version = newVersionId()
  await store.db.write((tx) => noteObject(tx, version, nowMs + ORPHAN_MS))
  try {
    const label = `sluice ${vault.name}/${name}/${version}`
    return await make({ version, label, keyOps })
  } catch (error) {
    await forgetInToken({ store, token }, version)
    throw error
  }
}

/** In the write that stores a version: its object is an orphan no longer. @throws Fault `HsmUnavailable` */
export async function claimObject(tx: Writing, version: string): Promise<void> {
  if (await strikeObject(tx, version)) return
  throw new Fault<VaultFaultCode>(
    'HsmUnavailable',
    'Making the key took so long that it was given up. Try again.',
  )
}

/** Takes back what was made for a version that was not stored; what fails is left to the sweep. */
export async function discardMaterial(
  store: VaultStore,
  { shown, version }: KeyMaterial,
): Promise<void> {
  const token = store.hsmToken
  if (shown.protection !== 'token' || !token || version === undefined) return
  await forgetInToken({ store, token }, version)
}

async function forgetInToken(
  { store, token }: { readonly store: VaultStore; readonly token: HsmToken },
  version: string,
): Promise<boolean> {
  try {
    await token.destroy(objectIdOf(version))
    await store.db.write((tx) => strikeObject(tx, version))
    return true
  } catch (error) {
    // The note stays, so that the sweep tries again.
    if (error instanceof Fault) return false
    throw error
  }
}

/**
 * Destroys the token's objects of purged versions and of keys that were never stored; gives how many.
 * Stops at the first that the token does not let go, until the next time.
 */
export async function sweepToken(store: VaultStore, nowMs: number): Promise<number> {
  const token = store.hsmToken
  if (!token) return 0
  for (let total = 0; ; ) {
    const due = await listDueObjects(store.db, nowMs)
    if (due.length === 0) return total
    for (const version of due) {
      if (!(await forgetInToken({ store, token }, version))) return total
      total += 1
    }
  }
}
