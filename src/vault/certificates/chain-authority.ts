import { createPrivateKey, generateKeyPair, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import { statement } from '../../storage/database.ts'
import type { ScopeSealer } from '../../storage/sealing.ts'
import type { VaultStore } from '../context.ts'
import type { AuthorityTable, ObjectTables } from '../objects/tables.ts'
import { writePem } from './pem.ts'
import { certify, type Holder, selfSign } from './x509.ts'

const generate = promisify(generateKeyPair)

const ID = 'chain'
/** The scope and the place of the intermediate's key. */
export const AUTHORITY_SCOPE = 'certificate-authority'
export const AUTHORITY_KEY_PLACE = 'certificates/authority/intermediate'

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

const authorityRow = statement<ObjectTables, { id: string }, AuthorityTable>((query, parameter) =>
  query
    .selectFrom('vault_certificate_authority')
    .selectAll()
    .where('id', '=', parameter<string>('id')),
)

const insertAuthority = statement<ObjectTables, AuthorityTable>((query, parameter) =>
  query.insertInto('vault_certificate_authority').values({
    id: parameter('id'),
    root: parameter('root'),
    intermediate: parameter('intermediate'),
    expires_at_ms: parameter('expires_at_ms'),
    sealed: parameter('sealed'),
  }),
)

/**
 * The authority, made on first use: of two processes that make one at once, the first one's stays.
 * The intermediate's key is sealed in the database; the root's signed once and is forgotten.
 */
export async function openAuthority(
  store: Pick<VaultStore, 'db' | 'sealer'>,
  nowMs: number,
): Promise<ChainAuthority> {
  const scope = await store.sealer.scope(AUTHORITY_SCOPE)
  const [found] = await store.db.all(authorityRow, { id: ID })
  const row = found ?? (await makeAuthority(store, scope, nowMs))
  const der = scope.openBytes(AUTHORITY_KEY_PLACE, row.sealed).open()
  return {
    root: Buffer.from(row.root, 'base64'),
    intermediate: Buffer.from(row.intermediate, 'base64'),
    subject: INTERMEDIATE.subject,
    key: createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }),
    expiresAtMs: row.expires_at_ms,
  }
}

async function makeAuthority(
  store: Pick<VaultStore, 'db'>,
  scope: ScopeSealer,
  nowMs: number,
): Promise<AuthorityTable> {
  const [root, key] = await Promise.all([newKey(), newKey()])
  const startMs = Math.floor(nowMs / 1000) * 1000 - BACKDATE_MS
  const validity = { notBeforeMs: startMs, expiresAtMs: startMs + LIFE_MS }
  const signer = { subject: ROOT.subject, key: root }
  const made: AuthorityTable = {
    id: ID,
    root: selfSign(ROOT, root, validity).toString('base64'),
    intermediate: certify(INTERMEDIATE, key, signer, validity).toString('base64'),
    expires_at_ms: validity.expiresAtMs,
    sealed: scope.seal(AUTHORITY_KEY_PLACE, key.export({ format: 'der', type: 'pkcs8' })),
  }
  return store.db.write(async (tx) => {
    const [found] = await tx.all(authorityRow, { id: ID })
    if (found) return found
    await tx.run(insertAuthority, made)
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
