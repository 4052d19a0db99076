import { findBoolean, findString, isObject, type JsonObject } from '../../base/json.ts'
import { empty, json } from '../../http/reply.ts'
import { isSince } from '../api-versions.ts'
import type { VaultCall } from '../context.ts'
import { propertyWrong } from '../faults.ts'
import {
  deletedMembers,
  orPropertyWrong,
  readAttributes,
  readBody,
  readName,
  readTags,
} from '../objects/attributes.ts'
import { BACKUP_LIMIT_BYTES, backUp, restore } from '../objects/backup.ts'
import {
  change,
  placeOf,
  readDeleted,
  readLiveObject,
  readObjectVersion,
} from '../objects/objects.ts'
import { byName, replyPage } from '../objects/paging.ts'
import {
  findLatest,
  findObject,
  listDeleted,
  listLive,
  listVersions,
  type Place,
} from '../objects/store.ts'
import { vaultOperation } from '../operation.ts'
import {
  appendCertificate,
  BACKING,
  deleteCertificate,
  findStoredPolicy,
  keepPolicy,
  placesOf,
  purgeCertificate,
  recoverCertificate,
  sealCertificate,
  updateCertificate,
} from './certificate.ts'
import { derivePolicy, readImported } from './issued.ts'
import { settleOrder } from './order.ts'
import { findPending, listPendingAlone, refuseSecond } from './pending-store.ts'
import { readPolicy, UNKNOWN } from './policy.ts'
import {
  toCertificateBundle,
  toCertificateItem,
  toPendingBundle,
  toPendingItem,
  toPolicyBody,
} from './wire.ts'

const TAG_LIMIT_CHARACTERS = 256

/** `enabled` and `tags` of a body; a certificate's times are its own. @throws Fault `PropertyWrong` */
export function readCertificateChange(body: JsonObject) {
  return { enabled: readAttributes(body).enabled, tags: readTags(body, TAG_LIMIT_CHARACTERS) }
}

/**
 * Whether the chain keeps the order in which it came; undefined when the body does not say. Known from
 * 7.6 (key-vault.md §2.5).
 *
 * @throws Fault `PropertyWrong`
 */
export function readPreserveOrder(vault: VaultCall, body: JsonObject): boolean | undefined {
  if (!isSince(vault.apiVersion, '7.6-preview.1')) return undefined
  const name = 'preserveCertOrder'
  return orPropertyWrong(name, () => findBoolean(body[name], name))
}

const importCertificate = vaultOperation(
  'ImportCertificate',
  { method: 'POST', path: '/certificates/:name/import' },
  { policy: 'import', dataAction: 'certificates/import/action', audit: 'CertificateImport' },
  async (call, vault) => {
    const displayName = call.params.name
    const name = readName(displayName)
    const body = readBody(await call.readJson())
    const value = body['value']
    if (typeof value !== 'string') throw propertyWrong('value')
    const password = orPropertyWrong('pwd', () => findString(body['pwd'], 'pwd')) ?? ''
    const preserveCertOrder = readPreserveOrder(vault, body)
    const imported = readImported(value, password, preserveCertOrder)
    const nowS = Math.floor(vault.nowMs / 1000)
    const derived = readPolicy(derivePolicy(imported), undefined, nowS)
    const given = isObject(body['policy']) ? body['policy'] : {}
    const asked = readPolicy(given, derived, nowS)
    // The key and the names are the certificate's own, and nobody here can renew it.
    const policy = {
      ...asked,
      key_props: { ...derived.key_props, exportable: asked.key_props.exportable },
      x509_props: derived.x509_props,
      issuer: { name: UNKNOWN },
    }
    const made = { ...imported, ...readCertificateChange(body), policy, preserveCertOrder }
    const sealed = sealCertificate(vault, name, made)
    const stored = await change(vault, placesOf(vault, name), async (tx) => {
      await refuseSecond(tx, placeOf(vault, 'certificates', name))
      return appendCertificate(tx, vault, displayName, { sealed, policy })
    })
    return json(200, await toCertificateBundle(vault, stored))
  },
)

const getCertificate = vaultOperation(
  'GetCertificate',
  { method: 'GET', path: '/certificates/:name/:version?' },
  { policy: 'get', dataAction: 'certificates/read', audit: 'CertificateGet' },
  async ({ params }, vault) => {
    const name = readName(params.name)
    const place = placeOf(vault, 'certificates', name)
    if (params.version === undefined && !(await findObject(vault.store.db, place))) {
      await settleOrder(vault, place)
      const begun = await findPending(vault.store.db, place)
      const isAlone = begun && begun.state.status !== 'completed'
      if (isAlone) return json(200, toPendingBundle(vault, begun))
    }
    const found = await readObjectVersion(vault, 'certificates', name, params.version)
    return json(200, await toCertificateBundle(vault, found))
  },
)

