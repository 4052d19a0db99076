import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import { afterEach, expect, test } from 'vitest'
import { openSqlite } from '../../storage/database.ts'
import { caughtUp } from '../../storage/testing/test-database.ts'
import { apiVersions } from '../api-versions.ts'
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

const NOON = NOON_MS / 1000
const HEX32 = /^[0-9a-f]{32}$/

test('SetSecret answers the whole bundle and GetSecret the same one', async () => {
  const { ask } = await start()
  const body = {
    value: 'v1',
    contentType: 'text/plain',
    tags: { env: 'dev' },
    attributes: { enabled: true, exp: NOON + 60, nbf: NOON + 30 },
  }
  const set = await ask('PUT', '/secrets/Db-Password', { body })
  expect(set.status).toBe(200)
  const [, name, version] = /\/secrets\/([^/]+)\/([^/]+)$/.exec(set.body.id) ?? []
  expect(name).toBe('Db-Password')
  expect(version).toMatch(HEX32)
  expect(set.body).toEqual({
    value: 'v1',
    contentType: 'text/plain',
    id: `https://v1.vault.azure.net/secrets/Db-Password/${version}`,
    attributes: {
      enabled: true,
      nbf: NOON + 30,
      exp: NOON + 60,
      created: NOON,
      updated: NOON,
      recoveryLevel: 'CustomizedRecoverable+Purgeable',
      recoverableDays: 7,
    },
    tags: { env: 'dev' },
  })
  expect((await ask('GET', '/secrets/db-password')).body).toEqual(set.body)
  expect((await ask('GET', `/secrets/db-password/${version}`)).body).toEqual(set.body)
})

test('members that were never set are left out, and empty tags stay', async () => {
  const { ask } = await start()
  const plain = await ask('PUT', '/secrets/a', { body: { value: '' } })
  expect(Object.keys(plain.body)).toEqual(['value', 'id', 'attributes'])
  expect(plain.body.value).toBe('')
  expect(Object.keys(plain.body.attributes)).not.toContain('exp')
  const tagged = await ask('PUT', '/secrets/b', { body: { value: 'x', tags: {} } })
  expect(tagged.body.tags).toEqual({})
})

test('an equal value makes a new version, and a read by version stays pinned', async () => {
  const { ask } = await start()
  const one = await ask('PUT', '/secrets/a', { body: { value: 'same' } })
  const two = await ask('PUT', '/secrets/A', { body: { value: 'same' } })
  expect(two.body.id).not.toBe(one.body.id)
  expect(two.body.id).toContain('/secrets/a/')
  expect((await ask('GET', '/secrets/a')).body.id).toBe(two.body.id)
  const pinned = one.body.id.slice('https://v1.vault.azure.net'.length)
  expect((await ask('GET', pinned)).body.id).toBe(one.body.id)
  const versions = await ask('GET', '/secrets/a/versions')
  expect(versions.body.value.map((item: { id: string }) => item.id)).toEqual([
    one.body.id,
    two.body.id,
  ])
  expect(versions.body.value[0]).not.toHaveProperty('value')
})

test.each([
  ['GET', '/secrets/n/'],
  ['GET', '//secrets/n'],
  ['GET', '/secrets//n'],
  ['GET', '/Secrets/N'],
  ['GET', '/secrets%2Fn'],
  ['GET', '/secrets/n%2F'],
  ['PATCH', '/secrets/n/'],
  ['POST', '/secrets/n//backup'],
])('the path %s %s is the plain one', async (method, path) => {
  const { ask } = await start()
  await ask('PUT', '/secrets/n', { body: { value: 'x' } })
  const answer = await ask(method, path, method === 'PATCH' ? { body: {} } : {})
  expect(answer.status).toBe(200)
})

test('a version behind an encoded slash is read', async () => {
  const { ask } = await start()
  const { body } = await ask('PUT', '/secrets/n', { body: { value: 'x' } })
  const version = body.id.split('/').at(-1)
  expect((await ask('GET', `/secrets/n%2f${version}`)).body.value).toBe('x')
})

