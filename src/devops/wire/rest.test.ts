import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import * as nodeApi from 'azure-devops-node-api'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fromBuffer } from 'yauzl'
import { Sealed } from '../../base/sealed.ts'
import { createHandler } from '../../http/service.ts'
import {
  ADMINISTRATOR,
  leaseOf,
  MEMBER,
  openTestDevops,
  startAgent,
  type TestDevops,
  watchToEnd,
  writeSource,
} from '../testing.ts'

let devops: TestDevops
let server: Server
let base: string
const bugs: unknown[] = []

beforeAll(async () => {
  devops = await openTestDevops()
  const handler = createHandler(devops.service, devops.clock, (error) => bugs.push(error))
  const at = { host: 'dev.azure.com', label: undefined, suffix: 'dev.azure.com' }
  server = createServer((request, response) => handler(request, response, at))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/local`
})

afterAll(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  await devops.close()
  expect(bugs).toEqual([])
})

interface Answer {
  readonly status: number
  readonly headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into JSON of many shapes.
  readonly body: any
}

async function ask(
  method: string,
  path: string,
  body?: unknown,
  options: { readonly as?: string; readonly accept?: string } = {},
): Promise<Answer> {
  const reply = await fetch(`${base}${path}`, {
    method,
    headers: {
      authorization: `Basic ${Buffer.from(`:${options.as ?? ADMINISTRATOR.id}`).toString('base64')}`,
      accept: options.accept ?? 'application/json;api-version=5.0-preview.1',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await reply.text()
  const isJson = reply.headers.get('content-type')?.includes('json')
  return { status: reply.status, headers: reply.headers, body: isJson ? JSON.parse(text) : text }
}

const GROUPS = '/default/_apis/distributedtask/variablegroups'
const ENDPOINTS = '/default/_apis/serviceendpoint/endpoints'

function azurerm(name: string, key: string | null = 'k3y-of-the-principal') {
  return {
    name,
    type: 'azurerm',
    url: 'https://management.azure.com/',
    authorization: {
      scheme: 'ServicePrincipal',
      parameters: {
        tenantid: 'cccccccc-0000-4000-8000-000000000003',
        serviceprincipalid: 'dddddddd-0000-4000-8000-000000000004',
        authenticationType: 'spnKey',
        serviceprincipalkey: key,
      },
    },
    data: {
      subscriptionId: 's',
      subscriptionName: 'S',
      environment: 'AzureCloud',
      creationMode: 'Manual',
    },
  }
}

function linked(name: string, serviceEndpointId: string, secrets: readonly string[]) {
  const variables = secrets.map((secret) => [
    secret,
    { isSecret: true, value: 'never-stored', enabled: true, contentType: '' },
  ])
  return {
    name,
    type: 'AzureKeyVault',
    providerData: { serviceEndpointId, vault: 'kv' },
    variables: Object.fromEntries(variables),
  }
}

test('a caller without a good token is asked to authenticate, and a stranger is refused', async () => {
  const bare = await fetch(`${base}${GROUPS}`)
  expect(bare.status).toBe(401)
  expect(bare.headers.get('www-authenticate')).toContain('Bearer')
  expect((await ask('GET', GROUPS, undefined, { as: 'rubbish' })).status).toBe(401)
  const otherAudience = `${ADMINISTRATOR.id}@https://vault.azure.net`
  expect((await ask('GET', GROUPS, undefined, { as: otherAudience })).status).toBe(401)
  const stranger = 'eeeeeeee-0000-4000-8000-000000000005'
  const refused = await ask('GET', GROUPS, undefined, { as: stranger })
  expect(refused).toMatchObject({ status: 403, body: { typeKey: 'AccessDeniedException' } })
})

