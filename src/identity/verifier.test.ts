import { createSecretKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { manualClock } from '../base/clock.ts'
import type { TokenVerifier } from '../http/principal.ts'
import { migrate } from '../storage/migrations.ts'
import { Sealer, sealingMigrations } from '../storage/sealing.ts'
import { mirrored, openTestDatabase } from '../storage/testing/test-database.ts'
import { identityMigrations, openIdentity } from './index.ts'
import { NOON, startIdentity, TENANT } from './testing/started-identity.ts'

let world: Awaited<ReturnType<typeof startIdentity>>
beforeAll(async () => {
  world = await startIdentity()
})
afterAll(() => world.stop())

async function issue(lifetimeMs?: number): Promise<string> {
  const { token } = await world.identity.directory.issueToken({
    tenantId: TENANT,
    objectId: world.app.principalId,
    appId: world.app.appId,
    audience: 'https://vault.azure.net',
    kind: 'app',
    name: 'deployer',
    ...(lifetimeMs !== undefined && { lifetimeMs }),
  })
  return token.open()
}

function parts(token: string): [string, string, string] {
  const [head = '', body = '', signature = ''] = token.split('.')
  return [head, body, signature]
}

const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')
const decode = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString())

test('a token says who the caller is, and verifies at once the second time', async () => {
  const token = await issue()
  const principal = world.identity.verifier.verify(token)
  expect(principal).toMatchObject({
    kind: 'servicePrincipal',
    objectId: world.app.principalId,
    appId: world.app.appId,
    tenantId: TENANT,
    issuer: `https://sts.windows.net/${TENANT}/`,
    audience: 'https://vault.azure.net',
    groups: [],
    name: 'deployer',
  })
  expect(world.identity.verifier.verify(token)).toBe(principal)
})

test('changed, unsigned, foreign and strange tokens are refused', async () => {
  const token = await issue()
  const [head, body, signature] = parts(token)
  const { verifier } = world.identity
  verifier.verify(token)
  const claims = decode(body)
  const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
  const input = `${head}.${encode({ ...claims, oid: 'x' })}`
  const forged = sign('sha256', Buffer.from(input), stranger).toString('base64url')
  const other = `https://sts.windows.net/99999999-2222-4333-8444-555555555555/`
  const rows: [string, string][] = [
    [`${head}.${encode({ ...claims, oid: 'x' })}.${signature}`, 'TokenSignatureWrong'],
    [`${input}.${forged}`, 'TokenSignatureWrong'],
    [`${encode({ alg: 'none' })}.${body}.${signature}`, 'TokenSignatureWrong'],
    [`${encode({ ...decode(head), kid: 5 })}.${body}.${signature}`, 'TokenSignatureWrong'],
    [`${encode({ ...decode(head), alg: 'HS256' })}.${body}.${signature}`, 'TokenSignatureWrong'],
    [`${head}.${encode({ ...claims, iss: other })}.${signature}`, 'IssuerWrong'],
    [`${head}.${encode({ ...claims, iss: 5 })}.${signature}`, 'TokenMalformed'],
    [`${head}.${body}`, 'TokenMalformed'],
    [`${head}.${body}.`, 'TokenMalformed'],
    ['', 'TokenMalformed'],
    ['a.b.c', 'TokenMalformed'],
  ]
  for (const [wrong, code] of rows) {
    expect(() => verifier.verify(wrong), wrong.slice(0, 60)).toThrow(
      expect.objectContaining({ code }),
    )
  }
})

test('an unknown issuer is named in the detail only', async () => {
  const [head, body, signature] = parts(await issue())
  const iss = 'https://sts.windows.net/99999999-2222-4333-8444-555555555555/'
  const wrong = `${head}.${encode({ ...decode(body), iss })}.${signature}`
  expect(() => world.identity.verifier.verify(wrong)).toThrow(
    expect.objectContaining({ detail: iss }),
  )
  expect(world.identity.verifier.issuers).toEqual([`https://sts.windows.net/${TENANT}/`])
})

test('a remembered token still ends when its time comes', async () => {
  const token = await issue(10_000)
  world.identity.verifier.verify(token)
  world.clock.moveMs(9_999)
  world.identity.verifier.verify(token)
  world.clock.moveMs(1)
  expect(() => world.identity.verifier.verify(token)).toThrow(
    expect.objectContaining({ code: 'TokenExpired' }),
  )
})

function isTaken(verifier: TokenVerifier, token: string): boolean {
  try {
    return verifier.verify(token) !== undefined
  } catch {
    return false
  }
}

test('a token outlives the process that issued it, and other processes take it', async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'sluice-identity-'))
  const rootKey = createSecretKey(randomBytes(32))
  const open = async () => {
    const db = await openTestDatabase<unknown>(path.join(folder, 'identity.db'))
    await migrate(db, [...sealingMigrations, ...identityMigrations], NOON)
    const sealer = new Sealer(db, rootKey, () => NOON)
    return { db, identity: await openIdentity({ db, sealer, clock: manualClock(NOON) }) }
  }
  const [first, second] = await Promise.all([open(), open()])
  expect(second.identity.directory.defaultTenantId).toBe(first.identity.directory.defaultTenantId)
  const app = await first.identity.directory.createApplication({ displayName: 'a' })
  const { token } = await first.identity.directory.issueToken({
    tenantId: first.identity.directory.defaultTenantId,
    objectId: app.principalId,
    appId: app.appId,
    audience: 'https://vault.azure.net',
    kind: 'app',
  })
  await mirrored(second.db, () => isTaken(second.identity.verifier, token.open()))
  const seen = await second.identity.verifier.verify(token.open())
  expect(seen.objectId).toBe(app.principalId)
  await first.db.close()
  await second.db.close()
  const third = await open()
  expect((await third.identity.verifier.verify(token.open())).objectId).toBe(app.principalId)
  await third.db.close()
  rmSync(folder, { recursive: true, force: true })
})

test('a token from the future is taken up to five minutes early', async () => {
  const token = await issue()
  world.clock.moveMs(-300_000)
  world.identity.verifier.verify(token)
  world.clock.moveMs(-1)
  expect(() => world.identity.verifier.verify(token)).toThrow(
    expect.objectContaining({ code: 'TokenNotYetValid' }),
  )
  world.clock.moveMs(300_001)
})
