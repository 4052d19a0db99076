import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Azurite, startAzurite } from './azurite.ts'
import { sendOne, tokensOf } from './content.ts'
import { Estate, type Given, runProgram } from './harness.ts'
import { filesThatHold, jwkOf, makeHolders, makeHsms } from './managed-hsms.ts'

const DIGEST = Buffer.alloc(32, 5).toString('base64')
const ONE = ['--hsm-name', 'hsm-one']
const TWO = ['--hsm-name', 'hsm-two']
const estate = new Estate()
let storage: Azurite | undefined
let folder = ''
let objectId = ''

beforeAll(async () => {
  storage = await startAzurite()
  await estate.up()
  await estate.json(['group', 'create', '-n', 'g', '-l', 'westeurope'])
  const { clientId } = JSON.parse(readFileSync(path.join(estate.data, 'admin.json'), 'utf8'))
  objectId = String((await estate.json(['ad', 'sp', 'show', '--id', clientId]))['id'])
  for (const hsm of [ONE, TWO]) {
    const how = ['-g', 'g', '--administrators', objectId, '--retention-days', '7']
    await estate.json(['keyvault', 'create', ...hsm, ...how])
  }
  folder = await makeHolders(estate)
})

afterAll(async () => {
  storage?.stop()
  await estate.remove()
})

const keyvault = (args: readonly string[], given: Given = {}) =>
  estate.json(['keyvault', ...args], { cwd: folder, ...given })

/** What a command that must fail says. */
async function refusal(args: readonly string[], given: Given = {}): Promise<string> {
  const outcome = await estate.sluice(['keyvault', ...args], { cwd: folder, ...given })
  expect(outcome.code).not.toBe(0)
  return outcome.stderr
}

async function activate(): Promise<void> {
  const wrap = ['--sd-wrapping-keys', 'a.cer', 'b.cer', 'c.cer', '--sd-quorum', '2']
  const file = ['--security-domain-file', 'domain.json']
  const domain = ['security-domain', 'download', ...ONE, ...wrap]
  expect(await refusal([...domain, '--security-domain-file', 'a.cer'])).toContain('already exists')
  expect(await keyvault([...domain, ...file])).toMatchObject({ status: 'Success' })
  expect(statSync(path.join(folder, 'domain.json')).mode & 0o077).toBe(0)
  const role = ['role', 'assignment', 'create', ...ONE, '--scope', '/keys']
  const user = ['--role', 'Managed HSM Crypto User', '--assignee-object-id', objectId]
  await keyvault([...role, ...user])
}

test('a managed HSM is backed up and brought back by two of three holders, in the words of az', async (context) => {
  if (!storage) return context.skip('azurite cannot be installed from the npm registry')
  await activate()
  await keyvault(['key', 'create', ...ONE, '-n', 'k', '--kty', 'EC-HSM', '--curve', 'P-256'])
  const algorithm = ['-n', 'k', '-a', 'ES256', '--digest', DIGEST]
  const { signature } = await keyvault(['key', 'sign', ...ONE, ...algorithm])
  const place = ['--storage-resource-uri', storage.container]
  const stdin = storage.token
  const backup = await keyvault(['backup', 'start', ...ONE, ...place], { stdin })
  expect(backup['status']).toBe('Succeeded')
  const name = String(backup['folderUrl']).split('/').at(-1) ?? ''

  await keyvault(['security-domain', 'init-recovery', ...TWO, '--sd-exchange-key', 'exchange.cer'])
  const files = ['--sd-file', 'domain.json', '--sd-exchange-key', 'exchange.cer']
  const upload = ['security-domain', 'upload', ...TWO, ...files, '--sd-wrapping-keys']
  expect(await refusal([...upload, 'a.pem'])).toContain('Insufficient shares available')
  await protect('c', 'the password of c')
  expect(await refusal([...upload, 'a.pem', 'c.pem'])).toContain('A wrapping key cannot be read')
  const passwords = { stdin: '\nthe password of c\n' }
  const two = [...upload, 'a.pem', 'c.pem', '--passwords', '-']
  expect(await keyvault(two, passwords)).toMatchObject({ status: 'Success' })

  const restore = ['restore', 'start', ...TWO, ...place, '--backup-folder', name]
  expect(await refusal([...restore, '--key-name', 'none'], { stdin })).toContain('holds no key')
  await keyvault([...restore, '--key', 'k'], { stdin })
  await keyvault(restore, { stdin })
  const verify = ['key', 'verify', ...TWO, ...algorithm, '--signature', String(signature)]
  expect(await keyvault(verify)).toMatchObject({ isValid: true })
  const unread = await refusal(['backup', 'start', ...ONE, ...place], { stdin: 'sv=1&sig=wrong' })
  expect(unread).toContain('HTTP 403')
  const secrets = [storage.token, new URLSearchParams(storage.token).get('sig') ?? '']
  expect(filesThatHold(estate.data, secrets)).toEqual([])
}, 120_000)

/** Puts a private key under a password. */
async function protect(name: string, password: string): Promise<void> {
  const args = ['rsa', '-aes256', '-in', `${name}.pem`, '-passout', 'env:PASSWORD']
  const outcome = await runProgram('openssl', args, { cwd: folder, env: { PASSWORD: password } })
  expect(outcome.code).toBe(0)
  writeFileSync(path.join(folder, `${name}.pem`), outcome.stdout)
}

test('a backup whose server is killed has failed, in words, once the server is back', async () => {
  const { account } = await makeHsms(estate, ['hsm-killed'])
  const [token = ''] = await tokensOf(estate, [account], 'https://managedhsm.azure.net')
  const ask = async (method: string, target: string, body?: unknown) =>
    sendOne(estate, {
      url: `https://hsm-killed.managedhsm.azure.net${target}?api-version=7.6`,
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body,
    })
  const certificates = ['a', 'b', 'c'].map((holder) => jwkOf(folder, holder))
  const downloaded = await ask('POST', '/securitydomain/download', { certificates, required: 2 })
  expect(downloaded.status).toBe(202)
  const silent = createServer(() => undefined)
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const { port } = silent.address() as AddressInfo
  const body = { storageResourceUri: `http://127.0.0.1:${port}/c`, token: 'sig=canary4711' }
  const begun = await ask('POST', '/backup', body)
  expect(begun.body.status).toBe('InProgress')
  expect((await ask('POST', '/backup', body)).status).toBe(409)
  process.kill(Number((await estate.json(['status']))['pid']), 'SIGKILL')
  await expect.poll(async () => (await estate.json(['status']))['state']).toBe('stopped')
  await estate.up()
  const read = async () => (await ask('GET', `/backup/${begun.body.jobId}/pending`)).body
  await expect.poll(read, { timeout: 30_000, interval: 500 }).toMatchObject({
    status: 'Failed',
    error: { message: 'The server stopped while the job was running. Start it again.' },
  })
  silent.closeAllConnections()
  silent.close()
  expect(filesThatHold(estate.data, ['canary4711'])).toEqual([])
}, 120_000)
