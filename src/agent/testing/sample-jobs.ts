import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { systemClock } from '../../base/clock.ts'
import { newGuid } from '../../base/ids.ts'
import { Sealed } from '../../base/sealed.ts'
import type { JobRequest, JobStep, JobVariable, TaskResult } from '../../protocol/index.ts'
import { failed, succeeded, type Task, task } from '../../tasks/index.ts'
import { runJob } from '../job.ts'
import type { AgentSettings } from '../settings.ts'
import { MemoryApi } from './memory-api.ts'

/** A task that runs its script with Bash, as the real ones do, and prints nothing of its own. */
export const sampleBash = task({
  id: '11111111-1111-4111-8111-111111111111',
  name: 'SampleBash',
  version: '1.2.3',
  friendlyName: 'Sample Bash',
  description: 'Runs a script.',
  author: 'Sluice',
  helpUrl: 'none',
  instanceNameFormat: 'Run $(script)',
  inputs: {
    script: { kind: 'text', required: true, aliases: ['inlineScript'] },
    folder: { kind: 'filePath', aliases: ['workingDirectory'] },
    failOnStderr: { kind: 'flag' },
  },
  async run({ inputs, shell, variable }) {
    const file = path.join(variable('Agent.TempDirectory') ?? '', `${newGuid()}.sh`)
    await writeFile(file, inputs.script, { mode: 0o600 })
    const { exitCode, stderr } = await shell.run('bash', ['--noprofile', '--norc', file], {
      cwd: inputs.folder,
      keepStderr: inputs.failOnStderr,
    })
    if (exitCode !== 0) return failed(`Bash exited with code '${exitCode}'.`)
    return inputs.failOnStderr && stderr ? failed(stderr.trim()) : succeeded
  },
})

/** A step of a task, with everything that matters only sometimes filled in. */
export function stepOf(of: Task, refName: string, more: Partial<JobStep> = {}): JobStep {
  return {
    id: newGuid(),
    task: { id: of.id, name: of.name, version: of.version.split('.')[0] ?? '' },
    refName,
    displayName: refName,
    continueOnError: false,
    enabled: true,
    timeoutInMinutes: 0,
    retryCountOnTaskFailure: 0,
    inputs: {},
    env: {},
    ...more,
  }
}

/** A step that runs a Bash script. */
export function bashStep(refName: string, script: string, more: Partial<JobStep> = {}): JobStep {
  return stepOf(sampleBash, refName, { inputs: { script }, ...more })
}

/** A variable: secret when its value is sealed. */
export function variableOf(value: string | Sealed, more: Partial<JobVariable> = {}): JobVariable {
  return { value, isSecret: value instanceof Sealed, isReadOnly: false, ...more }
}

/** A job with these steps and variables. */
export function jobOf(steps: readonly JobStep[], more: Partial<JobRequest> = {}): JobRequest {
  return {
    requestId: 1,
    plan: { planId: newGuid(), planType: 'Build', version: 15 },
    timelineId: newGuid(),
    jobId: newGuid(),
    jobName: 'Job',
    jobDisplayName: 'Job',
    fence: 1,
    lockedUntilMs: Date.now() + 600_000,
    timeoutInMinutes: 60,
    cancelTimeoutInMinutes: 5,
    variables: {},
    endpoints: [],
    repositories: [],
    steps,
    ...more,
  }
}

/** An agent on a temporary folder, whose server is in memory; disposing it removes the folder. */
export interface SampleAgent extends AsyncDisposable {
  readonly api: MemoryApi
  readonly settings: AgentSettings
  readonly folder: string
  run(job: JobRequest, signal?: AbortSignal): Promise<TaskResult>
  /** The contents of every file below the folder, as one text. */
  readFiles(): Promise<string>
}

/** Starts quickly and waits briefly: its minute has `minuteMs`, its signals follow in 300 ms. */
export async function sampleAgent(more: Partial<AgentSettings> = {}): Promise<SampleAgent> {
  const folder = await mkdtemp(path.join(tmpdir(), 'agent-'))
  const api = new MemoryApi()
  const settings: AgentSettings = {
    name: 'sample',
    workFolder: path.join(folder, 'work'),
    tasks: [sampleBash],
    http: { request: () => Promise.reject(new Error('No network in this test.')) },
    clock: systemClock,
    environment: { PATH: process.env['PATH'] ?? '', HOME: folder },
    ...more,
    timing: {
      recordsMs: 20,
      retrySecondMs: 5,
      interruptMs: 300,
      terminateMs: 300,
      pipesMs: 1000,
      callRetryMs: 5,
      ...more.timing,
    },
  }
  return {
    api,
    settings,
    folder,
    run: (job, signal = new AbortController().signal) => runJob(api, job, settings, signal),
    readFiles: () => readTree(folder),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}

async function readTree(folder: string): Promise<string> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile())
  const texts = files.map((file) => readFile(path.join(file.parentPath, file.name), 'utf8'))
  return (await Promise.all(texts)).join('\n')
}
