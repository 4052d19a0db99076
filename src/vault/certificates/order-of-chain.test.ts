import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, afterEach, expect, test } from 'vitest'
import { startVault, type TestVault } from '../testing/test-vault.ts'
import { thumbprint } from './issued.ts'
import { readPem } from './pem.ts'
import { readPfx } from './pfx.ts'

const EC = { kty: 'EC', crv: 'P-256', exportable: true, reuse_key: false }
const SELF = { issuer: { name: 'Self' }, key_props: EC, x509_props: { subject: 'CN=web' } }

const started: TestVault[] = []
async function start(): Promise<TestVault> {
  const made = await startVault()
  started.push(made)
  return made
}
afterEach(async () => {
  for (const made of started.splice(0)) await made.close()
})

const folder = mkdtempSync(path.join(os.tmpdir(), 'sluice-chain-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A certificate with its key, by openssl. */
function pairOf(name: string): { readonly certificate: string; readonly key: string } {
  const [certificate, key] = [path.join(folder, `${name}.pem`), path.join(folder, `${name}.key`)]
  const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  const out = ['-subj', `/CN=${name}`, '-days', '30', '-out', certificate, '-keyout', key]
  execFileSync('openssl', [...request, ...out], { stdio: 'pipe' })
  return { certificate: readFileSync(certificate, 'utf8'), key: readFileSync(key, 'utf8') }
}

async function create(ask: TestVault['ask'], name: string): Promise<void> {
  const answer = await ask('POST', `/certificates/${name}/create`, { body: { policy: SELF } })
  expect(answer.status).toBe(202)
}

test.each([
  ['application/x-pem-file', true, ['root', 'leaf']],
  ['application/x-pem-file', false, ['leaf', 'root']],
  ['application/x-pkcs12', true, ['root', 'leaf']],
  ['application/x-pkcs12', undefined, ['leaf', 'root']],
])('an import as %s with preserveCertOrder %s stores %j', async (contentType, order, expected) => {
  const { ask } = await start()
  const { certificate: leaf, key } = pairOf('leaf')
  const { certificate: root } = pairOf('root')
  const body = {
    value: `${root}${leaf}${key}`,
    policy: { secret_props: { contentType } },
    preserveCertOrder: order,
  }
  const made = await ask('POST', '/certificates/c/import?api-version=7.6', { body })
  expect(made.body).toMatchObject({ x5t: thumbprint(new X509Certificate(leaf).raw) })
  expect(made.body.preserveCertOrder).toBe(order)
  const { value } = (await ask('GET', '/secrets/c')).body
  const content = contentType.endsWith('12')
    ? readPfx(Buffer.from(value, 'base64'), '')
    : readPem(value)
  const named = new Map([
    [new X509Certificate(root).fingerprint256, 'root'],
    [new X509Certificate(leaf).fingerprint256, 'leaf'],
  ])
  const names = content.certificates.map((der) =>
    named.get(new X509Certificate(der).fingerprint256),
  )
  expect(names).toEqual(expected)
  expect((await ask('GET', '/certificates/c?api-version=7.4')).body).not.toHaveProperty(
    'preserveCertOrder',
  )
})

test('what a create says of the order is told by its operation and its certificate', async () => {
  const { ask } = await start()
  const body = { policy: SELF, preserveCertOrder: true }
  const begun = await ask('POST', '/certificates/c/create?api-version=7.6', { body })
  expect([begun.status, begun.body.preserveCertOrder]).toEqual([202, true])
  const got = await ask('GET', '/certificates/c?api-version=2025-07-01')
  expect(got.body.preserveCertOrder).toBe(true)
  const wrong = { policy: SELF, preserveCertOrder: 'yes' }
  const refused = await ask('POST', '/certificates/d/create?api-version=7.6', { body: wrong })
  expect(refused.status).toBe(400)
})

test('the secret of a renewed certificate names the version before it, from 2025-07-01', async () => {
  const { ask } = await start()
  await create(ask, 'c')
  const first = (await ask('GET', '/secrets/c?api-version=2025-07-01')).body
  await create(ask, 'c')
  const second = (await ask('GET', '/secrets/c?api-version=2025-07-01')).body
  expect(first).not.toHaveProperty('previousVersion')
  expect(second.previousVersion).toBe(first.id.split('/').at(-1))
  expect((await ask('GET', '/secrets/c?api-version=7.6')).body).not.toHaveProperty(
    'previousVersion',
  )
})
