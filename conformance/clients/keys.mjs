// An unmodified application for keys; the remote operations are reached by an identity that may not read keys.
import { createHash, createPublicKey, generateKeyPairSync, verify } from 'node:crypto'
import { ClientSecretCredential } from '@azure/identity'
import { CryptographyClient, KeyClient } from '@azure/keyvault-keys'

const { TENANT_ID, CLIENT_ID, CLIENT_SECRET, VAULT_URL } = process.env
const credential = new ClientSecretCredential(TENANT_ID, CLIENT_ID, CLIENT_SECRET)
const keys = new KeyClient(VAULT_URL, credential)
const seen = {}
const message = Buffer.from('what is signed')
const sha256 = createHash('sha256').update(message).digest()
const publicKey = ({ key }) => createPublicKey({ format: 'jwk', key: toJwk(key) })
const encode = (bytes) =>
  bytes === undefined ? undefined : Buffer.from(bytes).toString('base64url')
const toJwk = (key) => ({
  kty: key.kty.replace('-HSM', ''),
  n: encode(key.n),
  e: encode(key.e),
  crv: key.crv,
  x: encode(key.x),
  y: encode(key.y),
})

const rsa = await keys.createRsaKey('rsa', { keySize: 2048, tags: { use: 'test' } })
const ec = await keys.createEcKey('ec', { curve: 'P-256' })
seen.rsaBits = rsa.key.n.length * 8
seen.ops = rsa.keyOperations
for (const [name, key, algorithm] of [
  ['RS256', rsa, 'RS256'],
  ['PS256', rsa, 'PS256'],
  ['ES256', ec, 'ES256'],
]) {
  const remote = new CryptographyClient(key, credential)
  const { result } = await remote.sign(algorithm, sha256)
  const padding =
    algorithm === 'PS256' ? { padding: 6, saltLength: 32 } : { dsaEncoding: 'ieee-p1363' }
  seen[name] = verify('sha256', message, { key: publicKey(key), ...padding }, result)
  seen[`${name} verified`] = (await remote.verify(algorithm, sha256, result)).result
}
const crypto = new CryptographyClient(rsa, credential)
for (const algorithm of ['RSA1_5', 'RSA-OAEP', 'RSA-OAEP-256']) {
  const { result } = await crypto.encrypt({ algorithm, plaintext: message })
  const opened = await crypto.decrypt({ algorithm, ciphertext: result })
  seen[algorithm] = Buffer.from(opened.result).toString()
  const wrapped = await crypto.wrapKey(algorithm, sha256)
  seen[`${algorithm} wrap`] = Buffer.from(
    (await crypto.unwrapKey(algorithm, wrapped.result)).result,
  ).equals(sha256)
}
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const jwk = privateKey.export({ format: 'jwk' })
const bytes = Object.fromEntries(
  ['n', 'e', 'd', 'p', 'q', 'dp', 'dq', 'qi'].map((name) => [
    name,
    Buffer.from(jwk[name], 'base64url'),
  ]),
)
const imported = await keys.importKey('imported', { kty: 'RSA', ...bytes })
seen.imported = encode(imported.key.n) === jwk.n

const rotated = await keys.rotateKey('ec')
seen.rotated = rotated.properties.version !== ec.properties.version
const policy = await keys.updateKeyRotationPolicy('ec', {
  expiresIn: 'P90D',
  lifetimeActions: [{ action: 'Rotate', timeAfterCreate: 'P60D' }],
})
seen.policy = policy.expiresIn
let versions = 0
for await (const _ of keys.listPropertiesOfKeyVersions('ec')) versions += 1
seen.versions = versions

await keys.updateKeyProperties('rsa', rsa.properties.version, { enabled: false })
seen.disabled = await crypto
  .decrypt({ algorithm: 'RSA-OAEP', ciphertext: Buffer.alloc(256) })
  .catch((error) => `${error.statusCode} ${error.code}`)
await keys.updateKeyProperties('rsa', rsa.properties.version, { enabled: true })

const backup = await keys.backupKey('imported')
await (await keys.beginDeleteKey('imported')).pollUntilDone()
await (await keys.beginRecoverDeletedKey('imported')).pollUntilDone()
await (await keys.beginDeleteKey('imported')).pollUntilDone()
await keys.purgeDeletedKey('imported')
const restored = await keys.restoreKeyBackup(backup)
seen.restored = restored.properties.version === imported.properties.version
process.stdout.write(JSON.stringify(seen))
