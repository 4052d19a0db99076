import { createHash, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Answer, LOGIN_HOST, NOON, startIdentity, TENANT } from './testing/started-identity.ts'

let world: Awaited<ReturnType<typeof startIdentity>>
const outside = generateKeyPairSync('rsa', { modulusLength: 2048 })
const ISSUER = 'https://ci.example.test/oidc'

beforeAll(async () => {
  world = await startIdentity(async (url) =>
    url.endsWith('openid-configuration')
      ? { issuer: ISSUER, jwks_uri: `${ISSUER}/keys` }
      : { keys: [{ ...outside.publicKey.export({ format: 'jwk' }), kid: 'k1' }] },
  )
})
afterAll(() => world.stop())

const VAULT_SCOPE = 'https://vault.azure.net/.default'

function form(changes: Record<string, string> = {}): Record<string, string> {
  return {
    client_id: world.app.appId,
    client_secret: world.secret,
    grant_type: 'client_credentials',
    scope: VAULT_SCOPE,
    ...changes,
  }
}

function without(name: string): Record<string, string> {
  const { [name]: _, ...rest } = form()
  return rest
}

function claimsOf(answer: Answer): Record<string, unknown> {
  const [, body = ''] = String(answer.body.access_token).split('.')
  return JSON.parse(Buffer.from(body, 'base64url').toString())
}

function jwt(header: object, claims: object, key = outside.privateKey): string {
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')
  const input = `${encode(header)}.${encode(claims)}`
  const isPss = (header as { alg?: string }).alg === 'PS256'
  const options = isPss ? { key, padding: 6, saltLength: 32 } : key
  return `${input}.${sign('sha256', Buffer.from(input), options).toString('base64url')}`
}

test.each([
  [`/${TENANT}/oauth2/v2.0/token`],
  [`/${TENANT}/oauth2/v2.0/token/`],
  ['/common/oauth2/v2.0/token'],
  ['/organizations/oauth2/v2.0/token'],
  ['/adfs/oauth2/token'],
  ['/adfs/oauth2/v2.0/token'],
  ['/sluice.localhost/oauth2/v2.0/token'],
])('%s issues a token that says who and for what', async (path) => {
  const answer = await world.login('POST', path, { form: form() })
  expect(answer.status).toBe(200)
  expect(answer.body).toMatchObject({
    token_type: 'Bearer',
    expires_in: 3599,
    ext_expires_in: 3599,
  })
  expect(claimsOf(answer)).toMatchObject({
    aud: 'https://vault.azure.net',
    iss: `https://sts.windows.net/${TENANT}/`,
    iat: NOON / 1000,
    exp: NOON / 1000 + 3600,
    appid: world.app.appId,
    appidacr: '1',
    idtyp: 'app',
    oid: world.app.principalId,
    sub: world.app.principalId,
    tid: TENANT,
    ver: '1.0',
  })
})

test('the older endpoint answers text and repeats the resource', async () => {
  const body = { ...without('scope'), resource: 'https://management.core.windows.net/' }
  const answer = await world.login('POST', `/${TENANT}/oauth2/token/`, { form: body })
  expect(answer.body).toMatchObject({
    expires_in: '3599',
    expires_on: String(NOON / 1000 + 3600),
    not_before: String(NOON / 1000),
    resource: 'https://management.core.windows.net/',
  })
})

test('a client may prove itself by Authorization: Basic', async () => {
  const { client_id: id, client_secret: secret, ...rest } = form()
  const pair = `${encodeURIComponent(id ?? '')}:${encodeURIComponent(secret ?? '')}`
  const answer = await world.login('POST', `/${TENANT}/oauth2/v2.0/token`, {
    form: rest,
    headers: { authorization: `Basic ${Buffer.from(pair).toString('base64')}` },
  })
  expect(answer.status).toBe(200)
})

test.each([
  ['https://management.core.windows.net//.default', 'https://management.core.windows.net/'],
  ['https://management.azure.com/.default', 'https://management.azure.com'],
  ['https://graph.microsoft.com//.default', 'https://graph.microsoft.com/'],
  ['499b84ac-1321-427f-aa17-267ca6975798/.default', '499b84ac-1321-427f-aa17-267ca6975798'],
  ['https://vault.sluice.localhost:9443/.default', 'https://vault.sluice.localhost:9443'],
  ['https://management.sluice.localhost//.default', 'https://management.sluice.localhost/'],
  ['https://vault.azure.net/.default offline_access openid', 'https://vault.azure.net'],
])('scope %s gives audience %s', async (scope, audience) => {
  const answer = await world.login('POST', `/${TENANT}/oauth2/v2.0/token`, {
    form: form({ scope }),
  })
  expect(claimsOf(answer)['aud']).toBe(audience)
})

