import { Fault } from '../../base/fault.ts'
import { isObject, readArray, readBoolean, readString } from '../../base/json.ts'
import { json } from '../../http/reply.ts'
import { propertyWrong, type VaultFaultCode } from '../faults.ts'
import { orPropertyWrong, readBody, readName } from '../objects/attributes.ts'
import { change, placeOf } from '../objects/objects.ts'
import { vaultOperation } from '../operation.ts'
import { appendCertificate, placesOf, sealCertificate } from './certificate.ts'
import { beginCertificate, policyForCreate } from './issue.ts'
import { isKeyOf, toIssued } from './issued.ts'
import { readCertificateChange, readPreserveOrder } from './operations.ts'
import { findPendingKey, settleOrder } from './order.ts'
import {
  dropPending,
  type Pending,
  pendingNotFound,
  putPending,
  readPending,
} from './pending-store.ts'
import { unreadable } from './pfx.ts'
import { toCertificateBundle, toOperationBody } from './wire.ts'

const createCertificate = vaultOperation(
  'CreateCertificate',
  { method: 'POST', path: '/certificates/:name/create' },
  { policy: 'create', dataAction: 'certificates/create/action', audit: 'CertificateCreate' },
  async (call, vault) => {
    const displayName = call.params.name
    const name = readName(displayName)
    const body = readBody(await call.readJson())
    const given = isObject(body['policy']) ? body['policy'] : undefined
    const policy = await policyForCreate(vault, name, given)
    const preserveCertOrder = readPreserveOrder(vault, body)
    const asked = { displayName, policy, ...readCertificateChange(body), preserveCertOrder }
    const begun = await beginCertificate(vault, asked)
    const at = `${vault.uri}/certificates/${displayName}/pending`
    return json(202, toOperationBody(vault, begun), {
      location: `${at}?api-version=${vault.apiVersion}&request_id=${begun.state.requestId}`,
      'retry-after': '0',
    })
  },
)

const getOperation = vaultOperation(
  'GetCertificateOperation',
  { method: 'GET', path: '/certificates/:name/pending' },
  { policy: 'get', dataAction: 'certificates/read', audit: 'CertificatePendingGet' },
  async (call, vault) => {
    const place = placeOf(vault, 'certificates', readName(call.params.name))
    await settleOrder(vault, place)
    const found = await readPending(vault.store.db, place, call.query.get('request_id'))
    return json(200, toOperationBody(vault, found))
  },
)

/** The answer still says in progress; the operation is canceled, as nobody else works on it. */
const updateOperation = vaultOperation(
  'UpdateCertificateOperation',
  { method: 'PATCH', path: '/certificates/:name/pending' },
  { policy: 'update', dataAction: 'certificates/update/action', audit: 'CertificatePendingUpdate' },
  async (call, vault) => {
    const place = placeOf(vault, 'certificates', readName(call.params.name))
    const body = readBody(await call.readJson())
    const wanted = orPropertyWrong('cancellation_requested', () =>
      readBoolean(body['cancellation_requested'], 'cancellation_requested'),
    )
    const found = await change(vault, place, async (tx): Promise<Pending> => {
      const before = await readPending(tx, place, call.query.get('request_id'))
      if (!wanted) return before
      if (before.state.status !== 'inProgress') {
        throw new Fault<VaultFaultCode>(
          'PendingOver',
          `The operation is ${before.state.status}; only one in progress can be canceled.`,
        )
      }
      const state = { ...before.state, cancellationRequested: true }
      const canceled = { ...state, status: 'canceled' } as const
      await putPending(tx, place, { ...before, state: canceled, dueAtMs: undefined })
      return { ...before, state }
    })
    return json(200, toOperationBody(vault, found))
  },
)

const deleteOperation = vaultOperation(
  'DeleteCertificateOperation',
  { method: 'DELETE', path: '/certificates/:name/pending' },
  { policy: 'update', dataAction: 'certificates/update/action', audit: 'CertificatePendingDelete' },
  async (call, vault) => {
    const place = placeOf(vault, 'certificates', readName(call.params.name))
    const found = await change(vault, place, async (tx) => {
      const last = await readPending(tx, place, call.query.get('request_id'))
      await dropPending(tx, place)
      return last
    })
    return json(200, toOperationBody(vault, found))
  },
)

const mergeCertificate = vaultOperation(
  'MergeCertificate',
  { method: 'POST', path: '/certificates/:name/pending/merge' },
  { policy: 'create', dataAction: 'certificates/create/action', audit: 'CertificatePendingMerge' },
  async (call, vault) => {
    const name = readName(call.params.name)
    const body = readBody(await call.readJson())
    const chain = orPropertyWrong('x5c', () =>
      readArray(body['x5c'], 'x5c').map((item) => Buffer.from(readString(item, 'x5c'), 'base64')),
    )
    const place = placeOf(vault, 'certificates', name)
    const begun = await readPending(vault.store.db, place, null)
    refuseMerge(begun)
    const key = findPendingKey(vault, name, begun)
    if (!key) throw pendingNotFound()
    const [leaf] = chain
    if (!leaf) throw propertyWrong('x5c')
    if (!isKeyOf(key, leaf)) {
      throw unreadable('The first certificate of x5c does not belong to the pending key.')
    }
    const { policy } = begun.state
    const given = readCertificateChange(body)
    const made = {
      issued: toIssued(chain),
      key,
      policy,
      enabled: given.enabled ?? begun.state.enabled,
      tags: given.tags ?? begun.state.tags,
      preserveCertOrder: begun.state.preserveCertOrder,
    }
    const sealed = sealCertificate(vault, name, made, begun.state.version)
    const stored = await change(vault, placesOf(vault, name), async (tx) => {
      await readPending(tx, place, begun.state.requestId)
      await dropPending(tx, place)
      return appendCertificate(tx, vault, begun.displayName, { sealed, policy })
    })
    const location = `${vault.uri}/certificates/${stored.name}?api-version=${vault.apiVersion}`
    return json(201, await toCertificateBundle(vault, stored), { location })
  },
)

/** While an issuer works on an order, nobody else may answer it (key-vault.md §10.5). */
function refuseMerge({ state, dueAtMs }: Pending): void {
  if (state.status !== 'inProgress' || dueAtMs === undefined) return
  throw new Fault<VaultFaultCode>(
    'MergeForbidden',
    `Merge is forbidden on pending object created with issuer : ${state.policy.issuer.name} while it is in progess.`,
  )
}

/** From a request to a certificate (key-vault.md §10.4, §10.5). */
export const pendingOperations = [
  createCertificate,
  getOperation,
  updateOperation,
  deleteOperation,
  mergeCertificate,
]
