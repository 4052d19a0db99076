import { afterEach, expect, test } from 'vitest'
import { Sealed } from '../../base/sealed.ts'
import type { Database } from '../../storage/database.ts'
import type { ObjectTables } from '../objects/tables.ts'
import { startStorage, type TestStorage } from '../testing/test-domain.ts'
import { HSM, tokenOf } from '../testing/test-vault.ts'
import { SECOND, startHsms, type TestHsms } from '../testing/two-hsms.ts'
import { readBlobPlace } from './blob-storage.ts'
import { HsmJobs } from './jobs.ts'
import { findState, putSetting } from './state.ts'

const SIGNATURE = 'c2FzLWNhbmFyeS1jMmFzLWNhbmFyeQ%3D%3D'
const DECODED = decodeURIComponent(SIGNATURE)

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

interface Scene {
  readonly hsms: TestHsms
  readonly storage: TestStorage
  /** Backs `h1` up and gives the folder. */
  backUp(): Promise<string>
  /** Restores a folder into an HSM and gives the job as it ended. */
  restore(folder: string, hsm?: string): Promise<{ status: string; error: { message: string } }>
}

async function start(): Promise<Scene> {
  const hsms = await startHsms()
  const storage = await startStorage(DECODED)
  closing.push(async () => {
    expect(hsms.bugs).toEqual([])
    await hsms.close()
    await storage.close()
  })
  const place = { storageResourceUri: storage.uri, token: SIGNED }
  return {
    hsms,
    storage,
    backUp: async () => {
      const ended = await hsms.ended(await hsms.askHsm('POST', '/backup', place))
      expect(ended.error).toBeNull()
      return String(ended.azureStorageBlobContainerUri).split('/').at(-1) ?? ''
    },
    restore: async (folder, hsm = 'h1') => {
      const body = { sasTokenParameters: place, folderToRestore: folder }
      return hsms.ended(await hsms.askHsm('PUT', '/restore', body, hsm))
    },
  }
}

const SIGNED = `?sv=2021-12-02&sp=crdw&sig=${SIGNATURE}`
const digest = Buffer.alloc(32, 7).toString('base64url')

test('a full backup is written below a folder that names the HSM and the time', async () => {
  const { hsms, storage } = await start()
  await hsms.download()
  await hsms.askHsm('POST', '/keys/k/create', { kty: 'EC-HSM' })
  const place = { storageResourceUri: storage.uri, token: SIGNED }
  const begun = await hsms.askHsm('POST', '/backup', place)
  expect(begun).toMatchObject({ status: 202, body: { status: 'InProgress', endTime: null } })
  expect(begun.headers['azure-asyncoperation']).toBe(
    `https://h1.managedhsm.azure.net/backup/${begun.body.jobId}/pending?api-version=7.5`,
  )
  const ended = await hsms.ended(begun)
  expect(ended).toMatchObject({ status: 'Succeeded', error: null, jobId: begun.body.jobId })
  const folder = String(ended.azureStorageBlobContainerUri).slice(storage.uri.length + 1)
  expect(folder).toMatch(/^mhsm-h1-\d{16}$/)
  expect([...storage.blobs.keys()]).toEqual([`${folder}/keys-000001`, `${folder}/manifest`])
})

