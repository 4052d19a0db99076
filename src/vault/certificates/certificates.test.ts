import { execFileSync } from 'node:child_process'
import { createHash, generateKeyPairSync, verify, X509Certificate } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, afterEach, expect, test } from 'vitest'
import {
  NOON_MS,
  startVault,
  type TestOptions,
  type TestVault,
  tokenOf,
  VAULT,
} from '../testing/test-vault.ts'

const started: TestVault[] = []
async function start(options?: TestOptions): Promise<TestVault> {
  const made = await startVault(options)
  started.push(made)
  return made
}
afterEach(async () => {
  for (const made of started.splice(0)) await made.close()
})

const files = mkdtempSync(path.join(os.tmpdir(), 'sluice-certificates-'))
afterAll(() => rmSync(files, { recursive: true, force: true }))
function file(name: string, content: string | Buffer): string {
  writeFileSync(path.join(files, name), content, { mode: 0o600 })
  return path.join(files, name)
}
const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' }).toString()

const NOON = NOON_MS / 1000
const DAY = 86_400
const BASE = 'https://v1.vault.azure.net'
const EC = { kty: 'EC', crv: 'P-256', exportable: true, reuse_key: false }
const SELF = { issuer: { name: 'Self' }, key_props: EC, x509_props: { subject: 'CN=web' } }

async function create(ask: TestVault['ask'], name: string, policy: object, more: object = {}) {
  const answer = await ask('POST', `/certificates/${name}/create`, { body: { policy, ...more } })
  expect(answer.status).toBe(202)
  return answer
}

/** The PEM file of an answer's `cer`. */
function cerFile(cer: string): string {
  return file('cer.pem', new X509Certificate(Buffer.from(cer, 'base64')).toString())
}

test('a self-signed certificate goes from 202 to key and secret of the same version', async () => {
  const { ask } = await start()
  const policy = {
    issuer: { name: 'self' },
    x509_props: {
      subject: 'CN=web',
      sans: { dns_names: ['web.test'], ipAddresses: ['::1', '10.0.0.1'] },
    },
  }
  const begun = await create(ask, 'Web-Cert', policy, { tags: { a: 'b' } })
  const id = `${BASE}/certificates/Web-Cert`
  expect(begun.body).toEqual({
    id: `${id}/pending`,
    issuer: { name: 'Self' },
    csr: expect.any(String),
    cancellation_requested: false,
    status: 'inProgress',
    status_details:
      'Pending certificate created. Certificate request is in progress. This may take some time based on the issuer provider. Please check again later.',
    request_id: expect.stringMatching(/^[0-9a-f]{32}$/),
  })
  expect(begun.headers).toMatchObject({
    location: `${id}/pending?api-version=7.4&request_id=${begun.body.request_id}`,
    'retry-after': '0',
  })
  const csr = file('a.csr', Buffer.from(begun.body.csr, 'base64'))
  expect(openssl('req', '-inform', 'DER', '-in', csr, '-noout', '-subject', '-verify')).toContain(
    'web',
  )

  const { status_details: _details, ...same } = begun.body
  const done = await ask('GET', '/certificates/web-cert/pending')
  expect(done.body).toEqual({ ...same, status: 'completed', target: id })

  const read = await ask('GET', '/certificates/web-cert/')
  const version = read.body.id.split('/').at(-1)
  const leaf = new X509Certificate(Buffer.from(read.body.cer, 'base64'))
  const exp = Date.parse(leaf.validTo) / 1000
  expect(read.body).toEqual({
    id: `${id}/${version}`,
    kid: `${BASE}/keys/Web-Cert/${version}`,
    sid: `${BASE}/secrets/Web-Cert/${version}`,
    x5t: createHash('sha1').update(leaf.raw).digest('base64url'),
    cer: read.body.cer,
    attributes: {
      enabled: true,
      nbf: NOON - 600,
      exp,
      created: NOON,
      updated: NOON,
      recoveryLevel: 'CustomizedRecoverable+Purgeable',
      recoverableDays: 7,
    },
    tags: { a: 'b' },
    policy: {
      id: `${id}/policy`,
      key_props: { exportable: true, kty: 'RSA', key_size: 2048, reuse_key: false },
      secret_props: { contentType: 'application/x-pkcs12' },
      x509_props: {
        subject: 'CN=web',
        sans: { dns_names: ['web.test'], ipAddresses: ['::1', '10.0.0.1'] },
        ekus: ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'],
        key_usage: ['digitalSignature', 'keyEncipherment'],
        validity_months: 12,
        basic_constraints: { ca: false },
      },
      lifetime_actions: [
        { trigger: { lifetime_percentage: 80 }, action: { action_type: 'AutoRenew' } },
      ],
      issuer: { name: 'Self' },
      attributes: { enabled: true, created: NOON, updated: NOON },
    },
    pending: { id: `${id}/pending` },
  })
  expect(leaf.checkHost('web.test')).toBe('web.test')
  expect(leaf.checkIP('10.0.0.1')).toBe('10.0.0.1')
  expect(leaf.checkIP('::1')).toBeDefined()
  expect(leaf.verify(leaf.publicKey)).toBe(true)
  expect(exp - (NOON - 600)).toBe(365 * DAY)

  const key = await ask('GET', '/keys/web-cert', { version: '7.6' })
  expect(key.body).toMatchObject({
    managed: true,
    attributes: { exportable: true, exp },
    tags: { a: 'b' },
  })
  expect(key.body.key.key_ops).toEqual(['sign', 'verify', 'wrapKey', 'unwrapKey'])
  expect(key.body.key).not.toHaveProperty('exportable')
  const secret = await ask('GET', '/secrets/web-cert')
  expect(secret.body).toMatchObject({
    contentType: 'application/x-pkcs12',
    managed: true,
    kid: `${BASE}/keys/Web-Cert/${version}`,
    attributes: { exp },
  })
})

