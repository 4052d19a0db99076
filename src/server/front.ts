import { Fault } from '../base/fault.ts'
import { type Events, type OutboxEvent, toCloudEvent, toEventGridEvent } from '../events/index.ts'
import { operation } from '../http/operation.ts'
import { findBearer, type Principal, type TokenVerifier } from '../http/principal.ts'
import { json, type Reply } from '../http/reply.ts'
import type { Service } from '../http/service.ts'
import type { AuditRow, Monitor } from '../monitor/index.ts'
import type { Realism } from './settings.ts'

/** What `localhost` answers: health, and audit trail and events for those who administer the vaults. */
export interface FrontParts {
  readonly version: string
  /** Absent: nothing of Azure's slowness is shown. */
  readonly realism?: Realism | undefined
  readonly monitor: Monitor
  readonly events: Events
  readonly verifier: TokenVerifier
  /** Whether the caller may read audit trail and events of a vault, or of all when none is named. */
  mayReadAudit(principal: Principal, vaultName: string | undefined): boolean
  findVaultId(name: string): string | undefined
  /** The display name of a directory object, for people. */
  findName(objectId: string): string | undefined
  /** PEM of what stands behind the named issuers of vaults. */
  certificateAuthority(): Promise<{ readonly root: string; readonly intermediate: string }>
}

interface FrontContext {
  readonly principal: Principal | undefined
}

const frontOperation = operation<FrontContext>()

/** The most rows one answer holds. */
const AUDIT_LIMIT = 1000

/** The service behind `localhost`. */
export function frontService(parts: FrontParts): Service<FrontContext> {
  return {
    name: 'front',
    operations: [
      frontOperation('Health', { method: 'GET', path: '/healthz' }, () =>
        json(200, {
          status: 'ok',
          version: parts.version,
          ...(parts.realism && { realistic: parts.realism }),
        }),
      ),
      // Certificates are no secrets: every principal may read them.
      frontOperation(
        'CertificateAuthority',
        { method: 'GET', path: '/certificate-authority', permission: 'certificate-authority/read' },
        async () => json(200, await parts.certificateAuthority()),
      ),
      frontOperation(
        'AuditList',
        { method: 'GET', path: '/audit', permission: 'audit/read' },
        async ({ query }, { principal }) => {
          const vaultId = readVaultId(parts, query, principal)
          await parts.monitor.flush()
          const rows = await parts.monitor.query(auditFilter(query, vaultId))
          return json(200, { value: rows.map((row) => toAuditRow(row, parts)) })
        },
      ),
      frontOperation(
        'EventList',
        { method: 'GET', path: '/events', permission: 'events/read' },
        async ({ query }, { principal }) => {
          const topic = readVaultId(parts, query, principal)
          const toWire = readSchema(query)
          const limit = readTop(query)
          const events = await parts.events.listNewest({ topic, limit })
          return json(200, { value: events.map(toWire) })
        },
      ),
      frontOperation(
        'AuditVerify',
        { method: 'GET', path: '/audit/verify', permission: 'audit/read' },
        async (_call, { principal }) => {
          if (!principal || !parts.mayReadAudit(principal, undefined)) throw auditForbidden()
          await parts.monitor.flush()
          return json(200, await parts.monitor.verifyChain())
        },
      ),
    ],
    open: async (call, asked) => ({
      principal:
        asked.permission === undefined
          ? undefined
          : await authenticate(parts, call.headers.authorization),
    }),
    toReply,
    notFound: () =>
      json(404, {
        error: {
          code: 'NotFound',
          message: 'Nothing is here. The services answer on their own host names.',
        },
      }),
    headers: () => ({ 'cache-control': 'no-store' }),
  }
}

/** The id of the vault that is asked for, if the caller may; undefined for all vaults. */
function readVaultId(
  parts: FrontParts,
  query: URLSearchParams,
  principal: Principal | undefined,
): string | undefined {
  const name = query.get('vault') ?? undefined
  if (!principal || !parts.mayReadAudit(principal, name)) throw auditForbidden()
  const vaultId = name === undefined ? undefined : parts.findVaultId(name)
  if (name !== undefined && vaultId === undefined) throw vaultUnknown(name)
  return vaultId
}

/** The form events are asked for in, Event Grid's own unless told. @throws Fault `SchemaUnknown` */
function readSchema(query: URLSearchParams): (event: OutboxEvent) => object {
  const schema = (query.get('schema') ?? 'eventgrid').toLowerCase()
  if (schema === 'eventgrid') return toEventGridEvent
  if (schema === 'cloudevents') return toCloudEvent
  throw new Fault('SchemaUnknown', `'${schema}' is not a form of events: eventgrid or cloudevents.`)
}

/** How many rows are asked for, 100 unless told. */
function readTop(query: URLSearchParams): number {
  const top = Number(query.get('top') ?? 100)
  return Number.isInteger(top) && top > 0 ? Math.min(top, AUDIT_LIMIT) : 100
}

/** The row as stored, with the time and the caller in a form that people read. */
function toAuditRow(row: AuditRow, parts: FrontParts): object {
  const objectId = row.identity?.objectId
  const callerName = objectId === undefined ? undefined : parts.findName(objectId)
  return {
    time: new Date(row.timeMs).toISOString(),
    ...row,
    ...(callerName === undefined ? {} : { callerName }),
  }
}

function auditFilter(query: URLSearchParams, vaultId: string | undefined) {
  const since = query.get('since')
  const object = query.get('object')
  const operationName = query.get('operation')
  return {
    limit: readTop(query),
    ...(vaultId === undefined ? {} : { vaultId }),
    ...(object === null ? {} : { object: object.includes('/') ? object : `secrets/${object}` }),
    ...(operationName === null ? {} : { operation: operationName }),
    ...(since === null ? {} : { sinceMs: Number(since) }),
  }
}

async function authenticate(
  parts: FrontParts,
  authorization: string | undefined,
): Promise<Principal> {
  const token = findBearer(authorization)
  if (!token)
    throw new Fault('TokenMissing', 'Send a bearer token for https://management.azure.com.')
  const principal = await parts.verifier.verify(token)
  if (!/^https:\/\/management\.(azure\.com|core\.windows\.net)\/?$/.test(principal.audience)) {
    throw new Fault(
      'TokenMissing',
      'The token is for another service. Ask for one for https://management.azure.com.',
    )
  }
  return principal
}

function auditForbidden(): Fault<'AuditForbidden'> {
  return new Fault(
    'AuditForbidden',
    'You may not read the audit trail or the events of this. It takes a role with Microsoft.Insights/eventtypes/values/read, for example Reader, at that scope.',
  )
}

function vaultUnknown(name: string): Fault<'VaultUnknown'> {
  return new Fault('VaultUnknown', `There is no vault named ${name}.`)
}

const STATUS: Readonly<Record<string, number>> = { AuditForbidden: 403, VaultUnknown: 404 }

function toReply(thrown: unknown): Reply {
  if (!(thrown instanceof Fault)) {
    return json(500, {
      error: {
        code: 'InternalServerError',
        message: 'The server met a defect of its own; its log says more.',
      },
    })
  }
  const status =
    STATUS[thrown.code] ??
    (thrown.code.startsWith('Token') || thrown.code === 'IssuerWrong' ? 401 : 400)
  return json(status, { error: { code: thrown.code, message: thrown.message } })
}
