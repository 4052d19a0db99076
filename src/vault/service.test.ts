import { afterEach, expect, test } from 'vitest'
import type { AuditEntry, Authorizer, NetworkAcls, VaultResource } from './ports.ts'
import {
  type Asked,
  CALLER,
  type Claims,
  NOON_MS,
  startVault,
  TENANT,
  type TestOptions,
  type TestVault,
  tokenOf,
  VAULT,
} from './testing/test-vault.ts'

const started: TestVault[] = []
async function start(options?: TestOptions): Promise<TestVault> {
  const made = await startVault(options)
  started.push(made)
  return made
}
afterEach(async () => {
  for (const made of started.splice(0)) await made.close()
})

const GUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const APP = 'a99a0000-0000-4000-8000-000000000001'
const CALLER_TEXT = `appid=${APP};oid=${CALLER};iss=https://sts.windows.net/${TENANT}/`

test.each([
  ['v1.vault.azure.net', 'login.microsoftonline.com', 'https://vault.azure.net'],
  ['v1.vault.azure.cn', 'login.chinacloudapi.cn', 'https://vault.azure.cn'],
  ['v1.vault.usgovcloudapi.net', 'login.microsoftonline.us', 'https://vault.usgovcloudapi.net'],
  [
    'v1.vault.sluice.localhost:8443',
    'login.sluice.localhost:8443',
    'https://vault.sluice.localhost:8443',
  ],
  ['v1.vault.sluice.localhost', 'login.sluice.localhost', 'https://vault.sluice.localhost'],
  ['v1.privatelink.vaultcore.azure.net', 'login.microsoftonline.com', 'https://vault.azure.net'],
])('without a token %s answers the challenge of its own suffix', async (host, login, resource) => {
  const { ask, audit } = await start()
  const answer = await ask('PUT', '/secrets/n', { token: undefined, host })
  expect(answer.status).toBe(401)
  expect(answer.headers['www-authenticate']).toBe(
    `Bearer authorization="https://${login}/${TENANT}", resource="${resource}"`,
  )
  expect(answer.text).toBe(
    '{"error":{"code":"Unauthorized","message":"AKV10000: Request is missing a Bearer or PoP token."}}',
  )
  expect(answer.text).toHaveLength(97)
  expect(audit).toMatchObject([{ operationName: 'Authentication', httpStatusCode: 401 }])
})

const READ_FAILED = "[BearerReadAccessTokenFailed] Error validating token: 'S2S12005'."
test.each([
  {
    case: 'another audience',
    claims: { aud: 'https://management.azure.com/' },
    message:
      'AKV10022: Invalid audience. Expected https://vault.azure.net, found: https://management.azure.com/.',
  },
  {
    case: 'an issuer that is not known',
    claims: { iss: 'https://evil.test/' },
    message: `AKV10032: Invalid issuer. Expected one of https://sts.windows.net/${TENANT}/, found https://evil.test/.`,
  },
  {
    case: 'a known issuer of another tenant',
    claims: {
      iss: 'https://sts.windows.net/22222222-0000-4000-8000-000000000000/',
      tid: '22222222-0000-4000-8000-000000000000',
    },
    message: `AKV10032: Invalid issuer. Expected one of https://sts.windows.net/${TENANT}/, found https://sts.windows.net/22222222-0000-4000-8000-000000000000/.`,
  },
  {
    case: 'an expired token',
    claims: { exp: NOON_MS / 1000 },
    message: "[TokenExpired] Error validating token: 'S2S12086'.",
  },
  {
    case: 'a forged token',
    forge: (token: string) => `${token.slice(0, -4)}AAAA`,
    message: READ_FAILED,
  },
  { case: 'no token at all', forge: () => 'hunter2', message: READ_FAILED },
] as { case: string; claims?: Claims; forge?: (token: string) => string; message: string }[])(
  'the vault refuses $case with a challenge, whether verified at once or later',
  async ({ claims, forge = (token) => token, message }) => {
    for (const later of [false, true]) {
      const { ask, audit } = await start({ later })
      const answer = await ask('GET', '/secrets/n', { token: forge(tokenOf(claims)) })
      expect(answer.status).toBe(401)
      expect(answer.body).toEqual({ error: { code: 'Unauthorized', message } })
      expect(answer.headers['www-authenticate']).toContain('resource="https://vault.azure.net"')
      expect(audit).toMatchObject([{ operationName: 'Authentication', resultType: 'Unauthorized' }])
    }
  },
)