test.each([
  [{ kty: 'RSA', key_size: 3072 }, 'application/x-pkcs12'],
  [{ kty: 'EC', crv: 'P-256' }, 'application/x-pkcs12'],
  [{ kty: 'EC', crv: 'P-256K' }, 'application/x-pkcs12'],
  [{ kty: 'EC', key_size: 384 }, 'application/x-pem-file'],
  [{ crv: 'P-521' }, 'application/x-pem-file'],
])(
  'openssl reads the certificate and the secret of a %o key as %s',
  async (key_props, contentType) => {
    const { ask } = await start()
    await create(ask, 'c', { ...SELF, key_props, secret_props: { contentType } })
    const { body } = await ask('GET', '/certificates/c')
    const cer = cerFile(body.cer)
    expect(openssl('verify', '-check_ss_sig', '-no_check_time', '-CAfile', cer, cer)).toContain(
      'OK',
    )
    const text = openssl('x509', '-in', cer, '-noout', '-text')
    expect(text).toContain('CA:FALSE')
    expect(text).toContain('Digital Signature, Key Encipherment')
    const secret = await ask('GET', '/secrets/c')
    expect(secret.body.contentType).toBe(contentType)
    const isPfx = contentType === 'application/x-pkcs12'
    const pem = isPfx
      ? openssl(
          'pkcs12',
          '-in',
          file('c.pfx', Buffer.from(secret.body.value, 'base64')),
          '-passin',
          'pass:',
          '-nodes',
        )
      : secret.body.value
    const held = file('held.pem', pem)
    expect(openssl('x509', '-in', held, '-noout', '-fingerprint')).toBe(
      openssl('x509', '-in', cer, '-noout', '-fingerprint'),
    )
    expect(openssl('pkey', '-in', held, '-pubout')).toBe(
      openssl('x509', '-in', cer, '-noout', '-pubkey'),
    )
  },
)

test('the backing key signs for the certificate', async () => {
  const { ask } = await start()
  await create(ask, 'c', SELF)
  const { body } = await ask('GET', '/certificates/c')
  const digest = createHash('sha256').update('message').digest('base64url')
  const signed = await ask('POST', '/keys/c/sign', { body: { alg: 'ES256', value: digest } })
  const key = {
    key: new X509Certificate(Buffer.from(body.cer, 'base64')).publicKey,
    dsaEncoding: 'ieee-p1363',
  } as const
  expect(
    verify('sha256', Buffer.from('message'), key, Buffer.from(signed.body.value, 'base64url')),
  ).toBe(true)
})

test('key and secret of a certificate are changed through it alone', async () => {
  const { ask } = await start()
  await create(ask, 'c', SELF)
  const walk: [string, string, object][] = [
    ['PUT', '/secrets/c', { value: 'x' }],
    ['PATCH', '/secrets/c', { tags: {} }],
    ['DELETE', '/secrets/c', {}],
    ['POST', '/secrets/c/backup', {}],
    ['POST', '/keys/c/create', { kty: 'EC' }],
    ['PATCH', '/keys/c', { key_ops: [] }],
    ['DELETE', '/keys/c', {}],
    ['POST', '/keys/c/rotate', {}],
    ['PUT', '/keys/c/rotationpolicy', {}],
    ['POST', '/keys/c/backup', {}],
  ]
  for (const [method, at, body] of walk) {
    const answer = await ask(method, at, { body })
    expect([at, answer.status, answer.body.error?.code]).toEqual([at, 403, 'Forbidden'])
  }
  expect((await ask('GET', '/secrets')).body.value).toMatchObject([{ managed: true }])
  expect((await ask('GET', '/keys')).body.value).toMatchObject([{ managed: true }])
  const patched = await ask('PATCH', '/certificates/c', {
    body: { attributes: { enabled: false }, tags: { x: 'y' } },
  })
  expect(patched.body).toMatchObject({ attributes: { enabled: false }, tags: { x: 'y' } })
  expect((await ask('GET', '/secrets/c')).body.error.innererror.code).toBe('SecretDisabled')
  expect((await ask('GET', '/keys/c')).body).toMatchObject({
    attributes: { enabled: false },
    tags: { x: 'y' },
  })
})