test('keys, versions, tags, deleted keys, roles and settings come back in another HSM of the domain', async () => {
  const { hsms, backUp, restore } = await start()
  const { askHsm } = hsms
  const db = hsms.db as Database<ObjectTables>
  const setting = { name: 's', value: 'true' }
  await db.write((tx) => putSetting(tx, HSM.dataId, setting))
  const file = await hsms.download()
  await askHsm('POST', '/keys/sign/create', { kty: 'EC-HSM', tags: { a: 'b' } })
  await askHsm('POST', '/keys/sign/create', { kty: 'EC-HSM' })
  await askHsm('POST', '/keys/AES/create', { kty: 'oct-HSM', key_size: 256 })
  await askHsm('POST', '/keys/gone/create', { kty: 'EC-HSM' })
  await askHsm('DELETE', '/keys/gone')
  const signed = await askHsm('POST', '/keys/sign//sign', { alg: 'ES256', value: digest })
  const folder = await backUp()
  await hsms.upload(file, hsms.holders.slice(1), 'h2')
  await askHsm('POST', '/keys/extra/create', { kty: 'EC-HSM' }, 'h2')
  expect(await restore(folder, 'h2')).toMatchObject({ status: 'Succeeded', error: null })
  const version = String(signed.body.kid).split('/').at(-1)
  const check = { alg: 'ES256', digest, value: signed.body.value }
  const verified = await askHsm('POST', `/keys/sign/${version}/verify`, check, 'h2')
  expect(verified.body).toEqual({ value: true })
  const versions = await askHsm('GET', '/keys/sign/versions', undefined, 'h2')
  expect(versions.body.value).toHaveLength(2)
  expect(versions.body.value).toContainEqual(expect.objectContaining({ tags: { a: 'b' } }))
  expect((await askHsm('GET', '/deletedkeys/gone', undefined, 'h2')).status).toBe(200)
  expect((await askHsm('GET', '/keys/AES', undefined, 'h2')).body.key.kid).toContain('/keys/AES/')
  // A full restore makes the HSM what the first one was: what it held is gone.
  expect((await askHsm('GET', '/keys/extra', undefined, 'h2')).status).toBe(404)
  const [original, restored] = [await findState(db, HSM.dataId), await findState(db, SECOND.dataId)]
  expect(original?.settings).toEqual(new Map([['s', 'true']]))
  expect(restored).toEqual(original)
})

test('a restore over the same keys replaces them', async () => {
  const { hsms, backUp, restore } = await start()
  await hsms.download()
  const first = await hsms.askHsm('POST', '/keys/k/create', { kty: 'EC-HSM' })
  const folder = await backUp()
  await hsms.askHsm('POST', '/keys/k/create', { kty: 'EC-HSM' })
  expect((await restore(folder)).status).toBe('Succeeded')
  const found = await hsms.askHsm('GET', '/keys/k')
  expect(found.body.key).toEqual(first.body.key)
})

test('a backup of another security domain is refused in words, and nothing is changed', async () => {
  const { hsms, backUp, restore } = await start()
  await hsms.download('h1')
  await hsms.download('h2')
  await hsms.askHsm('POST', '/keys/mine/create', { kty: 'EC-HSM' }, 'h2')
  await hsms.askHsm('POST', '/keys/k/create', { kty: 'EC-HSM' })
  const ended = await restore(await backUp(), 'h2')
  expect(ended.status).toBe('Failed')
  expect(ended.error.message).toContain('not made under the security domain of this managed HSM')
  expect((await hsms.askHsm('GET', '/keys/mine', undefined, 'h2')).status).toBe(200)
})

test('parts that were changed, exchanged or left out are noticed, and nothing is changed', async () => {
  const { hsms, storage, backUp, restore } = await start()
  await hsms.download()
  await hsms.askHsm('POST', '/keys/k/create', { kty: 'EC-HSM' })
  const one = await backUp()
  hsms.clock.moveMs(1000)
  const other = await backUp()
  const whole = storage.blobs.get(`${one}/keys-000001`) ?? Buffer.alloc(0)
  await hsms.askHsm('POST', '/keys/later/create', { kty: 'EC-HSM' })
  const changed = Buffer.from(whole)
  changed[40] = (changed[40] ?? 0) ^ 1
  for (const part of [changed, storage.blobs.get(`${other}/keys-000001`), undefined]) {
    if (part) storage.blobs.set(`${one}/keys-000001`, part)
    else storage.blobs.delete(`${one}/keys-000001`)
    expect((await restore(one)).status).toBe('Failed')
  }
  expect((await hsms.askHsm('GET', '/keys/later')).status).toBe(200)
})

