import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { Fault } from '../../base/fault.ts'
import {
  type AgentApi,
  type ArtifactFile,
  type ArtifactReference,
  JobCancelled,
  type JobLease,
  type JobRequest,
  type OutputVariable,
  type TaskResult,
  type TimelineRecord,
} from '../../protocol/index.ts'

interface Finish {
  readonly result: TaskResult
  readonly outputs: readonly OutputVariable[]
}

interface Attachment {
  readonly recordId: string
  readonly type: string
  readonly name: string
  readonly content: Uint8Array
}

/** A server in memory: it holds to the contract of `AgentApi` and remembers all it was told. */
export class MemoryApi implements AgentApi {
  readonly records = new Map<string, TimelineRecord>()
  readonly logs = new Map<number, Buffer[]>()
  readonly fed: { recordId: string; startLine: number; lines: readonly string[] }[] = []
  /** Files by folder of the run's container, then by path. */
  readonly artifacts = new Map<string, Map<string, Buffer>>()
  readonly associated: ArtifactReference[] = []
  readonly attachments: Attachment[] = []
  readonly tags: string[] = []
  readonly runNumbers: string[] = []
  readonly finishes = new Map<string, Finish>()
  readonly #waiting: JobRequest[] = []
  readonly #takers: ((job: JobRequest | undefined) => void)[] = []
  readonly #cancels = new Map<string, AbortController>()
  readonly #fences = new Map<string, number>()
  readonly #nextLines = new Map<number, number>()

  /** Queues a job for the next agent that asks. */
  queue(job: JobRequest): void {
    const taker = this.#takers.shift()
    if (taker) taker(job)
    else this.#waiting.push(job)
  }

  /** Cancels the run of a job. */
  cancel(jobId: string): void {
    this.#cancelOf(jobId).abort(new JobCancelled('Cancelled by a person.'))
  }

  /** Gives the job to another agent: writes with an older fence are refused from now on. */
  moveLease(jobId: string, fence: number): void {
    this.#fences.set(jobId, fence)
  }

  /** The record of that name. */
  record(name: string): TimelineRecord | undefined {
    return [...this.records.values()].find((record) => record.name === name)
  }

  /** The log of the record of that name, without the stamps. */
  log(name: string): string {
    const logId = this.record(name)?.logId
    const bytes = Buffer.concat(this.logs.get(logId ?? 0) ?? [])
    return bytes.toString('utf8').replaceAll(/^\S+Z /gm, '')
  }

  /** Everything this server would store or show, as one text; artifacts are not in it. */
  everything(): string {
    const logs = [...this.logs.values()].map((parts) => Buffer.concat(parts).toString('utf8'))
    const attachments = this.attachments.map(
      ({ type, name, content }) => `${type} ${name} ${Buffer.from(content).toString('utf8')}`,
    )
    const told = [[...this.records.values()], this.fed, this.tags, this.runNumbers]
    const outputs = [...this.finishes.values()].map((finish) => finish.outputs)
    return [...logs, ...attachments, JSON.stringify([...told, outputs])].join('\n')
  }

  async takeJob(signal: AbortSignal): Promise<JobRequest | undefined> {
    const job = this.#waiting.shift()
    if (job || signal.aborted) return job
    const { promise, resolve } = Promise.withResolvers<JobRequest | undefined>()
    this.#takers.push(resolve)
    signal.addEventListener('abort', () => resolve(undefined), { once: true })
    return promise
  }

  async renewJob(lease: JobLease): Promise<{ readonly lockedUntilMs: number }> {
    this.#checkFence(lease)
    return { lockedUntilMs: Date.now() + 600_000 }
  }

  cancelSignal(lease: JobLease): AbortSignal {
    return this.#cancelOf(lease.jobId).signal
  }

  async updateRecords(lease: JobLease, records: readonly TimelineRecord[]): Promise<void> {
    this.#checkFence(lease)
    for (const record of records) {
      this.records.set(record.id, { ...this.records.get(record.id), ...record })
    }
  }

  async createLog(lease: JobLease): Promise<{ readonly logId: number }> {
    this.#checkFence(lease)
    const logId = this.logs.size + 1
    this.logs.set(logId, [])
    return { logId }
  }