const updateCertificateOperation = vaultOperation(
  'UpdateCertificate',
  { method: 'PATCH', path: '/certificates/:name/:version?' },
  { policy: 'update', dataAction: 'certificates/update/action', audit: 'CertificateUpdate' },
  async (call, vault) => {
    const target = { name: readName(call.params.name), version: call.params.version }
    const body = readBody(await call.readJson())
    const given = isObject(body['policy']) ? body['policy'] : undefined
    const nowS = Math.floor(vault.nowMs / 1000)
    const changed = await updateCertificate(
      vault,
      target,
      readCertificateChange(body),
      given && ((before) => readPolicy(given, before, nowS)),
    )
    return json(200, await toCertificateBundle(vault, changed))
  },
)

const deleteCertificateOperation = vaultOperation(
  'DeleteCertificate',
  { method: 'DELETE', path: '/certificates/:name' },
  { policy: 'delete', dataAction: 'certificates/delete', audit: 'CertificateDelete' },
  async ({ params }, vault) => {
    const deleted = await deleteCertificate(vault, readName(params.name))
    return json(200, {
      ...deletedMembers(vault, 'certificates', deleted),
      ...(await toCertificateBundle(vault, deleted)),
    })
  },
)

interface Listed {
  readonly name: string
  readonly wire: object
}

/** Certificates, and if asked for the names that have only a begun operation, in one order. */
async function listNames(
  vault: VaultCall,
  withPending: boolean,
  after: string,
  limit: number,
): Promise<Listed[]> {
  const { db } = vault.store
  const bounds = { ...placeOf(vault, 'certificates', ''), after, limit }
  const found: Listed[] = (await listLive(db, bounds)).map((one) => ({
    name: one.name.toLowerCase(),
    wire: toCertificateItem(vault, one, 'certificates'),
  }))
  if (withPending) {
    for (const one of await listPendingAlone(db, { vault: bounds.vault, after, limit })) {
      found.push({ name: one.displayName.toLowerCase(), wire: toPendingItem(vault, one) })
    }
  }
  return found.sort((a, b) => (a.name < b.name ? -1 : 1)).slice(0, limit)
}

const getCertificates = vaultOperation(
  'GetCertificates',
  { method: 'GET', path: '/certificates' },
  { policy: 'list', dataAction: 'certificates/read', audit: 'CertificateList' },
  (call, vault) => {
    const withPending = call.query.get('includePending')?.toLowerCase() === 'true'
    return replyPage(call, vault, {
      path: '/certificates',
      load: (after, limit) => listNames(vault, withPending, after, limit),
      markerOf: ({ name }) => name,
      toWire: ({ wire }) => wire,
      ...(withPending && { more: '&includePending=true' }),
    })
  },
)

const getCertificateVersions = vaultOperation(
  'GetCertificateVersions',
  { method: 'GET', path: '/certificates/:name/versions' },
  { policy: 'list', dataAction: 'certificates/read', audit: 'CertificateListVersions' },
  async (call, vault) => {
    const place = placeOf(vault, 'certificates', readName(call.params.name))
    const object = await readLiveObject(vault.store.db, place)
    return replyPage(call, vault, {
      path: `/certificates/${object.display_name}/versions`,
      load: (after, limit) => listVersions(vault.store.db, object.id, Number(after) || 0, limit),
      markerOf: ({ id }) => String(id),
      toWire: (one) => toCertificateItem(vault, one, 'versions'),
    })
  },
)

const getDeletedCertificates = vaultOperation(
  'GetDeletedCertificates',
  { method: 'GET', path: '/deletedcertificates' },
  { policy: 'list', dataAction: 'certificates/read', audit: 'CertificateListDeleted' },
  (call, vault) =>
    replyPage(call, vault, {
      path: '/deletedcertificates',
      load: (after, limit) => {
        const bounds = { ...placeOf(vault, 'certificates', ''), after, limit }
        return listDeleted(vault.store.db, bounds, vault.nowMs)
      },
      markerOf: byName,
      toWire: (one) => ({
        ...deletedMembers(vault, 'certificates', one),
        ...toCertificateItem(vault, one, 'certificates'),
      }),
    }),
)

