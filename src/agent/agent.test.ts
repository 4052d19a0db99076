import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { expect, test } from 'vitest'
import { Sealed } from '../base/sealed.ts'
import { succeeded, task } from '../tasks/index.ts'
import { runAgent } from './agent.ts'
import {
  bashStep,
  jobOf,
  type SampleAgent,
  sampleAgent,
  sampleBash,
  stepOf,
  variableOf,
} from './testing/sample-jobs.ts'

async function untilFinished(agent: SampleAgent, jobs: number): Promise<void> {
  while (agent.api.finishes.size < jobs) await new Promise((resolve) => setTimeout(resolve, 5))
}

test('an agent takes one job after the other until it is stopped', async () => {
  await using agent = await sampleAgent()
  const jobs = ['a', 'b', 'c'].map((name) => jobOf([bashStep(name, `echo ${name} >> $HOME/order`)]))
  for (const job of jobs) agent.api.queue(job)
  const stop = new AbortController()
  const done = runAgent(agent.api, agent.settings, stop.signal)
  await untilFinished(agent, 3)
  stop.abort()
  await done

  expect(await readFile(path.join(agent.folder, 'order'), 'utf8')).toBe('a\nb\nc\n')
  expect(jobs.map(({ jobId }) => agent.api.finishes.get(jobId)?.result)).toEqual([
    'Succeeded',
    'Succeeded',
    'Succeeded',
  ])
})

test('jobs that run together have folders of their own', async () => {
  await using agent = await sampleAgent({ maxParallel: 2 })
  // Each waits for the other, so they end only when they run at the same time.
  const meet = (own: string, other: string) =>
    jobOf([bashStep(own, `pwd > $HOME/${own}; while [ ! -s $HOME/${other} ]; do sleep 0.02; done`)])
  agent.api.queue(meet('one', 'two'))
  agent.api.queue(meet('two', 'one'))
  const stop = new AbortController()
  const done = runAgent(agent.api, agent.settings, stop.signal)
  await untilFinished(agent, 2)
  stop.abort()
  await done

  expect((await agent.readFiles()).split('\n').sort()).toEqual([
    '',
    '',
    `${agent.settings.workFolder}/1/s`,
    `${agent.settings.workFolder}/2/s`,
  ])
})

test('a server that fails for a while is told of once and does not stop the agent', async () => {
  await using agent = await sampleAgent()
  const { api } = agent
  const take = api.takeJob.bind(api)
  const away = new Error('away')
  const answers = [() => Promise.reject(away), () => Promise.reject(away), take]
  const failures: unknown[] = []
  const onFailure = (error: unknown) => failures.push(error)
  api.takeJob = (signal) => (answers.shift() ?? take)(signal)
  const job = jobOf([bashStep('one', 'true')])
  api.queue(job)
  const stop = new AbortController()
  const done = runAgent(api, { ...agent.settings, onFailure }, stop.signal)
  await untilFinished(agent, 1)
  stop.abort()
  await done

  expect(failures).toEqual([away])
  expect(api.finishes.get(job.jobId)?.result).toBe('Succeeded')
})

test('the folders of a job are private while it runs and gone when it is over', async () => {
  await using agent = await sampleAgent()
  const script = 'stat -c %a .. . "$AGENT_TEMPDIRECTORY" | tr "\\n" " "'
  await agent.run(jobOf([bashStep('one', script)]))

  expect(agent.api.log('one')).toContain('700 700 700')
  expect((await readdir(agent.settings.workFolder)).sort()).toEqual(['_temp', '_tool'])
  expect(await readdir(path.join(agent.settings.workFolder, '_temp'))).toEqual([])
  expect((await stat(path.join(agent.settings.workFolder, '_temp'))).mode & 0o77).toBe(0)
})

test('what a killed agent left behind is removed by the next job', async () => {
  await using agent = await sampleAgent()
  const left = path.join(agent.settings.workFolder, '4')
  await mkdir(path.join(agent.settings.workFolder, '_temp/4'), { recursive: true })
  await mkdir(left, { recursive: true })
  // No process has this number: Linux ends at 4 194 304.
  await writeFile(path.join(left, '.owner'), '4194999\n')
  await writeFile(path.join(agent.settings.workFolder, '_temp/4/script.sh'), 'hidden-leftover')
  await agent.run(jobOf([bashStep('one', 'true')]))

  expect(await agent.readFiles()).toBe('')
})

test('after a job full of secrets no file and nothing told holds one', async () => {
  const canaries = [
    'canary-of-job',
    'canary-of-endpoint',
    'canary-of-step',
    'canary-first-line',
    'canary-of-task',
  ]
  const taskThatTells = task({
    ...sampleBash,
    id: 'tells',
    name: 'Tells',
    inputs: { connection: { kind: 'text' } },
    async run({ inputs, connection, write, warning, setVariable, setSecret }) {
      const key = connection(inputs.connection).parameters['serviceprincipalkey']
      write(`##vso[task.debug]key ${key?.open()}`)
      warning(`The key is ${key?.open()}.`)
      setSecret(new Sealed('canary-of-task'))
      setVariable('fromTask', new Sealed('canary-of-task'), { isOutput: true })
      write('Have canary-of-task')
      return succeeded
    },
  })
  await using agent = await sampleAgent({ tasks: [sampleBash, taskThatTells] })
  const script = `
    printf '%s' "$JOB" > in-workspace.txt; printf '%s' "$JOB" > "$AGENT_TEMPDIRECTORY/in-temp.txt"
    echo '##vso[task.setvariable variable=late;issecret=true]canary-of-step'
    echo "##vso[task.setvariable variable=copy]$JOB"
    echo "##vso[task.logissue type=error;code=$JOB]failed with $JOB"
    echo "##vso[task.setprogress value=1]$JOB"
    echo "##vso[task.nosuch a=$JOB]$JOB"
    echo "##vso[task.logdetail id=d2719b3a-6ba7-4d8b-a2a3-7e0c2be0f5a1;name=$JOB]"
    echo "##vso[build.addbuildtag]$JOB" "##vso[build.updatebuildnumber]$JOB"
    echo "##vso $JOB"; echo "$PEM" | head -1; echo "$JOB" | base64; echo "$JOB" >&2`
  const job = jobOf(
    [
      bashStep('one', script, {
        displayName: 'Use $(secret)',
        env: { JOB: '$(secret)', PEM: '$(pem)' },
        continueOnError: true,
      }),
      bashStep('two', 'echo "$(late) canary-of-step"'),
      stepOf(taskThatTells, 'three', { inputs: { connection: 'my connection' } }),
    ],
    {
      variables: {
        secret: variableOf(new Sealed('canary-of-job')),
        pem: variableOf(new Sealed('canary-first-line\ncanary-second-line')),
        'System.Debug': variableOf('true'),
      },
      endpoints: [
        {
          id: newId(),
          name: 'My Connection',
          type: 'azurerm',
          url: 'https://arm.test',
          scheme: 'ServicePrincipal',
          parameters: {
            serviceprincipalkey: new Sealed('canary-of-endpoint'),
            tenantid: new Sealed('tenant'),
          },
          data: {},
        },
      ],
    },
  )

  expect(await agent.run(job)).toBe('SucceededWithIssues')
  const told = agent.api.everything()
  expect(canaries.filter((canary) => told.includes(canary))).toEqual([])
  expect(told).not.toContain(Buffer.from('canary-of-job').toString('base64'))
  const kept = await agent.readFiles()
  expect(canaries.filter((canary) => kept.includes(canary))).toEqual([])
})

function newId(): string {
  return crypto.randomUUID()
}
