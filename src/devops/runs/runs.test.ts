import { Readable } from 'node:stream'
import { afterAll, expect, test } from 'vitest'
import { Sealed } from '../../base/sealed.ts'
import type { Plan, PlanJob, PlanStage, PlanStep } from '../../compiler/index.ts'
import type { JobRequest } from '../../protocol/index.ts'
import { PipelineInvalid } from '../faults.ts'
import {
  ADMINISTRATOR,
  leaseOf,
  MEMBER,
  openTestDevops,
  type Played,
  startAgent,
  type TestDevops,
  watchToEnd,
  writeSource,
} from '../testing.ts'

const opened: TestDevops[] = []
afterAll(async () => {
  for (const devops of opened) await devops.close()
})

const place = { file: 'azure-pipelines.yml', line: 1, column: 1, endLine: 1, endColumn: 1 }

function step(script: string, more: Partial<PlanStep> = {}): PlanStep {
  return { task: { name: 'CmdLine', version: '2' }, inputs: { script }, env: {}, place, ...more }
}

function job(name: string, more: Partial<PlanJob> = {}): PlanJob {
  return {
    name,
    kind: 'job',
    dependsOn: [],
    variables: [],
    services: {},
    steps: [step(`echo ${name}`)],
    place,
    ...more,
  }
}

function stage(name: string, jobs: readonly PlanJob[], more: Partial<PlanStage> = {}): PlanStage {
  return {
    name,
    dependsOn: [],
    variables: [],
    trigger: 'automatic',
    isSkippable: true,
    jobs,
    place,
    ...more,
  }
}

function plan(stages: readonly PlanStage[], more: Partial<Plan> = {}): Plan {
  return {
    appendCommitMessageToRunName: true,
    trigger: undefined,
    pr: undefined,
    schedules: [],
    resources: {
      repositories: [],
      pipelines: [],
      containers: [],
      builds: [],
      packages: [],
      webhooks: [],
    },
    variables: [],
    stages,
    ...more,
  }
}

async function runPlan(
  compiled: Plan,
  play: (request: JobRequest) => Played = () => ({}),
): Promise<{ result: string; jobs: readonly JobRequest[]; devops: TestDevops; runId: number }> {
  const devops = await openTestDevops({
    compiler: { compile: () => ({ plan: compiled, diagnostics: [] }) },
  })
  opened.push(devops)
  const folder = writeSource(devops, { 'azure-pipelines.yml': '' })
  const agent = startAgent(devops.agentApi('one'), play)
  const { runId } = await devops.queueFolderRun({ folder, requestedBy: ADMINISTRATOR })
  const events = await watchToEnd(devops, runId)
  await agent.stop()
  const last = events.at(-1)
  return {
    result: last?.kind === 'finished' ? last.result : 'nothing',
    jobs: agent.jobs,
    devops,
    runId,
  }
}

test.each(['', '..', '../drop', 'a\\b', 'C:'])(
  'an artifact cannot be named %j: a download would leave its folder',
  async (name) => {
    const refused: unknown[] = []
    const devops = await openTestDevops()
    opened.push(devops)
    const folder = writeSource(devops, { 'azure-pipelines.yml': 'steps:\n- script: echo\n' })
    const agent = startAgent(devops.agentApi('one'), async (job, api) => {
      const lease = leaseOf(job)
      const write = api.uploadArtifactFile(lease, 'drop', '..\\x', Readable.from(['x']))
      const link = api.associateArtifact(lease, { name, type: 'Container', folder: 'drop' })
      for (const end of await Promise.allSettled([write, link])) {
        refused.push(end.status === 'rejected' ? end.reason.code : end.status)
      }
      return {}
    })
    const { runId } = await devops.queueFolderRun({ folder, requestedBy: ADMINISTRATOR })
    await watchToEnd(devops, runId)
    await agent.stop()
    expect(refused).toEqual(['RunWrong', 'RunWrong'])
  },
)

