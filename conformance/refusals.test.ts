import { generateKeyPairSync, sign } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  type Account,
  allow,
  makeAccount,
  makeVault,
  type Reply,
  type Request,
  send,
  sendOne,
  tokenRequest,
  tokensOf,
} from './content.ts'
import { Estate } from './harness.ts'

const estate = new Estate()
const VERSION = 'api-version=7.4'
const VAULT = 'https://kv-refuse.vault.azure.net'
/** A server process whose clock is two hours behind. */
const TWO_HOURS_AGO = {
  NODE_OPTIONS:
    '--import data:text/javascript,globalThis.realNow=Date.now;Date.now=()=>globalThis.realNow()-72e5',
}
let account: Account
let reader: Account
let lister: Account
let roleVault = ''
const tokens = { full: '', get: '', list: '', arm: '', expired: '' }

beforeAll(async () => {
  await estate.up({ env: TWO_HOURS_AGO })
  await estate.json(['group', 'create', '-n', 'g', '-l', 'westeurope'])
  account = await makeAccount(estate, 'full')
  tokens.expired = (await tokensOf(estate, [account]))[0] ?? ''
  await estate.json(['down'])
  await estate.up()
  ;[reader, lister] = [await makeAccount(estate, 'reader'), await makeAccount(estate, 'lister')]
  await makeVault(estate, 'kv-refuse')
  await makeVault(estate, 'kv-purge', '--enable-purge-protection', 'true')
  roleVault = await makeVault(estate, 'kv-roles', '--enable-rbac-authorization', 'true')
  await allow(estate, 'kv-refuse', account, 'all')
  await allow(estate, 'kv-purge', account, 'all', 'purge')
  await allow(estate, 'kv-refuse', reader, 'get')
  await allow(estate, 'kv-refuse', lister, 'list')
  ;[tokens.full = '', tokens.get = '', tokens.list = ''] = await tokensOf(estate, [
    account,
    reader,
    lister,
  ])
  tokens.arm = (await tokensOf(estate, [account], 'https://management.azure.com'))[0] ?? ''
  await call({ url: `${VAULT}/secrets/known?${VERSION}`, method: 'PUT', body: { value: 'v' } })
}, 60_000)

afterAll(() => estate.remove())

function withToken(request: Request, token: string): Request {
  return { ...request, headers: { authorization: `Bearer ${token}` } }
}

function call(request: Request, token = tokens.full): Promise<Reply> {
  return sendOne(estate, withToken(request, token))
}

/** The token with other claims; signed by `key`, or with the signature it had. */
function forge(token: string, claims: object, header: object = {}): string {
  const [head = '', body = ''] = token.split('.')
  const read = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString()) as object
  const write = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const text = `${write({ ...read(head), ...header })}.${write({ ...read(body), ...claims })}`
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  return `${text}.${sign('sha256', Buffer.from(text), privateKey).toString('base64url')}`
}

const far = Math.floor(Date.now() / 1000) + 86_400
const otherTenant = '99999999-9999-4999-8999-999999999999'
const badToken = /^\[BearerReadAccessTokenFailed\] Error validating token: 'S2S12005'/

test.each([
  ['no token', () => undefined, 'AKV10000: Request is missing a Bearer or PoP token.'],
  [
    'another audience',
    () => tokens.arm,
    /^AKV10022: Invalid audience\. Expected https:\/\/vault\.azure\.net, found: https:\/\/management\.azure\.com\/?\.$/,
  ],
  ['an expired token', () => tokens.expired, "[TokenExpired] Error validating token: 'S2S12086'."],
  ['a signature of another key', () => forge(tokens.full, {}), badToken],
  ['a lifetime that was moved', () => forge(tokens.expired, { exp: far }), badToken],
  ['no signature', () => `${tokens.full.split('.').slice(0, 2).join('.')}.`, badToken],
  ['the algorithm none', () => forge(tokens.full, {}, { alg: 'none' }), badToken],
  ['no token at all behind Bearer', () => 'rubbish', badToken],
  [
    'another tenant',
    () => forge(tokens.full, { iss: `https://sts.windows.net/${otherTenant}/`, tid: otherTenant }),
    new RegExp(
      `^AKV10032: Invalid issuer\\. Expected one of https://sts\\.windows\\.net/.*, found https://sts\\.windows\\.net/${otherTenant}/\\.$`,
    ),
  ],
])('401 with the challenge: %s', async (_case, token, message) => {
  const given = token()
  const request = { url: `${VAULT}/secrets/known?${VERSION}` }
  const reply = await sendOne(estate, given === undefined ? request : withToken(request, given))
  expect(reply.status).toBe(401)
  expect(reply.headers['www-authenticate']).toBe(
    `Bearer authorization="https://login.microsoftonline.com/${account.tenant}", resource="https://vault.azure.net"`,
  )
  expect(reply.body).toEqual({ error: { code: 'Unauthorized', message: expect.any(String) } })
  if (typeof message === 'string') expect(reply.body.error.message).toBe(message)
  else expect(reply.body.error.message).toMatch(message)
})

test.each([
  ['Get alone reads', 'get', '/secrets/known', 200, ''],
  ['Get alone may not list', 'get', '/secrets', 403, 'list'],
  ['List alone lists', 'list', '/secrets', 200, ''],
  ['List alone may not read', 'list', '/secrets/known', 403, 'get'],
] as const)('access policies: %s', async (_case, who, path, status, lacks) => {
  const reply = await call({ url: `${VAULT}${path}?${VERSION}` }, tokens[who])
  expect(reply.status).toBe(status)
  if (status === 200) return
  const { appid, oid } = JSON.parse(
    Buffer.from(tokens[who].split('.')[1] ?? '', 'base64url').toString(),
  )
  expect(reply.body).toEqual({
    error: {
      code: 'Forbidden',
      message: `The user, group or application 'appid=${appid};oid=${oid};iss=https://sts.windows.net/${account.tenant}/' does not have secrets ${lacks} permission on key vault 'kv-refuse;location=westeurope'. For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125287`,
      innererror: { code: 'AccessDenied' },
    },
  })
})

