import { Fault } from '../../base/fault.ts'
import { statement } from '../../storage/database.ts'
import type { VaultFaultCode } from '../faults.ts'
import type { Rows, Writing } from '../objects/store.ts'
import type { ObjectTables, PendingTable } from '../objects/tables.ts'
import type { Tags } from '../objects/version.ts'
import type { CertificatePolicy } from './policy.ts'

interface Where {
  readonly vault: string
  /** Lower case. */
  readonly name: string
}

/** Orders read at once while the due ones are answered. */
const DUE_BATCH = 100

/** A begun operation, in the vendor's states (key-vault.md §10.4). */
export interface PendingState {
  readonly requestId: string
  /** What the certificate's version will be. */
  readonly version: string
  readonly status: 'inProgress' | 'completed' | 'failed' | 'canceled'
  /** base64 of a PKCS#10 request. */
  readonly csr: string
  readonly cancellationRequested: boolean
  readonly error?: { readonly code: string; readonly message: string }
  readonly policy: CertificatePolicy
  readonly enabled?: boolean | undefined
  readonly tags?: Tags | undefined
  readonly preserveCertOrder?: boolean | undefined
  readonly createdAtMs: number
  /** Orders are answered by the clock, too, and then no request names the vault. */
  readonly vaultName?: string
}

export interface Pending {
  /** As first written. */
  readonly displayName: string
  readonly state: PendingState
  readonly sealed: Uint8Array | null
  /** When an order is answered at the earliest. */
  readonly dueAtMs?: number | undefined
}

/** An order that the clock says is to be answered. */
export interface DueOrder extends Where {
  readonly dueAtMs: number
}

const pendingByName = statement<ObjectTables, Where, PendingTable>((query, parameter) =>
  query
    .selectFrom('vault_certificate_pending')
    .selectAll()
    .where('vault', '=', parameter<string>('vault'))
    .where('name', '=', parameter<string>('name')),
)

const deletePending = statement<ObjectTables, Where>((query, parameter) =>
  query
    .deleteFrom('vault_certificate_pending')
    .where('vault', '=', parameter<string>('vault'))
    .where('name', '=', parameter<string>('name')),
)

const insertPending = statement<ObjectTables, PendingTable>((query, parameter) =>
  query.insertInto('vault_certificate_pending').values({
    vault: parameter('vault'),
    name: parameter('name'),
    display_name: parameter('display_name'),
    state: parameter('state'),
    sealed: parameter<Uint8Array | null>('sealed'),
    due_at_ms: parameter<number | null>('due_at_ms'),
  }),
)

const dueOrders = statement<ObjectTables, { nowMs: number; afterMs: number }, PendingTable>(
  (query, parameter) =>
    query
      .selectFrom('vault_certificate_pending')
      .selectAll()
      .where('due_at_ms', '<=', parameter<number>('nowMs'))
      .where('due_at_ms', '>', parameter<number>('afterMs'))
      .orderBy('due_at_ms')
      .limit(DUE_BATCH),
)

/** Operations of names that have no certificate yet. */
const pendingAlone = statement<
  ObjectTables,
  { vault: string; after: string; limit: number },
  PendingTable
>((query, parameter) =>
  query
    .selectFrom('vault_certificate_pending as p')
    .selectAll('p')
    .where('p.vault', '=', parameter<string>('vault'))
    .where('p.name', '>', parameter<string>('after'))
    .where(({ exists, not, selectFrom }) =>
      not(
        exists(
          selectFrom('vault_object as o')
            .select('o.id')
            .whereRef('o.vault', '=', 'p.vault')
            .where('o.kind', '=', 'certificates')
            .whereRef('o.name', '=', 'p.name'),
        ),
      ),
    )
    .orderBy('p.name')
    .limit(parameter<number>('limit')),
)

function fromRow(row: PendingTable): Pending {
  return {
    displayName: row.display_name,
    state: JSON.parse(row.state) as PendingState,
    sealed: row.sealed,
    dueAtMs: row.due_at_ms ?? undefined,
  }
}

export async function findPending(
  rows: Rows,
  { vault, name }: Where,
): Promise<Pending | undefined> {
  const [row] = await rows.all(pendingByName, { vault, name })
  return row && fromRow(row)
}

/** The operation, if it is the one asked for. @throws Fault `PendingNotFound` */
export async function readPending(
  rows: Rows,
  where: Where,
  requestId: string | null,
): Promise<Pending> {
  const found = await findPending(rows, where)
  if (found && (requestId === null || requestId === found.state.requestId)) return found
  throw pendingNotFound()
}

export function pendingNotFound(): Fault<VaultFaultCode> {
  return new Fault('PendingNotFound', 'Pending certificate not found')
}

/** Replaces what the name had. */
export async function putPending(
  tx: Writing,
  { vault, name }: Where,
  pending: Pending,
): Promise<void> {
  await tx.run(deletePending, { vault, name })
  await tx.run(insertPending, {
    vault,
    name,
    display_name: pending.displayName,
    state: JSON.stringify(pending.state),
    sealed: pending.sealed,
    due_at_ms: pending.dueAtMs ?? null,
  })
}

export async function dropPending(tx: Writing, { vault, name }: Where): Promise<void> {
  await tx.run(deletePending, { vault, name })
}

/** Orders due by `nowMs` that were due after `afterMs`, the oldest first; a batch at most. */
export async function listDueOrders(
  rows: Rows,
  bounds: { readonly nowMs: number; readonly afterMs: number },
): Promise<DueOrder[]> {
  const found = await rows.all(dueOrders, bounds)
  return found.map(({ vault, name, due_at_ms }) => ({ vault, name, dueAtMs: due_at_ms ?? 0 }))
}

/** Operations whose names have no certificate yet, in the order of their lower-case names. */
export async function listPendingAlone(
  rows: Rows,
  bounds: { readonly vault: string; readonly after: string; readonly limit: number },
): Promise<Pending[]> {
  return (await rows.all(pendingAlone, bounds)).map(fromRow)
}

/** @throws Fault `PendingInProgress` while one runs */
export async function refuseSecond(rows: Rows, where: Where): Promise<void> {
  if ((await findPending(rows, where))?.state.status !== 'inProgress') return
  throw new Fault<VaultFaultCode>(
    'PendingInProgress',
    "A new key vault certificate can not be created or imported while a pending key vault certificate's status is inProgress.",
  )
}