test.each(['secrets', 'keys'])('a name that %s hold is refused', async (kind) => {
  const { ask } = await start()
  if (kind === 'keys') await ask('POST', '/keys/c/create', { body: { kty: 'EC' } })
  else await ask('PUT', '/secrets/c', { body: { value: 'x' } })
  const answer = await ask('POST', '/certificates/c/create', { body: { policy: SELF } })
  expect(answer).toMatchObject({ status: 409, body: { error: { code: 'Conflict' } } })
  expect((await ask('GET', '/certificates/c')).body.error.code).toBe('CertificateNotFound')
})

test('a second create keeps the policy, and reuse_key keeps the key', async () => {
  const { ask } = await start()
  await create(ask, 'c', SELF)
  const first = (await ask('GET', '/keys/c')).body.key
  expect((await ask('POST', '/certificates/c/create', { body: {} })).status).toBe(202)
  const second = (await ask('GET', '/keys/c')).body.key
  expect(second.x).not.toBe(first.x)
  await create(ask, 'c', { ...SELF, key_props: { ...EC, reuse_key: true } })
  expect((await ask('GET', '/keys/c')).body.key.x).toBe(second.x)
  const versions = await ask('GET', '/certificates/c/versions')
  expect(versions.body.value).toHaveLength(3)
  expect(versions.body.value[0]).toMatchObject({ subject: 'CN=web', x5t: expect.any(String) })
  expect((await ask('POST', '/certificates/none/create', { body: {} })).status).toBe(400)
})

const UNKNOWN = { key_props: EC, x509_props: { subject: 'CN=merged, O="Contoso, Inc."' } }

/** A CA made by openssl that signs a request. */
function signByAuthority(csr: string): { leaf: string; authority: string } {
  const key = file(
    'ca.key',
    generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
      .privateKey.export({ format: 'pem', type: 'pkcs8' })
      .toString(),
  )
  const authority = openssl(
    'req',
    '-x509',
    '-new',
    '-key',
    key,
    '-subj',
    '/CN=authority',
    '-days',
    '10',
  )
  const ca = file('ca.pem', authority)
  const request = file('r.csr', Buffer.from(csr, 'base64'))
  const leaf = openssl(
    'x509',
    '-req',
    '-inform',
    'DER',
    '-in',
    request,
    '-CA',
    ca,
    '-CAkey',
    key,
    '-CAcreateserial',
    '-days',
    '9',
    '-copy_extensions',
    'copy',
  )
  const der = (pem: string) => new X509Certificate(pem).raw.toString('base64')
  return { leaf: der(leaf), authority: der(authority) }
}

test('a request that openssl signed is merged into a certificate with its chain', async () => {
  const { ask } = await start()
  const begun = await create(ask, 'm', UNKNOWN, { tags: { a: 'b' } })
  expect(begun.body.status_details).toBe(
    'Pending certificate created. Please Perform Merge to complete the request.',
  )
  const waiting = await ask('GET', '/certificates/m/')
  expect(waiting.body).toEqual({
    id: expect.stringMatching(/\/certificates\/m\/[0-9a-f]{32}$/),
    attributes: { enabled: false, created: NOON, updated: NOON },
    tags: { a: 'b' },
    policy: expect.objectContaining({ issuer: { name: 'Unknown' } }),
    pending: { id: `${BASE}/certificates/m/pending` },
  })
  expect((await ask('GET', '/certificates/m/policy')).body.issuer).toEqual({ name: 'Unknown' })
  expect((await ask('GET', '/certificates')).body.value).toEqual([])
  const pending = await ask('GET', '/certificates?includePending=true')
  expect(pending.body.value).toMatchObject([
    { id: `${BASE}/certificates/m`, attributes: { enabled: false } },
  ])

  for (const [method, at] of [
    ['POST', '/certificates/m/create'],
    ['POST', '/certificates/m/import'],
  ] as const) {
    const body = at.endsWith('import')
      ? { value: pfxOf({}).toString('base64') }
      : { policy: UNKNOWN }
    const second = await ask(method, at, { body })
    expect([second.status, second.body.error]).toEqual([
      409,
      {
        code: 'Forbidden',
        message:
          "A new key vault certificate can not be created or imported while a pending key vault certificate's status is inProgress.",
      },
    ])
  }
  const { leaf, authority } = signByAuthority(begun.body.csr)
  const wrong = await ask('POST', '/certificates/m/pending/merge', { body: { x5c: [authority] } })
  expect(wrong.status).toBe(400)
  const merged = await ask('POST', '/certificates/m/pending/merge', {
    body: { x5c: [leaf, authority] },
  })
  expect(merged.status).toBe(201)
  expect(merged.body.id).toBe(waiting.body.id)
  expect(merged.headers['location']).toContain(`${BASE}/certificates/m`)
  expect(merged.body).toMatchObject({
    cer: leaf,
    tags: { a: 'b' },
    policy: { issuer: { name: 'Unknown' } },
  })
  expect(new X509Certificate(Buffer.from(leaf, 'base64')).subject).toBe(
    'CN=merged\nO=Contoso\\, Inc.',
  )
  const gone = await ask('GET', '/certificates/m/pending')
  expect(gone.body.error).toEqual({
    code: 'PendingCertificateNotFound',
    message: 'Pending certificate not found',
  })
  const secret = await ask('GET', '/secrets/m')
  const held = openssl(
    'pkcs12',
    '-in',
    file('m.pfx', Buffer.from(secret.body.value, 'base64')),
    '-passin',
    'pass:',
    '-nodes',
  )
  expect(held.match(/BEGIN CERTIFICATE/g)).toHaveLength(2)
})

