import { createHash, generateKeyPair, randomBytes, X509Certificate } from 'node:crypto'
import { promisify } from 'node:util'
import { Fault } from '../../base/fault.ts'
import { isObject } from '../../base/json.ts'
import { Sealed } from '../../base/sealed.ts'
import type { Call } from '../../http/call.ts'
import { json, type Reply } from '../../http/reply.ts'
import { selfSign } from '../certificates/x509.ts'
import type { VaultFaultCode } from '../faults.ts'
import { DOMAIN_KEY_BYTES } from './domain-sealer.ts'
import {
  atRest,
  findDomain,
  findTransferKey,
  markDownloaded,
  putDomain,
  putTransferKey,
  removeTransferKey,
  type StoredDomain,
  type StoredTransferKey,
} from './domain-store.ts'
import { type HsmCall, hsmOperation } from './operation.ts'
import { unwrapDomain, wrapDomain } from './security-domain.ts'
import { activate } from './state.ts'
import { readWrapping } from './wrapping-certificates.ts'

const DAY_MS = 86_400_000
const UPLOAD_LIMIT_BYTES = 256 * 1024
const makePair = promisify(generateKeyPair)

/** What the clients poll by; they ask at once and then after as many seconds as Retry-After says. */
function accepted(call: Call<unknown>, path: string, body: unknown): Reply {
  const url = `${call.origin}${path}?api-version=${encodeURIComponent(call.query.get('api-version') ?? '')}`
  return json(202, body, { 'azure-asyncoperation': url, 'retry-after': '1' })
}

const download = hsmOperation(
  'HSMSecurityDomain_Download',
  { method: 'POST', path: '/securitydomain/download' },
  {
    dataAction: 'securitydomain/download/action',
    audit: 'SecurityDomainDownload',
    needsActivation: false,
  },
  async (call, hsm) => {
    const wrapping = readWrapping(await call.readJson())
    const domain = await findOrMakeDomain(hsm)
    const value = await wrapDomain(atRest.openDomainKey(hsm.scope, domain), wrapping)
    await hsm.hsm.change(async (tx) => {
      await markDownloaded(tx, hsm.vault.dataId, hsm.nowMs)
      await activate(tx, hsm.vault.dataId, hsm.nowMs)
      await removeTransferKey(tx, hsm.vault.dataId)
    })
    return accepted(call, '/securitydomain/download/pending', { value })
  },
)

/** Two downloads at the same time get one domain. */
function findOrMakeDomain(hsm: HsmCall): Promise<StoredDomain> {
  const { dataId } = hsm.vault
  return hsm.hsm.change(async (tx) => {
    const found = await findDomain(tx, dataId)
    if (found) return found
    const sealed = atRest.sealDomainKey(hsm.scope, new Sealed(randomBytes(DOMAIN_KEY_BYTES)))
    await putDomain(tx, dataId, { sealed, uploadedAtMs: undefined })
    return { sealed, downloadedAtMs: undefined, uploadedAtMs: undefined }
  })
}

const downloadStatus = hsmOperation(
  'HSMSecurityDomain_DownloadPending',
  { method: 'GET', path: '/securitydomain/download/pending' },
  {
    dataAction: 'securitydomain/download/action',
    audit: 'SecurityDomainDownloadStatus',
    needsActivation: false,
  },
  async (_call, hsm) => {
    const domain = await findDomain(hsm.store.db, hsm.vault.dataId)
    if (domain?.downloadedAtMs !== undefined) return done('The security domain was downloaded.')
    throw notBegun('The security domain of this managed HSM was not downloaded.')
  },
)

const transferKey = hsmOperation(
  'HSMSecurityDomain_TransferKey',
  { method: 'GET', path: '/securitydomain/upload' },
  {
    dataAction: 'securitydomain/transferkey/read',
    audit: 'SecurityDomainTransferKeyGet',
    needsActivation: false,
  },
  async (_call, hsm) => {
    refuseActivated(hsm)
    const { certificate } = await findOrMakeTransferKey(hsm)
    return json(200, { key_format: 'jwk', transfer_key: JSON.stringify(toJwk(certificate)) })
  },
)

