// An unmodified application in an attested environment: it has a key released and opens it.
import {
  constants,
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
  verify,
  X509Certificate,
} from 'node:crypto'
import { ClientSecretCredential } from '@azure/identity'
import { KeyClient } from '@azure/keyvault-keys'

const { TENANT_ID, CLIENT_ID, CLIENT_SECRET, VAULT_URL, ROOT } = process.env
const ATTESTATION = 'https://sluice.attest.azure.net'
const credential = new ClientSecretCredential(TENANT_ID, CLIENT_ID, CLIENT_SECRET)
const keys = new KeyClient(VAULT_URL, credential)
const seen = {}
const decode = (part) => JSON.parse(Buffer.from(part, 'base64url').toString())

const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
async function attest(claims) {
  const jwk = publicKey.export({ format: 'jwk' })
  const runtime = { keys: [{ ...jwk, kid: 'TpmEphemeralEncryptionKey', key_ops: ['encrypt'] }] }
  const data = Buffer.from(JSON.stringify(runtime)).toString('base64url')
  const { token } = await credential.getToken('https://attest.azure.net/.default')
  const answer = await fetch(`${ATTESTATION}/attest/SluiceTest?api-version=2022-08-01`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ claims, runtimeData: { data, dataType: 'JSON' } }),
  })
  return (await answer.json()).token
}

const policy = (expected) => ({
  encodedPolicy: Buffer.from(
    JSON.stringify({
      version: '1.0.0',
      anyOf: [{ authority: ATTESTATION, allOf: [{ claim: 'app.name', equals: expected }] }],
    }),
  ),
})
const made = await keys.createKey('vital', 'RSA-HSM', {
  exportable: true,
  releasePolicy: policy('payroll'),
})
seen.exportable = made.properties.exportable
seen.policy = JSON.parse(Buffer.from(made.properties.releasePolicy.encodedPolicy).toString())

const token = await attest({ app: { name: 'payroll' } })
seen.attests = decode(token.split('.')[1])['x-ms-attestation-type']
seen.opened = []
for (const [algorithm, oaepHash] of [
  [undefined, 'sha1'],
  ['RSA_AES_KEY_WRAP_256', 'sha256'],
  ['RSA_AES_KEY_WRAP_384', 'sha384'],
]) {
  const released = await keys.releaseKey('vital', token, { algorithm, nonce: 'nonce' })
  const [head, body, signature] = released.value.split('.')
  const [leaf, root] = decode(head).x5c.map(
    (der) => new X509Certificate(Buffer.from(der, 'base64')),
  )
  const signed = Buffer.from(`${head}.${body}`)
  seen.signed = verify('sha256', signed, leaf.publicKey, Buffer.from(signature, 'base64url'))
  seen.trusted =
    leaf.checkHost(new URL(VAULT_URL).hostname) !== undefined &&
    leaf.verify(root.publicKey) &&
    root.fingerprint256 === new X509Certificate(ROOT).fingerprint256
  const { request, response } = decode(body)
  const { ciphertext } = decode(response.key.key.key_hsm)
  const bytes = Buffer.from(ciphertext, 'base64url')
  const padding = constants.RSA_PKCS1_OAEP_PADDING
  const aesKey = privateDecrypt({ key: privateKey, padding, oaepHash }, bytes.subarray(0, 256))
  const cipher = createDecipheriv('id-aes256-wrap-pad', aesKey, Buffer.from('a65959a6', 'hex'))
  const der = Buffer.concat([cipher.update(bytes.subarray(256)), cipher.final()])
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  const { n } = createPublicKey(key).export({ format: 'jwk' })
  seen.opened.push([request.enc, n === Buffer.from(made.key.n).toString('base64url')])
}

const refusal = (error) => `${error.statusCode} ${error.message}`
const other = await attest({ app: { name: 'games' } })
seen.unmet = await keys.releaseKey('vital', other).catch(refusal)
const [head, , signature] = other.split('.')
const forged = `${head}.${token.split('.')[1]}.${signature}`
seen.forged = await keys.releaseKey('vital', forged).catch(refusal)
const fixed = { ...policy('payroll'), immutable: true }
await keys.updateKeyProperties('vital', { releasePolicy: fixed })
seen.immutable = await keys
  .updateKeyProperties('vital', { releasePolicy: policy('games') })
  .catch(refusal)

// A key of one's own, brought in a transfer blob.
const exchange = await keys.createKey('exchange', 'RSA-HSM', { keyOps: ['import'] })
const own = generateKeyPairSync('rsa', { modulusLength: 2048 })
const encode = (bytes) => Buffer.from(bytes).toString('base64url')
const exchangeJwk = { kty: 'RSA', n: encode(exchange.key.n), e: encode(exchange.key.e) }
const exchangeKey = createPublicKey({ key: exchangeJwk, format: 'jwk' })
const transferKey = randomBytes(32)
const oaep = { key: exchangeKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha1' }
const wrapper = createCipheriv('id-aes256-wrap-pad', transferKey, Buffer.from('a65959a6', 'hex'))
const plain = own.privateKey.export({ format: 'der', type: 'pkcs8' })
const blob = {
  schema_version: '1.0.0',
  header: { kid: exchange.id, alg: 'dir', enc: 'CKM_RSA_AES_KEY_WRAP' },
  ciphertext: encode(
    Buffer.concat([publicEncrypt(oaep, transferKey), wrapper.update(plain), wrapper.final()]),
  ),
  generator: 'byok',
}
const brought = await keys.importKey('brought', {
  kty: 'RSA-HSM',
  t: Buffer.from(JSON.stringify(blob)),
})
seen.brought = [
  brought.keyType,
  encode(brought.key.n) === own.publicKey.export({ format: 'jwk' }).n,
]
console.log(JSON.stringify(seen))
