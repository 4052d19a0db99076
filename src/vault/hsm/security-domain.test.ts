import fc from 'fast-check'
import { afterEach, expect, test } from 'vitest'
import { Sealed } from '../../base/sealed.ts'
import type { Database } from '../../storage/database.ts'
import type { ObjectTables } from '../objects/tables.ts'
import { makeHolder, recover } from '../testing/test-domain.ts'
import { HSM } from '../testing/test-vault.ts'
import { startHsms, type TestHsms } from '../testing/two-hsms.ts'
import { domainSealer } from './domain-sealer.ts'
import { atRest, findDomain } from './domain-store.ts'

const started: TestHsms[] = []
afterEach(async () => {
  for (const one of started.splice(0)) {
    expect(one.bugs).toEqual([])
    await one.close()
  }
})

async function start(): Promise<TestHsms> {
  const one = await startHsms()
  started.push(one)
  return one
}

const key = { kty: 'EC-HSM' }

test('downloading the security domain activates a managed HSM', async () => {
  const { askHsm, holders, vault } = await start()
  expect((await askHsm('POST', '/keys/k/create', key)).status).toBe(403)
  expect((await askHsm('GET', '/securitydomain/download/pending')).status).toBe(404)
  expect(await vault.isHsmActivated(HSM.dataId)).toBe(false)
  const body = { certificates: holders.map(({ jwk }) => jwk), required: 2 }
  const answer = await askHsm('POST', '/securitydomain/download', body)
  expect(answer.status).toBe(202)
  expect(answer.headers['retry-after']).toBe('1')
  const pending = 'https://h1.managedhsm.azure.net/securitydomain/download/pending?api-version=7.5'
  expect(answer.headers['azure-asyncoperation']).toBe(pending)
  expect(await vault.isHsmActivated(HSM.dataId)).toBe(true)
  expect((await askHsm('GET', '/securitydomain/download/pending')).body.status).toBe('Success')
  expect((await askHsm('POST', '/keys/k/create', key)).status).toBe(200)
})

test('the file names its algorithms and has one share for each certificate', async () => {
  const { download, holders } = await start()
  const file = JSON.parse(await download())
  expect(file).toMatchObject({
    version: 2,
    EncData: { kdf: 'sp108_kdf', data: [{ tag: 'domain-key' }] },
    SharedKeys: { key_algorithm: 'shamir_share', required: 2 },
  })
  const thumbprints = file.SharedKeys.enc_shares.map(({ x5t_256 }: { x5t_256: string }) => x5t_256)
  expect(thumbprints).toEqual(holders.map(({ thumbprint }) => thumbprint))
})

test('any two of three holders bring the domain into a new managed HSM, which is then activated', async () => {
  for (const pick of [
    [0, 1],
    [2, 0],
  ] as const) {
    const { askHsm, download, upload, holders } = await start()
    await askHsm('POST', '/keys/k/create', key)
    const file = await download()
    await askHsm('POST', '/keys/k/create', key)
    const { value } = (await askHsm('POST', '/keys/k/backup')).body
    const two = pick.map((at) => holders[at] ?? makeHolder())
    const answer = await upload(file, two, 'h2')
    expect(answer).toMatchObject({ status: 202, body: { status: 'Success' } })
    const status = await askHsm('GET', '/securitydomain/upload/pending', undefined, 'h2')
    expect(status.body.status).toBe('Success')
    expect((await askHsm('POST', '/keys/restore', { value }, 'h2')).status).toBe(200)
  }
})

test('one holder of two required brings nothing', async () => {
  const { askHsm, download, holders } = await start()
  const file = await download()
  const { transfer_key } = (await askHsm('GET', '/securitydomain/upload', undefined, 'h2')).body
  await expect(recover(file, holders.slice(0, 1), transfer_key)).rejects.toThrow()
  expect((await askHsm('POST', '/keys/k/create', key, 'h2')).status).toBe(403)
})