test.each([
  ['https://vault.azure.net', 'v1.vault.azure.net'],
  ['https://vault.azure.net/', 'v1.vault.sluice.localhost:8443'],
  ['cfa8b339-82a2-471a-a3c9-0fc0be7a4093', 'v1.vault.azure.net'],
  ['https://vault.sluice.localhost', 'v1.vault.sluice.localhost:8443'],
  ['https://vault.sluice.localhost:8443', 'v1.vault.sluice.localhost:8443'],
  ['https://vault.sluice.localhost:8443/', 'v1.vault.azure.net'],
  ['https://vault.example.test:9', 'v1.vault.example.test:9'],
  ['https://vault.example.test', 'v1.vault.example.test:9'],
])('the audience %s is taken at %s', async (aud, host) => {
  const { ask } = await start({ later: true })
  expect((await ask('GET', '/secrets', { host, token: tokenOf({ aud }) })).status).toBe(200)
})

test('the order of checks is token, network, permission, version, the rest', async () => {
  const closed = { publicNetworkAccess: 'Disabled', accessPolicies: [] } as const
  const { ask, put } = await start({ resource: closed })
  const everythingWrong: Asked = { version: '9.9' }
  const codeOf = async (asked: Asked) => {
    const { body } = await ask('GET', '/secrets/not_a_name', { ...everythingWrong, ...asked })
    return [body.error.code, body.error.innererror?.code, body.error.message.slice(0, 20)]
  }
  expect(await codeOf({ token: undefined })).toEqual([
    'Unauthorized',
    undefined,
    'AKV10000: Request is',
  ])
  expect(await codeOf({ token: tokenOf({ aud: 'x' }) })).toMatchObject({
    0: 'Unauthorized',
    2: 'AKV10022: Invalid au',
  })
  expect(await codeOf({})).toMatchObject({ 0: 'Forbidden', 1: 'ForbiddenByConnection' })
  put({ ...VAULT, accessPolicies: [] })
  expect(await codeOf({})).toMatchObject({ 0: 'Forbidden', 1: 'AccessDenied' })
  put(VAULT)
  expect(await codeOf({})).toEqual(['BadParameter', undefined, 'The specified versio'])
  expect(await codeOf({ version: '7.6' })).toEqual([
    'BadParameter',
    undefined,
    'The request URI cont',
  ])
})

test('an unknown api-version names the newest, a missing one is refused', async () => {
  const { ask } = await start()
  const unknown = await ask('GET', '/secrets', { version: '7.9' })
  expect(unknown).toMatchObject({
    status: 400,
    body: {
      error: {
        code: 'BadParameter',
        message:
          'The specified version (7.9) is not recognized. Consider using the latest supported version (2026-04-01).',
      },
    },
  })
  const missing = await ask('GET', '/secrets', { version: null })
  expect(missing).toMatchObject({ status: 400, body: { error: { code: 'BadParameter' } } })
})

test('every answer carries the headers of the service', async () => {
  const { ask } = await start()
  const client = 'c1c1c1c1-0000-4000-8000-000000000000'
  const { headers } = await ask('GET', '/secrets', {
    headers: { 'x-ms-client-request-id': client },
  })
  expect(headers).toMatchObject({
    'cache-control': 'no-cache',
    pragma: 'no-cache',
    expires: '-1',
    'content-type': 'application/json; charset=utf-8',
    'strict-transport-security': 'max-age=31536000;includeSubDomains',
    'x-content-type-options': 'nosniff',
    'x-ms-keyvault-region': 'eastus2',
    'x-ms-client-request-id': client,
    'x-ms-request-id': expect.stringMatching(GUID),
    'x-ms-keyvault-service-version': expect.stringMatching(/^1\.9\.\d+\.\d+$/),
    'x-ms-keyvault-network-info': 'conn_type=Ipv4;addr=127.0.0.1;act_addr_fam=InterNetwork;',
  })
  expect(headers).not.toHaveProperty('www-authenticate')
  expect(headers).not.toHaveProperty('x-ms-keyvault-rbac-assignment-id')
})

