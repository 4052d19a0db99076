// An unmodified application for HSM-protected keys of a premium vault.
import { execFileSync } from 'node:child_process'
import { constants, createHash, createPublicKey, generateKeyPairSync, verify } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { ClientSecretCredential } from '@azure/identity'
import { CryptographyClient, KeyClient } from '@azure/keyvault-keys'

const { TENANT_ID, CLIENT_ID, CLIENT_SECRET, VAULT_URL } = process.env
const credential = new ClientSecretCredential(TENANT_ID, CLIENT_ID, CLIENT_SECRET)
const keys = new KeyClient(VAULT_URL, credential)
const seen = {}
const versions = {}
const message = Buffer.from('what is signed')
const digest = (bits) => createHash(`sha${bits}`).update(message).digest()
const encode = (bytes) => (bytes ? Buffer.from(bytes).toString('base64url') : undefined)
const publicKey = ({ key }) => {
  const crv = key.crv === 'P-256K' ? 'secp256k1' : key.crv
  const [n, e, x, y] = [key.n, key.e, key.x, key.y].map(encode)
  const jwk = { kty: key.kty.replace('-HSM', ''), n, e, crv, x, y }
  return createPublicKey({ format: 'jwk', key: jwk })
}

const rsa = await keys.createRsaKey('rsa', { hsm: true, keySize: 2048 })
seen.kty = rsa.key.kty
seen.platform = rsa.properties.hsmPlatform
versions.rsa = rsa.properties.version
const remote = new CryptographyClient(rsa, credential)
for (const bits of [256, 384, 512]) {
  const rs = await remote.sign(`RS${bits}`, digest(bits))
  const ps = await remote.sign(`PS${bits}`, digest(bits))
  const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: bits / 8 }
  const key = publicKey(rsa)
  seen[`RS${bits}`] = verify(`sha${bits}`, message, key, rs.result)
  seen[`PS${bits}`] = verify(`sha${bits}`, message, { key, ...pss }, ps.result)
}
for (const algorithm of ['RSA1_5', 'RSA-OAEP', 'RSA-OAEP-256']) {
  const { result } = await remote.encrypt({ algorithm, plaintext: message })
  const opened = await remote.decrypt({ algorithm, ciphertext: result })
  seen[algorithm] = Buffer.from(opened.result).equals(message)
}

// OpenSSL judges one signature of each family.
const folder = mkdtempSync(path.join(os.tmpdir(), 'sluice-hsm-keys-'))
const inFolder = (name, content) => {
  writeFileSync(path.join(folder, name), content)
  return path.join(folder, name)
}
const openssl = (key, signature, bits) => {
  const pem = inFolder('key.pem', publicKey(key).export({ type: 'spki', format: 'pem' }))
  const given = ['-verify', pem, '-signature', inFolder('signature', signature)]
  const args = ['dgst', `-sha${bits}`, ...given, inFolder('message', message)]
  return execFileSync('openssl', args).toString().trim()
}
seen.openssl = openssl(rsa, (await remote.sign('RS256', digest(256))).result, 256)
rmSync(folder, { recursive: true })

for (const [algorithm, curve, bits] of [
  ['ES256', 'P-256', 256],
  ['ES256K', 'P-256K', 256],
  ['ES384', 'P-384', 384],
  ['ES512', 'P-521', 512],
]) {
  const ec = await keys.createEcKey(`ec-${curve}`, { hsm: true, curve })
  versions[curve] = ec.properties.version
  const client = new CryptographyClient(ec, credential)
  const { result } = await client.sign(algorithm, digest(bits))
  const key = { key: publicKey(ec), dsaEncoding: 'ieee-p1363' }
  seen[algorithm] = verify(`sha${bits}`, message, key, result)
}

const oct = await keys.createOctKey('oct', { hsm: true, keySize: 256 })
versions.oct = oct.properties.version
const aes = new CryptographyClient(oct, credential)
const sealed = await aes.encrypt({ algorithm: 'A256GCM', plaintext: message })
const { iv, authenticationTag, result: ciphertext } = sealed
const opened = await aes.decrypt({ algorithm: 'A256GCM', ciphertext, iv, authenticationTag })
seen.A256GCM = Buffer.from(opened.result).equals(message)
const wrapped = await aes.wrapKey('A256KW', digest(256))
seen.A256KW = Buffer.from((await aes.unwrapKey('A256KW', wrapped.result)).result).equals(
  digest(256),
)

const jwk = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' })
const parts = Object.fromEntries(
  ['n', 'e', 'd', 'p', 'q', 'dp', 'dq', 'qi'].map((name) => [
    name,
    Buffer.from(jwk[name], 'base64url'),
  ]),
)
const imported = await keys.importKey(
  'imported',
  { kty: 'RSA-HSM', ...parts },
  { hardwareProtected: true },
)
seen.imported = imported.properties.hsmPlatform
versions.imported = imported.properties.version
seen.backup = await keys.backupKey('rsa').catch((error) => `${error.statusCode} ${error.code}`)

const software = await keys.createRsaKey('software')
seen.software = software.properties.hsmPlatform
process.stdout.write(JSON.stringify({ seen, versions, importedD: jwk.d, importedP: jwk.p }))