test('a begun operation can be canceled and deleted, and is found by its request only', async () => {
  const { ask } = await start()
  const begun = await create(ask, 'm', UNKNOWN)
  const at = '/certificates/m/pending'
  expect((await ask('GET', `${at}?request_id=${begun.body.request_id}`)).status).toBe(200)
  expect((await ask('GET', `${at}?request_id=0`)).status).toBe(404)
  const canceled = await ask('PATCH', at, { body: { cancellation_requested: true } })
  expect(canceled.body).toMatchObject({ cancellation_requested: true, status: 'inProgress' })
  expect((await ask('GET', at)).body.status).toBe('canceled')
  expect((await ask('PATCH', at, { body: { cancellation_requested: true } })).status).toBe(400)
  expect((await ask('PATCH', at, { body: {} })).status).toBe(400)
  const deleted = await ask('DELETE', at)
  expect(deleted.body).toMatchObject({ status: 'canceled' })
  expect((await ask('DELETE', at)).status).toBe(404)
  await create(ask, 'm', SELF)
  expect((await ask('GET', '/certificates/m')).status).toBe(200)
})

test('while a new version is pending the current one stays', async () => {
  const { ask } = await start()
  await create(ask, 'c', SELF)
  const before = (await ask('GET', '/certificates/c')).body
  const begun = await create(ask, 'c', UNKNOWN)
  expect((await ask('GET', '/certificates/c')).body.id).toBe(before.id)
  const { leaf } = signByAuthority(begun.body.csr)
  await ask('POST', '/certificates/c/pending/merge', { body: { x5c: [leaf] } })
  expect((await ask('GET', '/certificates/c')).body.cer).toBe(leaf)
})

test('an issuer that the vault has not is not found', async () => {
  const { ask } = await start()
  const policy = { ...SELF, issuer: { name: 'DigiCertCA', cty: 'OV-SSL' } }
  const none = await ask('POST', '/certificates/c/create', { body: { policy } })
  expect(none).toMatchObject({
    status: 404,
    body: { error: { code: 'CertificateIssuerNotFound', message: 'Issuer not found' } },
  })
})

const authority = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
const authorityPem = authority.export({ format: 'pem', type: 'pkcs8' }).toString()

/** A PFX that openssl wrote: key, leaf and a second certificate. */
function pfxOf({ password = '', flags = [] as string[] }): Buffer {
  const key = file('i.key', authorityPem)
  const san = 'subjectAltName=DNS:i.test,email:a@i.test,IP:10.0.0.1'
  const cer = file(
    'i.pem',
    openssl(
      'req',
      '-x509',
      '-new',
      '-key',
      key,
      '-subj',
      '/CN=imported/O=Contoso',
      '-days',
      '366',
      '-addext',
      san,
      '-addext',
      'keyUsage=digitalSignature,dataEncipherment',
      '-addext',
      'extendedKeyUsage=serverAuth',
    ),
  )
  const other = file(
    'o.pem',
    openssl(
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      file('o.key', ''),
      '-subj',
      '/CN=other',
      '-days',
      '9',
    ),
  )
  const out = file('i.pfx', '')
  openssl(
    'pkcs12',
    '-export',
    '-inkey',
    key,
    '-in',
    cer,
    '-certfile',
    other,
    '-passout',
    `pass:${password}`,
    '-out',
    out,
    ...flags,
  )
  return readFileSync(out)
}

/** The leaf (i) or the other certificate (o) of a fresh PFX. */
function pemOf(which: 'i' | 'o'): string {
  pfxOf({})
  return readFileSync(path.join(files, `${which}.pem`), 'utf8')
}

