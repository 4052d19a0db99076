import { randomBytes } from 'node:crypto'
import { globSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Estate, type Outcome } from './harness.ts'

const estate = new Estate()
const word = () => `canary${randomBytes(12).toString('hex')}`
const canaries = {
  password: `${word()}$ ! ; @ # ' "`,
  pem: `-----BEGIN KEY-----\n${word()}\n${word()}\n-----END KEY-----\n`,
  settings: JSON.stringify({ key: word(), nested: { token: word() } }, undefined, 2),
}
/** Every text that must not be seen: whole values, and each canary word inside them. */
const words = Object.values(canaries).flatMap((value) => value.match(/canary[0-9a-f]{24}/g) ?? [])
let connectionKey = ''
const said: Outcome[] = []

async function say(
  args: readonly string[],
  given: Parameters<Estate['sluice']>[1] = {},
): Promise<Outcome> {
  const outcome = await estate.sluice(args, given)
  said.push(outcome)
  expect(outcome.stderr, args.join(' ')).not.toContain('ERROR')
  return outcome
}

const yaml = `
trigger: none
variables:
  - group: linked
steps:
  - bash: |
      echo "password: $PASSWORD"
      echo "$PASSWORD" | fold -w 3 | tr -d '\\n'; echo
      printf '%s' "$PEM"
      echo "$SETTINGS"
      printf '%s' "$PASSWORD" > $(Build.ArtifactStagingDirectory)/secret.txt
      sleep 1.5
    env:
      PASSWORD: $(password)
      PEM: $(pem)
      SETTINGS: $(settings)
  - script: echo "$(pem)" | cat
  - task: PublishBuildArtifacts@1
`

beforeAll(async () => {
  await estate.up()
  await say(['group', 'create', '-n', 'g', '-l', 'westeurope'])
  await say([
    'keyvault',
    'create',
    '-n',
    'kv-scan',
    '-g',
    'g',
    '--enable-rbac-authorization',
    'false',
  ])
  for (const [name, stdin] of Object.entries(canaries)) {
    const set = [
      'keyvault',
      'secret',
      'set',
      '--vault-name',
      'kv-scan',
      '--name',
      name,
      '--query',
      'id',
    ]
    await say(set, { stdin })
  }
  const created = JSON.parse(
    (await estate.sluice(['ad', 'sp', 'create-for-rbac', '-n', 'scan'])).stdout,
  )
  connectionKey = created.password
  const policy = ['keyvault', 'set-policy', '-n', 'kv-scan', '--spn', created.appId]
  await say([...policy, '--secret-permissions', 'get', 'list'])
  const endpoint = ['devops', 'service-endpoint', 'azurerm', 'create', '--name', 'c']
  await say([...endpoint, '--azure-rm-service-principal-id', created.appId], {
    stdin: connectionKey,
  })
  const group = [
    'pipelines',
    'variable-group',
    'create',
    '--name',
    'linked',
    '--type',
    'AzureKeyVault',
  ]
  await say([
    ...group,
    '--vault',
    'kv-scan',
    '--service-connection',
    'c',
    '--secrets',
    'password,pem,settings',
    '--authorize',
    'true',
  ])
  const folder = path.join(estate.home, 'app')
  mkdirSync(folder)
  writeFileSync(path.join(folder, 'azure-pipelines.yml'), yaml)
  await say(['pipelines', 'create', '--name', 'app', '--repository', folder, '--skip-first-run'])
}, 60_000)

afterAll(() => estate.remove())

/** The argument lists of every process of this machine that may be looked at. */
function argumentLists(): string {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
      } catch {
        return ''
      }
    })
    .join('\n')
}

function findIn(text: string): string[] {
  return [...words, connectionKey].filter((secret) => secret !== '' && text.includes(secret))
}

test('no secret value is in an argument list while a pipeline uses it, nor in its log', async () => {
  let isRunning = true
  const run = say(['pipelines', 'run', '--name', 'app', '--follow']).finally(() => {
    isRunning = false
  })
  const seen = new Set<string>()
  let looks = 0
  while (isRunning) {
    for (const secret of findIn(argumentLists())) seen.add(secret)
    looks += 1
    await new Promise((resolve) => setTimeout(resolve, 30))
  }
  const { stdout } = await run
  expect(looks).toBeGreaterThan(10)
  expect([...seen]).toEqual([])
  expect(stdout).toContain('password: ***')
  expect(findIn(stdout)).toEqual([])
}, 60_000)

test('the artifact holds the true value, so the scan looks for what was really there', async () => {
  const folder = path.join(estate.home, 'drop')
  await say([
    'pipelines',
    'runs',
    'artifact',
    'download',
    '--run-id',
    '1',
    '--artifact-name',
    'drop',
    '--path',
    folder,
  ])
  expect(readFileSync(path.join(folder, 'secret.txt'), 'utf8')).toBe(canaries.password)
})

test('no HTTP reply but the one that asked for it holds a value', async () => {
  const quiet = [
    ['keyvault', 'secret', 'list', '--vault-name', 'kv-scan'],
    ['keyvault', 'secret', 'list-versions', '--vault-name', 'kv-scan', '-n', 'password'],
    ['keyvault', 'show', '-n', 'kv-scan'],
    ['devops', 'service-endpoint', 'list'],
    ['pipelines', 'variable-group', 'list'],
    ['pipelines', 'runs', 'list'],
    ['pipelines', 'runs', 'show', '--id', '1'],
    ['audit', 'list', '--top', '1000'],
  ]
  for (const args of quiet) await say(args)
  for (const outcome of said) expect(findIn(outcome.stdout + outcome.stderr)).toEqual([])
  const shown = await estate.json([
    'keyvault',
    'secret',
    'show',
    '--vault-name',
    'kv-scan',
    '-n',
    'password',
  ])
  expect(shown['value']).toBe(canaries.password)
})

test('no file of the data directory holds a value, and nobody else may read the private ones', async () => {
  const files = globSync('**', { cwd: estate.data }).filter((file) =>
    statSync(path.join(estate.data, file)).isFile(),
  )
  expect(files.some((file) => file.endsWith('.db'))).toBe(true)
  expect(files.some((file) => file.startsWith('blobs'))).toBe(true)
  for (const file of files) {
    const bytes = readFileSync(path.join(estate.data, file)).toString('latin1')
    expect(findIn(bytes), file).toEqual([])
  }
  expect(statSync(estate.data).mode & 0o077).toBe(0)
  for (const file of ['root.key', 'admin.json', 'ca/ca.key', 'sluice.db']) {
    expect(statSync(path.join(estate.data, file)).mode & 0o077, file).toBe(0)
  }
})
