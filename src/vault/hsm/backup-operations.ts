import { Fault } from '../../base/fault.ts'
import {
  findBoolean,
  findString,
  type JsonObject,
  readObject,
  readString,
} from '../../base/json.ts'
import { Sealed } from '../../base/sealed.ts'
import type { Call } from '../../http/call.ts'
import { json, type Reply } from '../../http/reply.ts'
import type { VaultFaultCode } from '../faults.ts'
import { readName } from '../objects/attributes.ts'
import { readBackup, writeBackup } from './backup-content.ts'
import { type BlobPlace, deleteBlob, putBlob, readBlobPlace } from './blob-storage.ts'
import { domainSealerOf } from './domain-of.ts'
import type { JobKind } from './domain-tables.ts'
import type { Job } from './jobs.ts'
import { type HsmCall, hsmOperation } from './operation.ts'
import { restoreAll, restoreOne } from './restore-content.ts'

const FOLDER = /^(?!\.{1,2}(?:\/|$))[\w.-]+(?:\/(?!\.{1,2}(?:\/|$))[\w.-]+)*$/

const backup = hsmOperation(
  'FullBackup',
  { method: 'POST', path: '/backup' },
  { dataAction: 'backup/start/action', audit: 'FullBackup' },
  async (call, hsm) => {
    const place = readPlace(readObject(await call.readJson(), ''))
    await domainSealerOf(hsm.store.db, hsm.vault, hsm.scope)
    const folder = folderOf(hsm)
    const begun = { kind: 'backup', folderUri: `${place.uri}/${folder}` } as const
    const work = () => writeBackup(hsm, place, folder)
    return accepted(call, await hsm.store.jobs.start(hsm.vault.dataId, begun, work))
  },
)

const preBackup = hsmOperation(
  'PreFullBackup',
  { method: 'POST', path: '/prebackup' },
  { dataAction: 'backup/start/action', audit: 'PreFullBackup' },
  async (call, hsm) => {
    const place = readPlace(readObject(await call.readJson(), ''))
    const sealer = await domainSealerOf(hsm.store.db, hsm.vault, hsm.scope)
    const name = `${folderOf(hsm)}/check`
    const begun = { kind: 'backup', folderUri: undefined } as const
    const job = await hsm.store.jobs.start(hsm.vault.dataId, begun, async () => {
      await putBlob(place, name, sealer.seal('check', ''))
      // A token that may not delete is good enough for a backup.
      await deleteBlob(place, name).catch(refusalOnly)
    })
    return accepted(call, job)
  },
)

function refusalOnly(thrown: unknown): void {
  if (!(thrown instanceof Fault)) throw thrown
}

const restore = hsmOperation(
  'FullRestoreOperation',
  { method: 'PUT', path: '/restore' },
  { dataAction: 'restore/start/action', audit: 'FullRestore' },
  (call, hsm) =>
    startRestore(call, hsm, 'folderToRestore', async (place, folder) =>
      restoreAll(hsm, await readBackup(hsm, place, folder)),
    ),
)

const preRestore = hsmOperation(
  'PreFullRestoreOperation',
  { method: 'PUT', path: '/prerestore' },
  { dataAction: 'restore/start/action', audit: 'PreFullRestore' },
  (call, hsm) =>
    startRestore(call, hsm, 'folderToRestore', async (place, folder) => {
      await readBackup(hsm, place, folder)
    }),
)

const restoreKey = hsmOperation(
  'SelectiveKeyRestoreOperation',
  { method: 'PUT', path: '/keys/:name/restore' },
  { dataAction: 'restore/start/action', audit: 'SelectiveKeyRestore' },
  (call, hsm) => {
    const name = readName(call.params.name)
    return startRestore(call, hsm, 'folder', async (place, folder) =>
      restoreOne(hsm, await readBackup(hsm, place, folder), name),
    )
  },
)

async function startRestore(
  call: Call<unknown>,
  hsm: HsmCall,
  folderMember: string,
  work: (place: BlobPlace, folder: string) => Promise<void>,
): Promise<Reply> {
  const body = readObject(await call.readJson(), '')
  const place = readPlace(readObject(body['sasTokenParameters'], 'sasTokenParameters'))
  const folder = readString(body[folderMember], folderMember)
  if (!FOLDER.test(folder)) {
    throw wrong(`${folderMember} must be the name of a folder in the container.`)
  }
  const begun = { kind: 'restore', folderUri: undefined } as const
  const job = await hsm.store.jobs.start(hsm.vault.dataId, begun, () => work(place, folder))
  return accepted(call, job)
}

const backupStatus = statusOperation('FullBackupStatus', 'backup')
const restoreStatus = statusOperation('RestoreStatus', 'restore')

function statusOperation(name: string, kind: JobKind) {
  const needs = { dataAction: `${kind}/status/action`, audit: name }
  const route = { method: 'GET', path: `/${kind}/:job/pending` } as const
  return hsmOperation(name, route, needs, async ({ params }, hsm) => {
    const job = await hsm.store.jobs.read(hsm.vault.dataId, kind, params.job)
    return json(200, toWire(job), job.status === 'InProgress' ? { 'retry-after': '1' } : undefined)
  })
}

/** `{storageResourceUri, token | useManagedIdentity}`. @throws Fault `ParameterWrong` or `NotOffered` */
function readPlace(body: JsonObject): BlobPlace {
  const uri = readString(body['storageResourceUri'], 'storageResourceUri')
  const token = findString(body['token'], 'token')
  if (findBoolean(body['useManagedIdentity'], 'useManagedIdentity') === true) {
    throw new Fault<VaultFaultCode>(
      'NotOffered',
      'A managed HSM of this server has no managed identity that a storage account would know. Give a SAS token.',
    )
  }
  if (token === undefined || token === '') throw wrong('token must be given.')
  return readBlobPlace(uri, new Sealed(token))
}

/** `mhsm-{name}-` and the time in UTC, to the hundredth of a second. */
function folderOf({ vault, nowMs }: HsmCall): string {
  const digits = new Date(nowMs).toISOString().replaceAll(/\D/g, '')
  return `mhsm-${vault.name}-${digits.slice(0, 16)}`
}

function accepted(call: Call<unknown>, job: Job): Reply {
  const version = encodeURIComponent(call.query.get('api-version') ?? '')
  const url = `${call.origin}/${job.kind}/${job.id}/pending?api-version=${version}`
  return json(202, toWire(job), { 'azure-asyncoperation': url, 'retry-after': '1' })
}

/** Times are whole seconds since the epoch. */
function toWire(job: Job): object {
  return {
    status: job.status,
    statusDetails: job.error?.message ?? null,
    error: job.error ?? null,
    jobId: job.id,
    startTime: Math.floor(job.startedAtMs / 1000),
    endTime: job.endedAtMs === undefined ? null : Math.floor(job.endedAtMs / 1000),
    ...(job.kind === 'backup' && { azureStorageBlobContainerUri: job.folderUri ?? null }),
  }
}

function wrong(message: string): Fault<VaultFaultCode> {
  return new Fault('ParameterWrong', message)
}

/** Full backup, full and selective restore, and how they are going (key-vault.md §16). */
export const backupOperations = [
  backup,
  preBackup,
  backupStatus,
  restore,
  preRestore,
  restoreKey,
  restoreStatus,
]
