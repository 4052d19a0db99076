import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import { Sealed } from '../../base/sealed.ts'
import type { Connection, Task } from '../contract.ts'
import { removeFolders, type Workbench, workbench } from '../testing/task-bench.ts'
import {
  refuse,
  startVaultServer,
  type VaultServer,
  type VaultServerOptions,
} from '../testing/vault-server.ts'
import { azureKeyVaultV1, azureKeyVaultV2 } from './azure-key-vault.ts'

afterAll(removeFolders)

const PERMISSION =
  '. The specified Azure service connection needs to have Get, List secret management permissions on the selected key vault. To set these permissions, download the ProvisionKeyVaultPermissions.ps1 script from build/release logs and execute it, or set them from the Azure portal.'
const BAD_NAME =
  'Secret name must be a string 1-127 characters in length containing only -, 0-9, a-z and A-Z.'

const servicePrincipal: Connection = {
  id: '11111111-2222-3333-4444-555555555555',
  name: 'azure',
  url: 'https://management.test/',
  scheme: 'ServicePrincipal',
  parameters: {
    tenantid: new Sealed('tenant-1'),
    serviceprincipalid: new Sealed('client-1'),
    serviceprincipalkey: new Sealed('key & 1'),
  },
  data: {
    subscriptionId: 'sub-1',
    environmentAuthorityUrl: 'https://login.test/',
    activeDirectoryAuthority: 'https://login.v2.test',
    AzureKeyVaultDnsSuffix: 'vault.test',
    AzureKeyVaultServiceEndpointResourceId: 'https://vault.test',
  },
}

const system: Connection = {
  id: 'SystemVssConnection',
  name: 'SystemVssConnection',
  url: 'https://devops.test/',
  scheme: 'OAuth',
  parameters: { AccessToken: new Sealed('job-token') },
  data: {},
}

interface Ran extends Workbench {
  readonly server: VaultServer
  readonly waitsMs: number[]
  fetch(inputs?: Readonly<Record<string, string>>, version?: 1 | 2): ReturnType<Task['run']>
}

interface Setup extends VaultServerOptions {
  readonly connection?: Connection
  readonly variables?: Readonly<Record<string, string>>
}

async function vault(setup: Setup = {}): Promise<Ran> {
  const server = await startVaultServer(setup)
  onTestFinished(() => server.close())
  const waitsMs: number[] = []
  const pause = async (ms: number) => void waitsMs.push(ms)
  const bench = workbench({
    http: server.http,
    connections: [setup.connection ?? servicePrincipal, system],
    variables: setup.variables ?? {},
  })
  return {
    ...bench,
    server,
    waitsMs,
    fetch: (inputs = {}, version = 2) =>
      bench.run(version === 1 ? azureKeyVaultV1(pause) : azureKeyVaultV2(pause), {
        azureSubscription: 'azure',
        keyVaultName: 'kv',
        ...inputs,
      }),
  }
}

function secretsOf(ran: Ran): [string, string][] {
  return ran.variables.slice(1).map(([name, value]) => [name, value])
}

const SUCCEEDED = { result: 'Succeeded' }
const PAST = 1_500_000_000
const FUTURE = 4_000_000_000

test('the whole vault: page by page, enabled and unexpired, twice set', async () => {
  const secrets = Object.fromEntries(
    Array.from({ length: 60 }, (_, i) => [`s-${i}`, { value: `v${i}` }]),
  )
  const ran = await vault({
    secrets: {
      ...secrets,
      off: { value: 'x', enabled: false },
      old: { value: 'x', exp: PAST },
      later: { value: 'l', nbf: FUTURE, exp: FUTURE },
    },
  })
  expect(await ran.fetch()).toEqual(SUCCEEDED)
  expect(ran.lines.slice(0, 5)).toEqual([
    'SubscriptionId: sub-1.',
    'Key vault name: kv.',
    'Downloading secrets using: https://kv.vault.test/secrets?maxresults=25&api-version=2016-10-01.',
    'Number of secrets found in kv: 63',
    'Number of enabled and unexpired secrets found in kv: 61',
  ])
  expect(ran.variables[0]).toEqual(['SYSTEM_UNSAFEALLOWMULTILINESECRET', 'true', false])
  expect(secretsOf(ran)).toHaveLength(122)
  expect(new Map(secretsOf(ran)).get('s-59')).toBe('v59')
  expect(new Map(secretsOf(ran)).has('old')).toBe(false)
  expect(ran.server.seen.filter(({ url }) => url.includes('/oauth2/'))).toHaveLength(1)
})

