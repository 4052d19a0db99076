import { readFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  type Account,
  allow,
  connect,
  makeAccount,
  makeVault,
  send,
  sendOne,
  tokensOf,
} from './content.ts'
import { Estate } from './harness.ts'

const estate = new Estate()
const LIMIT_MS = 60_000
const MANY = 10_000
let token = ''
let firstVersion = ''

beforeAll(async () => {
  await estate.up()
  await estate.json(['group', 'create', '-n', 'g', '-l', 'westeurope'])
  const account = await makeAccount(estate, 'task')
  const named = await makeAccount(estate, 'named')
  await makeVault(estate, 'kv-task')
  await makeVault(estate, 'kv-many')
  await allow(estate, 'kv-task', account, 'get', 'list', 'set')
  await allow(estate, 'kv-many', account, 'get', 'list', 'set')
  await allow(estate, 'kv-task', named, 'get')
  await connect(estate, 'full', account)
  await connect(estate, 'get-only', named)
  ;[token = ''] = await tokensOf(estate, [account])
  firstVersion = await set('versioned', 'the-first-value')
  for (const name of ['one', 'two', 'three', 'versioned']) await set(name, `value-of-${name}`)
}, LIMIT_MS)

afterAll(() => estate.remove())

function setting(vault: string, name: string, value: string) {
  return {
    url: `https://${vault}.vault.azure.net/secrets/${name}?api-version=7.4`,
    method: 'PUT',
    headers: { authorization: `Bearer ${token}` },
    body: { value },
  }
}

/** Sets a secret of kv-task; gives its version. */
async function set(name: string, value: string): Promise<string> {
  const { body } = await sendOne(estate, setting('kv-task', name, value))
  return String(body.id).split('/').at(-1) ?? ''
}

/** The task with these inputs, and a step that shows what it set by lengths and hashes. */
function yaml(inputs: Readonly<Record<string, string>>, names: readonly string[]): string {
  const given = { ConnectedServiceName: 'full', KeyVaultName: 'kv-task', ...inputs }
  const show = names.map(
    (name, i) =>
      `      printf '> %s %s\\n' '${name}' "$(printf '%s' "$V${i}" | sha256sum | head -c 8)"`,
  )
  return [
    'variables: { vaultName: kv-task, wanted: one }',
    'steps:',
    '  - task: AzureKeyVault@2',
    '    inputs:',
    ...Object.entries(given).map(([key, value]) => `      ${key}: '${value}'`),
    '  - bash: |',
    ...show,
    '    condition: always()',
    '    env:',
    ...names.map((name, i) => `      V${i}: $(${name})`),
    '',
  ].join('\n')
}

async function hashOf(text: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', Buffer.from(text))
  return Buffer.from(digest).toString('hex').slice(0, 8)
}

async function timelineOf(runId: number): Promise<Record<string, unknown>[]> {
  const admin = JSON.parse(readFileSync(path.join(estate.data, 'admin.json'), 'utf8'))
  const account: Account = {
    tenant: admin.tenantId,
    appId: admin.clientId,
    password: admin.clientSecret,
  }
  const [bearer] = await tokensOf(estate, [account], '499b84ac-1321-427f-aa17-267ca6975798')
  const { body } = await sendOne(estate, {
    url: `https://dev.azure.com/local/default/_apis/build/builds/${runId}/timeline?api-version=7.1`,
    headers: { authorization: `Bearer ${bearer}` },
  })
  return body.records
}

let folders = 0

/** Runs the YAML with `sluice run`; gives the outcome and the run's id. */
async function run(text: string) {
  folders += 1
  const cwd = estate.folder(`run-${folders}`, { 'azure-pipelines.yml': text })
  const outcome = await estate.sluice(['run'], { cwd })
  const lines = outcome.stdout.split('\n').filter((line) => line.startsWith('> '))
  return { ...outcome, lines: lines.map((line) => line.slice(2)) }
}

test.each([
  ['names', { SecretsFilter: 'one, two' }, { one: 'value-of-one', two: 'value-of-two' }],
  ['a star', { SecretsFilter: '*' }, { one: 'value-of-one', three: 'value-of-three' }],
  ['macros', { KeyVaultName: '$(vaultName)', SecretsFilter: '$(wanted)' }, { one: 'value-of-one' }],
  ['version 1', { SecretsFilter: 'THREE' }, { three: 'value-of-three' }],
])(
  'AzureKeyVault@2 sets what the filter says: %s',
  async (_case, inputs, expected) => {
    const { code, lines, stdout } = await run(yaml(inputs, Object.keys(expected)))
    expect(code).toBe(0)
    const wanted = Object.entries(expected).map(
      async ([name, value]) => `${name} ${await hashOf(value)}`,
    )
    expect(lines).toEqual(await Promise.all(wanted))
    expect(stdout).not.toContain('value-of-')
  },
  LIMIT_MS,
)

test(
  'a version in the filter sets the name and the text of the filter',
  async () => {
    const filter = `versioned/${firstVersion}`
    const { code, lines } = await run(yaml({ SecretsFilter: filter }, ['versioned', filter]))
    const hash = await hashOf('the-first-value')
    expect([code, lines]).toEqual([0, [`versioned ${hash}`, `${filter} ${hash}`]])
  },
  LIMIT_MS,
)

