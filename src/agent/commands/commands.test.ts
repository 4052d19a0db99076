import { expect, test } from 'vitest'
import { Sealed } from '../../base/sealed.ts'
import type { JobRequest } from '../../protocol/index.ts'
import { bashStep, jobOf, sampleAgent, variableOf } from '../testing/sample-jobs.ts'

/** Prints lines as they are. */
function printing(...lines: string[]): string {
  return lines.map((line) => `printf '%s\\n' '${line}'`).join('\n')
}

test('a variable is there from the next step on, as macro, environment and condition', async () => {
  await using agent = await sampleAgent()
  const steps = [
    bashStep('set', printing('##vso[task.setvariable variable=my.var]va%AZP25lue')),
    bashStep('use', 'echo "$(my.var) $MY_VAR"', { condition: "eq(variables['MY.VAR'], 'va%lue')" }),
  ]
  await agent.run(jobOf(steps))

  expect(agent.api.log('use')).toContain('va%lue va%lue\n')
  expect(agent.api.log('set')).not.toContain('##vso')
})

test('an output is known as step.name, later in the job and at its end', async () => {
  await using agent = await sampleAgent()
  const job = jobOf([
    bashStep(
      's',
      printing(
        '##vso[task.setvariable variable=v;isoutput=true]public',
        '##vso[task.setvariable variable=p;isoutput=true;issecret=true]hidden-value',
      ),
    ),
    bashStep('use', 'echo "[$(s.v)] [$(v)] $S_V"'),
  ])
  await agent.run(job)

  expect(agent.api.log('use')).toContain('[public] [] public\n')
  const outputs = agent.api.finishes.get(job.jobId)?.outputs ?? []
  expect(
    outputs.map(({ name, value }) => [name, value instanceof Sealed ? value.open() : value]),
  ).toEqual([
    ['s.v', 'public'],
    ['s.p', 'hidden-value'],
  ])
  expect(outputs[1]?.value).toBeInstanceOf(Sealed)
})

test('a public output that holds a secret is handed on as a secret', async () => {
  await using agent = await sampleAgent()
  const script = 'echo "##vso[task.setvariable variable=url;isoutput=true]http://$P/"'
  const variables = { pass: variableOf(new Sealed('hidden-pass')) }
  const job = jobOf([bashStep('s', script, { env: { P: '$(pass)' } })], { variables })
  await agent.run(job)

  expect(agent.api.finishes.get(job.jobId)?.outputs[0]?.value).toBeInstanceOf(Sealed)
  expect(agent.api.everything()).not.toContain('hidden-pass')
})

test.each([
  { flag: 'issecret=true', masked: true },
  { flag: 'issecret=TRUE', masked: true },
  { flag: 'issecret=1', masked: false },
  { flag: 'issecret=yes', masked: false },
])('with $flag a variable is secret: $masked', async ({ flag, masked }) => {
  await using agent = await sampleAgent()
  const script = printing(
    `##vso[task.setvariable variable=a;${flag}]run-time-value`,
    'run-time-value',
  )
  await agent.run(jobOf([bashStep('set', script)]))

  expect(agent.api.log('set')).toContain(masked ? '***\n' : 'run-time-value\n')
})

test('what was secret once stays secret', async () => {
  await using agent = await sampleAgent()
  const script = printing('##vso[task.setvariable variable=a]second-value', 'second-value')
  const variables = { a: variableOf(new Sealed('first-value')) }
  await agent.run(
    jobOf([bashStep('set', script), bashStep('use', 'env | grep ^A= || echo none')], { variables }),
  )

  expect(agent.api.log('set')).toContain('***\n')
  expect(agent.api.log('use')).toContain('none\n')
})