const getDeletedCertificate = vaultOperation(
  'GetDeletedCertificate',
  { method: 'GET', path: '/deletedcertificates/:name' },
  { policy: 'get', dataAction: 'certificates/read', audit: 'CertificateGetDeleted' },
  async ({ params }, vault) => {
    const name = readName(params.name)
    const facts = await readDeleted(vault, 'certificates', name)
    const deleted = await findLatest(vault.store.db, placeOf(vault, 'certificates', name))
    if (!deleted) throw new Error('A deleted certificate has no version.')
    return json(200, {
      ...deletedMembers(vault, 'certificates', facts),
      ...(await toCertificateBundle(vault, deleted)),
    })
  },
)

const recoverDeletedCertificate = vaultOperation(
  'RecoverDeletedCertificate',
  { method: 'POST', path: '/deletedcertificates/:name/recover' },
  { policy: 'recover', dataAction: 'certificates/recover/action', audit: 'CertificateRecover' },
  async ({ params }, vault) =>
    json(
      200,
      await toCertificateBundle(vault, await recoverCertificate(vault, readName(params.name))),
    ),
)

const purgeDeletedCertificate = vaultOperation(
  'PurgeDeletedCertificate',
  { method: 'DELETE', path: '/deletedcertificates/:name' },
  { policy: 'purge', dataAction: 'certificates/purge/action', audit: 'CertificatePurge' },
  async ({ params }, vault) => {
    await purgeCertificate(vault, readName(params.name))
    return empty(204)
  },
)

const getPolicy = vaultOperation(
  'GetCertificatePolicy',
  { method: 'GET', path: '/certificates/:name/policy' },
  { policy: 'get', dataAction: 'certificates/read', audit: 'CertificatePolicyGet' },
  async ({ params }, vault) => {
    const { db } = vault.store
    const place = placeOf(vault, 'certificates', readName(params.name))
    const begun = (await findStoredPolicy(db, place)) ? undefined : await findPending(db, place)
    if (begun) return json(200, toPolicyBody(vault, begun.displayName, begun.state.policy))
    const object = await readLiveObject(db, place)
    const stored = await findStoredPolicy(db, place)
    if (!stored) throw new Error('A certificate has no policy.')
    return json(200, toPolicyBody(vault, object.display_name, stored.policy))
  },
)

const updatePolicy = vaultOperation(
  'UpdateCertificatePolicy',
  { method: 'PATCH', path: '/certificates/:name/policy' },
  {
    policy: 'update',
    dataAction: 'certificates/update/action',
    audit: 'CertificatePolicyUpdate',
  },
  async (call, vault) => {
    const place = placeOf(vault, 'certificates', readName(call.params.name))
    const body = readBody(await call.readJson())
    const kept = await change(vault, place, async (tx) => {
      const object = await readLiveObject(tx, place)
      const before = (await findStoredPolicy(tx, place))?.policy
      const policy = readPolicy(body, before, Math.floor(vault.nowMs / 1000))
      await keepPolicy(tx, vault, place, policy)
      return { policy, name: object.display_name }
    })
    return json(200, toPolicyBody(vault, kept.name, kept.policy))
  },
)

const backupCertificate = vaultOperation(
  'BackupCertificate',
  { method: 'POST', path: '/certificates/:name/backup' },
  { policy: 'backup', dataAction: 'certificates/backup/action', audit: 'CertificateBackup' },
  async ({ params }, vault) =>
    json(200, { value: await backUp(vault, 'certificates', readName(params.name), BACKING) }),
)

const restoreCertificate = vaultOperation(
  'RestoreCertificate',
  { method: 'POST', path: '/certificates/restore' },
  { policy: 'restore', dataAction: 'certificates/restore/action', audit: 'CertificateRestore' },
  async (call, vault) => {
    const body = await call.readJson(BACKUP_LIMIT_BYTES)
    const facts = await restore(vault, 'certificates', body, async (tx, place) => {
      const stored = await findStoredPolicy(tx, place)
      if (stored) await keepPolicy(tx, vault, place, stored.policy)
    })
    const place: Place = placeOf(vault, 'certificates', facts.name.toLowerCase())
    const restored = await findLatest(vault.store.db, place)
    if (!restored) throw new Error('A restored certificate is not there.')
    return json(200, await toCertificateBundle(vault, restored))
  },
)

/** Certificates as stored objects (key-vault.md §10.1). */
export const certificateOperations = [
  importCertificate,
  getCertificate,
  updateCertificateOperation,
  deleteCertificateOperation,
  getCertificates,
  getCertificateVersions,
  getDeletedCertificates,
  getDeletedCertificate,
  recoverDeletedCertificate,
  purgeDeletedCertificate,
  getPolicy,
  updatePolicy,
  backupCertificate,
  restoreCertificate,
]