test('a job whose stored request is damaged fails, and the job behind it is taken', async () => {
  const devops = await openTestDevops()
  opened.push(devops)
  const folder = writeSource(devops, { 'azure-pipelines.yml': 'steps:\n- script: echo\n' })
  const damaged = await devops.queueFolderRun({ folder, requestedBy: ADMINISTRATOR })
  await devops.room.db.write(({ query }) =>
    query
      .updateTable('devops_job')
      .set({ body: Buffer.alloc(60, 1) })
      .execute(),
  )
  const whole = await devops.queueFolderRun({ folder, requestedBy: ADMINISTRATOR })
  const agent = startAgent(devops.agentApi('one'), () => ({}))
  const ends = [damaged, whole].map(async ({ runId }) => (await watchToEnd(devops, runId)).at(-1))
  expect(await Promise.all(ends)).toEqual([
    { kind: 'finished', result: 'Failed' },
    { kind: 'finished', result: 'Succeeded' },
  ])
  await agent.stop()
})

test('lines that an agent feeds after the end of its job are not kept', async () => {
  const { devops, jobs, runId } = await runPlan(plan([stage('Build', [job('A')])]))
  const [request] = jobs
  if (request) devops.agentApi('one').feed(leaseOf(request), request.jobId, 1, ['late'])
  await new Promise((resolve) => setImmediate(resolve))
  expect(request && devops.room.bus.feedSoFar(runId)).toEqual([])
})

test('a run goes from the queue to its end, and the agent gets a whole job request', async () => {
  const { result, jobs } = await runPlan(
    plan([stage('Build', [job('A', { displayName: 'Job A' })])], {
      variables: [{ kind: 'value', name: 'color', value: 'red', readonly: false, place }],
    }),
  )
  expect(result).toBe('Succeeded')
  expect(jobs).toHaveLength(1)
  expect(jobs[0]).toMatchObject({
    jobName: 'A',
    jobDisplayName: 'Job A',
    fence: 1,
    timeoutInMinutes: 60,
    endpoints: [{ name: 'SystemVssConnection' }],
    repositories: [{ alias: 'self', type: 'Folder' }],
    variables: {
      color: { value: 'red', isSecret: false },
      'Build.BuildNumber': { value: '20260102.1' },
      'System.StageName': { value: 'Build' },
    },
  })
  expect(jobs[0]?.steps.map(({ refName }) => refName)).toEqual(['__system_checkout', 'CmdLine'])
})

test('stages and jobs follow their conditions, and skipped ones are told', async () => {
  const { result, jobs, devops, runId } = await runPlan(
    plan([
      stage('A', [job('Bad'), job('After', { dependsOn: ['Bad'] })]),
      stage('B', [job('Never')], { dependsOn: ['A'] }),
      stage('C', [job('Clean')], { dependsOn: ['B'], condition: 'always()' }),
    ]),
    ({ jobName }) => (jobName === 'Bad' ? { result: 'Failed' } : {}),
  )
  expect(result).toBe('Failed')
  expect(jobs.map(({ jobName }) => jobName)).toEqual(['Bad', 'Clean'])
  const [first] = await watchToEnd(devops, runId)
  const records = first?.kind === 'records' ? first.records : []
  const results = records.filter(({ type }) => type === 'Stage').map((r) => [r.name, r.result])
  expect(Object.fromEntries(results)).toEqual({ A: 'Failed', B: 'Skipped', C: 'Succeeded' })
})

