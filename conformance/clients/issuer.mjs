// An unmodified application for certificates of a named issuer; it serves the chain it got over TLS.
import { X509Certificate } from 'node:crypto'
import tls from 'node:tls'
import { ClientSecretCredential } from '@azure/identity'
import { CertificateClient } from '@azure/keyvault-certificates'
import { SecretClient } from '@azure/keyvault-secrets'

const { TENANT_ID, CLIENT_ID, CLIENT_SECRET, VAULT_URL, ROOT } = process.env
const credential = new ClientSecretCredential(TENANT_ID, CLIENT_ID, CLIENT_SECRET)
const certificates = new CertificateClient(VAULT_URL, credential)
const secrets = new SecretClient(VAULT_URL, credential)
const seen = {}

const issuer = await certificates.createIssuer('contoso', 'DigiCert', {
  accountId: 'account',
  password: 'not-checked',
  enabled: true,
})
seen.issuer = [issuer.provider, issuer.enabled]
const policy = {
  issuerName: 'contoso',
  certificateType: 'OV-SSL',
  subject: 'CN=web.test',
  subjectAlternativeNames: { dnsNames: ['web.test'] },
  contentType: 'application/x-pem-file',
  validityInMonths: 6,
}
const poller = await certificates.beginCreateCertificate('web', policy, { intervalInMs: 300 })
const statusOf = async (name) => {
  const operation = await certificates.getCertificateOperation(name)
  await operation.poll()
  return operation.getOperationState().certificateOperation.status
}
seen.begun = await statusOf('web')
const made = await poller.pollUntilDone()
seen.done = await statusOf('web')
seen.policy = [made.policy.issuerName, made.policy.certificateType, made.policy.lifetimeActions]
const { value } = await secrets.getSecret('web')
const chain = value.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----\n/g)
seen.subjects = chain.map((pem) => new X509Certificate(pem).subject)
seen.rootIsShown = chain[2].trim() === ROOT.trim()

const server = tls.createServer({ key: value, cert: chain.slice(0, 2).join('') })
server.on('secureConnection', (socket) => socket.end('hello'))
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
const to = { port: server.address().port, host: '127.0.0.1', servername: 'web.test', ca: ROOT }
seen.heard = await new Promise((resolve, reject) => {
  tls
    .connect(to)
    .on('data', (data) => resolve(data.toString()))
    .on('error', reject)
})
server.close()

const second = await certificates.beginCreateCertificate('gone', policy, { intervalInMs: 300 })
await second.cancelOperation()
seen.canceled = await statusOf('gone')
seen.merge = await certificates
  .beginCreateCertificate('busy', policy, { intervalInMs: 300 })
  .then(() => certificates.mergeCertificate('busy', [Buffer.from('x')]))
  .catch((error) => `${error.statusCode} ${error.message}`)
const wrong = { ...policy, certificateType: 'DV-SSL' }
const refused = await certificates.beginCreateCertificate('no', wrong, { intervalInMs: 300 })
seen.failed = await refused.pollUntilDone().catch((error) => error.message)
console.log(JSON.stringify(seen))
