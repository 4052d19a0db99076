import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../base/clock.ts'
import { findService } from '../network/index.ts'
import { type Estate, openEstate } from './compose.ts'
import { frontService } from './front.ts'
import { type AnyService, dispatch } from './handlers.ts'
import { seedAdministrator } from './local.ts'

const HOSTS = {
  vault: 'kv-strange.vault.azure.net',
  arm: 'management.azure.com',
  graph: 'graph.microsoft.com',
  devops: 'dev.azure.com',
  front: 'localhost',
  attestation: 'sluice.attest.azure.net',
} as const
type Name = keyof typeof HOSTS

/** What every principal of the directory may ask, as in Azure; their lists hold what it may see. */
const OPEN: readonly string[] = [
  'AttestationCertificates',
  'AttestationDiscovery',
  'AttestSluiceTest',
  'CertificateAuthority',
  'HealthStatus',
  'Health',
  'MetadataEndpoints',
  'Subscriptions_List',
  'Tenants_List',
  'Providers_ListAtTenantScope',
  'Permissions_ListForScope',
  'ManagedHsms_CheckMhsmNameAvailability',
  'RoleDefinitions_Get',
]

let folder: string
let estate: Estate
let services: Readonly<Record<Name, AnyService>>
let server: Server
let host: string
const tokens: Record<string, string> = {}

beforeAll(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'sluice-strangers-'))
  estate = await openEstate(folder, systemClock, {})
  await seedAdministrator(folder, estate)
  const { arm, identity, vault, devops, monitor, events } = estate
  const front = frontService({
    version: '0',
    monitor,
    events,
    verifier: identity.verifier,
    mayReadAudit: (principal) =>
      arm.isAllowed(principal, 'Microsoft.Insights/eventtypes/values/read', subscription()),
    findVaultId: (name) => arm.findVault(name)?.id,
    findName: () => undefined,
    certificateAuthority: vault.certificateAuthority,
  })
  services = {
    vault: vault.service,
    arm: arm.service,
    graph: identity.graph,
    devops: (await devops()).service,
    front,
    attestation: identity.attestation,
  }
  const answer = dispatch(services, systemClock, (error) => {
    throw error
  })
  server = createServer((request, response) => {
    const found = findService(host)
    if (found) answer(request, response, found)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  for (const [name, audience] of Object.entries(AUDIENCES)) {
    tokens[name] = await tokenFor(estate.ids.adminObjectId, audience)
  }
  const group = `${subscription()}/resourceGroups/g`
  const created = [
    await send('arm', 'PUT', `${group}?api-version=2022-09-01`, 'arm', { location: 'eastus' }),
    await send(
      'arm',
      'PUT',
      `${group}/providers/Microsoft.KeyVault/vaults/kv-strange?api-version=2022-07-01`,
      'arm',
      {
        location: 'eastus',
        properties: {
          tenantId: estate.ids.tenantId,
          sku: { family: 'A', name: 'standard' },
          enableRbacAuthorization: true,
        },
      },
    ),
  ]
  expect(created.map(({ status }) => status)).toEqual([201, 201])
  const { principalId } = await identity.directory.createApplication({ displayName: 'stranger' })
  for (const [name, audience] of Object.entries(AUDIENCES)) {
    tokens[`stranger ${name}`] = await tokenFor(principalId, audience)
  }
})

afterAll(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  await estate.close()
  rmSync(folder, { recursive: true, force: true })
})

const AUDIENCES: Readonly<Record<Name, string>> = {
  vault: 'https://vault.azure.net',
  arm: 'https://management.azure.com',
  graph: 'https://graph.microsoft.com',
  devops: '499b84ac-1321-427f-aa17-267ca6975798',
  front: 'https://management.azure.com',
  attestation: 'https://attest.azure.net',
}

const subscription = () => `/subscriptions/${estate.ids.subscriptionId}`

async function tokenFor(objectId: string, audience: string): Promise<string> {
  const { token } = await estate.identity.directory.issueToken({
    tenantId: estate.ids.tenantId,
    objectId,
    appId: undefined,
    audience,
    kind: 'app',
  })
  return token.open()
}

async function send(
  name: Name,
  method: string,
  target: string,
  token: string | undefined,
  body?: unknown,
): Promise<{ readonly status: number; readonly text: string }> {
  host = HOSTS[name]
  const { port } = server.address() as AddressInfo
  const reply = await fetch(`http://127.0.0.1:${port}${target}`, {
    method,
    headers: token === undefined ? {} : { authorization: `Bearer ${tokens[token]}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return { status: reply.status, text: await reply.text() }
}

/** The operation's path with things that exist in it. */
function targetOf(route: string): string {
  const things: Readonly<Record<string, string>> = {
    ':org': 'local',
    ':project': 'default',
    ':subscription': estate.ids.subscriptionId,
    ':group': 'g',
    ':vault': 'kv-strange',
    ':location': 'eastus',
  }
  const id = estate.ids.adminApplicationObjectId
  const filled = route
    .replaceAll(/:(\w+)\??/g, (part) => things[part] ?? id)
    .replace('*', `scope${subscription()}`)
  return `${filled}?api-version=${route.startsWith('/:org') ? '7.1' : '7.4'}`
}

const targetIn = (name: Name, route: string) =>
  name === 'arm' ? targetOf(route).replace(/7\.4$/, '2022-07-01') : targetOf(route)

const names = Object.keys(HOSTS) as Name[]

test.each(names)(
  '%s asks a caller without a token, or with one for another service, to authenticate',
  async (name) => {
    const guarded = services[name].operations.filter(
      ({ name: operation, permission }) => !OPEN_TO_ALL.has(operation) && permission !== 'anyone',
    )
    expect(guarded.length).toBeGreaterThan(0)
    for (const { name: operation, method, path: route } of guarded) {
      const body = method === 'GET' || method === 'HEAD' ? undefined : {}
      for (const token of [undefined, name === 'graph' ? 'vault' : 'graph']) {
        const { status } = await send(name, method, targetIn(name, route), token, body)
        expect([operation, token, status]).toEqual([operation, token, 401])
      }
    }
  },
)

const OPEN_TO_ALL = new Set([
  'HealthStatus',
  'Health',
  'MetadataEndpoints',
  'AttestationCertificates',
  'AttestationDiscovery',
])

/** Gives a role: a body that is wrong would be refused for that alone. */
const WISH = {
  properties: {
    roleDefinitionId: '8e3af657-a8ff-443c-a75c-2fe8c4bcb635',
    principalId: '8e3af657-a8ff-443c-a75c-2fe8c4bcb635',
    principalType: 'User',
  },
}

test.each(names)('%s answers a stranger nothing but what is open to everybody', async (name) => {
  for (const { name: operation, method, path: route, permission } of services[name].operations) {
    if (OPEN.includes(operation) || permission === 'anyone') continue
    // The directory is readable by all who are in it.
    if (name === 'graph' && permission === undefined) continue
    const body = method === 'GET' || method === 'HEAD' ? undefined : WISH
    const reply = await send(name, method, targetIn(name, route), `stranger ${name}`, body)
    expect([operation, reply.text, [403, 404].includes(reply.status)]).toEqual([
      operation,
      reply.text,
      true,
    ])
  }
})