test.each(['X-HTTP-METHOD', 'X-HTTP-REQUEST', 'X-HTTP-Method-Override'])(
  'a POST with %s is the method meant',
  async (header) => {
    const { ask } = await start()
    await ask('PUT', '/secrets/n', { body: { value: 'x' } })
    const meant = (method: string) => ({
      headers: { [header]: method },
      body: { tags: { a: 'b' } },
    })
    expect((await ask('POST', '/secrets/n', meant('PATCH'))).body.tags).toEqual({ a: 'b' })
    expect((await ask('POST', '/secrets/n', meant('delete'))).body.recoveryId).toContain('n')
  },
)

test('PATCH keeps the version and what it does not name, and shows no value', async () => {
  const { ask, clock } = await start()
  const set = await ask('PUT', '/secrets/n', {
    body: { value: 'x', contentType: 'a', tags: { a: '1', b: '2' }, attributes: { exp: NOON + 9 } },
  })
  clock.moveMs(5000)
  const patched = await ask('PATCH', '/secrets/n', {
    body: { tags: { c: '3' }, attributes: { enabled: false } },
  })
  expect(patched.body).toEqual({
    contentType: 'a',
    id: set.body.id,
    attributes: { ...set.body.attributes, enabled: false, updated: NOON + 5 },
    tags: { c: '3' },
  })
  const version = set.body.id.split('/').at(-1)
  const again = await ask('PATCH', `/secrets/n/${version}`, { body: { contentType: 'b' } })
  expect(again.body).toMatchObject({ contentType: 'b', tags: { c: '3' } })
})

test.each([
  ['not yet valid', { nbf: NOON + 1000 }],
  ['expired', { exp: NOON - 1000 }],
  ['with times before 1970, as overflowing clients send', { exp: -2_147_000_000, nbf: -1 }],
])('a secret that is %s can be read', async (_case, attributes) => {
  const { ask } = await start()
  await ask('PUT', '/secrets/n', { body: { value: 'x', attributes } })
  const read = await ask('GET', '/secrets/n')
  expect(read.status).toBe(200)
  expect(read.body.attributes).toMatchObject(attributes)
})

const LONG = 'x'.repeat(25_601)
const wrongProperty = 'Property  has invalid value\r\n'
test.each([
  { case: 'no value', body: {} },
  { case: 'a null value', body: { value: null } },
  { case: 'a number', body: { value: 5 } },
  { case: 'more than 25,600 bytes', body: { value: LONG } },
  { case: 'more than 25,600 bytes in UTF-8', body: { value: 'ä'.repeat(12_801) } },
  { case: 'a long content type', body: { value: 'x', contentType: 'c'.repeat(256) } },
  { case: 'a long tag', body: { value: 'x', tags: { a: 'c'.repeat(513) } } },
  { case: 'a tag that is no text', body: { value: 'x', tags: { a: 5 } } },
  { case: 'a time that is no number', body: { value: 'x', attributes: { exp: 'soon' } } },
  { case: 'a time that is no second', body: { value: 'x', attributes: { exp: 1.5 } } },
  { case: 'a time out of range', body: { value: 'x', attributes: { exp: 1e300 } } },
  {
    case: 'sixteen tags',
    body: { value: 'x', tags: Object.fromEntries([...Array(16).keys()].map((n) => [`t${n}`, ''])) },
  },
])('SetSecret refuses $case', async ({ body }) => {
  const { ask } = await start()
  const answer = await ask('PUT', '/secrets/n', { body })
  expect(answer.status).toBe(400)
  expect(answer.body).toEqual({ error: { code: 'BadParameter', message: wrongProperty } })
})

test('values, tags and content types up to their limits are kept', async () => {
  const { ask } = await start()
  const value = 'ä'.repeat(12_800)
  const tags = Object.fromEntries([...Array(15).keys()].map((n) => [`t${n}`, 'y'.repeat(512)]))
  const body = { value, tags, contentType: 'c'.repeat(255) }
  expect((await ask('PUT', '/secrets/n', { body })).status).toBe(200)
  expect((await ask('GET', '/secrets/n')).body).toMatchObject(body)
})

test('a body that is not JSON is refused without repeating it', async () => {
  const { ask } = await start()
  const answer = await ask('PUT', '/secrets/n', { body: '{"value":"hunter2' })
  expect(answer.status).toBe(400)
  expect(answer.body.error.code).toBe('BadParameter')
  expect(answer.text).not.toContain('hunter2')
})

const NOT_FOUND_HINT =
  'was not found in this key vault. If you recently deleted this secret you may be able to recover it using the correct recovery command. For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125182'
