import { afterAll, beforeAll, expect, test } from 'vitest'
import { compileFilter } from './graph-filter.ts'
import { startIdentity, TENANT } from './testing/started-identity.ts'

let world: Awaited<ReturnType<typeof startIdentity>>
let admin: Record<string, string>
let reader: Record<string, string>

async function bearer(objectId: string, appId: string, audience = 'https://graph.microsoft.com/') {
  const wish = { tenantId: TENANT, objectId, appId, audience, kind: 'app' } as const
  const { token } = await world.identity.directory.issueToken(wish)
  return { authorization: `Bearer ${token.open()}` }
}

beforeAll(async () => {
  world = await startIdentity()
  const boss = await world.identity.directory.createApplication({ displayName: 'boss' })
  await world.identity.directory.addRoleMember(boss.principalId, 'Global Administrator')
  admin = await bearer(boss.principalId, boss.appId)
  reader = await bearer(world.app.principalId, world.app.appId)
})
afterAll(() => world.stop())

const get = (path: string, headers = admin) => world.graph('GET', `/v1.0${path}`, { headers })
const post = (path: string, json: unknown, headers = admin) =>
  world.graph('POST', `/v1.0${path}`, { headers, json })
const filter = (text: string) => `?$filter=${encodeURIComponent(text)}`

test('az ad sp show finds a service principal by client id, then by object id', async () => {
  const { appId, principalId } = world.app
  const found = await get(
    `/servicePrincipals${filter(`servicePrincipalNames/any(c:c eq '${appId}')`)}`,
    reader,
  )
  expect(found.body.value).toEqual([
    expect.objectContaining({
      id: principalId,
      appId,
      displayName: 'deployer',
      servicePrincipalType: 'Application',
      servicePrincipalNames: [appId],
    }),
  ])
  expect((await get(`/servicePrincipals/${principalId}`)).body.id).toBe(principalId)
  expect((await get(`/servicePrincipals(appId='${appId}')`)).body.id).toBe(principalId)
  expect(await get(`/servicePrincipals/${appId}`)).toMatchObject({
    status: 404,
    body: {
      error: {
        code: 'Request_ResourceNotFound',
        message: `Resource '${appId}' does not exist or one of its queried reference-property objects are not present.`,
      },
    },
  })
})

test('az ad sp create-for-rbac makes an application whose secret gets tokens', async () => {
  expect((await get(`/servicePrincipals${filter("displayName eq 'ci'")}`)).body.value).toEqual([])
  expect((await get(`/applications${filter("startswith(displayName,'ci')")}`)).body.value).toEqual(
    [],
  )
  const application = await post('/applications', { displayName: 'ci', keyCredentials: [] })
  expect(application).toMatchObject({ status: 201, body: { passwordCredentials: [] } })
  const password = await post(`/applications/${application.body.id}/addPassword`, {
    passwordCredential: {
      displayName: 'rbac',
      startDateTime: '2026-01-31T11:00:00Z',
      endDateTime: '2027-01-31T12:00:00Z',
    },
  })
  expect(password).toMatchObject({
    status: 200,
    body: {
      displayName: 'rbac',
      endDateTime: '2027-01-31T12:00:00Z',
      secretText: expect.stringMatching(/^.{40}$/),
      hint: password.body.secretText.slice(0, 3),
    },
  })
  const { appId } = application.body
  const principal = await post('/servicePrincipals', { appId, accountEnabled: 'True' })
  expect(principal).toMatchObject({ status: 201, body: { appId, accountEnabled: true } })
  const token = await world.login('POST', `/${TENANT}/oauth2/v2.0/token`, {
    form: {
      client_id: appId,
      client_secret: password.body.secretText,
      grant_type: 'client_credentials',
      scope: 'https://vault.azure.net/.default',
    },
  })
  expect(token.status).toBe(200)
  const shown = await get(`/applications${filter(`appId eq '${appId}'`)}`)
  expect(shown.body.value[0].passwordCredentials[0].secretText).toBeNull()
  expect(JSON.stringify(shown.body)).not.toContain(password.body.secretText)

  expect(
    (await world.graph('DELETE', `/v1.0/applications/${application.body.id}`, { headers: admin }))
      .status,
  ).toBe(204)
  expect((await get(`/servicePrincipals/${principal.body.id}`)).status).toBe(404)
})

test('az ad app federated-credential create stores trust in an issuer', async () => {
  const { body } = await post('/applications', { displayName: 'wif' })
  const path = `/applications/${body.id}/federatedIdentityCredentials`
  const wanted = {
    name: 'main',
    issuer: 'https://token.actions.githubusercontent.com',
    subject: 'repo:o/r:ref:refs/heads/main',
    audiences: ['api://AzureADTokenExchange'],
  }
  expect(await post(path, wanted)).toMatchObject({ status: 201, body: wanted })
  expect((await post(path, wanted)).body.error.code).toBe('Request_MultipleObjectsWithSameKeyValue')
  expect((await get(path)).body.value).toHaveLength(1)
  expect((await get(`${path}/main`)).body.subject).toBe(wanted.subject)
  const subject = 'repo:o/r:environment:prod'
  const change = { headers: admin, json: { subject } }
  expect((await world.graph('PATCH', `/v1.0${path}/main`, change)).status).toBe(204)
  expect((await get(`${path}/main`)).body).toMatchObject({ ...wanted, subject })
})

