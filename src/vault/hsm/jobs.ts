import type { Clock } from '../../base/clock.ts'
import { Fault } from '../../base/fault.ts'
import { newVersionId } from '../../base/ids.ts'
import { type Database, statement } from '../../storage/database.ts'
import type { VaultFaultCode } from '../faults.ts'
import type { ObjectTables } from '../objects/tables.ts'
import { wireCodeOf } from '../wire-faults.ts'
import type { JobKind, JobStatus, JobTable } from './domain-tables.ts'

/** How long a job is believed to run after its process was last heard of. */
const LEASE_MS = 10_000
const RENEW_MS = 3_000

/** A backup or a restore, as clients may see it. */
export interface Job {
  readonly id: string
  readonly kind: JobKind
  readonly status: JobStatus
  readonly folderUri: string | undefined
  /** Set for a failed job. */
  readonly error: { readonly code: string; readonly message: string } | undefined
  readonly startedAtMs: number
  readonly endedAtMs: number | undefined
}

const DIED = {
  code: 'Interrupted',
  message: 'The server stopped while the job was running. Start it again.',
}
const BUG = { code: 'InternalServerError', message: 'An internal error ended the job.' }

type JobKey = { readonly hsm: string; readonly id: string }

const insertJob = statement<
  ObjectTables,
  JobKey & { kind: JobKind; folderUri: string | null; startedAtMs: number; leasedUntilMs: number }
>((query, parameter) =>
  query.insertInto('vault_hsm_job').values({
    hsm: parameter('hsm'),
    id: parameter('id'),
    kind: parameter('kind'),
    status: 'InProgress',
    folder_uri: parameter<string | null>('folderUri'),
    error_code: null,
    error_message: null,
    started_at_ms: parameter('startedAtMs'),
    ended_at_ms: null,
    leased_until_ms: parameter('leasedUntilMs'),
  }),
)
const jobById = statement<ObjectTables, JobKey, JobTable>((query, parameter) =>
  query
    .selectFrom('vault_hsm_job')
    .selectAll()
    .where('hsm', '=', parameter<string>('hsm'))
    .where('id', '=', parameter<string>('id')),
)
const runningOf = statement<ObjectTables, { hsm: string; nowMs: number }, { id: string }>(
  (query, parameter) =>
    query
      .selectFrom('vault_hsm_job')
      .select('id')
      .where('hsm', '=', parameter<string>('hsm'))
      .where('status', '=', 'InProgress')
      .where('leased_until_ms', '>', parameter<number>('nowMs')),
)
const deadOnes = statement<ObjectTables, { nowMs: number }, { id: string }>((query, parameter) =>
  query
    .selectFrom('vault_hsm_job')
    .select('id')
    .where('status', '=', 'InProgress')
    .where('leased_until_ms', '<=', parameter<number>('nowMs'))
    .limit(1),
)
const renewLease = statement<ObjectTables, JobKey & { untilMs: number }>((query, parameter) =>
  query
    .updateTable('vault_hsm_job')
    .set({ leased_until_ms: parameter<number>('untilMs') })
    .where('hsm', '=', parameter<string>('hsm'))
    .where('id', '=', parameter<string>('id')),
)
const endJob = statement<
  ObjectTables,
  JobKey & { status: JobStatus; code: string | null; message: string | null; atMs: number }
>((query, parameter) =>
  query
    .updateTable('vault_hsm_job')
    .set({
      status: parameter<JobStatus>('status'),
      error_code: parameter<string | null>('code'),
      error_message: parameter<string | null>('message'),
      ended_at_ms: parameter<number>('atMs'),
    })
    .where('hsm', '=', parameter<string>('hsm'))
    .where('id', '=', parameter<string>('id')),
)
const endDead = statement<ObjectTables, { nowMs: number; code: string; message: string }>(
  (query, parameter) =>
    query
      .updateTable('vault_hsm_job')
      .set({
        status: 'Failed',
        error_code: parameter<string>('code'),
        error_message: parameter<string>('message'),
        ended_at_ms: parameter<number>('nowMs'),
      })
      .where('status', '=', 'InProgress')
      .where('leased_until_ms', '<=', parameter<number>('nowMs')),
)

/**
 * Long work of managed HSMs: a row for each, and the work in this process. What opens a storage stays
 * in memory, so nobody else can go on with a job whose process died; it fails.
 */