test('a plain group made the way of the stock command shows its values and hides its secrets', async () => {
  const made = await ask('POST', GROUPS, {
    name: 'Plain',
    type: 'Vsts',
    variables: { k: { isSecret: false, value: 'v' }, s: { isSecret: true, value: 'hidden!' } },
  })
  expect(made).toMatchObject({
    status: 200,
    body: {
      type: 'Vsts',
      name: 'Plain',
      variables: { k: { value: 'v' }, s: { value: null, isSecret: true } },
      createdBy: { displayName: null, id: ADMINISTRATOR.id },
      createdOn: '2026-01-02T03:04:05Z',
      isShared: false,
    },
  })
  expect(made.body.variables.k).toEqual({ value: 'v' })
  const one = await ask('GET', `${GROUPS}/${made.body.id}?api-version=7.1`)
  expect(one.body.createdBy.displayName).toBe(ADMINISTRATOR.name)
  const put = await ask('PUT', `${GROUPS}/${made.body.id}`, {
    ...one.body,
    variables: { ...one.body.variables, k: { value: 'w' } },
  })
  expect(put.body.variables).toEqual({ k: { value: 'w' }, s: { value: null, isSecret: true } })
  const authorized = await ask('PATCH', '/default/_apis/build/authorizedresources', [
    { authorized: true, id: String(made.body.id), name: 'Plain', type: 'variablegroup' },
  ])
  expect(authorized.body.value[0]).toMatchObject({ authorized: true, name: 'Plain' })
  const open = await ask(
    'GET',
    `/default/_apis/pipelines/pipelinepermissions/variablegroup/${made.body.id}`,
  )
  expect(open.body).toMatchObject({ allPipelines: { authorized: true }, pipelines: [] })
  const again = await ask('POST', GROUPS, { name: 'PLAIN', variables: {} })
  expect(again).toMatchObject({ status: 409, body: { typeKey: 'VariableGroupExistsException' } })
  expect((await ask('DELETE', `${GROUPS}/${made.body.id}`)).status).toBe(204)
  const gone = await ask('GET', `${GROUPS}/${made.body.id}`)
  expect(gone).toMatchObject({ status: 404, body: { typeKey: 'VariableGroupNotFoundException' } })
})

test('lists of groups filter by the beginning of a name, order by id, and continue', async () => {
  for (const name of ['List-1', 'List-2', 'List-3'])
    await ask('POST', GROUPS, { name, variables: {} })
  const first = await ask('GET', `${GROUPS}?groupName=list*&queryOrder=idDescending&$top=2`)
  const names = (answer: Answer) => answer.body.value.map(({ name }: { name: string }) => name)
  expect(names(first)).toEqual(['List-3', 'List-2'])
  expect(first.body.value[0].variableGroupProjectReferences).toBeNull()
  const token = first.headers.get('x-ms-continuationtoken')
  const next = await ask('GET', `${GROUPS}?groupName=list*&continuationToken=${token}`)
  expect(names(next)).toEqual(['List-1'])
})

test.each([
  [undefined, 'Value cannot be null.\r\nParameter name: variableGroupParameters'],
  [{ name: 'X', type: 'Other' }, 'Variable group type Other is not supported.'],
  [
    { name: 'X', type: 'AzureKeyVault' },
    'Either variable group is not an azure key vault variable group or invalid provider data in azure key vault variable group.',
  ],
  [
    { name: 'X', type: 'AzureKeyVault', providerData: { serviceEndpointId: '', vault: 'v' } },
    "Azure Key Vault provider's service endpoint id must be non empty and a valid guid.",
  ],
  [
    { name: 'X', type: 'AzureKeyVault', providerData: { serviceEndpointId: ADMINISTRATOR.id } },
    "Azure Key Vault provider's vault name must be non empty.",
  ],
  [
    {
      name: 'X',
      type: 'AzureKeyVault',
      providerData: { serviceEndpointId: ADMINISTRATOR.id, vault: 'v', lastRefreshedOn: 'noon' },
    },
    "Azure Key Vault provider's last refreshed on must be valid datetime.",
  ],
])('a wrong group is refused with the words of the service: %#', async (body, message) => {
  expect(await ask('POST', GROUPS, body)).toMatchObject({ status: 400, body: { message } })
})

