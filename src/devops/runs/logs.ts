import { statement } from '../../storage/database.ts'
import type { ScopeSealer } from '../../storage/sealing.ts'
import type { Devops } from '../devops.ts'
import { fault } from '../faults.ts'
import type { DevopsTables, DevopsTransaction } from '../tables.ts'

interface LogKey {
  readonly runId: number
  readonly logId: number
}
interface PartKey extends LogKey {
  readonly startLine: number
}

const lastLog = statement<DevopsTables, { runId: number }, { id: number }>((query, parameter) =>
  query
    .selectFrom('devops_log')
    .select('id')
    .where('run_id', '=', parameter<number>('runId'))
    .orderBy('id', 'desc')
    .limit(1),
)

const insertLog = statement<DevopsTables, LogKey & { nowMs: number }>((query, parameter) =>
  query.insertInto('devops_log').values({
    run_id: parameter('runId'),
    id: parameter('logId'),
    created_at_ms: parameter('nowMs'),
    line_count: 0,
  }),
)

const findLog = statement<DevopsTables, LogKey, { line_count: number }>((query, parameter) =>
  query
    .selectFrom('devops_log')
    .select('line_count')
    .where('run_id', '=', parameter<number>('runId'))
    .where('id', '=', parameter<number>('logId')),
)

const insertPart = statement<DevopsTables, PartKey & { lineCount: number; sealed: Uint8Array }>(
  (query, parameter) =>
    query
      .insertInto('devops_log_part')
      .values({
        run_id: parameter('runId'),
        log_id: parameter('logId'),
        start_line: parameter('startLine'),
        line_count: parameter('lineCount'),
        sealed: parameter('sealed'),
      })
      .onConflict((conflict) => conflict.doNothing()),
)

const setLineCount = statement<DevopsTables, LogKey & { lineCount: number }>((query, parameter) =>
  query
    .updateTable('devops_log')
    .set({ line_count: parameter<number>('lineCount') })
    .where('run_id', '=', parameter<number>('runId'))
    .where('id', '=', parameter<number>('logId')),
)

/** What a piece of a log is sealed to. */
export function partPlace({ runId, logId, startLine }: PartKey): string {
  return `log\n${runId}\n${logId}\n${startLine}`
}

/** The number of a new, empty log; logs of a run count from 1. */
export async function createLog(
  tx: DevopsTransaction,
  runId: number,
  nowMs: number,
): Promise<number> {
  const [last] = await tx.all(lastLog, { runId })
  const logId = (last?.id ?? 0) + 1
  await tx.run(insertLog, { runId, logId, nowMs })
  return logId
}

/** Appends whole lines; lines that the log has already change nothing. @throws Fault `LogNotFound` */
export async function appendLog(
  tx: DevopsTransaction,
  sealer: ScopeSealer,
  part: PartKey & { readonly lines: Uint8Array },
): Promise<void> {
  const { runId, logId, startLine, lines } = part
  const [log] = await tx.all(findLog, { runId, logId })
  if (!log) throw fault('LogNotFound', `The run has no log ${logId}.`)
  if (startLine <= log.line_count || lines.length === 0) return
  const lineCount = countLines(lines)
  const sealed = sealer.seal(partPlace(part), lines)
  await tx.run(insertPart, { runId, logId, startLine, lineCount, sealed })
  await tx.run(setLineCount, { runId, logId, lineCount: startLine + lineCount - 1 })
}

function countLines(lines: Uint8Array): number {
  let count = 0
  for (let at = lines.indexOf(10); at >= 0; at = lines.indexOf(10, at + 1)) count += 1
  return lines.at(-1) === 10 ? count : count + 1
}

export interface LogFacts {
  readonly id: number
  readonly lineCount: number
  readonly createdAtMs: number
}

/** The logs of a run in order. */
export async function listLogs(devops: Devops, runId: number): Promise<LogFacts[]> {
  const rows = await devops.db.query
    .selectFrom('devops_log')
    .selectAll()
    .where('run_id', '=', runId)
    .orderBy('id')
    .execute()
  return rows.map((row) => ({
    id: row.id,
    lineCount: row.line_count,
    createdAtMs: row.created_at_ms,
  }))
}

/** Lines from `startLine` to `endLine`, both counted from 1 and inside. @throws Fault `LogNotFound` */
export async function readLog(
  devops: Devops,
  key: LogKey,
  startLine = 1,
  endLine = Number.MAX_SAFE_INTEGER,
): Promise<string[]> {
  if ((await devops.db.all(findLog, key)).length === 0) {
    throw fault('LogNotFound', `The log with id ${key.logId} could not be found.`)
  }
  const parts = await devops.db.query
    .selectFrom('devops_log_part')
    .selectAll()
    .where('run_id', '=', key.runId)
    .where('log_id', '=', key.logId)
    .where('start_line', '<=', endLine)
    .where((row) => row(row('start_line', '+', row.ref('line_count')), '>', startLine))
    .orderBy('start_line')
    .execute()
  return parts.flatMap((part) => {
    const first = part.start_line
    const place = partPlace({ ...key, startLine: first })
    const text = devops.sealer.open(place, part.sealed).open()
    const lines = (text.endsWith('\n') ? text.slice(0, -1) : text).split('\n')
    return lines.filter((_, i) => first + i >= startLine && first + i <= endLine)
  })
}