test.each([
  ['GET', '/secrets/none', 'none'],
  ['GET', '/secrets/none/0123', 'none/0123'],
  ['PATCH', '/secrets/none', 'none'],
  ['DELETE', '/secrets/none', 'none'],
  ['GET', '/secrets/none/versions', 'none'],
  ['POST', '/secrets/none/backup', 'none'],
  ['GET', '/deletedsecrets/none', 'none'],
  ['POST', '/deletedsecrets/none/recover', 'none'],
  ['DELETE', '/deletedsecrets/none', 'none'],
])('%s %s answers SecretNotFound', async (method, path, id) => {
  const { ask } = await start()
  const answer = await ask(method, path, method === 'PATCH' ? { body: {} } : {})
  expect(answer.status).toBe(404)
  expect(answer.body).toEqual({
    error: { code: 'SecretNotFound', message: `A secret with (name/id) ${id} ${NOT_FOUND_HINT}` },
  })
})

test.each(['my_secret', 'a.b', 'a%20b', '%zz'])('the name %s is refused', async (name) => {
  const { ask } = await start()
  const answer = await ask('GET', `/secrets/${name}`)
  expect(answer.status).toBe(400)
  expect(answer.body.error.code).toBe('BadParameter')
  expect(answer.body.error.message).toMatch(/^The request URI contains an invalid name: /)
})

test.each([
  [127, 200],
  [128, 400],
])('a name of %i characters answers %i', async (length, status) => {
  const { ask } = await start()
  const name = 'a'.repeat(length)
  expect((await ask('PUT', `/secrets/${name}`, { body: { value: 'x' } })).status).toBe(status)
  expect((await ask('GET', `/secrets/${name}/`)).status).toBe(status)
})

test('a disabled version cannot be read, but is listed and its facts can be changed', async () => {
  const { ask } = await start()
  await ask('PUT', '/secrets/n', { body: { value: 'x', attributes: { enabled: false } } })
  const read = await ask('GET', '/secrets/n')
  expect(read.status).toBe(403)
  expect(read.body).toEqual({
    error: {
      code: 'Forbidden',
      message: 'Operation get is not allowed on a disabled secret.',
      innererror: { code: 'SecretDisabled' },
    },
  })
  const list = await ask('GET', '/secrets')
  expect(list.body.value).toMatchObject([{ attributes: { enabled: false } }])
  await ask('PATCH', '/secrets/n', { body: { attributes: { enabled: true } } })
  expect((await ask('GET', '/secrets/n')).body.value).toBe('x')
})

test('delete hides the secret at once, holds its name, and recover brings all versions back', async () => {
  const { ask } = await start()
  const one = await ask('PUT', '/secrets/n', { body: { value: '1' } })
  const two = await ask('PUT', '/secrets/n', { body: { value: '2', tags: { a: 'b' } } })
  const deleted = await ask('DELETE', '/secrets/n')
  expect(deleted.status).toBe(200)
  const { value: _value, ...shown } = two.body
  expect(deleted.body).toEqual({
    recoveryId: 'https://v1.vault.azure.net/deletedsecrets/n',
    deletedDate: NOON,
    scheduledPurgeDate: NOON + 7 * 86_400,
    ...shown,
  })
  expect((await ask('GET', '/secrets/n')).status).toBe(404)
  expect((await ask('GET', one.body.id.slice(26))).status).toBe(404)
  expect((await ask('GET', '/secrets')).body.value).toEqual([])
  expect((await ask('GET', '/deletedsecrets/n')).body).toEqual(deleted.body)
  const held = await ask('PUT', '/secrets/N', { body: { value: '3' } })
  expect(held.status).toBe(409)
  expect(held.body.error).toEqual({
    code: 'Conflict',
    message:
      'Secret n is currently in a deleted but recoverable state, and its name cannot be reused; in this state, the secret can only be recovered or purged.',
    innererror: { code: 'ObjectIsDeletedButRecoverable' },
  })
  const listed = await ask('GET', '/deletedsecrets')
  expect(listed.body.value).toMatchObject([
    { id: 'https://v1.vault.azure.net/secrets/n', recoveryId: deleted.body.recoveryId },
  ])
  const recovered = await ask('POST', '/deletedsecrets/n/recover')
  expect(recovered.body).toEqual(shown)
  expect((await ask('GET', '/secrets/n/versions')).body.value).toHaveLength(2)
  expect((await ask('GET', '/secrets/n')).body.value).toBe('2')
})