test('one key is restored from a full backup, beside the others', async () => {
  const { hsms, storage, backUp } = await start()
  await hsms.download()
  await hsms.askHsm('POST', '/keys/k/create', { kty: 'EC-HSM' })
  const folder = await backUp()
  await hsms.askHsm('POST', '/keys/other/create', { kty: 'EC-HSM' })
  const body = {
    sasTokenParameters: { storageResourceUri: storage.uri, token: SIGNED },
    folder,
  }
  const restoreKey = async () => hsms.ended(await hsms.askHsm('PUT', '/keys/K/restore', body))
  expect((await restoreKey()).error.message).toContain('already exists')
  await hsms.askHsm('DELETE', '/keys/k')
  expect((await restoreKey()).error.message).toContain('deleted but recoverable')
  await hsms.askHsm('DELETE', '/deletedkeys/k')
  expect(await restoreKey()).toMatchObject({ status: 'Succeeded', error: null })
  expect((await hsms.askHsm('GET', '/keys/k')).status).toBe(200)
  expect((await hsms.askHsm('GET', '/keys/other')).status).toBe(200)
  const missing = await hsms.ended(await hsms.askHsm('PUT', '/keys/none/restore', body))
  expect(missing.error.message).toBe('The backup holds no key with the name none.')
})

test('a check before a backup leaves nothing, a check before a restore changes nothing', async () => {
  const { hsms, storage, backUp } = await start()
  await hsms.download()
  const place = { storageResourceUri: storage.uri, token: SIGNED }
  const checked = await hsms.ended(await hsms.askHsm('POST', '/prebackup', place))
  expect(checked.status).toBe('Succeeded')
  expect(storage.blobs.size).toBe(0)
  const folder = await backUp()
  await hsms.askHsm('POST', '/keys/k/create', { kty: 'EC-HSM' })
  const body = { sasTokenParameters: place, folderToRestore: folder }
  expect((await hsms.ended(await hsms.askHsm('PUT', '/prerestore', body))).status).toBe('Succeeded')
  expect((await hsms.askHsm('GET', '/keys/k')).status).toBe(200)
})

test.each([
  {
    case: 'a wrong signature',
    disturb: undefined,
    token: '?sig=wrong',
    says: 'HTTP 403 AuthenticationFailed',
  },
  { case: 'a redirect', disturb: 307, token: SIGNED, says: 'HTTP 307 Disturbed' },
  { case: 'a broken storage', disturb: 500, token: SIGNED, says: 'HTTP 500 Disturbed' },
])('a backup to a storage with $case fails in words', async ({ disturb, token, says }) => {
  const { hsms, storage } = await start()
  await hsms.download()
  storage.disturb = disturb === undefined ? undefined : () => disturb
  const place = { storageResourceUri: storage.uri, token }
  const ended = await hsms.ended(await hsms.askHsm('POST', '/backup', place))
  expect(ended).toMatchObject({ status: 'Failed', error: { code: 'StorageError' } })
  expect(ended.error.message).toContain(says)
  // A redirect is not followed: the token is for the storage alone.
  expect(storage.asked).toHaveLength(1)
})

test('a blob that is larger than any of a backup is not read to its end', async () => {
  const { hsms, storage, restore } = await start()
  await hsms.download()
  storage.blobs.set('huge/manifest', Buffer.alloc(64 * 1024 * 1024 + 1))
  expect((await restore('huge')).error.message).toBe('The blob huge/manifest is too large.')
})

test('a storage that is not there is said by its host and the reason', async () => {
  const { hsms, storage } = await start()
  await hsms.download()
  await storage.close()
  const place = { storageResourceUri: storage.uri, token: SIGNED }
  const { error } = await hsms.ended(await hsms.askHsm('POST', '/backup', place))
  const host = new URL(storage.uri).host
  expect(error.message).toBe(`The storage at ${host} cannot be reached (ECONNREFUSED).`)
})