test('a linked group keeps names and facts and never a value, on both routes alike', async () => {
  const connection = await ask('POST', ENDPOINTS, azurerm('for-links'))
  expect(connection.body).toMatchObject({
    isReady: true,
    authorization: { parameters: { serviceprincipalkey: null } },
  })
  const body = linked('Linked', connection.body.id, ['a-1', 'b-2'])
  const made = await ask('POST', GROUPS, body)
  expect(made.body.providerData).toMatchObject({
    vault: 'kv',
    lastRefreshedOn: '2026-01-02T03:04:05Z',
  })
  expect(made.body.variables['a-1']).toEqual({
    enabled: true,
    contentType: '',
    value: null,
    isSecret: true,
  })
  const other = await ask('POST', '/_apis/distributedtask/variablegroups?api-version=7.1', {
    ...body,
    name: 'Linked-2',
    variableGroupProjectReferences: [
      { name: 'Linked-2', description: '', projectReference: { name: 'default' } },
    ],
  })
  expect(other.body).toEqual({
    ...made.body,
    id: other.body.id,
    name: 'Linked-2',
    variableGroupProjectReferences: other.body.variableGroupProjectReferences,
  })
})

test('a connection keeps its key when it is written back with null, and names are unique', async () => {
  const made = await ask('POST', ENDPOINTS, azurerm('keep'))
  const put = await ask('PUT', `${ENDPOINTS}/${made.body.id}`, azurerm('keep', null))
  expect(put.body).toMatchObject({ isReady: true, operationStatus: { state: 'Ready' } })
  expect((await ask('POST', ENDPOINTS, azurerm('KEEP'))).status).toBe(409)
  const byName = await ask('GET', `${ENDPOINTS}?endpointNames=keep&type=azurerm`)
  expect(byName.body.count).toBe(1)
  const federated = await ask('POST', ENDPOINTS, {
    ...azurerm('wif'),
    authorization: { scheme: 'WorkloadIdentityFederation', parameters: { tenantid: 't' } },
  })
  expect(federated.body.isReady).toBe(false)
  const forbidden = await ask('DELETE', `${ENDPOINTS}/${made.body.id}`, undefined, {
    as: MEMBER.id,
  })
  expect(forbidden.status).toBe(403)
  const projects = await ask('GET', '/_apis/projects?$top=1&$skip=0')
  const id = projects.body.value[0].id
  const removed = await ask(
    'DELETE',
    `/_apis/serviceendpoint/endpoints/${made.body.id}?projectIds=${id}`,
  )
  expect(removed.status).toBe(204)
})

const YAML = `
trigger: none
parameters:
- name: who
  type: string
  default: world
variables:
- group: RunGroup
- name: color
  value: red
steps:
- script: echo \${{ parameters.who }} $(color)
  name: hello
- task: AzureKeyVault@2
  inputs:
    azureSubscription: run-connection
    KeyVaultName: kv
`

