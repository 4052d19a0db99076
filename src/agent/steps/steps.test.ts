import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { expect, test } from 'vitest'
import { manualClock } from '../../base/clock.ts'
import { Sealed } from '../../base/sealed.ts'
import { failed, skipped, succeeded, task } from '../../tasks/index.ts'
import {
  bashStep,
  jobOf,
  sampleAgent,
  sampleBash,
  stepOf,
  variableOf,
} from '../testing/sample-jobs.ts'

const FAIL = 'exit 3'

/** A tiny task; its name is its id. */
function tiny(
  name: string,
  run: Parameters<typeof task>[0]['run'],
  stages?: ('prejob' | 'execution')[],
) {
  return task({
    id: name,
    name,
    version: '1.0.0',
    friendlyName: name,
    description: 'A task of a test.',
    author: 'Sluice',
    helpUrl: 'none',
    instanceNameFormat: name,
    inputs: {},
    ...(stages && { stages }),
    run,
  })
}

test.each([
  { condition: undefined, result: 'Skipped' },
  { condition: 'succeeded()', result: 'Skipped' },
  { condition: 'failed()', result: 'Succeeded' },
  { condition: 'always()', result: 'Succeeded' },
  { condition: 'succeededOrFailed()', result: 'Succeeded' },
  { condition: 'canceled()', result: 'Skipped' },
  { condition: "eq(variables.x, 'y')", result: 'Succeeded' },
  { condition: "eq(variables['Agent.JobStatus'], 'Failed')", result: 'Succeeded' },
  { condition: 'eq(', result: 'Failed' },
])(
  'after a failure the condition $condition ends a step $result',
  async ({ condition, result }) => {
    await using agent = await sampleAgent()
    const after = bashStep('after', 'true', condition === undefined ? {} : { condition })
    const job = jobOf([bashStep('broken', FAIL), after], { variables: { x: variableOf('y') } })

    expect(await agent.run(job)).toBe('Failed')
    expect(agent.api.record('after')?.result).toBe(result)
  },
)

test('a skipped step says in its log how its condition was evaluated', async () => {
  await using agent = await sampleAgent()
  const variables = { password: variableOf(new Sealed('hidden-one')) }
  const condition = "eq(variables.password, 'other')"
  await agent.run(jobOf([bashStep('skipped', 'true', { condition })], { variables }))

  expect(agent.api.log('skipped')).toBe(
    [
      '##[section]Starting: skipped',
      "Evaluating: eq(variables['password'], 'other')",
      "Expanded: eq('***', 'other')",
      'Result: False',
      'Skipping step due to condition evaluation.',
      '##[section]Finishing: skipped',
      '',
    ].join('\n'),
  )
})

test('a failure that may continue leaves the job with issues and later steps running', async () => {
  await using agent = await sampleAgent()
  const steps = [bashStep('broken', FAIL, { continueOnError: true }), bashStep('after', 'true')]

  expect(await agent.run(jobOf(steps))).toBe('SucceededWithIssues')
  expect(agent.api.record('broken')).toMatchObject({ result: 'SucceededWithIssues', errorCount: 1 })
  expect(agent.api.record('after')?.result).toBe('Succeeded')
})

test('a step that exits with 3 fails with the text of the service', async () => {
  await using agent = await sampleAgent()
  await agent.run(jobOf([bashStep('broken', FAIL)]))

  expect(agent.api.record('broken')).toMatchObject({
    result: 'Failed',
    currentOperation: "Bash exited with code '3'.",
    issues: [{ type: 'error', message: "Bash exited with code '3'." }],
  })
  expect(agent.api.log('broken')).toContain("##[error]Bash exited with code '3'.\n")
})

test('a step of a task that is not there fails with the text of the service', async () => {
  await using agent = await sampleAgent()
  const step = { ...bashStep('absent', ''), task: { id: 'none', name: 'Absent', version: '7' } }
  await agent.run(jobOf([step]))

  expect(agent.api.record('absent')?.issues?.[0]?.message).toBe(
    "A task is missing. The pipeline references a task called 'Absent'. This usually indicates the task isn't installed, and you may be able to install it from the Marketplace: https://marketplace.visualstudio.com. (Task version 7, job 'Job', step 'absent'.)",
  )
})

