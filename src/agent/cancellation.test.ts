import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { bashStep, jobOf, type SampleAgent, sampleAgent } from './testing/sample-jobs.ts'

/** A script that says in a file that it runs. */
const STARTED = 'touch $HOME/started'

async function untilFile(agent: SampleAgent, name = 'started'): Promise<void> {
  while (!existsSync(path.join(agent.folder, name))) await sleep(5)
}

/** False for a process that is gone, and for one that only waits to be reaped. */
async function isRunning(pid: number): Promise<boolean> {
  return (await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')) !== ''
}

test('cancelling ends the running step with its grandchildren and skips the next', async () => {
  await using agent = await sampleAgent()
  const script = `(sleep 60 & echo $! > $HOME/pid; ${STARTED}; wait) & wait`
  const job = jobOf([bashStep('long', script), bashStep('next', 'true')])
  const done = agent.run(job)
  await untilFile(agent)
  agent.api.cancel(job.jobId)

  expect(await done).toBe('Canceled')
  expect(agent.api.record('long')).toMatchObject({
    result: 'Canceled',
    issues: [{ message: 'The operation was canceled.' }],
  })
  expect(agent.api.record('next')?.result).toBe('Skipped')
  const pid = Number(await readFile(path.join(agent.folder, 'pid'), 'utf8'))
  await expect.poll(() => isRunning(pid)).toBe(false)
})

test('the signal of the caller cancels as a person does', async () => {
  await using agent = await sampleAgent()
  const controller = new AbortController()
  const cleanUp = bashStep('clean up', 'echo cleaned', { condition: 'always()' })
  const done = agent.run(
    jobOf([bashStep('long', `${STARTED}; sleep 60`), cleanUp]),
    controller.signal,
  )
  await untilFile(agent)
  controller.abort()

  expect(await done).toBe('Canceled')
  expect(agent.api.log('clean up')).toContain('cleaned\n')
})

test('a running step whose condition holds in a cancelled job goes on', async () => {
  await using agent = await sampleAgent()
  const script = `${STARTED}; while [ ! -e $HOME/go ]; do sleep 0.02; done; echo finished`
  const job = jobOf([
    bashStep('stubborn', script, { condition: 'always()' }),
    bashStep('told', 'touch $HOME/told', { condition: 'canceled()' }),
    bashStep('next', 'true'),
  ])
  const done = agent.run(job)
  await untilFile(agent)
  agent.api.cancel(job.jobId)
  await writeFile(path.join(agent.folder, 'go'), '')

  expect(await done).toBe('Canceled')
  expect(agent.api.record('stubborn')?.result).toBe('Succeeded')
  expect(agent.api.record('told')?.result).toBe('Succeeded')
  expect(agent.api.record('next')?.result).toBe('Skipped')
})

test('a child that ignores the gentle signals is killed', async () => {
  await using agent = await sampleAgent({ timing: { interruptMs: 30, terminateMs: 30 } })
  const job = jobOf([
    bashStep('deaf', `trap '' INT TERM; ${STARTED}; while :; do sleep 0.05; done`),
  ])
  const done = agent.run(job)
  await untilFile(agent)
  agent.api.cancel(job.jobId)

  expect(await done).toBe('Canceled')
})

test('a child may clean up when it is interrupted', async () => {
  await using agent = await sampleAgent()
  const script = `trap 'echo tidy; exit 0' INT; ${STARTED}; while :; do sleep 0.02; done`
  const job = jobOf([bashStep('polite', script)])
  const done = agent.run(job)
  await untilFile(agent)
  agent.api.cancel(job.jobId)
  await done

  expect(agent.api.log('polite')).toContain('tidy\n')
  expect(agent.api.record('polite')?.result).toBe('Canceled')
})

test('when the cancel time is over, everything ends and later steps do not run', async () => {
  await using agent = await sampleAgent({ timing: { minuteMs: 50 } })
  const always = { condition: 'always()' }
  const job = jobOf(
    [bashStep('endless', `${STARTED}; sleep 60`, always), bashStep('last', 'true', always)],
    {
      timeoutInMinutes: 0,
      cancelTimeoutInMinutes: 1,
    },
  )
  const done = agent.run(job)
  await untilFile(agent)
  agent.api.cancel(job.jobId)

  expect(await done).toBe('Canceled')
  expect(agent.api.record('endless')?.result).toBe('Canceled')
  expect(agent.api.record('last')).toMatchObject({ state: 'completed', result: 'Skipped' })
  expect(agent.api.record('Finalize job')?.result).toBe('Succeeded')
})

test('a job that runs too long is cancelled, and its record says why', async () => {
  await using agent = await sampleAgent({ timing: { minuteMs: 100 } })
  const job = jobOf([bashStep('long', 'sleep 60')], { timeoutInMinutes: 1 })

  expect(await agent.run(job)).toBe('Canceled')
  expect(agent.api.records.get(job.jobId)?.issues?.[0]?.message).toContain(
    'The job running on agent sample ran longer than the maximum time of 1 minutes',
  )
})

test('a process that left its group does not outlive the job', async () => {
  await using agent = await sampleAgent()
  const script = 'setsid sleep 60 >/dev/null 2>&1 & echo $! > $HOME/pid'
  await agent.run(jobOf([bashStep('leaves', script)]))

  expect(agent.api.log('Finalize job')).toMatch(/Terminate orphan process: pid \(\d+\) \(\w+\)/)
  const pid = Number(await readFile(path.join(agent.folder, 'pid'), 'utf8'))
  await expect.poll(() => isRunning(pid)).toBe(false)
})

test('an agent that lost its lease stops, writes nothing more and finishes nothing', async () => {
  await using agent = await sampleAgent({ timing: { renewMs: 20 } })
  const job = jobOf([bashStep('long', `${STARTED}; sleep 60`), bashStep('next', 'true')])
  const done = agent.run(job)
  await untilFile(agent)
  agent.api.moveLease(job.jobId, 2)

  expect(await done).toBe('Abandoned')
  expect(agent.api.finishes.size).toBe(0)
  expect(agent.api.record('next')?.state ?? 'pending').toBe('pending')
})