test('a pipeline is made, permitted, run, followed, and its results are read over REST', async () => {
  const connection = await ask('POST', ENDPOINTS, azurerm('run-connection'))
  await ask('POST', GROUPS, linked('RunGroup', connection.body.id, ['one', 'two']))
  const folder = writeSource(devops, { 'azure-pipelines.yml': YAML })
  const repository = { type: 'Folder', url: folder }
  const wish = {
    name: 'First',
    process: { type: 2, yamlFilename: 'azure-pipelines.yml' },
    repository,
  }
  const refused = await ask('POST', '/default/_apis/build/definitions', wish, { as: MEMBER.id })
  expect(refused.status).toBe(403)
  const definition = await ask('POST', '/default/_apis/build/definitions', wish)
  expect(definition.body).toMatchObject({ id: 1, name: 'First', process: { type: 2 } })
  const permits = await ask(
    'GET',
    `/default/_apis/pipelines/pipelinepermissions/endpoint/${connection.body.id}`,
  )
  expect(permits.body.pipelines).toMatchObject([{ id: 1, authorized: true }])

  const preview = await ask('POST', '/default/_apis/pipelines/1/runs', {
    previewRun: true,
    templateParameters: { who: 'you' },
  })
  expect(preview.body.finalYaml).toContain('CmdLine@2')

  let ownToken = ''
  const own: number[] = []
  const agent = startAgent(devops.agentApi('one'), async (job, api) => {
    const lease = leaseOf(job)
    const [stepId = ''] = job.steps.map(({ id }) => id)
    const { logId } = await api.createLog(lease)
    await api.appendLog(lease, logId, 1, Buffer.from('line 1\nline 2\n'))
    await api.appendLog(lease, logId, 3, Buffer.from('line 3\n'))
    await api.appendLog(lease, logId, 3, Buffer.from('line 3\n'))
    await api.updateRecords(lease, [
      {
        id: stepId,
        parentId: job.jobId,
        type: 'Task',
        name: 'x',
        state: 'completed',
        result: 'Succeeded',
        logId,
      },
    ])
    await api.uploadArtifactFile(lease, 'drop', 'a/b.txt', Readable.from(['content']))
    await api.associateArtifact(lease, { name: 'drop', type: 'Container', folder: 'drop' })
    await api.addTag(lease, 'nightly')
    const token = job.variables['System.AccessToken']?.value
    ownToken = token instanceof Sealed ? token.open() : ''
    const as = { as: ownToken }
    own.push((await ask('GET', '/default/_apis/build/builds/1', undefined, as)).status)
    own.push((await ask('POST', GROUPS, { name: 'FromJob', variables: {} }, as)).status)
    return {}
  })
  const build = await ask('POST', '/default/_apis/build/builds', {
    definition: { id: 1 },
    parameters: "{'x': 'it\\'s', 'flag': True}",
  })
  expect(build.body).toMatchObject({ id: 1, buildNumber: '20260102.1', reason: 'manual' })
  await watchToEnd(devops, build.body.id)
  await agent.stop()
  const late = await ask('GET', '/default/_apis/build/builds/1', undefined, { as: ownToken })
  expect([...own, late.status]).toEqual([200, 403, 401])
  const [job] = agent.jobs
  expect(job?.variables).toMatchObject({
    x: { value: "it's" },
    flag: { value: 'true' },
    one: { value: undefined, isSecret: true },
  })
  expect(
    job?.steps.map(({ displayName, inputs }) => [displayName, inputs['SecretsFilter']]),
  ).toEqual([
    ['Download secrets: kv', 'one,two'],
    [undefined, undefined],
    [undefined, undefined],
    [undefined, undefined],
  ])
  expect(job?.steps.at(-1)?.inputs['azureSubscription']).toBe(connection.body.id)
  expect(job?.endpoints[1]).toMatchObject({
    id: connection.body.id,
    data: { AzureKeyVaultDnsSuffix: 'vault.azure.net', environment: 'AzureCloud' },
  })
  expect(job?.endpoints[1]?.parameters['serviceprincipalkey']?.open()).toBe('k3y-of-the-principal')

  const done = await ask('GET', '/default/_apis/build/builds/1')
  expect(done.body).toMatchObject({ status: 'completed', result: 'succeeded', tags: ['nightly'] })
  const timeline = await ask('GET', '/default/_apis/build/builds/1/timeline')
  const records: { type: string; result: string; log: { id: number } | null }[] =
    timeline.body.records
  expect(records.map(({ type, result }) => `${type} ${result}`).sort()).toEqual([
    'Job succeeded',
    'Phase succeeded',
    'Stage succeeded',
    'Task succeeded',
  ])
  const text = await ask('GET', '/default/_apis/build/builds/1/logs/1', undefined, {
    accept: '*/*',
  })
  expect(text.body).toBe('line 1\nline 2\nline 3\n')
  const part = await ask('GET', '/default/_apis/build/builds/1/logs/1?startLine=2&endLine=2')
  expect(part.body).toEqual({ count: 1, value: ['line 2'] })
  const artifacts = await ask('GET', '/default/_apis/build/builds/1/artifacts')
  expect(artifacts.body.value[0]).toMatchObject({ name: 'drop', resource: { type: 'Container' } })
  const zip = await fetch(
    `${base}/default/_apis/build/builds/1/artifacts?artifactName=drop&$format=zip`,
    {
      headers: { authorization: `Bearer ${ADMINISTRATOR.id}` },
    },
  )
  expect(await unzip(Buffer.from(await zip.arrayBuffer()))).toEqual({ 'drop/a/b.txt': 'content' })
})

