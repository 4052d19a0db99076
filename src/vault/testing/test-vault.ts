import { generateKeyPairSync, sign, verify } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { manualClock } from '../../base/clock.ts'
import { Fault } from '../../base/fault.ts'
import type { Principal, TokenVerifier } from '../../http/principal.ts'
import { createHandler } from '../../http/service.ts'
import type { HsmToken } from '../../pkcs11/index.ts'
import type { Database, Statement } from '../../storage/database.ts'
import { type Migration, migrate } from '../../storage/migrations.ts'
import { loadRootKey } from '../../storage/root-key-file.ts'
import { Sealer, sealingMigrations } from '../../storage/sealing.ts'
import { openTestDatabase } from '../../storage/testing/test-database.ts'
import {
  openVault,
  type ThrottleLimits,
  type Vault,
  type VaultPorts,
  vaultMigrations,
} from '../index.ts'
import type {
  AuditEntry,
  Authorizer,
  CallerRoutes,
  EventSink,
  HsmResource,
  VaultEvent,
  VaultResource,
} from '../ports.ts'

export const TENANT = '11111111-2222-3333-4444-555555555555'
export const CALLER = '0c0c0c0c-0000-4000-8000-000000000001'
export const NOON_MS = 1_790_000_000_000
const ISSUER = `https://sts.windows.net/${TENANT}/`
const KEYS = generateKeyPairSync('ed25519')

/** A vault of the policy model whose caller may do everything, purge included. */
export const VAULT: VaultResource = {
  kind: 'vault',
  id: '/subscriptions/5ub00000-0000-4000-8000-000000000000/resourceGroups/RG/providers/Microsoft.KeyVault/vaults/v1',
  name: 'v1',
  location: 'eastus2',
  tenantId: TENANT,
  dataId: 'da7a0000-0000-4000-8000-000000000001',
  sku: 'premium',
  enableRbacAuthorization: false,
  softDeleteRetentionInDays: 7,
  enablePurgeProtection: false,
  accessPolicies: [
    {
      tenantId: TENANT,
      objectId: CALLER,
      permissions: {
        keys: ['all', 'purge'],
        secrets: ['all', 'purge'],
        certificates: ['all', 'purge'],
        storage: [],
      },
    },
  ],
  publicNetworkAccess: 'Enabled',
}

/** A managed HSM whose administrator is the caller. Nothing activated it. */
export const HSM: HsmResource = {
  kind: 'managedHsm',
  id: '/subscriptions/5ub00000-0000-4000-8000-000000000000/resourceGroups/RG/providers/Microsoft.KeyVault/managedHSMs/h1',
  name: 'h1',
  location: 'eastus2',
  tenantId: TENANT,
  dataId: 'da7a0000-0000-4000-8000-0000000000f1',
  skuName: 'Standard_B1',
  initialAdminObjectIds: [CALLER],
  softDeleteRetentionInDays: 7,
  enablePurgeProtection: false,
  publicNetworkAccess: 'Enabled',
}

export interface Claims {
  readonly aud?: string
  readonly iss?: string
  readonly tid?: string
  readonly oid?: string
  readonly appid?: string | undefined
  readonly groups?: readonly string[]
  readonly exp?: number
  readonly idtyp?: 'user' | 'app'
}

/** A token of the test issuer, signed with Ed25519. */
export function tokenOf(claims: Claims = {}): string {
  const payload = {
    aud: 'https://vault.azure.net',
    iss: ISSUER,
    tid: TENANT,
    oid: CALLER,
    appid: 'a99a0000-0000-4000-8000-000000000001',
    exp: NOON_MS / 1000 + 3600,
    ...claims,
  }
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')
  const text = `${encode({ alg: 'EdDSA', typ: 'JWT' })}.${encode(payload)}`
  return `${text}.${sign(null, Buffer.from(text), KEYS.privateKey).toString('base64url')}`
}