export class HsmJobs {
  readonly #db: Database<ObjectTables>
  readonly #clock: Clock
  /** Why jobs of this process ended that should not have, until somebody asks. */
  readonly #bugs = new Map<string, unknown>()

  constructor(db: Database<ObjectTables>, clock: Clock) {
    this.#db = db
    this.#clock = clock
  }

  /**
   * Begins a job and gives it as it began; `work` throws a Fault whose text may be shown.
   *
   * @throws Fault `HsmBusy` while another job of the managed HSM runs
   */
  async start(
    hsm: string,
    begun: { readonly kind: JobKind; readonly folderUri: string | undefined },
    work: () => Promise<void>,
  ): Promise<Job> {
    const { kind, folderUri } = begun
    const id = newVersionId()
    const startedAtMs = this.#clock.nowMs()
    await this.#db.write(async (tx) => {
      if ((await tx.all(runningOf, { hsm, nowMs: startedAtMs })).length > 0) throw busy()
      const leasedUntilMs = startedAtMs + LEASE_MS
      const row = { hsm, id, kind, folderUri: folderUri ?? null, startedAtMs, leasedUntilMs }
      await tx.run(insertJob, row)
    })
    // Nobody waits: the row tells how it ends, and a database that closed ends it by its lease.
    this.#run({ hsm, id }, work).catch((thrown: unknown) => this.#bugs.set(id, thrown))
    const status = 'InProgress'
    return { id, kind, status, folderUri, error: undefined, startedAtMs, endedAtMs: undefined }
  }

  /** @throws Fault `HsmJobNotFound`; or what broke the job unexpectedly, once, so that it is logged */
  async read(hsm: string, kind: JobKind, id: string): Promise<Job> {
    const nowMs = this.#clock.nowMs()
    const [row] = await this.#db.all(jobById, { hsm, id })
    if (row?.kind !== kind) {
      throw new Fault<VaultFaultCode>('HsmJobNotFound', `There is no ${kind} job with this id.`)
    }
    const bug = this.#bugs.get(id)
    if (this.#bugs.delete(id)) throw bug
    if (row.status !== 'InProgress' || row.leased_until_ms > nowMs) return toJob(row)
    await this.endDeadOnes()
    return { ...toJob(row), status: 'Failed', error: DIED, endedAtMs: nowMs }
  }

  /** Fails the jobs whose process died. */
  async endDeadOnes(): Promise<void> {
    const dead = { nowMs: this.#clock.nowMs(), ...DIED }
    if ((await this.#db.all(deadOnes, dead)).length === 0) return
    await this.#db.write(async (tx) => tx.run(endDead, dead))
  }

  async #run(key: JobKey, work: () => Promise<void>): Promise<void> {
    const timer = setInterval(() => this.#renew(key), RENEW_MS).unref()
    try {
      await work()
      await this.#end(key, undefined)
    } catch (thrown) {
      const isRefusal = thrown instanceof Fault
      await this.#end(key, isRefusal ? { code: wireCodeOf(thrown), message: thrown.message } : BUG)
      if (!isRefusal) throw thrown
    } finally {
      clearInterval(timer)
    }
  }

  #renew(key: JobKey): void {
    const untilMs = this.#clock.nowMs() + LEASE_MS
    // A renewal that fails is made up by the next one, or the lease runs out.
    this.#db.write(async (tx) => tx.run(renewLease, { ...key, untilMs })).catch(() => undefined)
  }

  async #end(key: JobKey, error: Job['error']): Promise<void> {
    const status = error ? 'Failed' : 'Succeeded'
    const { code = null, message = null } = error ?? {}
    const ended = { ...key, status, code, message, atMs: this.#clock.nowMs() } as const
    await this.#db.write(async (tx) => tx.run(endJob, ended))
  }
}

function busy(): Fault<VaultFaultCode> {
  return new Fault(
    'HsmBusy',
    'A backup or a restore of this managed HSM is in progress. Wait until it has ended.',
  )
}

function toJob(row: JobTable): Job {
  const { error_code: code, error_message: message } = row
  return {
    id: row.id,
    kind: row.kind,
    status: row.status,
    folderUri: row.folder_uri ?? undefined,
    error: code === null ? undefined : { code, message: message ?? '' },
    startedAtMs: row.started_at_ms,
    endedAtMs: row.ended_at_ms ?? undefined,
  }
}
