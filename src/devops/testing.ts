import { createSecretKey } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { type Clock, manualClock } from '../base/clock.ts'
import { Fault } from '../base/fault.ts'
import { Sealed } from '../base/sealed.ts'
import type { Principal } from '../http/principal.ts'
import type { AgentApi, JobRequest, OutputVariable, TaskResult } from '../protocol/index.ts'
import { openBlobs } from '../storage/blobs.ts'
import type { Database } from '../storage/database.ts'
import { migrate } from '../storage/migrations.ts'
import { Sealer, sealingMigrations } from '../storage/sealing.ts'
import { openTestDatabase } from '../storage/testing/test-database.ts'
import type { WatchEvent } from './agents/bus.ts'
import type { Devops } from './devops.ts'
import { devopsMigrations } from './migrations.ts'
import { type DevopsParts, joinParts, type OpenDevops, openRoom } from './open-devops.ts'
import type { TaskCatalog, TaskFacts } from './ports.ts'

/** 2026-01-02T03:04:05Z. */
export const NOON = Date.UTC(2026, 0, 2, 3, 4, 5)

export const ADMINISTRATOR = { id: 'aaaaaaaa-0000-4000-8000-000000000001', name: 'Ada Admin' }
export const MEMBER = { id: 'bbbbbbbb-0000-4000-8000-000000000002', name: 'Mo Member' }

const AZURE = { names: ['ConnectedServiceName', 'azureSubscription'], type: 'azurerm' }
const TASKS: readonly TaskFacts[] = [
  task('d9bafed4-0b18-4f58-968d-86655b4d2ce9', 'CmdLine', '2.279.1'),
  task('6c731c3c-3c68-459a-a5c9-bde6e6595b5b', 'Bash', '3.241.2'),
  task('6d15af64-176c-496d-b583-fd2ae21d4df4', 'Checkout', '1.0.0'),
  task('1e244d32-2dd4-4165-96fb-b7441ca9331e', 'AzureKeyVault', '2.276.0', [AZURE]),
  task('61f2a582-95ae-4948-b34d-a1b3c4f6a737', 'DownloadPipelineArtifact', '2.198.0'),
]

function task(
  id: string,
  name: string,
  version: string,
  connectionInputs: TaskFacts['connectionInputs'] = [],
): TaskFacts {
  return { id, name, version, connectionInputs }
}

const catalog: TaskCatalog = {
  find: (reference, major) => {
    const wanted = reference.toLowerCase()
    return TASKS.find(
      ({ id, name, version }) =>
        (id === wanted || name.toLowerCase() === wanted) && version.startsWith(`${major}.`),
    )
  },
}

/** Tokens are the object id; `<id>@<audience>` has another audience, `job:<id>` is a job's own. */
function principalOf(token: string): Principal {
  const [subject = '', audience = '499b84ac-1321-427f-aa17-267ca6975798'] = token.split('@')
  const objectId = subject.replace(/^job:/, '')
  if (!/^[0-9a-f-]{36}$/.test(objectId)) throw new Fault('TokenMalformed', 'Not a token.')
  return {
    kind: subject.startsWith('job:') ? 'pipeline' : 'user',
    objectId,
    appId: undefined,
    tenantId: 'cccccccc-0000-4000-8000-000000000003',
    issuer: 'https://issuer.test/',
    audience,
    expiresAtMs: Number.MAX_SAFE_INTEGER,
    groups: [],
    name: objectId === ADMINISTRATOR.id ? ADMINISTRATOR.name : MEMBER.name,
  }
}

export interface TestDevops extends OpenDevops {
  readonly folder: string
  /** Behind the door. */
  readonly room: Devops
  readonly db: Database<unknown>
  readonly clock: Clock & { moveMs(byMs: number): void }
  /** Opens the same data again, as another process would. */
  again(): Promise<OpenDevops>
  close(): Promise<void>
}

const ROOT_KEY = createSecretKey(Buffer.alloc(32, 7))

/** A room over real SQLite in a folder of its own, with an administrator and a member. */
export async function openTestDevops(parts: Partial<DevopsParts> = {}): Promise<TestDevops> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'sluice-devops-'))
  const clock = manualClock(NOON)
  const databases: Database<unknown>[] = []
  const open = async () => {
    const db = await openTestDatabase<unknown>(path.join(folder, 'data.db'))
    databases.push(db)
    await migrate(db, [...sealingMigrations, ...devopsMigrations], NOON)
    const sealer = await new Sealer(db, ROOT_KEY, () => NOON).scope('devops')
    const room = joinParts({
      db,
      sealer,
      blobs: openBlobs(path.join(folder, 'blobs'), sealer),
      clock,
      verifier: { verify: principalOf, issuers: ['https://issuer.test/'] },
      jobTokens: { issue: async ({ jobId }) => new Sealed(`job:${jobId}`) },
      tasks: catalog,
      ...parts,
    })
    return { db, room, devops: openRoom(room) }
  }
  const { db, room, devops } = await open()
  await devops.ensureProject('default')
  await devops.addMember({ ...toMember(ADMINISTRATOR), role: 'administrator' })
  await devops.addMember({ ...toMember(MEMBER), role: 'user' })
  return {
    ...devops,
    folder,
    room,
    db,
    clock,
    again: async () => (await open()).devops,
    close: async () => {
      for (const database of databases) await database.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function toMember({ id, name }: typeof ADMINISTRATOR) {
  return { principalId: id, name }
}

/** Writes files below the room's folder and gives the folder pipelines run in. */
export function writeSource(
  { folder }: Pick<TestDevops, 'folder'>,
  files: Readonly<Record<string, string>>,
): string {
  const source = path.join(folder, 'source')
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(source, name)), { recursive: true })
    writeFileSync(path.join(source, name), text)
  }
  return source
}

/** What a test's agent answers for a job. */
export interface Played {
  readonly result?: TaskResult
  readonly outputs?: readonly OutputVariable[]
}

/** An agent that plays jobs until it is stopped; `play` sees each request. */
export function startAgent(
  api: AgentApi,
  play: (job: JobRequest, api: AgentApi) => Promise<Played> | Played,
): { stop(): Promise<void>; readonly jobs: readonly JobRequest[] } {
  const stopper = new AbortController()
  const jobs: JobRequest[] = []
  const loop = async () => {
    for (;;) {
      const job = await api.takeJob(stopper.signal)
      if (!job) return
      jobs.push(job)
      const lease = leaseOf(job)
      const { result = 'Succeeded', outputs = [] } = await play(job, api)
      await api.finishJob(lease, result, outputs)
    }
  }
  const done = loop()
  return {
    jobs,
    stop: async () => {
      stopper.abort()
      await done
    },
  }
}

export function leaseOf(job: JobRequest) {
  const { requestId, jobId, fence } = job
  return { planId: job.plan.planId, requestId, jobId, fence }
}

/** All that a watcher is told, until the run has finished. */
export async function watchToEnd(devops: OpenDevops, runId: number): Promise<WatchEvent[]> {
  const events: WatchEvent[] = []
  for await (const event of devops.watch(runId)) events.push(event)
  return events
}
