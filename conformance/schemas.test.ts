import { execFileSync } from 'node:child_process'
import {
  createHash,
  createPrivateKey,
  generateKeyPairSync,
  randomUUID,
  sign,
  X509Certificate,
} from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { Ajv, type ValidateFunction } from 'ajv'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type Answer,
  NOON_MS,
  startVault,
  type TestVault,
} from '../src/vault/testing/test-vault.ts'
import { expectedAnswers } from './schemas/operations.ts'
import {
  BASE,
  errorBody,
  headers,
  type ShapeVersion,
  shapeVersions,
  since,
} from './schemas/parts.ts'

const ajv = new Ajv({ strict: true, allErrors: true, allowMatchingProperties: true })
const files = mkdtempSync(path.join(os.tmpdir(), 'sluice-schemas-'))
const compiled = new Map<string, ValidateFunction>()
const digest = createHash('sha256').update('what is signed').digest('base64url')
const signer = { key: '', cer: '', pem: '' }
let server: TestVault

beforeAll(async () => {
  server = await startVault({ release: { fetchDocument, certificates: { read: readCertificate } } })
  const [key, cer] = [path.join(files, 'k.pem'), path.join(files, 'c.pem')]
  const self = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  const place = ['-keyout', key, '-out', cer, '-subj', '/CN=imported.test', '-days', '90']
  execFileSync('openssl', [...self, ...place], { stdio: 'pipe' })
  Object.assign(signer, { key, cer, pem: readFileSync(key, 'utf8') + readFileSync(cer, 'utf8') })
})

afterAll(async () => {
  await server.close()
  rmSync(files, { recursive: true, force: true })
})

/** An attestation service of our own: it publishes one key. */
const AUTHORITY = 'https://attest.test'
const authority = generateKeyPairSync('rsa', { modulusLength: 2048 })
const environment = generateKeyPairSync('rsa', { modulusLength: 2048 })

async function fetchDocument(url: string): Promise<unknown> {
  const jwk = { ...authority.publicKey.export({ format: 'jwk' }), kid: 'one', use: 'sig' }
  return url.endsWith('/keys') ? { keys: [jwk] } : { jwks_uri: `${AUTHORITY}/keys` }
}

/** The certificate that signs what is released. */
async function readCertificate() {
  const key = createPrivateKey(readFileSync(signer.key))
  const x5c = [new X509Certificate(readFileSync(signer.cer)).raw.toString('base64')]
  return { key, x5c }
}

/** The word of the attestation service that the environment may have keys. */
function attest(): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const jwk = { ...environment.publicKey.export({ format: 'jwk' }), kid: 'e', key_ops: ['encrypt'] }
  const times = { nbf: NOON_MS / 1000 - 10, exp: NOON_MS / 1000 + 600 }
  const claims = { iss: AUTHORITY, ...times, may: true, 'x-ms-runtime': { keys: [jwk] } }
  const input = `${encode({ alg: 'RS256', kid: 'one' })}.${encode(claims)}`
  return `${input}.${sign('sha256', Buffer.from(input), authority.privateKey).toString('base64url')}`
}

/** What is wrong with `value`, one line a fault; empty when it has the shape. */
function faultsOf(name: string, schema: object, value: unknown): string[] {
  const validate = compiled.get(name) ?? ajv.compile(schema)
  compiled.set(name, validate)
  if (validate(value)) return []
  return (validate.errors ?? []).map(
    ({ instancePath, message, params }) =>
      `${name}${instancePath}: ${message} ${JSON.stringify(params)}`,
  )
}

interface Step {
  readonly name: string
  readonly method: string
  readonly path: string
}

/** Asks as a client of one version does, and holds every answer to its schema. */
class Walk {
  readonly version: ShapeVersion
  /** Comes before every name, so that two walks never meet. */
  readonly prefix: string
  readonly steps: Step[] = []
  readonly faults: string[] = []

  constructor(version: ShapeVersion, prefix: string) {
    this.version = version
    this.prefix = prefix
  }

  name(kind: string): string {
    return `${this.prefix}-${kind}-${this.version.replaceAll('.', '-')}`
  }