test('outputs reach later jobs and stages in every documented form, and secret ones stay secret', async () => {
  const legs = { win: { os: 'w' }, mac: { os: 'm' } }
  const inline = (name: string, value: string) => ({
    kind: 'value' as const,
    name,
    value,
    readonly: false,
    place,
  })
  const { result, jobs } = await runPlan(
    plan([
      stage('A', [
        job('One', { steps: [step('x', { name: 's' })] }),
        job('Many', { strategy: { kind: 'matrix', legs }, steps: [step('x', { name: 's' })] }),
        job('Near', {
          dependsOn: ['One', 'Many'],
          variables: [
            inline('near', "$[ dependencies.One.outputs['s.v'] ]"),
            inline('leg', "$[ dependencies.Many.outputs['mac.s.v'] ]"),
            inline('hidden', "$[ upper(dependencies.One.outputs['s.token']) ]"),
            inline('copy', '$[ lower(variables.hidden) ]'),
            inline('outcome', '$[ dependencies.One.result ]'),
          ],
        }),
      ]),
      stage(
        'B',
        [
          job('Far', {
            variables: [inline('far', "$[ stageDependencies.A.One.outputs['s.v'] ]")],
            condition: "eq(stageDependencies.A.One.outputs['s.v'], 'from One')",
          }),
        ],
        { dependsOn: ['A'], condition: "eq(dependencies.A.outputs['One.s.v'], 'from One')" },
      ),
    ]),
    ({ jobName }) => ({
      outputs: [
        { name: 's.v', value: `from ${jobName}` },
        { name: 's.token', value: new Sealed('quiet') },
      ],
    }),
  )
  expect(result).toBe('Succeeded')
  const near = jobs.find(({ jobName }) => jobName === 'Near')?.variables ?? {}
  expect(near).toMatchObject({
    near: { value: 'from One', isSecret: false },
    leg: { value: 'from Many_mac' },
    hidden: { isSecret: true },
    copy: { isSecret: true },
    outcome: { value: 'Succeeded' },
  })
  const hidden = near['hidden']?.value
  expect(hidden instanceof Sealed && hidden.open()).toBe('QUIET')
  const far = jobs.find(({ jobName }) => jobName === 'Far')
  expect(far?.variables['far']?.value).toBe('from One')
  const leg = jobs.find(({ jobName }) => jobName === 'Many_mac')
  expect(leg).toMatchObject({ jobDisplayName: 'Many mac', variables: { os: { value: 'm' } } })
})

test('slices of a job count from 1 and keep to maxParallel', async () => {
  const { jobs } = await runPlan(
    plan([
      stage('A', [job('J', { strategy: { kind: 'parallel', count: '3', maxParallel: '1' } })]),
    ]),
  )
  expect(
    jobs.map(({ jobName, variables }) => [
      jobName,
      variables['System.JobPositionInPhase']?.value,
      variables['System.TotalJobsInPhase']?.value,
    ]),
  ).toEqual([
    ['J_job1', '1', '3'],
    ['J_job2', '2', '3'],
    ['J_job3', '3', '3'],
  ])
})

test('a counter counts once for each run, however many jobs read it', async () => {
  const { jobs, devops } = await runPlan(
    plan([stage('A', [job('One'), job('Two')])], {
      variables: [
        { kind: 'value', name: 'n', value: "$[ counter('x', 7) ]", readonly: false, place },
      ],
    }),
  )
  expect(jobs.map(({ variables }) => variables['n']?.value)).toEqual(['7', '7'])
  const agent = startAgent(devops.agentApi('two'), () => ({}))
  const folder = writeSource(devops, { 'azure-pipelines.yml': '' })
  const { runId } = await devops.queueFolderRun({ folder, requestedBy: ADMINISTRATOR })
  await watchToEnd(devops, runId)
  await agent.stop()
  expect(agent.jobs[0]?.variables['n']?.value).toBe('8')
})

test('a runOnce deployment runs its hooks in order and makes its environment', async () => {
  const hook = (name: 'preDeploy' | 'deploy' | 'success' | 'failure') => ({
    name,
    steps: [step(name)],
  })
  const { result, jobs } = await runPlan(
    plan([
      stage('A', [
        job('Ship', {
          kind: 'deployment',
          steps: [],
          deployment: {
            environment: { name: 'staging' },
            strategy: 'runOnce',
            hooks: [hook('deploy'), hook('preDeploy'), hook('failure'), hook('success')],
          },
        }),
      ]),
    ]),
  )
  expect(result).toBe('Succeeded')
  expect(jobs.map(({ jobName }) => jobName)).toEqual(['Ship_preDeploy', 'Ship', 'Ship_success'])
  expect(jobs[1]?.variables).toMatchObject({
    'Environment.Name': { value: 'staging' },
    'Strategy.Name': { value: 'runOnce' },
  })
  expect(jobs[1]?.steps.map((s) => s.displayName ?? s.refName)).toEqual([
    'Download artifacts',
    'CmdLine',
  ])
})