const OTHER = '99999999-2222-4333-8444-555555555555'
test.each([
  ['unknown client', { client_id: OTHER }, 400, 'unauthorized_client', 700016],
  ['wrong secret', { client_secret: 'nope' }, 401, 'invalid_client', 7000215],
  ['no credential', { client_secret: '' }, 401, 'invalid_client', 7000216],
  ['unknown resource', { scope: 'https://x.test/.default' }, 400, 'invalid_resource', 500011],
  [
    'unknown local service',
    { scope: 'https://nope.sluice.localhost/.default' },
    400,
    'invalid_resource',
    500011,
  ],
  ['empty scope', { scope: '' }, 400, 'invalid_scope', 70011],
  ['scope without /.default', { scope: 'https://vault.azure.net' }, 400, 'invalid_scope', 1002012],
  [
    'two scopes',
    { scope: `${VAULT_SCOPE} https://graph.microsoft.com/.default` },
    400,
    'invalid_scope',
    28000,
  ],
  ['another grant', { grant_type: 'dance' }, 400, 'unsupported_grant_type', 70003],
  ['no grant', { grant_type: '' }, 400, 'invalid_request', 900144],
  ['no client', { client_id: '' }, 400, 'invalid_request', 900144],
])('a token request with %s is refused', async (_case, changes, status, error, code) => {
  const id = '0f0f0f0f-0000-4000-8000-000000000000'
  const answer = await world.login('POST', `/${TENANT}/oauth2/v2.0/token?client-request-id=${id}`, {
    form: form(changes as Record<string, string>),
  })
  expect(answer.status).toBe(status)
  expect(answer.body).toEqual({
    error,
    error_description: expect.stringMatching(
      new RegExp(
        `^AADSTS${code}: .* Trace ID: [0-9a-f-]{36} Correlation ID: ${id} Timestamp: 2026-01-31 12:00:00Z$`,
      ),
    ),
    error_codes: [code],
    timestamp: '2026-01-31 12:00:00Z',
    trace_id: answer.headers.get('x-ms-request-id'),
    correlation_id: id,
    error_uri: `https://${LOGIN_HOST}/error?code=${code}`,
  })
  expect(JSON.stringify(answer.body)).not.toContain(world.secret)
})

test.each([
  [`/${OTHER}/oauth2/v2.0/token`, 90002],
  ['/nobody.test/oauth2/v2.0/token', 90002],
  ['/no_body/oauth2/v2.0/token', 900023],
])('an unknown directory %s is AADSTS%i', async (path, code) => {
  const answer = await world.login('POST', path, { form: form() })
  expect(answer).toMatchObject({
    status: 400,
    body: { error: 'invalid_request', error_codes: [code] },
  })
})

test('an expired secret is told apart from a wrong one', async () => {
  const { directory } = world.identity
  const app = await directory.createApplication({ displayName: 'old' })
  const { secret } = await directory.addPassword(app.objectId, { endsAtMs: NOON })
  const answer = await world.login('POST', `/${TENANT}/oauth2/v2.0/token`, {
    form: form({ client_id: app.appId, client_secret: secret.open() }),
  })
  expect(answer).toMatchObject({ status: 401, body: { error_codes: [7000222] } })
})

test('a secret that somebody chose works as well as a generated one', async () => {
  const { directory } = world.identity
  const app = await directory.createApplication({ displayName: 'imported' })
  const { Sealed } = await import('../base/sealed.ts')
  await directory.addPassword(app.objectId, { secret: new Sealed('my+own secret') })
  const answer = await world.login('POST', `/${TENANT}/oauth2/v2.0/token`, {
    form: form({ client_id: app.appId, client_secret: 'my+own secret' }),
  })
  expect(answer.status).toBe(200)
})

test('no table holds a secret in the open', async () => {
  const { db } = world
  for (const table of ['password_credential', 'signing_key']) {
    const rows = await db.all({ sql: `select * from ${table}`, bind: () => [] }, {})
    expect(rows.length).toBeGreaterThan(0)
    expect(JSON.stringify(rows)).not.toContain(world.secret)
    expect(JSON.stringify(rows)).not.toContain('PRIVATE')
  }
})

