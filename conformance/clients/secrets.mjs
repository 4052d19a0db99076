// An unmodified application: no option of the clients is changed for the plain run.
// AUTHORITY and VAULT_URL are set only for the run against the local names.
import { ClientSecretCredential } from '@azure/identity'
import { SecretClient } from '@azure/keyvault-secrets'

const { TENANT_ID, CLIENT_ID, CLIENT_SECRET, VAULT_URL, AUTHORITY } = process.env
const credential = AUTHORITY
  ? new ClientSecretCredential(TENANT_ID, CLIENT_ID, CLIENT_SECRET, {
      authorityHost: AUTHORITY,
      disableInstanceDiscovery: true,
    })
  : new ClientSecretCredential(TENANT_ID, CLIENT_ID, CLIENT_SECRET)
const client = new SecretClient(VAULT_URL, credential)
const seen = {}

const first = await client.setSecret('db-password', 'first', {
  contentType: 'text/plain',
  tags: { env: 'dev' },
})
const second = await client.setSecret('db-password', 'second $ ! ; @ # \' "', {
  expiresOn: new Date('2030-01-01T00:00:00Z'),
})
seen.host = new URL(second.properties.id).host
seen.newest = (await client.getSecret('DB-PASSWORD')).value
seen.pinned = (await client.getSecret('db-password', { version: first.properties.version })).value
seen.tags = first.properties.tags
seen.contentType = first.properties.contentType
seen.expiresOn = second.properties.expiresOn?.toISOString()
seen.recoveryLevel = second.properties.recoveryLevel

for (let i = 0; i < 30; i += 1) await client.setSecret(`many-${i}`, String(i))
let listed = 0
for await (const properties of client.listPropertiesOfSecrets())
  listed += properties.name.startsWith('many-') ? 1 : 0
seen.listed = listed
let versions = 0
for await (const _ of client.listPropertiesOfSecretVersions('db-password')) versions += 1
seen.versions = versions

await client.updateSecretProperties('db-password', second.properties.version, { enabled: false })
seen.disabled = await client
  .getSecret('db-password')
  .catch((error) => `${error.statusCode} ${error.code}`)
await client.updateSecretProperties('db-password', second.properties.version, { enabled: true })

const backup = await client.backupSecret('db-password')
const deletion = await client.beginDeleteSecret('db-password')
const deleted = await deletion.pollUntilDone()
seen.deletedName = deleted.name
seen.gone = await client
  .getSecret('db-password')
  .catch((error) => `${error.statusCode} ${error.code}`)
seen.conflict = await client
  .setSecret('db-password', 'x')
  .catch((error) => `${error.statusCode} ${error.code}`)
let inDeleted = 0
for await (const item of client.listDeletedSecrets())
  inDeleted += item.name === 'db-password' ? 1 : 0
seen.inDeleted = inDeleted

const recovery = await client.beginRecoverDeletedSecret('db-password')
await recovery.pollUntilDone()
seen.recovered = (await client.getSecret('db-password')).value

await (await client.beginDeleteSecret('db-password')).pollUntilDone()
await client.purgeDeletedSecret('db-password')
seen.purged = await client
  .getDeletedSecret('db-password')
  .catch((error) => `${error.statusCode} ${error.code}`)
await client.restoreSecretBackup(backup)
seen.restored = (await client.getSecret('db-password', { version: first.properties.version })).value

process.stdout.write(JSON.stringify(seen))
