import { statement } from '../../storage/database.ts'
import type { Kind } from '../faults.ts'
import type { Rows, Writing } from './store.ts'
import type { ObjectTables } from './tables.ts'

const DAY_MS = 86_400_000

/** How long before the end people are told, unless a policy says otherwise (key-vault.md §15.3). */
export const NEAR_MS = 30 * DAY_MS

/** Objects told of in one commit at most, so that requests get their turn. */
const BATCH = 100

/** What is to be told next of an object's newest version: that its end is near, or that it is over. */
export type Notice = 'near' | 'expired'

/** The columns of a version that was just made the newest, or whose end has moved. */
export function noticeOf(expiresAtMs: number | undefined): {
  readonly notice: Notice | null
  readonly noticeAtMs: number | null
} {
  if (expiresAtMs === undefined) return { notice: null, noticeAtMs: null }
  return { notice: 'near', noticeAtMs: expiresAtMs - NEAR_MS }
}

const armAgain = statement<
  ObjectTables,
  { id: number; latestId: number; notice: Notice | null; noticeAtMs: number | null }
>((query, parameter) =>
  query
    .updateTable('vault_object')
    .set({
      notice: parameter<Notice | null>('notice'),
      notice_at_ms: parameter<number | null>('noticeAtMs'),
    })
    .where('id', '=', parameter<number>('id'))
    .where('latest_id', '=', parameter<number>('latestId')),
)

const moveNear = statement<ObjectTables, { id: number; atMs: number }>((query, parameter) =>
  query
    .updateTable('vault_object')
    .set({ notice_at_ms: parameter<number>('atMs') })
    .where('id', '=', parameter<number>('id'))
    .where('notice', '=', 'near'),
)

/** An object of whose newest version something is to be told. */
export interface DueNotice {
  readonly id: number
  readonly vault: string
  readonly kind: Kind
  readonly display_name: string
  readonly latest_id: number
  readonly notice: Notice
  readonly notice_at_ms: number
  readonly version: string
  readonly not_before_ms: number | null
  readonly expires_at_ms: number
}

/** Where a look through the due notices has come to. */
export type NoticePlace = Pick<DueNotice, 'id' | 'notice_at_ms'>

const BEFORE_ALL: NoticePlace = { id: 0, notice_at_ms: Number.MIN_SAFE_INTEGER }

const dueNotices = statement<ObjectTables, { nowMs: number; afterMs: number; afterId: number }>(
  (query, parameter) =>
    query
      .selectFrom('vault_object as o')
      .innerJoin('vault_object_version as v', 'v.id', 'o.latest_id')
      .select([
        'o.id',
        'o.vault',
        'o.kind',
        'o.display_name',
        'o.latest_id',
        'o.notice',
        'o.notice_at_ms',
        'v.version',
        'v.not_before_ms',
        'v.expires_at_ms',
      ])
      .where('o.deleted_at_ms', 'is', null)
      .where('o.notice_at_ms', '<=', parameter<number>('nowMs'))
      .where('o.notice_at_ms', '>=', parameter<number>('afterMs'))
      .where(({ or, eb }) =>
        or([
          eb('o.notice_at_ms', '>', parameter<number>('afterMs')),
          eb('o.id', '>', parameter<number>('afterId')),
        ]),
      )
      .orderBy('o.notice_at_ms')
      .orderBy('o.id')
      .limit(BATCH),
)

const claim = statement<
  ObjectTables,
  Pick<DueNotice, 'id' | 'latest_id' | 'notice' | 'notice_at_ms'> & {
    next: Notice | null
    nextAtMs: number | null
  },
  { readonly id: number }
>((query, parameter) =>
  query
    .updateTable('vault_object')
    .set({
      notice: parameter<Notice | null>('next'),
      notice_at_ms: parameter<number | null>('nextAtMs'),
    })
    .where('id', '=', parameter<number>('id'))
    .where('latest_id', '=', parameter<number>('latest_id'))
    .where('notice', '=', parameter<Notice>('notice'))
    .where('notice_at_ms', '=', parameter<number>('notice_at_ms'))
    .where('deleted_at_ms', 'is', null)
    .returning('id'),
)

/** Begins anew when the end of a version has moved; one that is not the newest is not told of. */
export async function planNotices(
  tx: Writing,
  version: { readonly id: number; readonly objectId: number },
  expiresAtMs: number | undefined,
): Promise<void> {
  const { id: latestId, objectId: id } = version
  await tx.run(armAgain, { id, latestId, ...noticeOf(expiresAtMs) })
}

/** Says by a policy when the end is near; without effect once it was told. */
export async function planNear(tx: Writing, objectId: number, atMs: number): Promise<void> {
  await tx.run(moveNear, { id: objectId, atMs })
}

/** At most one batch of what is due for living objects, after `after`, in the order of its times. */
export async function listDueNotices(
  rows: Rows,
  nowMs: number,
  after: NoticePlace = BEFORE_ALL,
): Promise<readonly DueNotice[]> {
  const bounds = { nowMs, afterMs: after.notice_at_ms, afterId: after.id }
  // The join and the order hold only for rows that have a notice and an end.
  return (await rows.all(dueNotices, bounds)) as unknown as readonly DueNotice[]
}

/**
 * Takes a due notice, and plans `next`. False when somebody else took it, or the object has changed:
 * of processes that look at the same time one tells.
 */
export async function claimNotice(
  tx: Writing,
  due: DueNotice,
  next: { readonly notice: Notice; readonly atMs: number } | undefined,
): Promise<boolean> {
  const taken = await tx.all(claim, {
    id: due.id,
    latest_id: due.latest_id,
    notice: due.notice,
    notice_at_ms: due.notice_at_ms,
    next: next?.notice ?? null,
    nextAtMs: next?.atMs ?? null,
  })
  return taken.length === 1
}
