import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, expect, test } from 'vitest'
import {
  NOON_MS,
  startVault,
  type TestOptions,
  type TestVault,
  VAULT,
} from './testing/test-vault.ts'

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
const DAY = 86_400
const EC = { kty: 'EC', crv: 'P-256', exportable: true, reuse_key: false }
const SELF = { issuer: { name: 'Self' }, key_props: EC, x509_props: { subject: 'CN=web' } }

type Ask = TestVault['ask']

async function done(answer: Promise<{ status: number; body: unknown }>): Promise<void> {
  const { status, body } = await answer
  if (status >= 400) throw new Error(`${status} ${JSON.stringify(body)}`)
}

const set = (ask: Ask, name: string, exp?: number) =>
  done(ask('PUT', `/secrets/${name}`, { body: { value: 'x', attributes: { exp } } }))
const createKey = (ask: Ask, exp?: number) =>
  done(ask('POST', '/keys/k/create', { body: { kty: 'oct', attributes: { exp } } }))
const createCertificate = (ask: Ask, more: object = {}) =>
  done(ask('POST', '/certificates/c/create', { body: { policy: { ...SELF, ...more } } }))

/** What was published since `begin`, each as `type subject`. */
async function told({ events }: TestVault, begin = 0): Promise<string[]> {
  return (await events())
    .slice(begin)
    .map(({ type, subject }) => `${type.replace('Microsoft.KeyVault.', '')} ${subject}`)
}

const THREE = [
  'CertificateNewVersionCreated c',
  'KeyNewVersionCreated c',
  'SecretNewVersionCreated c',
]

test('a new version of a secret is an event with its name, version and times', async () => {
  const { ask, events } = await start()
  const body = { value: 's3cret', attributes: { nbf: NOON, exp: NOON + 40 * DAY } }
  const made = await ask('PUT', '/secrets/Db-1', { body })
  const version = made.body.id.split('/').at(-1)
  expect(await events()).toEqual([
    {
      topic: VAULT.id,
      type: 'Microsoft.KeyVault.SecretNewVersionCreated',
      subject: 'Db-1',
      timeMs: NOON_MS,
      data: {
        Id: `https://v1.vault.azure.net/secrets/Db-1/${version}`,
        VaultName: 'v1',
        ObjectType: 'Secret',
        ObjectName: 'Db-1',
        Version: version,
        NBF: NOON,
        EXP: NOON + 40 * DAY,
      },
    },
  ])
})

test('times that are not set are null', async () => {
  const { ask, events } = await start()
  await set(ask, 'db')
  expect((await events())[0]?.data).toMatchObject({ NBF: null, EXP: null })
})