test.each([
  { case: 'no token', body: { storageResourceUri: 'https://a.blob.core.windows.net/c' } },
  { case: 'a plain http storage', body: { storageResourceUri: 'http://a.test/c', token: SIGNED } },
  { case: 'another scheme', body: { storageResourceUri: 'file:///etc', token: SIGNED } },
  { case: 'a query', body: { storageResourceUri: 'https://a.test/c?x=1', token: SIGNED } },
  { case: 'a user', body: { storageResourceUri: 'https://u:p@a.test/c', token: SIGNED } },
  { case: 'no signature', body: { storageResourceUri: 'https://a.test/c', token: 'sv=1' } },
  {
    case: 'a token of two lines',
    body: { storageResourceUri: 'https://a.test/c', token: 'sig=a\nb' },
  },
])('a backup with $case is refused at once', async ({ body }) => {
  const { hsms } = await start()
  await hsms.download()
  const answer = await hsms.askHsm('POST', '/backup', body)
  expect(answer).toMatchObject({ status: 400, body: { error: { code: 'BadParameter' } } })
})

test('a managed identity is refused: there is none', async () => {
  const { hsms } = await start()
  await hsms.download()
  const body = { storageResourceUri: 'https://a.test/c', useManagedIdentity: true }
  const answer = await hsms.askHsm('POST', '/backup', body)
  expect(answer).toMatchObject({ status: 400, body: { error: { code: 'NotSupported' } } })
})

test.each(['../mhsm', 'a/../b', 'a//b', '', 'a?x', '/a', 'a/', '.'])(
  'a restore of the folder %j is refused at once',
  async (folderToRestore) => {
    const { hsms, storage } = await start()
    await hsms.download()
    const sasTokenParameters = { storageResourceUri: storage.uri, token: SIGNED }
    const answer = await hsms.askHsm('PUT', '/restore', { sasTokenParameters, folderToRestore })
    expect(answer.status).toBe(400)
    expect(storage.asked).toEqual([])
  },
)

test('one job runs at a time, and one of another HSM is not shown', async () => {
  const { hsms } = await start()
  const jobs = new HsmJobs(hsms.db as Database<ObjectTables>, hsms.clock)
  let finish = () => {}
  const begun = { kind: 'backup', folderUri: undefined } as const
  const wait = () =>
    new Promise<void>((resolve) => {
      finish = resolve
    })
  const job = await jobs.start(HSM.dataId, begun, wait)
  await expect(jobs.start(HSM.dataId, begun, wait)).rejects.toMatchObject({ code: 'HsmBusy' })
  await expect(jobs.read('another', 'backup', job.id)).rejects.toMatchObject({
    code: 'HsmJobNotFound',
  })
  await expect(jobs.read(HSM.dataId, 'restore', job.id)).rejects.toMatchObject({
    code: 'HsmJobNotFound',
  })
  finish()
})

test('a job whose process died has failed, in words, and does not hold up the next', async () => {
  const { hsms } = await start()
  const db = hsms.db as Database<ObjectTables>
  const died = new HsmJobs(db, hsms.clock)
  const begun = { kind: 'restore', folderUri: undefined } as const
  const job = await died.start(HSM.dataId, begun, () => new Promise(() => {}))
  hsms.clock.moveMs(60_000)
  const next = new HsmJobs(db, hsms.clock)
  expect(await next.read(HSM.dataId, 'restore', job.id)).toMatchObject({
    status: 'Failed',
    error: { message: 'The server stopped while the job was running. Start it again.' },
  })
  const later = await next.start(HSM.dataId, begun, async () => {})
  expect(later.status).toBe('InProgress')
})

test('a sweep ends the jobs of dead processes', async () => {
  const { hsms } = await start()
  const db = hsms.db as Database<ObjectTables>
  const begun = { kind: 'restore', folderUri: undefined } as const
  await new HsmJobs(db, hsms.clock).start(HSM.dataId, begun, () => new Promise(() => {}))
  const statuses = async () =>
    (await db.query.selectFrom('vault_hsm_job').select('status').execute()).map(
      ({ status }) => status,
    )
  await hsms.vault.sweep(hsms.clock.nowMs())
  expect(await statuses()).toEqual(['InProgress'])
  hsms.clock.moveMs(60_000)
  await hsms.vault.sweep(hsms.clock.nowMs())
  expect(await statuses()).toEqual(['Failed'])
})