test('purge answers 204 and frees the name', async () => {
  const { ask } = await start()
  await ask('PUT', '/secrets/n', { body: { value: '1' } })
  expect((await ask('DELETE', '/deletedsecrets/n')).status).toBe(404)
  await ask('DELETE', '/secrets/n')
  const purged = await ask('DELETE', '/deletedsecrets/n')
  expect(purged).toMatchObject({ status: 204, text: '' })
  expect((await ask('GET', '/deletedsecrets/n')).status).toBe(404)
  await ask('PUT', '/secrets/N', { body: { value: '2' } })
  expect((await ask('GET', '/secrets/n/versions')).body.value).toHaveLength(1)
})

test('purge protection answers NotSupported and shows in the recovery level', async () => {
  const { ask } = await start({
    resource: { enablePurgeProtection: true, softDeleteRetentionInDays: 90 },
  })
  const set = await ask('PUT', '/secrets/n', { body: { value: '1' } })
  expect(set.body.attributes).toMatchObject({ recoveryLevel: 'Recoverable', recoverableDays: 90 })
  await ask('DELETE', '/secrets/n')
  const purged = await ask('DELETE', '/deletedsecrets/n')
  expect(purged.status).toBe(400)
  expect(purged.body.error).toEqual({
    code: 'NotSupported',
    message: 'Operation "purge" is not enabled for this vault.',
  })
})

test('a deleted secret is gone when its retention ends, before and after the sweep', async () => {
  const { ask, clock, vault } = await start()
  for (const name of ['a', 'b']) {
    await ask('PUT', `/secrets/${name}`, { body: { value: '1' } })
    await ask('DELETE', `/secrets/${name}`)
  }
  clock.moveMs(7 * 86_400_000 - 1)
  const token = tokenOf({ exp: NOON + 8 * 86_400 })
  expect((await ask('GET', '/deletedsecrets/a', { token })).status).toBe(200)
  expect(await vault.sweep(clock.nowMs())).toMatchObject({ purged: 0 })
  clock.moveMs(1)
  expect((await ask('GET', '/deletedsecrets/a', { token })).status).toBe(404)
  expect((await ask('GET', '/deletedsecrets', { token })).body.value).toEqual([])
  expect((await ask('POST', '/deletedsecrets/a/recover', { token })).status).toBe(404)
  expect((await ask('PUT', '/secrets/a', { token, body: { value: '2' } })).status).toBe(200)
  expect(await vault.sweep(clock.nowMs())).toMatchObject({ purged: 1 })
  expect((await ask('GET', '/secrets/a', { token })).body.value).toBe('2')
})

test('a backup restores names, versions and values into another vault of the subscription', async () => {
  const { ask, put } = await start()
  put({ ...VAULT, name: 'v2', dataId: 'da7a0000-0000-4000-8000-000000000002' })
  const foreign = VAULT.id.replace('5ub0', '5ub1')
  put({ ...VAULT, name: 'v3', id: foreign, dataId: 'da7a0000-0000-4000-8000-000000000003' })
  const one = await ask('PUT', '/secrets/N', { body: { value: '1', tags: { a: 'b' } } })
  const two = await ask('PUT', '/secrets/N', { body: { value: 'two-canary' } })
  const backup = await ask('POST', '/secrets/N/backup')
  expect(backup.body.value).toMatch(/^[\w-]+$/)
  expect(Buffer.from(backup.body.value, 'base64url').includes('two-canary')).toBe(false)

  const taken = await ask('POST', '/secrets/restore', { body: backup.body })
  expect(taken).toMatchObject({ status: 409, body: { error: { code: 'Conflict' } } })
  const host = 'v2.vault.azure.net'
  const restored = await ask('POST', '/secrets/restore', { host, body: backup.body })
  expect(restored.status).toBe(200)
  expect(restored.body.id).toBe(two.body.id.replace('//v1', '//v2'))
  expect(restored.body).not.toHaveProperty('value')
  const old = await ask('GET', one.body.id.slice(26), { host })
  expect(old.body).toEqual({ ...one.body, id: one.body.id.replace('//v1', '//v2') })

  const unreadable = { error: { code: 'BadParameter', message: 'Cannot decrypt backup blob' } }
  for (const [body, at] of [
    [backup.body, 'v3.vault.azure.net'],
    [{ value: 'AAAA' }, host],
  ]) {
    const refused = await ask('POST', '/secrets/restore', { host: at, body })
    expect(refused).toMatchObject({ status: 400, body: unreadable })
  }
  await ask('DELETE', '/secrets/N')
  const held = await ask('POST', '/secrets/restore', { body: backup.body })
  expect(held.body.error.innererror.code).toBe('ObjectIsDeletedButRecoverable')
})