const OLD = ['-keypbe', 'PBE-SHA1-3DES', '-certpbe', 'PBE-SHA1-3DES', '-macalg', 'sha1']
test.each([
  { case: 'with a password', password: 'hunter2', flags: [] },
  { case: 'without a password', password: '', flags: [] },
  { case: 'in the old Triple-DES form', password: 'hunter2', flags: OLD },
  { case: 'in the old form without a password', password: '', flags: OLD },
  {
    case: 'with AES-128 and SHA-512',
    password: 'ä€',
    flags: ['-keypbe', 'AES-128-CBC', '-macalg', 'sha512'],
  },
  { case: 'without encryption', password: '', flags: ['-keypbe', 'NONE', '-certpbe', 'NONE'] },
])('ImportCertificate takes a PFX that openssl pkcs12 wrote $case', async ({ password, flags }) => {
  const { ask: askNow, clock } = await start()
  // openssl dates the certificate by the real clock, and a key is not used before its time.
  clock.moveMs(Date.now() + 5000 - NOON_MS)
  const token = tokenOf({ exp: clock.nowMs() / 1000 + 3600 })
  const ask: typeof askNow = (method, at, asked) => askNow(method, at, { token, ...asked })
  const value = pfxOf({ password, flags }).toString('base64')
  const made = await ask('POST', '/certificates/i/import', {
    body: { value, pwd: password, tags: { a: 'b' } },
  })
  expect(made.status).toBe(200)
  expect(made.body).toMatchObject({
    tags: { a: 'b' },
    policy: {
      key_props: { exportable: true, kty: 'RSA', key_size: 2048 },
      secret_props: { contentType: 'application/x-pkcs12' },
      x509_props: {
        subject: 'CN=imported, O=Contoso',
        sans: { dns_names: ['i.test'], emails: ['a@i.test'], ipAddresses: ['10.0.0.1'] },
        ekus: ['1.3.6.1.5.5.7.3.1'],
        key_usage: ['digitalSignature', 'dataEncipherment'],
        validity_months: 12,
      },
      lifetime_actions: [
        { trigger: { lifetime_percentage: 80 }, action: { action_type: 'EmailContacts' } },
      ],
      issuer: { name: 'Unknown' },
    },
  })
  const secret = await ask('GET', '/secrets/i')
  const held = openssl(
    'pkcs12',
    '-in',
    file('h.pfx', Buffer.from(secret.body.value, 'base64')),
    '-passin',
    'pass:',
    '-nodes',
  )
  expect(held.match(/BEGIN CERTIFICATE/g)).toHaveLength(2)
  const plain = Buffer.from('plain text')
  const wrapped = await ask('POST', '/keys/i/encrypt', {
    body: { alg: 'RSA-OAEP', value: plain.toString('base64url') },
  })
  const args = [
    'pkeyutl',
    '-decrypt',
    '-inkey',
    file('h.pem', held),
    '-in',
    file('c', Buffer.from(wrapped.body.value, 'base64url')),
    '-pkeyopt',
    'rsa_padding_mode:oaep',
  ]
  expect(openssl(...args)).toBe('plain text')
  const again = await ask('GET', '/secrets/i?outContentType=application/x-pem-file', {
    version: '2025-07-01',
  })
  expect(again.body.contentType).toBe('application/x-pem-file')
  expect(again.body.value).toContain(authorityPem)
  expect(again.body.value.match(/BEGIN CERTIFICATE/g)).toHaveLength(2)
})

test('ImportCertificate takes PEM, plain or in base64, the leaf wherever it stands', async () => {
  const { ask } = await start()
  pfxOf({})
  const [leaf, other] = ['i.pem', 'o.pem'].map((name) =>
    readFileSync(path.join(files, name), 'utf8'),
  )
  const pem = `${other}${authorityPem}${leaf}`
  const versions = []
  for (const value of [pem, Buffer.from(pem).toString('base64')]) {
    const made = await ask('POST', '/certificates/i/import', { body: { value } })
    expect(made.status).toBe(200)
    expect(made.body.policy.secret_props.contentType).toBe('application/x-pem-file')
    expect(made.body.cer).toBe(new X509Certificate(leaf ?? '').raw.toString('base64'))
    versions.push(made.body.id)
  }
  expect((await ask('GET', '/secrets/i')).body.value).toBe(`${authorityPem}${leaf}${other}`)
  expect((await ask('GET', '/certificates/i')).body.id).toBe(versions[1])
})

test('a key that may not be exported is not in the secret', async () => {
  const { ask } = await start()
  const key_props = { ...EC, exportable: false }
  await create(ask, 'p', { ...SELF, key_props })
  await create(ask, 't', {
    ...SELF,
    key_props,
    secret_props: { contentType: 'application/x-pem-file' },
  })
  const pfx = Buffer.from((await ask('GET', '/secrets/p')).body.value, 'base64')
  const held = openssl('pkcs12', '-in', file('p.pfx', pfx), '-passin', 'pass:', '-nodes')
  expect(held).toContain('BEGIN CERTIFICATE')
  expect(held).not.toContain('PRIVATE KEY')
  const { value } = (await ask('GET', '/secrets/t')).body
  expect(value).toMatch(/^-----BEGIN CERTIFICATE-----/)
  expect(value).not.toContain('PRIVATE KEY')
})