test('the issuer of the configuration is the origin the client used', async () => {
  const { body } = await world.login('GET', `/${TENANT}/v2.0/.well-known/openid-configuration`)
  const origin = `https://${LOGIN_HOST}`
  expect(body).toMatchObject({
    issuer: `${origin}/${TENANT}/v2.0`,
    token_endpoint: `${origin}/${TENANT}/oauth2/v2.0/token`,
    authorization_endpoint: `${origin}/${TENANT}/oauth2/v2.0/authorize`,
    device_authorization_endpoint: `${origin}/${TENANT}/oauth2/v2.0/devicecode`,
    jwks_uri: `${origin}/${TENANT}/discovery/v2.0/keys`,
  })
  const common = await world.login('GET', '/common/v2.0/.well-known/openid-configuration')
  expect(common.body.issuer).toBe(`${origin}/{tenantid}/v2.0`)
  const adfs = await world.login('GET', '/adfs/.well-known/openid-configuration')
  expect(adfs.body).toMatchObject({
    issuer: `${origin}/adfs`,
    token_endpoint: `${origin}/adfs/oauth2/token`,
  })
  const unknown = await world.login('GET', `/${OTHER}/v2.0/.well-known/openid-configuration`)
  expect(unknown).toMatchObject({ status: 400, body: { error: 'invalid_tenant' } })
})

test('a token verifies with the published key', async () => {
  const answer = await world.login('POST', `/${TENANT}/oauth2/v2.0/token`, { form: form() })
  const [head = '', body = '', signature = ''] = String(answer.body.access_token).split('.')
  const { kid } = JSON.parse(Buffer.from(head, 'base64url').toString())
  const { body: set } = await world.login('GET', '/common/discovery/v2.0/keys')
  const key = createPublicKey({
    key: set.keys.find((one: { kid: string }) => one.kid === kid),
    format: 'jwk',
  })
  const bytes = Buffer.from(signature, 'base64url')
  expect(verify('sha256', Buffer.from(`${head}.${body}`), key, bytes)).toBe(true)
})

test('instance discovery knows the public authority and this one', async () => {
  const ask = (endpoint: string) =>
    world.login(
      'GET',
      `/common/discovery/instance?api-version=1.1&authorization_endpoint=${encodeURIComponent(endpoint)}`,
    )
  const own = await ask(`https://${LOGIN_HOST}/${TENANT}/oauth2/v2.0/authorize`)
  expect(own.body).toMatchObject({
    tenant_discovery_endpoint: `https://${LOGIN_HOST}/${TENANT}/v2.0/.well-known/openid-configuration`,
    'api-version': '1.1',
    metadata: [{ aliases: [LOGIN_HOST, 'login.sluice.localhost'] }],
  })
  const known = await ask('https://login.microsoftonline.com/common/oauth2/authorize')
  expect(known.body.metadata[0].aliases).toContain('sts.windows.net')
  expect(await ask('nonsense')).toMatchObject({ status: 400, body: { error: 'invalid_instance' } })
})

test('the user realm is managed, in any case of the path', async () => {
  const { body } = await world.login(
    'GET',
    '/common/UserRealm/ada@sluice.localhost?api-version=1.0',
  )
  expect(body).toMatchObject({ account_type: 'Managed', domain_name: 'sluice.localhost' })
})

/** DER of one element; a length up to 65535 (X.690 §8.1.3). */
function der(tag: number, ...parts: Uint8Array[]): Buffer {
  const body = Buffer.concat(parts)
  const length = body.length
  const head =
    length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255]
  return Buffer.concat([Buffer.from([tag, ...head]), body])
}

function withCertificate() {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const hex = (text: string) => Buffer.from(text, 'hex')
  const algorithm = der(0x30, hex('06092a864886f70d01010b0500'))
  const name = der(0x30, der(0x31, der(0x30, hex('0603550403'), der(0x0c, Buffer.from('client')))))
  const time = (text: string) => der(0x17, Buffer.from(text))
  const content = der(
    0x30,
    hex('a003020102'),
    hex('020101'),
    algorithm,
    name,
    der(0x30, time('260101000000Z'), time('270101000000Z')),
    name,
    publicKey.export({ format: 'der', type: 'spki' }),
  )
  const signature = sign('sha256', content, privateKey)
  const certificate = der(0x30, content, algorithm, der(0x03, hex('00'), signature))
  return { certificate, privateKey }
}