test('ids carry the host and port the client used, next links always a port', async () => {
  const { ask } = await start()
  const host = 'V1.vault.sluice.localhost:8443'
  for (const name of ['a', 'b']) await ask('PUT', `/secrets/${name}`, { body: { value: 'x' } })
  const local = await ask('GET', '/secrets?maxresults=1', { host, version: '7.6' })
  expect(local.body.value[0].id).toBe('https://v1.vault.sluice.localhost:8443/secrets/a')
  expect(local.body.nextLink).toMatch(
    /^https:\/\/v1\.vault\.sluice\.localhost:8443\/secrets\?api-version=7\.6&\$skiptoken=[\w-]+&maxresults=1$/,
  )
  const cloud = await ask('GET', '/secrets?maxresults=1')
  expect(cloud.body.nextLink).toMatch(/^https:\/\/v1\.vault\.azure\.net:443\/secrets\?/)
  const next = new URL(cloud.body.nextLink)
  const last = await ask('GET', next.pathname + next.search)
  expect(last.body.value).toMatchObject([{ id: 'https://v1.vault.azure.net/secrets/b' }])
  expect(last.body.nextLink).toBeNull()
})

test.each(['0', '26', '-1', 'x', '1.5'])('maxresults=%s is refused', async (count) => {
  const { ask } = await start()
  const answer = await ask('GET', `/secrets?maxresults=${count}`)
  expect(answer).toMatchObject({ status: 400, body: { error: { code: 'BadParameter' } } })
})

test('a foreign skip token is refused', async () => {
  const { ask } = await start()
  const answer = await ask('GET', '/secrets?$skiptoken=abc')
  expect(answer).toMatchObject({ status: 400, body: { error: { code: 'BadParameter' } } })
})

test.each(apiVersions)('api-version %s is served', async (version) => {
  const { ask } = await start()
  const set = await ask('PUT', '/secrets/n', { version, body: { value: 'x' } })
  expect(set.status).toBe(200)
  const isOld = apiVersions.indexOf(version) < apiVersions.indexOf('7.1-preview')
  expect('recoverableDays' in set.body.attributes).toBe(!isOld)
})

test('every page walk under concurrent writes shows what was there all along exactly once', async () => {
  const { ask } = await start()
  const stable = [...Array(30).keys()].map((n) => `s${String(n).padStart(2, '0')}`)
  await Promise.all(stable.map((name) => ask('PUT', `/secrets/${name}`, { body: { value: 'x' } })))
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 25 }),
      fc.array(fc.tuple(fc.constantFrom('PUT', 'DELETE'), fc.stringMatching(/^[a-z]{1,2}$/)), {
        maxLength: 12,
      }),
      async (size, writes) => {
        const seen: string[] = []
        let path = `/secrets?maxresults=${size}`
        const pending = [...writes]
        for (;;) {
          const [method = '', name = ''] = pending.shift() ?? []
          const write =
            method &&
            ask(method, `/secrets/${name}`, method === 'PUT' ? { body: { value: 'y' } } : {})
          const page = await ask('GET', path)
          await write
          expect(page.body.value.length).toBeLessThanOrEqual(size)
          seen.push(...page.body.value.map((item: { id: string }) => item.id.split('/').at(-1)))
          if (page.body.nextLink === null) break
          const next = new URL(page.body.nextLink)
          path = next.pathname + next.search
        }
        expect(seen.filter((name) => stable.includes(name))).toEqual(stable)
        expect(new Set(seen).size).toBe(seen.length)
      },
    ),
    { numRuns: 12 },
  )
})