test.each([
  {
    case: 'a wrong password',
    body: () => ({ value: pfxOf({ password: 'a' }).toString('base64'), pwd: 'b' }),
  },
  { case: 'no PFX', body: () => ({ value: 'AAAA' }) },
  { case: 'nothing', body: () => ({}) },
  {
    case: 'a PFX cut short',
    body: () => ({ value: pfxOf({}).subarray(0, 900).toString('base64') }),
  },
  {
    case: 'PEM without a key',
    body: () => ({ value: pemOf('i') }),
  },
  {
    case: 'PEM with the key of another certificate',
    body: () => ({
      value: authorityPem + pemOf('o'),
    }),
  },
])('ImportCertificate refuses $case', async ({ body }) => {
  const { ask } = await start()
  const answer = await ask('POST', '/certificates/i/import', { body: body() })
  expect(answer).toMatchObject({ status: 400, body: { error: { code: 'BadParameter' } } })
})

test('delete, recover and purge take key and secret along', async () => {
  const { ask } = await start()
  await create(ask, 'c', SELF)
  const bundle = (await ask('GET', '/certificates/c')).body
  const deleted = await ask('DELETE', '/certificates/C')
  const { pending: _pending, ...shown } = bundle
  expect(deleted.body).toEqual({
    ...shown,
    recoveryId: `${BASE}/deletedcertificates/c`,
    deletedDate: NOON,
    scheduledPurgeDate: NOON + 7 * DAY,
  })
  for (const kind of ['certificates', 'keys', 'secrets']) {
    expect((await ask('GET', `/${kind}/c`)).status).toBe(404)
    const listed = (await ask('GET', `/deleted${kind}`)).body.value
    expect([kind, listed.length]).toEqual([kind, kind === 'certificates' ? 1 : 0])
  }
  for (const kind of ['keys', 'secrets']) {
    expect((await ask('POST', `/deleted${kind}/c/recover`)).status).toBe(404)
    expect((await ask('DELETE', `/deleted${kind}/c`)).status).toBe(404)
  }
  const held = await ask('POST', '/certificates/c/create', { body: { policy: SELF } })
  expect(held.body.error.innererror.code).toBe('ObjectIsDeletedButRecoverable')
  expect((await ask('PUT', '/secrets/c', { body: { value: 'x' } })).status).toBe(409)
  expect((await ask('GET', '/deletedcertificates/c')).body).toEqual(deleted.body)
  expect((await ask('POST', '/deletedcertificates/c/recover')).body).toEqual(shown)
  expect((await ask('GET', '/secrets/c')).body.managed).toBe(true)
  await ask('DELETE', '/certificates/c')
  expect((await ask('DELETE', '/deletedcertificates/c')).status).toBe(204)
  expect((await ask('GET', '/deletedcertificates/c')).status).toBe(404)
  expect((await ask('PUT', '/secrets/c', { body: { value: 'x' } })).status).toBe(200)
})

test('all three are gone when the retention ends', async () => {
  const { ask, clock, vault } = await start()
  await create(ask, 'c', SELF)
  await ask('DELETE', '/certificates/c')
  clock.moveMs(7 * DAY * 1000)
  const token = tokenOf({ exp: NOON + 99 * DAY })
  const again = await ask('POST', '/certificates/c/create', { token, body: { policy: SELF } })
  expect(again.status).toBe(202)
  expect((await ask('GET', '/certificates/c/versions', { token })).body.value).toHaveLength(1)
  expect((await vault.sweep(clock.nowMs())).purged).toBe(0)
})

test('a backup restores certificate, key, secret and policy into another vault', async () => {
  const { ask, put } = await start()
  put({ ...VAULT, name: 'v2', dataId: 'da7a0000-0000-4000-8000-000000000002' })
  await create(ask, 'c', SELF)
  await create(ask, 'c', SELF)
  const { body } = await ask('POST', '/certificates/c/backup')
  const host = 'v2.vault.azure.net'
  const restored = await ask('POST', '/certificates/restore', { host, body })
  const { pending: _pending, ...own } = (await ask('GET', '/certificates/c')).body
  const moved = JSON.parse(JSON.stringify(own).replaceAll('//v1.', '//v2.'))
  expect(restored.body).toEqual(moved)
  const secret = await ask('GET', '/secrets/c', { host })
  expect(secret.body.value).toBe((await ask('GET', '/secrets/c')).body.value)
  expect(secret.body.managed).toBe(true)
  expect((await ask('GET', '/keys/c/versions', { host })).body.value).toHaveLength(2)
  expect((await ask('POST', '/certificates/restore', { host, body })).status).toBe(409)
})

test('a policy is shown, and changed member by member', async () => {
  const { ask, clock } = await start()
  await create(ask, 'c', SELF)
  clock.moveMs(2000)
  const before = (await ask('GET', '/certificates/c/policy')).body
  const lifetime_actions = [
    { trigger: { days_before_expiry: 30 }, action: { action_type: 'EmailContacts' } },
  ]
  const changed = await ask('PATCH', '/certificates/c/policy', {
    body: { lifetime_actions, x509_props: { validity_months: 24 } },
  })
  expect(changed.body).toEqual({
    ...before,
    lifetime_actions,
    x509_props: { ...before.x509_props, validity_months: 24 },
    attributes: { enabled: true, created: NOON, updated: NOON + 2 },
  })
  const named = await ask('PATCH', '/certificates/c', {
    body: { policy: { x509_props: { subject: 'CN=new' } } },
  })
  expect(named.body.policy.x509_props).toMatchObject({ subject: 'CN=new', validity_months: 24 })
  expect((await ask('GET', '/certificates/none/policy')).status).toBe(404)
})