test('a disabled step is skipped without a log', async () => {
  await using agent = await sampleAgent()
  await agent.run(jobOf([bashStep('off', 'exit 1', { enabled: false })]))

  expect(agent.api.record('off')).toMatchObject({ state: 'completed', result: 'Skipped' })
  expect(agent.api.record('off')?.logId).toBeUndefined()
})

test('a step is tried again after 1, then 4 units of time', async () => {
  await using agent = await sampleAgent()
  const script = 'echo x >> $HOME/tries; test $(wc -l < $HOME/tries) -ge 3'
  const job = jobOf([bashStep('flaky', script, { retryCountOnTaskFailure: 2 })])

  expect(await agent.run(job)).toBe('Succeeded')
  expect(agent.api.log('flaky').match(/will retry.*/g)).toEqual([
    'will retry (attempt #: 1 out of 2) after 5 ms',
    'will retry (attempt #: 2 out of 2) after 20 ms',
  ])
})

test('a step is not tried more often than asked', async () => {
  await using agent = await sampleAgent()
  const script = 'echo x >> $HOME/tries; exit 1'
  await agent.run(jobOf([bashStep('flaky', script, { retryCountOnTaskFailure: 1 })]))

  expect(await agent.readFiles()).toBe('x\nx\n')
})

test('a step that takes too long fails, and the job goes on by its conditions', async () => {
  await using agent = await sampleAgent({ timing: { minuteMs: 150 } })
  const slow = bashStep('slow', 'sleep 30', { timeoutInMinutes: 1 })
  const job = jobOf([slow, bashStep('after', 'true', { condition: 'failed()' })], {
    timeoutInMinutes: 0,
  })

  expect(await agent.run(job)).toBe('Failed')
  expect(agent.api.record('slow')?.issues?.[0]?.message).toBe('The task has timed out.')
  expect(agent.api.record('after')?.result).toBe('Succeeded')
})

test('a task that does not listen is left behind when its step has timed out', async () => {
  const deaf = tiny('deaf', () => new Promise(() => undefined))
  const timing = { minuteMs: 20, interruptMs: 10, terminateMs: 10, pipesMs: 10 }
  await using agent = await sampleAgent({ tasks: [deaf], timing })

  expect(
    await agent.run(
      jobOf([stepOf(deaf, 'deaf', { timeoutInMinutes: 1 })], { timeoutInMinutes: 0 }),
    ),
  ).toBe('Failed')
})

test('a task with both stages has two records, and a variable of the first reaches the second', async () => {
  const early = tiny(
    'early',
    async ({ stage, setVariable }) => {
      if (stage === 'execution') return skipped('It ran before.')
      setVariable('token', new Sealed('from-the-vault'))
      return succeeded
    },
    ['prejob', 'execution'],
  )
  await using agent = await sampleAgent({ tasks: [early, sampleBash] })
  const job = jobOf([
    bashStep('use', 'echo "got $T"', { env: { T: '$(token)' } }),
    stepOf(early, 'early'),
  ])

  expect(await agent.run(job)).toBe('Succeeded')
  expect(agent.api.record('Pre-job: early')?.result).toBe('Succeeded')
  expect(agent.api.record('early')).toMatchObject({
    result: 'Skipped',
    currentOperation: 'It ran before.',
  })
  expect(agent.api.log('use')).toContain('got ***\n')
})

test('a failed pre-job stage skips the main steps', async () => {
  const early = tiny('early', async () => failed('No vault.'), ['prejob'])
  await using agent = await sampleAgent({ tasks: [early, sampleBash] })

  expect(await agent.run(jobOf([bashStep('main', 'true'), stepOf(early, 'early')]))).toBe('Failed')
  expect(agent.api.record('main')?.result).toBe('Skipped')
  expect(agent.api.record('early')).toBeUndefined()
})

test('the header of a task has seven lines and is not masked', async () => {
  await using agent = await sampleAgent()
  const variables = { short: variableOf(new Sealed('Sample')) }
  await agent.run(jobOf([bashStep('one', 'echo Sample')], { variables }))

  const rule = '='.repeat(78)
  expect(agent.api.log('one').split('\n').slice(0, 9)).toEqual([
    '##[section]Starting: one',
    rule,
    'Task         : Sample Bash',
    'Description  : Runs a script.',
    'Version      : 1.2.3',
    'Author       : Sluice',
    'Help         : none',
    rule,
    '***',
  ])
})

