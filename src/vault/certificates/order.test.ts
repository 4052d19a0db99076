import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import tls from 'node:tls'
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest'
import { NOON_MS, startVault, type TestVault, VAULT } from '../testing/test-vault.ts'
import { ORDER_MS } from './order.ts'

let one: TestVault
beforeEach(async () => {
  one = await startVault()
})
afterEach(() => one.close())

const folder = mkdtempSync(path.join(os.tmpdir(), 'sluice-orders-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
function file(name: string, content: string | Buffer): string {
  writeFileSync(path.join(folder, name), content, { mode: 0o600 })
  return path.join(folder, name)
}
const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' }).toString()

const BASE = 'https://v1.vault.azure.net'
const DAY_MS = 86_400_000
const EC = { kty: 'EC', crv: 'P-256', exportable: true, reuse_key: false }
const POLICY = {
  issuer: { name: 'ca', cty: 'OV-SSL' },
  key_props: EC,
  secret_props: { contentType: 'application/x-pem-file' },
  x509_props: {
    subject: 'CN=web.test, O=Contoso',
    sans: { dns_names: ['web.test', '*.web.test'], emails: ['a@web.test'] },
    validity_months: 3,
  },
}

const addIssuer = (body: object = { provider: 'DigiCert' }) =>
  one.ask('PUT', '/certificates/issuers/ca', { body })
const create = (policy: object = POLICY, name = 'c') =>
  one.ask('POST', `/certificates/${name}/create`, { body: { policy } })
const pending = (name = 'c') => one.ask('GET', `/certificates/${name}/pending`)
function wait(ms = ORDER_MS): void {
  one.clock.moveMs(ms)
}
async function issue(policy: object = POLICY, name = 'c') {
  expect((await create(policy, name)).status).toBe(202)
  wait()
  const done = await pending(name)
  expect(done.body).toMatchObject({ status: 'completed', target: `${BASE}/certificates/${name}` })
  return (await one.ask('GET', `/secrets/${name}`)).body.value as string
}
function certificatesOf(pem: string): string[] {
  return pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----\n/g) ?? []
}

test('an order is in progress until its issuer has answered, and then names its certificate', async () => {
  await addIssuer()
  const begun = await create()
  expect(begun).toMatchObject({
    status: 202,
    body: {
      issuer: { name: 'ca', cty: 'OV-SSL' },
      status: 'inProgress',
      status_details: expect.stringContaining('Certificate request is in progress.'),
    },
  })
  expect((await pending()).body).toEqual(begun.body)
  expect((await create()).body.error).toMatchObject({ code: 'Forbidden' })
  expect((await one.ask('GET', '/secrets/c')).status).toBe(404)
  expect((await one.ask('GET', '/certificates/c')).body).not.toHaveProperty('cer')
  wait()
  // Some clients look at the certificate alone.
  expect((await one.ask('GET', '/certificates/c')).body).toHaveProperty('cer')
  const done = await pending()
  expect(done.body).toMatchObject({ status: 'completed', target: `${BASE}/certificates/c` })
  expect(done.body.request_id).toBe(begun.body.request_id)
  const certificate = await one.ask('GET', '/certificates/c')
  const leaf = new X509Certificate(Buffer.from(certificate.body.cer, 'base64'))
  expect(leaf.checkHost('a.web.test')).toBe('*.web.test')
  expect(leaf.checkEmail('a@web.test')).toBe('a@web.test')
  expect(Date.parse(leaf.validFrom)).toBe(NOON_MS + ORDER_MS - 600_000)
  expect(Date.parse(leaf.validTo) - Date.parse(leaf.validFrom)).toBe(91 * DAY_MS)
  expect(certificate.body.policy.lifetime_actions[0].action).toEqual({ action_type: 'AutoRenew' })
})

test.each([
  { provider: 'Test', key: EC },
  { provider: 'digicert', key: { kty: 'RSA', key_size: 2048, exportable: true } },
  { provider: 'GlobalSign', key: { ...EC, crv: 'P-521' } },
])('a chain of provider $provider verifies with OpenSSL', async ({ provider, key }) => {
  await addIssuer({ provider })
  const pem = await issue({ ...POLICY, key_props: key })
  const [leaf = '', intermediate = '', root = ''] = certificatesOf(pem)
  const files = {
    leaf: file('leaf.pem', leaf),
    middle: file('middle.pem', intermediate),
    root: file('root.pem', root),
  }
  const verify = ['verify', '-x509_strict', '-CAfile', files.root, '-untrusted', files.middle]
  const at = ['-attime', String(NOON_MS / 1000)]
  expect(openssl(...verify, ...at, '-purpose', 'sslserver', files.leaf)).toContain(': OK')
  expect(() => openssl('verify', '-CAfile', files.root, ...at, files.leaf)).toThrow()
  expect(new X509Certificate(leaf).ca).toBe(false)
  const text = openssl('x509', '-in', files.leaf, '-noout', '-text')
  expect(text).toContain('CA:FALSE')
  expect(text).toContain('Digital Signature, Key Encipherment')
  expect(text).toMatch(/Authority Key Identifier/)
  expect(text).not.toMatch(/CRL Distribution|OCSP/)
  expect(openssl('x509', '-in', files.middle, '-noout', '-text')).toContain('CA:TRUE, pathlen:0')
  expect(await one.vault.certificateAuthority()).toEqual({ root, intermediate })
})

test('two certificates of two vaults have one root and serial numbers of their own', async () => {
  await addIssuer()
  const first = certificatesOf(await issue())
  one.put({ ...VAULT, name: 'v2', dataId: 'da7a0000-0000-4000-8000-000000000002' })
  const host = 'v2.vault.azure.net'
  await one.ask('PUT', '/certificates/issuers/ca', { host, body: { provider: 'Test' } })
  await one.ask('POST', '/certificates/c/create', { host, body: { policy: POLICY } })
  wait()
  await one.ask('GET', '/certificates/c/pending', { host })
  const second = certificatesOf((await one.ask('GET', '/secrets/c', { host })).body.value)
  expect(second.slice(1)).toEqual(first.slice(1))
  const serials = [first[0], second[0]].map((pem) => new X509Certificate(pem ?? '').serialNumber)
  expect(new Set(serials).size).toBe(2)
})

test('a TLS client that trusts the root speaks with a server that shows the chain', async () => {
  await addIssuer()
  one.clock.moveMs(Date.now() - one.clock.nowMs())
  const token = { token: (await import('../testing/test-vault.ts')).tokenOf({ exp: 4e9 }) }
  await one.ask('PUT', '/certificates/issuers/ca', { ...token, body: { provider: 'Test' } })
  await one.ask('POST', '/certificates/c/create', { ...token, body: { policy: POLICY } })
  wait()
  await one.ask('GET', '/certificates/c/pending', token)
  const pem: string = (await one.ask('GET', '/secrets/c', token)).body.value
  const { root: ca } = await one.vault.certificateAuthority()
  const server = tls.createServer({ key: pem, cert: certificatesOf(pem).slice(0, 2).join('') })
  server.on('secureConnection', (socket) => socket.end('hello'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const heard = await new Promise<string>((resolve, reject) => {
    const client = tls.connect({ port, host: '127.0.0.1', servername: 'api.web.test', ca })
    client.on('error', reject)
    client.on('data', (data) => resolve(data.toString()))
  }).finally(() => server.close())
  expect(heard).toBe('hello')
})

test('the PFX holds key and chain, for OpenSSL and for keytool where there is one', async () => {
  await addIssuer()
  const value = await issue({ ...POLICY, secret_props: { contentType: 'application/x-pkcs12' } })
  const pfx = file('chain.pfx', Buffer.from(value, 'base64'))
  const opened = openssl('pkcs12', '-in', pfx, '-passin', 'pass:', '-nodes')
  expect(certificatesOf(opened.replace(/Bag Attributes[^-]*/g, ''))).toHaveLength(3)
  expect(opened).toContain('BEGIN PRIVATE KEY')
  const words = ['-list', '-v', '-storetype', 'PKCS12', '-keystore', pfx, '-storepass', '']
  const listed = keytool(words)
  if (listed !== undefined) {
    expect(listed).toContain('Entry type: PrivateKeyEntry')
    expect(listed).toContain('Certificate chain length: 3')
  }
}, 30_000)

/** Undefined where there is no Java. */
function keytool(words: readonly string[]): string | undefined {
  try {
    const java = ['-J-Duser.language=en', ...words]
    return execFileSync('keytool', java, { stdio: 'pipe' }).toString()
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return undefined
    throw new Error(String((error as { stdout?: Buffer }).stdout))
  }
}

test('an order can be canceled while it is in progress; then a merge may answer it', async () => {
  await addIssuer()
  await create()
  const merge = () => one.ask('POST', '/certificates/c/pending/merge', { body: { x5c: ['AAAA'] } })
  expect(await merge()).toMatchObject({
    status: 403,
    body: {
      error: {
        code: 'Forbidden',
        message:
          'Merge is forbidden on pending object created with issuer : ca while it is in progess.',
      },
    },
  })
  const cancel = () =>
    one.ask('PATCH', '/certificates/c/pending', { body: { cancellation_requested: true } })
  expect(await cancel()).toMatchObject({
    status: 200,
    body: { cancellation_requested: true, status: 'inProgress' },
  })
  wait()
  expect((await pending()).body).toMatchObject({ status: 'canceled', cancellation_requested: true })
  await one.vault.sweep(one.clock.nowMs())
  expect((await one.ask('GET', '/secrets/c')).status).toBe(404)
  expect((await cancel()).status).toBe(400)
  expect((await merge()).body.error.code).toBe('BadParameter')
})

test.each([
  {
    what: 'a disabled issuer',
    issuer: { provider: 'DigiCert', attributes: { enabled: false } },
    error: { code: 'Certificate issuer error', message: /The issuer ca is disabled\.$/ },
  },
  {
    what: 'an unknown provider',
    issuer: { provider: 'Contoso' },
    error: { code: 'Certificate issuer error', message: /There is no provider Contoso/ },
  },
  {
    what: 'a certificate type that no issuer has',
    policy: { issuer: { name: 'ca', cty: 'DV-SSL' } },
    error: { code: 'Request rejected', message: /certificate type DV-SSL is none of/ },
  },
  {
    what: 'a certificate that is an authority',
    policy: { x509_props: { subject: 'CN=x', basic_constraints: { ca: true } } },
    error: { code: 'Request rejected', message: /basic_constraints\.ca/ },
  },
  {
    what: 'a certificate that outlives its issuer',
    policy: { x509_props: { subject: 'CN=x', validity_months: 1200 } },
    error: { code: 'Request rejected', message: /would outlive its issuer, which ends on 2066/ },
  },
])('$what makes the order fail in words', async ({ issuer, policy, error }) => {
  await addIssuer(issuer ?? { provider: 'Test' })
  await create({ ...POLICY, ...policy })
  wait()
  const failed = await pending()
  expect(failed.body).toMatchObject({ status: 'failed', error: { code: error.code } })
  expect(failed.body.error.message).toMatch(error.message)
  expect(failed.body).not.toHaveProperty('target')
  expect((await create({ ...POLICY, issuer: { name: 'Self' } })).status).toBe(202)
})

test('an issuer deleted while the order ran, or a name taken meanwhile, fails the order', async () => {
  await addIssuer()
  await create()
  await create(POLICY, 'd')
  await one.ask('PUT', '/secrets/d', { body: { value: 'mine' } })
  wait()
  expect((await pending('d')).body).toMatchObject({
    status: 'failed',
    error: { code: 'Request rejected' },
  })
  await one.ask('DELETE', '/certificates/issuers/ca')
  expect((await pending()).body).toMatchObject({
    status: 'failed',
    error: { message: expect.stringContaining('has no issuer ca any more') },
  })
})

test('the sweep answers orders that nobody asks after, and a second create is then allowed', async () => {
  await addIssuer()
  await create()
  await one.vault.sweep(one.clock.nowMs())
  expect((await one.ask('GET', '/secrets/c')).status).toBe(404)
  wait()
  await one.vault.sweep(one.clock.nowMs())
  expect((await one.ask('GET', '/secrets/c')).status).toBe(200)
  const before = (await one.ask('GET', '/certificates/c')).body.id
  expect((await create()).status).toBe(202)
  expect((await one.ask('GET', '/certificates/c')).body.id).toBe(before)
  wait()
  await pending()
  expect((await one.ask('GET', '/certificates/c')).body.id).not.toBe(before)
  expect((await one.ask('GET', '/certificates/c/versions')).body.value).toHaveLength(2)
})

test('AutoRenew goes to the issuer; a refusal is kept and asked again a day later', async () => {
  await addIssuer()
  await issue()
  const dueMs = one.clock.nowMs() + 73 * DAY_MS
  expect((await one.vault.sweep(dueMs - DAY_MS)).renewed).toBe(0)
  await addIssuer({ provider: 'DigiCert', attributes: { enabled: false } })
  expect((await one.vault.sweep(dueMs)).renewed).toBe(0)
  expect((await pending()).body).toMatchObject({
    status: 'failed',
    error: { code: 'Certificate issuer error' },
  })
  await addIssuer()
  expect((await one.vault.sweep(dueMs + DAY_MS / 2)).renewed).toBe(0)
  expect((await one.vault.sweep(dueMs + DAY_MS)).renewed).toBe(1)
  const renewed = certificatesOf((await one.ask('GET', '/secrets/c')).body.value)
  expect(renewed).toHaveLength(3)
  expect(Date.parse(new X509Certificate(renewed[0] ?? '').validFrom)).toBeGreaterThan(dueMs)
  expect((await one.vault.sweep(dueMs + 2 * DAY_MS)).renewed).toBe(0)
})

test('EmailContacts does not renew', async () => {
  await addIssuer()
  const action = { trigger: { lifetime_percentage: 50 }, action: { action_type: 'EmailContacts' } }
  await issue({ ...POLICY, lifetime_actions: [action] })
  expect((await one.vault.sweep(NOON_MS + 80 * DAY_MS)).renewed).toBe(0)
})