test(
  'a missing name among three fails the step with that name alone, and the others are set',
  async () => {
    const { code, lines, stdout } = await run(
      yaml({ SecretsFilter: 'one,missing,two' }, ['one', 'two']),
    )
    expect(code).toBe(1)
    expect(lines).toEqual([
      `one ${await hashOf('value-of-one')}`,
      `two ${await hashOf('value-of-two')}`,
    ])
    expect(stdout).toContain(
      'missing: "A secret with (name/id) missing was not found in this key vault.',
    )
    expect(stdout).not.toMatch(/^(one|two): "/m)
  },
  LIMIT_MS,
)

test(
  'with Get alone names are read, and a star fails with the words of the list',
  async () => {
    const get = { ConnectedServiceName: 'get-only' }
    const named = await run(yaml({ ...get, SecretsFilter: 'one' }, ['one']))
    expect([named.code, named.lines]).toEqual([0, [`one ${await hashOf('value-of-one')}`]])
    const star = await run(yaml({ ...get, SecretsFilter: '*' }, []).split('  - bash')[0] ?? '')
    expect(star.code).toBe(1)
    expect(star.stdout).toMatch(
      /Get secrets failed\. Error: The user, group or application 'appid=.*' does not have secrets list permission on key vault 'kv-task;location=westeurope'\..*The specified Azure service connection needs to have Get, List secret management permissions on the selected key vault\./,
    )
  },
  LIMIT_MS,
)

test.each([
  ['true', ['Pre-job: Azure Key Vault: kv-task', 'Checkout', 'Azure Key Vault: kv-task', 'Bash']],
  ['false', ['Pre-job: Azure Key Vault: kv-task', 'Checkout', 'Azure Key Vault: kv-task', 'Bash']],
])(
  'RunAsPreJob %s: both records are there in order, and the other one is skipped in its words',
  async (choice, order) => {
    const { code, lines } = await run(yaml({ SecretsFilter: 'one', RunAsPreJob: choice }, ['one']))
    expect([code, lines]).toEqual([0, [`one ${await hashOf('value-of-one')}`]])
    const [newest] = (await estate.json(['pipelines', 'runs', 'list'])) as unknown as {
      id: number
    }[]
    const records = (await timelineOf(newest?.id ?? 0))
      .filter(({ type }) => type === 'Task')
      .sort((a, b) => Number(a['order']) - Number(b['order']))
      .filter(({ name }) => /Azure ?Key ?Vault|Checkout|Bash/.test(String(name)))
    expect(records.map(({ name }) => String(name).replace(/^Checkout .*/, 'Checkout'))).toEqual(
      order,
    )
    const [pre, , main] = records
    const skipped = choice === 'true' ? main : pre
    const done = choice === 'true' ? pre : main
    expect(done).toMatchObject({ result: 'succeeded' })
    expect(skipped).toMatchObject({
      result: 'skipped',
      currentOperation: `Skipped according to the task's configuration. RunAsPreJob: ${choice}`,
    })
  },
  LIMIT_MS,
)

test(
  'a linked group fetches only the names that nothing overrides',
  async () => {
    const group = ['pipelines', 'variable-group', 'create', '--name', 'linked', '--type']
    await estate.json([
      ...[...group, 'AzureKeyVault', '--vault', 'kv-task', '--service-connection', 'full'],
      ...['--secrets', 'one,two,three', '--authorize', 'true'],
    ])
    const before = await readsOf('kv-task')
    const { code, lines, stdout } = await run(
      [
        'variables:',
        '  - group: linked',
        '  - { name: two, value: mine }',
        'steps:',
        '  - bash: for v in "$B" "$A"; do printf "> %s\\n" "$(printf %s "$v" | sha256sum | head -c 8)"; done',
        '    env: { A: $(three), B: $(two) }',
        '',
      ].join('\n'),
    )
    expect([code, lines]).toEqual([0, [await hashOf('mine'), await hashOf('value-of-three')]])
    expect(stdout).toContain('##[section]Starting: Download secrets: kv-task')
    const fetched = (await readsOf('kv-task')).slice(0, -before.length || undefined)
    expect(fetched.sort()).toEqual(['one', 'three'])
  },
  LIMIT_MS,
)

/** Names of the secrets that were read, the newest first. */
async function readsOf(vault: string): Promise<string[]> {
  const list = ['audit', 'list', '--vault-name', vault, '--operation', 'SecretGet', '--top', '1000']
  const rows = (await estate.json(list)) as unknown as { id: string }[]
  return rows.map(({ id }) => /secrets\/([^/?]+)/.exec(id)?.[1] ?? id)
}

test(
  `a star brings ${MANY} secrets`,
  async () => {
    const requests = Array.from({ length: MANY }, (_, i) =>
      setting('kv-many', `s${i}`, `many-${i}`),
    )
    const replies = await send(estate, requests)
    expect(replies.filter(({ status }) => status !== 200)).toEqual([])
    const last = `s${MANY - 1}`
    const { code, lines, stdout } = await run(
      yaml({ KeyVaultName: 'kv-many', SecretsFilter: '*' }, ['s0', last]),
    )
    expect([code, lines]).toEqual([
      0,
      [`s0 ${await hashOf('many-0')}`, `${last} ${await hashOf(`many-${MANY - 1}`)}`],
    ])
    expect(stdout).toContain(`Number of enabled and unexpired secrets found in kv-many: ${MANY}`)
  },
  LIMIT_MS,
)
