import { isObject } from '../../base/json.ts'
import { whenThere } from '../../base/when-there.ts'
import { empty, json } from '../../http/reply.ts'
import { propertyWrong } from '../faults.ts'
import { deletedMembers, readBody, readName } from '../objects/attributes.ts'
import { BACKUP_LIMIT_BYTES, backUp, restore } from '../objects/backup.ts'
import {
  deleteObject,
  placeOf,
  purgeDeletedObject,
  readDeleted,
  readLiveObject,
  readObjectVersion,
  recoverObject,
  updateObject,
} from '../objects/objects.ts'
import { byName, replyPage } from '../objects/paging.ts'
import { listDeleted, listLive, listVersions } from '../objects/store.ts'
import { vaultOperation } from '../operation.ts'
import { adoptMaterial, makeMaterial, sweepToken } from './custody.ts'
import { findBefore, readExportability, readPolicyChange, spreadPolicy } from './exportable.ts'
import { checkTier, readKeyChange, readKeyOps, storeKey, toHeldType } from './key.ts'
import { importMaterial, readKeySpec } from './material.ts'
import type { ReleasePolicy } from './release-policy.ts'
import { adoptPolicy, planRotation } from './rotation-store.ts'
import { openTransferBlob } from './transfer-blob.ts'
import { toKeyBundle, toKeyItem } from './wire.ts'

const createKey = vaultOperation(
  'CreateKey',
  { method: 'POST', path: '/keys/:name/create' },
  { policy: 'create', dataAction: 'keys/create/action', audit: 'KeyCreate', budget: 'keys' },
  async (call, vault) => {
    const name = readName(call.params.name)
    const body = toHeldType(vault, readBody(await call.readJson()))
    const spec = readKeySpec(body)
    checkTier(vault, spec.kty)
    vault.store.throttle?.takeKey(vault.vault, spec, 'create', vault.nowMs)
    const before = await findBefore(vault, name)
    const exportability = readExportability(vault, body, spec.kty, before)
    const asked = { ...readKeyChange(body), keyOps: readKeyOps(body['key_ops']), exportability }
    const { exportable } = exportability
    const material = await makeMaterial(vault, spec, { name, keyOps: asked.keyOps, exportable })
    return json(200, toKeyBundle(vault, await storeKey(vault, call.params.name, material, asked)))
  },
)

const importKey = vaultOperation(
  'ImportKey',
  { method: 'PUT', path: '/keys/:name' },
  { policy: 'import', dataAction: 'keys/import/action', audit: 'KeyImport', budget: 'keys' },
  async (call, vault) => {
    const name = readName(call.params.name)
    const body = toHeldType(vault, readBody(await call.readJson()))
    const jwk = body['key']
    if (!isObject(jwk)) throw propertyWrong('key')
    const isWrapped = (jwk['key_hsm'] ?? null) !== null
    const brought = isWrapped
      ? await openTransferBlob(vault, jwk)
      : importMaterial(jwk, (body['Hsm'] ?? body['hsm']) === true)
    checkTier(vault, brought.shown.kty)
    vault.store.throttle?.takeKey(vault.vault, brought.shown, 'use', vault.nowMs)
    const before = await findBefore(vault, name)
    const exportability = readExportability(vault, body, brought.shown.kty, before)
    const asked = { ...readKeyChange(body), keyOps: readKeyOps(jwk['key_ops']), exportability }
    const { exportable } = exportability
    const material = await adoptMaterial(vault, brought, { name, keyOps: asked.keyOps, exportable })
    return json(200, toKeyBundle(vault, await storeKey(vault, call.params.name, material, asked)))
  },
)

const getKey = vaultOperation(
  'GetKey',
  { method: 'GET', path: '/keys/:name/:version?' },
  { policy: 'get', dataAction: 'keys/read', audit: 'KeyGet' },
  ({ params }, vault) =>
    whenThere(readObjectVersion(vault, 'keys', readName(params.name), params.version), (key) =>
      json(200, toKeyBundle(vault, key)),
    ),
)

const updateKey = vaultOperation(
  'UpdateKey',
  { method: 'PATCH', path: '/keys/:name/:version?' },
  { policy: 'update', dataAction: 'keys/update/action', audit: 'KeyUpdate' },
  async (call, vault) => {
    const name = readName(call.params.name)
    const body = readBody(await call.readJson())
    const change = readKeyChange(body)
    const keyOps = readKeyOps(body['key_ops'])
    const target = { kind: 'keys', name, version: call.params.version } as const
    let policy: ReleasePolicy | undefined
    const changed = await updateObject(
      vault,
      target,
      (found) => {
        policy = readPolicyChange(body, found, target.version)
        const more = {
          ...(keyOps && { key_ops: keyOps }),
          ...(policy && { release_policy: policy }),
        }
        return { ...change, details: { ...found.details, ...more } }
      },
      async (tx, at) => {
        if (policy) await spreadPolicy(tx, at, policy)
        await planRotation(tx, at)
      },
    )
    return json(200, toKeyBundle(vault, changed))
  },
)

