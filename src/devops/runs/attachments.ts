import type { ScopeSealer } from '../../storage/sealing.ts'
import type { DevopsTransaction } from '../tables.ts'

/** A file that a step attached to its record. */
export interface Attachment {
  readonly runId: number
  readonly recordId: string
  readonly type: string
  readonly name: string
  readonly content: Uint8Array
}

/** What an attachment is sealed to. */
export function attachmentPlace(
  runId: number,
  recordId: string,
  type: string,
  name: string,
): string {
  return `attachment\n${runId}\n${recordId}\n${type}\n${name}`
}

/** Stores an attachment, replacing one of the same name. */
export async function putAttachment(
  tx: DevopsTransaction,
  sealer: ScopeSealer,
  { runId, recordId, type, name, content }: Attachment,
): Promise<void> {
  const record = recordId.toLowerCase()
  const sealed = sealer.seal(attachmentPlace(runId, record, type, name), content)
  await tx.query
    .insertInto('devops_attachment')
    .values({ run_id: runId, record_id: record, type, name, sealed })
    .onConflict((conflict) =>
      conflict.columns(['run_id', 'record_id', 'type', 'name']).doUpdateSet({ sealed }),
    )
    .execute()
}