  /** Sends the operation's request. Gives the body. */
  // biome-ignore lint/suspicious/noExplicitAny: bodies of any operation
  async run(name: string, method: string, target: string, body?: unknown): Promise<any> {
    const answer = await this.send(method, target, body)
    this.steps.push({ name, method, path: target.split('?')[0] ?? '' })
    const expected = expectedAnswers[name]
    if (!expected) throw new Error(`${name} has no schema in conformance/schemas/operations.ts`)
    if (answer.status !== expected.status) {
      this.faults.push(`${name}: ${answer.status} instead of ${expected.status}: ${answer.text}`)
    } else if (expected.body) {
      const schema = expected.body(this.version)
      this.faults.push(...faultsOf(`${name} ${this.version}`, schema, answer.body))
    } else if (answer.text !== '') {
      this.faults.push(`${name}: a body where none belongs: ${answer.text}`)
    }
    if (name !== 'HealthStatus') this.faults.push(...faultsOf('headers', headers, answer.headers))
    return answer.body
  }

  send(method: string, target: string, body?: unknown): Promise<Answer> {
    return server.ask(method, target, {
      version: this.version,
      ...(body !== undefined && { body }),
    })
  }
}

const tail = (id: string) => id.split('/').at(-1) ?? ''

async function walkSecrets(walk: Walk): Promise<void> {
  const name = walk.name('s')
  const given = {
    contentType: 'text/plain',
    tags: { env: 'dev' },
    attributes: { enabled: true, nbf: 1_700_000_000, exp: 2_200_000_000 },
  }
  const { id } = await walk.run('SetSecret', 'PUT', `/secrets/${name}`, { value: 'v', ...given })
  await walk.run('SetSecret', 'PUT', `/secrets/${name}`, { value: '', tags: {} })
  await walk.run('GetSecret', 'GET', `/secrets/${name}`)
  await walk.run('GetSecret', 'GET', `/secrets/${name}/${tail(id)}`)
  await walk.run('UpdateSecret', 'PATCH', `/secrets/${name}`, { contentType: 'x' })
  await walk.run('UpdateSecret', 'PATCH', `/secrets/${name}/${tail(id)}`, { tags: { a: 'b' } })
  await walk.run('GetSecrets', 'GET', '/secrets')
  await walk.run('GetSecrets', 'GET', '/secrets?maxresults=1')
  await walk.run('GetSecretVersions', 'GET', `/secrets/${name}/versions?maxresults=1`)
  const { value } = await walk.run('BackupSecret', 'POST', `/secrets/${name}/backup`)
  await walk.run('DeleteSecret', 'DELETE', `/secrets/${name}`)
  await walk.run('GetDeletedSecrets', 'GET', '/deletedsecrets')
  await walk.run('GetDeletedSecret', 'GET', `/deletedsecrets/${name}`)
  await walk.run('RecoverDeletedSecret', 'POST', `/deletedsecrets/${name}/recover`)
  await walk.run('DeleteSecret', 'DELETE', `/secrets/${name}`)
  await walk.run('PurgeDeletedSecret', 'DELETE', `/deletedsecrets/${name}`)
  await walk.run('RestoreSecret', 'POST', '/secrets/restore', { value })
}