test('a secret of several lines is refused, and neither the refusal nor the debug line shows it', async () => {
  await using agent = await sampleAgent()
  const set = '##vso[task.setvariable variable=pem;issecret=true]first-line%0Asecond-line'
  const variables = { 'System.Debug': variableOf('true') }
  await agent.run(jobOf([bashStep('set', printing(set))], { variables }))

  const messages = agent.api.record('set')?.issues?.map(({ message }) => message)
  expect(messages?.[0]).toMatch(
    /^Unable to process command '##vso\[task\.setvariable .*' successfully\./,
  )
  expect(messages?.[1]).toBe('Secrets cannot contain multiple lines')
  expect(agent.api.record('set')?.result).toBe('Failed')
  expect(agent.api.everything().match(/second-line/g)).toBeNull()
})

test('a secret of several lines is taken with the switch, and each line is masked', async () => {
  await using agent = await sampleAgent()
  const script = printing(
    '##vso[task.setvariable variable=SYSTEM_UNSAFEALLOWMULTILINESECRET]true',
    '##vso[task.setvariable variable=pem;issecret=true]first-line%0Asecond-line',
    'see second-line',
  )
  expect(await agent.run(jobOf([bashStep('set', script)]))).toBe('Succeeded')
  expect(agent.api.log('set')).toContain('see ***\n')
})

test.each([
  { strict: 'false', result: 'Succeeded', value: 'new' },
  { strict: 'true', result: 'Failed', value: 'old' },
])(
  'overwriting a readonly variable, strict $strict, ends $result',
  async ({ strict, result, value }) => {
    await using agent = await sampleAgent()
    const variables = {
      fixed: variableOf('old', { isReadOnly: true }),
      'agent.readOnlyVariables': variableOf(strict),
    }
    const set = bashStep('set', printing('##vso[task.setvariable variable=fixed]new'))
    const use = bashStep('use', 'echo "now $(fixed)"', { condition: 'always()' })
    await agent.run(jobOf([set, use], { variables }))

    expect(agent.api.record('set')).toMatchObject({ result })
    expect(
      agent.api
        .record('set')
        ?.issues?.map(({ message }) => message)
        .join(' '),
    ).toContain("Overwriting readonly variable 'fixed'")
    expect(agent.api.log('use')).toContain(`now ${value}\n`)
  },
)

test('a variable stays readonly once a step made it so', async () => {
  await using agent = await sampleAgent()
  const script = printing(
    '##vso[task.setvariable variable=a;isreadonly=true]1',
    '##vso[task.setvariable variable=a]2',
  )
  await agent.run(jobOf([bashStep('set', script)]))

  expect(agent.api.record('set')?.warningCount).toBe(1)
})

test.each([
  { settableVariables: ['ok'], ok: 'yes', other: '$(other)' },
  { settableVariables: 'none', ok: '$(ok)', other: '$(other)' },
] as const)(
  'only settable variables are set: $settableVariables',
  async ({ settableVariables, ok, other }) => {
    await using agent = await sampleAgent()
    const script = printing(
      '##vso[task.setvariable variable=OK]yes',
      '##vso[task.setvariable variable=other]no',
    )
    const show = bashStep('show', "echo '$(ok) $(other)'")
    await agent.run(jobOf([bashStep('set', script, { target: { settableVariables } }), show]))

    expect(agent.api.log('show')).toContain(`${ok} ${other}\n`)
    expect(agent.api.log('set')).toContain(
      "##[warning]Setting variable 'other' has been disabled by the task or build definition.\n",
    )
  },
)

test('a restricted step may not publish, and is told so', async () => {
  await using agent = await sampleAgent()
  const script = printing('##vso[build.addbuildtag]mine', '##vso[task.setvariable variable=a]1')
  expect(
    await agent.run(jobOf([bashStep('one', script, { target: { commands: 'restricted' } })])),
  ).toBe('Succeeded')

  expect(agent.api.tags).toEqual([])
  expect(agent.api.record('one')?.warningCount).toBe(1)
})