test('a client proves itself with its certificate, and only with it', async () => {
  const { directory } = world.identity
  const app = await directory.createApplication({ displayName: 'certified' })
  await directory.addRoleMember(app.principalId, 'Application Administrator')
  const { certificate, privateKey } = withCertificate()
  const { token } = await directory.issueToken({
    tenantId: TENANT,
    objectId: app.principalId,
    appId: app.appId,
    audience: 'https://graph.microsoft.com',
    kind: 'app',
  })
  const patched = await world.graph('PATCH', `/v1.0/applications/${app.objectId}`, {
    headers: { authorization: `Bearer ${token.open()}` },
    json: {
      keyCredentials: [
        { type: 'AsymmetricX509Cert', usage: 'Verify', key: certificate.toString('base64') },
      ],
    },
  })
  expect(patched.status).toBe(204)

  const thumbprint = (hash: string) => createHash(hash).update(certificate).digest('base64url')
  const claims = {
    iss: app.appId,
    sub: app.appId,
    aud: `https://${LOGIN_HOST}/${TENANT}/oauth2/v2.0/token`,
    nbf: NOON / 1000,
    exp: NOON / 1000 + 600,
    jti: 'x',
  }
  const ask = (header: object, more: object = {}, key = privateKey) =>
    world.login('POST', `/${TENANT}/oauth2/v2.0/token`, {
      form: {
        client_id: app.appId,
        grant_type: 'client_credentials',
        scope: VAULT_SCOPE,
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: jwt(header, { ...claims, ...more }, key),
      },
    })
  const rs = { alg: 'RS256', x5t: thumbprint('sha1') }
  const ps = { alg: 'PS256', 'x5t#S256': thumbprint('sha256') }
  expect(claimsOf(await ask(rs))['appidacr']).toBe('2')
  expect((await ask(ps, { aud: `https://login.microsoftonline.com/${TENANT}/v2.0` })).status).toBe(
    200,
  )
  const codes = [
    await ask(rs, {}, outside.privateKey),
    await ask({ alg: 'RS256', x5t: 'unknown' }),
    await ask({ ...rs, alg: 'HS256' }),
    await ask(rs, { aud: 'https://evil.test/token' }),
    await ask(rs, { exp: NOON / 1000 - 301 }),
    await ask(rs, { sub: 'somebody' }),
  ].map((answer) => [answer.status, answer.body.error_codes[0]])
  expect(codes).toEqual([
    [401, 700027],
    [401, 700027],
    [401, 700027],
    [401, 700023],
    [401, 700024],
    [401, 700021],
  ])
})

test('a federated token is exchanged when issuer, audience and subject match exactly', async () => {
  const { directory } = world.identity
  const app = await directory.createApplication({ displayName: 'federated' })
  const claims = {
    iss: ISSUER,
    sub: 'repo:o/r:ref:refs/heads/main',
    aud: 'api://AzureADTokenExchange',
    iat: NOON / 1000,
    exp: NOON / 1000 + 600,
  }
  const ask = (more: object = {}, kid = 'k1', alg = 'RS256') =>
    world.login('POST', `/${TENANT}/oauth2/v2.0/token`, {
      form: {
        client_id: app.appId,
        grant_type: 'client_credentials',
        scope: VAULT_SCOPE,
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: jwt({ alg, kid }, { ...claims, ...more }),
      },
    })
  expect((await ask()).body.error_codes).toEqual([70025])
  await directory.addFederatedCredential({
    ownerId: app.objectId,
    name: 'main',
    issuer: ISSUER,
    subject: claims.sub,
    audience: claims.aud,
    description: undefined,
  })
  expect((await ask()).status).toBe(200)
  const codes = [
    await ask({ iss: `${ISSUER}/` }),
    await ask({ aud: 'https://vault.azure.net' }),
    await ask({ sub: 'repo:o/r:ref:refs/heads/dev' }),
    await ask({ sub: claims.sub.toUpperCase() }),
    await ask({}, 'k2'),
    await ask({}, 'k1', 'PS256'),
    await ask({ exp: NOON / 1000 - 400 }),
  ].map((answer) => answer.body.error_codes[0])
  expect(codes).toEqual([700211, 700212, 700213, 7002138, 7000272, 700027, 700024])
})

test('a token of our own pipelines is exchanged without asking anybody', async () => {
  const { directory } = world.identity
  const app = await directory.createApplication({ displayName: 'pipelines' })
  const wish = {
    issuer: 'https://vstoken.dev.azure.com/org',
    subject: 'sc://o/p/c',
    audience: 'api://AzureADTokenExchange',
  }
  await directory.addFederatedCredential({
    ownerId: app.objectId,
    name: 'connection',
    description: undefined,
    ...wish,
  })
  const { token } = await directory.issueFederationToken(wish)
  const answer = await world.login('POST', `/${TENANT}/oauth2/v2.0/token`, {
    form: {
      client_id: app.appId,
      grant_type: 'client_credentials',
      scope: VAULT_SCOPE,
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: token.open(),
    },
  })
  expect(answer.status).toBe(200)
  expect(() => world.identity.verifier.verify(token.open())).toThrow(/somebody else/)
})