/** Verifies each token anew, so that both ways (at once, later) can be tested. */
function testVerifier(nowMs: () => number, later: boolean): TokenVerifier {
  const check = (token: string): Principal => {
    const [head = '', body = '', signature = ''] = token.split('.')
    if (signature === '') throw new Fault('TokenMalformed', 'Not a token.')
    const signed = Buffer.from(`${head}.${body}`)
    if (!verify(null, signed, KEYS.publicKey, Buffer.from(signature, 'base64url'))) {
      throw new Fault('TokenSignatureWrong', 'The signature is wrong.')
    }
    const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as Required<Claims>
    if (claims.iss !== ISSUER && !claims.iss.includes('sts.windows.net/22222222')) {
      throw new Fault('IssuerWrong', 'The issuer is not known.', claims.iss)
    }
    if (claims.exp * 1000 <= nowMs()) throw new Fault('TokenExpired', 'The token has expired.')
    return {
      kind: claims.idtyp === 'user' ? 'user' : 'servicePrincipal',
      objectId: claims.oid,
      appId: claims.appid,
      tenantId: claims.tid,
      issuer: claims.iss,
      audience: claims.aud,
      expiresAtMs: claims.exp * 1000,
      groups: claims.groups ?? [],
      name: undefined,
    }
  }
  return { issuers: [ISSUER], verify: later ? async (token) => check(token) : check }
}

export interface Answer {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes.
  readonly body: any
}

export interface Asked {
  readonly body?: unknown
  readonly host?: string
  readonly token?: string | undefined
  readonly headers?: Readonly<Record<string, string>>
  /** Added unless the path has one; null for none. */
  readonly version?: string | null
}

export interface TestVault {
  readonly vault: Vault
  readonly clock: ReturnType<typeof manualClock>
  readonly audit: AuditEntry[]
  readonly bugs: unknown[]
  readonly folder: string
  readonly db: Database<unknown>
  readonly sealer: Sealer
  /** What was published, in order. */
  events(): Promise<VaultEvent[]>
  /** Replaces the vault of that name. */
  put(resource: VaultResource | HsmResource): void
  ask(method: string, path: string, asked?: Asked): Promise<Answer>
  close(): Promise<void>
}

export interface TestOptions {
  readonly resource?: Partial<VaultResource>
  readonly authorizer?: Authorizer
  readonly routes?: CallerRoutes
  readonly later?: boolean
  readonly folder?: string
  readonly cacheBytes?: number
  readonly limits?: ThrottleLimits
  /** Opens what `file` stands for; without it, the engine that is under test. */
  readonly openDatabase?: (file: string) => Promise<Database<unknown>>
  readonly hsmToken?: HsmToken
  readonly release?: NonNullable<VaultPorts['release']>
  /** Stands before the vault's database, for example to slow it down. */
  readonly through?: (db: Database<unknown>) => Database<unknown>
  readonly events?: EventSink
}

/** Events are rows here too, so that a write that fails takes its events along. */
const eventTable: Migration = {
  name: 'test-0001-events',
  up: (query) =>
    query.schema
      .createTable('test_event')
      .addColumn('id', 'integer', (column) => column.primaryKey())
      .addColumn('body', 'text', (column) => column.notNull())
      .execute(),
}
const insertEvent: Statement<{ readonly event: VaultEvent }, never> = {
  sql: 'insert into test_event (body) values (?)',
  bind: ({ event }) => [JSON.stringify(event)],
}
const allEvents: Statement<undefined, { readonly body: string }> = {
  sql: 'select body from test_event order by id',
  bind: () => [],
}

const DENY_ALL: Authorizer = { decide: () => ({ allowed: false }) }

