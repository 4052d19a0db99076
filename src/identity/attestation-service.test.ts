import { createPublicKey, verify } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ATTESTATION_HOST, NOON, startIdentity, TENANT } from './testing/started-identity.ts'

const ORIGIN = `https://${ATTESTATION_HOST}`
let one: Awaited<ReturnType<typeof startIdentity>>
beforeEach(async () => {
  one = await startIdentity()
})
afterEach(() => one.stop())

const decode = (part = '') => JSON.parse(Buffer.from(part, 'base64url').toString())

/** A token of the application for a service. */
async function tokenFor(resource: string): Promise<string> {
  const form = {
    grant_type: 'client_credentials',
    client_id: one.app.appId,
    client_secret: one.secret,
    scope: `${resource}/.default`,
  }
  const answer = await one.login('POST', `/${TENANT}/oauth2/v2.0/token`, { form })
  expect(answer.status).toBe(200)
  return answer.body.access_token
}

async function attest(json: unknown, resource = 'https://attest.azure.net') {
  const headers = { authorization: `Bearer ${await tokenFor(resource)}` }
  return one.attestation('POST', '/attest/SluiceTest', { headers, json })
}

test('a principal gets a token with the claims it names, which says that it attests nothing', async () => {
  const data = Buffer.from(JSON.stringify({ keys: [{ kid: 'k' }] })).toString('base64url')
  const answer = await attest({
    claims: { a: { b: 1 } },
    runtimeData: { data, dataType: 'JSON' },
  })
  const [head, body, signature = ''] = answer.body.token.split('.')
  expect(decode(body)).toEqual({
    a: { b: 1 },
    iss: ORIGIN,
    iat: NOON / 1000,
    nbf: NOON / 1000,
    exp: NOON / 1000 + 8 * 3600,
    jti: expect.any(String),
    'x-ms-ver': '1.0',
    'x-ms-attestation-type': 'sluice-test',
    'x-ms-runtime': { keys: [{ kid: 'k' }] },
  })
  const discovery = await one.attestation('GET', '/.well-known/openid-configuration')
  expect(discovery.body).toMatchObject({ issuer: ORIGIN, jwks_uri: `${ORIGIN}/certs` })
  const { keys } = (await one.attestation('GET', '/certs')).body
  expect(keys).toEqual([expect.objectContaining({ kid: decode(head).kid, kty: 'RSA' })])
  const key = createPublicKey({ key: keys[0], format: 'jwk' })
  const input = Buffer.from(`${head}.${body}`)
  expect(verify('sha256', input, key, Buffer.from(signature, 'base64url'))).toBe(true)
  for (const path of ['/.well-known/openid-configuration', '/certs']) {
    const read = await one.identity.readAttestationDocument(new URL(`${ORIGIN}${path}`))
    expect(read).toEqual((await one.attestation('GET', path)).body)
  }
  expect(await one.identity.readAttestationDocument(new URL(`${ORIGIN}/x`))).toBeUndefined()
})

test('its tokens open no service: they are signed with keys of its own', async () => {
  const now = NOON / 1000
  const claims = { aud: 'https://vault.azure.net', tid: TENANT, oid: one.app.principalId, now }
  const { token } = (await attest({ claims })).body
  await expect(async () => one.identity.verifier.verify(token)).rejects.toThrow()
  const { keys } = (await one.attestation('GET', '/certs')).body
  const login = (await one.login('GET', `/${TENANT}/discovery/v2.0/keys`)).body
  expect(login.keys.map(({ kid }: { kid: string }) => kid)).not.toContain(keys[0].kid)
})

test.each(['iss', 'exp', 'x-ms-attestation-type'])('the claim %s is not given', async (name) => {
  expect(await attest({ claims: { [name]: 'mine' } })).toMatchObject({
    status: 400,
    body: { error: { code: 'InvalidParameter', message: expect.stringContaining(name) } },
  })
})

test('runtime data must be JSON', async () => {
  expect((await attest({ runtimeData: { data: 'e3s' } })).status).toBe(400)
  expect((await attest({ claims: [] })).status).toBe(400)
})

test('a caller without a token for it is refused', async () => {
  expect((await attest({}, 'https://vault.azure.net')).status).toBe(401)
  expect((await one.attestation('POST', '/attest/SluiceTest', { json: {} })).status).toBe(401)
  expect((await one.attestation('GET', '/other')).status).toBe(404)
})
