import { Fault } from '../base/fault.ts'
import { operation } from '../http/operation.ts'
import { findBearer, type Principal, type TokenVerifier } from '../http/principal.ts'
import { json, type Reply } from '../http/reply.ts'
import type { Service } from '../http/service.ts'
import type { AuditRow, Monitor } from '../monitor/index.ts'

/** What `localhost` answers: health, and the audit trail for those who administer the vaults. */
export interface FrontParts {
  readonly version: string
  readonly monitor: Monitor
  readonly verifier: TokenVerifier
  /** Whether the caller may read the audit trail of a vault, or of all when none is named. */
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
        json(200, { status: 'ok', version: parts.version }),
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
          const vault = query.get('vault') ?? undefined
          if (!principal || !parts.mayReadAudit(principal, vault)) throw auditForbidden()
          const vaultId = vault === undefined ? undefined : parts.findVaultId(vault)
          if (vault !== undefined && vaultId === undefined) throw vaultUnknown(vault)
          await parts.monitor.flush()
          const rows = await parts.monitor.query(auditFilter(query, vaultId))
          return json(200, { value: rows.map((row) => toAuditRow(row, parts)) })
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
  const top = Number(query.get('top') ?? 100)
  return {
    limit: Number.isInteger(top) && top > 0 ? Math.min(top, AUDIT_LIMIT) : 100,
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
    'You may not read this audit trail. It takes a role with Microsoft.Insights/eventtypes/values/read, for example Reader, at that scope.',
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
