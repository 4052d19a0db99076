import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Estate } from './harness.ts'

const estate = new Estate()

beforeAll(async () => {
  await estate.up()
  await estate.json(['group', 'create', '-n', 'g', '-l', 'westeurope'])
  const policy = [
    'keyvault',
    'create',
    '-n',
    'kv-cli',
    '-g',
    'g',
    '--enable-rbac-authorization',
    'false',
  ]
  await estate.json(policy)
}, 60_000)

afterAll(() => estate.remove())

const secret = (verb: string, name: string, ...more: string[]) => [
  'keyvault',
  'secret',
  verb,
  '--vault-name',
  'kv-cli',
  '--name',
  name,
  ...more,
]

test('status tells where the server is, for people and for scripts', async () => {
  expect(await estate.json(['status'])).toMatchObject({
    state: 'running',
    dataDirectory: estate.data,
  })
  const { stdout } = await estate.sluice(['status', '--query', 'state', '-o', 'tsv'])
  expect(stdout).toBe('running\n')
})

test('up on a data directory that is served already says so', async () => {
  const { code, stderr } = await estate.sluice(['up', '--port', '0', '--proxy-port', '0'])
  expect(code).toBe(1)
  expect(stderr).toMatch(/^ERROR: A server already runs on .* sluice down\n$/)
})

test.each([
  ['--value', 'from the option'],
  ['stdin', 'from stdin, with\nlines and $ ! ; @ # " \' \\ ü 𝒳'],
  ['--file', 'from a file\n'],
])('a secret set by %s comes back byte for byte', async (way, value) => {
  const file = path.join(estate.home, 'value.txt')
  if (way === '--file') writeFileSync(file, value)
  const given = way === '--value' ? ['--value', value] : way === '--file' ? ['--file', file] : []
  const set = await estate.json(
    secret('set', 'by-way', ...given),
    way === 'stdin' ? { stdin: value } : {},
  )
  expect(set).toMatchObject({ name: 'by-way', value, attributes: { enabled: true } })
  expect(await estate.json(secret('show', 'by-way'))).toMatchObject({ value })
})

test('a secret goes through its whole life', async () => {
  const first = await estate.json(secret('set', 'life', '--value', 'one', '--tags', 'env=dev'))
  await estate.json(secret('set', 'life', '--value', 'two', '--expires', '2030-01-01T00:00:00Z'))
  const version = String(first['id']).split('/').at(-1) ?? ''
  expect(await estate.json(secret('show', 'life', '--version', version))).toMatchObject({
    value: 'one',
  })
  const versions = (await estate.json(secret('list-versions', 'life'))) as unknown as unknown[]
  expect(versions).toHaveLength(2)
  expect(await estate.json(secret('set-attributes', 'life', '--enabled', 'false'))).toMatchObject({
    attributes: { enabled: false, expires: '2030-01-01T00:00:00+00:00' },
  })
  const disabled = await estate.sluice(secret('show', 'life'))
  expect(disabled.code).toBe(1)
  expect(disabled.stderr).toContain(
    'ERROR: (Forbidden) Operation get is not allowed on a disabled secret.',
  )
  expect(disabled.stderr).toContain('SecretDisabled')
  expect(await estate.json(secret('delete', 'life'))).toHaveProperty('recoveryId')
  const gone = await estate.sluice(secret('show', 'life'))
  expect(gone.code).toBe(3)
  expect(gone.stderr).toContain('ERROR: (SecretNotFound)')
  await estate.json(secret('recover', 'life'))
  await estate.json(secret('set-attributes', 'life', '--enabled', 'true'))
  expect(await estate.json(secret('show', 'life'))).toMatchObject({ value: 'two' })
  await estate.json(secret('delete', 'life'))
  const refused = await estate.sluice(secret('purge', 'life'))
  expect(refused.stderr).toContain('does not have secrets purge permission on key vault')
  const { properties } = await estate.json(['keyvault', 'show', '-n', 'kv-cli'])
  const [own] = (properties as { accessPolicies: { objectId: string }[] }).accessPolicies
  const grant = ['keyvault', 'set-policy', '-n', 'kv-cli', '--object-id', String(own?.objectId)]
  await estate.json([...grant, '--secret-permissions', 'all', 'purge'])
  await estate.json(secret('purge', 'life'))
  expect((await estate.sluice(secret('recover', 'life'))).code).toBe(3)
})

