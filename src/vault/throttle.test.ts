import { afterEach, expect, test } from 'vitest'
import type { ThrottleLimits } from './index.ts'
import {
  NOON_MS,
  startVault,
  type TestOptions,
  type TestVault,
  VAULT,
} from './testing/test-vault.ts'

const started: TestVault[] = []
async function start(options: TestOptions): Promise<TestVault> {
  const made = await startVault(options)
  started.push(made)
  return made
}
afterEach(async () => {
  for (const made of started.splice(0)) await made.close()
})

const limits: ThrottleLimits = {
  secretSet: 3,
  other: 7,
  keys: {
    software: { create: 2, use: 4, useRsa3072: 2, useRsa4096: 1 },
    hsm: { create: 1, use: 2, useRsa3072: 1, useRsa4096: 1 },
  },
}

async function statuses(ask: () => Promise<{ status: number }>, times: number): Promise<number[]> {
  const found: number[] = []
  for (let n = 0; n < times; n++) found.push((await ask()).status)
  return found
}

test('past the limit a vault answers 429 with Retry-After until the window ends', async () => {
  const { ask, clock, audit } = await start({ limits })
  const set = () => ask('PUT', '/secrets/n', { body: { value: 'x' } })
  clock.moveMs(3500)
  expect(await statuses(set, 3)).toEqual([200, 200, 200])
  const refused = await set()
  expect(refused.status).toBe(429)
  expect(refused.headers['retry-after']).toBe('7')
  expect(refused.body).toEqual({
    error: {
      code: 'Throttled',
      message:
        'Request was not processed because too many requests were received. Reason: VaultRequestTypeLimitReached',
    },
  })
  expect(audit.at(-1)).toMatchObject({ resultType: 'Throttled', httpStatusCode: 429 })
  expect((await ask('GET', '/secrets/n')).status).toBe(200)
  clock.moveMs(6500)
  expect((await set()).status).toBe(200)
})

test('reads have a limit of their own, refused requests do not count', async () => {
  const { ask } = await start({ limits })
  expect(await statuses(() => ask('GET', '/secrets'), 9)).toEqual([...Array(7).fill(200), 429, 429])
  expect(await statuses(() => ask('PUT', '/secrets/a_b', { body: {} }), 4)).toEqual([
    400, 400, 400, 429,
  ])
})

test('shares of unlike key limits add up', async () => {
  const { ask, clock } = await start({ limits })
  const create = (kty: string) => ask('POST', '/keys/k/create', { body: { kty } })
  const sign = { alg: 'ES256', value: Buffer.alloc(32, 1).toString('base64url') }
  expect((await create('EC')).status).toBe(200)
  const use = () => ask('POST', '/keys/k/sign', { body: sign })
  expect(await statuses(use, 3)).toEqual([200, 200, 429])
  expect((await create('EC')).status).toBe(429)
  clock.moveMs(10_000)
  expect((await create('EC-HSM')).status).toBe(200)
  expect((await use()).status).toBe(429)
})

test('a subscription may use five times what a vault may', async () => {
  const { ask, put } = await start({ limits })
  for (let n = 2; n <= 6; n++) put({ ...VAULT, name: `v${n}`, dataId: `da7a000${n}` })
  const all = await Promise.all(
    [1, 2, 3, 4, 5, 6].map((n) =>
      statuses(
        () => ask('PUT', '/secrets/n', { host: `v${n}.vault.azure.net`, body: { value: 'x' } }),
        3,
      ),
    ),
  )
  expect(all.flat().filter((status) => status === 429)).toHaveLength(3)
})

test('a caller who may not is told so, and does not use the budget up', async () => {
  const { ask, put } = await start({ limits })
  put({ ...VAULT, accessPolicies: [] })
  expect(await statuses(() => ask('GET', '/secrets'), 8)).toEqual(Array(8).fill(403))
  put(VAULT)
  expect((await ask('GET', '/secrets')).status).toBe(200)
})

test('without limits nothing is throttled', async () => {
  const { ask } = await start({})
  expect(new Set(await statuses(() => ask('GET', '/secrets'), 50))).toEqual(new Set([200]))
  expect(NOON_MS % 10_000).toBe(0)
})