test.each([
  [{ x509_props: {} }],
  [{ x509_props: { subject: 'web' } }],
  [{ x509_props: { subject: 'XX=web' } }],
  [{ x509_props: { subject: 'CN=' } }],
  [{ key_props: { kty: 'oct' } }],
  [{ key_props: { kty: 'RSA', key_size: 1024 } }],
  [{ key_props: { kty: 'RSA-HSM', exportable: true } }],
  [{ secret_props: { contentType: 'text/plain' } }],
  [{ x509_props: { subject: 'CN=a', key_usage: ['sign'] } }],
  [{ x509_props: { subject: 'CN=a', ekus: ['serverAuth'] } }],
  [{ x509_props: { subject: 'CN=a', validity_months: -1 } }],
  [{ x509_props: { subject: 'CN=a', sans: { ipAddresses: ['x'] } } }],
  [
    {
      lifetime_actions: [
        { trigger: { lifetime_percentage: 100 }, action: { action_type: 'AutoRenew' } },
      ],
    },
  ],
  [
    {
      lifetime_actions: [
        { trigger: { days_before_expiry: 400 }, action: { action_type: 'AutoRenew' } },
      ],
    },
  ],
  [{ lifetime_actions: [{ trigger: {}, action: { action_type: 'AutoRenew' } }] }],
  [
    {
      lifetime_actions: [{ trigger: { lifetime_percentage: 5 }, action: { action_type: 'Renew' } }],
    },
  ],
])('the policy %j is refused', async (policy) => {
  const { ask } = await start()
  const answer = await ask('POST', '/certificates/c/create', {
    body: { policy: { ...SELF, ...policy } },
  })
  expect(answer).toMatchObject({ status: 400, body: { error: { code: 'BadParameter' } } })
})

test.each([
  ['by percentage', { lifetime_percentage: 50 }, (NOON - 600 + (365 * DAY) / 2) * 1000],
  ['by days', { days_before_expiry: 30 }, (NOON - 600 + 335 * DAY) * 1000],
])(
  'a self-signed certificate is renewed by the clock %s, once, whoever sweeps',
  async (_case, trigger, dueMs) => {
    const first = await start()
    const second = await start({ folder: first.folder })
    const { ask, audit } = first
    const lifetime_actions = [{ trigger, action: { action_type: 'AutoRenew' } }]
    await create(ask, 'c', { ...SELF, lifetime_actions }, { tags: { a: 'b' } })
    expect((await first.vault.sweep(dueMs - 1)).renewed).toBe(0)
    const counts = await Promise.all([first.vault.sweep(dueMs), second.vault.sweep(dueMs)])
    expect(counts.map(({ renewed }) => renewed).sort()).toEqual([0, 1])
    const versions = (await ask('GET', '/certificates/c/versions')).body.value
    expect(versions).toHaveLength(2)
    expect(versions[1].attributes.nbf).toBe(Math.floor(dueMs / 1000) - 600)
    expect((await ask('GET', '/certificates/c')).body.tags).toEqual({ a: 'b' })
    expect((await ask('GET', '/secrets/c/versions')).body.value).toHaveLength(2)
    const words = [...audit, ...second.audit].map((entry) => entry.operationName)
    expect(words.filter((word) => word === 'CertificateRenew')).toHaveLength(1)
  },
)

test('a certificate without a life is not renewed by every sweep', async () => {
  const { ask, vault } = await start()
  await create(ask, 'c', { ...SELF, x509_props: { subject: 'CN=c', validity_months: 0 } })
  expect((await vault.sweep(NOON_MS + DAY * 1000)).renewed).toBe(0)
})

test('eraseVault destroys certificates, what waits for one, contacts and issuers', async () => {
  const { ask, vault, db } = await start()
  await create(ask, 'c', SELF)
  await create(ask, 'm', UNKNOWN)
  await ask('PUT', '/certificates/contacts', { body: { contacts: [] } })
  await vault.eraseVault(VAULT.dataId)
  const tables = ['object', 'object_version', 'certificate_pending', 'certificate_setting']
  for (const table of tables) {
    const rows = await db.all({ sql: `select 1 from vault_${table}`, bind: () => [] }, {})
    expect([table, rows]).toEqual([table, []])
  }
})