test('a vault with roles refuses who has none, and names action and resource', async () => {
  const { status, body } = await call({
    url: `https://kv-roles.vault.azure.net/secrets/S1?${VERSION}`,
  })
  expect([status, body.error.code, body.error.innererror]).toEqual([
    403,
    'Forbidden',
    { code: 'ForbiddenByRbac' },
  ])
  expect(body.error.message.split('\r\n')).toEqual([
    'Caller is not authorized to perform action on resource.',
    'If role assignments, deny assignments or role definitions were changed recently, please observe propagation time.',
    expect.stringMatching(/^Caller: appid=.*;oid=.*;iss=https:\/\/sts\.windows\.net\/.*\/$/),
    "Action: 'Microsoft.KeyVault/vaults/secrets/getSecret/action'",
    `Resource: '${roleVault.toLowerCase()}/secrets/s1'`,
    'Assignment: (not found)',
    'DenyAssignmentId: null',
    'DecisionReason: null ',
    'Vault: kv-roles;location=westeurope',
    '',
  ])
})

test('an unknown vault, path and version are JSON errors', async () => {
  const replies = await send(
    estate,
    [
      `https://kv-nowhere.vault.azure.net/secrets/a?${VERSION}`,
      `${VAULT}/nothing?${VERSION}`,
      `${VAULT}/secrets/known?api-version=7.9`,
      `${VAULT}/secrets/known`,
      `${VAULT}/secrets/bad_name?${VERSION}`,
      `${VAULT}/secrets/missing?${VERSION}`,
    ].map((url) => withToken({ url }, tokens.full)),
  )
  expect(replies.map(({ status, body }) => [status, body.error.code])).toEqual([
    [404, 'VaultNotFound'],
    [404, expect.any(String)],
    [400, 'BadParameter'],
    [400, 'BadParameter'],
    [400, 'BadParameter'],
    [404, 'SecretNotFound'],
  ])
  expect(replies[2]?.body.error.message).toMatch(
    /^The specified version \(7\.9\) is not recognized\. Consider using the latest supported version \(.*\)\.$/,
  )
  expect(replies[4]?.body.error.message).toBe('The request URI contains an invalid name: bad_name')
  expect(replies[5]?.body.error.message).toBe(
    'A secret with (name/id) missing was not found in this key vault. If you recently deleted this secret you may be able to recover it using the correct recovery command. For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125182',
  )
})

test('a disabled secret, a deleted name and a protected purge are refused in their words', async () => {
  const at = (name: string, vault = VAULT) => `${vault}/secrets/${name}?${VERSION}`
  const protect = 'https://kv-purge.vault.azure.net'
  await call({
    url: at('off'),
    method: 'PUT',
    body: { value: 'v', attributes: { enabled: false } },
  })
  expect(await call({ url: at('off') })).toMatchObject({
    status: 403,
    body: {
      error: {
        code: 'Forbidden',
        message: 'Operation get is not allowed on a disabled secret.',
        innererror: { code: 'SecretDisabled' },
      },
    },
  })
  await call({ url: at('gone'), method: 'PUT', body: { value: 'v' } })
  await call({ url: at('gone'), method: 'DELETE' })
  expect(await call({ url: at('gone'), method: 'PUT', body: { value: 'w' } })).toMatchObject({
    status: 409,
    body: {
      error: {
        code: 'Conflict',
        message:
          'Secret gone is currently in a deleted but recoverable state, and its name cannot be reused; in this state, the secret can only be recovered or purged.',
        innererror: { code: 'ObjectIsDeletedButRecoverable' },
      },
    },
  })
  await call({ url: at('kept', protect), method: 'PUT', body: { value: 'v' } })
  await call({ url: at('kept', protect), method: 'DELETE' })
  const purge = { url: `${protect}/deletedsecrets/kept?${VERSION}`, method: 'DELETE' }
  expect(await call(purge)).toMatchObject({
    status: 400,
    body: {
      error: { code: 'NotSupported', message: 'Operation "purge" is not enabled for this vault.' },
    },
  })
})

test.each([
  [
    'a wrong secret',
    { password: 'wrong' },
    401,
    'invalid_client',
    7000215,
    /Invalid client secret provided\. .* for a secret added to app '.*'\./,
  ],
  [
    'an unknown tenant',
    { tenant: otherTenant },
    400,
    'invalid_request',
    90002,
    /Tenant '99999999.*' not found\./,
  ],
  [
    'an unknown application',
    { appId: otherTenant },
    400,
    'unauthorized_client',
    700016,
    /Application with identifier '99999999.*' was not found in the directory/,
  ],
])('the token service refuses %s', async (_case, change, status, error, number, text) => {
  const reply = await sendOne(estate, tokenRequest({ ...account, ...change }))
  expect(reply.status).toBe(status)
  expect(reply.body).toMatchObject({ error, error_codes: [number] })
  expect(reply.body.error_description).toMatch(new RegExp(`^AADSTS${number}: `))
  expect(reply.body.error_description).toMatch(text)
  expect(JSON.stringify(reply)).not.toContain(account.password)
})