async function walkKeys(walk: Walk): Promise<void> {
  const name = walk.name('k')
  const specs = [
    { kty: 'RSA', tags: { a: 'b' }, attributes: { exp: 2_200_000_000 } },
    { kty: 'RSA-HSM', key_ops: ['sign', 'verify'] },
    { kty: 'EC', crv: 'P-256' },
    { kty: 'EC', crv: 'P-256K' },
    { kty: 'EC', crv: 'P-384' },
    { kty: 'EC-HSM', crv: 'P-521' },
    { kty: 'oct-HSM', key_size: 256 },
  ]
  for (const spec of specs) await walk.run('CreateKey', 'POST', `/keys/${name}/create`, spec)
  const jwk = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
    format: 'jwk',
  })
  await walk.run('ImportKey', 'PUT', `/keys/${name}-i`, { key: jwk })
  await walk.run('CreateKey', 'POST', `/keys/${name}/create`, { kty: 'RSA' })
  const { key } = await walk.run('GetKey', 'GET', `/keys/${name}`)
  await walk.run('GetKey', 'GET', `/keys/${name}/${tail(key.kid)}`)
  await walk.run('UpdateKey', 'PATCH', `/keys/${name}`, { tags: { x: 'y' } })
  await walk.run('UpdateKey', 'PATCH', `/keys/${name}/${tail(key.kid)}`, {
    attributes: { nbf: 1_700_000_000 },
  })
  await walk.run('GetKeys', 'GET', '/keys?maxresults=1')
  await walk.run('GetKeyVersions', 'GET', `/keys/${name}/versions?maxresults=3`)
  for (const at of [`/keys/${name}`, `/keys/${name}/${tail(key.kid)}`]) {
    const plain = { alg: 'RSA-OAEP-256', value: digest }
    const encrypted = await walk.run('encrypt', 'POST', `${at}/encrypt`, plain)
    await walk.run('decrypt', 'POST', `${at}/decrypt`, { ...plain, value: encrypted.value })
    const wrapped = await walk.run('wrapKey', 'POST', `${at}/wrapkey`, plain)
    await walk.run('unwrapKey', 'POST', `${at}/unwrapkey`, { ...plain, value: wrapped.value })
    const signed = await walk.run('sign', 'POST', `${at}/sign`, { alg: 'PS256', value: digest })
    const asked = { alg: 'PS256', digest, value: signed.value }
    await walk.run('verify', 'POST', `${at}/verify`, asked)
  }
  await walkSymmetric(walk, name)
  if (since(walk.version, '7.4')) await walkRotation(walk, name)
  if (since(walk.version, '7.4')) await walkRelease(walk, name)
  const { value } = await walk.run('BackupKey', 'POST', `/keys/${name}/backup`)
  await walk.run('DeleteKey', 'DELETE', `/keys/${name}`)
  await walk.run('GetDeletedKeys', 'GET', '/deletedkeys')
  await walk.run('GetDeletedKey', 'GET', `/deletedkeys/${name}`)
  await walk.run('RecoverDeletedKey', 'POST', `/deletedkeys/${name}/recover`)
  await walk.run('DeleteKey', 'DELETE', `/keys/${name}`)
  await walk.run('PurgeDeletedKey', 'DELETE', `/deletedkeys/${name}`)
  await walk.run('RestoreKey', 'POST', '/keys/restore', { value })
}

async function walkSymmetric(walk: Walk, name: string): Promise<void> {
  const at = `/keys/${name}-o`
  await walk.run('CreateKey', 'POST', `${at}/create`, { kty: 'oct-HSM', key_size: 256 })
  const gcm = { alg: 'A256GCM', value: digest, aad: digest }
  const sealed = await walk.run('encrypt', 'POST', `${at}/encrypt`, gcm)
  await walk.run('decrypt', 'POST', `${at}/decrypt`, { ...gcm, ...sealed })
  const iv = Buffer.alloc(16, 1).toString('base64url')
  const cbc = { alg: 'A256CBCPAD', value: digest, iv }
  const { value } = await walk.run('encrypt', 'POST', `${at}/encrypt`, cbc)
  await walk.run('decrypt', 'POST', `${at}/decrypt`, { ...cbc, value })
  const wrapped = await walk.run('wrapKey', 'POST', `${at}/wrapkey`, {
    alg: 'A256KW',
    value: digest,
  })
  await walk.run('unwrapKey', 'POST', `${at}/unwrapkey`, { alg: 'A256KW', value: wrapped.value })
}