test('what cannot run yet is refused when queueing, each with its place', async () => {
  const compiled = plan(
    [
      stage('A', [
        job('Boxed', { container: { image: 'ubuntu' } }),
        job('Server', { pool: { name: 'server', demands: [] } }),
        job('Roll', {
          kind: 'deployment',
          deployment: { environment: { name: 'e' }, strategy: 'rolling', hooks: [] },
        }),
      ]),
    ],
    { lockBehavior: 'sequential' },
  )
  const devops = await openTestDevops({
    compiler: { compile: () => ({ plan: compiled, diagnostics: [] }) },
  })
  opened.push(devops)
  const folder = writeSource(devops, { 'azure-pipelines.yml': '' })
  const refused = await devops
    .queueFolderRun({ folder, requestedBy: ADMINISTRATOR })
    .catch((thrown: unknown) => thrown)
  expect(refused).toBeInstanceOf(PipelineInvalid)
  expect((refused as PipelineInvalid).diagnostics.map(({ message }) => message)).toEqual([
    "'lockBehavior' is not supported yet.",
    "The container of job 'Boxed' is not supported yet.",
    "The agentless pool 'server' of job 'Server' is not supported yet.",
    "The deployment strategy 'rolling' of job 'Roll' is not supported yet.",
  ])
  await expect(devops.queueFolderRun({ folder, requestedBy: MEMBER })).rejects.toThrow(
    'may not run a folder of this machine',
  )
})

test('a selection runs only its stages, and what they waited for through others still counts', async () => {
  const compiled = plan([
    stage('A', [job('a')]),
    stage('B', [job('b')], { dependsOn: ['A'] }),
    stage('C', [job('c')], { dependsOn: ['B'] }),
  ])
  const devops = await openTestDevops({
    compiler: { compile: () => ({ plan: compiled, diagnostics: [] }) },
  })
  opened.push(devops)
  const folder = writeSource(devops, { 'azure-pipelines.yml': '' })
  const agent = startAgent(devops.agentApi('one'), ({ jobName }) =>
    jobName === 'a' ? { result: 'Failed' } : {},
  )
  const wish = { folder, requestedBy: ADMINISTRATOR }
  const { runId } = await devops.queueFolderRun({ ...wish, stages: ['c', 'A'] })
  await watchToEnd(devops, runId)
  await agent.stop()
  expect(agent.jobs.map(({ jobName }) => jobName)).toEqual(['a'])
  await expect(devops.queueFolderRun({ ...wish, jobs: ['zzz'] })).rejects.toThrow(
    "The pipeline has no job 'zzz'. It has: a, b, c.",
  )
})

test('cancelling ends a run: the agent is told, and what waits never starts', async () => {
  const devops = await openTestDevops({
    compiler: {
      compile: () => ({
        plan: plan([
          stage('A', [job('Long'), job('Next', { dependsOn: ['Long'] })]),
          stage('B', [job('Tidy', { condition: 'always()' }), job('No')], {
            dependsOn: ['A'],
            condition: 'always()',
          }),
        ]),
        diagnostics: [],
      }),
    },
  })
  opened.push(devops)
  const folder = writeSource(devops, { 'azure-pipelines.yml': '' })
  const { runId } = await devops.queueFolderRun({ folder, requestedBy: ADMINISTRATOR })
  const agent = startAgent(devops.agentApi('one'), async (request, api) => {
    if (request.jobName !== 'Long') return {}
    const signal = api.cancelSignal(leaseOf(request))
    await devops.cancelRun(runId)
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve()
      signal.addEventListener('abort', () => resolve())
    })
    return { result: 'Canceled' }
  })
  const events = await watchToEnd(devops, runId)
  await agent.stop()
  expect(events.at(-1)).toEqual({ kind: 'finished', result: 'Canceled' })
  expect(agent.jobs.map(({ jobName }) => jobName)).toEqual(['Long', 'Tidy'])
})

test('many agents in two processes never run a job twice and leave none behind', async () => {
  const names = Array.from({ length: 24 }, (_, i) => `J${i}`)
  const devops = await openTestDevops({
    compiler: {
      compile: () => ({
        plan: plan([
          stage(
            'A',
            names.map((name) => job(name)),
          ),
        ]),
        diagnostics: [],
      }),
    },
  })
  opened.push(devops)
  const other = await devops.again()
  const folder = writeSource(devops, { 'azure-pipelines.yml': '' })
  const agents = [0, 1, 2, 3, 4, 5].map((i) =>
    startAgent((i % 2 === 0 ? devops : other).agentApi(`agent ${i}`), async () => {
      await new Promise((resolve) => setImmediate(resolve))
      return {}
    }),
  )
  const { runId } = await devops.queueFolderRun({ folder, requestedBy: ADMINISTRATOR })
  const events = await watchToEnd(devops, runId)
  for (const agent of agents) await agent.stop()
  expect(events.at(-1)).toEqual({ kind: 'finished', result: 'Succeeded' })
  const ran = agents.flatMap(({ jobs }) => jobs.map(({ jobName }) => jobName))
  expect(ran.sort()).toEqual([...names].sort())
})