test('contacts are set, shown and deleted', async () => {
  const { ask } = await start()
  const at = '/certificates/contacts'
  const none = { error: { code: 'ContactsNotFound', message: 'Contacts not found' } }
  expect((await ask('GET', at)).body).toEqual(none)
  expect((await ask('DELETE', at)).status).toBe(404)
  const contacts = [{ email: 'a@b.test', name: 'A', phone: '1' }, { email: 'c@d.test' }]
  const set = await ask('PUT', at, { body: { contacts } })
  expect(set.body).toEqual({ id: `${BASE}/certificates/contacts`, contacts })
  expect((await ask('GET', at)).body).toEqual(set.body)
  expect((await ask('PUT', at, { body: { contacts: [{}] } })).status).toBe(400)
  expect((await ask('DELETE', at)).body).toEqual(set.body)
  expect((await ask('GET', at)).body).toEqual(none)
})

test('issuers are kept without ever showing their password', async () => {
  const { ask, folder } = await start()
  const org_details = { id: 'o', admin_details: [{ first_name: 'A', email: 'a@b.test' }] }
  const body = {
    provider: 'DigiCert',
    credentials: { account_id: 'acc', pwd: 'hunter2-canary' },
    org_details,
  }
  const at = '/certificates/issuers/My-CA'
  const set = await ask('PUT', at, { body })
  expect(set.body).toEqual({
    id: `${BASE}/certificates/issuers/My-CA`,
    provider: 'DigiCert',
    credentials: { account_id: 'acc' },
    org_details: { ...org_details, zip: 0 },
    attributes: { enabled: true, created: NOON, updated: NOON },
  })
  expect((await ask('GET', '/certificates/issuers/my-ca')).body).toEqual(set.body)
  await ask('PUT', '/certificates/issuers/another', { body: { provider: 'Test' } })
  const first = await ask('GET', '/certificates/issuers?maxresults=1')
  expect(first.body.value).toEqual([
    { id: `${BASE}/certificates/issuers/another`, provider: 'Test' },
  ])
  const next = new URL(first.body.nextLink)
  expect((await ask('GET', next.pathname + next.search)).body).toMatchObject({
    value: [{ provider: 'DigiCert' }],
    nextLink: null,
  })
  const patched = await ask('PATCH', at, { body: { attributes: { enabled: false } } })
  expect(patched.body).toMatchObject({
    provider: 'DigiCert',
    credentials: { account_id: 'acc' },
    attributes: { enabled: false },
  })
  expect((await ask('PUT', '/certificates/issuers/Self', { body })).status).toBe(400)
  expect((await ask('PUT', '/certificates/issuers/x', { body: {} })).status).toBe(400)
  for (const name of readdirSync(folder)) {
    expect(readFileSync(path.join(folder, name)).includes('hunter2-canary')).toBe(false)
  }
  expect((await ask('DELETE', at)).status).toBe(200)
  expect((await ask('GET', at)).body.error).toEqual({
    code: 'CertificateIssuerNotFound',
    message: 'Issuer not found',
  })
})

test('no file of the database holds the private key, pending or issued', async () => {
  const { ask, folder } = await start()
  await create(ask, 'm', UNKNOWN)
  const value = pfxOf({}).toString('base64')
  await ask('POST', '/certificates/i/import', { body: { value } })
  const { d = '', p = '' } = authority.export({ format: 'jwk' })
  for (const name of readdirSync(folder)) {
    const content = readFileSync(path.join(folder, name))
    for (const part of [d, p]) {
      expect(content.includes(Buffer.from(part, 'base64url'))).toBe(false)
      expect(content.includes(part)).toBe(false)
    }
    expect(content.includes('PRIVATE KEY')).toBe(false)
  }
})

test('every certificate operation leaves an audit entry in the documented words', async () => {
  const { ask, audit } = await start()
  const walk = [
    'POST c/create',
    'POST c/import',
    'GET c',
    'PATCH c',
    'GET ',
    'GET c/versions',
    'GET c/policy',
    'PATCH c/policy',
    'GET c/pending',
    'PATCH c/pending',
    'DELETE c/pending',
    'POST c/pending/merge',
    'GET contacts',
    'PUT contacts',
    'DELETE contacts',
    'GET issuers',
    'GET issuers/i',
    'PUT issuers/i',
    'PATCH issuers/i',
    'DELETE issuers/i',
    'POST c/backup',
    'POST restore',
    'DELETE c',
  ]
  for (const one of walk) {
    const [method = '', at = ''] = one.split(' ')
    await ask(method, `/certificates/${at}`, method === 'GET' ? {} : { body: {} })
  }
  for (const one of ['GET ', 'GET c', 'POST c/recover', 'DELETE c']) {
    const [method = '', at = ''] = one.split(' ')
    await ask(method, `/deletedcertificates/${at}`)
  }
  expect(audit.map((entry) => entry.operationName.replace('Certificate', ''))).toEqual(
    'Create Import Get Update List ListVersions PolicyGet PolicyUpdate PendingGet PendingUpdate PendingDelete PendingMerge ContactsGet ContactsSet ContactsDelete IssuersList IssuerGet IssuerSet IssuerUpdate IssuerDelete Backup Restore Delete ListDeleted GetDeleted Recover Purge'.split(
      ' ',
    ),
  )
})
