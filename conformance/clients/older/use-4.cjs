// An unmodified application of `@azure/keyvault-*` 4.0, which runs on the newest 4.x too.
const { createHash, createPublicKey, verify } = require('node:crypto')
const { createRequire } = require('node:module')
const path = require('node:path')

const { PACKAGES, TENANT_ID, CLIENT_ID, CLIENT_SECRET, VAULT_URL } = process.env
const installed = createRequire(path.join(PACKAGES, 'package.json'))
const { ClientSecretCredential } = installed('@azure/identity')
const { SecretClient } = installed('@azure/keyvault-secrets')
const { CryptographyClient, KeyClient } = installed('@azure/keyvault-keys')
const { CertificateClient } = installed('@azure/keyvault-certificates')

const refusal = (error) => `${error.statusCode} ${error.code}`
const base64url = (bytes) => Buffer.from(bytes).toString('base64url')

async function main() {
  const credential = new ClientSecretCredential(TENANT_ID, CLIENT_ID, CLIENT_SECRET)
  const secrets = new SecretClient(VAULT_URL, credential)
  const seen = {}
  const first = await secrets.setSecret('four', 'first', {
    contentType: 'text/plain',
    tags: { a: 'b' },
  })
  await secrets.setSecret('four', 'second')
  seen.newest = (await secrets.getSecret('four')).value
  seen.pinned = (await secrets.getSecret('four', { version: first.properties.version })).value
  seen.tags = first.properties.tags
  for (let i = 0; i < 30; i += 1) await secrets.setSecret(`many-${i}`, 'v')
  const names = []
  for await (const { name } of secrets.listPropertiesOfSecrets()) names.push(name)
  seen.listed = names.filter((name) => name.startsWith('many-')).length
  await secrets.updateSecretProperties(
    'many-0',
    (await secrets.getSecret('many-0')).properties.version,
    { enabled: false },
  )
  seen.disabled = await secrets.getSecret('many-0').catch(refusal)
  const poller = await secrets.beginDeleteSecret('many-1', { intervalInMs: 20 })
  seen.deleted = (await poller.pollUntilDone()).name
  await (await secrets.beginRecoverDeletedSecret('many-1', { intervalInMs: 20 })).pollUntilDone()
  seen.recovered = (await secrets.getSecret('many-1')).value

  const keys = new KeyClient(VAULT_URL, credential)
  const made = await keys.createRsaKey('four-key', { keySize: 2048 })
  const message = Buffer.from('what is signed')
  const digest = createHash('sha256').update(message).digest()
  const { key } = made
  const crypto = new CryptographyClient(key.kid ?? made.id, credential)
  const { result } = await crypto.sign('RS256', digest)
  const jwk = { kty: 'RSA', n: base64url(key.n), e: base64url(key.e) }
  seen.signed = verify('sha256', message, createPublicKey({ key: jwk, format: 'jwk' }), result)
  const sealed = (await crypto.encrypt('RSA-OAEP', message)).result
  seen.opened = Buffer.from((await crypto.decrypt('RSA-OAEP', sealed)).result).toString()

  const certificates = new CertificateClient(VAULT_URL, credential)
  const policy = { issuerName: 'Self', subject: 'CN=four.test' }
  const creation = await certificates.beginCreateCertificate('four-cert', policy, {
    intervalInMs: 20,
  })
  seen.certificate = (await creation.pollUntilDone()).policy.subject
  process.stdout.write(JSON.stringify(seen))
}

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`)
  process.exitCode = 1
})