test('-o table of a secret list has the columns of az', async () => {
  await estate.json(secret('set', 'listed', '--value', 'v'))
  const { stdout } = await estate.sluice([
    'keyvault',
    'secret',
    'list',
    '--vault-name',
    'kv-cli',
    '-o',
    'table',
  ])
  expect(stdout.split('\n')[0]).toMatch(/^Name +Id +ContentType +Enabled +Expires$/)
  expect(stdout).toContain('https://kv-cli.vault.azure.net/secrets/listed')
})

test('a principal is created, found, given a role, and listed with it', async () => {
  const { appId } = await estate.json(['ad', 'sp', 'create-for-rbac', '-n', 'robot'])
  const shown = await estate.json(['ad', 'sp', 'show', '--id', String(appId)])
  expect(shown).toMatchObject({ appId, displayName: 'robot' })
  const { stdout } = await estate.sluice([
    'ad',
    'sp',
    'show',
    '--id',
    String(appId),
    '--query',
    'id',
    '-o',
    'tsv',
  ])
  expect(stdout).toMatch(/^[0-9a-f-]{36}\n$/)
  const { id: scope } = await estate.json(['keyvault', 'show', '-n', 'kv-cli'])
  const role = ['--role', 'Key Vault Secrets User', '--scope', String(scope)]
  await estate.json(['role', 'assignment', 'create', ...role, '--assignee', String(appId)])
  const again = await estate.sluice([
    'role',
    'assignment',
    'create',
    ...role,
    '--assignee',
    String(appId),
  ])
  expect(again.stderr).toContain('ERROR: (RoleAssignmentExists)')
  const list = (await estate.json([
    'role',
    'assignment',
    'list',
    '--scope',
    String(scope),
  ])) as unknown as object[]
  expect(list).toEqual([
    expect.objectContaining({ roleDefinitionName: 'Key Vault Secrets User', principalName: appId }),
  ])
})

test.each([
  [['keyvault', 'show', '-n', 'nowhere'], 1, /The vault 'nowhere' was not found/],
  [['keyvault', 'create', '-n', '1-bad--name', '-g', 'g'], 1, /VaultNameNotValid/],
  [['keyvault', 'create', '-n', 'kv-cli', '-g', 'g'], 1, /already exists/],
  [['keyvault', 'create', '-n', 'kv-new', '-g', 'no-group'], 3, /ResourceGroupNotFound/],
  [
    ['keyvault', 'secret', 'show', '--vault-name', 'kv-cli'],
    2,
    /Required option '-n, --name <name>'/,
  ],
  [
    ['keyvault', 'secret', 'list', '--vault-name', 'kv-cli', '-o', 'xml'],
    2,
    /'xml' is not an output format/,
  ],
  [
    ['keyvault', 'secret', 'list', '--vault-name', 'kv-cli', '--query', '[?'],
    2,
    /not a JMESPath query/,
  ],
  [
    ['keyvault', 'secret', 'set', '--vault-name', 'kv-cli', '-n', 'bad_name', '--value', 'x'],
    1,
    /invalid name: bad_name/,
  ],
  [['keyvalt', 'list'], 2, /Did you mean keyvault/],
])('%j ends with %i and says why', async (args, code, text) => {
  const outcome = await estate.sluice(args)
  expect(outcome.stderr).toMatch(text)
  expect(outcome.stderr).toMatch(/^ERROR: /)
  expect(outcome.code).toBe(code)
  expect(outcome.stdout).toBe('')
})

test('a secret of 26 KB is refused and the old version stays', async () => {
  await estate.json(secret('set', 'large', '--value', 'small'))
  const outcome = await estate.sluice(secret('set', 'large'), { stdin: 'x'.repeat(26 * 1024) })
  expect(outcome.code).toBe(1)
  expect(outcome.stderr).toContain('ERROR: (BadParameter)')
  expect(outcome.stderr).not.toContain('xxxx')
  expect(await estate.json(secret('show', 'large'))).toMatchObject({ value: 'small' })
})