test.each([
  { line: '##vso[task.nosuch]x', result: 'Failed', text: 'is not a recognized command for task' },
  {
    line: '##vso[nosuch.x]y',
    result: 'Succeeded',
    text: "##[warning]Can't find command extension",
  },
  {
    line: '##vso[task.setvariable]y',
    result: 'Failed',
    text: "Required field 'variable' is missing",
  },
  {
    line: '##vso[task.constructor]x',
    result: 'Failed',
    text: 'is not a recognized command for task',
  },
  { line: '##vso[constructor.x]y', result: 'Succeeded', text: "Can't find command extension" },
  { line: '##vso broken', result: 'Succeeded', text: "contains logging command keyword '##vso'" },
  {
    line: '##vso[results.publish type=JUnit]r',
    result: 'Failed',
    text: 'publish them as an artifact',
  },
  { line: '##vso[task.setprogress value=101]x', result: 'Failed', text: 'from 0 to 100' },
  {
    line: '##vso[task.uploadfile]/no/such',
    result: 'Failed',
    text: 'Cannot upload task attachment',
  },
])('$line ends the step $result', async ({ line, result, text }) => {
  await using agent = await sampleAgent()
  await agent.run(jobOf([bashStep('one', printing(line))]))

  expect(agent.api.record('one')?.result).toBe(result)
  expect(agent.api.log('one')).toContain(text)
})

test('of fifteen errors ten are kept and all are counted', async () => {
  await using agent = await sampleAgent()
  await agent.run(
    jobOf([
      bashStep('one', 'for i in {1..15}; do echo "##vso[task.logissue type=error]e$i"; done'),
    ]),
  )

  expect(agent.api.record('one')).toMatchObject({ errorCount: 15, result: 'Succeeded' })
  expect(agent.api.record('one')?.issues).toHaveLength(10)
})

test('an issue with a place shows it in the log and keeps it as data', async () => {
  await using agent = await sampleAgent()
  const line =
    '##vso[task.issue type=warning;sourcepath=a.cs;linenumber=7;columnnumber=40;code=CS1002]; expected'
  await agent.run(jobOf([bashStep('one', printing(line))]))

  expect(agent.api.log('one')).toContain('##[warning]a.cs(7,40): Warning CS1002: ; expected\n')
  expect(agent.api.record('one')?.issues?.[0]).toMatchObject({
    message: '; expected',
    data: { sourcepath: 'a.cs', linenumber: '7', columnnumber: '40', code: 'CS1002' },
  })
})

test('complete changes the result and says why; done ends the step at once', async () => {
  await using agent = await sampleAgent()
  const script = `${printing('##vso[task.complete result=SucceededWithIssues;done=true]enough')}; sleep 60`

  expect(await agent.run(jobOf([bashStep('one', script)]))).toBe('SucceededWithIssues')
  expect(agent.api.record('one')).toMatchObject({ currentOperation: 'enough' })
  expect(agent.api.record('one')).not.toHaveProperty('errorCount')
})

test('progress and details are records', async () => {
  await using agent = await sampleAgent()
  const id = '4a5f2c0e-8f4e-4a3a-9a53-0b0c5a3c6f7d'
  const script = printing(
    '##vso[task.setprogress value=40]half way',
    `##vso[task.logdetail id=${id};name=part;type=build;order=1;state=InProgress]`,
    `##vso[task.logdetail id=${id};progress=100;state=Completed;result=Succeeded]`,
  )
  const job = jobOf([bashStep('one', script)])
  await agent.run(job)

  expect(agent.api.record('one')).toMatchObject({ currentOperation: 'half way' })
  expect(agent.api.records.get(id)).toMatchObject({
    name: 'part',
    parentId: job.steps[0]?.id,
    state: 'completed',
    result: 'Succeeded',
  })
})

test('a folder is prepended to the path of later steps, the latest first', async () => {
  await using agent = await sampleAgent()
  const steps = [
    bashStep(
      'one',
      `${printing('##vso[task.prependpath]/first', '##vso[task.prependpath]/second')}; echo "$PATH"`,
    ),
    bashStep('two', 'echo "$PATH" | cut -d: -f1,2'),
  ]
  await agent.run(jobOf(steps))

  expect(agent.api.log('one')).not.toContain('/first')
  expect(agent.api.log('two')).toContain('/second:/first\n')
})