async function walkRotation(walk: Walk, name: string): Promise<void> {
  await walk.run('GetKeyRotationPolicy', 'GET', `/keys/${name}/rotationpolicy`)
  await walk.run('UpdateKeyRotationPolicy', 'PUT', `/keys/${name}/rotationpolicy`, {
    lifetimeActions: [
      { trigger: { timeAfterCreate: 'P30D', timeBeforeExpiry: null }, action: { type: 'Rotate' } },
      { trigger: { timeBeforeExpiry: 'P10D' }, action: { type: 'Notify' } },
    ],
    attributes: { expiryTime: 'P90D' },
  })
  await walk.run('GetKeyRotationPolicy', 'GET', `/keys/${name}/rotationpolicy`)
  await walk.run('RotateKey', 'POST', `/keys/${name}/rotate`)
  await walk.run('GetRandomBytes', 'POST', '/rng', { count: 32 })
}

async function walkRelease(walk: Walk, name: string): Promise<void> {
  const at = `/keys/${name}-r`
  const rule = { authority: AUTHORITY, allOf: [{ claim: 'may', equals: true }] }
  const data = Buffer.from(JSON.stringify({ version: '1.0.0', anyOf: [rule] }))
  const { key } = await walk.run('CreateKey', 'POST', `${at}/create`, {
    kty: 'RSA-HSM',
    attributes: { exportable: true },
    release_policy: { data: data.toString('base64url') },
  })
  await walk.run('GetKey', 'GET', at)
  for (const target of [at, `${at}/${tail(key.kid)}`]) {
    await walk.run('release', 'POST', `${target}/release`, { target: attest() })
    await walk.run('GetKeyAttestation', 'GET', `${target}/attestation`)
  }
}

const EC = { kty: 'EC', crv: 'P-256', exportable: true, reuse_key: false }

async function walkCertificates(walk: Walk): Promise<void> {
  const name = walk.name('c')
  const at = `/certificates/${name}`
  const sans = { dns_names: ['a.test'], emails: ['a@a.test'], upns: ['u@a.test'] }
  const newer = { ...sans, uris: ['https://a.test/'], ipAddresses: ['10.0.0.1'] }
  const self = {
    issuer: { name: 'Self' },
    key_props: EC,
    x509_props: { subject: 'CN=a.test', sans: since(walk.version, '2025-07-01') ? newer : sans },
  }
  const asked = { policy: self, tags: { a: 'b' } }
  await walk.run('CreateCertificate', 'POST', `${at}/create`, asked)
  await walk.run('GetCertificateOperation', 'GET', `${at}/pending`)
  const { id } = await walk.run('GetCertificate', 'GET', at)
  await walk.run('GetCertificate', 'GET', `${at}/${tail(id)}`)
  await walk.run('GetSecret', 'GET', `/secrets/${name}`)
  await walk.run('GetKey', 'GET', `/keys/${name}`)
  await walk.run('UpdateCertificate', 'PATCH', at, { tags: { c: 'd' } })
  await walk.run('UpdateCertificate', 'PATCH', `${at}/${tail(id)}`, {
    attributes: { enabled: true },
  })
  await walk.run('GetCertificatePolicy', 'GET', `${at}/policy`)
  const trigger = { days_before_expiry: 30 }
  await walk.run('UpdateCertificatePolicy', 'PATCH', `${at}/policy`, {
    lifetime_actions: [{ trigger, action: { action_type: 'EmailContacts' } }],
  })
  await walkPending(walk, name)
  await walk.run('ImportCertificate', 'POST', `${at}-i/import`, { value: signer.pem })
  await walk.run('GetCertificates', 'GET', '/certificates?maxresults=2')
  await walk.run('GetCertificates', 'GET', '/certificates?includePending=true')
  await walk.run('GetCertificateVersions', 'GET', `${at}/versions`)
  const { value } = await walk.run('BackupCertificate', 'POST', `${at}/backup`)
  await walk.run('DeleteCertificate', 'DELETE', at)
  await walk.run('GetDeletedCertificates', 'GET', '/deletedcertificates')
  await walk.run('GetDeletedCertificate', 'GET', `/deletedcertificates/${name}`)
  await walk.run('RecoverDeletedCertificate', 'POST', `/deletedcertificates/${name}/recover`)
  await walk.run('DeleteCertificate', 'DELETE', at)
  await walk.run('PurgeDeletedCertificate', 'DELETE', `/deletedcertificates/${name}`)
  await walk.run('RestoreCertificate', 'POST', '/certificates/restore', { value })
}

