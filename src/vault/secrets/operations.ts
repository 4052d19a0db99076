import { whenThere } from '../../base/when-there.ts'
import { empty, json, type Reply } from '../../http/reply.ts'
import { isSince } from '../api-versions.ts'
import { pfxToPem } from '../certificates/issued.ts'
import { PEM_TYPE, PFX_TYPE } from '../certificates/policy.ts'
import type { VaultCall } from '../context.ts'
import { deletedMembers, readBody, readName } from '../objects/attributes.ts'
import { BACKUP_LIMIT_BYTES, backUp, restore } from '../objects/backup.ts'
import {
  deleteObject,
  placeOf,
  purgeDeletedObject,
  readDeleted,
  readLiveObject,
  recoverObject,
  updateObject,
} from '../objects/objects.ts'
import { byName, replyPage } from '../objects/paging.ts'
import { listDeleted, listLive, listVersions } from '../objects/store.ts'
import type { ObjectVersion, VersionFacts } from '../objects/version.ts'
import { vaultOperation } from '../operation.ts'
import { openSecret, readSecret, readSecretChange, readWrittenSecret, setSecret } from './secret.ts'
import { toSecretBundle, toSecretItem } from './wire.ts'

const setSecretOperation = vaultOperation(
  'SetSecret',
  { method: 'PUT', path: '/secrets/:name' },
  {
    policy: 'set',
    dataAction: 'secrets/setSecret/action',
    audit: 'SecretSet',
    budget: 'secretSet',
  },
  async (call, vault) => {
    const name = readName(call.params.name)
    const written = readWrittenSecret(readBody(await call.readJson()))
    const made = await setSecret(vault, { asWritten: call.params.name, name }, written)
    return json(200, toSecretBundle(vault, made, written.value.open()))
  },
)

const getSecret = vaultOperation(
  'GetSecret',
  { method: 'GET', path: '/secrets/:name/:version?' },
  { policy: 'get', dataAction: 'secrets/getSecret/action', audit: 'SecretGet' },
  (call, vault) =>
    whenThere(readSecret(vault, readName(call.params.name), call.params.version), (found) =>
      toSecretReply(call.query, vault, found),
    ),
)

function toSecretReply(query: URLSearchParams, vault: VaultCall, found: ObjectVersion): Reply {
  const value = openSecret(vault, found)
  if (!isPemWanted(query, vault, found)) return json(200, toSecretBundle(vault, found, value))
  const shown = { ...found, details: { ...found.details, contentType: PEM_TYPE } }
  return json(200, toSecretBundle(vault, shown, pfxToPem(value)))
}

/** `outContentType` speaks of certificates stored as PFX, from 2025-07-01 (key-vault.md §6.3). */
function isPemWanted(query: URLSearchParams, vault: VaultCall, found: VersionFacts): boolean {
  if (!found.managed || found.details?.['contentType'] !== PFX_TYPE) return false
  return isSince(vault.apiVersion, '2025-07-01') && query.get('outContentType') === PEM_TYPE
}

const updateSecret = vaultOperation(
  'UpdateSecret',
  { method: 'PATCH', path: '/secrets/:name/:version?' },
  { policy: 'set', dataAction: 'secrets/update/action', audit: 'SecretUpdate' },
  async (call, vault) => {
    const name = readName(call.params.name)
    const change = readSecretChange(readBody(await call.readJson()))
    const target = { kind: 'secrets', name, version: call.params.version } as const
    const changed = await updateObject(vault, target, (found) => ({
      ...change,
      details: change.details && { ...found.details, ...change.details },
    }))
    return json(200, toSecretBundle(vault, changed))
  },
)

const deleteSecret = vaultOperation(
  'DeleteSecret',
  { method: 'DELETE', path: '/secrets/:name' },
  { policy: 'delete', dataAction: 'secrets/delete', audit: 'SecretDelete' },
  async ({ params }, vault) => {
    const deleted = await deleteObject(vault, 'secrets', readName(params.name))
    return json(200, {
      ...deletedMembers(vault, 'secrets', deleted),
      ...toSecretBundle(vault, deleted),
    })
  },
)