async function leased() {
  const devops = await openTestDevops({
    compiler: {
      compile: () => ({ plan: plan([stage('A', [job('J')])]), diagnostics: [] }),
    },
  })
  opened.push(devops)
  const folder = writeSource(devops, { 'azure-pipelines.yml': '' })
  const { runId } = await devops.queueFolderRun({ folder, requestedBy: ADMINISTRATOR })
  const api = devops.agentApi('one')
  const request = await api.takeJob(new AbortController().signal)
  if (!request) throw new Error('No job was waiting.')
  return { devops, api, runId, request, lease: leaseOf(request) }
}

test('a job whose agent never spoke goes back to the queue, and the late agent is refused', async () => {
  const { devops, api, runId, lease } = await leased()
  devops.clock.moveMs(6 * 60_000)
  await devops.recover({ nowMs: devops.clock.nowMs() })
  await expect(api.finishJob(lease, 'Succeeded', [])).rejects.toMatchObject({ code: 'LeaseLost' })
  const agent = startAgent(devops.agentApi('two'), () => ({}))
  const events = await watchToEnd(devops, runId)
  await agent.stop()
  expect(events.at(-1)).toEqual({ kind: 'finished', result: 'Succeeded' })
  expect(agent.jobs[0]?.fence).toBeGreaterThan(lease.fence)
})

test('a job that had begun is abandoned when its agent is lost, and its run fails', async () => {
  const { devops, api, runId, lease, request } = await leased()
  await api.updateRecords(lease, [
    { id: request.jobId, type: 'Job', name: 'J', state: 'inProgress' },
  ])
  await devops.recover({ nowMs: devops.clock.nowMs() })
  await api.renewJob(lease)
  await devops.recover({ nowMs: devops.clock.nowMs(), lostAgents: ['one'] })
  await expect(api.createLog(lease)).rejects.toMatchObject({ code: 'LeaseLost' })
  const events = await watchToEnd(devops, runId)
  expect(events.at(-1)).toEqual({ kind: 'finished', result: 'Failed' })
})

test('a job that outstays its limits is cancelled by the server, then ended without its agent', async () => {
  const { devops, api, runId, lease } = await leased()
  for (let minute = 0; minute < 62; minute += 1) {
    devops.clock.moveMs(60_000)
    await api.renewJob(lease)
  }
  const signal = api.cancelSignal(lease)
  await devops.recover({ nowMs: devops.clock.nowMs() })
  expect(signal.aborted).toBe(true)
  expect(String(signal.reason)).toContain('ran longer than the maximum time of 60 minutes')
  for (let minute = 0; minute < 7; minute += 1) {
    devops.clock.moveMs(60_000)
    await api.renewJob(lease)
  }
  await devops.recover({ nowMs: devops.clock.nowMs() })
  const events = await watchToEnd(devops, runId)
  expect(events.at(-1)).toEqual({ kind: 'finished', result: 'Canceled' })
})

test('a finished job may be finished again with the same end, and a run number counts on', async () => {
  const { devops, api, lease, runId } = await leased()
  await api.finishJob(lease, 'Succeeded', [])
  await api.finishJob(lease, 'Succeeded', [])
  await expect(api.finishJob(lease, 'Failed', [])).rejects.toMatchObject({ code: 'LeaseLost' })
  const folder = writeSource(devops, { 'azure-pipelines.yml': '' })
  const second = await devops.queueFolderRun({ folder, requestedBy: ADMINISTRATOR })
  const request = await api.takeJob(new AbortController().signal)
  expect(request?.variables['Build.BuildNumber']?.value).toBe('20260102.2')
  expect(second.runId).toBe(runId + 1)
})