async function walkPending(walk: Walk, name: string): Promise<void> {
  const at = `/certificates/${name}-u`
  const policy = {
    issuer: { name: 'Unknown' },
    key_props: EC,
    x509_props: { subject: 'CN=u.test' },
    secret_props: { contentType: 'application/x-pem-file' },
  }
  await walk.run('CreateCertificate', 'POST', `${at}/create`, { policy })
  await walk.run('GetCertificates', 'GET', '/certificates?includePending=true')
  await walk.run('UpdateCertificateOperation', 'PATCH', `${at}/pending`, {
    cancellation_requested: true,
  })
  await walk.run('DeleteCertificateOperation', 'DELETE', `${at}/pending`)
  const { csr } = await walk.run('CreateCertificate', 'POST', `${at}/create`, { policy })
  const request = path.join(files, 'r.csr')
  writeFileSync(request, Buffer.from(csr, 'base64'))
  const ca = ['-CA', signer.cer, '-CAkey', signer.key, '-set_serial', '7', '-days', '60']
  const sign = ['x509', '-req', '-inform', 'DER', '-in', request, '-outform', 'DER', ...ca]
  const leaf = execFileSync('openssl', sign, { stdio: 'pipe' }).toString('base64')
  await walk.run('MergeCertificate', 'POST', `${at}/pending/merge`, { x5c: [leaf] })
  await walk.run('GetSecret', 'GET', `/secrets/${name}-u`)
}

async function walkAuthorities(walk: Walk): Promise<void> {
  const contacts = '/certificates/contacts'
  await walk.run('SetCertificateContacts', 'PUT', contacts, {
    contacts: [{ email: 'a@a.test', name: 'Ann', phone: '1' }, { email: 'b@a.test' }],
  })
  await walk.run('GetCertificateContacts', 'GET', contacts)
  await walk.run('DeleteCertificateContacts', 'DELETE', contacts)
  const issuer = '/certificates/issuers/one'
  const admin = { first_name: 'A', last_name: 'B', email: 'a@a.test', phone: '1' }
  await walk.run('SetCertificateIssuer', 'PUT', issuer, {
    provider: 'DigiCert',
    credentials: { account_id: '1', pwd: 'never shown' },
    org_details: { id: 'o', admin_details: [admin] },
  })
  await walk.run('UpdateCertificateIssuer', 'PATCH', issuer, { attributes: { enabled: false } })
  await walk.run('GetCertificateIssuer', 'GET', issuer)
  await walk.run('GetCertificateIssuers', 'GET', '/certificates/issuers?maxresults=1')
  await walk.run('DeleteCertificateIssuer', 'DELETE', issuer)
}

/** The walk through everything that is served for everybody. */
async function walkAll(version: ShapeVersion, prefix: string): Promise<Walk> {
  const walk = new Walk(version, prefix)
  await walk.run('HealthStatus', 'GET', '/healthstatus')
  await walkSecrets(walk)
  await walkKeys(walk)
  await walkCertificates(walk)
  await walkAuthorities(walk)
  return walk
}

describe('response bodies have exactly the documented shape', () => {
  test.each(shapeVersions)('api-version %s', async (version) => {
    expect((await walkAll(version, 'a')).faults).toEqual([])
    expect(server.bugs).toEqual([])
  })

  test('every row of the operation table has a schema and is walked', async () => {
    const { steps } = await walkAll('2026-04-01', 'b')
    const rows = server.vault.service.operations
    const isWalked = ({ name, method, path: pattern }: (typeof rows)[number]) => {
      const segments = pattern
        .split('/')
        .map((part) => (part.startsWith(':') ? (part.endsWith('?') ? '?[^/]*' : '[^/]+') : part))
      const shape = new RegExp(`^${segments.join('/')}$`)
      return steps.some(
        (step) => step.name === name && step.method === method && shape.test(step.path),
      )
    }
    const missing = rows.filter((row) => !isWalked(row)).map(({ name, path: p }) => `${name} ${p}`)
    expect(missing).toEqual([])
  })
})

