import { afterEach, expect, test } from 'vitest'
import type { Database } from '../../storage/database.ts'
import type { VaultCall } from '../context.ts'
import { readSecret } from '../secrets/secret.ts'
import { startVault, type TestVault, VAULT } from '../testing/test-vault.ts'
import { LatestCache } from './latest-cache.ts'
import type { ObjectVersion } from './version.ts'

const opened: TestVault[] = []
afterEach(async () => {
  for (const vault of opened.splice(0)) await vault.close()
})

/** Its rows come when they are let go, as from a server far away. */
function slowReads() {
  const held: (() => void)[] = []
  let holding = false
  let reads = 0
  return {
    hold: () => {
      holding = true
    },
    letGo: () => {
      holding = false
      for (const go of held.splice(0)) go()
    },
    reads: () => reads,
    through: (db: Database<unknown>): Database<unknown> => ({
      engine: db.engine,
      query: db.query,
      all: async (statement, parameters) => {
        reads += 1
        const rows = await db.all(statement, parameters)
        if (holding) await new Promise<void>((resolve) => held.push(resolve))
        return rows
      },
      write: (work) => db.write(work),
      changeMark: () => db.changeMark(),
      close: () => db.close(),
    }),
  }
}

async function start() {
  const slow = slowReads()
  const vault = await startVault({ through: slow.through })
  opened.push(vault)
  const put = (value: string) => vault.ask('PUT', '/secrets/db', { body: { value } })
  const get = async () => (await vault.ask('GET', '/secrets/db')).body.value
  const readBegan = async (count: number) => {
    while (slow.reads() < count) await new Promise((resolve) => setImmediate(resolve))
  }
  return { vault, slow, put, get, readBegan }
}

test('a read that began before a change does not bring the old value back', async () => {
  const { slow, put, get, readBegan } = await start()
  await put('old')
  slow.hold()
  const early = get()
  await readBegan(1)
  await put('new')
  slow.letGo()
  expect(await early).toBe('old')
  expect(await get()).toBe('new')
  expect(await get()).toBe('new')
})

test('who asks after a change does not wait for a read that began before it', async () => {
  const { slow, put, get, readBegan } = await start()
  await put('old')
  slow.hold()
  const early = get()
  await readBegan(1)
  await put('new')
  const late = get()
  await readBegan(2)
  slow.letGo()
  expect([await early, await late, await get()]).toEqual(['old', 'new', 'new'])
  expect(slow.reads()).toBe(2)
})

test('many who want the same value at once make one read', async () => {
  const { slow, put, get, readBegan } = await start()
  await put('one')
  slow.hold()
  const asked = [get(), get(), get()]
  await readBegan(1)
  await new Promise((resolve) => setTimeout(resolve, 20))
  slow.letGo()
  expect(await Promise.all(asked)).toEqual(['one', 'one', 'one'])
  expect(slow.reads()).toBe(1)
})

test('a secret that is held is there without waiting', async () => {
  const { put, vault } = await start()
  await put('one')
  const call = {
    store: { db: vault.db, cache: new LatestCache(1_000_000) },
    vault: VAULT,
  } as unknown as VaultCall
  const first = readSecret(call, 'db', undefined)
  expect(first).toBeInstanceOf(Promise)
  expect(readSecret(call, 'db', undefined)).toBeInstanceOf(Promise)
  const read = await first
  expect(readSecret(call, 'db', undefined)).toBe(read)
})

const version = (name: string): ObjectVersion =>
  ({ name, sealed: Buffer.alloc(10) }) as unknown as ObjectVersion

test('a read that fails, or finds nothing, is not kept and the next one reads again', async () => {
  const cache = new LatestCache(1_000_000)
  await expect(cache.load('k', () => Promise.reject(new Error('lost')))).rejects.toThrow('lost')
  expect(await cache.load('k', async () => undefined)).toBeUndefined()
  expect(await cache.load('k', async () => version('a'))).toMatchObject({ name: 'a' })
  expect(cache.find('k', 0)).toMatchObject({ name: 'a' })
})

test.each<[string, (cache: LatestCache) => void, boolean]>([
  ['nothing happened', () => undefined, true],
  ['another key was forgotten', (cache) => cache.forget('other'), true],
  ['its own key was forgotten', (cache) => cache.forget('k'), false],
  ['all was forgotten', (cache) => cache.clear(), false],
])('what was read while %s is kept or not', async (_what, meanwhile, isKept) => {
  const cache = new LatestCache(1_000_000)
  const row = Promise.withResolvers<ObjectVersion>()
  const reading = cache.load('k', () => row.promise)
  meanwhile(cache)
  row.resolve(version('a'))
  await reading
  expect(cache.find('k', 0) !== undefined).toBe(isKept)
})

test('what was read before another process wrote is not kept', async () => {
  const cache = new LatestCache(1_000_000)
  const row = Promise.withResolvers<ObjectVersion>()
  const reading = cache.load('k', () => row.promise)
  expect(cache.find('k', 1)).toBeUndefined()
  row.resolve(version('a'))
  await reading
  expect(cache.find('k', 1)).toBeUndefined()
})

test('once it was full a row is kept when it is read a second time, and those in use stay', async () => {
  const cache = new LatestCache(100_000)
  const read = (key: string) => cache.load(key, async () => version(key))
  const isKept = (key: string) => cache.find(key, 0) !== undefined
  await read('first')
  expect(isKept('first')).toBe(true)
  for (let n = 0; n < 40; n += 1) await read(`fill-${n}`)
  expect(isKept('fill-20')).toBe(true)
  for (let n = 0; n < 1000; n += 1) await read(`walk-${n}`)
  expect(isKept('walk-999')).toBe(false)
  expect(isKept('fill-20')).toBe(true)
  await read('walk-7')
  expect(isKept('walk-7')).toBe(true)
  cache.clear()
  await read('anew')
  expect(isKept('anew')).toBe(true)
})