function unzip(bytes: Buffer): Promise<Record<string, string>> {
  return new Promise((resolve, reject) => {
    const files: Record<string, string> = {}
    fromBuffer(bytes, { lazyEntries: true }, (error, zip) => {
      if (error) return reject(error)
      zip.on('entry', (entry) => {
        zip.openReadStream(entry, async (failed, stream) => {
          if (failed) return reject(failed)
          files[entry.fileName] = (await buffer(stream)).toString('utf8')
          zip.readEntry()
        })
      })
      zip.on('end', () => resolve(files))
      zip.readEntry()
    })
  })
}

test('every problem of a pipeline is answered at once, with the words of the service', async () => {
  const folder = writeSource(devops, {
    'bad.yml': `
variables:
- group: Nowhere
jobs:
- job: A
  variables:
  - group: Nothing
  steps:
  - task: AzureKeyVault@2
    inputs: { azureSubscription: nobody, KeyVaultName: kv }
  - task: NoSuchTask@1
`,
  })
  const made = await ask('POST', '/default/_apis/pipelines', {
    name: 'Bad',
    folder: '\\',
    configuration: { type: 'yaml', path: '/bad.yml', repository: { type: 'folder', path: folder } },
  })
  const run = await ask('POST', `/default/_apis/pipelines/${made.body.id}/runs`, {})
  expect(run).toMatchObject({ status: 400, body: { typeKey: 'PipelineValidationException' } })
  const errors: { message: string }[] = run.body.customProperties.ValidationErrors
  expect(errors.map(({ message }) => message)).toEqual([
    'Variable group Nowhere was not found or is not authorized for use. For authorization details, refer to https://aka.ms/yamlauthz.',
    'Job A: Variable group Nothing could not be found. The variable group does not exist or has not been authorized for use.',
    'Job A: Step AzureKeyVault input ConnectedServiceName references service connection nobody which could not be found. The service connection does not exist or has not been authorized for use.',
    "A task is missing. The pipeline references a task called 'NoSuchTask'. This usually indicates the task isn't installed, and you may be able to install it from the Marketplace: https://marketplace.visualstudio.com. (Task version 1, job 'A', step ''.)",
  ])
})