test('summaries and files are attached, masked', async () => {
  await using agent = await sampleAgent()
  const variables = { pass: variableOf(new Sealed('hidden-pass')) }
  const script = `
    printf 'text hidden-%s' pass > a.md
    ${printing('##vso[task.uploadsummary]a.md', '##vso[task.addattachment type=mine;name=n]a.md')}`
  await agent.run(jobOf([bashStep('one', script)], { variables }))

  expect(
    agent.api.attachments.map(({ type, name, content }) => [
      type,
      name,
      Buffer.from(content).toString(),
    ]),
  ).toEqual([
    ['Distributedtask.Core.Summary', 'a.md', 'text ***'],
    ['mine', 'n', 'text ***'],
  ])
})

test('a folder becomes an artifact with its true contents', async () => {
  await using agent = await sampleAgent()
  const variables = {
    pass: variableOf(new Sealed('hidden-pass')),
    'Build.BuildId': variableOf('7'),
  }
  const script = `
    mkdir -p out/sub; printf 'hidden-%s' pass > out/sub/f.txt; ln -s /etc out/etc
    ${printing('##vso[artifact.upload artifactname=drop;containerfolder=drop]out', '##vso[artifact.upload artifactname=none]$(pass)')}
    mkdir empty; ${printing('##vso[artifact.upload artifactname=none]empty')}`
  await agent.run(jobOf([bashStep('one', script)], { variables }))

  expect(
    [...(agent.api.artifacts.get('drop') ?? [])].map(([name, bytes]) => [name, `${bytes}`]),
  ).toEqual([['sub/f.txt', 'hidden-pass']])
  expect(agent.api.associated).toEqual([{ name: 'drop', type: 'Container', folder: 'drop' }])
  const log = agent.api.log('one')
  expect(log).toContain('Associated artifact drop with build 7\n')
  expect(log).toContain("is empty. Nothing will be added to build artifact 'none'.\n")
  expect(log).toContain('##[error]Path does not exist: ')
  expect(agent.api.everything()).not.toContain('hidden-pass')
})

test('run number and tags reach the server, masked', async () => {
  await using agent = await sampleAgent()
  const script = printing('##vso[build.updatebuildnumber]1.2.3', '##vso[build.addbuildtag]blue')
  await agent.run(jobOf([bashStep('one', script), bashStep('two', 'echo "$(Build.BuildNumber)"')]))

  expect(agent.api.runNumbers).toEqual(['1.2.3'])
  expect(agent.api.tags).toEqual(['blue'])
  expect(agent.api.log('two')).toContain('1.2.3\n')
})

test.each([
  { id: 'c1', result: 'Succeeded' },
  { id: 'SystemVssConnection', result: 'Failed' },
  { id: 'absent', result: 'Failed' },
])(
  'setting a parameter of the connection $id ends $result and hides the value',
  async ({ id, result }) => {
    await using agent = await sampleAgent()
    const endpoint = {
      type: 'azurerm',
      url: 'https://a.test',
      scheme: 'x',
      parameters: {},
      data: {},
    }
    const endpoints: JobRequest['endpoints'] = [
      { ...endpoint, id: 'c1', name: 'mine' },
      { ...endpoint, id: 'sys', name: 'SystemVssConnection' },
    ]
    const line = `##vso[task.setendpoint id=${id};field=authParameter;key=k]fresh-parameter`
    const script = printing(line, 'fresh-parameter')
    await agent.run(jobOf([bashStep('one', script)], { endpoints }))

    expect(agent.api.record('one')?.result).toBe(result)
    if (result === 'Succeeded') expect(agent.api.everything()).not.toContain('fresh-parameter')
  },
)

test('two uploads fill one build artifact', async () => {
  await using agent = await sampleAgent()
  const script = `
    echo 1 > one; echo 2 > two
    ${printing('##vso[artifact.upload artifactname=drop]one', '##vso[artifact.upload artifactname=drop]two')}`

  expect(await agent.run(jobOf([bashStep('up', script)]))).toBe('Succeeded')
  expect([...(agent.api.artifacts.get('drop')?.keys() ?? [])]).toEqual(['one', 'two'])
})