test('a health check needs neither token nor vault', async () => {
  const { ask, audit } = await start()
  const answer = await ask('GET', '/healthstatus', {
    token: undefined,
    host: '10.0.0.1',
    version: null,
  })
  expect(answer.status).toBe(200)
  expect(answer.headers).toMatchObject({
    'content-length': '4',
    'content-type': 'application/json; charset=utf-8',
    'x-ms-keyvault-network-info': expect.stringContaining('addr=127.0.0.1'),
  })
  expect(audit).toEqual([])
})

test('an unknown vault and an unknown path are JSON errors', async () => {
  const { ask } = await start()
  const vault = await ask('GET', '/secrets', { host: 'nobody.vault.azure.net' })
  expect(vault).toMatchObject({ status: 404, body: { error: { code: 'VaultNotFound' } } })
  for (const [method, path] of [
    ['GET', '/nothing'],
    ['POST', '/secrets'],
    ['GET', '/secrets/a/b/c'],
  ] as const) {
    const answer = await ask(method, path)
    expect(answer).toMatchObject({ status: 404, body: { error: { code: 'NotFound' } } })
  }
})

test('role-based vaults ask for the data action at the object, and say which assignment held', async () => {
  const asked: [string, string][] = []
  const authorizer: Authorizer = {
    decide: (_principal, action, scope) => {
      asked.push([action, scope])
      return scope.endsWith('/s2') ? { allowed: false } : { allowed: true, assignmentId: 'as51' }
    },
  }
  const { ask, audit } = await start({ authorizer, resource: { enableRbacAuthorization: true } })
  const set = await ask('PUT', '/secrets/s1', { body: { value: 'x' } })
  expect(set.headers['x-ms-keyvault-rbac-assignment-id']).toBe('as51')
  expect(set.headers['x-ms-keyvault-rbac-cache']).toContain('dec_lev=1;')
  await ask('GET', '/secrets')
  const refused = await ask('GET', '/secrets/s2')
  expect(asked).toEqual([
    ['Microsoft.KeyVault/vaults/secrets/setSecret/action', `${VAULT.id}/secrets/s1`],
    ['Microsoft.KeyVault/vaults/secrets/readMetadata/action', VAULT.id],
    ['Microsoft.KeyVault/vaults/secrets/getSecret/action', `${VAULT.id}/secrets/s2`],
  ])
  expect(refused.status).toBe(403)
  expect(refused.body.error).toEqual({
    code: 'Forbidden',
    message: `Caller is not authorized to perform action on resource.\r\nIf role assignments, deny assignments or role definitions were changed recently, please observe propagation time.\r\nCaller: ${CALLER_TEXT}\r\nAction: 'Microsoft.KeyVault/vaults/secrets/getSecret/action'\r\nResource: '${VAULT.id.toLowerCase()}/secrets/s2'\r\nAssignment: (not found)\r\nDenyAssignmentId: null\r\nDecisionReason: null \r\nVault: v1;location=eastus2\r\n`,
    innererror: { code: 'ForbiddenByRbac' },
  })
  expect(audit.map((entry) => [entry.resultType, entry.appliedAssignmentId])).toEqual([
    ['Success', 'as51'],
    ['Success', 'as51'],
    ['ForbiddenByRbac', undefined],
  ])
})

const OPERATIONS: [string, string, string][] = [
  ['get', 'GET', '/secrets/n'],
  ['list', 'GET', '/secrets'],
  ['list', 'GET', '/secrets/n/versions'],
  ['list', 'GET', '/deletedsecrets'],
  ['get', 'GET', '/deletedsecrets/n'],
  ['set', 'PUT', '/secrets/n'],
  ['set', 'PATCH', '/secrets/n'],
  ['delete', 'DELETE', '/secrets/n'],
  ['recover', 'POST', '/deletedsecrets/n/recover'],
  ['purge', 'DELETE', '/deletedsecrets/n'],
  ['backup', 'POST', '/secrets/n/backup'],
  ['restore', 'POST', '/secrets/restore'],
]

function withPolicy(policy: Partial<VaultResource['accessPolicies'][0]>): Partial<VaultResource> {
  const permissions = { keys: [], secrets: [], certificates: [], storage: [] }
  return { accessPolicies: [{ tenantId: TENANT, objectId: CALLER, permissions, ...policy }] }
}
const secretsOnly = (...secrets: string[]) => ({ keys: [], secrets, certificates: [], storage: [] })