test('a key backup opens in no managed HSM of another domain', async () => {
  const { askHsm, download } = await start()
  await download('h1')
  await download('h2')
  await askHsm('POST', '/keys/k/create', key)
  const { value } = (await askHsm('POST', '/keys/k/backup')).body
  const answer = await askHsm('POST', '/keys/restore', { value }, 'h2')
  expect(answer.body.error.message).toContain('Cannot decrypt backup blob')
})

test('a second download gives other shares of the same domain', async () => {
  const { askHsm, download, upload, holders } = await start()
  const first = await download()
  await askHsm('POST', '/keys/k/create', key)
  const { value } = (await askHsm('POST', '/keys/k/backup')).body
  const second = await download()
  expect(second).not.toBe(first)
  expect((await upload(first, holders.slice(0, 2), 'h2')).status).toBe(202)
  expect((await askHsm('POST', '/keys/restore', { value }, 'h2')).status).toBe(200)
})

test('nothing is uploaded into an activated managed HSM', async () => {
  const { askHsm, download } = await start()
  const file = await download()
  for (const answer of [
    await askHsm('GET', '/securitydomain/upload'),
    await askHsm('POST', '/securitydomain/upload', { value: file }),
  ]) {
    expect(answer).toMatchObject({ status: 409, body: { error: { code: 'Conflict' } } })
  }
})

test.each([
  {
    case: 'the downloaded file itself',
    value: (file: string) => file,
    says: 'that was downloaded',
  },
  { case: 'no JSON', value: () => 'x', says: 'not the restore blob' },
  {
    case: 'a blob for another transfer key',
    value: (_file: string, other: string) => other,
    says: 'not encrypted for the exchange key',
  },
])('an upload of $case is refused', async ({ value, says }) => {
  const { askHsm, download, holders } = await start()
  const file = await download()
  await askHsm('GET', '/securitydomain/upload', undefined, 'h2')
  const transfer = JSON.stringify(makeHolder().jwk)
  const other = await recover(file, holders.slice(0, 2), transfer)
  const body = { value: value(file, other) }
  const answer = await askHsm('POST', '/securitydomain/upload', body, 'h2')
  expect(answer.status).toBe(400)
  expect(answer.body.error.message).toContain(says)
})

test('an upload that was not begun is refused', async () => {
  const { askHsm } = await start()
  expect((await askHsm('POST', '/securitydomain/upload', { value: '{}' }, 'h2')).status).toBe(404)
  expect((await askHsm('POST', '/securitydomain/upload', {}, 'h2')).status).toBe(400)
})

const small = makeHolder(1024)
const weak = makeHolder(2048, 3)
const wrongBodies = (jwks: readonly object[]): Record<string, unknown> => ({
  'no certificates': {},
  'two certificates': { certificates: jwks.slice(0, 2) },
  'eleven certificates': { certificates: Array(11).fill(jwks[0]) },
  'one key twice': { certificates: [jwks[0], jwks[1], jwks[0]] },
  'a quorum of one': { certificates: jwks, required: 1 },
  'a quorum larger than the certificates': { certificates: jwks, required: 4 },
  'half a quorum': { certificates: jwks, required: 2.5 },
  'a small key': { certificates: [jwks[0], jwks[1], small.jwk] },
  'a small exponent': { certificates: [jwks[0], jwks[1], weak.jwk] },
  'another modulus': { certificates: [jwks[0], jwks[1], { ...jwks[2], n: small.jwk['n'] }] },
  'another thumbprint': { certificates: [jwks[0], jwks[1], { ...jwks[2], 'x5t#S256': 'AAAA' }] },
  'no x5c': { certificates: [jwks[0], jwks[1], { ...jwks[2], x5c: [] }] },
  'a broken x5c': { certificates: [jwks[0], jwks[1], { ...jwks[2], x5c: ['AAAA'] }] },
  'another kind of key': { certificates: [jwks[0], jwks[1], { ...jwks[2], kty: 'EC' }] },
})

