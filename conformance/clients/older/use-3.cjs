// An unmodified application of the generation before `@azure/keyvault-*`, api-version 7.0.
const { createHash, createPublicKey, verify } = require('node:crypto')
const { createRequire } = require('node:module')
const path = require('node:path')

const { PACKAGES, CLIENT_ID, CLIENT_SECRET, VAULT_URL } = process.env
const installed = createRequire(path.join(PACKAGES, 'package.json'))
const { KeyVaultClient, KeyVaultCredentials } = installed('azure-keyvault')

// The application's own part: a token of the first generation for what the challenge names.
// (ADAL's transport cannot speak TLS through a proxy, anybody's proxy, so it is not used.)
function authenticate(challenge, callback) {
  const body = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: CLIENT_ID,
    client_secret: CLIENT_SECRET,
    resource: challenge.resource,
  })
  fetch(`${challenge.authorization}/oauth2/token`, { method: 'POST', body })
    .then((reply) => reply.json())
    .then((token) => callback(null, `${token.token_type} ${token.access_token}`), callback)
}

const refusal = (error) => `${error.statusCode} ${error.body?.code ?? error.code}`
const base64url = (bytes) => bytes.toString('base64url')

async function main() {
  const client = new KeyVaultClient(new KeyVaultCredentials(authenticate))
  const seen = {}
  const first = await client.setSecret(VAULT_URL, 'old', 'first', {
    contentType: 'text/plain',
    tags: { a: 'b' },
  })
  await client.setSecret(VAULT_URL, 'old', 'second')
  seen.newest = (await client.getSecret(VAULT_URL, 'old', '')).value
  seen.pinned = (await client.getSecret(VAULT_URL, 'old', first.id.split('/').at(-1))).value
  seen.tags = first.tags
  seen.recoverableDays = first.attributes.recoverableDays ?? null
  for (let i = 0; i < 30; i += 1) await client.setSecret(VAULT_URL, `page-${i}`, 'v')
  let page = await client.getSecrets(VAULT_URL)
  let listed = page.length
  while (page.nextLink) {
    page = await client.getSecretsNext(page.nextLink)
    listed += page.length
  }
  seen.listed = listed >= 31
  await client.deleteSecret(VAULT_URL, 'page-1')
  seen.gone = await client.getSecret(VAULT_URL, 'page-1', '').catch(refusal)
  await client.recoverDeletedSecret(VAULT_URL, 'page-1')
  seen.recovered = (await client.getSecret(VAULT_URL, 'page-1', '')).value

  const { key } = await client.createKey(VAULT_URL, 'old-key', 'RSA', { keySize: 2048 })
  const message = Buffer.from('what is signed')
  const digest = createHash('sha256').update(message).digest()
  const version = key.kid.split('/').at(-1)
  const signed = await client.sign(VAULT_URL, 'old-key', version, 'RS256', digest)
  const jwk = { kty: 'RSA', n: base64url(key.n), e: base64url(key.e) }
  const publicKey = createPublicKey({ key: jwk, format: 'jwk' })
  seen.signed = verify('sha256', message, publicKey, signed.result)
  seen.verified = (
    await client.verify(VAULT_URL, 'old-key', version, 'RS256', digest, signed.result)
  ).value

  const policy = {
    keyProperties: { exportable: true, keyType: 'RSA', keySize: 2048, reuseKey: false },
    secretProperties: { contentType: 'application/x-pkcs12' },
    issuerParameters: { name: 'Self' },
    x509CertificateProperties: { subject: 'CN=old.test', validityInMonths: 12 },
  }
  await client.createCertificate(VAULT_URL, 'old-cert', { certificatePolicy: policy })
  for (let i = 0; i < 50; i += 1) {
    const { status } = await client.getCertificateOperation(VAULT_URL, 'old-cert')
    seen.operation = status
    if (status !== 'inProgress') break
  }
  const certificate = await client.getCertificate(VAULT_URL, 'old-cert', '')
  seen.issuer = certificate.policy.issuerParameters.name
  process.stdout.write(JSON.stringify(seen))
}

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`)
  process.exitCode = 1
})
