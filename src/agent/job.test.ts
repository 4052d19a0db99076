import { expect, test } from 'vitest'
import { Sealed } from '../base/sealed.ts'
import { bashStep, jobOf, sampleAgent, variableOf } from './testing/sample-jobs.ts'

test('a job runs its steps in order and tells its result', async () => {
  await using agent = await sampleAgent()
  const job = jobOf([bashStep('one', 'echo first'), bashStep('two', 'echo second')])

  expect(await agent.run(job)).toBe('Succeeded')
  expect(agent.api.finishes.get(job.jobId)?.result).toBe('Succeeded')
  expect(agent.api.log('one')).toContain('first\n')
  const steps = [...agent.api.records.values()].filter(({ type }) => type === 'Task')
  expect(
    steps.sort((a, b) => (a.order ?? 0) - (b.order ?? 0)).map(({ name, result }) => [name, result]),
  ).toEqual([
    ['Initialize job', 'Succeeded'],
    ['one', 'Succeeded'],
    ['two', 'Succeeded'],
    ['Finalize job', 'Succeeded'],
  ])
})

test('a secret of the job is masked in logs, feed and records, even printed in pieces', async () => {
  await using agent = await sampleAgent()
  const script = 'printf "s3cr"; sleep 0.1; printf "3t-value\\n"; echo "$A"'
  const job = jobOf([bashStep('leak', script, { env: { A: '$(pass)' } })], {
    variables: { pass: variableOf(new Sealed('s3cr3t-value')) },
  })

  await agent.run(job)
  expect(agent.api.everything()).not.toContain('s3cr3t-value')
  expect(agent.api.log('leak')).toMatch(/\*\*\*\n\*\*\*\n/)
  expect(await agent.readFiles()).not.toContain('s3cr3t-value')
})
