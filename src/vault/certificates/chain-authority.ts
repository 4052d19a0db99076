import { createPrivateKey, generateKeyPair, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import type { VaultStore } from '../context.ts'
import { findSetting, putSetting, type Setting } from './authority-store.ts'
import { writePem } from './pem.ts'
import { certify, type Holder, selfSign } from './x509.ts'

const generate = promisify(generateKeyPair)

/** Its row stands beside the settings of the vaults, under no vault. */
const ROW = { vault: '', name: 'authority' }
const SCOPE = 'certificate-authority'
const KEY_PLACE = 'certificates/authority/intermediate'

const YEAR_MS = 365 * 86_400_000
/** A clock that was moved ahead when the authority was made must not make it invalid for others. */
const BACKDATE_MS = 10 * YEAR_MS
const LIFE_MS = 50 * YEAR_MS

const AUTHORITY: Omit<Holder, 'subject'> = {
  names: {},
  ekus: [],
  keyUsage: ['keyCertSign', 'cRLSign'],
  isAuthority: true,
}
const ROOT: Holder = {
  ...AUTHORITY,
  subject: 'CN=Sluice Certificate Root, O=Sluice',
  pathLength: 1,
}
const INTERMEDIATE: Holder = {
  ...AUTHORITY,
  subject: 'CN=Sluice Certificate Issuer, O=Sluice',
  pathLength: 0,
}

/** What stands behind the named issuers of all vaults: two certificates and the signing key. */
export interface ChainAuthority {
  /** DER. */
  readonly root: Buffer
  /** DER; it signs the leaves. */
  readonly intermediate: Buffer
  readonly subject: string
  readonly key: KeyObject
  readonly expiresAtMs: number
}

interface Made {
  readonly root: string
  readonly intermediate: string
  readonly expiresAtMs: number
}

/**
 * The authority, made on first use: of two processes that make one at once, the first one's stays.
 * The intermediate's key is sealed in the database; the root's signed once and is forgotten.
 */
export async function openAuthority(
  store: Pick<VaultStore, 'db' | 'sealer'>,
  nowMs: number,
): Promise<ChainAuthority> {
  const scope = await store.sealer.scope(SCOPE)
  const found = (await findSetting(store.db, ROW)) ?? (await makeAuthority(store, nowMs))
  const made = found.body as unknown as Made
  const der = scope.openBytes(KEY_PLACE, found.sealed ?? Buffer.alloc(0)).open()
  return {
    root: Buffer.from(made.root, 'base64'),
    intermediate: Buffer.from(made.intermediate, 'base64'),
    subject: INTERMEDIATE.subject,
    key: createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }),
    expiresAtMs: made.expiresAtMs,
  }
}

async function makeAuthority(
  store: Pick<VaultStore, 'db' | 'sealer'>,
  nowMs: number,
): Promise<Setting> {
  const scope = await store.sealer.scope(SCOPE)
  const [root, intermediate] = await Promise.all([newKey(), newKey()])
  const startMs = Math.floor(nowMs / 1000) * 1000 - BACKDATE_MS
  const validity = { notBeforeMs: startMs, expiresAtMs: startMs + LIFE_MS }
  const body = {
    root: selfSign(ROOT, root, validity).toString('base64'),
    intermediate: certify(
      INTERMEDIATE,
      intermediate,
      { subject: ROOT.subject, key: root },
      validity,
    ).toString('base64'),
    expiresAtMs: validity.expiresAtMs,
  }
  const sealed = scope.seal(KEY_PLACE, intermediate.export({ format: 'der', type: 'pkcs8' }))
  return store.db.write(async (tx) => {
    const found = await findSetting(tx, ROW)
    if (found) return found
    const made: Setting = { name: ROW.name, body, sealed }
    await putSetting(tx, ROW.vault, made)
    return made
  })
}

/** P-256: made at once, and every client of today verifies it. */
async function newKey(): Promise<KeyObject> {
  const { privateKey } = await generate('ec', { namedCurve: 'P-256' })
  return privateKey
}

/** Root and intermediate as PEM, for those who are to trust what the issuers issue. */
export async function readAuthorityPem(
  store: Pick<VaultStore, 'db' | 'sealer'>,
  nowMs: number,
): Promise<{ readonly root: string; readonly intermediate: string }> {
  const { root, intermediate } = await openAuthority(store, nowMs)
  const toPem = (der: Buffer) => writePem({ key: undefined, certificates: [der] })
  return { root: toPem(root), intermediate: toPem(intermediate) }
}