test('each secret operation needs exactly its own policy permission', async () => {
  const { ask, put } = await start()
  const names = ['get', 'list', 'set', 'delete', 'backup', 'restore', 'recover', 'purge', 'all']
  for (const held of names) {
    put({ ...VAULT, ...withPolicy({ permissions: secretsOnly(held.toUpperCase()) }) })
    for (const [needed, method, path] of OPERATIONS) {
      const { status, body } = await ask(method, path, method === 'GET' ? {} : { body: {} })
      const allowed = held === needed || (held === 'all' && needed !== 'purge')
      expect([held, method, path, status === 403]).toEqual([held, method, path, !allowed])
      if (!allowed) {
        expect(body.error.innererror.code).toBe('AccessDenied')
        expect(body.error.message).toBe(
          `The user, group or application '${CALLER_TEXT}' does not have secrets ${needed} permission on key vault 'v1;location=eastus2'. For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125287`,
        )
      }
    }
  }
})

const GROUP = '9009e000-0000-4000-8000-000000000001'
test.each([
  { case: 'the own entry', policy: {}, claims: {}, allowed: true },
  {
    case: 'an entry in other casing',
    policy: { objectId: CALLER.toUpperCase() },
    claims: {},
    allowed: true,
  },
  {
    case: 'an entry of one of its groups',
    policy: { objectId: GROUP },
    claims: { groups: [GROUP] },
    allowed: true,
  },
  {
    case: 'an entry of a group it is not in',
    policy: { objectId: GROUP },
    claims: {},
    allowed: false,
  },
  { case: 'an entry of another tenant', policy: { tenantId: GROUP }, claims: {}, allowed: false },
  {
    case: 'a compound entry as the user through that application',
    policy: { applicationId: APP },
    claims: { idtyp: 'user' },
    allowed: true,
  },
  {
    case: 'a compound entry as the user through another application',
    policy: { applicationId: GROUP },
    claims: { idtyp: 'user' },
    allowed: false,
  },
  {
    case: 'a compound entry as the user without an application',
    policy: { applicationId: APP },
    claims: { idtyp: 'user', appid: undefined },
    allowed: false,
  },
  {
    case: 'a compound entry as the application alone',
    policy: { applicationId: APP },
    claims: {},
    allowed: false,
  },
] as { case: string; policy: object; claims: Claims; allowed: boolean }[])(
  'access by $case: $allowed',
  async ({ policy, claims, allowed }) => {
    const resource = withPolicy({ permissions: secretsOnly('list'), ...policy })
    const { ask } = await start({ resource })
    const answer = await ask('GET', '/secrets', { token: tokenOf(claims) })
    expect(answer.status).toBe(allowed ? 200 : 403)
  },
)

const denyBut = (acls: Partial<NetworkAcls>): Partial<VaultResource> => ({
  networkAcls: { defaultAction: 'Deny', ...acls },
})
const closed = { publicNetworkAccess: 'Disabled' } as const
const bypass = { networkAcls: { defaultAction: 'Deny', bypass: 'AzureServices' } } as const
const SUBNET = '/subscriptions/s/subnets/a'
test.each([
  { case: 'no rules', resource: {}, inner: undefined },
  { case: 'default deny', resource: denyBut({}), inner: 'ForbiddenByFirewall' },
  {
    case: 'its address',
    resource: denyBut({ ipRules: [{ value: '127.0.0.1' }] }),
    inner: undefined,
  },
  {
    case: 'its range',
    resource: denyBut({ ipRules: [{ value: '127.0.0.0/8' }] }),
    inner: undefined,
  },
  {
    case: 'another range',
    resource: denyBut({ ipRules: [{ value: '10.0.0.0/8' }] }),
    inner: 'ForbiddenByFirewall',
  },
  {
    case: 'its subnet',
    resource: denyBut({ virtualNetworkRules: [{ id: SUBNET.toUpperCase() }] }),
    subnet: SUBNET,
    inner: undefined,
  },
  { case: 'public access disabled', resource: closed, inner: 'ForbiddenByConnection' },
  { case: 'a private endpoint', resource: closed, endpoint: '/pe', inner: undefined },
  { case: 'a trusted service', resource: bypass, trusted: true, inner: undefined },
  { case: 'a service that is not trusted', resource: bypass, inner: 'ForbiddenByFirewall' },
  {
    case: 'a trusted service, bypass None',
    resource: denyBut({ bypass: 'None' }),
    trusted: true,
    inner: 'ForbiddenByFirewall',
  },
  {
    case: 'a trusted service, access disabled',
    resource: { ...bypass, ...closed },
    trusted: true,
    inner: undefined,
  },
  {
    case: 'a trusted service, secured by perimeter',
    resource: { ...bypass, publicNetworkAccess: 'SecuredByPerimeter' },
    trusted: true,
    inner: 'ForbiddenByConnection',
  },
] as {
  case: string
  resource: Partial<VaultResource>
  subnet?: string
  endpoint?: string
  trusted?: boolean
  inner: string | undefined
}[])('network: $case -> $inner', async ({ resource, subnet, endpoint, trusted, inner }) => {
  const { ask } = await start({
    resource,
    routes: {
      findPrivateEndpoint: () => endpoint,
      findSubnet: () => subnet,
      isTrustedService: () => trusted === true,
    },
  })
  const answer = await ask('GET', '/secrets')
  expect(answer.body.error?.innererror.code).toBe(inner)
  if (endpoint) expect(answer.headers['x-ms-keyvault-network-info']).toContain('PrivateLink')
  if (inner === 'ForbiddenByFirewall') {
    expect(answer.body.error.message).toBe(
      `Client address is not authorized and caller is not a trusted service.\r\nClient address: 127.0.0.1\r\nCaller: ${CALLER_TEXT}\r\nVault: v1;location=eastus2`,
    )
  }
  if (inner === 'ForbiddenByConnection') {
    expect(answer.body.error.message).toBe(
      `Public network access is disabled and request is not from a trusted service nor via an approved private link.\r\nCaller: ${CALLER_TEXT}\r\nVault: v1;location=eastus2`,
    )
  }
})