/** Signs a request with a key of its own: what an authority answers, as far as a merge looks. */
function sign(csr: string): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'sluice-merge-'))
  try {
    const [request, key] = [path.join(folder, 'r.der'), path.join(folder, 'k.pem')]
    writeFileSync(request, Buffer.from(csr, 'base64'))
    execFileSync('openssl', ['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', key])
    const ca = path.join(folder, 'ca.pem')
    const self = ['req', '-x509', '-key', key, '-subj', '/CN=ca', '-out', ca]
    execFileSync('openssl', self, { stdio: 'pipe' })
    const leaf = ['x509', '-req', '-inform', 'DER', '-in', request, '-CA', ca, '-CAkey', key]
    const asked = [...leaf, '-set_serial', '1', '-days', '90', '-outform', 'DER']
    return execFileSync('openssl', asked, { stdio: 'pipe' }).toString('base64')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const jwk = { kty: 'oct-HSM', k: Buffer.alloc(32, 7).toString('base64url') }
const makers: readonly [string, readonly string[], (ask: Ask) => Promise<void>][] = [
  ['a secret set', ['SecretNewVersionCreated s'], (ask) => set(ask, 's')],
  ['a key created', ['KeyNewVersionCreated k'], (ask) => createKey(ask)],
  [
    'a key imported',
    ['KeyNewVersionCreated k'],
    (ask) => done(ask('PUT', '/keys/k', { body: { key: jwk } })),
  ],
  [
    'a key rotated',
    ['KeyNewVersionCreated k', 'KeyNewVersionCreated k'],
    async (ask) => {
      await createKey(ask)
      await done(ask('POST', '/keys/k/rotate'))
    },
  ],
  ['a certificate created', THREE, (ask) => createCertificate(ask)],
  [
    'a certificate imported',
    [...THREE, ...THREE.map((one) => one.replace(' c', ' i'))],
    async (ask) => {
      await createCertificate(ask)
      const { value } = (await ask('GET', '/secrets/c')).body
      await done(ask('POST', '/certificates/i/import', { body: { value } }))
    },
  ],
  [
    'a certificate merged',
    THREE,
    async (ask) => {
      const policy = { ...SELF, issuer: { name: 'Unknown' } }
      const begun = await ask('POST', '/certificates/c/create', { body: { policy } })
      const x5c = [sign(begun.body.csr)]
      await done(ask('POST', '/certificates/c/pending/merge', { body: { x5c } }))
    },
  ],
]
test.each(makers)('%s is published', async (_case, expected, make) => {
  const vault = await start()
  await make(vault.ask)
  expect(await told(vault)).toEqual(expected)
})

test('rotation and renewal by the clock are published', async () => {
  const world = await start()
  const { ask, vault } = world
  await createKey(ask)
  const lifetimeActions = [{ trigger: { timeAfterCreate: 'P15D' }, action: { type: 'Rotate' } }]
  await done(ask('PUT', '/keys/k/rotationpolicy', { body: { lifetimeActions } }))
  await createCertificate(ask)
  await vault.sweep(NOON_MS + 15 * DAY * 1000)
  expect(await told(world, 4)).toEqual(['KeyNewVersionCreated k'])
  await vault.sweep(NOON_MS + 330 * DAY * 1000)
  expect(await told(world, 5)).toEqual(expect.arrayContaining(THREE))
})

test('reading, changing, deleting, recovering and restoring make no version', async () => {
  const world = await start()
  const { ask } = world
  await set(ask, 's')
  const backup = await ask('POST', '/secrets/s/backup')
  await ask('GET', '/secrets/s')
  await ask('PATCH', '/secrets/s', { body: { tags: { a: 'b' } } })
  await ask('DELETE', '/secrets/s')
  await ask('POST', '/deletedsecrets/s/recover')
  await ask('DELETE', '/secrets/s')
  await ask('DELETE', '/deletedsecrets/s')
  await done(ask('POST', '/secrets/restore', { body: backup.body }))
  expect(await told(world)).toEqual(['SecretNewVersionCreated s'])
})

test('a write that is refused publishes nothing', async () => {
  const world = await start()
  const { ask } = world
  await createCertificate(ask)
  expect((await ask('PUT', '/secrets/c', { body: { value: 'x' } })).status).toBe(403)
  await set(ask, 's')
  await ask('DELETE', '/secrets/s')
  expect((await ask('PUT', '/secrets/s', { body: { value: 'x' } })).status).toBe(409)
  expect(await told(world)).toEqual([...THREE, 'SecretNewVersionCreated s'])
})

test('what cannot be published is not done', async () => {
  const { ask, bugs } = await start({
    events: {
      record: async () => {
        throw new Error('The outbox is broken.')
      },
    },
  })
  expect((await ask('PUT', '/secrets/s', { body: { value: 'x' } })).status).toBe(500)
  expect(bugs).toHaveLength(1)
  expect((await ask('GET', '/secrets/s')).status).toBe(404)
  expect((await ask('POST', '/keys/k/create', { body: { kty: 'oct' } })).status).toBe(500)
  expect((await ask('GET', '/keys/k')).status).toBe(404)
})

test('no value, tag or content type is in an event', async () => {
  const { ask, events } = await start()
  const body = { value: 'canary-value', contentType: 'canary-type', tags: { canary: 'canary-tag' } }
  await done(ask('PUT', '/secrets/s', { body }))
  await done(ask('PUT', '/keys/k', { body: { key: jwk } }))
  await createCertificate(ask)
  const { value } = (await ask('GET', '/secrets/c')).body
  const text = JSON.stringify(await events())
  for (const canary of ['canary', jwk.k, value]) expect(text).not.toContain(canary)
})

test('a managed HSM publishes nothing', async () => {
  const id = VAULT.id.replace('/vaults/', '/managedHSMs/')
  const world = await start({ resource: { id } })
  await createKey(world.ask, NOON + DAY)
  await world.vault.sweep(NOON_MS + 2 * DAY * 1000)
  expect(await told(world)).toEqual([])
})

test('near expiry is told 30 days ahead, expiry at its time, each once, with audit records', async () => {
  const world = await start()
  const { ask, vault, audit } = world
  await set(ask, 'db', NOON + 100 * DAY)
  const sweepAt = async (days: number, seconds = 0) => {
    const swept = await vault.sweep(NOON_MS + (days * DAY + seconds) * 1000)
    return swept.told
  }
  audit.length = 0
  expect(await sweepAt(69)).toBe(0)
  expect(await sweepAt(70, -1)).toBe(0)
  expect(await sweepAt(71)).toBe(1)
  expect(await sweepAt(72)).toBe(0)
  expect(await sweepAt(100, -1)).toBe(0)
  expect(await sweepAt(100, 1)).toBe(1)
  expect(await sweepAt(200)).toBe(0)
  expect(await told(world, 1)).toEqual(['SecretNearExpiry db', 'SecretExpired db'])
  const [made, near, expired] = await world.events()
  expect(near).toEqual({ ...made, type: near?.type, timeMs: NOON_MS + 71 * DAY * 1000 })
  expect(expired?.data).toEqual(made?.data)
  expect(audit).toMatchObject(
    ['SecretNearExpiryEventGridNotification', 'SecretExpiredEventGridNotification'].map(
      (operationName) => ({
        operationName,
        resourceId: VAULT.id.toUpperCase(),
        resultType: 'Success',
        id: made?.data.Id,
      }),
    ),
  )
})

test.each([
  ['closer than 30 days is told at the next sweep', 5, ['SecretNearExpiry s']],
  ['in the past is told as what it is', -1, ['SecretExpired s']],
])('an expiry %s', async (_case, days, expected) => {
  const world = await start()
  await set(world.ask, 's', NOON + days * DAY)
  expect((await world.vault.sweep(NOON_MS + 1000)).told).toBe(1)
  expect((await world.vault.sweep(NOON_MS + 2000)).told).toBe(0)
  expect(await told(world, 1)).toEqual(expected)
})

test('an expiry that is moved is told anew, other changes are not', async () => {
  const world = await start()
  const { ask, vault } = world
  await set(ask, 's', NOON + 10 * DAY)
  expect((await vault.sweep(NOON_MS)).told).toBe(1)
  await ask('PATCH', '/secrets/s', { body: { tags: { a: 'b' }, attributes: { enabled: false } } })
  expect((await vault.sweep(NOON_MS)).told).toBe(0)
  await ask('PATCH', '/secrets/s', { body: { attributes: { exp: NOON + 50 * DAY } } })
  expect((await vault.sweep(NOON_MS + 19 * DAY * 1000)).told).toBe(0)
  expect((await vault.sweep(NOON_MS + 21 * DAY * 1000)).told).toBe(1)
  expect(await told(world, 1)).toEqual(['SecretNearExpiry s', 'SecretNearExpiry s'])
})

test('only the newest version is told of', async () => {
  const world = await start()
  const { ask, vault, events } = world
  await set(ask, 's', NOON + 40 * DAY)
  const old = (await events())[0]?.data.Version
  await set(ask, 's', NOON + 60 * DAY)
  await ask('PATCH', `/secrets/s/${old}`, { body: { attributes: { exp: NOON + 5 * DAY } } })
  expect((await vault.sweep(NOON_MS + 11 * DAY * 1000)).told).toBe(0)
  expect((await vault.sweep(NOON_MS + 31 * DAY * 1000)).told).toBe(1)
  expect((await events())[2]?.data.EXP).toBe(NOON + 60 * DAY)
  await set(ask, 's')
  expect((await vault.sweep(NOON_MS + 99 * DAY * 1000)).told).toBe(0)
})

const notify = (timeBeforeExpiry: string) => ({
  lifetimeActions: [{ trigger: { timeBeforeExpiry }, action: { type: 'Notify' } }],
})
test.each([
  ['without a rotation policy', undefined, 70],
  ['whose policy says 60 days', notify('P60D'), 40],
  ['whose policy says 7 days', notify('P7D'), 93],
  [
    'whose policy does not say',
    { lifetimeActions: [{ trigger: { timeAfterCreate: 'P90D' }, action: { type: 'Rotate' } }] },
    70,
  ],
])('a key %s is told of by its Notify trigger', async (_case, policy, days) => {
  const world = await start()
  const { ask, vault } = world
  await createKey(ask, NOON + 100 * DAY)
  if (policy) await done(ask('PUT', '/keys/k/rotationpolicy', { body: policy }))
  expect((await vault.sweep(NOON_MS + (days * DAY - 1) * 1000)).told).toBe(0)
  expect((await vault.sweep(NOON_MS + days * DAY * 1000)).told).toBe(1)
  expect(await told(world, 1)).toEqual(['KeyNearExpiry k'])
})

test('a Notify trigger holds for later versions, and for an expiry that is moved', async () => {
  const { ask, vault } = await start()
  await createKey(ask)
  await done(ask('PUT', '/keys/k/rotationpolicy', { body: notify('P60D') }))
  await createKey(ask, NOON + 100 * DAY)
  expect((await vault.sweep(NOON_MS + 39 * DAY * 1000)).told).toBe(0)
  await ask('PATCH', '/keys/k', { body: { attributes: { exp: NOON + 90 * DAY } } })
  expect((await vault.sweep(NOON_MS + 30 * DAY * 1000)).told).toBe(1)
  await done(ask('PUT', '/keys/k/rotationpolicy', { body: notify('P50D') }))
  expect((await vault.sweep(NOON_MS + 60 * DAY * 1000)).told).toBe(0)
})

const email = (trigger: object) => ({
  lifetime_actions: [{ trigger, action: { action_type: 'EmailContacts' } }],
})
test.each([
  ['30 days ahead', {}, 30],
  ['by EmailContacts in days', email({ days_before_expiry: 50 }), 50],
  ['by EmailContacts in percent', email({ lifetime_percentage: 50 }), 182.5],
])('a certificate is told of %s; its key and its secret 30 days ahead', async (_, more, days) => {
  const world = await start()
  const { ask, vault, events } = world
  await createCertificate(ask, { ...more, x509_props: { subject: 'CN=c', validity_months: 12 } })
  await done(
    ask('PATCH', '/certificates/c/policy', { body: { issuer: { name: 'Unknown' }, ...more } }),
  )
  const expS = (await events())[0]?.data.EXP ?? 0
  const at = async (daysBefore: number, seconds: number) => {
    const begin = (await events()).length
    await vault.sweep((expS - daysBefore * DAY + seconds) * 1000)
    return told(world, begin)
  }
  const near = ['CertificateNearExpiry c', 'KeyNearExpiry c', 'SecretNearExpiry c']
  expect(await at(days, -1)).toEqual([])
  expect(await at(days, 1)).toEqual(days === 30 ? near : near.slice(0, 1))
  if (days !== 30) expect(await at(30, 1)).toEqual(near.slice(1))
  expect(await at(0, 1)).toEqual(near.map((one) => one.replace('NearExpiry', 'Expired')))
})

test('deleted objects are not told of until they are recovered', async () => {
  const world = await start({ resource: { softDeleteRetentionInDays: 90 } })
  const { ask, vault } = world
  await set(ask, 's', NOON + 40 * DAY)
  await ask('DELETE', '/secrets/s')
  expect((await vault.sweep(NOON_MS + 20 * DAY * 1000)).told).toBe(0)
  await ask('POST', '/deletedsecrets/s/recover')
  expect((await vault.sweep(NOON_MS + 20 * DAY * 1000)).told).toBe(1)
  expect(await told(world, 1)).toEqual(['SecretNearExpiry s'])
})

test('objects of a vault that is not there wait for it', async () => {
  const { ask, put, vault } = await start()
  await set(ask, 's', NOON + DAY)
  put({ ...VAULT, dataId: 'da7a0000-0000-4000-8000-000000000009' })
  expect((await vault.sweep(NOON_MS)).told).toBe(0)
  put(VAULT)
  expect((await vault.sweep(NOON_MS)).told).toBe(1)
})

test('of processes that sweep at once one tells, of more objects than one batch holds', async () => {
  const first = await start()
  const second = await start({ folder: first.folder })
  for (let n = 0; n < 250; n++) await set(first.ask, `s${n}`, NOON + DAY)
  const counts = await Promise.all([first.vault.sweep(NOON_MS), second.vault.sweep(NOON_MS)])
  expect(counts.reduce((sum, { told: count }) => sum + count, 0)).toBe(250)
  const subjects = (await told(first, 250)).map((one) => one.replace('SecretNearExpiry ', ''))
  expect(new Set(subjects).size).toBe(250)
  expect(subjects).toHaveLength(250)
  expect(first.audit.length + second.audit.length).toBe(500)
})

test('a restored secret is told of when its end is near', async () => {
  const world = await start()
  const { ask, put, vault } = world
  put({ ...VAULT, name: 'v2', dataId: 'da7a0000-0000-4000-8000-000000000002' })
  await set(ask, 's', NOON + DAY)
  const { body } = await ask('POST', '/secrets/s/backup')
  await done(ask('POST', '/secrets/restore', { host: 'v2.vault.azure.net', body }))
  expect((await vault.sweep(NOON_MS)).told).toBe(2)
})