const deleteKey = vaultOperation(
  'DeleteKey',
  { method: 'DELETE', path: '/keys/:name' },
  { policy: 'delete', dataAction: 'keys/delete', audit: 'KeyDelete' },
  async ({ params }, vault) => {
    const deleted = await deleteObject(vault, 'keys', readName(params.name))
    return json(200, { ...deletedMembers(vault, 'keys', deleted), ...toKeyBundle(vault, deleted) })
  },
)

const getKeys = vaultOperation(
  'GetKeys',
  { method: 'GET', path: '/keys' },
  { policy: 'list', dataAction: 'keys/read', audit: 'KeyList' },
  (call, vault) =>
    replyPage(call, vault, {
      path: '/keys',
      load: (after, limit) =>
        listLive(vault.store.db, { ...placeOf(vault, 'keys', ''), after, limit }),
      markerOf: byName,
      toWire: (key) => toKeyItem(vault, key, 'keys'),
    }),
)

const getKeyVersions = vaultOperation(
  'GetKeyVersions',
  { method: 'GET', path: '/keys/:name/versions' },
  { policy: 'list', dataAction: 'keys/read', audit: 'KeyListVersions' },
  async (call, vault) => {
    const place = placeOf(vault, 'keys', readName(call.params.name))
    const object = await readLiveObject(vault.store.db, place)
    return replyPage(call, vault, {
      path: `/keys/${object.display_name}/versions`,
      load: (after, limit) => listVersions(vault.store.db, object.id, Number(after) || 0, limit),
      markerOf: ({ id }) => String(id),
      toWire: (key) => toKeyItem(vault, key, 'versions'),
    })
  },
)

const getDeletedKeys = vaultOperation(
  'GetDeletedKeys',
  { method: 'GET', path: '/deletedkeys' },
  { policy: 'list', dataAction: 'keys/read', audit: 'KeyListDeleted' },
  (call, vault) =>
    replyPage(call, vault, {
      path: '/deletedkeys',
      load: (after, limit) => {
        const bounds = { ...placeOf(vault, 'keys', ''), after, limit }
        return listDeleted(vault.store.db, bounds, vault.nowMs)
      },
      markerOf: byName,
      toWire: (key) => ({
        ...deletedMembers(vault, 'keys', key),
        ...toKeyItem(vault, key, 'keys'),
      }),
    }),
)

const getDeletedKey = vaultOperation(
  'GetDeletedKey',
  { method: 'GET', path: '/deletedkeys/:name' },
  { policy: 'get', dataAction: 'keys/read', audit: 'KeyGetDeleted' },
  async ({ params }, vault) => {
    const deleted = await readDeleted(vault, 'keys', readName(params.name))
    return json(200, { ...deletedMembers(vault, 'keys', deleted), ...toKeyBundle(vault, deleted) })
  },
)

const recoverDeletedKey = vaultOperation(
  'RecoverDeletedKey',
  { method: 'POST', path: '/deletedkeys/:name/recover' },
  { policy: 'recover', dataAction: 'keys/recover/action', audit: 'KeyRecover' },
  async ({ params }, vault) =>
    json(200, toKeyBundle(vault, await recoverObject(vault, 'keys', readName(params.name)))),
)

const purgeDeletedKey = vaultOperation(
  'PurgeDeletedKey',
  { method: 'DELETE', path: '/deletedkeys/:name' },
  { policy: 'purge', dataAction: 'keys/purge/action', audit: 'KeyPurge' },
  async ({ params }, vault) => {
    await purgeDeletedObject(vault, 'keys', readName(params.name))
    await sweepToken(vault.store, vault.nowMs)
    return empty(204)
  },
)

const backupKey = vaultOperation(
  'BackupKey',
  { method: 'POST', path: '/keys/:name/backup' },
  { policy: 'backup', dataAction: 'keys/backup/action', audit: 'KeyBackup' },
  async ({ params }, vault) =>
    json(200, { value: await backUp(vault, 'keys', readName(params.name)) }),
)

const restoreKey = vaultOperation(
  'RestoreKey',
  { method: 'POST', path: '/keys/restore' },
  { policy: 'restore', dataAction: 'keys/restore/action', audit: 'KeyRestore' },
  async (call, vault) => {
    const body = await call.readJson(BACKUP_LIMIT_BYTES)
    const restored = await restore(vault, 'keys', body, (tx, place) =>
      adoptPolicy(tx, place, vault.vault.name),
    )
    return json(200, toKeyBundle(vault, restored))
  },
)

/** Keys as stored objects (key-vault.md §7.1); their use is in crypto-operations.ts. */
export const keyOperations = [
  createKey,
  importKey,
  getKey,
  updateKey,
  deleteKey,
  getKeys,
  getKeyVersions,
  getDeletedKeys,
  getDeletedKey,
  recoverDeletedKey,
  purgeDeletedKey,
  backupKey,
  restoreKey,
]
