import { afterEach, beforeEach, expect, test } from 'vitest'
import type { KeyAsk } from './index.ts'
import { startManager, type TestManager } from './testing/test-manager.ts'

const ITEM = { kid: 'https://one.managedhsm.azure.net/keys/k', attributes: { enabled: true } }
const VERSION = 'f'.repeat(32)
const BUNDLE = {
  key: { kid: `${ITEM.kid}/${VERSION}`, kty: 'EC-HSM', key_ops: ['sign'], crv: 'P-256' },
  attributes: { enabled: true, created: 1, updated: 1, recoverableDays: 7 },
  tags: { a: 'b' },
}

let manager: TestManager
const asked: KeyAsk[] = []
const answers: { status: number; body?: unknown }[] = []
beforeEach(async () => {
  asked.length = 0
  manager = await startManager({
    askKeys: async (ask) => {
      asked.push(ask)
      return answers.shift() ?? { status: 200, body: BUNDLE }
    },
  })
  await manager.makeHsm('one')
})
afterEach(() => manager.stop())

const KEYS = 'resourceGroups/G/providers/Microsoft.KeyVault/managedHSMs/one/keys'

test('a key that is absent is made, in the words of the data plane', async () => {
  answers.push({ status: 404, body: { error: {} } })
  const properties = { kty: 'EC-HSM', curveName: 'P-256', keyOps: ['sign'] }
  const made = await manager.ask('PUT', `${KEYS}/k`, { properties, tags: { a: 'b' } })
  expect(made).toMatchObject({
    status: 200,
    body: {
      id: expect.stringMatching(/\/managedHSMs\/one\/keys\/k$/),
      name: 'k',
      type: 'Microsoft.KeyVault/managedHSMs/keys',
      location: 'eastus',
      tags: { a: 'b' },
      properties: {
        attributes: { enabled: true, created: 1, updated: 1 },
        kty: 'EC-HSM',
        keyOps: ['sign'],
        curveName: 'P-256',
        keyUri: ITEM.kid,
        keyUriWithVersion: `${ITEM.kid}/${VERSION}`,
      },
    },
  })
  expect(asked[1]).toMatchObject({
    container: { kind: 'managedHsm', name: 'one' },
    operation: 'CreateKey',
    name: 'k',
    body: { kty: 'EC-HSM', crv: 'P-256', key_ops: ['sign'], tags: { a: 'b' } },
  })
})

test('a key that is there is answered as it is', async () => {
  const body = { properties: { kty: 'EC-HSM' } }
  expect((await manager.ask('PUT', `${KEYS}/k`, body)).status).toBe(200)
  expect(asked.map(({ operation }) => operation)).toEqual(['GetKey'])
})

test('versions are named by their version, and lists lead on', async () => {
  const read = await manager.ask('GET', `${KEYS}/k/versions/${VERSION}`)
  expect(read.body).toMatchObject({
    name: VERSION,
    type: 'Microsoft.KeyVault/managedHSMs/keys/versions',
  })
  const nextLink = `${ITEM.kid}?api-version=7.6&$skiptoken=abc`
  answers.push({ status: 200, body: { value: [ITEM], nextLink } })
  const list = await manager.ask('GET', KEYS)
  expect(list.body.value).toMatchObject([{ name: 'k', properties: { keyUri: ITEM.kid } }])
  expect(new URL(list.body.nextLink).searchParams.get('$skiptoken')).toBe('abc')
})

test.each([
  [400, 400, 'BadRequest'],
  [403, 403, 'Forbidden'],
  [409, 409, 'Conflict'],
])('a refusal of the data plane with %i is %i %s', async (status, expected, code) => {
  answers.push({ status, body: { error: { message: 'No.' } } })
  const answer = await manager.ask('GET', `${KEYS}/k`)
  expect([answer.status, answer.body.error]).toEqual([expected, { code, message: 'No.' }])
})

test('an unknown key is not found, nor is one of an unknown managed HSM', async () => {
  answers.push({ status: 404, body: { error: {} } })
  expect((await manager.ask('GET', `${KEYS}/k`)).body.error.code).toBe('ResourceNotFound')
  const other = await manager.ask('GET', KEYS.replace('/one/', '/two/'))
  expect(other.body.error.code).toBe('ResourceNotFound')
})