test('inputs are found by alias without case, trimmed, and replaced once', async () => {
  await using agent = await sampleAgent()
  const inputs = { InlineScript: '  echo "$(a)$(b) $(HOME)"\npwd  ', WORKINGDIRECTORY: '' }
  const variables = { a: variableOf('1'), b: variableOf("'$(never)'"), never: variableOf('2') }
  await agent.run(jobOf([stepOf(sampleBash, 'step', { inputs })], { variables }))

  // The value of b is resolved as a variable; the input is not scanned again.
  expect(agent.api.log('step')).toContain(
    `1'2' ${agent.folder}\n${agent.settings.workFolder}/1/s\n`,
  )
})

test('one warning names the macros that no variable fills; commands of the shell are none', async () => {
  await using agent = await sampleAgent()
  const script =
    'f() { :; }\necho "$(dbPasword) $(app.port) $(date) $(pwd) $(f) $(echo hi)" || true'
  await agent.run(jobOf([bashStep('step', script)]))

  expect(agent.api.record('step')).toMatchObject({
    warningCount: 1,
    issues: [
      {
        message: 'No variable has this name, so the text stays as it is: $(dbPasword), $(app.port)',
      },
    ],
  })
})

test('a missing required input and an unknown one are said', async () => {
  await using agent = await sampleAgent()
  await agent.run(jobOf([stepOf(sampleBash, 'step', { inputs: { scrip: 'x' } })]))

  expect(agent.api.record('step')?.issues?.map(({ message }) => message)).toEqual([
    'The task SampleBash@1 has no input scrip; it is not used.',
    'Input required: script',
  ])
})

test('the environment has public variables, mapped secrets and nothing else secret', async () => {
  await using agent = await sampleAgent()
  const variables = {
    'my.db conn': variableOf('public'),
    'my-db': variableOf('hyphen'),
    pass: variableOf(new Sealed('hidden-pass')),
    'System.AccessToken': variableOf(new Sealed('hidden-token')),
    PATH: variableOf('/nowhere'),
  }
  const script = 'env > $HOME/env.txt; echo "$MAPPED" | md5sum'
  await agent.run(jobOf([bashStep('env', script, { env: { MAPPED: ' $(pass) ' } })], { variables }))

  const env = await agent.readFiles()
  expect(env).toContain('MY_DB_CONN=public\n')
  expect(env).toContain('MY-DB=hyphen\n')
  expect(env).toContain('TF_BUILD=True\n')
  expect(env).toContain('AGENT_JOBSTATUS=Succeeded\n')
  expect(env).toContain('MAPPED=hidden-pass\n')
  expect(env).toContain('VSTS_SECRET_VARIABLES=["pass","System.AccessToken"]\n')
  expect(env).not.toMatch(/hidden-token|SYSTEM_ACCESSTOKEN=|^PASS=|\/nowhere/m)
})

test('a value that no program can be given is refused without being shown', async () => {
  await using agent = await sampleAgent()
  const variables = { odd: variableOf(new Sealed('half\0secret')) }
  await agent.run(jobOf([bashStep('env', 'true', { env: { ODD: '$(odd)' } })], { variables }))

  expect(agent.api.record('env')).toMatchObject({ result: 'Failed' })
  expect(agent.api.everything()).not.toContain('secret')
})

test('standard error joins the log in the order written', async () => {
  await using agent = await sampleAgent()
  const script = 'for i in 1 2 3; do echo out $i; echo err $i >&2; done'
  await agent.run(jobOf([bashStep('both', script)]))

  expect(agent.api.log('both')).toContain('out 1\nerr 1\nout 2\nerr 2\nout 3\nerr 3\n')
})

test('a program that leaves a child with its pipes is not waited for', async () => {
  await using agent = await sampleAgent({ timing: { pipesMs: 100 } })
  const job = jobOf([bashStep('leaves', 'sleep 30 & echo done')])

  expect(await agent.run(job)).toBe('Succeeded')
  expect(agent.api.record('leaves')?.issues?.[0]?.message).toContain(
    'The STDIO streams did not close',
  )
  expect(agent.api.log('Finalize job')).toMatch(/Terminate orphan process: pid \(\d+\) \(sleep\)/)
})

