import type { Readable } from 'node:stream'
import type { Sealed } from '../base/sealed.ts'
import type { JobRequest } from './job-request.ts'
import type { TaskResult, TimelineRecord } from './timeline.ts'

/** An output variable as the job leaves it: `name` is `stepRef.variable`. */
export interface OutputVariable {
  readonly name: string
  readonly value: string | Sealed
}

/**
 * What an agent may ask of a server. In process it is a plain object; over HTTPS it is the
 * distributed-task protocol. Contract: calls of one job arrive in order; every write carries the
 * job's `fence` and is refused with Fault `LeaseLost` once another agent holds the job; repeating a
 * write with the same content changes nothing. All text has passed the agent's masker.
 */
export interface AgentApi {
  /** The next job for this agent; undefined when `signal` aborts first. */
  takeJob(signal: AbortSignal): Promise<JobRequest | undefined>
  /** Extends the lease; the signal given to `onCancel` fires when someone cancels the run. */
  renewJob(job: JobLease): Promise<{ readonly lockedUntilMs: number }>
  /** Aborts when the run is cancelled; the reason is a `JobCancelled`. */
  cancelSignal(job: JobLease): AbortSignal
  updateRecords(job: JobLease, records: readonly TimelineRecord[]): Promise<void>
  createLog(job: JobLease): Promise<{ readonly logId: number }>
  /** Appends whole lines, each already stamped; `startLine` counts from 1. Bytes are UTF-8. */
  appendLog(job: JobLease, logId: number, startLine: number, lines: Uint8Array): Promise<void>
  /** Lines for people who watch now; may be dropped under load, the log may not. */
  feed(job: JobLease, recordId: string, startLine: number, lines: readonly string[]): void
  finishJob(job: JobLease, result: TaskResult, outputs: readonly OutputVariable[]): Promise<void>
  /** Stores one file of an artifact; `path` is relative with `/`. */
  uploadArtifactFile(
    job: JobLease,
    artifact: string,
    path: string,
    content: Readable,
  ): Promise<void>
  /** Makes the artifact visible. @throws Fault `ArtifactExists` when the name is taken in this run */
  associateArtifact(job: JobLease, artifact: ArtifactReference): Promise<void>
  /** Files of an artifact of `runId`, or of every artifact when no name is given. */
  listArtifactFiles(
    job: JobLease,
    runId: number,
    artifact?: string,
  ): Promise<readonly ArtifactFile[]>
  openArtifactFile(job: JobLease, runId: number, file: ArtifactFile): Promise<Readable>
  addAttachment(
    job: JobLease,
    recordId: string,
    type: string,
    name: string,
    content: Uint8Array,
  ): Promise<void>
  addTag(job: JobLease, tag: string): Promise<void>
  updateRunNumber(job: JobLease, runNumber: string): Promise<void>
}

export interface JobLease {
  readonly planId: string
  readonly jobId: string
  readonly requestId: number
  readonly fence: number
}

export interface ArtifactReference {
  readonly name: string
  readonly type: 'Container' | 'PipelineArtifact'
  /** The folder inside the run's file container that holds it. */
  readonly folder: string
}

export interface ArtifactFile {
  readonly artifact: string
  readonly path: string
  readonly sizeBytes: number
}

/** The reason of `cancelSignal`. */
export class JobCancelled extends Error {
  override readonly name = 'JobCancelled'
}