test.each(Object.keys(wrongBodies([])))('a download with %s is refused', async (name) => {
  const { askHsm, holders, vault } = await start()
  const body = wrongBodies(holders.map(({ jwk }) => jwk))[name]
  const answer = await askHsm('POST', '/securitydomain/download', body)
  expect(answer).toMatchObject({ status: 400, body: { error: { code: 'BadParameter' } } })
  expect(await vault.isHsmActivated(HSM.dataId)).toBe(false)
})

test('the domain key and the transfer key are in no answer, no audit record and no table in the clear', async () => {
  const { askHsm, download, upload, holders, audit, db, sealer } = await start()
  const file = await download()
  const uploaded = await upload(file, holders.slice(0, 2), 'h2')
  const stored = await findDomain(db as Database<ObjectTables>, HSM.dataId)
  const scope = await sealer.scope(`vault:${HSM.dataId}`)
  if (!stored) throw new Error('no domain')
  const domainKey = atRest.openDomainKey(scope, stored)
  const status = await askHsm('GET', '/securitydomain/upload/pending', undefined, 'h2')
  const seen = [file, uploaded.text, status.text, JSON.stringify(audit)].join('\n')
  const rows = await (db as Database<ObjectTables>).query
    .selectFrom('vault_hsm_domain')
    .selectAll()
    .execute()
  const blobs = rows.map(({ sealed }) => Buffer.from(sealed).toString('latin1')).join()
  for (const form of ['hex', 'base64', 'base64url', 'latin1'] as const) {
    expect(seen).not.toContain(domainKey.open().toString(form))
    expect(blobs).not.toContain(domainKey.open().toString(form))
  }
})

test('a domain opens what it sealed at its place, and nothing else', () => {
  const sealer = domainSealer(new Sealed(Buffer.alloc(32, 1)))
  const other = domainSealer(new Sealed(Buffer.alloc(32, 2)))
  const sealed = sealer.seal('a', 'text')
  expect(sealer.open('a', sealed).open()).toBe('text')
  expect([sealer.isOwn(sealed), other.isOwn(sealed), sealer.isOwn(Buffer.alloc(3))]).toEqual([
    true,
    false,
    false,
  ])
  expect(() => sealer.open('b', sealed)).toThrow('cannot be opened')
  expect(() => other.open('a', sealed)).toThrow('cannot be opened')
  sealed[sealed.length - 1] = (sealed.at(-1) ?? 0) ^ 1
  expect(() => sealer.open('a', sealed)).toThrow('cannot be opened')
})

test('whatever is sent as certificates or as an upload, the answer is a refusal and no defect', async () => {
  const { askHsm, holders } = await start()
  await askHsm('GET', '/securitydomain/upload')
  const jwk = holders[0]?.jwk ?? {}
  const part = fc.oneof(fc.jsonValue(), fc.constantFrom(...Object.values(jwk)))
  const key = fc.record(Object.fromEntries(Object.keys(jwk).map((name) => [name, part])), {
    requiredKeys: [],
  })
  const certificates = fc.array(fc.oneof(key, fc.constant(jwk), part), { maxLength: 4 })
  const jwe = fc.array(fc.base64String(), { maxLength: 6 }).map((parts) => parts.join('.'))
  const upload = fc.record({
    WrappedKey: fc.oneof(part, fc.record({ enc_key: jwe })),
    EncData: fc.record({
      kdf: fc.constant('sp108_kdf'),
      data: fc.array(fc.record({ tag: fc.constant('domain-key'), compact_jwe: jwe })),
    }),
  })
  const sent = fc.oneof(
    fc.record({ certificates, required: fc.oneof(fc.nat(4), part) }).map((body) => ({
      path: '/securitydomain/download',
      body,
    })),
    fc
      .oneof(
        fc.json(),
        upload.map((body) => JSON.stringify(body)),
      )
      .map((value) => ({
        path: '/securitydomain/upload',
        body: { value },
      })),
  )
  await fc.assert(
    fc.asyncProperty(sent, async ({ path, body }) => {
      expect((await askHsm('POST', path, body)).status).toBe(400)
    }),
    { numRuns: 200 },
  )
})