  async appendLog(
    lease: JobLease,
    logId: number,
    startLine: number,
    lines: Uint8Array,
  ): Promise<void> {
    this.#checkFence(lease)
    const expected = this.#nextLines.get(logId) ?? 1
    if (startLine !== expected) throw new Error(`Line ${startLine} came instead of ${expected}.`)
    this.#nextLines.set(logId, expected + countLines(lines))
    this.logs.get(logId)?.push(Buffer.from(lines))
  }

  feed(_lease: JobLease, recordId: string, startLine: number, lines: readonly string[]): void {
    this.fed.push({ recordId, startLine, lines })
  }

  async finishJob(
    lease: JobLease,
    result: TaskResult,
    outputs: readonly OutputVariable[],
  ): Promise<void> {
    this.#checkFence(lease)
    this.finishes.set(lease.jobId, { result, outputs })
  }

  async uploadArtifactFile(
    lease: JobLease,
    folder: string,
    path: string,
    content: Readable,
  ): Promise<void> {
    const bytes = await buffer(content)
    this.#checkFence(lease)
    const files = this.artifacts.get(folder) ?? new Map<string, Buffer>()
    this.artifacts.set(folder, files.set(path, bytes))
  }

  async associateArtifact(lease: JobLease, artifact: ArtifactReference): Promise<void> {
    this.#checkFence(lease)
    const same = this.associated.find(({ name }) => name === artifact.name)
    if (!same) this.associated.push(artifact)
    else if (same.folder !== artifact.folder || same.type !== artifact.type) {
      throw new Fault('ArtifactExists', `Artifact ${artifact.name} already exists in this run.`)
    }
  }

  async listArtifactFiles(
    _lease: JobLease,
    _runId: number,
    artifact?: string,
  ): Promise<readonly ArtifactFile[]> {
    const wanted = artifact === undefined ? this.associated : [this.#artifact(artifact)]
    return wanted.flatMap(({ name, folder }) =>
      [...(this.artifacts.get(folder) ?? [])].map(([path, bytes]) => ({
        artifact: name,
        path,
        sizeBytes: bytes.length,
      })),
    )
  }

  async openArtifactFile(_lease: JobLease, _runId: number, file: ArtifactFile): Promise<Readable> {
    const bytes = this.artifacts.get(this.#artifact(file.artifact).folder)?.get(file.path)
    if (!bytes) throw artifactNotFound(`${file.artifact}/${file.path}`)
    return Readable.from([bytes])
  }

  async addAttachment(
    lease: JobLease,
    recordId: string,
    type: string,
    name: string,
    content: Uint8Array,
  ): Promise<void> {
    this.#checkFence(lease)
    this.attachments.push({ recordId, type, name, content })
  }

  async addTag(lease: JobLease, tag: string): Promise<void> {
    this.#checkFence(lease)
    if (!this.tags.includes(tag)) this.tags.push(tag)
  }

  async updateRunNumber(lease: JobLease, runNumber: string): Promise<void> {
    this.#checkFence(lease)
    this.runNumbers.push(runNumber)
  }

  #artifact(name: string): ArtifactReference {
    const found = this.associated.find((artifact) => artifact.name === name)
    if (!found) throw artifactNotFound(name)
    return found
  }

  #cancelOf(jobId: string): AbortController {
    const known = this.#cancels.get(jobId) ?? new AbortController()
    this.#cancels.set(jobId, known)
    return known
  }

  #checkFence({ jobId, fence }: JobLease): void {
    const current = this.#fences.get(jobId) ?? fence
    if (fence < current) throw new Fault('LeaseLost', 'Another agent holds this job.')
    this.#fences.set(jobId, fence)
  }
}

function artifactNotFound(name: string): Fault<'ArtifactNotFound'> {
  return new Fault('ArtifactNotFound', `Artifact ${name} does not exist in this run.`)
}

function countLines(lines: Uint8Array): number {
  let count = 0
  for (let at = lines.indexOf(0x0a); at !== -1; at = lines.indexOf(0x0a, at + 1)) count += 1
  return count
}