const getSecrets = vaultOperation(
  'GetSecrets',
  { method: 'GET', path: '/secrets' },
  { policy: 'list', dataAction: 'secrets/readMetadata/action', audit: 'SecretList' },
  (call, vault) =>
    replyPage(call, vault, {
      path: '/secrets',
      load: (after, limit) =>
        listLive(vault.store.db, { ...placeOf(vault, 'secrets', ''), after, limit }),
      markerOf: byName,
      toWire: (secret) => toSecretItem(vault, secret, 'secrets'),
    }),
)

const getSecretVersions = vaultOperation(
  'GetSecretVersions',
  { method: 'GET', path: '/secrets/:name/versions' },
  { policy: 'list', dataAction: 'secrets/readMetadata/action', audit: 'SecretListVersions' },
  async (call, vault) => {
    const object = await readLiveObject(
      vault.store.db,
      placeOf(vault, 'secrets', readName(call.params.name)),
    )
    return replyPage(call, vault, {
      path: `/secrets/${object.display_name}/versions`,
      load: (after, limit) => listVersions(vault.store.db, object.id, Number(after) || 0, limit),
      markerOf: ({ id }) => String(id),
      toWire: (secret) => toSecretItem(vault, secret, 'versions'),
    })
  },
)

const getDeletedSecrets = vaultOperation(
  'GetDeletedSecrets',
  { method: 'GET', path: '/deletedsecrets' },
  { policy: 'list', dataAction: 'secrets/readMetadata/action', audit: 'SecretListDeleted' },
  (call, vault) =>
    replyPage(call, vault, {
      path: '/deletedsecrets',
      load: (after, limit) =>
        listDeleted(
          vault.store.db,
          { ...placeOf(vault, 'secrets', ''), after, limit },
          vault.nowMs,
        ),
      markerOf: byName,
      toWire: (secret) => ({
        ...deletedMembers(vault, 'secrets', secret),
        ...toSecretItem(vault, secret, 'secrets'),
      }),
    }),
)

const getDeletedSecret = vaultOperation(
  'GetDeletedSecret',
  { method: 'GET', path: '/deletedsecrets/:name' },
  { policy: 'get', dataAction: 'secrets/readMetadata/action', audit: 'SecretGetDeleted' },
  async ({ params }, vault) => {
    const deleted = await readDeleted(vault, 'secrets', readName(params.name))
    return json(200, {
      ...deletedMembers(vault, 'secrets', deleted),
      ...toSecretBundle(vault, deleted),
    })
  },
)

const recoverDeletedSecret = vaultOperation(
  'RecoverDeletedSecret',
  { method: 'POST', path: '/deletedsecrets/:name/recover' },
  { policy: 'recover', dataAction: 'secrets/recover/action', audit: 'SecretRecover' },
  async ({ params }, vault) =>
    json(200, toSecretBundle(vault, await recoverObject(vault, 'secrets', readName(params.name)))),
)

const purgeDeletedSecret = vaultOperation(
  'PurgeDeletedSecret',
  { method: 'DELETE', path: '/deletedsecrets/:name' },
  { policy: 'purge', dataAction: 'secrets/purge/action', audit: 'SecretPurge' },
  async ({ params }, vault) => {
    await purgeDeletedObject(vault, 'secrets', readName(params.name))
    return empty(204)
  },
)

const backupSecret = vaultOperation(
  'BackupSecret',
  { method: 'POST', path: '/secrets/:name/backup' },
  { policy: 'backup', dataAction: 'secrets/backup/action', audit: 'SecretBackup' },
  async ({ params }, vault) =>
    json(200, { value: await backUp(vault, 'secrets', readName(params.name)) }),
)

const restoreSecret = vaultOperation(
  'RestoreSecret',
  { method: 'POST', path: '/secrets/restore' },
  { policy: 'restore', dataAction: 'secrets/restore/action', audit: 'SecretRestore' },
  async (call, vault) =>
    json(
      200,
      toSecretBundle(
        vault,
        await restore(vault, 'secrets', await call.readJson(BACKUP_LIMIT_BYTES)),
      ),
    ),
)

/** The twelve operations on secrets (key-vault.md §6.1). */
export const secretOperations = [
  setSecretOperation,
  getSecret,
  updateSecret,
  deleteSecret,
  getSecrets,
  getSecretVersions,
  getDeletedSecrets,
  getDeletedSecret,
  recoverDeletedSecret,
  purgeDeletedSecret,
  backupSecret,
  restoreSecret,
]
