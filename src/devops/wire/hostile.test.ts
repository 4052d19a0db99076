import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createHandler } from '../../http/service.ts'
import { ADMINISTRATOR, MEMBER, openTestDevops, type TestDevops, writeSource } from '../testing.ts'
import { permissions } from './context.ts'

let devops: TestDevops
let server: Server
let base: string

beforeAll(async () => {
  devops = await openTestDevops()
  const handler = await createHandler(devops.service, devops.clock, () => undefined)
  const at = { host: 'dev.azure.com', label: undefined, suffix: 'dev.azure.com' }
  server = createServer((request, response) => handler(request, response, at))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/local`
})

afterAll(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  await devops.close()
})

function send(method: string, path: string, token?: string, body?: unknown): Promise<Response> {
  return fetch(`${base}${path}`, {
    method,
    headers: {
      accept: 'application/json',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
}

// biome-ignore lint/suspicious/noExplicitAny: a test looks into JSON of many shapes.
async function ask(...request: Parameters<typeof send>): Promise<{ status: number; body: any }> {
  const reply = await send(...request)
  return { status: reply.status, body: await reply.json() }
}

const STRANGER = 'eeeeeeee-0000-4000-8000-000000000005'

test.each([
  ['without a token', undefined, 401],
  ['with rubbish', 'rubbish', 401],
  ['with a token for a vault', `${ADMINISTRATOR.id}@https://vault.azure.net`, 401],
  ['with the token of a job that nobody runs', `job:${ADMINISTRATOR.id}`, 401],
  ['as a stranger', STRANGER, 403],
])('every operation refuses a caller %s', async (_caller, token, status) => {
  const guarded = devops.service.operations.filter(
    ({ permission }) => permission !== permissions.anyone,
  )
  const places: Readonly<Record<string, string>> = { ':org': 'local', ':project': 'default' }
  for (const { name, method, path } of guarded) {
    const url = path.replace(/^\/:org/, '').replaceAll(/:\w+\??/g, (part) => places[part] ?? '1')
    const reply = await send(method, url, token, method === 'GET' ? undefined : {})
    expect([name, reply.status]).toEqual([name, status])
  }
  expect(guarded.length).toBeGreaterThan(40)
})

test('a value that takes the place of a secret setting is nowhere shown', async () => {
  const url = writeSource(devops, { 'a.yml': 'name: n-$(password)\nsteps:\n- script: echo\n' })
  const definition = await ask('POST', '/default/_apis/build/definitions', ADMINISTRATOR.id, {
    name: 'secretive',
    process: { type: 2, yamlFilename: 'a.yml' },
    repository: { type: 'Folder', url },
    variables: { password: { value: 'kept', isSecret: true, allowOverride: true } },
  })
  const { id } = definition.body
  const queued = await ask('POST', '/default/_apis/build/builds', ADMINISTRATOR.id, {
    definition: { id },
    parameters: '{"PASSWORD":"given-4711"}',
  })
  expect(queued.status).toBe(200)
  const runs = `/default/_apis/pipelines/${id}/runs`
  const shown = [
    queued.body,
    await ask('GET', `${runs}/${queued.body.id}`, ADMINISTRATOR.id),
    await ask('POST', runs, ADMINISTRATOR.id, {
      previewRun: true,
      variables: { password: { value: 'given-4711' } },
      yamlOverride: `steps:\n- script: echo \${{ variables.password }}\n`,
    }),
  ]
  expect(JSON.stringify(shown)).not.toContain('given-4711')
})

test('a member cannot link a group with a connection of somebody else', async () => {
  const connection = await ask('POST', '/default/_apis/serviceendpoint/endpoints', MEMBER.id, {
    name: 'own',
    type: 'azurerm',
    authorization: { scheme: 'ServicePrincipal', parameters: { serviceprincipalkey: 'k' } },
  })
  const foreign = await ask('POST', '/default/_apis/serviceendpoint/endpoints', ADMINISTRATOR.id, {
    name: 'foreign',
    type: 'azurerm',
    authorization: { scheme: 'ServicePrincipal', parameters: { serviceprincipalkey: 'k' } },
  })
  const groups = '/default/_apis/distributedtask/variablegroups'
  const linked = (serviceEndpointId: string) => ({
    name: 'linked',
    type: 'AzureKeyVault',
    providerData: { serviceEndpointId, vault: 'kv' },
    variables: { one: { isSecret: true, value: null, enabled: true, contentType: '' } },
  })
  const create = (id: string) => ask('POST', groups, MEMBER.id, linked(id))
  expect((await create(foreign.body.id)).status).toBe(403)
  const made = await create(connection.body.id)
  expect(made.status).toBe(200)
  const change = (id: string) => ask('PUT', `${groups}/${made.body.id}`, MEMBER.id, linked(id))
  expect((await change(foreign.body.id)).status).toBe(403)
  expect((await change(connection.body.id)).status).toBe(200)
})

test.each(['file://host/folder', 'file:///a%2fb', '\u0000', 'folder'])(
  'a repository at %j is refused in words',
  async (url) => {
    const refused = await ask('POST', '/default/_apis/build/definitions', ADMINISTRATOR.id, {
      name: 'nowhere',
      process: { type: 2, yamlFilename: 'a.yml' },
      repository: { type: 'Folder', url },
    })
    expect(refused).toMatchObject({ status: 400, body: { typeKey: 'InvalidDefinitionException' } })
  },
)