const REFUSALS = [
  { why: 'no token', method: 'GET', target: '/secrets/a', token: undefined, status: 401 },
  { why: 'not a token', method: 'GET', target: '/secrets/a', token: 'x.y.z', status: 401 },
  { why: 'wrong name', method: 'GET', target: '/secrets/a_b', status: 400 },
  { why: 'unknown version', method: 'GET', target: '/secrets?api-version=9.9', status: 400 },
  { why: 'maxresults', method: 'GET', target: '/secrets?maxresults=26', status: 400 },
  { why: 'foreign place', method: 'GET', target: '/keys?$skiptoken=eyJ', status: 400 },
  { why: 'unknown secret', method: 'GET', target: '/secrets/none', status: 404 },
  { why: 'unknown key', method: 'POST', target: '/keys/none/sign', body: {}, status: 404 },
  { why: 'unknown certificate', method: 'GET', target: '/certificates/none', status: 404 },
  { why: 'no operation', method: 'GET', target: '/certificates/none/pending', status: 404 },
  { why: 'no contacts', method: 'GET', target: '/certificates/contacts', status: 404 },
  { why: 'no issuer', method: 'GET', target: '/certificates/issuers/none', status: 404 },
  { why: 'null value', method: 'PUT', target: '/secrets/a', body: { value: null }, status: 400 },
  { why: 'not JSON', method: 'PUT', target: '/secrets/a', body: '{', status: 400 },
  {
    why: 'wrong blob',
    method: 'POST',
    target: '/keys/restore',
    body: { value: 'AA' },
    status: 400,
  },
] as const

test.each(REFUSALS)('a refusal has the documented envelope: $why', async (refusal) => {
  const { method, target, status } = refusal
  const answer = await server.ask(method, target, {
    ...('token' in refusal && { token: refusal.token }),
    ...('body' in refusal && { body: refusal.body }),
  })
  expect(answer.status).toBe(status)
  expect(faultsOf('error', errorBody, answer.body)).toEqual([])
  expect(faultsOf('headers', headers, answer.headers)).toEqual([])
  expect(answer.headers['www-authenticate'] !== undefined).toBe(status === 401)
})

test('an unknown path is answered with the envelope too', async () => {
  const answer = await server.ask('GET', '/nothing/here')
  expect(answer.status).toBe(404)
  expect(faultsOf('error', errorBody, answer.body)).toEqual([])
})

test.each([
  { why: 'a member more', change: { surprise: 1 } },
  { why: 'a version with dashes', change: { id: `${BASE}/secrets/s/${randomUUID()}` } },
  { why: 'an id with the port', change: { id: `${BASE}:443/secrets/s/${'0'.repeat(32)}` } },
  { why: 'another collection', change: { id: `${BASE}/keys/s/${'0'.repeat(32)}` } },
  { why: 'milliseconds', change: { attributes: { created: 1_790_000_000_000 } } },
  { why: 'a text for a number', change: { attributes: { recoverableDays: '7' } } },
  { why: 'an unknown level', change: { attributes: { recoveryLevel: 'recoverable' } } },
  { why: 'no value', change: { value: undefined } },
])('the schema of a secret refuses $why', ({ change }) => {
  const attributes = {
    enabled: true,
    created: 1_790_000_000,
    updated: 1_790_000_000,
    recoveryLevel: 'Recoverable',
    recoverableDays: 7,
  }
  const right = { value: 'v', id: `${BASE}/secrets/s/${'0'.repeat(32)}`, attributes }
  const schema = expectedAnswers['GetSecret']?.body?.('7.4') ?? {}
  expect(faultsOf('GetSecret 7.4', schema, right)).toEqual([])
  const more = 'attributes' in change ? { attributes: { ...attributes, ...change.attributes } } : {}
  const wrong = JSON.parse(JSON.stringify({ ...right, ...change, ...more }))
  expect(faultsOf('GetSecret 7.4', schema, wrong)).not.toEqual([])
})