test('the log is stamped with the clock of the product', async () => {
  const clock = manualClock(Date.UTC(2030, 0, 2, 3, 4, 5, 600))
  await using agent = await sampleAgent({ clock })
  await agent.run(jobOf([bashStep('one', 'true')]))

  const bytes = Buffer.concat([...agent.api.logs.values()].flat()).toString('utf8')
  expect(bytes).toMatch(/^2030-01-02T03:04:05\.6000000Z ##\[section\]Starting: Initialize job\n/)
})

test('a folder that a step locked is removed all the same', async () => {
  await using agent = await sampleAgent()
  await writeFile(path.join(agent.folder, 'keep'), '')
  await agent.run(jobOf([bashStep('lock', 'mkdir -p d/e; echo x > d/e/f; chmod 000 d/e d')]))

  expect(await agent.readFiles()).toBe('')
})

test('a secret that nobody fetched is empty, and a warning says so', async () => {
  await using agent = await sampleAgent()
  const variables = { late: variableOf('', { value: undefined, isSecret: true }) }
  await agent.run(jobOf([bashStep('step', 'echo "[$(Late)]"')], { variables }))

  expect(agent.api.log('step')).toContain('[]\n')
  expect(agent.api.record('step')?.issues?.[0]?.message).toBe(
    'No step has fetched these secrets yet, so they are empty: $(late)',
  )
})

test('the minimum length of secrets is capped, and Initialize job says so', async () => {
  await using agent = await sampleAgent()
  const variables = {
    AZP_IGNORE_SECRETS_SHORTER_THAN: variableOf('9'),
    short: variableOf(new Sealed('abc')),
    long: variableOf(new Sealed('abcdefg')),
  }
  await agent.run(jobOf([bashStep('step', 'echo "abc abcdefg"')], { variables }))

  expect(agent.api.log('step')).toContain('abc ***\n')
  expect(agent.api.log('Initialize job')).toContain('Maximum value is set: 6')
})

test('a slow server holds a chatty child back, and every line arrives', async () => {
  await using agent = await sampleAgent()
  const append = agent.api.appendLog.bind(agent.api)
  let waitingBytes = 0
  let mostWaitingBytes = 0
  agent.api.appendLog = async (lease, logId, startLine, lines) => {
    waitingBytes += lines.length
    mostWaitingBytes = Math.max(mostWaitingBytes, waitingBytes)
    await new Promise((resolve) => setImmediate(resolve))
    await append(lease, logId, startLine, lines)
    waitingBytes -= lines.length
  }
  await agent.run(jobOf([bashStep('chatty', 'seq 1 400000')]))

  const log = agent.api.log('chatty')
  expect(log.match(/^400000$/m)).not.toBeNull()
  expect(log.match(/^\d+$/gm)).toHaveLength(400_000)
  expect(mostWaitingBytes).toBeLessThan(8_000_000)
})

test('log lines that cannot be delivered fail the job', async () => {
  await using agent = await sampleAgent()
  agent.api.appendLog = () => Promise.reject(new Error('The disk is full.'))
  const job = jobOf([bashStep('one', 'true')])

  expect(await agent.run(job)).toBe('Failed')
  expect(agent.api.records.get(job.jobId)?.issues?.[0]?.message).toContain('The disk is full.')
})

test('a server that fails now and then loses no line and no record', async () => {
  await using agent = await sampleAgent()
  const append = agent.api.appendLog.bind(agent.api)
  const update = agent.api.updateRecords.bind(agent.api)
  let calls = 0
  const fails = () => {
    calls += 1
    if (calls % 3 === 0) throw new Error('Away for a moment.')
  }
  agent.api.appendLog = async (...given) => {
    fails()
    await append(...given)
  }
  agent.api.updateRecords = async (...given) => {
    fails()
    await update(...given)
  }

  expect(await agent.run(jobOf([bashStep('one', 'echo all; echo here')]))).toBe('Succeeded')
  expect(agent.api.log('one')).toContain('all\nhere\n')
  expect(agent.api.record('Finalize job')?.result).toBe('Succeeded')
})

test('with System.Debug a step shows how its condition was evaluated', async () => {
  await using agent = await sampleAgent()
  const variables = { 'System.Debug': variableOf('True') }
  await agent.run(jobOf([bashStep('one', 'true')], { variables }))

  expect(agent.api.log('one')).toContain(
    '##[debug]Evaluating: succeeded()\n##[debug]Result: True\n',
  )
})