/** A vault behind a real HTTP server, on a database in a folder of its own. */
export async function startVault(options: TestOptions = {}): Promise<TestVault> {
  const folder = options.folder ?? mkdtempSync(path.join(os.tmpdir(), 'sluice-vault-'))
  const clock = manualClock(NOON_MS)
  const rootKey = loadRootKey(folder)
  const open = options.openDatabase ?? ((file: string) => openTestDatabase<unknown>(file))
  const db = await open(path.join(folder, 'sluice.db'))
  await migrate(db, [...sealingMigrations, ...vaultMigrations, eventTable], 1)
  const sealer = new Sealer(db as never, rootKey, clock.nowMs)
  const first = { ...VAULT, ...options.resource }
  const vaults = new Map([[first.name, first]])
  const hsms = new Map([[HSM.name, HSM]])
  const audit: AuditEntry[] = []
  const bugs: unknown[] = []
  const vault = openVault({
    db: options.through?.(db) ?? db,
    sealer,
    clock,
    verifier: testVerifier(clock.nowMs, options.later === true),
    directory: {
      findVault: (name) => vaults.get(name.toLowerCase()),
      findVaultOf: (dataId) => [...vaults.values()].find((one) => one.dataId === dataId),
      findHsm: (name) => hsms.get(name.toLowerCase()),
    },
    authorizer: options.authorizer ?? DENY_ALL,
    audit: { record: (entry) => audit.push(entry) },
    events: options.events ?? { record: async (tx, event) => tx.run(insertEvent, { event }) },
    ...(options.routes && { routes: options.routes }),
    ...(options.limits && { limits: options.limits }),
    ...(options.hsmToken && { hsmToken: options.hsmToken }),
    ...(options.release && { release: options.release }),
    ...(options.cacheBytes !== undefined && { cacheBytes: options.cacheBytes }),
  })
  const server = await listen(vault, clock, (error) => bugs.push(error))
  const agent = new http.Agent({ keepAlive: true })
  return {
    vault,
    clock,
    audit,
    bugs,
    folder,
    db,
    sealer,
    events: async () =>
      (await db.all(allEvents, undefined)).map(({ body }) => JSON.parse(body) as VaultEvent),
    put: (resource) => {
      if (resource.kind === 'vault') vaults.set(resource.name, resource)
      else hsms.set(resource.name, resource)
    },
    ask: (method, path, asked = {}) => send(agent, server, { method, path, asked }),
    close: async () => {
      agent.destroy()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await db.close()
      if (!options.folder) rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function listen(
  vault: Vault,
  clock: TestVault['clock'],
  onBug: (error: unknown) => void,
): Promise<http.Server> {
  const handler = createHandler(vault.service, clock, onBug)
  const hsmHandler = createHandler(vault.hsmService, clock, onBug)
  const server = http.createServer((request, response) => {
    const host = (request.headers.host ?? '').toLowerCase()
    const dot = host.indexOf('.')
    const label = dot < 0 ? undefined : host.slice(0, dot)
    const suffix = host.slice(dot + 1)
    const answer = suffix.startsWith('managedhsm.') ? hsmHandler : handler
    answer(request, response, { host, label, suffix })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}

function send(
  agent: http.Agent,
  server: http.Server,
  { method, path, asked }: { method: string; path: string; asked: Asked },
): Promise<Answer> {
  const version = asked.version === undefined ? '7.4' : asked.version
  const joint = path.includes('?') ? '&' : '?'
  const hasVersion = version === null || path.includes('api-version=')
  const token = 'token' in asked ? asked.token : tokenOf()
  const body = typeof asked.body === 'string' ? asked.body : JSON.stringify(asked.body)
  const headers: Record<string, string> = {
    host: asked.host ?? 'v1.vault.azure.net',
    ...(body !== undefined && {
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(body)),
    }),
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    ...(body === undefined && method === 'POST' && { 'content-length': '0' }),
    ...asked.headers,
  }
  const { port } = server.address() as AddressInfo
  return new Promise((resolve, reject) => {
    const request = http.request(
      {
        agent,
        port,
        host: '127.0.0.1',
        method,
        headers,
        path: hasVersion ? path : `${path}${joint}api-version=${version}`,
      },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () => resolve(toAnswer(response, Buffer.concat(chunks).toString())))
      },
    )
    request.on('error', reject)
    request.end(body)
  })
}

function toAnswer(response: http.IncomingMessage, text: string): Answer {
  // The 401 of a managed HSM is JSON in name only.
  const isJson =
    response.headers['content-type']?.startsWith('application/json') === true && text !== 'OK'
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    text,
    body: isJson && text !== '' ? JSON.parse(text) : undefined,
  }
}