test('a service connection, a linked group, a pipeline and its runs are made by one command each', async () => {
  const { appId, password } = await estate.json(['ad', 'sp', 'create-for-rbac', '-n', 'pipes'])
  await estate.json([
    'keyvault',
    'set-policy',
    '-n',
    'kv-cli',
    '--spn',
    String(appId),
    '--secret-permissions',
    'get',
    'list',
  ])
  const endpoint = ['devops', 'service-endpoint', 'azurerm', 'create', '--name', 'azure']
  const env = { AZURE_DEVOPS_EXT_AZURE_RM_SERVICE_PRINCIPAL_KEY: String(password) }
  const created = await estate.json(
    [...endpoint, '--azure-rm-service-principal-id', String(appId)],
    { env },
  )
  expect(JSON.stringify(created)).not.toContain(password)
  await estate.json(secret('set', 'for-run', '--value', 'run-value-1'))
  const group = [
    'pipelines',
    'variable-group',
    'create',
    '--name',
    'linked',
    '--type',
    'AzureKeyVault',
  ]
  const linked = await estate.json([
    ...group,
    '--vault',
    'kv-cli',
    '--service-connection',
    'azure',
    '--secrets',
    'for-run',
    '--authorize',
    'true',
  ])
  expect(linked).toMatchObject({
    type: 'AzureKeyVault',
    variables: { 'for-run': { isSecret: true, value: null } },
  })

  const folder = path.join(estate.home, 'app')
  mkdirSync(folder)
  const yaml = [
    'variables:',
    '  - group: linked',
    '  - name: who',
    '    value: nobody',
    'steps:',
    '  - bash: echo "$(who) $(for-run)" > $(Build.ArtifactStagingDirectory)/out.txt; cat $(Build.ArtifactStagingDirectory)/out.txt',
    '  - task: PublishBuildArtifacts@1',
  ]
  writeFileSync(path.join(folder, 'azure-pipelines.yml'), `${yaml.join('\n')}\n`)
  await estate.json([
    'pipelines',
    'create',
    '--name',
    'app',
    '--repository',
    folder,
    '--skip-first-run',
  ])
  const run = await estate.sluice(['pipelines', 'run', '--name', 'app', '--follow'])
  expect(run.code).toBe(0)
  expect(run.stdout).toContain('nobody ***')
  expect(run.stdout).not.toContain('run-value-1')
  const runs = (await estate.json(['pipelines', 'runs', 'list'])) as unknown as object[]
  expect(runs).toEqual([
    expect.objectContaining({ id: 1, status: 'completed', result: 'succeeded' }),
  ])
  const out = path.join(estate.home, 'out')
  await estate.json([
    'pipelines',
    'runs',
    'artifact',
    'download',
    '--run-id',
    '1',
    '--artifact-name',
    'drop',
    '--path',
    out,
  ])
  expect(readFileSync(path.join(out, 'out.txt'), 'utf8')).toBe('nobody run-value-1\n')
  const { stdout } = await estate.sluice([
    'audit',
    'list',
    '--vault-name',
    'kv-cli',
    '--object',
    'for-run',
    '-o',
    'table',
  ])
  expect(stdout).toMatch(/SecretGet +https:\/\/kv-cli.*for-run +OK +pipes/)
}, 60_000)

test('what was made is there after a restart, and the private files stay private', async () => {
  await estate.json(secret('set', 'stays', '--value', 'still here'))
  expect(await estate.json(['down'])).toMatchObject({ state: 'stopped' })
  expect(await estate.json(['status'])).toMatchObject({ state: 'stopped' })
  const alone = await estate.json(secret('show', 'stays'))
  expect(alone).toMatchObject({ value: 'still here' })
  await estate.up()
  expect(await estate.json(secret('show', 'stays'))).toMatchObject({ value: 'still here' })
  for (const file of ['root.key', 'admin.json', 'ca/ca.key']) {
    expect(statSync(path.join(estate.data, file)).mode & 0o777, file).toBe(0o600)
  }
}, 60_000)