test('a read follows a write at once, also when another process wrote', async () => {
  const first = await start()
  const second = await start({ folder: first.folder })
  await first.ask('PUT', '/secrets/n', { body: { value: '1' } })
  expect((await second.ask('GET', '/secrets/n')).body.value).toBe('1')
  for (let n = 2; n < 20; n++) {
    await first.ask('PUT', '/secrets/n', { body: { value: String(n) } })
    expect((await first.ask('GET', '/secrets/n')).body.value).toBe(String(n))
    await caughtUp(second.db)
    expect((await second.ask('GET', '/secrets/n')).body.value).toBe(String(n))
  }
})

test('many writers of one name get a version each, and the last one stored is the latest', async () => {
  const { ask } = await start({ cacheBytes: 2000 })
  const sets = await Promise.all(
    [...Array(40).keys()].map((n) => ask('PUT', '/secrets/n', { body: { value: String(n) } })),
  )
  expect(new Set(sets.map(({ body }) => body.id)).size).toBe(40)
  const latest = await ask('GET', '/secrets/n')
  expect(sets.map(({ body }) => body.id)).toContain(latest.body.id)
  let path = '/secrets/n/versions'
  const ids: string[] = []
  while (path) {
    const { body } = await ask('GET', path)
    ids.push(...body.value.map((item: { id: string }) => item.id))
    const next = body.nextLink && new URL(body.nextLink)
    path = next ? next.pathname + next.search : ''
  }
  expect(ids).toHaveLength(40)
  expect(ids.at(-1)).toBe(latest.body.id)
})

test('a sealed row moved to another name fails to open, and says nothing', async () => {
  const { ask, db, bugs } = await start()
  await ask('PUT', '/secrets/a', { body: { value: 'canary-a' } })
  await ask('PUT', '/secrets/b', { body: { value: 'canary-b' } })
  await db.write(({ query }) => {
    const untyped = query as unknown as import('kysely').Kysely<
      Record<string, Record<string, unknown>>
    >
    return untyped
      .updateTable('vault_object_version')
      .set((row) => ({
        sealed: row.selectFrom('vault_object_version').select('sealed').where('id', '=', 1),
      }))
      .where('id', '=', 2)
      .execute()
  })
  const answer = await ask('GET', '/secrets/b')
  expect(answer.status).toBe(500)
  expect(answer.body.error.code).toBe('InternalServerError')
  expect(answer.text).not.toContain('canary')
  expect(bugs).toMatchObject([{ code: 'SealBroken' }])
})

test('no file of the database and no audit entry ever holds a value', async () => {
  const made = await start({ openDatabase: async (file) => openSqlite(file) })
  const { ask, folder, audit, bugs } = made
  const value = 'canary-7d1f-hunter2'
  await ask('PUT', '/secrets/n', { body: { value } })
  await ask('GET', '/secrets/n')
  const backup = await ask('POST', '/secrets/n/backup')
  await ask('PATCH', '/secrets/n', { body: { value, tags: { a: 'b' } } })
  await ask('DELETE', '/secrets/n')
  await ask('DELETE', '/deletedsecrets/n')
  await ask('POST', '/secrets/restore', { body: backup.body })
  await ask('PUT', '/secrets/n', { body: `{"value":"${value}"` })
  const forms = [value, Buffer.from(value).toString('base64'), Buffer.from(value).toString('hex')]
  const files = readdirSync(folder).map((file) => readFileSync(path.join(folder, file)))
  expect(files.length).toBeGreaterThan(1)
  for (const form of forms) {
    expect(files.some((file) => file.includes(form))).toBe(false)
    expect(JSON.stringify([audit, bugs])).not.toContain(form)
  }
})

test('eraseVault destroys what one vault holds and leaves the others', async () => {
  const { ask, put, vault } = await start()
  put({ ...VAULT, name: 'v2', dataId: 'da7a0000-0000-4000-8000-000000000002' })
  const host = 'v2.vault.azure.net'
  for (const at of ['v1.vault.azure.net', host]) {
    await ask('PUT', '/secrets/n', { host: at, body: { value: at } })
    await ask('GET', '/secrets/n', { host: at })
  }
  await vault.eraseVault(VAULT.dataId)
  expect((await ask('GET', '/secrets/n')).status).toBe(404)
  expect((await ask('GET', '/secrets/n', { host })).body.value).toBe(host)
})
