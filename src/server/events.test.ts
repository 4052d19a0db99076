import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { Ajv } from 'ajv'
import { afterEach, expect, test } from 'vitest'
import { manualClock } from '../base/clock.ts'
import { newGuid } from '../base/ids.ts'
import { cloudEventSchema, eventGridSchema, eventTypes } from '../events/testing/index.ts'
import { findService } from '../network/index.ts'
import { openEstate } from './compose.ts'
import { frontService } from './front.ts'
import { dispatch } from './handlers.ts'
import { seedAdministrator } from './local.ts'
import { azureRealism, type Realism } from './settings.ts'

const NOON_MS = Date.UTC(2026, 0, 31, 12)
const SECRETS_OFFICER = 'b86a8fe4-44ce-4948-aee5-eccb2c155cd7'
const AUDIENCES = { arm: 'https://management.azure.com', vault: 'https://vault.azure.net' }

const ending: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (let end = ending.pop(); end; end = ending.pop()) await end()
})

/** An estate with a vault `kv-e`, asked as its administrator. */
async function start(options: { readonly realism?: Realism; readonly rbac?: boolean } = {}) {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'sluice-events-'))
  ending.push(() => rmSync(folder, { recursive: true, force: true }))
  const clock = manualClock(NOON_MS)
  const { realism } = options
  const estate = await openEstate(folder, clock, realism ? { realism } : {})
  ending.push(() => estate.close())
  await seedAdministrator(folder, estate)
  const { arm, events, identity, ids, monitor, vault } = estate
  const front = frontService({
    version: '0',
    realism,
    monitor,
    events,
    verifier: identity.verifier,
    mayReadAudit: () => true,
    findVaultId: (name) => arm.findVault(name)?.id,
    findName: () => undefined,
    certificateAuthority: vault.certificateAuthority,
  })
  const tokens: Record<string, string> = {}
  for (const [name, audience] of Object.entries(AUDIENCES)) {
    const asked = {
      tenantId: ids.tenantId,
      objectId: ids.adminObjectId,
      appId: undefined,
      audience,
    }
    const { token } = await identity.directory.issueToken({ ...asked, kind: 'app' })
    tokens[name] = token.open()
  }
  const answer = dispatch({ arm: arm.service, vault: vault.service, front }, clock, (error) => {
    throw error
  })
  let host = ''
  const server = createServer((request, response) => {
    const found = findService(host)
    if (found) answer(request, response, found)
  })
  ending.push(() => {
    server.closeAllConnections()
    server.close()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const ask = async (at: string, method: string, target: string, body?: unknown) => {
    host = at
    const { port } = server.address() as AddressInfo
    const reply = await fetch(`http://127.0.0.1:${port}${target}`, {
      method,
      headers: { authorization: `Bearer ${tokens[at.includes('vault') ? 'vault' : 'arm']}` },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await reply.text()
    // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes.
    const read: any = text === '' ? undefined : JSON.parse(text)
    return { status: reply.status, headers: reply.headers, body: read }
  }
  const manage = (method: string, target: string, body?: unknown) =>
    ask('management.azure.com', method, target, body)
  const group = `/subscriptions/${ids.subscriptionId}/resourceGroups/g`
  const vaultId = `${group}/providers/Microsoft.KeyVault/vaults/kv-e`
  const all = { keys: ['all'], secrets: ['all'], certificates: ['all'] }
  await manage('PUT', `${group}?api-version=2022-09-01`, { location: 'eastus' })
  await manage('PUT', `${vaultId}?api-version=2022-07-01`, {
    location: 'eastus',
    properties: {
      tenantId: ids.tenantId,
      sku: { family: 'A', name: 'standard' },
      enableRbacAuthorization: options.rbac === true,
      accessPolicies: [{ tenantId: ids.tenantId, objectId: ids.adminObjectId, permissions: all }],
    },
  })
  return {
    estate,
    clock,
    folder,
    vaultId,
    manage,
    look: (target: string) => ask('localhost', 'GET', target),
    ask: (method: string, target: string, body?: unknown) =>
      ask('kv-e.vault.azure.net', method, `${target}?api-version=7.4`, body),
  }
}

test('the events of a vault are listed in both forms, the newest first', async () => {
  const { ask, look, vaultId } = await start()
  await ask('PUT', '/secrets/first', { value: 'x' })
  const { body } = await ask('PUT', '/secrets/db', { value: 'x' })
  const listed = await look('/events?vault=kv-e')
  expect(listed.status).toBe(200)
  expect(listed.body.value).toHaveLength(2)
  const [newest] = listed.body.value
  expect(newest).toEqual({
    id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    topic: vaultId,
    subject: 'db',
    eventType: 'Microsoft.KeyVault.SecretNewVersionCreated',
    eventTime: '2026-01-31T12:00:00.0000000Z',
    data: {
      Id: body.id,
      VaultName: 'kv-e',
      ObjectType: 'Secret',
      ObjectName: 'db',
      Version: body.id.split('/').at(-1),
      NBF: null,
      EXP: null,
    },
    dataVersion: '1',
    metadataVersion: '1',
  })
  const cloud = await look('/events?vault=kv-e&schema=CloudEvents&top=1')
  expect(cloud.body.value).toEqual([
    {
      id: newest.id,
      source: vaultId,
      subject: 'db',
      type: newest.eventType,
      time: newest.eventTime,
      data: newest.data,
      specversion: '1.0',
    },
  ])
  expect((await look('/events')).body.value).toHaveLength(2)
  expect((await look('/events?vault=other')).status).toBe(404)
  expect((await look('/events?schema=xml')).body.error.code).toBe('SchemaUnknown')
})

test('each of the ten types is as documented, in both forms', async () => {
  const { ask, clock, estate, look, manage, vaultId } = await start()
  const exp = NOON_MS / 1000 + 40 * 86_400
  await ask('PUT', '/secrets/s', { value: 'x', attributes: { nbf: NOON_MS / 1000, exp } })
  await ask('POST', '/keys/k/create', { kty: 'EC', attributes: { exp } })
  const policy = {
    issuer: { name: 'Self' },
    key_props: { kty: 'EC', crv: 'P-256' },
    x509_props: { subject: 'CN=c', validity_months: 1 },
    lifetime_actions: [],
  }
  await ask('POST', '/certificates/c/create', { policy })
  const model = { properties: { enableRbacAuthorization: true } }
  await manage('PATCH', `${vaultId}?api-version=2022-07-01`, model)
  for (const days of [15, 41]) {
    await estate.vault.sweep(clock.nowMs() + days * 86_400_000)
  }
  const ajv = new Ajv({ allowUnionTypes: true })
  const forms = [
    ['eventgrid', eventGridSchema],
    ['cloudevents', cloudEventSchema],
  ] as const
  for (const [name, schema] of forms) {
    const { value } = (await look(`/events?vault=kv-e&schema=${name}`)).body
    const validate = ajv.compile({ type: 'array', items: schema })
    validate(value)
    expect(validate.errors).toBeNull()
    const types = value.map((event: Record<string, string>) => event['eventType'] ?? event['type'])
    expect(new Set(types)).toEqual(new Set(eventTypes))
  }
})

test('changed access policies are published, with an audit record', async () => {
  const { estate, manage, look, vaultId } = await start()
  const accessPolicies = [
    {
      tenantId: estate.ids.tenantId,
      objectId: newGuid(),
      permissions: { secrets: ['get'] },
    },
  ]
  const changed = await manage('PUT', `${vaultId}/accessPolicies/add?api-version=2022-07-01`, {
    properties: { accessPolicies },
  })
  expect(changed.status).toBe(200)
  expect((await look('/events?vault=kv-e')).body.value).toMatchObject([
    {
      topic: vaultId,
      subject: 'kv-e',
      eventType: 'Microsoft.KeyVault.VaultAccessPolicyChanged',
      data: {
        Id: 'https://kv-e.vault.azure.net/',
        VaultName: 'kv-e',
        ObjectType: null,
        ObjectName: null,
        Version: null,
        NBF: null,
        EXP: null,
      },
    },
  ])
  const audit = await look('/audit?operation=VaultAccessPolicyChangedEventGridNotification')
  expect(audit.body.value).toMatchObject([
    { resourceId: vaultId.toUpperCase(), resultType: 'Success' },
  ])
})

test('no value is in the outbox or anywhere in the data directory', async () => {
  const { ask, estate, folder } = await start()
  const canary = `canary-${newGuid()}`
  expect((await ask('PUT', '/secrets/db', { value: canary })).status).toBe(200)
  expect(JSON.stringify(await estate.events.listAfter(0, 100))).not.toContain(canary)
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
  for (const file of files.filter((one) => one.isFile())) {
    expect(readFileSync(path.join(file.parentPath, file.name)).includes(canary)).toBe(false)
  }
})

test('a realistic server lets a role wait, and says so', async () => {
  const { ask, estate, clock, look, manage, vaultId } = await start({
    realism: azureRealism,
    rbac: true,
  })
  const roles = '/providers/Microsoft.Authorization'
  const given = await manage(
    'PUT',
    `${vaultId}${roles}/roleAssignments/${newGuid()}?api-version=2022-04-01`,
    {
      properties: {
        roleDefinitionId: `${roles}/roleDefinitions/${SECRETS_OFFICER}`,
        principalId: estate.ids.adminObjectId,
        principalType: 'ServicePrincipal',
      },
    },
  )
  expect(given.status).toBe(201)
  expect((await ask('PUT', '/secrets/db', { value: 'x' })).status).toBe(403)
  clock.moveMs(300_000)
  expect((await ask('PUT', '/secrets/db', { value: 'x' })).status).toBe(200)
  expect((await look('/healthz')).body.realistic).toEqual(azureRealism)
  const health = await ask('GET', '/healthstatus')
  expect(health.headers.get('x-sluice-realistic')).toBe(
    'throttling, roles after 300 s, access policies after 30 s',
  )
})

test('a realistic server throttles as Azure does; others do not', async () => {
  const realistic = await start({ realism: azureRealism })
  const set = (ask: typeof realistic.ask) => ask('PUT', '/secrets/db', { value: 'x' })
  await Promise.all(Array.from({ length: 300 }, () => set(realistic.ask)))
  const refused = await set(realistic.ask)
  expect(refused.status).toBe(429)
  expect(refused.headers.get('retry-after')).toBe('10')
  const quick = await start()
  await Promise.all(Array.from({ length: 300 }, () => set(quick.ask)))
  expect((await set(quick.ask)).status).toBe(200)
})