test('a firewall rule taken away holds for the next request of an open connection', async () => {
  const { ask, put } = await start({ resource: denyBut({ ipRules: [{ value: '127.0.0.1/32' }] }) })
  expect((await ask('GET', '/secrets')).status).toBe(200)
  put({ ...VAULT, ...denyBut({ ipRules: [] }) })
  expect((await ask('GET', '/secrets')).status).toBe(403)
})

test('every operation leaves an audit entry in the documented words', async () => {
  const { ask, audit } = await start()
  const walk: [string, string, unknown?][] = [
    ['PUT', '/secrets/n', { value: 'x' }],
    ['GET', '/secrets/n'],
    ['PATCH', '/secrets/n', {}],
    ['GET', '/secrets'],
    ['GET', '/secrets/n/versions'],
    ['POST', '/secrets/n/backup'],
    ['POST', '/secrets/restore', {}],
    ['DELETE', '/secrets/n'],
    ['GET', '/deletedsecrets'],
    ['GET', '/deletedsecrets/n'],
    ['POST', '/deletedsecrets/n/recover'],
    ['DELETE', '/deletedsecrets/n'],
  ]
  const headers = { 'user-agent': 'test/1', 'x-ms-client-request-id': 'c1' }
  for (const [method, path, body] of walk) await ask(method, path, { body, headers })
  expect(audit.map((entry) => entry.operationName)).toEqual([
    'SecretSet',
    'SecretGet',
    'SecretUpdate',
    'SecretList',
    'SecretListVersions',
    'SecretBackup',
    'SecretRestore',
    'SecretDelete',
    'SecretListDeleted',
    'SecretGetDeleted',
    'SecretRecover',
    'SecretPurge',
  ])
  expect(audit[1]).toEqual({
    timeMs: NOON_MS,
    resourceId: VAULT.id.toUpperCase(),
    operationName: 'SecretGet',
    operationVersion: '7.4',
    resultType: 'Success',
    resultSignature: 'OK',
    durationMs: 0,
    callerIpAddress: '127.0.0.1',
    correlationId: 'c1',
    requestId: expect.stringMatching(GUID),
    identity: { objectId: CALLER, tenantId: TENANT, appId: APP },
    clientInfo: 'test/1',
    requestUri: 'https://v1.vault.azure.net/secrets/n?api-version=7.4',
    id: 'https://v1.vault.azure.net/secrets/n',
    httpStatusCode: 200,
    isAccessPolicyMatch: true,
    isAddressAuthorized: true,
  } satisfies AuditEntry)
  expect(audit[6]).toMatchObject({ resultType: 'BadParameter', resultSignature: 'BadRequest' })
  expect(audit[11]).toMatchObject({ resultType: 'SecretNotFound', httpStatusCode: 404 })
})
