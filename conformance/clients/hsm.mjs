// An unmodified application for keys of a managed HSM, as it would be written for Azure.
import { createHash, createPublicKey, verify } from 'node:crypto'
import { ClientSecretCredential } from '@azure/identity'
import { CryptographyClient, KeyClient } from '@azure/keyvault-keys'

const { TENANT_ID, CLIENT_ID, CLIENT_SECRET, HSM_URL } = process.env
const credential = new ClientSecretCredential(TENANT_ID, CLIENT_ID, CLIENT_SECRET)
const keys = new KeyClient(HSM_URL, credential)
const seen = {}
const message = Buffer.from('what is signed')
const sha256 = createHash('sha256').update(message).digest()
const encode = (bytes) => Buffer.from(bytes).toString('base64url')

const rsa = await keys.createRsaKey('rsa', { keySize: 2048, hsm: true })
const ec = await keys.createEcKey('ec', { curve: 'P-384', hsm: true })
const oct = await keys.createOctKey('oct', { keySize: 256, hsm: true })
seen.types = [rsa, ec, oct].map(({ keyType }) => keyType)
seen.id = ec.id.replace(/[0-9a-f]{32}$/, '*')

const signer = new CryptographyClient(rsa, credential)
const signed = await signer.sign('PS256', sha256)
const publicKey = createPublicKey({
  format: 'jwk',
  key: { kty: 'RSA', n: encode(rsa.key.n), e: encode(rsa.key.e) },
})
seen.PS256 = verify(
  'sha256',
  message,
  { key: publicKey, padding: 6, saltLength: 32 },
  signed.result,
)

const sealer = new CryptographyClient(oct, credential)
const gcm = await sealer.encrypt({ algorithm: 'A256GCM', plaintext: message })
const opened = await sealer.decrypt({
  algorithm: 'A256GCM',
  ciphertext: gcm.result,
  iv: gcm.iv,
  authenticationTag: gcm.authenticationTag,
})
seen.A256GCM = Buffer.from(opened.result).toString()
const wrapped = await sealer.wrapKey('A256KW', sha256)
seen.A256KW = Buffer.from((await sealer.unwrapKey('A256KW', wrapped.result)).result).equals(sha256)

seen.random = (await keys.getRandomBytes(16)).length
seen.rotated = (await keys.rotateKey('ec')).properties.version !== ec.properties.version
const names = []
for await (const { name } of keys.listPropertiesOfKeys()) names.push(name)
seen.names = names.sort()
seen.plain = (await keys.createRsaKey('plain')).keyType

const backup = await keys.backupKey('oct')
await (await keys.beginDeleteKey('oct')).pollUntilDone()
await (await keys.beginRecoverDeletedKey('oct')).pollUntilDone()
await (await keys.beginDeleteKey('oct')).pollUntilDone()
await keys.purgeDeletedKey('oct')
seen.restored = (await keys.restoreKeyBackup(backup)).properties.version === oct.properties.version
process.stdout.write(JSON.stringify(seen))
