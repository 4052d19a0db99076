import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { Sealed } from '../base/sealed.ts'
import type { JobEndpoint, JobStep } from '../protocol/index.ts'
import { builtInTasks, type HttpPort, type HttpReply } from '../tasks/index.ts'
import { jobOf, sampleAgent, stepOf, variableOf } from './testing/sample-jobs.ts'

/** A step of a built-in task. */
function use(name: string, refName: string, inputs: Record<string, string>): JobStep {
  const found = builtInTasks.findLast((task) => task.name === name)
  if (!found) throw new Error(`There is no task ${name}.`)
  return stepOf(found, refName, { inputs })
}

const CONNECTION: JobEndpoint = {
  id: 'b3a1d2f0-4f5e-4c3c-9f0e-0a1b2c3d4e5f',
  name: 'my cloud',
  type: 'azurerm',
  url: 'https://management.azure.test/',
  scheme: 'ServicePrincipal',
  parameters: {
    serviceprincipalid: new Sealed('the-principal'),
    serviceprincipalkey: new Sealed('the-key-of-the-principal'),
    tenantid: new Sealed('the-tenant'),
    authenticationType: new Sealed('spnKey'),
  },
  data: {
    subscriptionId: 'sub',
    subscriptionName: 'sub',
    environmentAuthorityUrl: 'https://login.azure.test/',
    AzureKeyVaultDnsSuffix: 'vault.azure.test',
    AzureKeyVaultServiceEndpointResourceId: 'https://vault.azure.test',
  },
}

/** A token service and a vault that has these secrets. */
function vaultWith(secrets: Readonly<Record<string, string>>): HttpPort {
  const json = (status: number, body: unknown): HttpReply => ({
    status,
    headers: { 'content-type': 'application/json' },
    body: new Sealed(JSON.stringify(body)),
  })
  return {
    async request(_method, url) {
      if (url.startsWith('https://login.azure.test/')) {
        return json(200, {
          access_token: 'the-access-token',
          expires_in: 3600,
          token_type: 'Bearer',
        })
      }
      const name = decodeURIComponent(/\/secrets\/([^/?]+)/.exec(url)?.[1] ?? '')
      const value = secrets[name]
      if (value === undefined)
        return json(404, { error: { code: 'SecretNotFound', message: name } })
      return json(200, {
        value,
        id: `https://kv.vault.azure.test/secrets/${name}/1`,
        attributes: {},
      })
    },
  }
}

test('secrets of a vault reach a script, masked, and an artifact, true', async () => {
  const db = 'p$ss!;@#"word'
  const pem = '-----BEGIN KEY-----\nMIIabcdefghijk\n-----END KEY-----'
  await using agent = await sampleAgent({ tasks: builtInTasks, http: vaultWith({ db, pem }) })
  const script = `
    printf '%s' "$DB" > "$(Build.ArtifactStagingDirectory)/db.txt"
    echo "value: $DB"; echo "$PEM"; env | grep -c '^DB=' `
  const job = jobOf(
    [
      {
        ...use('Bash', 'script', { targetType: 'inline', script }),
        env: { DB: '$(db)', PEM: '$(pem)' },
      },
      use('PublishBuildArtifacts', 'publish', {}),
      use('AzureKeyVault', 'vault', {
        azureSubscription: 'my cloud',
        keyVaultName: 'kv',
        secretsFilter: 'db,pem',
        runAsPreJob: 'true',
      }),
    ],
    {
      endpoints: [CONNECTION],
      variables: {
        db: variableOf('', { value: undefined, isSecret: true }),
        'Build.BuildId': variableOf('12'),
      },
    },
  )

  expect(await agent.run(job)).toBe('Succeeded')
  expect(agent.api.record('Pre-job: vault')?.result).toBe('Succeeded')
  expect(agent.api.record('vault')).toMatchObject({
    result: 'Skipped',
    currentOperation: "Skipped according to the task's configuration. RunAsPreJob: true",
  })
  expect(agent.api.log('script')).toContain('value: ***\n***\n***\n***\n1\n')
  const told = agent.api.everything()
  const hidden = [db, 'MIIabcdefghijk', 'the-key-of-the-principal', 'the-access-token']
  expect(hidden.filter((secret) => told.includes(secret))).toEqual([])
  const published = agent.api.artifacts.get('drop')?.get('db.txt') ?? Buffer.alloc(0)
  expect(sha256(published)).toBe(sha256(Buffer.from(db)))
  expect(await agent.readFiles()).toBe('')
})

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