test('a service principal’s token comes from the older endpoint, with a slash at its end', async () => {
  const ran = await vault({ secrets: { a: { value: '1' } } })
  await ran.fetch({ SecretsFilter: 'a' })
  const [token, read] = ran.server.seen
  expect(token).toMatchObject({
    method: 'POST',
    url: 'https://login.test/tenant-1/oauth2/token/',
    body: 'resource=https%3A%2F%2Fvault.test&client_id=client-1&grant_type=client_credentials&client_secret=key+%26+1',
  })
  expect(read?.url).toBe('https://kv.vault.test/secrets/a?api-version=2016-10-01')
  expect(read?.headers.authorization).toBe('Bearer vault-token')
})

test('named secrets: what can be read is set, all failures stand in one message', async () => {
  const ran = await vault({
    secrets: {
      'plain-one': { value: 'p' },
      MixedCase: { value: 'm' },
      'disabled-one': { value: 'd', enabled: false },
      'expired-one': { value: 'e', exp: PAST },
      'future-nbf': { value: 'f', nbf: FUTURE },
      'empty-one': { value: '' },
    },
  })
  const SecretsFilter =
    'plain-one, plain-one/0123abc ,MIXEDCASE, missing-1,bad_name,,disabled-one,expired-one,future-nbf,empty-one'
  const end = await ran.fetch({ SecretsFilter })
  const names = [
    'plain-one',
    'plain-one/0123abc',
    'MIXEDCASE',
    'missing-1',
    'bad_name',
    'disabled-one',
    'expired-one',
    'future-nbf',
    'empty-one',
  ]
  const downloading = ran.lines.filter((line) => line.startsWith('Downloading secret value'))
  expect(downloading).toEqual(names.map((name) => `Downloading secret value for: ${name}.`))
  expect(secretsOf(ran).sort()).toEqual(
    [
      ['plain-one', 'p'],
      ['plain-one', 'p'],
      ['plain-one', 'p'],
      ['plain-one/0123abc', 'p'],
      ['MIXEDCASE', 'm'],
      ['MIXEDCASE', 'm'],
      ['expired-one', 'e'],
      ['expired-one', 'e'],
      ['future-nbf', 'f'],
      ['future-nbf', 'f'],
    ].sort(),
  )
  expect(ran.server.seen.some(({ url }) => url.includes('/secrets/plain-one%2F0123abc?'))).toBe(
    true,
  )
  expect(end.result).toBe('Failed')
  const message = 'message' in end ? end.message : ''
  expect(message.startsWith('\n')).toBe(true)
  expect(message.split('\n').slice(1)).toEqual([
    expect.stringMatching(/^missing-1: "A secret with \(name\/id\) missing-1 was not found/),
    `bad_name: ${JSON.stringify(`Secret not found: bad_name. ${BAD_NAME}`)}`,
    `disabled-one: ${JSON.stringify(`Operation get is not allowed on a disabled secret.${PERMISSION}`)}`,
  ])
  expect([...ran.issues].sort()).toEqual([
    'error BadParameter',
    'error Forbidden',
    'error SecretNotFound',
  ])
})

test.each([
  ['*,', 'whole'],
  ['', 'whole'],
  ['a,*', 'named'],
  ['abc-*', 'named'],
])('the filter %j means %s', async (SecretsFilter, kind) => {
  const ran = await vault({ secrets: { a: { value: '1' } } })
  await ran.fetch({ SecretsFilter })
  expect(ran.server.seen.some(({ url }) => url.includes('maxresults'))).toBe(kind === 'whole')
})

test('an empty vault succeeds', async () => {
  const ran = await vault()
  expect(await ran.fetch()).toEqual(SUCCEEDED)
  expect(ran.lines.at(-1)).toBe('No secrets found in: kv')
})

test.each([
  ['a PEM text', 'A\r\nB\nC', ['A', 'B', 'C'], 'A\r\nB\nC'],
  ['JSON of several lines', '{\n "a": "x"\n}', [], '{"a":"x"}'],
  ['JSON text that is no object', '"a\nb"', ['"a', 'b"'], '"a\nb"'],
  ['characters of commands', 'a%3Bb;c]d%AZP25e%0Af%25', [], 'a%3Bb;c]d%AZP25e%0Af%25'],
])('a value of several lines: %s', async (_, value, lines, expected) => {
  const ran = await vault({ secrets: { s: { value } } })
  await ran.fetch({ SecretsFilter: 's' })
  expect(ran.secrets).toEqual(lines)
  expect(secretsOf(ran)).toEqual([
    ['s', expected],
    ['s', expected],
  ])
  const flattened = ran.lines.includes('Value of secret s has been converted to single line.')
  expect(flattened).toBe(expected !== value)
})

test('a job can leave values of several lines alone', async () => {
  const variables = { SYSTEM_DONOTMASKMULTILINESECRETS: 'true' }
  const ran = await vault({ variables, secrets: { s: { value: '{\n}' }, t: { value: 'a\nb' } } })
  await ran.fetch({ SecretsFilter: 's,t' })
  expect(new Map(secretsOf(ran))).toEqual(
    new Map([
      ['s', '{\n}'],
      ['t', 'a\nb'],
    ]),
  )
  expect(ran.secrets).toEqual([])
})

test('version 1 splits at LF only and warns about lines that are no expressions', async () => {
  const ran = await vault({ secrets: { s: { value: 'one\r\n(two' }, t: { value: 'a\rb' } } })
  await ran.fetch({ SecretsFilter: 's,t', KeyVaultName: 'kv' }, 1)
  expect(ran.secrets).toEqual(['one\r', '(two'])
  expect(ran.lines).toContain('s value has regular expressions hence could not mask completely')
})

test.each([
  ['prejob', 'false', 'Skipped'],
  ['prejob', 'TRUE', 'Succeeded'],
  ['execution', 'true', 'Skipped'],
  ['execution', 'no', 'Succeeded'],
] as const)('in the stage %s with RunAsPreJob %s it is %s', async (stage, runAsPreJob, result) => {
  const ran = await vault()
  const inputs = { azureSubscription: 'azure', KeyVaultName: 'kv', SecretsFilter: '*', runAsPreJob }
  const end = await ran.run(azureKeyVaultV2(), inputs, { stage })
  const isPreJob = runAsPreJob.toLowerCase() === 'true'
  const message = `Skipped according to the task's configuration. RunAsPreJob: ${isPreJob}`
  expect(end).toEqual(result === 'Skipped' ? { result, message } : { result })
  expect(ran.server.seen.length > 0).toBe(result === 'Succeeded')
})

test.each([
  [{ RunAsPreJob: '' }, 'Unhandled: Input required: RunAsPreJob'],
  [{ azureSubscription: '' }, 'Error: Input required: ConnectedServiceName'],
  [{ keyVaultName: '' }, 'Error: Input required: KeyVaultName'],
  [{ keyVaultName: 'my vault' }, 'Error: my vault is an invalid KeyVault name.'],
  [{ azureSubscription: 'other' }, "Error: There is no service connection 'other'."],
])('refuses %j', async (inputs, message) => {
  const ran = await vault()
  expect(await ran.fetch(inputs)).toEqual({ result: 'Failed', message })
  expect(ran.server.seen).toEqual([])
})

test.each([
  [{ data: {} }, "Error: 'subscriptionId' cannot be null."],
  [{ parameters: {} }, `Error: Endpoint auth data not present: ${servicePrincipal.id}`],
  [{ scheme: 'PublishProfile' }, 'Auth Scheme PublishProfile is not supported'],
  [
    { data: { ...servicePrincipal.data, environment: 'AzureStack' } },
    'Error: Service connections to Azure Stack are not supported.',
  ],
])('refuses a connection with %j', async (part, message) => {
  const ran = await vault({ connection: { ...servicePrincipal, ...part } })
  expect(await ran.fetch()).toEqual({ result: 'Failed', message })
})

const REFUSED =
  'Could not fetch access token for Azure. Verify if the Service Principal used is valid and not expired.'

test.each([
  [401, 1, REFUSED],
  [400, 5, REFUSED],
  [403, 5, REFUSED],
  [
    418,
    1,
    "Could not fetch access token for Azure. Status code: 418, status message: I'm a Teapot",
  ],
])('a token service that answers %i is asked %i times', async (status, times, message) => {
  const ran = await vault({
    answer: ({ url }) => (url.includes('/oauth2/') ? { status, body: { error: 'x' } } : undefined),
  })
  expect(await ran.fetch()).toEqual({
    result: 'Failed',
    message: `Get secrets failed. Error: ${message}.`,
  })
  expect(ran.server.seen).toHaveLength(times)
  expect(ran.waitsMs).toEqual([2_000, 6_000, 14_000, 30_000].slice(0, times - 1))
})

test('a dead vault takes 25 requests, then 268 seconds have passed', async () => {
  const ran = await vault({ answer: ({ url }) => (url.includes('/secrets') ? 'drop' : undefined) })
  const end = await ran.fetch({ SecretsFilter: 'a' })
  expect(end).toEqual({ result: 'Failed', message: '\na: "socket hang up"' })
  expect(ran.server.seen.filter(({ url }) => url.includes('/secrets'))).toHaveLength(25)
  expect(ran.waitsMs.reduce((sum, ms) => sum + ms, 0)).toBe(268_000)
  expect(ran.issues).toEqual(new Array(5).fill('error ECONNRESET'))
})

test('a later page is tried five times only, and 429 never again', async () => {
  const secrets = Object.fromEntries(
    Array.from({ length: 30 }, (_, i) => [`s${i}`, { value: 'v' }]),
  )
  const ran = await vault({
    secrets,
    answer: ({ url }) => (url.includes('skiptoken') ? refuse(503, 'Busy', 'Busy.') : undefined),
  })
  expect(await ran.fetch()).toMatchObject({ message: 'Get secrets failed. Error: Busy..' })
  expect(ran.server.seen.filter(({ url }) => url.includes('skiptoken'))).toHaveLength(5)

  const limited = await vault({
    answer: ({ url }) => (url.includes('/secrets') ? refuse(429, 'Throttled', 'Slow.') : undefined),
  })
  expect(await limited.fetch()).toMatchObject({ message: 'Get secrets failed. Error: Slow..' })
  expect(limited.waitsMs).toEqual([])
})

test('401 brings one token for the resource of the challenge, and only one', async () => {
  const challenge = 'Bearer authorization="https://login.test/t", resource="https://other.test"'
  const ran = await vault({
    secrets: { a: { value: '1' }, b: { value: '2' } },
    answer({ url, body, headers }) {
      if (body.includes('other.test')) return { status: 200, body: { access_token: 'new-token' } }
      if (!url.includes('/secrets') || headers.authorization === 'Bearer new-token')
        return undefined
      return { status: 401, headers: { 'WWW-Authenticate': challenge }, body: '' }
    },
  })
  expect(await ran.fetch({ SecretsFilter: 'a,b' })).toEqual(SUCCEEDED)
  expect(ran.lines).toContain(
    'Retrying with vault resource Id reterieved from response : https://other.test',
  )
  expect(ran.server.seen.filter(({ body }) => body.includes('other.test'))).toHaveLength(1)
})

test('a second 401 is final', async () => {
  const answer = refuse(401, 'Unauthorized', 'Who are you')
  const challenge = { 'WWW-Authenticate': 'Bearer authorization="x", resource="https://r.test"' }
  const ran = await vault({
    answer: ({ url }) => (url.includes('/secrets') ? { ...answer, headers: challenge } : undefined),
  })
  expect(await ran.fetch()).toMatchObject({ message: 'Get secrets failed. Error: Who are you.' })
  expect(ran.server.seen.filter(({ url }) => url.includes('/secrets'))).toHaveLength(2)
})

test.each([
  ['AccessDenied', 'Set-AzKeyVaultAccessPolicy', 'New-AzRoleAssignment'],
  ['ForbiddenByRbac', 'New-AzRoleAssignment', 'Set-AzKeyVaultAccessPolicy'],
])('403 with %s attaches one script that fits', async (inner, has, hasNot) => {
  const connection = {
    ...servicePrincipal,
    data: { ...servicePrincipal.data, subscriptionId: "sub'; evil '" },
  }
  const ran = await vault({
    connection,
    answer: ({ url }) =>
      url.includes('/secrets') ? refuse(403, 'Forbidden', 'No', inner) : undefined,
  })
  expect(await ran.fetch({ SecretsFilter: 'a,b' })).toMatchObject({
    message: `\na: ${JSON.stringify(`No${PERMISSION}`)}\nb: ${JSON.stringify(`No${PERMISSION}`)}`,
  })
  const file = path.join(ran.folder, 'ProvisionKeyVaultPermissions.ps1')
  expect(ran.uploads).toEqual([file])
  expect(ran.lines).toContain(`Uploading ${file} as attachment`)
  const script = readFileSync(file, 'utf8')
  expect(script).toContain(has)
  expect(script).not.toContain(hasNot)
  expect(script).toContain("$SubscriptionId = 'sub''; evil '''")
})

test('a script that cannot be written is mentioned and the refusal stays', async () => {
  const ran = await vault({
    variables: { 'Agent.BuildDirectory': '/nowhere/at/all' },
    answer: ({ url }) => (url.includes('/secrets') ? refuse(403, 'Forbidden', 'No') : undefined),
  })
  expect(await ran.fetch()).toMatchObject({
    message: `Get secrets failed. Error: No${PERMISSION}.`,
  })
  expect(ran.lines.at(-1)).toMatch(/^Could not save content to file\. Failed with an error ENOENT/)
})

test('a token of the connection itself is used as it is', async () => {
  const parameters = { ...servicePrincipal.parameters, apitoken: new Sealed('given') }
  const ran = await vault({ connection: { ...servicePrincipal, parameters } })
  await ran.fetch()
  expect(ran.server.seen.map(({ headers }) => headers.authorization)).toEqual(['Bearer given'])
})

test('federation trades the job’s identity token at the newer endpoint', async () => {
  const ran = await vault({
    connection: { ...servicePrincipal, scheme: 'WorkloadIdentityFederation' },
    variables: {
      'System.CollectionUri': 'https://devops.test/org/',
      'System.TeamProjectId': 'project-1',
      'System.PlanId': 'plan-1',
      'System.JobId': 'job-1',
    },
    answer: ({ url }) =>
      url.includes('/oidctoken') ? { status: 200, body: { oidcToken: 'oidc-1' } } : undefined,
  })
  expect(await ran.fetch()).toEqual(SUCCEEDED)
  const [oidc, token] = ran.server.seen
  expect(oidc?.url).toBe(
    `https://devops.test/org/project-1/_apis/distributedtask/hubs/build/plans/plan-1/jobs/job-1/oidctoken?serviceConnectionId=${servicePrincipal.id}`,
  )
  expect(oidc?.headers.authorization).toBe('Bearer job-token')
  expect(token?.url).toBe('https://login.v2.test/tenant-1/oauth2/v2.0/token')
  expect(Object.fromEntries(new URLSearchParams(token?.body))).toEqual({
    client_id: 'client-1',
    scope: 'https://vault.test/.default',
    grant_type: 'client_credentials',
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: 'oidc-1',
  })
})

test('no identity token after three tries is a clear failure', async () => {
  const ran = await vault({
    connection: { ...servicePrincipal, scheme: 'WorkloadIdentityFederation' },
    variables: { 'System.CollectionUri': 'https://devops.test/org/' },
    answer: () => ({ status: 404, body: '' }),
  })
  expect(await ran.fetch()).toMatchObject({
    message:
      'Get secrets failed. Error: Could not fetch access token for AAD. Status code: 404, status message: Not Found.',
  })
  expect(ran.waitsMs).toEqual([2_000, 2_000])
})

test('an expired client secret names the page where it is renewed', async () => {
  const description = 'AADSTS7000222: The provided client secret keys are expired.'
  const ran = await vault({
    variables: {
      USE_MSAL: 'true',
      'System.CollectionUri': 'https://devops.test/org/',
      'System.TeamProject': 'shop',
    },
    answer: ({ url }) =>
      url.includes('/oauth2/v2.0/')
        ? { status: 401, body: { error: 'invalid_client', error_description: description } }
        : undefined,
  })
  expect(await ran.fetch()).toMatchObject({
    message: expect.stringContaining(
      `Secret expired, update service connection at https://devops.test/org/shop/_settings/adminservices?resourceId=${servicePrincipal.id}`,
    ),
  })
  expect(ran.waitsMs).toEqual([2_000, 4_000, 8_000])
})

test.each([
  ['', ''],
  ['id-1', '&client_id=id-1'],
])('a managed identity %j asks the metadata service', async (msiclientId, query) => {
  const data = { ...servicePrincipal.data, msiclientId }
  const connection = { ...servicePrincipal, scheme: 'ManagedServiceIdentity', data }
  const ran = await vault({ connection })
  expect(await ran.fetch()).toEqual(SUCCEEDED)
  expect(ran.server.seen[0]?.url).toBe(
    `http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://vault.test${query}`,
  )
  expect(ran.server.seen[0]?.headers['metadata']).toBe('true')
})

test('a certificate that is none is refused without quoting it', async () => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 })
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const parameters = {
    ...servicePrincipal.parameters,
    authenticationType: new Sealed('spnCertificate'),
    servicePrincipalCertificate: new Sealed(pem),
  }
  const ran = await vault({ connection: { ...servicePrincipal, parameters } })
  expect(await ran.fetch()).toEqual({
    result: 'Failed',
    message:
      "Get secrets failed. Error: The service connection's certificate must be PEM text with a certificate and its RSA key..",
  })
})

test('no secret is in what the task prints or in its issues', async () => {
  const value = randomBytes(12).toString('hex')
  const ran = await vault({ secrets: { s: { value: `${value}\n${value}` } } })
  const end = await ran.fetch({ SecretsFilter: 's,missing' })
  const printed = JSON.stringify([ran.lines, ran.issues, end])
  expect(printed).not.toContain(value)
  expect(printed).not.toContain('key & 1')
})

test('cancellation ends the task at once and is no failure of a secret', async () => {
  const ran = await vault({ answer: ({ url }) => (url.includes('/secrets') ? 'drop' : undefined) })
  const controller = new AbortController()
  const pause = async () => controller.abort(new Error('cancelled'))
  const inputs = { azureSubscription: 'azure', KeyVaultName: 'kv', SecretsFilter: 'a' }
  const running = ran.run(azureKeyVaultV2(pause), inputs, { signal: controller.signal })
  await expect(running).rejects.toThrow('cancelled')
})