test('getByIds names objects of the types asked for', async () => {
  const ids = [world.app.principalId, '99999999-2222-4333-8444-555555555555']
  const types = ['user', 'group', 'servicePrincipal', 'directoryObjectPartnerReference']
  expect((await post('/directoryObjects/getByIds', { ids, types }, reader)).body.value).toEqual([
    expect.objectContaining({
      '@odata.type': '#microsoft.graph.servicePrincipal',
      id: world.app.principalId,
      displayName: 'deployer',
    }),
  ])
  const none = await post('/directoryObjects/getByIds', { ids, types: ['user'] })
  expect(none.body.value).toEqual([])
})

test('me is refused to an application', async () => {
  expect(await get('/me')).toMatchObject({ status: 403, body: { error: { code: 'BadRequest' } } })
})

test('writing needs a directory role, reading a token for this service', async () => {
  expect(await post('/applications', { displayName: 'x' }, reader)).toMatchObject({
    status: 403,
    body: {
      error: {
        code: 'Authorization_RequestDenied',
        message: 'Insufficient privileges to complete the operation.',
      },
    },
  })
  expect(await get('/servicePrincipals', {})).toMatchObject({
    status: 401,
    body: { error: { code: 'InvalidAuthenticationToken' } },
  })
  const vault = await bearer(world.app.principalId, world.app.appId, 'https://vault.azure.net')
  expect((await get('/servicePrincipals', vault)).status).toBe(401)
})

test('an administrator of one directory neither sees nor changes another', async () => {
  const { directory } = world.identity
  const other = await directory.ensureTenant({ id: '22222222-2222-4333-8444-555555555555' })
  const foreign = await directory.createApplication({ displayName: 'far', tenantId: other.id })
  const { body } = await get(`/applications${filter("displayName eq 'far'")}`)
  expect(body.value).toEqual([])
  const paths = [
    `/applications/${foreign.objectId}`,
    `/applications(appId='${foreign.appId}')`,
    `/servicePrincipals/${foreign.principalId}`,
    `/servicePrincipals(appId='${foreign.appId}')`,
    `/directoryObjects/${foreign.principalId}`,
  ]
  for (const path of paths) expect((await get(path)).status, path).toBe(404)
  expect((await post(`/applications/${foreign.objectId}/addPassword`, {})).status).toBe(404)
  expect((await post('/servicePrincipals', { appId: foreign.appId })).status).toBe(400)
  const found = await post('/directoryObjects/getByIds', { ids: [foreign.principalId] })
  expect(found.body.value).toEqual([])
})

test('group membership reaches the verified caller at once', async () => {
  const group = await post('/groups', {
    displayName: 'readers',
    mailNickname: 'readers',
    mailEnabled: false,
    securityEnabled: true,
  })
  const token = (reader['authorization'] ?? '').slice('Bearer '.length)
  const { verifier } = world.identity
  expect((await verifier.verify(token)).groups).toEqual([])
  const added = await post(`/groups/${group.body.id}/members/$ref`, {
    '@odata.id': `https://graph.microsoft.com/v1.0/directoryObjects/${world.app.principalId}`,
  })
  expect(added.status).toBe(204)
  expect((await verifier.verify(token)).groups).toEqual([group.body.id])
  const members = await get(`/groups/${group.body.id}/members`)
  expect(members.body.value.map((one: { id: string }) => one.id)).toEqual([world.app.principalId])
})

test('what the directory cannot do is said, not ignored', async () => {
  expect((await get(`/servicePrincipals${filter("displayName gt 'a'")}`)).body.error.code).toBe(
    'Request_UnsupportedQuery',
  )
  expect((await get('/servicePrincipals?$expand=owners')).status).toBe(400)
  expect((await get('/teams')).body.error.message).toBe(
    "Resource not found for the segment 'teams'.",
  )
})

test('lists are paged by a link', async () => {
  const first = await get('/servicePrincipals?$top=1')
  expect(first.body.value).toHaveLength(1)
  const next = new URL(first.body['@odata.nextLink'])
  const second = await world.graph('GET', next.pathname + next.search, { headers: admin })
  expect(second.body.value[0].id).not.toBe(first.body.value[0].id)
})

const item = { displayName: "O'Neil", appId: 'A1', names: ['x', 'y'], on: true, none: null }
test.each([
  ["displayName eq 'o''neil'", true],
  ["displayName ne 'x' and on eq true", true],
  ["startswith(displayName, 'O')", true],
  ["names/any(n:n eq 'y')", true],
  ["names/any(n: n eq 'z')", false],
  ["appId in ('B1', 'a1')", true],
  ["not (appId eq 'A1') or none eq null", true],
  ["missing eq 'x'", false],
])('filter %s is %s', (text, expected) => {
  expect(compileFilter(text)(item)).toBe(expected)
})

test.each(['', 'displayName', 'displayName eq', "(a eq 'b'", "a eq 'b' 'c'", '('.repeat(100)])(
  'filter %j is refused',
  (text) => {
    expect(() => compileFilter(text)).toThrow(/Unsupported/)
  },
)