test('a resource added after the pipeline was made needs a permit, which an administrator gives', async () => {
  const folder = writeSource(devops, { 'late.yml': 'steps:\n- script: echo\n' })
  const pipeline = await ask('POST', '/default/_apis/pipelines', {
    name: 'Late',
    configuration: { type: 'yaml', path: 'late.yml', repository: { type: 'Folder', url: folder } },
  })
  const group = await ask('POST', GROUPS, { name: 'LateGroup', variables: { a: { value: '1' } } })
  writeSource(devops, {
    'late.yml': 'variables:\n- group: LateGroup\npool: Nowhere\nsteps:\n- script: echo\n',
  })
  const runs = `/default/_apis/pipelines/${pipeline.body.id}/runs`
  const refused = await ask('POST', runs, {}, { as: MEMBER.id })
  expect(refused.body.message).toContain(
    'Variable group LateGroup was not found or is not authorized',
  )
  expect(refused.body.message).toMatch(
    /^There was a resource authorization issue: "The pipeline is not valid. /,
  )
  expect(refused.body.message).toContain('Could not find a pool with name Nowhere.')
  writeSource(devops, { 'late.yml': 'variables:\n- group: LateGroup\nsteps:\n- script: echo\n' })
  const permit = `/default/_apis/pipelines/pipelinepermissions/variablegroup/${group.body.id}`
  const body = { pipelines: [{ id: pipeline.body.id, authorized: true }] }
  expect((await ask('PATCH', permit, body, { as: MEMBER.id })).status).toBe(403)
  const given = await ask('PATCH', permit, body)
  expect(given.body).toMatchObject({
    resource: { type: 'variablegroup', id: String(group.body.id) },
    pipelines: [{ id: pipeline.body.id, authorized: true, authorizedBy: { id: ADMINISTRATOR.id } }],
  })
  expect(given.body.allPipelines).toBeUndefined()
  const run = await ask('POST', runs, {}, { as: MEMBER.id })
  expect(run).toMatchObject({ status: 200, body: { state: 'inProgress' } })
  const busy = await ask('DELETE', `/default/_apis/build/definitions/${pipeline.body.id}`)
  expect(busy.status).toBe(400)
  const build = `/default/_apis/build/builds/${run.body.id}`
  expect((await ask('GET', build)).body.status).toBe('notStarted')
  const cancelled = await ask('PATCH', build, { status: 'cancelling' })
  expect(cancelled.body).toMatchObject({ status: 'completed', result: 'canceled' })
  await ask('PATCH', permit, { pipelines: [{ id: pipeline.body.id, authorized: false }] })
  expect((await ask('POST', runs, {})).status).toBe(400)
  const removed = await ask('DELETE', `/default/_apis/build/definitions/${pipeline.body.id}`)
  expect(removed.status).toBe(204)
})

test.each([
  ['GET', '/nowhere/_apis/build/builds', 404, 'ProjectDoesNotExistWithNameException'],
  ['GET', '/default/_apis/build/builds/999', 404, 'BuildNotFoundException'],
  ['GET', '/default/_apis/build/builds/1/logs/99', 404, 'BuildLogNotFoundException'],
  ['GET', '/default/_apis/build/definitions/999', 404, 'DefinitionNotFoundException'],
  ['GET', '/default/_apis/build/builds/x', 400, 'ArgumentException'],
  ['GET', '/default/_apis/git/repositories', 404, 'VssResourceNotFoundException'],
  ['POST', '/default/_apis/build/builds', 400, 'ArgumentException'],
])('%s %s answers %d %s', async (method, path, status, typeKey) => {
  expect(await ask(method, path)).toMatchObject({ status, body: { $id: '1', typeKey } })
})

test('a client that finds routes by OPTIONS works: the vendor node client', async () => {
  const client = new nodeApi.WebApi(base, nodeApi.getPersonalAccessTokenHandler(ADMINISTRATOR.id))
  const connection = await client.connect()
  expect(connection.authenticatedUser?.id).toBe(ADMINISTRATOR.id)
  const tasks = await client.getTaskAgentApi()
  const group = await tasks.addVariableGroup({
    name: 'FromClient',
    type: 'Vsts',
    variables: { a: { value: 'b' } },
    variableGroupProjectReferences: [{ name: 'FromClient', projectReference: { name: 'default' } }],
  })
  expect(group).toMatchObject({ name: 'FromClient', variables: { a: { value: 'b' } } })
  const listed = await tasks.getVariableGroups('default', 'FromClient')
  expect(listed.map(({ name }) => name)).toEqual(['FromClient'])
  const builds = await client.getBuildApi()
  expect(await builds.getBuilds('default', [1])).toMatchObject([
    { id: 1, buildNumber: '20260102.1' },
  ])
  const definitions = await builds.getDefinitions('default', 'First')
  expect(definitions).toMatchObject([{ id: 1 }])
  const pipelines = await client.getPipelinesApi()
  expect(await pipelines.getRun('default', 1, 1)).toMatchObject({ id: 1, name: '20260102.1' })
  const log = await builds.getBuildLogLines('default', 1, 1)
  expect(log).toEqual(['line 1', 'line 2', 'line 3'])
})