/** One pair serves all who ask, until a domain was uploaded. */
async function findOrMakeTransferKey(hsm: HsmCall): Promise<StoredTransferKey> {
  const { dataId, name } = hsm.vault
  const found = await findTransferKey(hsm.store.db, dataId)
  if (found) return found
  const { privateKey } = await makePair('rsa', { modulusLength: 3072 })
  const der = new Sealed(privateKey.export({ format: 'der', type: 'pkcs8' }))
  const holder = {
    subject: `CN=${name} security domain exchange key`,
    names: {},
    ekus: [],
    keyUsage: ['keyEncipherment'],
    isAuthority: false,
  }
  const notBeforeMs = Math.floor(hsm.nowMs / 1000) * 1000 - DAY_MS
  const validity = { notBeforeMs, expiresAtMs: notBeforeMs + 366 * DAY_MS }
  const made: StoredTransferKey = {
    sealed: atRest.sealTransferKey(hsm.scope, der),
    certificate: selfSign(holder, privateKey, validity),
  }
  return hsm.hsm.change(async (tx) => {
    const other = await findTransferKey(tx, dataId)
    if (other) return other
    await putTransferKey(tx, dataId, made)
    return made
  })
}

function toJwk(der: Uint8Array): object {
  const certificate = new X509Certificate(der)
  const { kty, n, e } = certificate.publicKey.export({ format: 'jwk' })
  const hash = (name: string) => createHash(name).update(der).digest('base64url')
  return {
    kid: hash('sha256'),
    kty,
    key_ops: ['verify', 'encrypt', 'wrapKey'],
    n,
    e,
    x5c: [Buffer.from(der).toString('base64')],
    x5t: hash('sha1'),
    'x5t#S256': hash('sha256'),
    alg: 'RSA-OAEP-256',
  }
}

const upload = hsmOperation(
  'HSMSecurityDomain_Upload',
  { method: 'POST', path: '/securitydomain/upload' },
  {
    dataAction: 'securitydomain/upload/action',
    audit: 'SecurityDomainUpload',
    needsActivation: false,
  },
  async (call, hsm) => {
    const body = await call.readJson(UPLOAD_LIMIT_BYTES)
    const value = isObject(body) ? body['value'] : undefined
    if (typeof value !== 'string')
      throw new Fault<VaultFaultCode>(
        'ParameterWrong',
        'value must be the security domain as text.',
      )
    refuseActivated(hsm)
    const { dataId } = hsm.vault
    const stored = await findTransferKey(hsm.store.db, dataId)
    if (!stored) throw notBegun('Ask for the exchange key first: no upload was begun here.')
    const key = await unwrapDomain(atRest.openTransferKey(hsm.scope, stored), value)
    const sealed = atRest.sealDomainKey(hsm.scope, key)
    await hsm.hsm.change(async (tx) => {
      if (await findDomain(tx, dataId)) throw alreadyActivated(hsm)
      await putDomain(tx, dataId, { sealed, uploadedAtMs: hsm.nowMs })
      await activate(tx, dataId, hsm.nowMs)
      await removeTransferKey(tx, dataId)
    })
    return accepted(call, '/securitydomain/upload/pending', success(UPLOADED))
  },
)

const UPLOADED = 'The security domain was uploaded; the managed HSM is activated.'

const uploadStatus = hsmOperation(
  'HSMSecurityDomain_UploadPending',
  { method: 'GET', path: '/securitydomain/upload/pending' },
  {
    dataAction: 'securitydomain/upload/read',
    audit: 'SecurityDomainUploadStatus',
    needsActivation: false,
  },
  async (_call, hsm) => {
    const domain = await findDomain(hsm.store.db, hsm.vault.dataId)
    if (domain?.uploadedAtMs !== undefined) return done(UPLOADED)
    throw notBegun('No security domain was uploaded to this managed HSM.')
  },
)

/** Shipped clients take `Success` here where all other operations say `Succeeded`. */
function success(details: string): object {
  return { status: 'Success', status_details: details }
}

function done(details: string): Reply {
  return json(200, success(details))
}

function refuseActivated(hsm: HsmCall): void {
  if (hsm.hsm.state.activation) throw alreadyActivated(hsm)
}

function alreadyActivated({ vault }: HsmCall): Fault<VaultFaultCode> {
  return new Fault(
    'HsmActivated',
    `The managed HSM '${vault.name}' is activated: it has a security domain, and no other can be uploaded.`,
  )
}

function notBegun(message: string): Fault<VaultFaultCode> {
  return new Fault('HsmJobNotFound', message)
}

/** Download and upload of the security domain, in the forms of its client libraries. */
export const domainOperations = [download, downloadStatus, transferKey, upload, uploadStatus]