test('what should not have happened is thrown to who asks first, and told without its text after', async () => {
  const { hsms } = await start()
  const jobs = new HsmJobs(hsms.db as Database<ObjectTables>, hsms.clock)
  const begun = { kind: 'backup', folderUri: undefined } as const
  const job = await jobs.start(HSM.dataId, begun, async () => {
    throw new Error('with inner text')
  })
  const read = () => jobs.read(HSM.dataId, 'backup', job.id)
  await expect.poll(() => read().catch((error: Error) => error.message)).toBe('with inner text')
  expect(JSON.stringify(await read())).toContain('An internal error ended the job.')
})

test('the status of a job needs the right to it, and so does a job', async () => {
  const { hsms, storage } = await start()
  await hsms.download()
  const token = tokenOf({ aud: 'https://managedhsm.azure.net', oid: crypto.randomUUID() })
  const ask = (method: string, path: string, body?: object) =>
    hsms.askHsm(method, path, body, 'h1', { token })
  const place = { storageResourceUri: storage.uri, token: SIGNED }
  const refused = [
    await ask('POST', '/backup', place),
    await ask('POST', '/prebackup', place),
    await ask('GET', '/backup/x/pending'),
    await ask('PUT', '/restore', {}),
    await ask('PUT', '/prerestore', {}),
    await ask('PUT', '/keys/k/restore', {}),
    await ask('GET', '/restore/x/pending'),
    await ask('POST', '/securitydomain/download', {}),
    await ask('GET', '/securitydomain/upload'),
  ]
  expect(refused.map(({ status }) => status)).toEqual(Array(9).fill(403))
  expect(storage.asked).toEqual([])
})

test('the token and the keys are in no answer, no audit record, no table and no blob', async () => {
  const { hsms, storage, restore } = await start()
  await hsms.download()
  const canary = Buffer.from('key-canary-key-canary-key-canary')
  const imported = { key: { kty: 'oct-HSM', k: canary.toString('base64url') } }
  expect((await hsms.askHsm('PUT', '/keys/k', imported)).status).toBe(200)
  const place = { storageResourceUri: storage.uri, token: SIGNED }
  const begun = await hsms.askHsm('POST', '/backup', place)
  const ended = await hsms.ended(begun)
  const folder = String(ended.azureStorageBlobContainerUri).split('/').at(-1) ?? ''
  storage.disturb = () => 403
  const failed = [
    await restore(folder),
    await hsms.ended(await hsms.askHsm('POST', '/backup', place)),
  ]
  const wrong = await hsms.askHsm('POST', '/backup', { ...place, token: `${SIGNED}\n` })
  const query = (hsms.db as Database<ObjectTables>).query
  const jobs = await query.selectFrom('vault_hsm_job').selectAll().execute()
  const objects = await query.selectFrom('vault_object_version').selectAll().execute()
  const stored = objects.map(({ sealed }) => Buffer.from(sealed).toString('latin1'))
  const blobs = [...storage.blobs.values()].map((blob) => blob.toString('latin1'))
  const seen = [begun, ended, failed, wrong, jobs, objects, hsms.audit].map((one) =>
    JSON.stringify(one),
  )
  const whole = [...seen, ...stored, ...blobs].join('\n')
  expect(storage.blobs.size).toBe(2)
  expect(jobs).toHaveLength(3)
  for (const form of ['utf8', 'hex', 'base64', 'base64url'] as const) {
    expect(whole).not.toContain(canary.toString(form).slice(0, 30))
  }
  expect(whole).not.toContain(SIGNATURE)
  expect(whole).not.toContain(DECODED)
})

test('an emulator on this machine may be named by any of its loopback names', () => {
  for (const host of ['127.0.0.1', 'localhost', '[::1]', '127.1.2.3']) {
    const place = readBlobPlace(`http://${host}:10000/account/c/`, new Sealed('sig=x'))
    expect(place.uri).toBe(`http://${host}:10000/account/c`)
  }
})
