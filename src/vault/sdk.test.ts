import { createHash, generateKeyPairSync, X509Certificate } from 'node:crypto'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { CertificateClient } from '@azure/keyvault-certificates'
import { KeyClient } from '@azure/keyvault-keys'
import { SecretClient } from '@azure/keyvault-secrets'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createHandler } from '../http/service.ts'
import { selfSign } from './certificates/x509.ts'
import { startVault, type TestVault, tokenOf } from './testing/test-vault.ts'

/** The vendor's own clients, unchanged, against the room behind TLS on a free port of localhost. */
let started: TestVault
let server: https.Server
let url: string
let options: object
beforeAll(async () => {
  started = await startVault()
  const handler = await createHandler(started.vault.service, started.clock, (error) =>
    started.bugs.push(error),
  )
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const holder = {
    subject: 'CN=localhost',
    names: { dns_names: ['localhost'] },
    ekus: [],
    keyUsage: ['digitalSignature', 'keyCertSign'],
    isAuthority: true,
  }
  const life = { notBeforeMs: Date.now() - 60_000, expiresAtMs: Date.now() + 3_600_000 }
  const cert = new X509Certificate(selfSign(holder, privateKey, life)).toString()
  const key = privateKey.export({ format: 'pem', type: 'pkcs8' })
  server = https.createServer({ key, cert }, (request, response) => {
    const host = request.headers.host ?? ''
    handler(request, response, { host, label: 'v1', suffix: host })
  })
  await new Promise<void>((resolve) => server.listen(0, resolve))
  url = `https://localhost:${(server.address() as AddressInfo).port}`
  options = { tlsOptions: { ca: cert }, disableChallengeResourceVerification: true }
})
afterAll(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  await started.close()
  expect(started.bugs).toEqual([])
})

const credential = {
  getToken: async () => ({ token: tokenOf(), expiresOnTimestamp: Date.now() + 3_600_000 }),
}
const quick = { intervalInMs: 5 }

test('SecretClient sets, lists over pages, deletes, recovers, purges and restores', async () => {
  const client = new SecretClient(url, credential, options)
  const set = await client.setSecret('db', 'v', {
    tags: { a: 'b' },
    expiresOn: new Date('2040-01-01'),
  })
  expect(set.properties).toMatchObject({ name: 'db', vaultUrl: url, tags: { a: 'b' } })
  expect((await client.getSecret('db')).value).toBe('v')
  for (let n = 0; n < 26; n++) await client.setSecret(`x${n}`, 'v')
  const names: string[] = []
  for await (const { name } of client.listPropertiesOfSecrets()) names.push(name)
  expect(new Set(names).size).toBe(27)
  const deleted = await (await client.beginDeleteSecret('db', quick)).pollUntilDone()
  expect(deleted.recoveryId).toBe(`${url}/deletedsecrets/db`)
  await (await client.beginRecoverDeletedSecret('db', quick)).pollUntilDone()
  const backup = await client.backupSecret('db')
  await (await client.beginDeleteSecret('db', quick)).pollUntilDone()
  await client.purgeDeletedSecret('db')
  expect((await client.restoreSecretBackup(backup ?? new Uint8Array())).name).toBe('db')
  const version = set.properties.version ?? ''
  await client.updateSecretProperties('db', version, { enabled: false })
  await expect(client.getSecret('db')).rejects.toMatchObject({ statusCode: 403, code: 'Forbidden' })
})

test('KeyClient and its CryptographyClient create, use and rotate keys', async () => {
  const client = new KeyClient(url, credential, options)
  const ec = await client.createEcKey('ec', { curve: 'P-256K' })
  expect(ec.key).toMatchObject({ kty: 'EC', crv: 'P-256K' })
  const rsa = await client.createRsaKey('rsa')
  const digest = createHash('sha256').update('m').digest()
  const use = client.getCryptographyClient('rsa')
  const signed = await use.sign('PS256', digest)
  expect((await use.verify('PS256', digest, signed.result)).result).toBe(true)
  const sealed = await use.encrypt('RSA-OAEP', Buffer.from('hi'))
  expect(Buffer.from((await use.decrypt('RSA-OAEP', sealed.result)).result).toString()).toBe('hi')
  await client.createOctKey('o', { keySize: 256, hsm: true })
  const oct = client.getCryptographyClient('o')
  const gcm = await oct.encrypt({ algorithm: 'A256GCM', plaintext: Buffer.from('x') })
  const opened = await oct.decrypt({
    algorithm: 'A256GCM',
    ciphertext: gcm.result,
    iv: gcm.iv ?? new Uint8Array(),
    authenticationTag: gcm.authenticationTag ?? new Uint8Array(),
  })
  expect(Buffer.from(opened.result).toString()).toBe('x')
  const policy = await client.updateKeyRotationPolicy('rsa', {
    lifetimeActions: [{ action: 'Rotate', timeAfterCreate: 'P30D' }],
    expiresIn: 'P90D',
  } as Parameters<KeyClient['updateKeyRotationPolicy']>[1])
  expect(policy).toMatchObject({ expiresIn: 'P90D', lifetimeActions: [{ action: 'Rotate' }] })
  const rotated = await client.rotateKey('rsa')
  expect(rotated.properties.version).not.toBe(rsa.properties.version)
  expect(await client.getRandomBytes(8)).toHaveLength(8)
  await (await client.beginDeleteKey('rsa', quick)).pollUntilDone()
  await (await client.beginRecoverDeletedKey('rsa', quick)).pollUntilDone()
})

test('CertificateClient creates, waits, cancels, imports, restores and manages issuers', async () => {
  const client = new CertificateClient(url, credential, options)
  const asked = { issuerName: 'Self', subject: 'cn=MyCert' }
  const made = await (await client.beginCreateCertificate('web', asked, quick)).pollUntilDone()
  expect(made).toMatchObject({ name: 'web', policy: { subject: 'cn=MyCert', keyType: 'RSA' } })
  const { value = '' } = await new SecretClient(url, credential, options).getSecret('web')
  const imported = await client.importCertificate('imp', Buffer.from(value, 'base64'))
  expect(imported.policy).toMatchObject({ issuerName: 'Unknown', subject: 'CN=MyCert' })
  await client.beginCreateCertificate('unk', { issuerName: 'Unknown', subject: 'cn=u' }, quick)
  const operation = await client.getCertificateOperation('unk')
  await operation.cancelOperation()
  await client.deleteCertificateOperation('unk')
  await client.createIssuer('iss', 'Test', { accountId: 'x', password: 'y' })
  const issuers: (string | undefined)[] = []
  for await (const { id } of client.listPropertiesOfIssuers()) issuers.push(id)
  expect(issuers).toEqual([`${url}/certificates/issuers/iss`])
  await client.setContacts([{ email: 'a@b.test' }])
  const backup = await client.backupCertificate('web')
  await (await client.beginDeleteCertificate('web', quick)).pollUntilDone()
  await client.purgeDeletedCertificate('web')
  expect((await client.restoreCertificateBackup(backup ?? new Uint8Array())).name).toBe('web')
})