test('a missing secret fails the pre-job step, and the main steps do not run', async () => {
  await using agent = await sampleAgent({ tasks: builtInTasks, http: vaultWith({}) })
  const job = jobOf(
    [
      use('CmdLine', 'script', { script: 'echo never' }),
      use('AzureKeyVault', 'vault', {
        ConnectedServiceName: CONNECTION.id,
        KeyVaultName: 'kv',
        SecretsFilter: 'absent',
        RunAsPreJob: 'true',
      }),
    ],
    { endpoints: [CONNECTION] },
  )

  expect(await agent.run(job)).toBe('Failed')
  expect(agent.api.record('Pre-job: vault')?.result).toBe('Failed')
  expect(agent.api.record('script')?.result).toBe('Skipped')
})

test('files are copied, published and downloaded again', async () => {
  await using agent = await sampleAgent({ tasks: builtInTasks })
  const job = jobOf(
    [
      use('CmdLine', 'make', {
        script: 'mkdir -p src/a; echo one > src/a/1.txt; echo two > src/2.log',
      }),
      use('CopyFiles', 'copy', {
        sourceFolder: 'src',
        contents: '**/*.txt',
        targetFolder: '$(Build.ArtifactStagingDirectory)',
      }),
      use('PublishPipelineArtifact', 'publish', {
        targetPath: '$(Build.ArtifactStagingDirectory)',
        artifact: 'out',
      }),
      use('DownloadPipelineArtifact', 'download', {
        source: 'current',
        artifact: 'out',
        path: '$(Pipeline.Workspace)/in',
      }),
      use('CmdLine', 'show', { script: 'cd ../in && find . -type f && cat a/1.txt' }),
    ],
    { variables: { 'Build.BuildId': variableOf('12'), 'System.TeamProject': variableOf('p') } },
  )

  expect(await agent.run(job)).toBe('Succeeded')
  expect(agent.api.log('show')).toContain('./a/1.txt\none\n')
})

test('failOnStderr shows what was written there as issues', async () => {
  await using agent = await sampleAgent({ tasks: builtInTasks })
  const inputs = { script: 'echo careful >&2', failOnStderr: 'true' }
  await agent.run(jobOf([use('CmdLine', 'one', inputs)]))

  expect(agent.api.record('one')?.result).toBe('Failed')
  expect(agent.api.record('one')?.issues?.map(({ message }) => message.trim())).toEqual([
    'careful',
    'Bash wrote one or more lines to the standard error stream.',
  ])
})

test('a pipeline artifact is published once, and a second try leaves the first as it was', async () => {
  await using agent = await sampleAgent({ tasks: builtInTasks })
  const publish = (refName: string) =>
    use('PublishPipelineArtifact', refName, { targetPath: 'f.txt', artifact: 'out' })
  const steps = [
    use('CmdLine', 'one', { script: 'echo one > f.txt' }),
    publish('first'),
    use('CmdLine', 'two', { script: 'echo two > f.txt' }),
    publish('second'),
  ]
  const variables = { 'Build.BuildId': variableOf('12') }

  expect(await agent.run(jobOf(steps, { variables }))).toBe('Failed')
  expect(agent.api.record('second')?.issues?.[0]?.message).toContain('already exists')
  expect(`${agent.api.artifacts.get('out')?.get('f.txt')}`).toBe('one\n')
})
